/** What a client answers a CertificateRequest with. */
import type { SigningKey } from "../../../base/crypto/crypto.ts";
import type { CertificateType, Credential } from "../connection.ts";
import { schemeOf } from "../suites.ts";
import type { Scheme } from "../suites.ts";

export interface Proof {
  readonly certificateType: CertificateType;
  /** DER certificates, or the one SubjectPublicKeyInfo. */
  readonly chain: readonly Uint8Array[];
  readonly key: SigningKey;
  /** How the key signs. */
  readonly scheme: Scheme;
}

/**
 * Null where we have nothing that the server would take: it decides what that
 * means.
 *
 * @param certificateType - What the server chose of our offer.
 * @param schemes - What the server takes, by number.
 */
export function proofFor(
  credential: Credential | null,
  certificateType: CertificateType,
  schemes: readonly number[],
): Proof | null {
  if (credential === null) return null;
  const { certificates, key, publicKeyInfo } = credential;
  const scheme = schemeOf(key.publicKey);
  if (!schemes.includes(scheme.code)) return null;
  const bare = publicKeyInfo === undefined ? [] : [publicKeyInfo];
  const chain = certificateType === "x509" ? certificates : bare;
  return chain.length === 0 ? null : { certificateType, chain, key, scheme };
}
