/** Why the store does not open or take a change. The message is one sentence with the fix. */
export type StoreReason =
  | "locked"
  | "damaged"
  | "part-missing"
  | "newer-version"
  | "too-large"
  | "closed";

export class StoreFailure extends Error {
  override readonly name = "StoreFailure";
  readonly reason: StoreReason;

  constructor(reason: StoreReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
