/**
 * Typed values with names, in which arguments and results travel. What comes in
 * was written by any client of the bus, so it is bounded and read strictly.
 *
 * @see OpenWrt libubox, blobmsg.h and blobmsg_json.c
 */
import { concat, fromUtf8, Reader, utf8, Writer } from "../../base/bytes.ts";
import { attributesOf, encodeAttribute, encodeText, padding } from "./blob.ts";
import type { Attribute } from "./blob.ts";
import { BlobFailure } from "./failure.ts";

/** Types of values (blobmsg.h), also their codes in a method's signature. */
export const BlobType = {
  unspecified: 0,
  array: 1,
  table: 2,
  string: 3,
  int64: 4,
  int32: 5,
  int16: 6,
  int8: 7,
  double: 8,
} as const;

/** Tables and lists inside each other; the outermost fields stand at depth 1. */
export const MAX_DEPTH = 32;

/** Values of one message, at all depths: 1 MiB of the smallest would cost us a hundred times that. */
export const MAX_VALUES = 65_536;

/**
 * A value as it was read. An int8 is a boolean, as all tools of the bus show it;
 * an int64 is a number where that is exact, and a bigint beyond.
 */
export type BlobValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly BlobValue[]
  | BlobTable;

/** A map and no object: names come from other programs, and `constructor` is one as good as any. */
export type BlobTable = ReadonlyMap<string, BlobValue>;

/** What may be sent: plain JSON, and bigint. What JSON leaves out is left out. */
export type BlobFields = object;

/** Whether the second of two fields of one name is a fault, or counts. */
export type Repeats = "refused" | "last-counts";

/**
 * Reads a sequence of named fields.
 *
 * @param repeats - `last-counts` where the writer is known to repeat itself
 * @throws {@link BlobFailure}. Values of unknown types are left out.
 */
export function decodeTable(bytes: Uint8Array, repeats: Repeats = "refused"): BlobTable {
  return new Decoding(repeats).table(bytes, 1);
}

class Decoding {
  readonly #repeats: Repeats;
  #values = 0;

  constructor(repeats: Repeats) {
    this.#repeats = repeats;
  }

  table(bytes: Uint8Array, depth: number): BlobTable {
    const table = new Map<string, BlobValue>();
    for (const { name, value } of this.#fields(bytes, depth)) {
      if (this.#repeats === "refused" && table.has(name)) throw new BlobFailure("repeated-name");
      table.set(name, value);
    }
    return table;
  }

  #list(bytes: Uint8Array, depth: number): BlobValue[] {
    return [...this.#fields(bytes, depth)].map(({ value }) => value);
  }

  *#fields(bytes: Uint8Array, depth: number): Generator<{ name: string; value: BlobValue }, void> {
    if (depth > MAX_DEPTH) throw new BlobFailure("too-deep");
    for (const attribute of attributesOf(bytes)) {
      if (++this.#values > MAX_VALUES) throw new BlobFailure("too-many-values");
      const { name, body } = named(attribute);
      const value = this.#value(attribute.id, body, depth);
      if (value !== undefined) yield { name, value };
    }
  }

  /** Undefined for a type that is not known: whoever sends one may expect to be understood without it. */
  #value(type: number, body: Uint8Array, depth: number): BlobValue | undefined {
    switch (type) {
      case BlobType.unspecified:
        return null;
      case BlobType.array:
        return this.#list(body, depth + 1);
      case BlobType.table:
        return this.table(body, depth + 1);
      case BlobType.string:
        return textOf(body);
      case BlobType.int64:
        return wide(sized(body, 8).getBigInt64(0));
      case BlobType.int32:
        return sized(body, 4).getInt32(0);
      case BlobType.int16:
        return sized(body, 2).getInt16(0);
      case BlobType.int8:
        return sized(body, 1).getInt8(0) !== 0;
      case BlobType.double:
        return sized(body, 8).getFloat64(0);
      default:
        return undefined;
    }
  }
}

/** `u16 length, name, NUL`, padded, before the value. */
function named({ extended, payload }: Attribute): { name: string; body: Uint8Array } {
  if (!extended) throw new BlobFailure("bad-name");
  const reader = new Reader(payload, () => new BlobFailure("bad-name"));
  const length = reader.u16();
  const name = reader.take(length);
  if (reader.u8() !== 0 || name.includes(0)) throw new BlobFailure("bad-name");
  // A field without a value may end before its padding does.
  reader.take(Math.min(padding(reader.at), reader.remaining));
  return { name: lenient(name), body: reader.rest() };
}

