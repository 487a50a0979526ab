/** How the values of attributes travel: one form per data type of RFC 8044 that HomeCA meets. */
import { fromUtf8, hex, toHex, utf8, Writer } from "../../base/bytes.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../../base/address.ts";

/** A value of type T on the wire. `decode` gives null for octets that are no such value. */
export interface Form<T> {
  /** @throws RangeError for a value that has no such form: a fault of the caller. */
  encode(value: T): Uint8Array;
  decode(octets: Uint8Array): T | null;
}

/** A value that belongs to one of several tunnels; tag 0 stands for the only one (RFC 2868 §3.1). */
export interface Tagged<T> {
  /** 0 to 31. */
  readonly tag: number;
  readonly value: T;
}

/** The highest octet that is a tag; anything above is already text (RFC 2868 §3.6). */
const MAX_TAG = 0x1f;

/** UTF-8; null where it is malformed. */
export const text: Form<string> = { encode: utf8, decode: fromUtf8 };

/** Opaque octets, which the RFCs call "string". */
export const octets: Form<Uint8Array> = {
  encode: (value) => value,
  decode: (value) => value,
};

/** 32 bits unsigned: numbers, and times in Unix seconds. */
export const integer: Form<number> = {
  encode: (value) => new Writer().u32(value).bytes(),
  decode: (value) => (value.length === 4 ? unsigned(value) : null),
};

/** Dotted decimal. */
export const ipv4: Form<string> = {
  encode: (value) => parseIpv4(value) ?? refuse(value, "an IPv4 address"),
  decode: (value) => (value.length === 4 ? formatIpv4(value) : null),
};

/** Canonical text (RFC 5952). */
export const ipv6: Form<string> = {
  encode: (value) => parseIpv6(value) ?? refuse(value, "an IPv6 address"),
  decode: (value) => (value.length === 16 ? formatIpv6(value) : null),
};

/** 8 octets as 16 hexadecimal digits (RFC 3162 §2.2). */
export const ifid: Form<string> = {
  encode: (value) =>
    /^[0-9a-f]{16}$/i.test(value) ? hex(value) : refuse(value, "an interface identifier"),
  decode: (value) => (value.length === 8 ? toHex(value) : null),
};

/** A tag and 24 bits unsigned (RFC 2868 §3.1). */
export const taggedInteger: Form<Tagged<number>> = {
  encode: ({ tag, value }) => new Writer().u8(checkedTag(tag)).u24(value).bytes(),
  decode: (value) =>
    value.length === 4 ? { tag: value[0]!, value: unsigned(value.subarray(1)) } : null,
};

/** A tag and text; text whose tag was left out reads as tag 0 (RFC 2868 §3.6). */
export const taggedText: Form<Tagged<string>> = {
  encode: ({ tag, value }) => new Writer().u8(checkedTag(tag)).raw(utf8(value)).bytes(),
  decode(value) {
    const tag = value.length > 0 && value[0]! <= MAX_TAG ? value[0]! : null;
    const content = fromUtf8(tag === null ? value : value.subarray(1));
    return content === null ? null : { tag: tag ?? 0, value: content };
  },
};

function unsigned(value: Uint8Array): number {
  return value.reduce((sum, octet) => sum * 256 + octet, 0);
}

function checkedTag(tag: number): number {
  if (tag > MAX_TAG) throw new RangeError(`tunnel tag ${tag} is above ${MAX_TAG}`);
  return tag;
}

function refuse(value: string, wanted: string): never {
  throw new RangeError(`${JSON.stringify(value)} is not ${wanted}`);
}
