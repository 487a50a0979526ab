/** What is wrong with octets from the bus. */

/** What the bus itself has written wrong: nobody can tell where the next message begins, so the connection ends. */
export type FrameReason =
  | "unknown-version"
  /** The root attribute has another id than 0, is extended, or is shorter than itself. */
  | "bad-root"
  | "message-too-long"
  /** Anything before the HELLO, or a second one. */
  | "unexpected-message"
  /** None came in time. */
  | "no-hello"
  /** The connection ended. */
  | "ended";

/** What another client of the bus has written wrong: it spoils that one exchange. */
export type DataReason =
  /** An attribute that is shorter than its head, or longer than what is there. */
  | "bad-length"
  /** A field that is no extended attribute, or whose name does not end where it says. */
  | "bad-name"
  /** Text without its NUL, or with another one. */
  | "bad-text"
  /** A number of another size than its type has. */
  | "bad-number"
  | "too-deep"
  | "too-many-values"
  /** Two fields of one name: two readers could take either. */
  | "repeated-name";

/** Ends a connection to the bus. */
export class UbusFailure extends Error {
  override readonly name = "UbusFailure";
  readonly reason: FrameReason;

  constructor(reason: FrameReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Ends the reading of one message's attributes or values. */
export class BlobFailure extends Error {
  override readonly name = "BlobFailure";
  readonly reason: DataReason;

  constructor(reason: DataReason) {
    super(reason);
    this.reason = reason;
  }
}
