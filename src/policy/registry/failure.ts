/** Why a record or a change was not taken. */
export type RegistryReason =
  | "bad-form"
  | "no-such-device"
  | "not-forgettable"
  | "too-many-devices"
  | "too-many-serials"
  | "serial-issued-twice"
  | "crl-number-not-higher"
  | "not-a-time";

/** A change that the registry refuses; it has not been applied in part either. */
export class RegistryFailure extends Error {
  override readonly name = "RegistryFailure";
  readonly reason: RegistryReason;

  constructor(reason: RegistryReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
