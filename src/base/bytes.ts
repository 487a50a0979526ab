/**
 * Bytes in and out: a bounds-checked reader, a growing writer, and the text
 * forms the protocols use. All integers are big-endian, the network's order.
 */

const HEX_DIGITS = "0123456789abcdef";

/** Makes the failure a {@link Reader} throws; `at` is the byte offset that could not be read. */
export type TruncatedFailure = (at: number) => Error;

/**
 * Reads big-endian fields from a buffer it borrows. Reading past the end throws
 * what the protocol chose, so no parser needs its own length checks.
 */
export class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #truncated: TruncatedFailure;

  constructor(bytes: Uint8Array, truncated: TruncatedFailure) {
    this.#bytes = bytes;
    this.#truncated = truncated;
  }

  /** Byte offset of the next read, from the start of the buffer. */
  get at(): number {
    return this.#at;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  // Octet by octet from where they are: a view of them would cost more than all the rest.

  u8(): number {
    return this.#bytes[this.#pass(1)]!;
  }

  u16(): number {
    const at = this.#pass(2);
    const bytes = this.#bytes;
    return bytes[at]! * 0x100 + bytes[at + 1]!;
  }

  u24(): number {
    const at = this.#pass(3);
    const bytes = this.#bytes;
    return bytes[at]! * 0x10000 + bytes[at + 1]! * 0x100 + bytes[at + 2]!;
  }

  u32(): number {
    const at = this.#pass(4);
    const bytes = this.#bytes;
    // A multiplication, not a shift: it stays positive with its top bit set.
    return (
      bytes[at]! * 0x1000000 + bytes[at + 1]! * 0x10000 + bytes[at + 2]! * 0x100 + bytes[at + 3]!
    );
  }

  /** The next `length` bytes, borrowed from the buffer. */
  take(length: number): Uint8Array {
    const at = this.#pass(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** All bytes not read yet, borrowed from the buffer. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /** A vector after the length in front of it, as TLS writes them (RFC 8446 §3.4). */
  vector8(): Uint8Array {
    return this.take(this.u8());
  }

  vector16(): Uint8Array {
    return this.take(this.u16());
  }

  vector24(): Uint8Array {
    return this.take(this.u24());
  }

  /** Goes on by `length` bytes, which must be there. @returns where they begin */
  #pass(length: number): number {
    const at = this.#at;
    const next = at + length;
    if (next > this.#bytes.length) throw this.#truncated(this.#bytes.length);
    this.#at = next;
    return at;
  }
}

/** Collects big-endian fields; {@link Writer.bytes} is a copy of its own. */
export class Writer {
  #buffer: Uint8Array;
  #length = 0;

  /**
   * @param expected - Bytes there is room for before the buffer grows. Up to 64
   *   live on the heap of the engine, which costs a tenth of what larger ones do.
   */
  constructor(expected = 64) {
    this.#buffer = new Uint8Array(expected);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#place(value, 0xff, 1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#place(value, 0xffff, 2);
    const buffer = this.#buffer;
    buffer[at] = value >> 8;
    buffer[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    const at = this.#place(value, 0xffffff, 3);
    const buffer = this.#buffer;
    buffer[at] = value >> 16;
    buffer[at + 1] = value >> 8;
    buffer[at + 2] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#place(value, 0xffffffff, 4);
    const buffer = this.#buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** The bytes after their length in one, two or three octets. */
  vector8(bytes: Uint8Array): this {
    return this.u8(bytes.length).raw(bytes);
  }

  vector16(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  vector24(bytes: Uint8Array): this {
    return this.u24(bytes.length).raw(bytes);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Room for a number. @returns where it goes */
  #place(value: number, max: number, length: number): number {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`${value} does not fit ${length} octets`);
    }
    return this.#reserve(length);
  }

  /** Room for `more` bytes. @returns where they go */
  #reserve(more: number): number {
    const at = this.#length;
    const needed = at + more;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(at === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, at));
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }
}

/** The parts one after another, in a buffer of their own. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Whether two byte strings are the same, in time that depends on their lengths
 * only. The one comparison for anything secret or authenticating.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a[at]! ^ b[at]!;
  return difference === 0;
}

/** Bytes from hexadecimal text of either case; white space between digits is ignored. @throws RangeError */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s+/g, "").toLowerCase();
  if (digits.length % 2 !== 0 || /[^0-9a-f]/.test(digits)) throw new RangeError("not hexadecimal");
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = HEX_DIGITS.indexOf(digits[at * 2]!) * 16 + HEX_DIGITS.indexOf(digits[at * 2 + 1]!);
  }
  return bytes;
}

/** Each octet in two digits: one string less per octet than joining the digits. */
const HEX_OCTETS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => HEX_DIGITS[byte >> 4]! + HEX_DIGITS[byte & 15]!,
);

