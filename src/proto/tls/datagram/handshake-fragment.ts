/** Handshake messages as DTLS puts them on the wire, and as the two transcripts take them. */
import { Reader, Writer } from "../../../base/bytes.ts";
import type { DatagramDiscard } from "./discard.ts";

/** A message without any header. */
export interface DatagramMessage {
  readonly type: number;
  /** message_seq. */
  readonly seq: number;
  readonly body: Uint8Array;
}

/** One piece of a message. */
export interface HandshakeFragment {
  readonly type: number;
  readonly seq: number;
  /** Octets of the whole message's body. */
  readonly length: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

class CutShort extends Error {}

/**
 * The fragments in one handshake record, in order; all of them or none, for the
 * record is acknowledged as a whole.
 *
 * @see RFC 6347 §4.2.2; RFC 9147 §5.2 and §5.5
 */
export function parseFragments(content: Uint8Array): HandshakeFragment[] | DatagramDiscard {
  if (content.length === 0) return "empty-handshake-record";
  const fragments: HandshakeFragment[] = [];
  const reader = new Reader(content, () => new CutShort());
  try {
    while (reader.remaining > 0) {
      const type = reader.u8();
      const length = reader.u24();
      const seq = reader.u16();
      const offset = reader.u24();
      const bytes = reader.vector24();
      if (offset + bytes.length > length) return "fragment-past-end";
      fragments.push({ type, seq, length, offset, bytes });
    }
  } catch (failure) {
    if (failure instanceof CutShort) return "fragment-cut-short";
    throw failure;
  }
  return fragments;
}

/** The part of a message from `offset` to `end`. */
export function encodeFragment(message: DatagramMessage, offset: number, end: number): Uint8Array {
  return new Writer()
    .u8(message.type)
    .u24(message.body.length)
    .u16(message.seq)
    .u24(offset)
    .vector24(message.body.subarray(offset, end))
    .bytes();
}

/** As if it had been sent in one piece: the transcript of DTLS 1.2 (RFC 6347 §4.2.6). */
export function transcriptForm12(message: DatagramMessage): Uint8Array {
  return encodeFragment(message, 0, message.body.length);
}

/** As TLS has it: the transcript of DTLS 1.3 (RFC 9147 §5.2). */
export function transcriptForm13(message: Pick<DatagramMessage, "type" | "body">): Uint8Array {
  return new Writer().u8(message.type).vector24(message.body).bytes();
}
