/** Whose request it is, and whether that device may have a certificate now. */
import type { Unix } from "../../base/machine.ts";
import type { VerifiedPeer } from "../../proto/x509/path.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import type { RevocationReason } from "../registry/change.ts";
import { hasCertificate } from "../registry/record.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { deviceByKey, deviceBySerial } from "../registry/registry.ts";
import type { Registry } from "../registry/registry.ts";
import type { EstReason } from "./outcome.ts";

/** Certificates of one device that have not ended. A record remembers eight keys, and the first must stay among them. */
export const MAX_LIVE_CERTIFICATES = 6;

/** Who asks, as the handshake proved it. */
export type Asker =
  | { readonly kind: "nobody" }
  /** The key of first contact. */
  | { readonly kind: "own-key"; readonly peer: SelfSignedPeer }
  /** A certificate of ours; `lapsed` where nothing is wrong with it but its end. */
  | { readonly kind: "certificate"; readonly peer: VerifiedPeer; readonly lapsed: boolean };

export type Authenticated = Exclude<Asker, { readonly kind: "nobody" }>;

/** What the home knows of the credential, asked anew for each request: a connection may outlive the owner's yes. */
export interface Standing {
  readonly record: DeviceRecord | null;
  /** What our own list says of the certificate's serial number. */
  readonly revoked: RevocationReason | null;
}

export type Leave =
  | { readonly kind: "granted"; readonly record: DeviceRecord }
  /** The owner has not decided. */
  | { readonly kind: "pending" }
  | { readonly kind: "refused"; readonly reason: EstReason };

/** What a registry says of a credential. */
export function standingIn(registry: Registry, asker: Authenticated): Standing {
  if (asker.kind === "own-key") {
    return { record: deviceByKey(registry, asker.peer.spkiHash), revoked: null };
  }
  const { serial } = asker.peer;
  const revoked = registry.revoked.get(serial)?.reason ?? null;
  return { record: deviceBySerial(registry, serial), revoked };
}

/**
 * Whether the device may have a certificate signed. The words of admission
 * hold: what would be refused the network is refused a certificate, and what
 * waits for the owner there waits here. A dormant device that renews proves by
 * it that it lives.
 *
 * @param now - Null while the time is not known.
 * @param renews - whether it asks for the certificate after the one it shows
 */
export function leaveOf(
  asker: Authenticated,
  standing: Standing,
  now: Unix | null,
  renews: boolean,
): Leave {
  const { record } = standing;
  switch (record?.state) {
    case "denied":
    case "revoked":
    case "released":
      return refused("not-allowed");
    case undefined:
    case "expected":
    case "pending":
    case "approved":
    case "active":
    case "dormant":
      break;
  }
  const leave =
    asker.kind === "own-key" ? byOwnKey(record) : byCertificate(asker.peer, standing, renews);
  if (leave.kind !== "granted" || now === null) return leave;
  return liveCertificates(leave.record, now) >= MAX_LIVE_CERTIFICATES
    ? refused("too-many-certificates")
    : leave;
}

function byOwnKey(record: DeviceRecord | null): Leave {
  if (record === null) return refused("unknown-device");
  if (record.alarm !== null) return { kind: "pending" };
  switch (record.state) {
    case "expected":
    case "pending":
      return { kind: "pending" };
    case "approved":
      return { kind: "granted", record };
    case "active":
    case "dormant":
      return refused("first-key-retired");
    case "denied":
    case "revoked":
    case "released":
      return refused("not-allowed");
  }
}

function byCertificate(peer: VerifiedPeer, { record, revoked }: Standing, renews: boolean): Leave {
  // Withdrawn for silence alone, it may be renewed once the device has proved that it lives.
  if (revoked !== null && revoked !== "cessationOfOperation") return refused("certificate-revoked");
  if (record === null || !hasCertificate(record, peer.serial, peer.spkiHash)) {
    return refused("certificate-not-on-record");
  }
  if (record.alarm !== null) return { kind: "pending" };
  switch (record.state) {
    case "expected":
    case "pending":
      return { kind: "pending" };
    case "approved":
    case "active":
      return { kind: "granted", record };
    case "dormant":
      return renews ? { kind: "granted", record } : refused("dormant");
    case "denied":
    case "revoked":
    case "released":
      return refused("not-allowed");
  }
}

function liveCertificates({ keys }: DeviceRecord, now: Unix): number {
  return keys.filter((key) => key.role === "certificate" && key.notAfter >= now).length;
}

function refused(reason: EstReason): Leave & { readonly kind: "refused" } {
  return { kind: "refused", reason };
}
