/**
 * TLS messages inside EAP packets: the framing that EAP-TLS and EAP-TTLS share.
 * A message is what one side says before it waits; it travels in one packet or,
 * fragment by fragment, in several, each acknowledged by an empty packet.
 *
 * @see RFC 5216 §2.1.5 (fragmentation), §3.1 (flags); RFC 5281 §9.2
 */
import { concat, Reader, Writer } from "../../base/bytes.ts";
import { EapFailure } from "./failure.ts";

const FLAG_LENGTH = 0x80;
const FLAG_MORE = 0x40;
const FLAG_START = 0x20;

/** The longest message we put together, in bytes; hostap's peers and servers have the same limit. */
export const MAX_MESSAGE_LENGTH = 65536;

/** The type-data that opens the method: the S flag alone, version 0. */
export const START: Uint8Array = Uint8Array.of(FLAG_START);

/** The type-data that acknowledges a fragment or a message: no flag, no bytes. */
export const ACKNOWLEDGEMENT: Uint8Array = Uint8Array.of(0);

export interface Fragment {
  /** The M flag: further fragments of this message follow. */
  readonly more: boolean;
  /** The length of the whole message where the L flag is set. */
  readonly total: number | null;
  readonly bytes: Uint8Array;
}

/**
 * Reads a peer's type-data. Reserved flags are ignored, as RFC 5216 §3.1 asks.
 *
 * @param versionBits - the flag bits that hold a version, which must be 0: 0x07 for TTLS, 0 for TLS
 * @throws {@link EapFailure} `truncated`, `start-from-peer`, `unsupported-version`
 */
export function parseFragment(typeData: Uint8Array, versionBits: number): Fragment {
  const reader = new Reader(typeData, () => new EapFailure("truncated"));
  const flags = reader.u8();
  if ((flags & versionBits) !== 0) throw new EapFailure("unsupported-version");
  if ((flags & FLAG_START) !== 0) throw new EapFailure("start-from-peer");
  const total = (flags & FLAG_LENGTH) === 0 ? null : reader.u32();
  return { more: (flags & FLAG_MORE) !== 0, total, bytes: reader.rest() };
}

/** Whether the peer said nothing but "go on". */
export function isAcknowledgement(fragment: Fragment): boolean {
  return !fragment.more && fragment.bytes.length === 0 && (fragment.total ?? 0) === 0;
}

/** Puts a peer's message together. Holds at most {@link MAX_MESSAGE_LENGTH} bytes. */
export class IncomingMessage {
  #parts: Uint8Array[] = [];
  #length = 0;
  #total = 0;

  /** Whether a message has begun and not ended. */
  get open(): boolean {
    return this.#parts.length > 0;
  }

  /**
   * Adds a fragment; it is copied.
   *
   * @returns the whole message after its last fragment, null before
   * @throws {@link EapFailure} where the first of several fragments names no
   *   total, a total changes or does not fit the bytes, the message is too long,
   *   or a fragment that announces more brings nothing
   */
  add({ more, total, bytes }: Fragment): Uint8Array | null {
    if (!this.open) {
      if (total === null && more) throw new EapFailure("total-length-missing");
      this.#total = total ?? bytes.length;
      if (this.#total > MAX_MESSAGE_LENGTH) throw new EapFailure("message-too-long");
    } else if (total !== null && total !== this.#total) {
      // Some supplicants repeat the total in every fragment; it must stay the same.
      throw new EapFailure("total-length-mismatch");
    }
    if (more && bytes.length === 0) throw new EapFailure("empty-fragment");
    this.#length += bytes.length;
    const complete = this.#length === this.#total;
    if (this.#length > this.#total || complete === more) {
      throw new EapFailure("total-length-mismatch");
    }
    this.#parts.push(bytes.slice());
    if (more) return null;
    const message = concat(...this.#parts);
    this.#parts = [];
    this.#length = 0;
    return message;
  }
}

/** Cuts our message into type-data of whatever size the way to the peer allows at the time. */
export class OutgoingMessage {
  readonly #message: Uint8Array;
  #sent = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  /** Whether the last fragment has been taken. */
  get sent(): boolean {
    return this.#sent === this.#message.length;
  }

  /** The next fragment as type-data of at most `limit` bytes (6 at least, so that each brings a byte). */
  next(limit: number): Uint8Array {
    const rest = this.#message.length - this.#sent;
    if (rest + 1 <= limit) {
      // RFC 9190 §2.1.9: a message in one piece names no length.
      return this.#take(new Writer().u8(0), rest);
    }
    const head = new Writer();
    if (this.#sent > 0) head.u8(FLAG_MORE);
    else head.u8(FLAG_LENGTH | FLAG_MORE).u32(this.#message.length);
    return this.#take(head, limit - head.length);
  }

  #take(head: Writer, length: number): Uint8Array {
    const from = this.#sent;
    this.#sent += length;
    return head.raw(this.#message.subarray(from, this.#sent)).bytes();
  }
}
