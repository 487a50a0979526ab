/** Key derivation over a provider's HMAC: HKDF and the pseudorandom function of TLS 1.2. */
import { concat, utf8 } from "../bytes.ts";
import type { Crypto, HashName, HmacKey } from "./crypto.ts";

const EMPTY = new Uint8Array();

type Hmac = Pick<Crypto, "hmac">;
type Hmacs = Pick<Crypto, "hmacKey">;

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
  crypto: Hmacs,
  hash: HashName,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const key = crypto.hmacKey(hash, pseudorandomKey);
  const expanded = hkdfExpandFrom(key, info, length);
  key.forget();
  return expanded;
}

/** The same of a key that several are expanded from. @throws RangeError */
export function hkdfExpandFrom(
  pseudorandomKey: HmacKey,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  let previous: Uint8Array = EMPTY;
  for (let have = 0; have < length; have += previous.length) {
    if (blocks.length === 255) throw new RangeError(`HKDF cannot give ${length} octets`);
    const counter = Uint8Array.of(blocks.length + 1);
    previous = pseudorandomKey.mac(concat(previous, info, counter));
    // One is enough for all that TLS expands.
    if (previous.length === length && blocks.length === 0) return previous;
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
  crypto: Hmacs,
  hash: HashName,
  secret: Uint8Array,
  label: Uint8Array | string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const key = crypto.hmacKey(hash, secret);
  const output = prfTls12From(key, label, seed, length);
  key.forget();
  return output;
}

/** The same of a secret that more than one thing is derived from. */
export function prfTls12From(
  secret: HmacKey,
  label: Uint8Array | string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelled = concat(typeof label === "string" ? utf8(label) : label, seed);
  const blocks: Uint8Array[] = [];
  let a = labelled;
  for (let have = 0; have < length; have += a.length) {
    a = secret.mac(a);
    blocks.push(secret.mac(concat(a, labelled)));
  }
  return concat(...blocks).subarray(0, length);
}
