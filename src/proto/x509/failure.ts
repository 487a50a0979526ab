/** What makes a certificate, request, CRL or bundle of them unusable beyond being bad DER. */

export type X509Reason =
  | "too-large"
  | "bad-version"
  | "bad-serial"
  | "bad-name"
  | "empty-issuer"
  | "empty-subject"
  | "too-many-names"
  | "algorithms-differ"
  | "unsupported-key"
  | "bad-key"
  | "too-many-extensions"
  | "repeated-extension"
  | "bad-extension"
  | "unknown-critical-extension"
  | "too-many-entries"
  | "repeated-attribute"
  | "bad-attribute"
  | "not-certs-only"
  | "bad-signature";

/** DER that is no certificate, request or CRL as RFC 5280 or RFC 2986 has them, or no bundle of them (RFC 5652). */
export class X509Failure extends Error {
  override readonly name = "X509Failure";
  readonly reason: X509Reason;
  /** What the reason is about: an object identifier or a number; never from a peer's free text. */
  readonly subject: string;

  constructor(reason: X509Reason, subject = "") {
    super(subject === "" ? reason : `${reason}: ${subject}`);
    this.reason = reason;
    this.subject = subject;
  }
}
