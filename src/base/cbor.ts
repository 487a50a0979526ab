/**
 * A strict CBOR reader (RFC 8949) for all that is received: only the
 * deterministic encoding of §4.2.1, so what it accepts has one encoding. It
 * knows nothing of any protocol; writing is `cbor-write.ts`.
 */
import { fromUtf8 } from "./bytes.ts";

/** Arrays, maps and tags inside one another; a SUIT manifest needs 8. */
export const MAX_CBOR_DEPTH = 16;

/** Items in one encoding, keys of maps counted too. */
export const MAX_CBOR_ITEMS = 4096;

/** Octets of one encoding unless its reader says less: what CoAP carries in blocks at the most. */
export const MAX_CBOR_LENGTH: number = 2 ** 16;

export type CborReason =
  | "too-long"
  | "too-deep"
  | "too-many-items"
  | "truncated"
  | "trailing-bytes"
  | "reserved-information"
  | "indefinite-length"
  | "not-shortest"
  | "float"
  | "unsupported-simple"
  | "bad-utf8"
  | "unsupported-key"
  | "keys-not-sorted"
  | "repeated-key"
  | "unexpected-type"
  | "unexpected-tag"
  | "integer-out-of-range"
  | "wrong-length"
  | "missing-key"
  | "unknown-key";

/** What was received is not the CBOR expected; `at` is the byte offset of the item concerned. */
export class CborFailure extends Error {
  override readonly name = "CborFailure";
  readonly reason: CborReason;
  readonly at: number;

  constructor(reason: CborReason, at: number) {
    super(`${reason} at byte ${at}`);
    this.reason = reason;
    this.at = at;
  }
}

/** Keys of maps that protocols use: small integers and names. */
export type CborKey = number | string;

/** What an item holds. Integers are bigint only where a number would not be exact. */
type Content =
  | { readonly kind: "integer"; readonly value: number | bigint }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "text"; readonly value: string; readonly octets: number }
  | { readonly kind: "array"; readonly value: readonly CborItem[] }
  | { readonly kind: "map"; readonly value: ReadonlyMap<CborKey, CborItem> }
  | { readonly kind: "tag"; readonly tag: number | bigint; readonly value: CborItem }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null"; readonly value: null };

export type CborKind = Content["kind"];

/**
 * Reads one item and all that is in it. Every octet is checked here, so the
 * methods of the items refuse only what is not what their caller expects.
 *
 * Floats, `undefined` and unassigned simple values are refused: none of our
 * protocols has them. So are keys of maps other than text and integers within
 * ±(2^53 - 1). Tags are not interpreted: a bignum (tags 2 and 3) is a tagged
 * byte string, never a number.
 *
 * @param bytes - one encoding and nothing behind it, at most `maxLength`
 *   octets; byte strings in the result borrow from it.
 * @throws {@link CborFailure}
 * @see RFC 8949 §3 (encoding), §4.2.1 (deterministic encoding), §5.3.1 (validity)
 */
export function parseCbor(bytes: Uint8Array, maxLength: number = MAX_CBOR_LENGTH): CborItem {
  if (bytes.length > maxLength) throw new CborFailure("too-long", maxLength);
  const parser = new Parser(bytes);
  const item = parser.item(0);
  if (parser.at < bytes.length) throw new CborFailure("trailing-bytes", parser.at);
  return item;
}

/**
 * One item as received. A method of the type expected hands out its value.
 *
 * @throws {@link CborFailure} from every method: `unexpected-type` for an item
 *   of another kind, otherwise as said there.
 */
export class CborItem {
  /** Byte offset of the item in the whole encoding. */
  readonly at: number;
  /** The item as it stands in the buffer, borrowed from it. */
  readonly encoding: Uint8Array;
  readonly #content: Content;

  constructor(at: number, encoding: Uint8Array, content: Content) {
    this.at = at;
    this.encoding = encoding;
    this.#content = content;
  }

  get kind(): CborKind {
    return this.#content.kind;
  }

  /** The tag's number, bigint from 2^53 on; null for an item without a tag. */
  get tag(): number | bigint | null {
    return this.#content.kind === "tag" ? this.#content.tag : null;
  }

  get isNull(): boolean {
    return this.#content.kind === "null";
  }

  /** An integer from `minimum` to `maximum`, both within ±(2^53 - 1). @throws CborFailure `integer-out-of-range` */
  integer(minimum: number, maximum: number): number {
    const { value } = this.#of("integer");
    if (typeof value === "bigint" || value < minimum || value > maximum) {
      throw new CborFailure("integer-out-of-range", this.at);
    }
    return value;
  }

