/**
 * Two ways to refuse what a peer sent. A {@link CoapDiscard} is about a message:
 * it is met with a Reset or with silence. A {@link CoapFailure} is about a
 * request: it is met with a response code.
 */
import { Code } from "./codes.ts";

/** Why a message is not worked on; counters are keyed by it. */
export type CoapDiscardReason =
  /** It ends within its header, its token or an option. */
  | "truncated"
  /** A version other than 1: silence, whatever the type (RFC 7252 §3). */
  | "bad-version"
  /** A token length of 9 to 15 (RFC 7252 §3). */
  | "bad-token-length"
  /** A code class that is reserved, or one that its type cannot carry (RFC 7252 §4.2, §4.3). */
  | "bad-code"
  /** Something after the header of an Empty message (RFC 7252 §4.1). */
  | "bad-empty"
  /** A delta or a length of 15, or a number above 65535 (RFC 7252 §3.1). */
  | "bad-option"
  /** More options than any request here has. */
  | "too-many-options"
  /** A payload marker and no payload (RFC 7252 §3). */
  | "empty-payload"
  /** Longer than the endpoint takes. */
  | "too-long"
  /** A response to nothing we asked, or no longer. */
  | "unsolicited"
  /** An acknowledgement or Reset of nothing we sent. */
  | "unmatched"
  /** A notification older than one we have (RFC 7641 §3.4). */
  | "stale"
  /** A non-confirmable message that came before, or one that nothing can be answered to. */
  | "repeat"
  /** Answers to come are as many as are kept. */
  | "overloaded";

/** A count of zero for every reason; a new reason does not compile until it is counted. */
export function noDiscards(): Record<CoapDiscardReason, number> {
  return {
    truncated: 0,
    "bad-version": 0,
    "bad-token-length": 0,
    "bad-code": 0,
    "bad-empty": 0,
    "bad-option": 0,
    "too-many-options": 0,
    "empty-payload": 0,
    "too-long": 0,
    unsolicited: 0,
    unmatched: 0,
    stale: 0,
    repeat: 0,
    overloaded: 0,
  };
}

/** A message that is rejected as RFC 7252 §4.2 and §4.3 say. */
export class CoapDiscard extends Error {
  override readonly name = "CoapDiscard";
  readonly reason: CoapDiscardReason;
  /** Offset of the octet at fault; 0 where it is the message as a whole. */
  readonly at: number;
  /** The Message ID to answer with a Reset; null for silence. */
  readonly resets: number | null;

  constructor(reason: CoapDiscardReason, at: number, resets: number | null) {
    super(`CoAP message discarded at octet ${at}: ${reason}`);
    this.reason = reason;
    this.at = at;
    this.resets = resets;
  }
}

/** Why the endpoint itself refuses a request. */
export type CoapFailureReason =
  /** A critical option that is unknown, has a wrong length or stands too often (RFC 7252 §5.4). */
  | "bad-option"
  /** Proxy-Uri or Proxy-Scheme: we are no proxy (RFC 7252 §5.7.2). */
  | "no-proxy"
  | "unknown-method"
  /** SZX 7, a block that is not full and not the last, or one behind the end (RFC 7959 §2.2). */
  | "bad-block"
  /** A block that does not follow those before it, or a body we no longer have (RFC 7959 §2.9.2). */
  | "incomplete"
  /** A body or a message above the bound (RFC 7959 §2.9.3). */
  | "too-large"
  /** As many requests wait for their answer as the endpoint keeps. */
  | "overloaded";

/** The response code of each reason. */
function codeOf(reason: CoapFailureReason): number {
  switch (reason) {
    case "bad-option":
      return Code.BAD_OPTION;
    case "no-proxy":
      return Code.PROXYING_NOT_SUPPORTED;
    case "unknown-method":
      return Code.METHOD_NOT_ALLOWED;
    case "bad-block":
      return Code.BAD_REQUEST;
    case "incomplete":
      return Code.REQUEST_ENTITY_INCOMPLETE;
    case "too-large":
      return Code.REQUEST_ENTITY_TOO_LARGE;
    case "overloaded":
      return Code.SERVICE_UNAVAILABLE;
  }
}

/** A request that is answered by the endpoint and not handed up. */
export class CoapFailure extends Error {
  override readonly name = "CoapFailure";
  readonly reason: CoapFailureReason;
  readonly code: number;
  /** For a human at the other end, ASCII; empty for nothing (RFC 7252 §5.5.2). */
  readonly diagnostic: string;

  constructor(reason: CoapFailureReason, diagnostic = "") {
    super(`CoAP request refused: ${reason} ${diagnostic}`.trimEnd());
    this.reason = reason;
    this.code = codeOf(reason);
    this.diagnostic = diagnostic;
  }
}
