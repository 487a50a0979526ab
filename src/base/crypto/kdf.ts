/** Key derivation over a provider's HMAC: HKDF and the pseudorandom function of TLS 1.2. */
import { concat, utf8 } from "../bytes.ts";
import type { Crypto, HashName } from "./crypto.ts";

type Hmac = Pick<Crypto, "hmac">;

/**
 * HKDF-Extract (RFC 5869 §2.2).
 *
 * @returns As many bytes as the hash has. An empty salt is the same as one of zeros.
 */
export function hkdfExtract(
  crypto: Hmac,
  hash: HashName,
  salt: Uint8Array,
  inputKey: Uint8Array,
): Uint8Array {
  return crypto.hmac(hash, salt, inputKey);
}

/**
 * HKDF-Expand (RFC 5869 §2.3).
 *
 * @param length - Bytes wanted, at most 255 times the hash's length.
 * @throws RangeError for more.
 */
export function hkdfExpand(
  crypto: Hmac,
  hash: HashName,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  let previous: Uint8Array = new Uint8Array();
  for (let have = 0; have < length; have += previous.length) {
    if (blocks.length === 255) throw new RangeError(`HKDF cannot give ${length} octets`);
    const counter = Uint8Array.of(blocks.length + 1);
    previous = crypto.hmac(hash, pseudorandomKey, concat(previous, info, counter));
    blocks.push(previous);
  }
  return concat(...blocks).subarray(0, length);
}

/**
 * The pseudorandom function of TLS 1.2, P_hash(secret, label + seed).
 *
 * @param label - ASCII, without a closing zero.
 * @param length - Bytes wanted, any number.
 * @see RFC 5246 §5
 */
export function prfTls12(
  crypto: Hmac,
  hash: HashName,
  secret: Uint8Array,
  label: Uint8Array | string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelled = concat(typeof label === "string" ? utf8(label) : label, seed);
  const blocks: Uint8Array[] = [];
  let a = labelled;
  for (let have = 0; have < length; have += a.length) {
    a = crypto.hmac(hash, secret, a);
    blocks.push(crypto.hmac(hash, secret, concat(a, labelled)));
  }
  return concat(...blocks).subarray(0, length);
}
