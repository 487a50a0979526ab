/**
 * A strict DER reader (X.690 §10) for all that is received: definite and
 * shortest lengths only, so what it accepts has one encoding. It knows nothing
 * of certificates; writing is `der-write.ts`.
 */
import { fromUtf8 } from "./bytes.ts";
import { unix, type Unix } from "./machine.ts";

/** Identifier octets (X.690 §8.1.2). Constructed types carry 0x20. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of context-specific tag `number`, 0 to 30. */
export function contextTag(number: number, form: "constructed" | "primitive"): number {
  return 0x80 | (form === "constructed" ? 0x20 : 0) | number;
}

/** Constructed elements inside one another; a certificate needs 9. */
export const MAX_DEPTH = 16;

/** Contents octets of an object identifier: a UUID arc takes 19 of them, and big arcs cost quadratic time. */
export const MAX_OID_LENGTH = 64;

/** Octets of one string in a name; X.520 allows none beyond 128 characters. */
export const MAX_STRING_LENGTH = 1024;

export type DerReason =
  | "truncated"
  | "trailing-bytes"
  | "unexpected-tag"
  | "high-tag-number"
  | "indefinite-length"
  | "length-not-shortest"
  | "too-deep"
  | "bad-boolean"
  | "bad-integer"
  | "integer-out-of-range"
  | "bad-bit-string"
  | "bad-null"
  | "bad-oid"
  | "bad-time"
  | "bad-string";

/** What was received is not the DER expected; `at` is the byte offset of the element concerned. */
export class DerFailure extends Error {
  override readonly name = "DerFailure";
  readonly reason: DerReason;
  readonly at: number;

  constructor(reason: DerReason, at: number) {
    super(`${reason} at byte ${at}`);
    this.reason = reason;
    this.at = at;
  }
}

/** One element as it stands in the buffer, borrowed from it. */
export interface DerElement {
  readonly tag: number;
  readonly at: number;
  /** Identifier, length and contents. */
  readonly encoding: Uint8Array;
  readonly contents: Uint8Array;
}

/** A BIT STRING; the `unused` last bits (0 to 7) of `bytes` are zero. */
export interface BitString {
  readonly bytes: Uint8Array;
  readonly unused: number;
}

