/** Enrolment as the daemon does it: who asks, how they stand, and certificates that are on record before anyone sees them. */
import type { PublicKey } from "../base/crypto/crypto.ts";
import type { Unix } from "../base/machine.ts";
import type { EstHome } from "../policy/est/enrolment.ts";
import { standingIn } from "../policy/est/standing.ts";
import type { Authenticated, Standing } from "../policy/est/standing.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import { Credentials } from "./credentials.ts";
import type { House } from "./house.ts";
import type { Peer } from "./peer.ts";

/** A peer that was believed, in the words of enrolment. */
export function askerOf(peer: Peer): Authenticated {
  return peer.kind === "self-signed"
    ? { kind: "own-key", peer: peer.peer }
    : { kind: "certificate", peer: peer.peer, lapsed: peer.kind === "lapsed" };
}

export class Enrolment implements EstHome {
  readonly #house: House;
  readonly #credentials: Credentials;

  constructor(house: House) {
    this.#house = house;
    this.#credentials = new Credentials(house);
  }

  get crypto(): House["host"]["crypto"] {
    return this.#house.host.crypto;
  }

  get now(): Unix | null {
    return this.#house.clock.now();
  }

  authorities(): readonly Uint8Array[] {
    const { root, issuing } = this.#house.keys;
    return [issuing.certificate.der, root.der];
  }

  standing(asker: Authenticated): Standing {
    return standingIn(this.#house.registry, asker);
  }

  holders(spkiHash: string): readonly string[] {
    return this.#house.registry.holders.get(spkiHash) ?? [];
  }

  agreedKey(record: DeviceRecord): Uint8Array | null {
    const { keyUpdates, host } = this.#house;
    return keyUpdates.agreed(record.id, host.mono())?.publicKey ?? null;
  }

  issue(record: DeviceRecord, publicKey: PublicKey): Uint8Array {
    return this.#credentials.certify(record, publicKey).der;
  }

  renew(record: DeviceRecord, current: Certificate, publicKey: PublicKey): Uint8Array {
    return this.#credentials.renew(record, current, publicKey).der;
  }
}
