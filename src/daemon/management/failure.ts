/** What a management method answers when it does not do what it was asked. */

export type ManagementReason =
  /** No such method, a missing, unknown or mistyped argument. */
  | "unknown-method"
  | "bad-argument"
  /** No device has that id. */
  | "unknown-device"
  /** The device's state does not allow it. */
  | "wrong-state"
  /** A certificate request, an import or a configuration that is wrong. */
  | "bad-request"
  | "bad-configuration"
  /** A bound is reached. */
  | "full"
  /** The wall clock is not known yet, so nothing can be dated. */
  | "time-unknown"
  /** The disk or nft refused; nothing has changed. */
  | "host-failed"
  /** What was asked is on record; the disk or nft refused what follows from it. */
  | "unfinished"
  /** A bug of ours; the log has its stack. */
  | "internal-fault";

/** Carries one sentence with the fix, in `message`; it is shown to the owner as it is. */
export class ManagementFailure extends Error {
  override readonly name = "ManagementFailure";
  readonly reason: ManagementReason;

  constructor(reason: ManagementReason, sentence: string) {
    super(sentence);
    this.reason = reason;
  }
}

/** Statuses of ubus (`ubusmsg.h`), also the first element of a JSON-RPC result. */
const UBUS_STATUS: Readonly<Record<ManagementReason, number>> = {
  "unknown-method": 3, // METHOD_NOT_FOUND
  "bad-argument": 2, // INVALID_ARGUMENT
  "bad-request": 2,
  "bad-configuration": 2,
  "unknown-device": 4, // NOT_FOUND
  "wrong-state": 6, // PERMISSION_DENIED
  full: 5, // NO_DATA
  "time-unknown": 5,
  "host-failed": 9, // UNKNOWN_ERROR
  unfinished: 9,
  "internal-fault": 9,
};

export function ubusStatus(reason: ManagementReason): number {
  return UBUS_STATUS[reason];
}
