/**
 * AES-GCM with a 12-byte nonce (NIST SP 800-38D). The block cipher is
 * @noble/ciphers'; its GCM works a key up anew for every record, GHASH's table
 * and all, which costs an interpreter nine tenths of a small one (DECISIONS).
 *
 * GHASH looks up a table of 256 octets by what it hashes, as the block cipher
 * looks up one of its own: whoever shares this processor's cache may learn from
 * either. The library's GHASH does the same with larger tables.
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

/** What every call works in and leaves empty: a call ends before the next begins. */
const TABLE = new Int32Array(4 * 16);
const HASHED = new Int32Array(4);
const MASK = new Uint8Array(BLOCK);

/** What four bits that are shifted out at the end come back as at the beginning: multiples of x^128 (§6.3). */
// prettier-ignore
const REDUCED: Int32Array = Int32Array.of(
  0x00000000, 0x1c200000, 0x38400000, 0x24600000, 0x70800000, 0x6ca00000, 0x48c00000, 0x54e00000,
  0xe1000000, 0xfd200000, 0xd9400000, 0xc5600000, 0x91800000, 0x8da00000, 0xa9c00000, 0xb5e00000,
);

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
  const [n0, n1, n2] = [littleEndian(nonce, 0), littleEndian(nonce, 4), littleEndian(nonce, 8)];
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
    [s0, s1, s2, s3].forEach((word, index) => mask(MASK, 4 * index, word));
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
  TABLE.fill(0);
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

/** The key of GHASH, which is the cipher's block of zeros, times each polynomial of degree 3 at most. */
function tabulate(roundKeys: Uint32Array): void {
  const { s0, s1, s2, s3 } = unsafe.encrypt(roundKeys, 0, 0, 0, 0);
  let [h0, h1, h2, h3] = [swapped(s0), swapped(s1), swapped(s2), swapped(s3)];
  // The bits of a block are the coefficients, the lowest first: 8 stands for 1, and 1 for x^3.
  for (let one = 8; one >= 1; one >>= 1) {
    TABLE[4 * one] = h0;
    TABLE[4 * one + 1] = h1;
    TABLE[4 * one + 2] = h2;
    TABLE[4 * one + 3] = h3;
    const reduced = REDUCED[8]! & -(h3 & 1);
    h3 = (h3 >>> 1) | (h2 << 31);
    h2 = (h2 >>> 1) | (h1 << 31);
    h1 = (h1 >>> 1) | (h0 << 31);
    h0 = (h0 >>> 1) ^ reduced;
  }
  for (let high = 2; high <= 8; high *= 2) {
    for (let at = 4; at < 4 * high; at++)
      TABLE[4 * high + at] = TABLE[4 * high + (at & 3)]! ^ TABLE[at]!;
  }
}

/** Multiplies {@link HASHED} by the key, four bits at a time (§6.3). */
function multiply(): void {
  const [table, reduced] = [TABLE, REDUCED];
  let z0 = 0;
  let z1 = 0;
  let z2 = 0;
  let z3 = 0;
  for (let word = 3; word >= 0; word--) {
    const factor = HASHED[word]!;
    for (let bit = 0; bit < 32; bit += 4) {
      const entry = ((factor >>> bit) & 15) << 2;
      const out = z3 & 15;
      z3 = ((z3 >>> 4) | (z2 << 28)) ^ table[entry + 3]!;
      z2 = ((z2 >>> 4) | (z1 << 28)) ^ table[entry + 2]!;
      z1 = ((z1 >>> 4) | (z0 << 28)) ^ table[entry + 1]!;
      z0 = (z0 >>> 4) ^ reduced[out]! ^ table[entry]!;
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
