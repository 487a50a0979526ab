/**
 * The crypto port over node:crypto, that is OpenSSL: native and constant-time
 * where secrets are. What OpenSSL is laxer about than the port (BER signatures,
 * key sizes, point forms) is checked in front of it by the same functions that
 * the noble provider uses. Keys cannot be wiped: OpenSSL's copies live until
 * the garbage collector frees them, ours in the JavaScript heap likewise.
 */
import nodeModule, {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  ECDH,
  pbkdf2Sync,
  sign,
  verify,
} from "node:crypto";
import type { KeyObject, SigningOptions } from "node:crypto";
import { concat, sameBytes, toBase64Url } from "../../base/bytes.ts";
import type {
  Aead,
  AeadName,
  Crypto,
  EcCurve,
  EcdhKey,
  HashName,
  PublicKey,
  RecordNumberCipher,
  RecordNumberCipherName,
  SignatureScheme,
  SigningKey,
} from "../../base/crypto/crypto.ts";
import {
  draw,
  drawScalar,
  ecdsaScalars,
  isScalar,
  isUncompressed,
  scalarLength,
} from "../../base/crypto/ec.ts";
import {
  aeadForm,
  MAX_CCM_LENGTH,
  NONCE_LENGTH,
  requireLength,
  requirePbkdf2,
  requireRecordNumberKey,
  requireSample,
  SAMPLE_LENGTH,
} from "../../base/crypto/lengths.ts";
import { pointArithmetic } from "../../base/crypto/p256.ts";
import { roundsOf } from "../../base/crypto/rounds.ts";
import { isRsaKey } from "../../base/crypto/rsa.ts";
import type { RandomSource } from "../../base/machine.ts";

const OPENSSL_CURVE: Readonly<Record<EcCurve, string>> = {
  "P-256": "prime256v1",
  "P-384": "secp384r1",
};
const OPENSSL_SCHEME: Readonly<Record<SignatureScheme["kind"], SigningOptions>> = {
  ecdsa: { dsaEncoding: "der" },
  "rsa-pkcs1": { padding: constants.RSA_PKCS1_PADDING },
  "rsa-pss": {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
};
/**
 * Nothing, at an address of its own. A `new Uint8Array()` may have none, and to
 * CCM in OpenSSL no address means "no more to come" instead of an empty message.
 */
const NOTHING = Buffer.alloc(1).subarray(1);

/** See {@link Crypto}. */
export const nodeCrypto: Crypto = {
  name: "node",

  hasher(hash) {
    const running = createHash(hash);
    return {
      update: (bytes) => void running.update(bytes),
      digest: () => plain(running.copy().digest()),
    };
  },
  digest,
  digestRounds: roundsOf(digest),
  hmac,
  // OpenSSL's are not copied, and a second one is as cheap as the first.
  hmacKey: (hash, key) => ({ mac: (message) => hmac(hash, key, message), forget: () => {} }),

  aead,
  recordNumberCipher,

  pbkdf2(hash, password, salt, iterations, length) {
    requirePbkdf2(iterations, length);
    return plain(pbkdf2Sync(password, salt, iterations, length, hash));
  },
  aesCbcEncrypt(key, iv, plaintext) {
    requireCbcLengths(key, iv);
    const cipher = createCipheriv("aes-256-cbc", key, iv);
    return concat(cipher.update(plaintext), cipher.final());
  },
  aesCbcDecrypt(key, iv, ciphertext) {
    requireCbcLengths(key, iv);
    const decipher = createDecipheriv("aes-256-cbc", key, iv);
    return orNull(() => concat(decipher.update(ciphertext), decipher.final()));
  },

  ecdhKey: (group, random) =>
    group === "X25519" ? x25519Key(random) : pointEcdhKey(group, random),
  generateScalar: drawScalar,
  signingKey,
  p256: pointArithmetic,
  isOnCurve,
  verify: verifySignature,
};

/** Node from 20.12 on hashes in one call, at half the cost of an object. */
const oneShot: typeof nodeModule.hash | undefined = nodeModule.hash;

function digest(hash: HashName, message: Uint8Array): Uint8Array {
  if (oneShot === undefined) return plain(createHash(hash).update(message).digest());
  return plain(oneShot(hash, message, "buffer"));
}

function hmac(hash: HashName, key: Uint8Array, message: Uint8Array): Uint8Array {
  return plain(createHmac(hash, key).update(message).digest());
}

function requireCbcLengths(key: Uint8Array, iv: Uint8Array): void {
  requireLength("an AES-256 key", key, 32);
  requireLength("an AES-CBC initialization vector", iv, 16);
}

/** OpenSSL is set up anew for each record, which costs less than ten microseconds. */
function aead(algorithm: AeadName, key: Uint8Array): Aead {
  const { mode, keyLength, tagLength } = aeadForm(algorithm, key);
  const secret = createSecretKey(key);
  const options = { authTagLength: tagLength };
  const ccm = mode === "ccm";
  // The names of the port say the tag's length too, OpenSSL's do not. The types know the CCM names
  // as the ones whose `setAAD` takes a length; the other modes ignore it.
  const name = (ccm ? `aes-${keyLength * 8}-ccm` : algorithm) as "aes-128-ccm";

  function seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireLength("an AEAD nonce", nonce, NONCE_LENGTH);
    if (ccm && plaintext.length > MAX_CCM_LENGTH) {
      throw new RangeError(`${plaintext.length} octets are too many for one CCM message`);
    }
    const cipher = createCipheriv(name, secret, nonce, options);
    cipher.setAAD(associated, { plaintextLength: plaintext.length });
    const text = cipher.update(plaintext.length === 0 ? NOTHING : plaintext);
    cipher.final();
    return concat(text, cipher.getAuthTag());
  }

  function open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    requireLength("an AEAD nonce", nonce, NONCE_LENGTH);
    const length = sealed.length - tagLength;
    if (length < 0 || (ccm && length > MAX_CCM_LENGTH)) return null;
    // OpenSSL checks a CCM tag while it decrypts: where it sees nothing to decrypt, any tag would do.
    if (ccm && length === 0) {
      return sameBytes(seal(nonce, associated, NOTHING), sealed) ? new Uint8Array() : null;
    }
    const decipher = createDecipheriv(name, secret, nonce, options);
    decipher.setAuthTag(sealed.subarray(length));
    decipher.setAAD(associated, { plaintextLength: length });
    return orNull(() => {
      const text = decipher.update(sealed.subarray(0, length));
      decipher.final();
      return plain(text);
    });
  }

  return { tagLength, seal, open };
}

