/** What a conversation has proved, in the words of admission. */
import { utf8 } from "../base/bytes.ts";
import type { Decision, Proof } from "../policy/admission/proof.ts";
import { parseSetupIdentity, SetupFailure } from "../policy/admission/setup.ts";
import type { Claim, DeviceRecord } from "../policy/registry/record.ts";

/** The key to count refusals by; null where the peer proved none. */
export function keyOf(proof: Proof): string | null {
  return proof.kind === "first-contact" ? proof.peer.spkiHash : null;
}

/** What the device says of itself, or null where it says nothing in our form. */
export function claimOf(userName: string): Claim | null {
  try {
    return parseSetupIdentity(utf8(userName));
  } catch (failure) {
    if (failure instanceof SetupFailure) return null;
    throw failure;
  }
}

export function recordAfter(
  { changes }: Decision,
  before: DeviceRecord | null,
): DeviceRecord | null {
  for (const change of changes) if (change.kind === "put") return change.record;
  return before;
}
