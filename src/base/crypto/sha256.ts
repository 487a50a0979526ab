/**
 * SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104), written for an engine that
 * interprets: there the library's takes more than twice as long (DECISIONS). Such
 * an engine is slow at calling functions and at numbers beyond 32 bits with a
 * sign. So sixteen rounds stand written out, the eight working variables change
 * their roles instead of their places, words are signed, and a sum is cut once.
 *
 * Nothing here branches on what is hashed or looks a table up by it.
 */
import type { Hasher, HmacKey } from "./crypto.ts";

const BLOCK_LENGTH = 64;
const DIGEST_LENGTH = 32;
const DIGEST_WORDS = 8;
/** Where a last block's length begins (FIPS 180-4 §5.1.1). */
const LENGTH_AT = 56;

/** FIPS 180-4 §4.2.2 */
// prettier-ignore
const K: Int32Array = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

/** FIPS 180-4 §5.3.3 */
// prettier-ignore
const INITIAL: Int32Array = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

/** What every call works in and leaves empty: a call ends before the next begins. */
const WORDS = new Int32Array(16);
const STATE = new Int32Array(DIGEST_WORDS);
const LAST = new Uint8Array(BLOCK_LENGTH);

export function sha256(message: Uint8Array): Uint8Array {
  STATE.set(INITIAL);
  finish(STATE, absorb(STATE, message, 0), message.length);
  return takeDigest();
}

/** A running SHA-256. */
export class Sha256 implements Hasher {
  readonly #state = INITIAL.slice();
  /** Octets that do not fill a block yet. */
  readonly #pending = new Uint8Array(BLOCK_LENGTH);
  #length = 0;