function recordNumberCipher(
  algorithm: RecordNumberCipherName,
  key: Uint8Array,
): RecordNumberCipher {
  requireRecordNumberKey(algorithm, key);
  const compute = algorithm === "chacha20" ? chacha20Mask(key) : aesMask(algorithm, key);
  return {
    mask(sample) {
      requireSample(sample);
      return compute(sample);
    },
  };
}

type Mask = (sample: Uint8Array) => Uint8Array;

/** In ECB mode every block stands alone, so one cipher that never ends serves every record. */
function aesMask(algorithm: "aes-128" | "aes-256", key: Uint8Array): Mask {
  const cipher = createCipheriv(`${algorithm}-ecb`, key, null);
  return (sample) => plain(cipher.update(sample));
}

/** OpenSSL's vector for ChaCha20 is laid out as the sample is: the counter, little-endian, and the nonce. */
function chacha20Mask(key: Uint8Array): Mask {
  const secret = createSecretKey(key);
  const zeros = new Uint8Array(SAMPLE_LENGTH);
  return (sample) => plain(createCipheriv("chacha20", secret, sample).update(zeros));
}

/** createECDH does one agreement in half the time of diffieHellman, which wants the peer's point as a key object. */
function pointEcdhKey(curve: EcCurve, random: RandomSource): EcdhKey {
  const own = createECDH(OPENSSL_CURVE[curve]);
  own.setPrivateKey(drawScalar(curve, random));
  return {
    publicKey: plain(own.getPublicKey()),
    agree: (peer) =>
      isUncompressed(curve, peer) ? orNull(() => plain(own.computeSecret(peer))) : null,
  };
}

function x25519Key(random: RandomSource): EcdhKey {
  // OpenSSL computes x from d; what stands there is not looked at but has to be there.
  const x = toBase64Url(new Uint8Array(32));
  const d = toBase64Url(draw(32, random));
  const privateKey = createPrivateKey({ key: { kty: "OKP", crv: "X25519", x, d }, format: "jwk" });
  const computed = privateKey.export({ format: "jwk" }).x!;
  return {
    publicKey: plain(Buffer.from(computed, "base64url")),
    agree(peer) {
      if (peer.length !== 32) return null;
      const jwk = { kty: "OKP", crv: "X25519", x: toBase64Url(peer) };
      // OpenSSL refuses an all-zero result itself.
      return orNull(() => {
        const publicKey = createPublicKey({ key: jwk, format: "jwk" });
        return plain(diffieHellman({ privateKey, publicKey }));
      });
    },
  };
}

