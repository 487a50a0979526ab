/**
 * The crypto port. A provider implements {@link Crypto}; every provider passes
 * the one set of vectors under `test/base/crypto`. All calls are synchronous
 * and pure but for the random bytes their caller hands in.
 */
import type { RandomSource } from "../machine.ts";

/** MD5 serves RADIUS alone, SHA-1 the signatures and MACs of old peers alone. */
export type HashName = "md5" | "sha1" | "sha256" | "sha384" | "sha512";

export type AeadName =
  | "aes-128-gcm"
  | "aes-256-gcm"
  | "aes-128-ccm"
  | "aes-128-ccm-8"
  | "aes-256-ccm"
  | "aes-256-ccm-8"
  | "chacha20-poly1305";

/** The cipher under a record number key: the one under the AEAD of its epoch. */
export type RecordNumberCipherName = "aes-128" | "aes-256" | "chacha20";

export type EcCurve = "P-256" | "P-384";
export type EcdhGroup = EcCurve | "X25519";

/** A key that can verify. Points are SEC 1 uncompressed (65 or 97 bytes), RSA numbers big-endian without leading zeros. */
export type PublicKey =
  | { readonly kind: "ec"; readonly curve: EcCurve; readonly point: Uint8Array }
  | { readonly kind: "rsa"; readonly modulus: Uint8Array; readonly exponent: Uint8Array };

/** How a signature was made. ECDSA signatures are DER `SEQUENCE { r, s }` (RFC 3279 §2.2.3). */
export type SignatureScheme =
  | { readonly kind: "ecdsa"; readonly hash: HashName }
  | { readonly kind: "rsa-pkcs1"; readonly hash: HashName }
  | { readonly kind: "rsa-pss"; readonly hash: HashName };

/** A running hash. `digest` may be read at any point and does not end it: TLS transcripts need that. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** A key of HMAC for several messages: what it costs by itself is paid once. */
export interface HmacKey {
  mac(message: Uint8Array): Uint8Array;
  /** Overwrites what was made of the key; nothing can be computed afterwards. */
  forget(): void;
}

/** One AEAD key. Nonces are 12 bytes and must never repeat under one key. */
export interface Aead {
  /** Bytes the tag adds: 16, or 8 for CCM_8. */
  readonly tagLength: number;
  /** Ciphertext with the tag behind it. */
  seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** The plaintext, or null where the tag does not hold. */
  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}

/** One record number key of DTLS 1.3. */
export interface RecordNumberCipher {
  /**
   * The mask for one record, of which as many leading octets are used as the
   * record number has on the wire: 1 or 2.
   *
   * @param sample - The first 16 octets of the record's ciphertext. For
   *   ChaCha20 they are the block counter, little-endian, and the nonce.
   * @returns 16 octets: the AES block, or the beginning of the ChaCha20 block.
   * @throws RangeError when the sample has another length.
   */
  mask(sample: Uint8Array): Uint8Array;
}

/** An ephemeral key for one agreement. */
export interface EcdhKey {
  /** SEC 1 uncompressed point, or 32 bytes for X25519. */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret: the x coordinate (32 or 48 bytes), or 32 bytes for X25519.
   * Null for a point not on the curve, compressed, of the wrong length or at
   * infinity, and for an all-zero X25519 result (RFC 8422 §5.11, RFC 7748 §6.1).
   */
  agree(peerPublicKey: Uint8Array): Uint8Array | null;
}

/** A private key that signs with ECDSA. It never shows its scalar. */
export interface SigningKey {
  readonly publicKey: PublicKey & { readonly kind: "ec" };
  /**
   * A DER ECDSA signature over `hash(message)`. The nonce is derived as in
   * RFC 6979 §3.2 with 32 bytes of `random` as additional data (§3.6), so it is
   * safe with a broken random source and against faults; without `random` it is
   * plain RFC 6979.
   */
  sign(hash: HashName, message: Uint8Array, random: RandomSource | null): Uint8Array;
}

/**
 * The group of P-256, for the key update, whose keys are products and sums of
 * others. Points are SEC 1 uncompressed (65 octets), scalars 32 octets in
 * [1, n-1]; every method throws RangeError for another scalar. The cofactor is
 * one and n is prime: a product of such is never infinity.
 */
export interface PointArithmetic {
  /** scalar·G. */
  base(scalar: Uint8Array): Uint8Array;
  /** scalar·point, or null where `point` is none of the curve's. */
  multiply(point: Uint8Array, scalar: Uint8Array): Uint8Array | null;
  /** a + b, or null where that is infinity or one of them is none of the curve's. */
  add(a: Uint8Array, b: Uint8Array): Uint8Array | null;
  /**
   * Whether the point is j·G with 0 < |j| ≤ `bound`, so that anybody finds its
   * scalar; up to 512 more on either side may be told too. Costs as much as a
   * few multiplications for 2^16, and grows with `bound`.
   */
  isSmallMultiple(point: Uint8Array, bound: number): boolean;
}

export interface Crypto {
  /** For figures and logs: `noble`, `node`. */
  readonly name: string;
  hasher(hash: HashName): Hasher;
  digest(hash: HashName, message: Uint8Array): Uint8Array;
  /** The digest of the digest and so on, `rounds` in all, as PKCS#12 makes its keys (RFC 7292 §B.2). */
  digestRounds(hash: HashName, message: Uint8Array, rounds: number): Uint8Array;
  hmac(hash: HashName, key: Uint8Array, message: Uint8Array): Uint8Array;
  /** @param key - Borrowed: it stays as it is until it is forgotten. */
  hmacKey(hash: HashName, key: Uint8Array): HmacKey;
  /** @throws RangeError when the key's length does not fit the algorithm. */
  aead(algorithm: AeadName, key: Uint8Array): Aead;
  /**
   * Record number encryption (RFC 9147 §4.2.3; the same masks as QUIC's, RFC
   * 9001 §5.4.3 and §5.4.4). The key is copied.
   *
   * @param key - `sn_key`: 16 bytes for AES-128, 32 for AES-256 and ChaCha20.
   * @throws RangeError when the key's length does not fit the algorithm.
   */
  recordNumberCipher(algorithm: RecordNumberCipherName, key: Uint8Array): RecordNumberCipher;
  /** PBKDF2 (RFC 8018 §5.2), for PKCS#12 only. */
  pbkdf2(
    hash: HashName,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
  ): Uint8Array;
  /** AES-256-CBC with PKCS#7 padding, for PBES2 in PKCS#8 and PKCS#12 only. `iv` is 16 bytes. */
  aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Null where the padding does not hold. */
  aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | null;
  ecdhKey(group: EcdhGroup, random: RandomSource): EcdhKey;
  /** A new private scalar, 32 or 48 bytes big-endian, uniform in [1, n-1]. */
  generateScalar(curve: EcCurve, random: RandomSource): Uint8Array;
  /** @throws RangeError when the scalar is not in [1, n-1]. */
  signingKey(curve: EcCurve, scalar: Uint8Array): SigningKey;
  readonly p256: PointArithmetic;
  /** Whether `point` is a valid uncompressed point of the curve and not infinity. */
  isOnCurve(curve: EcCurve, point: Uint8Array): boolean;
  /**
   * False for every defect: wrong signature, r or s out of range, not DER,
   * trailing octets, a key that does not fit the scheme, RSA below 2048 bits.
   */
  verify(
    scheme: SignatureScheme,
    key: PublicKey,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
}
