/** What a server holds for each DTLS association whose handshake is over. Runs on both engines. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { LINGER_MS } from "../../src/proto/tls/datagram/association.ts";
import { House } from "./handshakes.ts";
import type { Protocol } from "./handshakes.ts";

/** Bytes of one association, with the session its user keeps, and the client's certificate in it. */
export interface AssociationRow {
  readonly provider: string;
  readonly protocol: Protocol;
  /** While the client may still ask for the end of the handshake again. */
  readonly freshBytes: number;
  /** Once it no longer may. */
  readonly settledBytes: number;
}

/**
 * @param live - What lives, garbage collected, in bytes.
 * @param crypto - Of both sides; the clients are dropped.
 */
export function measureAssociations(
  protocol: Protocol,
  crypto: Crypto,
  count: number,
  live: () => number,
): AssociationRow {
  const house = crowd(protocol, crypto);
  // What the engine makes of the code itself is there before.
  house.stays = false;
  for (let one = 0; one < count; one++) house.greet(null);
  house.stays = true;
  const before = live();
  for (let one = 0; one < count; one++) house.greet(null);
  const fresh = live();
  house.endpoint.handle({ kind: "timeout" }, mono(LINGER_MS + 1));
  const settled = live();
  if (house.held.length !== count || house.endpoint.associations !== count) {
    throw new Error("an association is gone");
  }
  const each = (bytes: number): number => (bytes - before) / count;
  return {
    ...{ provider: crypto.name, protocol },
    ...{ freshBytes: each(fresh), settledBytes: each(settled) },
  };
}

/** A server whose clients stay. It keeps no sessions: those are bounded by their store. */
export function crowd(protocol: Protocol, crypto: Crypto): House {
  const house = new House(protocol, "required", crypto, crypto, () => 0, false);
  house.stays = true;
  return house;
}
