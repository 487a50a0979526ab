/**
 * The certificate of a device nobody knows yet: it signed itself, so it proves a
 * key and claims everything else.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, PublicKey } from "../../base/crypto/crypto.ts";
import { spkiHash } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { deviceIdOf } from "./device-id.ts";
import { parsePeerCertificate, PathFailure } from "./path-failure.ts";
import { keyWeakness, schemeWeakness } from "./strength.ts";

let selfSigned: (certificate: Certificate, crypto: Crypto) => SelfSignedPeer;

/** A key that signed its own certificate. Only {@link checkSelfSigned} makes one. */
export class SelfSignedPeer {
  readonly certificate: Certificate;
  readonly publicKey: PublicKey;
  /** SHA-256 of the SubjectPublicKeyInfo in hexadecimal: the one thing about this peer that is a fact. */
  readonly spkiHash: string;
  /** What the certificate says of itself; anyone can say it. */
  readonly claimedDeviceId: string | null;
  readonly #holds = true;

  static {
    selfSigned = (certificate, crypto) => new SelfSignedPeer(certificate, crypto);
  }

  private constructor(certificate: Certificate, crypto: Crypto) {
    this.certificate = certificate;
    this.publicKey = certificate.publicKey;
    this.spkiHash = spkiHash(certificate.spki, crypto);
    this.claimedDeviceId = deviceIdOf(certificate);
  }

  /** Whether `value` was made by {@link checkSelfSigned}. */
  static is(value: unknown): value is SelfSignedPeer {
    return typeof value === "object" && value !== null && #holds in value && value.#holds;
  }
}

/**
 * Checks a chain of first contact: one certificate, version 3, P-256, its
 * signature made by its own key. Validity dates are not looked at: the device
 * has no clock, and RFC 5280 §4.1.2.5 gives it 99991231235959Z.
 *
 * @throws {@link PathFailure}; nothing else for any bytes.
 */
export function checkSelfSigned(chain: readonly Uint8Array[], crypto: Crypto): SelfSignedPeer {
  const [encoded] = chain;
  if (encoded === undefined) throw new PathFailure("no-certificate");
  if (chain.length > 1) throw new PathFailure("not-self-signed");
  const certificate = parsePeerCertificate(encoded);
  const { publicKey, algorithm, extensions } = certificate;
  if (!sameBytes(certificate.issuer.der, certificate.subject.der)) {
    throw new PathFailure("not-self-signed");
  }
  if (extensions.unknownCritical.length > 0) throw new PathFailure("unknown-critical-extension");
  if (publicKey.kind !== "ec" || publicKey.curve !== "P-256") {
    throw new PathFailure("unsupported-key");
  }
  if (algorithm.scheme === null) throw new PathFailure("unsupported-signature");
  const weakness = schemeWeakness(algorithm.scheme) ?? keyWeakness(publicKey, crypto);
  if (weakness !== null) throw new PathFailure(weakness);
  if (!crypto.verify(algorithm.scheme, publicKey, certificate.tbs, certificate.signature)) {
    throw new PathFailure("bad-signature");
  }
  return selfSigned(certificate, crypto);
}
