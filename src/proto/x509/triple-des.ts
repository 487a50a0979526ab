/**
 * Triple DES in CBC mode, for one thing alone: PKCS#12 files for devices that
 * read no newer cipher. Nothing else may use it.
 *
 * @see NIST SP 800-67 revision 2 (TDEA); FIPS 46-3 (DES and its tables)
 */
import { concat } from "../../base/bytes.ts";

/** Octets of a block. */
export const BLOCK = 8;

/** Positions count from 1 and from the left, as FIPS 46-3 prints them. */
const numbers = (text: string): readonly number[] => text.trim().split(/\s+/u).map(Number);

const INITIAL = numbers(`
  58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8
  57 49 41 33 25 17  9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7`);
const FINAL = numbers(`
  40 8 48 16 56 24 64 32 39 7 47 15 55 23 63 31 38 6 46 14 54 22 62 30 37 5 45 13 53 21 61 29
  36 4 44 12 52 20 60 28 35 3 43 11 51 19 59 27 34 2 42 10 50 18 58 26 33 1 41  9 49 17 57 25`);
const PERMUTATION = numbers(
  "16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25",
);
const KEY_CHOICE = numbers(`
  57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36
  63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4`);
const ROUND_KEY_CHOICE = numbers(`
  14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2
  41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32`);
const SHIFTS = numbers("1 1 2 2 2 2 2 2 1 2 2 2 2 2 2 1");
/** S1 to S8, four rows of sixteen each, in hexadecimal. */
const BOXES = [
  "e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d",
  "f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9",
  "a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c",
  "7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e",
  "2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453",
  "c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d",
  "4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c",
  "d2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b",
].map((rows) => Array.from(rows.replaceAll(" ", ""), (digit) => Number.parseInt(digit, 16)));

type Bits = readonly number[];
/** Eight parts of six bits, one for each S-box. */
type RoundKey = readonly number[];

const choose = (bits: Bits, table: readonly number[]): Bits => table.map((at) => bits[at - 1]!);

function bitsOf(bytes: Uint8Array): Bits {
  const bits: number[] = [];
  for (const byte of bytes) for (let at = 7; at >= 0; at--) bits.push((byte >> at) & 1);
  return bits;
}

/** Up to 32 bits as a number. */
const numberOf = (bits: Bits): number => bits.reduce((number, bit) => (number << 1) | bit, 0);

/** S-boxes with the permutation behind them: what six bits lead to in the whole half. */
let boxes: readonly (readonly number[])[] | null = null;

function permutedBoxes(): readonly (readonly number[])[] {
  return BOXES.map((box, at) =>
    Array.from({ length: 64 }, (_, six) => {
      const row = ((six >> 5) << 1) | (six & 1);
      const value = box[row * 16 + ((six >> 1) & 15)]! << (28 - 4 * at);
      return numberOf(PERMUTATION.map((from) => (value >>> (32 - from)) & 1));
    }),
  );
}

/** Sixteen round keys from one key of 8 octets, whose parity bits say nothing. */
function roundKeys(key: Uint8Array): readonly RoundKey[] {
  const chosen = choose(bitsOf(key), KEY_CHOICE);
  let left = chosen.slice(0, 28);
  let right = chosen.slice(28);
  return SHIFTS.map((by) => {
    left = [...left.slice(by), ...left.slice(0, by)];
    right = [...right.slice(by), ...right.slice(0, by)];
    const round = choose([...left, ...right], ROUND_KEY_CHOICE);
    return BOXES.map((_, at) => numberOf(round.slice(at * 6, at * 6 + 6)));
  });
}

/** The function f of FIPS 46-3. The expansion gives each box its four bits and one of each neighbour. */
function mixed(half: number, key: RoundKey, sboxes: readonly (readonly number[])[]): number {
  let found = 0;
  for (let at = 0; at < 8; at++) {
    const by = (4 * at + 5) & 31;
    const six = ((half << by) | (half >>> (32 - by))) & 63;
    found |= sboxes[at]![six ^ key[at]!]!;
  }
  return found;
}

/** Encrypts 8 octets where they are; the permutations between the three passes undo each other. */
function encryptBlock(block: Uint8Array, passes: readonly (readonly RoundKey[])[]): void {
  boxes ??= permutedBoxes();
  const permuted = choose(bitsOf(block), INITIAL);
  let left = numberOf(permuted.slice(0, 32));
  let right = numberOf(permuted.slice(32));
  for (const pass of passes) {
    for (const key of pass) [left, right] = [right, left ^ mixed(right, key, boxes)];
    [left, right] = [right, left];
  }
  const bits = [left, right].flatMap((half) =>
    Array.from({ length: 32 }, (_, at) => (half >>> (31 - at)) & 1),
  );
  const final = choose(bits, FINAL);
  for (let at = 0; at < BLOCK; at++) block[at] = numberOf(final.slice(at * 8, at * 8 + 8));
}

/**
 * @param key - 24 octets, three keys of DES
 * @param iv - 8 octets
 * @returns the ciphertext, padded as PKCS#7 has it
 * @throws RangeError for a key or an IV of another length
 */
export function tripleDesEncrypt(
  key: Uint8Array,
  iv: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  if (key.length !== 3 * BLOCK || iv.length !== BLOCK) throw new RangeError("no key of triple DES");
  const [first, second, third] = [0, 1, 2].map((at) =>
    roundKeys(key.subarray(at * BLOCK, (at + 1) * BLOCK)),
  );
  // Encrypt, decrypt, encrypt: to decrypt is to take the round keys from the end.
  const passes = [first!, second!.toReversed(), third!];
  const padding = BLOCK - (plaintext.length % BLOCK);
  const text = concat(plaintext, new Uint8Array(padding).fill(padding));
  let before = iv;
  for (let at = 0; at < text.length; at += BLOCK) {
    const block = text.subarray(at, at + BLOCK);
    for (let octet = 0; octet < BLOCK; octet++) block[octet]! ^= before[octet]!;
    encryptBlock(block, passes);
    before = block;
  }
  return text;
}