/**
 * OpenSSL draws an ECDSA nonce from its own generator mixed with the key and
 * the digest (BN_generate_dsa_nonce), which is as safe as the port's hedged
 * nonce; so `random` is not used here, and signatures differ with null too.
 */
function signingKey(curve: EcCurve, scalar: Uint8Array): SigningKey {
  if (!isScalar(curve, scalar)) throw new RangeError("a private scalar lies in [1, n-1]");
  const own = createECDH(OPENSSL_CURVE[curve]);
  own.setPrivateKey(scalar);
  const publicKey = { kind: "ec", curve, point: plain(own.getPublicKey()) } as const;
  const jwk = { ...ecJwk(publicKey), d: toBase64Url(scalar) };
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  return {
    publicKey,
    sign(hash, message) {
      if (hash === "md5") throw new RangeError("MD5 makes no signatures");
      return plain(sign(hash, message, { key, dsaEncoding: "der" }));
    },
  };
}

function isOnCurve(curve: EcCurve, point: Uint8Array): boolean {
  if (!isUncompressed(curve, point)) return false;
  const convert = (): Uint8Array => {
    ECDH.convertKey(point, OPENSSL_CURVE[curve], undefined, undefined, "uncompressed");
    return point;
  };
  return orNull(convert) !== null;
}

function verifySignature(
  scheme: SignatureScheme,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (scheme.hash === "md5" || !fits(scheme, key, signature)) return false;
  const imported = importKey(key);
  if (imported === null) return false;
  return verify(scheme.hash, message, { key: imported, ...OPENSSL_SCHEME[scheme.kind] }, signature);
}

/** Everything about form, decided as the noble provider decides it. */
function fits(scheme: SignatureScheme, key: PublicKey, signature: Uint8Array): boolean {
  if (scheme.kind === "ecdsa") {
    if (key.kind !== "ec" || !isUncompressed(key.curve, key.point)) return false;
    return ecdsaScalars(key.curve, signature) !== null;
  }
  return key.kind === "rsa" && isRsaKey(key) && signature.length === key.modulus.length;
}

/**
 * Importing a key takes as long as verifying with it, and a home's devices come
 * again and again. By the key's own octets, the one used longest ago goes first.
 */
const importedKeys = new Map<string, KeyObject>();
const MAX_IMPORTED_KEYS = 256;

/** Null for a point that is not on its curve. */
function importKey(key: PublicKey): KeyObject | null {
  const name = nameOf(key);
  const known = importedKeys.get(name);
  const imported = known ?? importedAnew(key);
  if (imported === null) return null;
  importedKeys.delete(name);
  importedKeys.set(name, imported);
  for (const [oldest] of importedKeys) {
    if (importedKeys.size <= MAX_IMPORTED_KEYS) break;
    importedKeys.delete(oldest);
  }
  return imported;
}

function importedAnew(key: PublicKey): KeyObject | null {
  const jwk = key.kind === "ec" ? ecJwk(key) : rsaJwk(key);
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return null;
  }
}

/** Different for different keys: RSA exponents have no leading zeros, so the last part is not ambiguous. */
function nameOf(key: PublicKey): string {
  const text = (bytes: Uint8Array): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return key.kind === "ec"
    ? `${key.curve} ${text(key.point)}`
    : `RSA ${key.modulus.length} ${text(key.modulus)}${text(key.exponent)}`;
}

function ecJwk({ curve, point }: PublicKey & { readonly kind: "ec" }): Record<string, string> {
  const middle = 1 + scalarLength(curve);
  const x = toBase64Url(point.subarray(1, middle));
  return { kty: "EC", crv: curve, x, y: toBase64Url(point.subarray(middle)) };
}

function rsaJwk(key: PublicKey & { readonly kind: "rsa" }): Record<string, string> {
  return { kty: "RSA", n: toBase64Url(key.modulus), e: toBase64Url(key.exponent) };
}

/** The same octets as a plain Uint8Array: a Buffer's `slice` would share where the port's callers expect a copy. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** node:crypto throws where a tag, padding or point does not hold; nothing else is inside these calls. */
function orNull(compute: () => Uint8Array): Uint8Array | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
