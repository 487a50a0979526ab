/**
 * What both sides look at before they rely on it: shares, nonces, and the new
 * key. A point and its opposite count as one, for they differ in a sign that
 * whoever sees a signature can turn (r, s) around by.
 */
import { hex, sameBytes } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { KeyUpdateFailure } from "./failure.ts";

/** The x coordinate of the generator of P-256 (SEC 2 §2.4.2). */
const GENERATOR_X = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");

/** Equal octets in a row that make a nonce trivial: SP 800-90B §4.4.1 at 8 bits an octet and 2^-20. */
const REPETITIONS = 4;

/** Distinct octets that a nonce of 32 has more of, but for 2^-23.8 of all. */
const FEW_DISTINCT = 21;

/** Octets of a fingerprint: no two values meet by chance in 2^64 of them. */
export const FINGERPRINT_LENGTH = 16;

/** What is remembered of a share, nonce or key, to know it again without keeping it. */
export function fingerprint(crypto: Crypto, octets: Uint8Array): Uint8Array {
  return crypto.digest("sha256", octets).slice(0, FINGERPRINT_LENGTH);
}

/** Whether the points are one, or opposite: their x coordinates are the same. */
export function sameUpToSign(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(xOf(a), xOf(b));
}

function xOf(point: Uint8Array): Uint8Array {
  return point.subarray(1, 33);
}

/**
 * Checks a share received.
 *
 * @param own - the receiver's own share
 * @param deviceKey - D, the device's present key
 * @throws KeyUpdateFailure `off-curve`, `own-share`, `share-is-device-key`, `share-is-generator`
 * @see SP 800-56A r3 §5.6.2.3.3; the cofactor is one
 */
export function checkShare(
  crypto: Crypto,
  point: Uint8Array,
  own: Uint8Array,
  deviceKey: Uint8Array,
): void {
  if (!crypto.isOnCurve("P-256", point)) throw new KeyUpdateFailure("off-curve");
  if (sameUpToSign(point, own)) throw new KeyUpdateFailure("own-share");
  if (sameUpToSign(point, deviceKey)) throw new KeyUpdateFailure("share-is-device-key");
  if (sameBytes(xOf(point), GENERATOR_X)) throw new KeyUpdateFailure("share-is-generator");
}

/**
 * Whether a nonce of 32 octets is one that a working source gives next to
 * never. No more can be told from a single one.
 */
export function isTrivialNonce(nonce: Uint8Array): boolean {
  const counts = new Set(nonce);
  if (counts.size <= FEW_DISTINCT) return true;
  let run = 0;
  return nonce.some((octet, at) => {
    run = octet === nonce[at - 1] ? run + 1 : 1;
    return run >= REPETITIONS;
  });
}

/**
 * Checks the new key, D2 = k·D [+ R].
 *
 * @param key - null for infinity
 * @throws KeyUpdateFailure `new-key-is-infinity`, `new-key-is-old`, `new-key-is-generator`
 */
export function checkNewKey(key: Uint8Array | null, deviceKey: Uint8Array): Uint8Array {
  if (key === null) throw new KeyUpdateFailure("new-key-is-infinity");
  if (sameUpToSign(key, deviceKey)) throw new KeyUpdateFailure("new-key-is-old");
  if (sameBytes(xOf(key), GENERATOR_X)) throw new KeyUpdateFailure("new-key-is-generator");
  return key;
}
