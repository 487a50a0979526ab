/** Why a request is not taken, and the status that says so. */

export type HttpReason =
  /** A line that ends in anything but CR LF, or has either inside it. */
  | "bad-line-ending"
  | "bad-request-line"
  | "bad-target"
  | "target-too-long"
  | "unsupported-version"
  | "bad-field"
  /** A field that says one thing and stands twice. */
  | "repeated-field"
  | "too-many-fields"
  | "fields-too-long"
  | "bad-host"
  | "bad-content-length"
  | "bad-transfer-coding"
  /** Content-Length and Transfer-Encoding: two readers would end the request at two places. */
  | "two-lengths"
  | "unknown-transfer-coding"
  | "unknown-expectation"
  | "bad-chunk"
  | "too-many-chunks"
  | "body-too-long"
  /** The client ended its half in the midst of a request. */
  | "cut-short"
  | "too-slow";

/** What ends a connection after one last response. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  readonly reason: HttpReason;

  constructor(reason: HttpReason) {
    super(reason);
    this.reason = reason;
  }

  get status(): number {
    return statusFor(this.reason);
  }
}

/** RFC 9110 §15.5, §15.6; RFC 6585 §5. */
export function statusFor(reason: HttpReason): number {
  switch (reason) {
    case "bad-line-ending":
    case "bad-request-line":
    case "bad-target":
    case "bad-field":
    case "repeated-field":
    case "bad-host":
    case "bad-content-length":
    case "bad-transfer-coding":
    case "two-lengths":
    case "bad-chunk":
    case "too-many-chunks":
    case "cut-short":
      return 400;
    case "too-slow":
      return 408;
    case "body-too-long":
      return 413;
    case "target-too-long":
      return 414;
    case "unknown-expectation":
      return 417;
    case "too-many-fields":
    case "fields-too-long":
      return 431;
    case "unknown-transfer-coding":
      return 501;
    case "unsupported-version":
      return 505;
  }
}