/** Lower-case hexadecimal without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX_OCTETS[byte]!;
  return text;
}

/** UTF-8 (RFC 3629). A lone surrogate becomes U+FFFD, as in TextEncoder, which pure code may not use. */
export function utf8(text: string): Uint8Array {
  return ascii(text) ?? encodeUtf8(text);
}

/** Most text that protocols carry is ASCII, which needs no list in between; null where this is not. */
function ascii(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) return null;
    bytes[at] = code;
  }
  return bytes;
}

function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) {
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    } else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63));
      bytes.push(0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return Uint8Array.from(bytes);
}

/**
 * A buffer that begins with `bytes[start, end)` and has room for `more` behind it:
 * the same one where that will do, so that a long connection does not make a long
 * buffer; else one twice as long, so that single octets cost no square.
 */
export function withRoom(bytes: Uint8Array, start: number, end: number, more: number): Uint8Array {
  const held = bytes.subarray(start, end);
  const needed = held.length + more;
  const target = needed * 2 <= bytes.length ? bytes : new Uint8Array(Math.max(needed * 2, 1024));
  target.set(held);
  return target;
}

/** Characters that one call can be handed, on every engine. */
const MAX_CHARACTERS = 1024;

/** Where the ASCII that begins at `at` ends, or is long enough. */
function asciiFrom(bytes: Uint8Array, at: number): number {
  const most = Math.min(bytes.length, at + MAX_CHARACTERS);
  let end = at;
  while (end < most && bytes[end]! < 0x80) end++;
  return end;
}

/** Text from UTF-8, or null where the bytes are not well-formed (overlong, surrogate, cut short). */
export function fromUtf8(bytes: Uint8Array): string | null {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const ascii = asciiFrom(bytes, at);
    if (ascii > at) {
      text += String.fromCharCode(...bytes.subarray(at, ascii));
      at = ascii;
      continue;
    }
    const first = bytes[at]!;
    const more =
      first < 0x80
        ? 0
        : first < 0xc2
          ? -1
          : first < 0xe0
            ? 1
            : first < 0xf0
              ? 2
              : first < 0xf5
                ? 3
                : -1;
    if (more < 0 || at + more >= bytes.length) return null;
    let code = more === 0 ? first : first & (0x3f >> more);
    for (let next = 1; next <= more; next++) {
      const byte = bytes[at + next]!;
      if ((byte & 0xc0) !== 0x80) return null;
      code = (code << 6) | (byte & 63);
    }
    const overlong = (more === 2 && code < 0x800) || (more === 3 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    text += String.fromCodePoint(code);
    at += more + 1;
  }
  return text;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32_LOWER = "abcdefghijklmnopqrstuvwxyz234567";

/** Base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  const digits = toDigits(bytes, BASE64, 6);
  return digits + "=".repeat((4 - (digits.length % 4)) % 4);
}

/** Bytes from padded base64, or null where it is not canonical; white space is ignored. */
export function fromBase64(text: string): Uint8Array | null {
  const compact = text.replaceAll(/\s+/g, "");
  if (compact.length % 4 !== 0) return null;
  return fromDigits(compact.replace(/={1,2}$/, ""), BASE64, 6);
}

/** Base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toDigits(bytes, BASE64_URL, 6);
}

/** Bytes from unpadded base64url, or null where it is not canonical. */
export function fromBase64Url(text: string): Uint8Array | null {
  return fromDigits(text, BASE64_URL, 6);
}

/** Base32 in lower case without padding (RFC 4648 §6). */
export function toBase32(bytes: Uint8Array): string {
  return toDigits(bytes, BASE32_LOWER, 5);
}

/** Bytes from unpadded lower-case base32, or null where it is not canonical. */
export function fromBase32(text: string): Uint8Array | null {
  return fromDigits(text, BASE32_LOWER, 5);
}

function toDigits(bytes: Uint8Array, alphabet: string, width: number): string {
  let text = "";
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= width) {
      bits -= width;
      text += alphabet[(pending >> bits) & ((1 << width) - 1)]!;
    }
    pending &= (1 << bits) - 1;
  }
  if (bits > 0) text += alphabet[(pending << (width - bits)) & ((1 << width) - 1)]!;
  return text;
}

function fromDigits(text: string, alphabet: string, width: number): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor((text.length * width) / 8));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text) {
    const value = alphabet.indexOf(digit);
    if (value < 0) return null;
    pending = (pending << width) | value;
    bits += width;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = pending >> bits;
      pending &= (1 << bits) - 1;
    }
  }
  // Canonical text has no spare digit and zeros in the bits left over (RFC 4648 §3.5).
  return bits >= width || pending !== 0 ? null : bytes;
}
