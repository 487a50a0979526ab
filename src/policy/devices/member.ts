/** Who counts as a member of this home, asked anew at each request: an association may outlive the owner's yes. */
import { hasCertificate } from "../registry/record.ts";
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