  /** An integer from 0 to `maximum`. @throws CborFailure `integer-out-of-range` */
  unsigned(maximum: number = Number.MAX_SAFE_INTEGER): number {
    return this.integer(0, maximum);
  }

  /** Any integer CBOR has without a tag: from -2^64 to 2^64 - 1. */
  bigint(): bigint {
    return BigInt(this.#of("integer").value);
  }

  /**
   * A byte string: of any length, of `minimum` octets, or of `minimum` to `maximum`.
   * @throws CborFailure `wrong-length`
   */
  bytes(minimum?: number, maximum: number | undefined = minimum): Uint8Array {
    const { value } = this.#of("bytes");
    this.#checkLength(value.length, minimum, maximum);
    return value;
  }

  /** A text string of at most `maxOctets` in UTF-8. @throws CborFailure `wrong-length` */
  text(maxOctets?: number): string {
    const { value, octets } = this.#of("text");
    this.#checkLength(octets, 0, maxOctets);
    return value;
  }

  boolean(): boolean {
    return this.#of("boolean").value;
  }

  /**
   * The items of an array: any number, `minimum`, or `minimum` to `maximum`.
   * @throws CborFailure `wrong-length`
   */
  array(minimum?: number, maximum: number | undefined = minimum): readonly CborItem[] {
    const { value } = this.#of("array");
    this.#checkLength(value.length, minimum, maximum);
    return value;
  }

  map(): CborMap {
    return new CborMap(this.at, this.#of("map").value);
  }

  /** The item behind this tag. @throws CborFailure `unexpected-tag` for another one */
  tagged(tag: number): CborItem {
    const content = this.#of("tag");
    if (content.tag !== tag) throw new CborFailure("unexpected-tag", this.at);
    return content.value;
  }

  /** The item behind the tag, whatever its number. */
  behindTag(): CborItem {
    return this.#of("tag").value;
  }

  #of<K extends CborKind>(kind: K): Content & { readonly kind: K } {
    if (this.#content.kind !== kind) throw new CborFailure("unexpected-type", this.at);
    // The comparison above does not narrow a union by a type parameter.
    return this.#content as Content & { readonly kind: K };
  }

  #checkLength(length: number, minimum: number | undefined, maximum: number | undefined): void {
    if (length < (minimum ?? 0) || length > (maximum ?? length)) {
      throw new CborFailure("wrong-length", this.at);
    }
  }
}

/**
 * A map as its reader takes it: each key by name, and at the end nothing left.
 *
 * @throws {@link CborFailure} from every method but `entries`.
 */
export class CborMap {
  readonly at: number;
  readonly #items: ReadonlyMap<CborKey, CborItem>;
  readonly #taken = new Set<CborKey>();

  constructor(at: number, items: ReadonlyMap<CborKey, CborItem>) {
    this.at = at;
    this.#items = items;
  }

