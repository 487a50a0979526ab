// The database format of apk-tools 3, "ADB", as far as one package needs it (apk-v3(5)): values behind 32-bit words,
// little-endian, whose high four bits tell the type and whose low 28 bits are the value itself or where it stands.

const NULL = 0;
const TYPE = { int: 1, int32: 2, blob8: 8, blob16: 9, blob32: 10, array: 13, object: 14 };
const MAX_DIRECT = 0xfffffff;
const word = (type, value) => ((type << 28) | value) >>> 0;

/** The payload of an ADB block. What is written must be written before what names it. */
export class AdbWriter {
  #parts = [];
  // Behind the header: two versions of the format, both 0, two octets, and the root's word.
  #length = 8;
  #known = new Map();

  /** Where `bytes` stand; the same ones stand once. */
  #place(bytes, alignment) {
    const key = `${alignment} ${bytes.toString("latin1")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const at = this.append(bytes, alignment);
    this.#known.set(key, at);
    return at;
  }

  /** Bytes of their own, which nothing else comes to share. */
  append(bytes, alignment) {
    const gap = (alignment - (this.#length % alignment)) % alignment;
    const at = this.#length + gap;
    if (at + bytes.length > MAX_DIRECT) throw new RangeError("too much for one package");
    this.#parts.push(Buffer.alloc(gap), bytes);
    this.#length = at + bytes.length;
    return at;
  }

  int(number) {
    if (number <= MAX_DIRECT) return word(TYPE.int, number);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    return word(TYPE.int32, this.#place(bytes, 4));
  }

  /** @param value - a Buffer, or text; none where it is empty */
  blob(value) {
    const bytes = Buffer.from(value);
    if (bytes.length === 0) return NULL;
    const { type, width } = widthOf(bytes.length);
    return word(type, this.#place(prefixed(bytes, width), width));
  }

  /** @param fields - words from the first field on */
  object(fields) {
    return this.#slots(TYPE.object, fields);
  }

  array(items) {
    return this.#slots(TYPE.array, items);
  }

  /** Fields at the end that are not there are left out; a value without any is none. */
  #slots(type, words) {
    const used = words.findLastIndex((value) => value !== NULL) + 1;
    if (used === 0) return NULL;
    const bytes = Buffer.alloc(4 * (used + 1));
    [used + 1, ...words.slice(0, used)].forEach((value, at) => bytes.writeUInt32LE(value, 4 * at));
    return word(type, this.#place(bytes, 4));
  }

  payload(rootWord) {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(rootWord, 4);
    return Buffer.concat([header, ...this.#parts]);
  }
}

function widthOf(length) {
  if (length <= 0xff) return { type: TYPE.blob8, width: 1 };
  return length <= 0xffff ? { type: TYPE.blob16, width: 2 } : { type: TYPE.blob32, width: 4 };
}

function prefixed(bytes, width) {
  const length = Buffer.alloc(width);
  length.writeUIntLE(bytes.length, 0, width);
  return Buffer.concat([length, bytes]);
}

export const BLOCK = { adb: 0, signature: 1, data: 2 };

/** One block of a file: a word of type and length, the payload, and zeros to a multiple of 8 octets. */
export function block(type, payload) {
  const length = 4 + payload.length;
  const bytes = Buffer.alloc(Math.ceil(length / 8) * 8);
  bytes.writeUInt32LE(((type << 30) | length) >>> 0);
  payload.copy(bytes, 4);
  return bytes;
}

/** The blocks of a file from `at` on. @throws Error where they do not fill it */
export function readBlocks(bytes, at) {
  const blocks = [];
  while (at < bytes.length) {
    const head = bytes.readUInt32LE(at);
    const length = head & 0x3fffffff;
    if (length < 4 || at + length > bytes.length) throw new Error(`no block at ${at}`);
    blocks.push({ type: head >>> 30, payload: bytes.subarray(at + 4, at + length) });
    at += Math.ceil(length / 8) * 8;
  }
  return blocks;
}

/** The value of a word: a number, a Buffer, null, or a list of values (of an object the first field is at 0). */
export function readValue(payload, value) {
  const type = value >>> 28;
  const at = value & MAX_DIRECT;
  switch (type) {
    case 0:
      return null;
    case TYPE.int:
      return at;
    case TYPE.int32:
      return payload.readUInt32LE(at);
    case TYPE.blob8:
    case TYPE.blob16:
    case TYPE.blob32: {
      const width = 1 << (type - TYPE.blob8);
      const from = at + width;
      return payload.subarray(from, from + payload.readUIntLE(at, width));
    }
    case TYPE.array:
    case TYPE.object: {
      const count = payload.readUInt32LE(at);
      const slots = Array.from({ length: count - 1 }, (_, slot) =>
        payload.readUInt32LE(at + 4 * (slot + 1)),
      );
      return slots.map((slot) => readValue(payload, slot));
    }
    default:
      throw new Error(`no value of type ${type}`);
  }
}
