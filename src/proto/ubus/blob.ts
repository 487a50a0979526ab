/**
 * Attributes, the form of everything on the bus: four octets of id and length,
 * a payload, zeros up to a multiple of four. Big-endian on every machine.
 *
 * @see OpenWrt libubox, blob.h
 */
import { concat, Reader, Writer } from "../../base/bytes.ts";
import { BlobFailure } from "./failure.ts";

/** Octets of id and length. */
export const HEAD_LENGTH = 4;

/** What three octets of length can tell, the head included. */
export const MAX_ATTRIBUTE_LENGTH = 0xff_ffff;

/** The bit of an attribute whose payload begins with a name. */
const EXTENDED = 0x80;

export interface Attribute {
  /** 0 to 127. */
  readonly id: number;
  readonly extended: boolean;
  /** Without padding; borrowed. */
  readonly payload: Uint8Array;
}

/**
 * The attributes of a payload, one after another, as far as they are sound.
 *
 * @param bytes - whole attributes; the last one may lack its padding. The results borrow from it.
 * @throws {@link BlobFailure} `bad-length` when the walk comes to an attribute that cannot be there
 */
export function* attributesOf(bytes: Uint8Array): Generator<Attribute, void> {
  const reader = new Reader(bytes, () => new BlobFailure("bad-length"));
  while (reader.remaining > 0) {
    const first = reader.u8();
    const length = reader.u24();
    if (length < HEAD_LENGTH) throw new BlobFailure("bad-length");
    const payload = reader.take(length - HEAD_LENGTH);
    yield { id: first & ~EXTENDED, extended: (first & EXTENDED) !== 0, payload };
    reader.take(Math.min(padding(length), reader.remaining));
  }
}

/** One attribute with its padding. @throws RangeError for an id beyond 127 or a payload of 16 MiB: faults of the caller */
export function encodeAttribute(
  id: number,
  payload: Uint8Array,
  extended: boolean = false,
): Uint8Array {
  if (id > 0x7f) throw new RangeError(`${id} is no id of an attribute`);
  const length = HEAD_LENGTH + payload.length;
  return new Writer(length + padding(length))
    .u8(extended ? id | EXTENDED : id)
    .u24(length)
    .raw(payload)
    .raw(new Uint8Array(padding(length)))
    .bytes();
}

/** Text as it goes into an attribute: with its NUL. Where it has one inside, a reader in C would end it there. */
export function encodeText(text: Uint8Array): Uint8Array {
  return concat(text, Uint8Array.of(0));
}

/** Octets from `length` to the next multiple of four. */
export function padding(length: number): number {
  return -length & 3;
}
