/**
 * RSA signature verification (RFC 8017): PKCS#1 v1.5 and PSS. Nothing secret
 * passes through here. The encoded message is built anew and compared whole;
 * parsing it is what let forged signatures with e = 3 through elsewhere.
 */
import { concat, hex, sameBytes, toHex, Writer } from "../bytes.ts";
import type { Crypto, HashName, PublicKey } from "./crypto.ts";

export type RsaPublicKey = PublicKey & { readonly kind: "rsa" };
/** MD5 makes no signatures: those it made can be forged. */
export type SignatureHash = Exclude<HashName, "md5">;

const MIN_MODULUS_BITS = 2048;
/** What one verification may cost: 8192 bits take as long as some sixty of 2048. */
const MAX_MODULUS_BITS = 8192;
/** The largest Fermat number seen in use; a longer exponent only buys the sender our time. */
const MAX_EXPONENT = 2n ** 32n + 1n;

/** DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<SignatureHash, Uint8Array>> = {
  sha1: hex("30213009 06052b0e03021a 0500 0414"),
  sha256: hex("3031300d 0609608648016503040201 0500 0420"),
  sha384: hex("3041300d 0609608648016503040202 0500 0430"),
  sha512: hex("3051300d 0609608648016503040203 0500 0440"),
};

/**
 * Whether the key is one we verify with: 2048 to 8192 bits, odd, without
 * leading zeros; the exponent odd, at least 3, at most 2^32 + 1.
 */
export function isRsaKey(key: RsaPublicKey): boolean {
  const { modulus, exponent } = key;
  if (modulus.length > MAX_MODULUS_BITS / 8 || modulusBits(modulus) < MIN_MODULUS_BITS) {
    return false;
  }
  if (modulus[modulus.length - 1]! % 2 === 0) return false;
  if (exponent.length === 0 || exponent.length > 5 || exponent[0] === 0) return false;
  const e = toBigInt(exponent);
  return e % 2n === 1n && e >= 3n && e <= MAX_EXPONENT;
}

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2). False for every defect. */
export function verifyPkcs1(
  crypto: Pick<Crypto, "digest">,
  hash: SignatureHash,
  key: RsaPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recover(key, signature);
  if (encoded === null) return false;
  const digestInfo = concat(DIGEST_INFO[hash], crypto.digest(hash, message));
  const filler = new Uint8Array(encoded.length - digestInfo.length - 3).fill(0xff);
  const expected = new Writer().u16(0x0001).raw(filler).u8(0).raw(digestInfo).bytes();
  return sameBytes(encoded, expected);
}

/**
 * RSASSA-PSS (RFC 8017 §8.1.2) with MGF1 over the same hash and a salt as long
 * as it, which is all TLS allows (RFC 8446 §4.2.3). False for every defect.
 */
export function verifyPss(
  crypto: Pick<Crypto, "digest">,
  hash: SignatureHash,
  key: RsaPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const recovered = recover(key, signature);
  if (recovered === null) return false;

  // The encoded message is one bit shorter than the modulus, and so at times one octet (§8.1.2, step 2c).
  const encodedBits = modulusBits(key.modulus) - 1;
  const encodedLength = Math.ceil(encodedBits / 8);
  if (recovered.length > encodedLength && recovered[0] !== 0) return false;
  const encoded = recovered.subarray(recovered.length - encodedLength);

  const digest = crypto.digest(hash, message);
  const maskedLength = encodedLength - digest.length - 1;
  const masked = encoded.subarray(0, maskedLength);
  const seed = encoded.subarray(maskedLength, maskedLength + digest.length);
  const unused = 8 * encodedLength - encodedBits;
  if (masked[0]! >> (8 - unused) !== 0 || encoded[encodedLength - 1] !== 0xbc) return false;

  const mask = mgf1(crypto, hash, seed, maskedLength);
  const block = masked.map((octet, at) => octet ^ mask[at]!);
  block[0]! &= 0xff >> unused;
  const salt = block.subarray(maskedLength - digest.length);
  const fixed = new Uint8Array(maskedLength - digest.length);
  fixed[fixed.length - 1] = 0x01;
  if (!sameBytes(block.subarray(0, fixed.length), fixed)) return false;

  return sameBytes(seed, crypto.digest(hash, concat(new Uint8Array(8), digest, salt)));
}

/** RSAVP1 and I2OSP (§5.2.2, §4.1): the encoded message at the modulus' length, or null. */
function recover(key: RsaPublicKey, signature: Uint8Array): Uint8Array | null {
  if (!isRsaKey(key) || signature.length !== key.modulus.length) return null;
  const n = toBigInt(key.modulus);
  const s = toBigInt(signature);
  if (s >= n) return null;
  return fromBigInt(powMod(s, toBigInt(key.exponent), n), key.modulus.length);
}

/** MGF1 (§B.2.1). */
function mgf1(
  crypto: Pick<Crypto, "digest">,
  hash: HashName,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const mask = new Writer();
  for (let counter = 0; mask.length < length; counter++) {
    mask.raw(crypto.digest(hash, new Writer().raw(seed).u32(counter).bytes()));
  }
  return mask.bytes().subarray(0, length);
}

/** Bits of the modulus; 0 where it is empty or has leading zeros. */
function modulusBits(modulus: Uint8Array): number {
  const first = modulus[0] ?? 0;
  return first === 0 ? 0 : 8 * (modulus.length - 1) + (32 - Math.clz32(first));
}

function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === "1") result = (result * base) % modulus;
  }
  return result;
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

function fromBigInt(number: bigint, length: number): Uint8Array {
  return hex(number.toString(16).padStart(2 * length, "0"));
}
