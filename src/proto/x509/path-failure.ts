/** Why a peer's certificates are not believed, and what TLS says to the peer about it. */
import { DerFailure } from "../../base/der.ts";
import { parseCertificate } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { X509Failure } from "./failure.ts";

export type PathReason =
  | "no-certificate"
  | "malformed"
  | "unsupported-key"
  | "chain-too-long"
  | "unknown-authority"
  | "too-many-candidates"
  | "time-unknown"
  | "not-yet-valid"
  | "expired"
  | "revoked"
  | "revocation-unknown"
  | "bad-signature"
  | "weak-signature"
  | "unsupported-signature"
  | "weak-key"
  | "wrong-purpose"
  | "ca-as-end-entity"
  | "not-a-ca"
  | "path-too-long"
  | "name-not-permitted"
  | "unsupported-constraint"
  | "unknown-critical-extension"
  | "not-self-signed";

/** The one answer to a chain that does not hold; there is no "valid with warnings". */
export class PathFailure extends Error {
  override readonly name = "PathFailure";
  readonly reason: PathReason;

  constructor(reason: PathReason, cause?: unknown) {
    super(reason, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** A certificate a peer sent. @throws PathFailure `malformed` or `unsupported-key`, with the parser's as its cause. */
export function parsePeerCertificate(encoded: Uint8Array): Certificate {
  try {
    return parseCertificate(encoded);
  } catch (failure) {
    if (failure instanceof X509Failure && failure.reason === "unsupported-key") {
      throw new PathFailure("unsupported-key", failure);
    }
    if (failure instanceof X509Failure || failure instanceof DerFailure) {
      throw new PathFailure("malformed", failure);
    }
    throw failure;
  }
}

/** Alerts about certificates by the names of RFC 5246 §7.2.2; RFC 8446 §6.2 has the same. */
export type CertificateAlert =
  | "bad_certificate"
  | "unsupported_certificate"
  | "certificate_revoked"
  | "certificate_expired"
  | "certificate_unknown"
  | "unknown_ca";

/** The alert that tells the peer as much as TLS has words for. */
export function alertFor(reason: PathReason): CertificateAlert {
  switch (reason) {
    case "malformed":
    case "bad-signature":
    case "weak-signature":
    case "weak-key":
    case "name-not-permitted":
    case "not-self-signed":
    case "no-certificate":
      return "bad_certificate";
    case "unsupported-key":
    case "unsupported-signature":
    case "unsupported-constraint":
    case "unknown-critical-extension":
    case "wrong-purpose":
    case "ca-as-end-entity":
      return "unsupported_certificate";
    case "revoked":
      return "certificate_revoked";
    case "expired":
    case "not-yet-valid":
      return "certificate_expired";
    case "unknown-authority":
    case "not-a-ca":
    case "path-too-long":
    case "chain-too-long":
      return "unknown_ca";
    case "time-unknown":
    case "revocation-unknown":
    case "too-many-candidates":
      return "certificate_unknown";
  }
}
