/** Who counts as a member of this home, asked anew at each request: an association may outlive the owner's yes. */
import { hasCertificate, isOwedRelease } from "../registry/record.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { ApiFailure } from "./failure.ts";
import type { Call } from "./resource.ts";

/**
 * The record of a caller whose certificate is on it and was not withdrawn. One
 * withdrawn for silence alone still serves to prove that the device lives.
 * @throws {@link ApiFailure} `not-authorized`, `not-allowed`
 */
export function requireMember({ caller, record, revoked }: Call): DeviceRecord {
  if (caller.asker.kind !== "certificate") throw new ApiFailure("not-authorized");
  const { serial, spkiHash } = caller.asker.peer;
  if (record === null || record.alarm !== null || !hasCertificate(record, serial, spkiHash)) {
    throw new ApiFailure("not-allowed");
  }
  if (revoked !== null && revoked !== "cessationOfOperation") throw new ApiFailure("not-allowed");
  switch (record.state) {
    case "approved":
    case "active":
    case "dormant":
      return record;
    case "expected":
    case "pending":
    case "denied":
    case "revoked":
    case "released":
      throw new ApiFailure("not-allowed");
  }
}

/**
 * Whether the caller is a device that is owed its release, with the certificate
 * that the release withdrew; or brings the receipt, with the key that signed it.
 */
export function mayLeave({ caller, record, revoked }: Call): boolean {
  if (record?.state !== "released") return false;
  const { asker, spkiHash } = caller;
  if (asker.kind === "own-key") return record.release?.spkiHash === spkiHash;
  const isWithdrawnForIt = revoked === null || revoked === "privilegeWithdrawn";
  const isOnRecord = hasCertificate(record, asker.peer.serial, spkiHash);
  return isOwedRelease(record) && isWithdrawnForIt && isOnRecord;
}

/** All else that its certificate opened is shut to a released device. @throws {@link ApiFailure} `not-allowed` */
export function requireNotReleased({ caller, record }: Call): void {
  if (caller.asker.kind === "certificate" && record?.state === "released") {
    throw new ApiFailure("not-allowed");
  }
}
