/** Private keys on NIST curves as files hold them: PKCS#8 (RFC 5958) around RFC 5915, bare or under a password. */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, EcCurve, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag, DerReader } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import { COORDINATE_LENGTH, curveOf, encodeCurve } from "./key.ts";
import { OID } from "./oids.ts";
import { decrypt, encrypt, PasswordFailure, readDecrypted, readPbes2 } from "./pbes2.ts";
import type { Encryption } from "./pbes2.ts";

/** Octets of the longest key file taken. */
export const MAX_KEY_LENGTH = 4096;

/** A private key in the open. Whoever holds one holds the key: it goes into a file or a SigningKey and nowhere else. */
export interface PrivateKey {
  readonly curve: EcCurve;
  /** 32 or 48 bytes, big-endian, in [1, n-1]. */
  readonly scalar: Uint8Array;
}

/** The key that signs. @throws X509Failure `bad-key` for a scalar out of range. */
export function signingKeyOf(key: PrivateKey, crypto: Crypto): SigningKey {
  try {
    return crypto.signingKey(key.curve, key.scalar);
  } catch (failure) {
    if (failure instanceof RangeError) throw new X509Failure("bad-key");
    throw failure;
  }
}

/** PrivateKeyInfo with the public key inside, as OpenSSL writes it. */
export function encodePrivateKey(key: PrivateKey, crypto: Crypto): Uint8Array {
  const { point } = signingKeyOf(key, crypto).publicKey;
  const inner = der.sequence(
    der.integer(1),
    der.octetString(key.scalar),
    der.explicit(1, der.bitString(point)),
  );
  return der.sequence(
    der.integer(0),
    der.sequence(der.oid(OID.ecPublicKey), encodeCurve(key.curve)),
    der.octetString(inner),
  );
}

/**
 * Reads a PrivateKeyInfo of version 1 or 2. A public key inside must be the one
 * that belongs to the scalar.
 * @throws DerFailure, X509Failure `unsupported-key`, `bad-key`, `bad-version`, `too-large`
 */
export function parsePrivateKey(encoded: Uint8Array, crypto: Crypto): PrivateKey {
  if (encoded.length > MAX_KEY_LENGTH) throw new X509Failure("too-large", String(encoded.length));
  const file = new DerReader(encoded);
  const key = readPrivateKey(file, crypto);
  file.end();
  return key;
}

/** As {@link parsePrivateKey}, from within another structure. */
export function readPrivateKey(from: DerReader, crypto: Crypto): PrivateKey {
  const whole = from.sequence();
  if (whole.count(255) > 1) throw new X509Failure("bad-version");
  const algorithm = whole.sequence();
  const kind = algorithm.oid();
  if (kind !== OID.ecPublicKey) throw new X509Failure("unsupported-key", kind);
  const curve = curveOf(algorithm.oid());
  algorithm.end();
  const octets = whole.inOctets();
  const inner = octets.sequence();
  octets.end();
  if (whole.tag === contextTag(0, "constructed")) whole.element();
  if (whole.tag === contextTag(1, "primitive")) whole.element();
  whole.end();

  if (inner.count(255) !== 1) throw new X509Failure("bad-version");
  const scalar = inner.octets();
  const named = inner.optional(contextTag(0, "constructed"));
  if (named !== null && named.oid() !== (curve === "P-256" ? OID.p256 : OID.p384)) {
    throw new X509Failure("bad-key");
  }
  named?.end();
  const stated = inner.optional(contextTag(1, "constructed"));
  const point = stated?.bitOctets() ?? null;
  stated?.end();
  inner.end();
  if (scalar.length !== COORDINATE_LENGTH[curve]) throw new X509Failure("bad-key");
  // A copy: the file's buffer may be wiped or used again while the key lives.
  const key = { curve, scalar: scalar.slice() };
  const signing = signingKeyOf(key, crypto);
  if (point !== null && !sameBytes(point, signing.publicKey.point)) {
    throw new X509Failure("bad-key");
  }
  return key;
}

/** EncryptedPrivateKeyInfo under a password. */
export function encodeEncryptedPrivateKey(
  key: PrivateKey,
  encryption: Encryption,
  scheme: typeof encrypt = encrypt,
): Uint8Array {
  const { algorithm, ciphertext } = scheme(encodePrivateKey(key, encryption.crypto), encryption);
  return der.sequence(algorithm, der.octetString(ciphertext));
}

/**
 * Opens an EncryptedPrivateKeyInfo.
 * @throws PasswordFailure, DerFailure, X509Failure
 */
export function parseEncryptedPrivateKey(
  encoded: Uint8Array,
  password: string,
  crypto: Crypto,
): PrivateKey {
  if (encoded.length > MAX_KEY_LENGTH) throw new PasswordFailure("too-large");
  const file = new DerReader(encoded);
  const key = readEncryptedPrivateKey(file, password, crypto);
  file.end();
  return key;
}

/** As {@link parseEncryptedPrivateKey}, from within another structure. */
export function readEncryptedPrivateKey(
  from: DerReader,
  password: string,
  crypto: Crypto,
): PrivateKey {
  const whole = from.sequence();
  const scheme = readPbes2(whole);
  const ciphertext = whole.octets();
  whole.end();
  const plaintext = decrypt(scheme, ciphertext, password, crypto);
  return readDecrypted(plaintext, (inside) => readPrivateKey(inside, crypto));
}
