/**
 * Why a RADIUS datagram gets no answer. RADIUS has no wire form for "your packet
 * is broken": whatever cannot be authenticated is met with silence.
 */

/** The closed list of causes; counters and logs are keyed by it. */
export type RadiusDiscardReason =
  /** The source address belongs to no RADIUS client of ours. */
  | "unknown-client"
  /** The datagram ends before its header or its own Length does. */
  | "truncated"
  /** Length below 20 or above 4096 (RFC 2865 §3). */
  | "bad-length"
  /** An attribute shorter than its own two octets, or one that leaves the packet. */
  | "bad-attribute"
  /** A code that this port does not serve, or that answers nothing. */
  | "unexpected-code"
  /** Required and not there. */
  | "missing-message-authenticator"
  /** Twice in one packet, or not 16 octets. */
  | "malformed-message-authenticator"
  /** The HMAC does not hold: another secret, or not the client's packet. */
  | "wrong-message-authenticator"
  /** The MD5 over an Accounting-Request or over a response does not hold. */
  | "wrong-authenticator"
  /** Proxy-State in an Access-Request without Message-Authenticator: the lever of CVE-2024-3596. */
  | "unsigned-proxy-state"
  /** More Proxy-State than a response could echo. */
  | "long-proxy-state"
  /** EAP-Message attributes with others between them (RFC 3579 §3.1). */
  | "scattered-eap-message"
  /** More than one State (RFC 2865 §5.24 allows one). */
  | "repeated-state"
  /** A repeat of a request whose answer is not there yet. */
  | "repeat"
  /** Too many requests wait for an answer. */
  | "overloaded"
  /** A response to nothing we asked, or from elsewhere. */
  | "unsolicited";

/** A count of zero for every reason; a new reason does not compile until it is counted. */
export function noDiscards(): Record<RadiusDiscardReason, number> {
  return {
    "unknown-client": 0,
    truncated: 0,
    "bad-length": 0,
    "bad-attribute": 0,
    "unexpected-code": 0,
    "missing-message-authenticator": 0,
    "malformed-message-authenticator": 0,
    "wrong-message-authenticator": 0,
    "wrong-authenticator": 0,
    "unsigned-proxy-state": 0,
    "long-proxy-state": 0,
    "scattered-eap-message": 0,
    "repeated-state": 0,
    repeat: 0,
    overloaded: 0,
    unsolicited: 0,
  };
}

/** A datagram met with silence; `at` is the byte offset of the cause, 0 where it is the packet as a whole. */
export class RadiusDiscard extends Error {
  override readonly name = "RadiusDiscard";
  readonly reason: RadiusDiscardReason;
  readonly at: number;

  constructor(reason: RadiusDiscardReason, at: number) {
    super(`RADIUS packet discarded at octet ${at}: ${reason}`);
    this.reason = reason;
    this.at = at;
  }
}
