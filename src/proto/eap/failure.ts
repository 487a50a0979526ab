/**
 * How a conversation goes wrong. Two kinds, because RFC 3748 knows two: a packet
 * that is not part of this conversation is dropped and changes nothing; a packet
 * that is, and breaks a rule, ends it. On the wire every end is the same
 * EAP-Failure, so reasons are for the log; only TLS says more, in its own alert.
 */

/** Why a conversation ended without success. */
export type EapReason =
  | "no-identity"
  | "bad-identity"
  | "bad-nak"
  | "no-common-method"
  | "too-many-rounds"
  | "too-many-short-rounds"
  | "truncated"
  | "start-from-peer"
  | "unsupported-version"
  | "total-length-missing"
  | "total-length-mismatch"
  | "message-too-long"
  | "empty-fragment"
  | "acknowledgement-missing"
  | "acknowledgement-unexpected"
  | "tls"
  | "tunnel-closed"
  | "tunnel-bytes-unexpected"
  | "avps-too-long"
  | "malformed-avp"
  | "repeated-avp"
  | "unknown-mandatory-avp"
  | "bad-inner-identity"
  | "password-too-long"
  | "inner-method-unsupported"
  | "inner-credentials-missing"
  | "refused"
  | "timeout";

/** Why a packet, or an input that nothing waits for, was dropped. The conversation goes on as before. */
export type IgnoredReason =
  | "truncated"
  | "bad-length"
  | "not-a-response"
  | "wrong-identifier"
  | "wrong-type"
  | "not-awaited"
  | "ended";

/** Ends the conversation. `detail` is the TLS reason or the caller's own; it never holds text of the peer's or a secret. */
export class EapFailure extends Error {
  override readonly name = "EapFailure";
  readonly reason: EapReason;
  readonly detail: string | null;

  constructor(reason: EapReason, detail: string | null = null) {
    super(detail === null ? reason : `${reason}: ${detail}`);
    this.reason = reason;
    this.detail = detail;
  }
}

/** Drops one packet (RFC 3748 §2.1: "silently discard"). */
export class EapDiscard extends Error {
  override readonly name = "EapDiscard";
  readonly reason: IgnoredReason;

  constructor(reason: IgnoredReason) {
    super(reason);
    this.reason = reason;
  }
}
