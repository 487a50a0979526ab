/**
 * A bare SubjectPublicKeyInfo, which stands where a certificate would
 * (RFC 7250 §3). It says nothing but its key: whose it is, the caller knows or
 * does not. What a certificate would send bare is its `spki`.
 */
import type { Crypto, PublicKey } from "../../base/crypto/crypto.ts";
import { DerReader } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import { encodePublicKey, readPublicKey } from "./key.ts";
import { OID } from "./oids.ts";
import { keyWeakness } from "./strength.ts";

/** Octets of the longest key taken: RSA-8192 with a long exponent needs 1064. */
export const MAX_RAW_KEY_LENGTH = 1100;

/** A key as received, proven to be sound and not yet to be anybody's. */
export interface RawPublicKey {
  /** The SubjectPublicKeyInfo, of which HomeCA's records hold the hash. */
  readonly spki: Uint8Array;
  readonly publicKey: PublicKey;
}

/**
 * Reads one bare key.
 *
 * @param spki - DER, at most {@link MAX_RAW_KEY_LENGTH} bytes, nothing behind it; the result borrows from it.
 * @throws DerFailure for what is not strict DER of this structure.
 * @throws X509Failure `too-large`; `unsupported-key` for other than P-256, P-384
 *   and RSA; `bad-key` for a point off its curve or not uncompressed, and for RSA
 *   outside 2048 to 8192 bits or with an exponent out of bounds.
 * @see RFC 7250 §3; RFC 5280 §4.1.2.7
 */
export function parseRawPublicKey(spki: Uint8Array, crypto: Crypto): RawPublicKey {
  if (spki.length > MAX_RAW_KEY_LENGTH) throw new X509Failure("too-large", String(spki.length));
  const file = new DerReader(spki);
  const publicKey = readPublicKey(file);
  file.end();
  if (keyWeakness(publicKey, crypto) !== null) throw new X509Failure("bad-key");
  return { spki, publicKey };
}

/** The SubjectPublicKeyInfo of any key the engine verifies with (RFC 5480 §2.1, RFC 3279 §2.3.1). */
export function encodeRawPublicKey(key: PublicKey): Uint8Array {
  if (key.kind === "ec") return encodePublicKey(key);
  const algorithm = der.sequence(der.oid(OID.rsaEncryption), der.nullValue());
  const numbers = der.sequence(der.integer(key.modulus), der.integer(key.exponent));
  return der.sequence(algorithm, der.bitString(numbers));
}
