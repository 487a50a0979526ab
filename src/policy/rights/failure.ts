/** Why a statement of rights is not taken: nothing in it counts then. */
import type { CborReason } from "../../base/cbor.ts";

export type RightsReason =
  | CborReason
  | "unknown-method"
  | "no-method"
  | "bad-path"
  | "repeated-path"
  | "no-permission"
  | "too-many-permissions"
  | "bad-device"
  | "bad-group"
  | "too-many-rights"
  | "rights-too-long";

export class RightsFailure extends Error {
  override readonly name = "RightsFailure";
  readonly reason: RightsReason;

  constructor(reason: RightsReason) {
    super(reason);
    this.reason = reason;
  }
}
