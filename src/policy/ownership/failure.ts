/** Why a device does not change hands. Nothing has changed then, at neither end. */

export type OwnershipReason =
  /** Not a signed object of this form. */
  | "malformed"
  | "bad-signature"
  /** Signed by a key that is not one of the owner's signers. */
  | "unknown-signer"
  | "other-device"
  | "other-key"
  /** Not above the counter of the last token taken. */
  | "counter-not-higher"
  /** Not the nonce that the device gave out, or it gave out none. */
  | "other-nonce"
  | "not-owned"
  | "still-owned"
  | "theft-locked"
  /** The home has not revoked the device, and so may not release it. */
  | "not-withdrawn"
  | "no-key"
  /** A receipt for something else than the token that was sent. */
  | "other-token";

export class OwnershipFailure extends Error {
  override readonly name = "OwnershipFailure";
  readonly reason: OwnershipReason;

  constructor(reason: OwnershipReason, cause?: unknown) {
    super(reason, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** One sentence for the owner, with the fix. */
export function explain(reason: OwnershipReason): string {
  switch (reason) {
    case "malformed":
    case "bad-signature":
      return "The release or its receipt is damaged; release the device again.";
    case "unknown-signer":
      return "The device belongs to another home; release it there.";
    case "other-device":
    case "other-key":
      return "The release is for another device; look which one you hold.";
    case "counter-not-higher":
    case "other-nonce":
      return "The release is an old one; release the device again while it is switched on.";
    case "not-owned":
      return "The device belongs to no home; it can be adopted.";
    case "still-owned":
      return "The device belongs to a home; release it there first.";
    case "theft-locked":
      return "The device is locked against theft; take the lock off first.";
    case "not-withdrawn":
      return "The device's certificates are still valid here; release it on record first.";
    case "no-key":
      return "No key of the device is on record; forget the record instead.";
    case "other-token":
      return "The device confirmed another release; release it again.";
  }
}
