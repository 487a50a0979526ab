/**
 * AES-GCM with a 12-byte nonce (NIST SP 800-38D). The block cipher is
 * @noble/ciphers'; its GCM works a key up anew for every record, GHASH's table
 * and all, which costs an interpreter nine tenths of a small one (DECISIONS).
 *
 * GHASH looks up a table of 1 KiB by what it hashes, one of sixteen words that
 * stand within 64 octets, and the block cipher looks up larger ones of its own:
 * whoever shares this processor's cache may learn from either. The library's
 * GHASH does the same with entries further apart.
 */
import { unsafe } from "@noble/ciphers/aes.js";
import { sameBytes } from "../bytes.ts";
import type { Aead } from "./crypto.ts";
import { NONCE_LENGTH, requireLength } from "./lengths.ts";

const BLOCK = 16;
const TAG_LENGTH = 16;
/** The block counter of the tag's mask, and of the first block of text (§7.1). */
const TAG_COUNTER = 1;
const TEXT_COUNTER = 2;

/** Values of the four bits that a product is looked up by, and of all such parts of 16 bits. */
const VALUES = 16;
const ENTRIES: number = 4 * VALUES;

/** What every call works in and leaves empty: a call ends before the next begins. */
const TABLE_0 = new Int32Array(ENTRIES);
const TABLE_1 = new Int32Array(ENTRIES);
const TABLE_2 = new Int32Array(ENTRIES);
const TABLE_3 = new Int32Array(ENTRIES);
const HASHED = new Int32Array(4);
const MASK = new Uint8Array(BLOCK);

/** One key, worked up. */
export class Gcm implements Aead {
  readonly tagLength: number = TAG_LENGTH;
  readonly #roundKeys: Uint32Array;

  /** @param key - 16 or 32 bytes. */
  constructor(key: Uint8Array) {
    this.#roundKeys = unsafe.expandKeyLE(key);
  }

  seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireLength("a GCM nonce", nonce, NONCE_LENGTH);
    const sealed = new Uint8Array(plaintext.length + TAG_LENGTH);
    sealed.set(plaintext);
    const text = sealed.subarray(0, plaintext.length);
    applyCounter(this.#roundKeys, nonce, TEXT_COUNTER, text);
    const tag = sealed.subarray(plaintext.length);
    authenticate(this.#roundKeys, nonce, associated, text, tag);
    return sealed;
  }

  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    requireLength("a GCM nonce", nonce, NONCE_LENGTH);
    const length = sealed.length - TAG_LENGTH;
    if (length < 0) return null;
    const tag = new Uint8Array(TAG_LENGTH);
    authenticate(this.#roundKeys, nonce, associated, sealed.subarray(0, length), tag);
    if (!sameBytes(tag, sealed.subarray(length))) return null;
    const text = sealed.slice(0, length);
    applyCounter(this.#roundKeys, nonce, TEXT_COUNTER, text);
    return text;
  }
}

/** GCTR (§6.5), in place. */
function applyCounter(
  roundKeys: Uint32Array,
  nonce: Uint8Array,
  first: number,
  text: Uint8Array,
): void {
  const n0 = littleEndian(nonce, 0);
  const n1 = littleEndian(nonce, 4);
  const n2 = littleEndian(nonce, 8);
  for (let from = 0, counter = first; from < text.length; from += BLOCK, counter++) {
    const { s0, s1, s2, s3 } = unsafe.encrypt(roundKeys, n0, n1, n2, swapped(counter));
    if (from + BLOCK <= text.length) {
      mask(text, from, s0);
      mask(text, from + 4, s1);
      mask(text, from + 8, s2);
      mask(text, from + 12, s3);
      continue;
    }
    MASK.fill(0);
    mask(MASK, 0, s0);
    mask(MASK, 4, s1);
    mask(MASK, 8, s2);
    mask(MASK, 12, s3);
    for (let at = from; at < text.length; at++) text[at]! ^= MASK[at - from]!;
    MASK.fill(0);
  }
}

/** Writes the tag (§7.1, steps 4 to 6) into `tag`, which holds zeros. */
function authenticate(
  roundKeys: Uint32Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
): void {
  tabulate(roundKeys);
  hash(associated);
  hash(text);
  const [bitsHigh, bits] = [2 ** 29, 8];
  HASHED[0]! ^= Math.floor(associated.length / bitsHigh);
  HASHED[1]! ^= associated.length * bits;
  HASHED[2]! ^= Math.floor(text.length / bitsHigh);
  HASHED[3]! ^= text.length * bits;
  multiply();
  for (let word = 0; word < 4; word++) mask(tag, 4 * word, swapped(HASHED[word]!));
  applyCounter(roundKeys, nonce, TAG_COUNTER, tag);
  HASHED.fill(0);
  for (const table of [TABLE_0, TABLE_1, TABLE_2, TABLE_3]) table.fill(0);
}

/** GHASH (§6.4) over `bytes`, filled up with zeros to whole blocks. */
function hash(bytes: Uint8Array): void {
  const whole = bytes.length - (bytes.length % BLOCK);
  for (let from = 0; from < whole; from += BLOCK) hashBlock(bytes, from);
  if (whole === bytes.length) return;
  MASK.fill(0);
  MASK.set(bytes.subarray(whole));
  hashBlock(MASK, 0);
  MASK.fill(0);
}

function hashBlock(bytes: Uint8Array, from: number): void {
  for (let word = 0, at = from; word < 4; word++, at += 4) {
    HASHED[word]! ^=
      (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  multiply();
}

/**
 * The key of GHASH, which is the cipher's block of zeros, times each value that
 * each four of 16 bits can have: the words of a product in a table each. The
 * highest bit of 16 is the coefficient of 1, the lowest that of x^15.
 */
function tabulate(roundKeys: Uint32Array): void {
  const { s0, s1, s2, s3 } = unsafe.encrypt(roundKeys, 0, 0, 0, 0);
  let h0 = swapped(s0);
  let h1 = swapped(s1);
  let h2 = swapped(s2);
  let h3 = swapped(s3);
  for (let first = 0; first < ENTRIES; first += VALUES) {
    for (let bit = VALUES / 2; bit >= 1; bit >>= 1) {
      const entry = first + bit;
      TABLE_0[entry] = h0;
      TABLE_1[entry] = h1;
      TABLE_2[entry] = h2;
      TABLE_3[entry] = h3;
      // Times x. What comes out at the end comes back as x^128 = x^7 + x^2 + x + 1 (§6.3).
      const returned = 0xe1000000 & -(h3 & 1);
      h3 = (h3 >>> 1) | (h2 << 31);
      h2 = (h2 >>> 1) | (h1 << 31);
      h1 = (h1 >>> 1) | (h0 << 31);
      h0 = (h0 >>> 1) ^ returned;
    }
    addUp(TABLE_0, first);
    addUp(TABLE_1, first);
    addUp(TABLE_2, first);
    addUp(TABLE_3, first);
  }
}

/** The values of more than one bit, of those of one. */
function addUp(table: Int32Array, first: number): void {
  for (let bit = 2; bit < VALUES; bit *= 2) {
    const from = first + bit;
    const added = table[from]!;
    for (let lower = 1; lower < bit; lower++) table[from + lower] = added ^ table[first + lower]!;
  }
}

/** Multiplies {@link HASHED} by the key, 16 bits at a time, each of which the sum is shifted by. */
function multiply(): void {
  const table0 = TABLE_0;
  const table1 = TABLE_1;
  const table2 = TABLE_2;
  const table3 = TABLE_3;
  let z0 = 0;
  let z1 = 0;
  let z2 = 0;
  let z3 = 0;
  for (let half = 7; half >= 0; half--) {
    const out = z3 << 16;
    z3 = (z3 >>> 16) | (z2 << 16);
    z2 = (z2 >>> 16) | (z1 << 16);
    z1 = (z1 >>> 16) | (z0 << 16);
    z0 = (z0 >>> 16) ^ out ^ (out >>> 1) ^ (out >>> 2) ^ (out >>> 7);
    let factor = half & 1 ? HASHED[half >> 1]! : HASHED[half >> 1]! >>> 16;
    for (let first = ENTRIES - VALUES; first >= 0; first -= VALUES) {
      const entry = first + (factor & 15);
      z0 ^= table0[entry]!;
      z1 ^= table1[entry]!;
      z2 ^= table2[entry]!;
      z3 ^= table3[entry]!;
      factor >>>= 4;
    }
  }
  HASHED[0] = z0;
  HASHED[1] = z1;
  HASHED[2] = z2;
  HASHED[3] = z3;
}

/** The cipher's words are little-endian. */
function littleEndian(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function swapped(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

function mask(bytes: Uint8Array, at: number, word: number): void {
  bytes[at]! ^= word;
  bytes[at + 1]! ^= word >>> 8;
  bytes[at + 2]! ^= word >>> 16;
  bytes[at + 3]! ^= word >>> 24;
}