  update(bytes: Uint8Array): void {
    const pending = this.#length % BLOCK_LENGTH;
    this.#length += bytes.length;
    if (pending + bytes.length < BLOCK_LENGTH) {
      this.#pending.set(bytes, pending);
      return;
    }
    let from = 0;
    if (pending > 0) {
      from = BLOCK_LENGTH - pending;
      this.#pending.set(bytes.subarray(0, from), pending);
      absorb(this.#state, this.#pending, 0);
    }
    this.#pending.set(absorb(this.#state, bytes, from));
    clear();
  }

  digest(): Uint8Array {
    STATE.set(this.#state);
    finish(STATE, this.#pending.subarray(0, this.#length % BLOCK_LENGTH), this.#length);
    return takeDigest();
  }
}

/** See {@link HmacKey}. The two hashes have taken the padded key in already, and wait for what follows. */
export class HmacSha256 implements HmacKey {
  readonly #inner = INITIAL.slice();
  readonly #outer = INITIAL.slice();

  constructor(key: Uint8Array) {
    const block = new Uint8Array(BLOCK_LENGTH);
    block.set(key.length > BLOCK_LENGTH ? sha256(key) : key);
    load(block, 0);
    block.fill(0);
    for (let at = 0; at < WORDS.length; at++) WORDS[at]! ^= 0x36363636;
    compress(this.#inner);
    for (let at = 0; at < WORDS.length; at++) WORDS[at]! ^= 0x36363636 ^ 0x5c5c5c5c;
    compress(this.#outer);
    clear();
  }

  mac(message: Uint8Array): Uint8Array {
    STATE.set(this.#inner);
    finish(STATE, absorb(STATE, message, 0), BLOCK_LENGTH + message.length);
    WORDS.set(STATE);
    WORDS.fill(0, DIGEST_WORDS);
    WORDS[DIGEST_WORDS] = 0x80000000;
    WORDS[15] = 8 * (BLOCK_LENGTH + DIGEST_LENGTH);
    STATE.set(this.#outer);
    compress(STATE);
    return takeDigest();
  }

  forget(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }
}

/** Takes in all whole blocks from `from` on. @returns the octets left over, borrowed */
function absorb(state: Int32Array, bytes: Uint8Array, from: number): Uint8Array {
  let at = from;
  for (; at + BLOCK_LENGTH <= bytes.length; at += BLOCK_LENGTH) {
    load(bytes, at);
    compress(state);
  }
  return bytes.subarray(at);
}

/** Takes in the last octets and the padding (FIPS 180-4 §5.1.1). @param length - Of all that was hashed. */
function finish(state: Int32Array, rest: Uint8Array, length: number): void {
  LAST.fill(0);
  LAST.set(rest);
  LAST[rest.length] = 0x80;
  load(LAST, 0);
  if (rest.length >= LENGTH_AT) {
    compress(state);
    WORDS.fill(0);
  }
  WORDS[14] = Math.floor(length / 2 ** 29);
  WORDS[15] = length << 3;
  compress(state);
}

/** The digest that stands in {@link STATE}. */
function takeDigest(): Uint8Array {
  const digest = new Uint8Array(DIGEST_LENGTH);
  for (let at = 0, to = 0; at < DIGEST_WORDS; at++) {
    const word = STATE[at]!;
    digest[to++] = word >> 24;
    digest[to++] = word >> 16;
    digest[to++] = word >> 8;
    digest[to++] = word;
  }
  clear();
  return digest;
}

/** What was hashed may be secret. */
function clear(): void {
  WORDS.fill(0);
  STATE.fill(0);
  LAST.fill(0);
}

/** The words of one block, to be compressed. */
function load(bytes: Uint8Array, from: number): void {
  for (let word = 0, at = from; word < 16; word++, at += 4) {
    WORDS[word] =
      (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
}

/** Takes the block in {@link WORDS} into `state` (FIPS 180-4 §6.2.2). The sixteen variables are the schedule's last words. */
// prettier-ignore
function compress(state: Int32Array): void {
  const W = WORDS;
  let w0 = W[0]!, w1 = W[1]!, w2 = W[2]!, w3 = W[3]!, w4 = W[4]!, w5 = W[5]!, w6 = W[6]!, w7 = W[7]!;
  let w8 = W[8]!, w9 = W[9]!, w10 = W[10]!, w11 = W[11]!, w12 = W[12]!, w13 = W[13]!, w14 = W[14]!, w15 = W[15]!;
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  const k256 = K;
  for (let k = 0, t = 0; ; k += 16) {
    t = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7))
      + (g ^ e & (f ^ g)) + k256[k]! + w0;
    d = d + t | 0;
    h = t + ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b | c & (a | b)) | 0;
    t = g + ((d >>> 6 | d << 26) ^ (d >>> 11 | d << 21) ^ (d >>> 25 | d << 7))
      + (f ^ d & (e ^ f)) + k256[k + 1]! + w1;
    c = c + t | 0;
    g = t + ((h >>> 2 | h << 30) ^ (h >>> 13 | h << 19) ^ (h >>> 22 | h << 10)) + (h & a | b & (h | a)) | 0;
    t = f + ((c >>> 6 | c << 26) ^ (c >>> 11 | c << 21) ^ (c >>> 25 | c << 7))
      + (e ^ c & (d ^ e)) + k256[k + 2]! + w2;
    b = b + t | 0;
    f = t + ((g >>> 2 | g << 30) ^ (g >>> 13 | g << 19) ^ (g >>> 22 | g << 10)) + (g & h | a & (g | h)) | 0;
    t = e + ((b >>> 6 | b << 26) ^ (b >>> 11 | b << 21) ^ (b >>> 25 | b << 7))
      + (d ^ b & (c ^ d)) + k256[k + 3]! + w3;
    a = a + t | 0;
    e = t + ((f >>> 2 | f << 30) ^ (f >>> 13 | f << 19) ^ (f >>> 22 | f << 10)) + (f & g | h & (f | g)) | 0;
    t = d + ((a >>> 6 | a << 26) ^ (a >>> 11 | a << 21) ^ (a >>> 25 | a << 7))
      + (c ^ a & (b ^ c)) + k256[k + 4]! + w4;
    h = h + t | 0;
    d = t + ((e >>> 2 | e << 30) ^ (e >>> 13 | e << 19) ^ (e >>> 22 | e << 10)) + (e & f | g & (e | f)) | 0;
    t = c + ((h >>> 6 | h << 26) ^ (h >>> 11 | h << 21) ^ (h >>> 25 | h << 7))
      + (b ^ h & (a ^ b)) + k256[k + 5]! + w5;
    g = g + t | 0;
    c = t + ((d >>> 2 | d << 30) ^ (d >>> 13 | d << 19) ^ (d >>> 22 | d << 10)) + (d & e | f & (d | e)) | 0;
    t = b + ((g >>> 6 | g << 26) ^ (g >>> 11 | g << 21) ^ (g >>> 25 | g << 7))
      + (a ^ g & (h ^ a)) + k256[k + 6]! + w6;
    f = f + t | 0;
    b = t + ((c >>> 2 | c << 30) ^ (c >>> 13 | c << 19) ^ (c >>> 22 | c << 10)) + (c & d | e & (c | d)) | 0;
    t = a + ((f >>> 6 | f << 26) ^ (f >>> 11 | f << 21) ^ (f >>> 25 | f << 7))
      + (h ^ f & (g ^ h)) + k256[k + 7]! + w7;
    e = e + t | 0;
    a = t + ((b >>> 2 | b << 30) ^ (b >>> 13 | b << 19) ^ (b >>> 22 | b << 10)) + (b & c | d & (b | c)) | 0;
    t = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7))
      + (g ^ e & (f ^ g)) + k256[k + 8]! + w8;
    d = d + t | 0;
    h = t + ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b | c & (a | b)) | 0;
    t = g + ((d >>> 6 | d << 26) ^ (d >>> 11 | d << 21) ^ (d >>> 25 | d << 7))
      + (f ^ d & (e ^ f)) + k256[k + 9]! + w9;
    c = c + t | 0;
    g = t + ((h >>> 2 | h << 30) ^ (h >>> 13 | h << 19) ^ (h >>> 22 | h << 10)) + (h & a | b & (h | a)) | 0;
    t = f + ((c >>> 6 | c << 26) ^ (c >>> 11 | c << 21) ^ (c >>> 25 | c << 7))
      + (e ^ c & (d ^ e)) + k256[k + 10]! + w10;
    b = b + t | 0;
    f = t + ((g >>> 2 | g << 30) ^ (g >>> 13 | g << 19) ^ (g >>> 22 | g << 10)) + (g & h | a & (g | h)) | 0;
    t = e + ((b >>> 6 | b << 26) ^ (b >>> 11 | b << 21) ^ (b >>> 25 | b << 7))
      + (d ^ b & (c ^ d)) + k256[k + 11]! + w11;
    a = a + t | 0;
    e = t + ((f >>> 2 | f << 30) ^ (f >>> 13 | f << 19) ^ (f >>> 22 | f << 10)) + (f & g | h & (f | g)) | 0;
    t = d + ((a >>> 6 | a << 26) ^ (a >>> 11 | a << 21) ^ (a >>> 25 | a << 7))
      + (c ^ a & (b ^ c)) + k256[k + 12]! + w12;
    h = h + t | 0;
    d = t + ((e >>> 2 | e << 30) ^ (e >>> 13 | e << 19) ^ (e >>> 22 | e << 10)) + (e & f | g & (e | f)) | 0;
    t = c + ((h >>> 6 | h << 26) ^ (h >>> 11 | h << 21) ^ (h >>> 25 | h << 7))
      + (b ^ h & (a ^ b)) + k256[k + 13]! + w13;
    g = g + t | 0;
    c = t + ((d >>> 2 | d << 30) ^ (d >>> 13 | d << 19) ^ (d >>> 22 | d << 10)) + (d & e | f & (d | e)) | 0;
    t = b + ((g >>> 6 | g << 26) ^ (g >>> 11 | g << 21) ^ (g >>> 25 | g << 7))
      + (a ^ g & (h ^ a)) + k256[k + 14]! + w14;
    f = f + t | 0;
    b = t + ((c >>> 2 | c << 30) ^ (c >>> 13 | c << 19) ^ (c >>> 22 | c << 10)) + (c & d | e & (c | d)) | 0;
    t = a + ((f >>> 6 | f << 26) ^ (f >>> 11 | f << 21) ^ (f >>> 25 | f << 7))
      + (h ^ f & (g ^ h)) + k256[k + 15]! + w15;
    e = e + t | 0;
    a = t + ((b >>> 2 | b << 30) ^ (b >>> 13 | b << 19) ^ (b >>> 22 | b << 10)) + (b & c | d & (b | c)) | 0;
    if (k === 48) break;
    w0 = w0 + ((w1 >>> 7 | w1 << 25) ^ (w1 >>> 18 | w1 << 14) ^ w1 >>> 3)
      + w9 + ((w14 >>> 17 | w14 << 15) ^ (w14 >>> 19 | w14 << 13) ^ w14 >>> 10) | 0;
    w1 = w1 + ((w2 >>> 7 | w2 << 25) ^ (w2 >>> 18 | w2 << 14) ^ w2 >>> 3)
      + w10 + ((w15 >>> 17 | w15 << 15) ^ (w15 >>> 19 | w15 << 13) ^ w15 >>> 10) | 0;
    w2 = w2 + ((w3 >>> 7 | w3 << 25) ^ (w3 >>> 18 | w3 << 14) ^ w3 >>> 3)
      + w11 + ((w0 >>> 17 | w0 << 15) ^ (w0 >>> 19 | w0 << 13) ^ w0 >>> 10) | 0;
    w3 = w3 + ((w4 >>> 7 | w4 << 25) ^ (w4 >>> 18 | w4 << 14) ^ w4 >>> 3)
      + w12 + ((w1 >>> 17 | w1 << 15) ^ (w1 >>> 19 | w1 << 13) ^ w1 >>> 10) | 0;
    w4 = w4 + ((w5 >>> 7 | w5 << 25) ^ (w5 >>> 18 | w5 << 14) ^ w5 >>> 3)
      + w13 + ((w2 >>> 17 | w2 << 15) ^ (w2 >>> 19 | w2 << 13) ^ w2 >>> 10) | 0;
    w5 = w5 + ((w6 >>> 7 | w6 << 25) ^ (w6 >>> 18 | w6 << 14) ^ w6 >>> 3)
      + w14 + ((w3 >>> 17 | w3 << 15) ^ (w3 >>> 19 | w3 << 13) ^ w3 >>> 10) | 0;
    w6 = w6 + ((w7 >>> 7 | w7 << 25) ^ (w7 >>> 18 | w7 << 14) ^ w7 >>> 3)
      + w15 + ((w4 >>> 17 | w4 << 15) ^ (w4 >>> 19 | w4 << 13) ^ w4 >>> 10) | 0;
    w7 = w7 + ((w8 >>> 7 | w8 << 25) ^ (w8 >>> 18 | w8 << 14) ^ w8 >>> 3)
      + w0 + ((w5 >>> 17 | w5 << 15) ^ (w5 >>> 19 | w5 << 13) ^ w5 >>> 10) | 0;
    w8 = w8 + ((w9 >>> 7 | w9 << 25) ^ (w9 >>> 18 | w9 << 14) ^ w9 >>> 3)
      + w1 + ((w6 >>> 17 | w6 << 15) ^ (w6 >>> 19 | w6 << 13) ^ w6 >>> 10) | 0;
    w9 = w9 + ((w10 >>> 7 | w10 << 25) ^ (w10 >>> 18 | w10 << 14) ^ w10 >>> 3)
      + w2 + ((w7 >>> 17 | w7 << 15) ^ (w7 >>> 19 | w7 << 13) ^ w7 >>> 10) | 0;
    w10 = w10 + ((w11 >>> 7 | w11 << 25) ^ (w11 >>> 18 | w11 << 14) ^ w11 >>> 3)
      + w3 + ((w8 >>> 17 | w8 << 15) ^ (w8 >>> 19 | w8 << 13) ^ w8 >>> 10) | 0;
    w11 = w11 + ((w12 >>> 7 | w12 << 25) ^ (w12 >>> 18 | w12 << 14) ^ w12 >>> 3)
      + w4 + ((w9 >>> 17 | w9 << 15) ^ (w9 >>> 19 | w9 << 13) ^ w9 >>> 10) | 0;
    w12 = w12 + ((w13 >>> 7 | w13 << 25) ^ (w13 >>> 18 | w13 << 14) ^ w13 >>> 3)
      + w5 + ((w10 >>> 17 | w10 << 15) ^ (w10 >>> 19 | w10 << 13) ^ w10 >>> 10) | 0;
    w13 = w13 + ((w14 >>> 7 | w14 << 25) ^ (w14 >>> 18 | w14 << 14) ^ w14 >>> 3)
      + w6 + ((w11 >>> 17 | w11 << 15) ^ (w11 >>> 19 | w11 << 13) ^ w11 >>> 10) | 0;
    w14 = w14 + ((w15 >>> 7 | w15 << 25) ^ (w15 >>> 18 | w15 << 14) ^ w15 >>> 3)
      + w7 + ((w12 >>> 17 | w12 << 15) ^ (w12 >>> 19 | w12 << 13) ^ w12 >>> 10) | 0;
    w15 = w15 + ((w0 >>> 7 | w0 << 25) ^ (w0 >>> 18 | w0 << 14) ^ w0 >>> 3)
      + w8 + ((w13 >>> 17 | w13 << 15) ^ (w13 >>> 19 | w13 << 13) ^ w13 >>> 10) | 0;
  }
  state[0] = a + state[0]! | 0;
  state[1] = b + state[1]! | 0;
  state[2] = c + state[2]! | 0;
  state[3] = d + state[3]! | 0;
  state[4] = e + state[4]! | 0;
  state[5] = f + state[5]! | 0;
  state[6] = g + state[6]! | 0;
  state[7] = h + state[7]! | 0;
}
