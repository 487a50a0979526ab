/**
 * AES-CCM with a 12-byte nonce (RFC 3610 with L = 3; RFC 6655), which the
 * libraries below leave out: CBC-MAC over the plaintext, then counter mode over
 * both. The block cipher is @noble/ciphers'.
 */
import { unsafe } from "@noble/ciphers/aes.js";
import { concat, sameBytes, Writer } from "../bytes.ts";
import { MAX_CCM_LENGTH, NONCE_LENGTH, requireLength } from "./lengths.ts";
import type { Aead } from "./crypto.ts";

const BLOCK = 16;
/** L: octets of the length and counter fields. */
const LENGTH_OCTETS = 3;
const EMPTY = new Uint8Array();

/** One key, worked up. */
export class Ccm implements Aead {
  readonly tagLength: 8 | 16;
  readonly #roundKeys: Uint32Array;

  /** @param key - 16 or 32 bytes. */
  constructor(key: Uint8Array, tagLength: 8 | 16) {
    this.tagLength = tagLength;
    this.#roundKeys = unsafe.expandKeyLE(key);
  }

  seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireLength("a CCM nonce", nonce, NONCE_LENGTH);
    if (plaintext.length > MAX_CCM_LENGTH) {
      throw new RangeError(`${plaintext.length} octets are too many for one CCM message`);
    }
    const mac = this.#mac(nonce, associated, plaintext);
    const { tag, text } = applyCounter(this.#roundKeys, nonce, mac, plaintext);
    return concat(text, tag.subarray(0, this.tagLength));
  }

  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    requireLength("a CCM nonce", nonce, NONCE_LENGTH);
    const length = sealed.length - this.tagLength;
    if (length < 0 || length > MAX_CCM_LENGTH) return null;

    const nothing = new Uint8Array(BLOCK);
    const masked = sealed.subarray(0, length);
    const { tag: mask, text } = applyCounter(this.#roundKeys, nonce, nothing, masked);
    const mac = this.#mac(nonce, associated, text);
    const expected = mac.map((octet, at) => octet ^ mask[at]!).subarray(0, this.tagLength);
    if (sameBytes(expected, sealed.subarray(length))) return text;
    text.fill(0);
    return null;
  }

  #mac(nonce: Uint8Array, associated: Uint8Array, text: Uint8Array): Uint8Array {
    const first = firstBlock(nonce, associated, text, this.tagLength);
    return cbcMac(this.#roundKeys, first, [associatedBlocks(associated), text]);
  }
}

/** B_0 (RFC 3610 §2.2). */
function firstBlock(
  nonce: Uint8Array,
  associated: Uint8Array,
  plaintext: Uint8Array,
  tagLength: number,
): Uint8Array {
  const flags = (associated.length > 0 ? 64 : 0) + 8 * ((tagLength - 2) / 2) + (LENGTH_OCTETS - 1);
  return new Writer().u8(flags).raw(nonce).u24(plaintext.length).bytes();
}

/** The associated octets behind their length (RFC 3610 §2.2). */
function associatedBlocks(associated: Uint8Array): Uint8Array {
  if (associated.length === 0) return EMPTY;
  const written = new Writer();
  if (associated.length < 0xff00) written.u16(associated.length);
  else written.u16(0xfffe).u32(associated.length);
  return written.raw(associated).bytes();
}

/** T before it is cut: `parts` are each filled up with zeros to whole blocks. */
function cbcMac(
  roundKeys: Uint32Array,
  first: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array {
  const state = Uint8Array.from(first);
  unsafe.encryptBlock(roundKeys, state);
  for (const part of parts) {
    for (let start = 0; start < part.length; start += BLOCK) {
      const end = Math.min(part.length, start + BLOCK);
      for (let at = start; at < end; at++) state[at - start]! ^= part[at]!;
      unsafe.encryptBlock(roundKeys, state);
    }
  }
  return state;
}

/** Counter mode (RFC 3610 §2.3): the MAC under A_0, the text under A_1 and on. */
function applyCounter(
  roundKeys: Uint32Array,
  nonce: Uint8Array,
  mac: Uint8Array,
  text: Uint8Array,
): { readonly tag: Uint8Array; readonly text: Uint8Array } {
  const counter = concat(Uint8Array.of(LENGTH_OCTETS - 1), nonce, new Uint8Array(LENGTH_OCTETS));
  const tag = unsafe.ctrCounter(roundKeys, counter, mac);
  // Copied, for the cipher reads whole words and wants them aligned. It left the counter at A_1,
  // and the longest message does not reach beyond the counter's three octets.
  return { tag, text: unsafe.ctrCounter(roundKeys, counter, Uint8Array.from(text)) };
}
