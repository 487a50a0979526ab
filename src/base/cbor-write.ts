/**
 * Deterministic CBOR writing (RFC 8949 §4.2.1): functions that return one
 * encoded item each, to be nested as the data is. They throw RangeError for
 * what the type cannot hold.
 */
import { concat, fromUtf8, utf8 } from "./bytes.ts";
import { compareOctets } from "./cbor.ts";
import type { CborKey } from "./cbor.ts";

/** An integer: a number within ±(2^53 - 1), or a bigint from -2^64 to 2^64 - 1. */
export function integer(value: number | bigint): Uint8Array {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is no exact integer`);
  }
  return value < 0 ? head(1, -1n - BigInt(value)) : head(0, value);
}

export function bytes(value: Uint8Array): Uint8Array {
  return concat(head(2, value.length), value);
}

/** A text string, which is whole characters: a lone surrogate has no UTF-8. */
export function text(value: string): Uint8Array {
  const octets = utf8(value);
  if (fromUtf8(octets) !== value) throw new RangeError("the text has a lone surrogate");
  return concat(head(3, octets.length), octets);
}

/** @param items - encoded */
export function array(...items: readonly Uint8Array[]): Uint8Array {
  return concat(head(4, items.length), ...items);
}

/**
 * A map in the order of its encoded keys.
 *
 * @param entries - each key once, with its encoded item, or with null where
 *   the map does not have it.
 */
export function map(...entries: readonly (readonly [CborKey, Uint8Array | null])[]): Uint8Array {
  const pairs = entries
    .flatMap(([key, item]) => (item === null ? [] : [{ key: encodeKey(key), item }]))
    .toSorted((a, b) => compareOctets(a.key, b.key));
  for (const [at, { key }] of pairs.entries()) {
    const next = pairs[at + 1];
    if (next !== undefined && compareOctets(key, next.key) === 0) {
      throw new RangeError("a map has each key once");
    }
  }
  return concat(head(5, pairs.length), ...pairs.flatMap(({ key, item }) => [key, item]));
}

/** @param item - encoded */
export function tagged(tag: number | bigint, item: Uint8Array): Uint8Array {
  return concat(head(6, tag), item);
}

export function boolean(value: boolean): Uint8Array {
  return Uint8Array.of(value ? 0xf5 : 0xf4);
}

export function nullValue(): Uint8Array {
  return Uint8Array.of(0xf6);
}

function encodeKey(key: CborKey): Uint8Array {
  return typeof key === "number" ? integer(key) : text(key);
}

/** Major type and argument, in as few octets as can be (RFC 8949 §3). */
function head(major: number, argument: number | bigint): Uint8Array {
  if (argument < 0 || argument >= 2n ** 64n) {
    throw new RangeError(`${argument} does not fit 64 bits`);
  }
  if (argument < 24) return Uint8Array.of((major << 5) | Number(argument));
  const width = [1, 2, 4, 8].find((octets) => argument < 2n ** BigInt(octets * 8))!;
  const encoded = new Uint8Array(1 + width);
  encoded[0] = (major << 5) | (24 + Math.log2(width));
  let rest = BigInt(argument);
  for (let at = width; at > 0; at--) {
    encoded[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return encoded;
}