/**
 * Walks the elements of one buffer, or of one constructed element in it. Each
 * call takes the next element and checks it fully; results borrow from the
 * buffer. Tag numbers above 30 do not occur in what we read and are refused.
 *
 * @throws {@link DerFailure} from every method.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #depth: number;
  #at: number;
  /** Where the contents of the element just opened begin. */
  #body = 0;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length, depth = 0) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#depth = depth;
  }

  /** Byte offset of the next element, from the start of the whole buffer. */
  get at(): number {
    return this.#at;
  }

  /** The next element's identifier octet, or -1 at the end. */
  get tag(): number {
    return this.#at < this.#end ? this.#bytes[this.#at]! : -1;
  }

  /** Throws unless all elements were taken. */
  end(): void {
    if (this.#at < this.#end) throw new DerFailure("trailing-bytes", this.#at);
  }

  /** The next element, whatever it is; of its contents nothing is checked. */
  element(): DerElement {
    const tag = this.tag;
    const at = this.#at;
    const end = this.#open(tag);
    const contents = this.#bytes.subarray(this.#body, end);
    return { tag, at, encoding: this.#bytes.subarray(at, end), contents };
  }

  /** The next element without taking it. */
  peek(): DerElement {
    const at = this.#at;
    const element = this.element();
    this.#at = at;
    return element;
  }

  /** The contents of the next element, which has this tag. */
  contents(tag: number): Uint8Array {
    const end = this.#open(tag);
    return this.#bytes.subarray(this.#body, end);
  }

  /** A reader of the elements inside the next one, which has this tag. */
  nested(tag: number): DerReader {
    if (this.#depth >= MAX_DEPTH) throw new DerFailure("too-deep", this.#at);
    const end = this.#open(tag);
    return new DerReader(this.#bytes, this.#body, end, this.#depth + 1);
  }

  /** As {@link nested}, or null where the next element has another tag or there is none. */
  optional(tag: number): DerReader | null {
    return this.tag === tag ? this.nested(tag) : null;
  }

  sequence(): DerReader {
    return this.nested(TAG.sequence);
  }

  set(): DerReader {
    return this.nested(TAG.set);
  }

  /** `true` is 0xff and nothing else (X.690 §11.1). */
  boolean(tag: number = TAG.boolean): boolean {
    const at = this.#at;
    const contents = this.contents(tag);
    if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff)) {
      throw new DerFailure("bad-boolean", at);
    }
    return contents[0] === 0xff;
  }

  /** Two's complement in as few octets as possible (X.690 §8.3.2), at least one. */
  integer(tag: number = TAG.integer): Uint8Array {
    const at = this.#at;
    const contents = this.contents(tag);
    const first = contents[0];
    const second = contents[1];
    const redundant =
      second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second > 0x7f));
    if (first === undefined || redundant) throw new DerFailure("bad-integer", at);
    return contents;
  }

  /** A number that is not negative, big-endian without leading zeros; zero is one zero octet. */
  unsigned(tag: number = TAG.integer): Uint8Array {
    const at = this.#at;
    const contents = this.integer(tag);
    if (contents[0]! > 0x7f) throw new DerFailure("integer-out-of-range", at);
    return contents[0] === 0 && contents.length > 1 ? contents.subarray(1) : contents;
  }

  /** A number from 0 to `maximum`, which is below 2^48. */
  count(maximum: number, tag: number = TAG.integer): number {
    const at = this.#at;
    const contents = this.unsigned(tag);
    let value = 0;
    if (contents.length <= 6) for (const byte of contents) value = value * 256 + byte;
    if (contents.length > 6 || value > maximum) throw new DerFailure("integer-out-of-range", at);
    return value;
  }

  null(): void {
    const at = this.#at;
    if (this.contents(TAG.null).length !== 0) throw new DerFailure("bad-null", at);
  }

  /** Dotted decimal; arcs may have any size up to {@link MAX_OID_LENGTH} octets in all. */
  oid(tag: number = TAG.oid): string {
    const at = this.#at;
    const end = this.#open(tag);
    const dotted = dottedOid(this.#bytes, this.#body, end);
    if (dotted === null) throw new DerFailure("bad-oid", at);
    return dotted;
  }

  octets(tag: number = TAG.octetString): Uint8Array {
    return this.contents(tag);
  }

  /** A reader of the DER inside the next OCTET STRING; offsets stay those of the whole buffer. */
  inOctets(): DerReader {
    return this.nested(TAG.octetString);
  }

  /** A reader of the DER inside the next BIT STRING, which has whole octets. */
  inBits(): DerReader {
    const at = this.#at;
    const inside = this.nested(TAG.bitString);
    if (inside.tag !== 0) throw new DerFailure("bad-bit-string", at);
    inside.#at++;
    return inside;
  }

  bitString(tag: number = TAG.bitString): BitString {
    const at = this.#at;
    const contents = this.contents(tag);
    const unused = contents[0];
    const last = contents[contents.length - 1]!;
    if (
      unused === undefined ||
      unused > 7 ||
      (unused > 0 && (contents.length === 1 || (last & ((1 << unused) - 1)) !== 0))
    ) {
      throw new DerFailure("bad-bit-string", at);
    }
    return { bytes: contents.subarray(1), unused };
  }

  /** A BIT STRING of whole octets. */
  bitOctets(): Uint8Array {
    const at = this.#at;
    const { bytes, unused } = this.bitString();
    if (unused !== 0) throw new DerFailure("bad-bit-string", at);
    return bytes;
  }

  /** UTCTime or GeneralizedTime with seconds and `Z`, without fraction (RFC 5280 §4.1.2.5). */
  time(): Unix {
    const at = this.#at;
    const tag = this.tag;
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) {
      throw new DerFailure(tag < 0 ? "truncated" : "unexpected-tag", at);
    }
    const time = unixFromText(this.contents(tag), tag === TAG.utcTime ? 2 : 4);
    if (time === null) throw new DerFailure("bad-time", at);
    return time;
  }

  /**
   * Text of any string type of a distinguished name. PrintableString is taken as
   * ASCII, because `@`, `*` and `_` occur in issued certificates; TeletexString
   * as Latin-1, which is what issuers put there. UniversalString is refused.
   */
  text(): string {
    const { tag, at, contents } = this.element();
    const text = contents.length > MAX_STRING_LENGTH ? null : textOf(tag, contents);
    if (text === null) throw new DerFailure("bad-string", at);
    if (text === undefined) throw new DerFailure("unexpected-tag", at);
    return text;
  }

  /** Reads the header of the next element, moves behind the element and returns its end. */
  #open(tag: number): number {
    const bytes = this.#bytes;
    const start = this.#at;
    if (start + 2 > this.#end) throw new DerFailure("truncated", start);
    const identifier = bytes[start]!;
    // Universal tag 0 would end contents of indefinite length, which DER does not have.
    if (identifier !== tag || (identifier & 0xdf) === 0)
      throw new DerFailure("unexpected-tag", start);
    if ((identifier & 0x1f) === 0x1f) throw new DerFailure("high-tag-number", start);
    let length = bytes[start + 1]!;
    let body = start + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0) throw new DerFailure("indefinite-length", start);
      if (body + octets > this.#end) throw new DerFailure("truncated", start);
      if (bytes[body] === 0) throw new DerFailure("length-not-shortest", start);
      // Five octets without a leading zero say 4 GiB or more: longer than any buffer.
      if (octets > 4) throw new DerFailure("truncated", start);
      length = 0;
      for (const stop = body + octets; body < stop; body++) length = length * 256 + bytes[body]!;
      if (length < 0x80) throw new DerFailure("length-not-shortest", start);
    }
    if (length > this.#end - body) throw new DerFailure("truncated", start);
    this.#body = body;
    this.#at = body + length;
    return this.#at;
  }
}