  /** All keys with their items, in the order of the encoding. */
  entries(): readonly (readonly [CborKey, CborItem])[] {
    return [...this.#items];
  }

  /** The item under this key. @throws CborFailure `missing-key` */
  required(key: CborKey): CborItem {
    const item = this.optional(key);
    if (item === null) throw new CborFailure("missing-key", this.at);
    return item;
  }

  /** The item under this key, or null where there is none. */
  optional(key: CborKey): CborItem | null {
    this.#taken.add(key);
    return this.#items.get(key) ?? null;
  }

  /** Throws unless every key was asked for. @throws CborFailure `unknown-key` */
  end(): void {
    for (const [key, item] of this.#items) {
      if (!this.#taken.has(key)) throw new CborFailure("unknown-key", item.at);
    }
  }
}

/** Major types (RFC 8949 §3.1). */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

interface Head {
  readonly major: number;
  readonly argument: number | bigint;
}

class Parser {
  readonly #bytes: Uint8Array;
  #items = 0;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  item(depth: number): CborItem {
    const start = this.at;
    if (depth > MAX_CBOR_DEPTH) throw new CborFailure("too-deep", start);
    if (++this.#items > MAX_CBOR_ITEMS) throw new CborFailure("too-many-items", start);
    const content = this.#content(depth);
    return new CborItem(start, this.#bytes.subarray(start, this.at), content);
  }

  #content(depth: number): Content {
    const start = this.at;
    const { major, argument } = this.#head();
    switch (major) {
      case UNSIGNED:
        return { kind: "integer", value: argument };
      case NEGATIVE:
        return { kind: "integer", value: minusOneMinus(argument) };
      case BYTES:
        return { kind: "bytes", value: this.#string(start, argument) };
      case TEXT: {
        const octets = this.#string(start, argument);
        const value = fromUtf8(octets);
        if (value === null) throw new CborFailure("bad-utf8", start);
        return { kind: "text", value, octets: octets.length };
      }
      case ARRAY:
        return { kind: "array", value: this.#array(this.#count(start, argument, 1), depth) };
      case MAP:
        return { kind: "map", value: this.#map(this.#count(start, argument, 2), depth) };
      case TAG:
        return { kind: "tag", tag: argument, value: this.item(depth + 1) };
      default:
        return simple(argument, start);
    }
  }

  /** The head of an item: its major type and its argument in the shortest form (RFC 8949 §3, §4.2.1). */
  #head(): Head {
    const start = this.at;
    const initial = this.#octet(start);
    const major = initial >> 5;
    const information = initial & 0x1f;
    if (information < 24) return { major, argument: information };
    if (information === 31) throw new CborFailure("indefinite-length", start);
    if (information > 27) throw new CborFailure("reserved-information", start);
    // Major type 7 has floats here, and simple values that nobody has assigned (§3.3).
    if (major === 7) {
      throw new CborFailure(information === 24 ? "unsupported-simple" : "float", start);
    }
    const octets = 2 ** (information - 24);
    const argument = this.#argument(start, octets);
    const least = octets === 1 ? 24 : 2 ** (octets * 4);
    if (argument < least) throw new CborFailure("not-shortest", start);
    return { major, argument };
  }

  #argument(start: number, octets: number): number | bigint {
    let high = 0;
    let low = 0;
    for (let left = octets; left > 0; left--) {
      const octet = this.#octet(start);
      if (left > 4) high = high * 256 + octet;
      else low = low * 256 + octet;
    }
    // Whole numbers are exact up to 2^53 - 1.
    return high < 2 ** 21 ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low);
  }

  #octet(start: number): number {
    const octet = this.#bytes[this.at++];
    if (octet === undefined) throw new CborFailure("truncated", start);
    return octet;
  }

  #string(start: number, length: number | bigint): Uint8Array {
    const end = this.at + this.#count(start, length, 1);
    const string = this.#bytes.subarray(this.at, end);
    this.at = end;
    return string;
  }

  /** A number of things of which each takes at least `octets`: more than there is room for are refused at once. */
  #count(start: number, count: number | bigint, octets: number): number {
    if (count > (this.#bytes.length - this.at) / octets) throw new CborFailure("truncated", start);
    return Number(count);
  }

  #array(count: number, depth: number): readonly CborItem[] {
    const items: CborItem[] = [];
    for (let left = count; left > 0; left--) items.push(this.item(depth + 1));
    return items;
  }

  #map(count: number, depth: number): ReadonlyMap<CborKey, CborItem> {
    const items = new Map<CborKey, CborItem>();
    let previous: Uint8Array | null = null;
    for (let left = count; left > 0; left--) {
      const key = this.item(depth + 1);
      const order = previous === null ? -1 : compareOctets(previous, key.encoding);
      if (order === 0) throw new CborFailure("repeated-key", key.at);
      if (order > 0) throw new CborFailure("keys-not-sorted", key.at);
      previous = key.encoding;
      items.set(keyOf(key), this.item(depth + 1));
    }
    return items;
  }
}

function simple(value: number | bigint, at: number): Content {
  if (value === 20 || value === 21) return { kind: "boolean", value: value === 21 };
  if (value === 22) return { kind: "null", value: null };
  throw new CborFailure("unsupported-simple", at);
}

function minusOneMinus(argument: number | bigint): number | bigint {
  const exact = typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER;
  return exact ? -1 - argument : -1n - BigInt(argument);
}

function keyOf(item: CborItem): CborKey {
  if (item.kind === "text") return item.text();
  if (item.kind !== "integer") throw new CborFailure("unsupported-key", item.at);
  const key = item.bigint();
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (key > limit || key < -limit) throw new CborFailure("unsupported-key", item.at);
  return Number(key);
}

/** Bytewise lexicographic order, as the keys of a map have it (RFC 8949 §4.2.1): negative where `a` comes first. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}
