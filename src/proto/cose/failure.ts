/** What makes a COSE message unusable beyond being CBOR of another structure. */

export type CoseReason =
  | "missing-algorithm"
  | "algorithm-not-protected"
  | "unsupported-algorithm"
  | "repeated-header"
  | "bad-header"
  | "unknown-critical-header"
  | "unsupported-certificate-hash"
  | "payload-is-detached"
  | "payload-is-not-detached"
  | "too-many-countersignatures"
  | "unsupported-key"
  | "bad-signature";

/** CBOR that is no COSE_Sign1 as we take it, or one whose signature does not hold. */
export class CoseFailure extends Error {
  override readonly name = "CoseFailure";
  readonly reason: CoseReason;

  constructor(reason: CoseReason) {
    super(reason);
    this.reason = reason;
  }
}