/** The object identifier in `bytes` from `start` to `end`. */
function dottedOid(bytes: Uint8Array, start: number, end: number): string | null {
  if (start === end || end - start > MAX_OID_LENGTH) return null;
  let text = "";
  let arc: number | bigint = 0;
  let within = false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    // A leading zero digit would give one arc several forms (X.690 §8.19.2).
    if (!within && byte === 0x80) return null;
    const more = byte & 0x7f;
    if (typeof arc === "number" && arc >= 2 ** 45) arc = BigInt(arc);
    arc = typeof arc === "bigint" ? (arc << 7n) | BigInt(more) : arc * 128 + more;
    within = byte > 0x7f;
    if (within) continue;
    if (text === "") {
      // The first two arcs share one number: 40 * first + second (X.690 §8.19.4).
      const top = arc < 80 ? Math.floor(Number(arc) / 40) : 2;
      text = `${top}.${typeof arc === "bigint" ? arc - 80n : arc - top * 40}`;
    } else {
      text += `.${arc}`;
    }
    arc = 0;
  }
  return within ? null : text;
}

function unixFromText(text: Uint8Array, yearDigits: 2 | 4): Unix | null {
  if (text.length !== yearDigits + 11 || text[text.length - 1] !== 0x5a) return null;
  for (let at = 0; at < text.length - 1; at++)
    if (text[at]! < 0x30 || text[at]! > 0x39) return null;
  const pair = (at: number): number => (text[at]! - 0x30) * 10 + text[at + 1]! - 0x30;
  const short = pair(0);
  // RFC 5280 §4.1.2.5.1: 50 to 99 are in the last century.
  const year = yearDigits === 4 ? short * 100 + pair(2) : short < 50 ? 2000 + short : 1900 + short;
  const month = pair(yearDigits);
  const day = pair(yearDigits + 2);
  const hour = pair(yearDigits + 4);
  const minute = pair(yearDigits + 6);
  const second = pair(yearDigits + 8);
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  return unix(daysBefore(year, month, day) * 86400 + hour * 3600 + minute * 60 + second);
}

function daysOfMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

/** Days from 1970-01-01 to the date, in years that begin in March so that the leap day comes last. */
function daysBefore(year: number, month: number, day: number): number {
  const years = month > 2 ? year : year - 1;
  const months = (month + 9) % 12;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 719469;
}

/** Null for octets the type does not allow, undefined for a tag that is no string. */
function textOf(tag: number, contents: Uint8Array): string | null | undefined {
  switch (tag) {
    case TAG.utf8String:
      return fromUtf8(contents);
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
      return contents.some((byte) => byte > 0x7e) ? null : String.fromCharCode(...contents);
    case TAG.teletexString:
      return String.fromCharCode(...contents);
    case TAG.bmpString:
      return ucs2Text(contents);
    default:
      return undefined;
  }
}

function ucs2Text(contents: Uint8Array): string | null {
  if (contents.length % 2 !== 0) return null;
  let text = "";
  for (let at = 0; at < contents.length; at += 2) {
    const unit = contents[at]! * 256 + contents[at + 1]!;
    if (unit >= 0xd800 && unit <= 0xdfff) return null;
    text += String.fromCharCode(unit);
  }
  return text;
}