/**
 * Text up to its NUL. Octets that are no UTF-8 become U+FFFD each: names of
 * networks are octets, and one of them must not hide all others.
 *
 * @throws {@link BlobFailure} `bad-text`
 */
export function textOf(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  if (end < 0 || end !== payload.length - 1) throw new BlobFailure("bad-text");
  return lenient(payload.subarray(0, end));
}

function lenient(octets: Uint8Array): string {
  const text = fromUtf8(octets);
  if (text !== null) return text;
  let shown = "";
  for (const octet of octets) shown += octet < 0x80 ? String.fromCharCode(octet) : "\ufffd";
  return shown;
}

/** A number of so many octets, to be read big-endian, which is what DataView does unless told. */
function sized(body: Uint8Array, octets: number): DataView {
  if (body.length !== octets) throw new BlobFailure("bad-number");
  return new DataView(body.buffer, body.byteOffset, octets);
}

function wide(value: bigint): number | bigint {
  const narrow = Number(value);
  return Number.isSafeInteger(narrow) ? narrow : value;
}

/**
 * Named fields as they are sent. Integers become int32 where they fit, else
 * int64; fractions, and what is beyond int64, double; true and false int8, as the
 * tools of the bus write JSON.
 *
 * @throws RangeError for what cannot be sent: a bigint beyond int64, a cycle or
 *   more than {@link MAX_DEPTH} levels, a name of 64 KiB. Faults of the caller.
 */
export function encodeTable(fields: BlobFields): Uint8Array {
  return encodeFields(Object.entries(fields), 1);
}

function encodeFields(entries: Iterable<readonly [string, unknown]>, depth: number): Uint8Array {
  if (depth > MAX_DEPTH) throw new RangeError(`more than ${MAX_DEPTH} levels`);
  const parts: Uint8Array[] = [];
  for (const [name, value] of entries) {
    const written = typed(value, depth);
    if (written !== null) parts.push(encodeField(name, ...written));
  }
  return concat(...parts);
}

/** One field by its type. @throws RangeError for a name of 64 KiB or more */
export function encodeField(name: string, type: number, body: Uint8Array): Uint8Array {
  const octets = utf8(withoutNul(name));
  const head = new Writer(octets.length + 8).u16(octets.length).raw(octets).u8(0);
  head.raw(new Uint8Array(padding(head.length))).raw(body);
  return encodeAttribute(type, head.bytes(), true);
}

/** Null for what JSON leaves out. */
function typed(value: unknown, depth: number): readonly [number, Uint8Array] | null {
  switch (typeof value) {
    case "undefined":
    case "function":
    case "symbol":
      return null;
    case "string":
      return [BlobType.string, encodeText(utf8(withoutNul(value)))];
    case "boolean":
      return [BlobType.int8, Uint8Array.of(value ? 1 : 0)];
    case "number":
      return numeric(value);
    case "bigint":
      return [BlobType.int64, int64(value)];
    case "object":
      return value === null ? [BlobType.unspecified, new Uint8Array()] : nested(value, depth + 1);
  }
}

function nested(value: object, depth: number): readonly [number, Uint8Array] {
  if (!Array.isArray(value)) {
    const entries: Iterable<readonly [string, unknown]> =
      value instanceof Map ? textKeys(value) : Object.entries(value);
    return [BlobType.table, encodeFields(entries, depth)];
  }
  // What JSON leaves out of an object stands as null in a list.
  const items = value.map((item: unknown): readonly [string, unknown] => ["", item ?? null]);
  return [BlobType.array, encodeFields(items, depth)];
}

function* textKeys(map: ReadonlyMap<unknown, unknown>): Generator<readonly [string, unknown]> {
  for (const [name, value] of map) yield [String(name), value];
}

function numeric(value: number): readonly [number, Uint8Array] {
  if (!Number.isFinite(value)) return [BlobType.unspecified, new Uint8Array()];
  if (Number.isInteger(value)) {
    if (value === (value | 0)) return [BlobType.int32, new Writer(4).u32(value >>> 0).bytes()];
    if (Math.abs(value) < 2 ** 63) return [BlobType.int64, int64(BigInt(value))];
  }
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setFloat64(0, value);
  return [BlobType.double, octets];
}

function int64(value: bigint): Uint8Array {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit an int64`);
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigInt64(0, value);
  return octets;
}

/** Readers in C end a text at its first NUL. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}
