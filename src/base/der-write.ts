/**
 * DER writing (X.690 §10): functions that return one encoded element each, to be
 * nested as the ASN.1 is. They throw RangeError for what the type cannot hold.
 */
import { concat, utf8 } from "./bytes.ts";
import { contextTag, TAG } from "./der.ts";
import type { Unix } from "./machine.ts";

/** One element: the parts behind their tag and common length. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [tag];
  if (length < 0x80) header.push(length);
  else {
    const octets: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
    header.push(0x80 | octets.length, ...octets);
  }
  return concat(Uint8Array.from(header), ...parts);
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(TAG.sequence, ...parts);
}

/** SET OF: the encodings in ascending order (X.690 §11.6). */
export function setOf(...parts: readonly Uint8Array[]): Uint8Array {
  return setUnder(TAG.set, ...parts);
}

/** As {@link setOf} under another tag, as IMPLICIT writes it. */
export function setUnder(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(tag, ...parts.toSorted(compareBytes));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}

export function boolean(value: boolean): Uint8Array {
  return tagged(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** An INTEGER that is not negative: a safe number, or big-endian octets with or without leading zeros. */
export function integer(value: number | Uint8Array, tag: number = TAG.integer): Uint8Array {
  if (typeof value === "number") return integer(octetsOf(value), tag);
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const magnitude = value.subarray(start);
  const sign = magnitude.length === 0 || magnitude[0]! > 0x7f ? Uint8Array.of(0) : new Uint8Array();
  return tagged(tag, sign, magnitude);
}

function octetsOf(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${value} is no number for an INTEGER`);
  }
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.from(octets);
}

export function nullValue(): Uint8Array {
  return tagged(TAG.null);
}

/** @throws RangeError for text that is no object identifier. */
export function oid(dotted: string, tag: number = TAG.oid): Uint8Array {
  if (!/^[012](\.(0|[1-9]\d*))+$/.test(dotted)) throw new RangeError(`${dotted} is no OID`);
  const [top, second, ...arcs] = dotted.split(".").map(BigInt);
  if (top! < 2n && second! > 39n) throw new RangeError(`${dotted} is no OID`);
  const contents = [top! * 40n + second!, ...arcs].flatMap(arcOctets);
  return tagged(tag, Uint8Array.from(contents));
}

function arcOctets(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return tagged(TAG.octetString, bytes);
}

export function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return tagged(TAG.bitString, Uint8Array.of(unused), bytes);
}

/** A BIT STRING with named bits: bit 0 of `bits` is the first; zeros at the end are left out (X.690 §11.2.2). */
export function namedBits(bits: number): Uint8Array {
  const octets: number[] = [];
  let unused = 0;
  for (let at = 0; bits >>> at !== 0; at++) {
    octets[at >> 3] = (octets[at >> 3] ?? 0) | (((bits >>> at) & 1) << (7 - (at & 7)));
    unused = 7 - (at & 7);
  }
  return bitString(Uint8Array.from(octets), unused);
}

export function utf8String(text: string): Uint8Array {
  return tagged(TAG.utf8String, utf8(text));
}

/** @throws RangeError for a character PrintableString lacks. */
export function printableString(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new RangeError("not a PrintableString");
  return tagged(TAG.printableString, utf8(text));
}

/** @throws RangeError for a character that is not ASCII. */
export function ia5String(text: string, tag: number = TAG.ia5String): Uint8Array {
  const bytes = utf8(text);
  if (bytes.some((byte) => byte > 0x7f)) throw new RangeError("not an IA5String");
  return tagged(tag, bytes);
}

/** UTF-16 big-endian; readers that follow the standard know the Basic Multilingual Plane only. */
export function bmpString(text: string): Uint8Array {
  return tagged(TAG.bmpString, ucs2(text));
}

/** UTF-16 big-endian code units of a text. */
export function ucs2(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at++) {
    bytes[at * 2] = text.charCodeAt(at) >> 8;
    bytes[at * 2 + 1] = text.charCodeAt(at) & 0xff;
  }
  return bytes;
}

/** UTCTime through 2049, GeneralizedTime otherwise (RFC 5280 §4.1.2.5). @throws RangeError outside the years 0 to 9999. */
export function time(at: Unix): Uint8Array {
  const text = timeText(at);
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050
    ? tagged(TAG.utcTime, utf8(text.slice(2)))
    : tagged(TAG.generalizedTime, utf8(text));
}

/** `YYYYMMDDHHMMSSZ`. */
function timeText(at: Unix): string {
  const days = Math.floor(at / 86400);
  const second = at - days * 86400;
  // Years begin in March here; 400 of them have 146097 days.
  const since = days + 719468;
  const era = Math.floor(since / 146097);
  const dayOfEra = since - era * 146097;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36524);
  const yearOfEra = Math.floor((dayOfEra - leaps + Math.floor(dayOfEra / 146096)) / 365);
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - yearOfEra * 365 - leapDays;
  const marchMonth = Math.floor((dayOfYear * 5 + 2) / 153);
  const day = dayOfYear - Math.floor((marchMonth * 153 + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  if (!Number.isInteger(at) || year < 0 || year > 9999) throw new RangeError(`${at} is no time`);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  return `${String(year).padStart(4, "0")}${two(month)}${two(day)}${clock.map(two).join("")}Z`;
}

/** Context-specific tag around a whole element. */
export function explicit(number: number, ...inner: readonly Uint8Array[]): Uint8Array {
  return tagged(contextTag(number, "constructed"), ...inner);
}
