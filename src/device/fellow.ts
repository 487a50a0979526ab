/**
 * Other devices of the same home: what is believed of one that asks, and of one
 * that is asked. Their certificates have to come from this device's own home,
 * and not to be on its list.
 */
import type { Crypto } from "../base/crypto/crypto.ts";
import { unix } from "../base/machine.ts";
import type { Unix } from "../base/machine.ts";
import type { Method } from "../policy/rights/aif.ts";
import { deviceIdOf } from "../proto/x509/device-id.ts";
import { OID } from "../proto/x509/oids.ts";
import { parsePeerCertificate, PathFailure } from "../proto/x509/path-failure.ts";
import { validatePath } from "../proto/x509/path.ts";
import type { Purpose, VerifiedPeer } from "../proto/x509/path.ts";
import type { Host } from "../host/host.ts";
import type { Ownership } from "./state.ts";

/** What this home's list leaves others, and how new the list is; see `revocations.ts`. */
export interface Listed {
  /** Whether the holder of this certificate may use a method, its rights aside. */
  serves(serial: string, method: Method, now: Unix | "unknown"): boolean;
}

/** The later of the device's clock and the newest time its home has told. */
export function presentTime(
  host: Pick<Host, "wall">,
  { timeFloor }: Pick<Ownership, "timeFloor">,
): Unix | "unknown" {
  return timeFloor === 0 ? "unknown" : unix(Math.max(host.wall(), timeFloor));
}

/**
 * The device that shows this chain. Null for anyone but a device of this home:
 * the home's own server has no device's name, and a first key has no chain.
 *
 * @param owner - whose home, and by which certificates above the device's own
 * @param purpose - `clientAuth` for one that asks, `serverAuth` for one that is asked
 */
export function fellowOf(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  owner: Pick<Ownership, "root" | "chain">,
  purpose: Purpose,
  now: Unix | "unknown",
): VerifiedPeer | null {
  try {
    const peer = validatePath(chain, {
      crypto,
      anchors: [parsePeerCertificate(owner.root)],
      // A fellow may send its own certificate alone: those above it are ours too.
      intermediates: owner.chain.slice(1).map(parsePeerCertificate),
      at: now,
      allowUnknownTime: now === "unknown",
      purpose,
      // Asked at each request, with the method: a list that is new may come meanwhile.
      isRevoked: () => null,
    });
    return peer.deviceId === null ? null : peer;
  } catch (failure) {
    if (failure instanceof PathFailure) return null;
    throw failure;
  }
}

/** The id that this home knows the device by; null for a certificate that names none. */
export function ownId({ chain }: Pick<Ownership, "chain">): string | null {
  return deviceIdOf(parsePeerCertificate(chain[0]!));
}

/** Whether others may reach the device by its certificate. */
export function mayServe({ chain }: Pick<Ownership, "chain">): boolean {
  const { extendedKeyUsage } = parsePeerCertificate(chain[0]!).extensions;
  return extendedKeyUsage?.includes(OID.serverAuth) ?? false;
}
