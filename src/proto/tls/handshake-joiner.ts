/** Joins handshake messages from the fragments of records, however they are cut (RFC 5246 §6.2.1). */
import { ByteQueue } from "./byte-queue.ts";
import { TlsFailure } from "./failure.ts";
import { HANDSHAKE_HEADER_LENGTH } from "./wire.ts";

/** One whole handshake message. */
export interface HandshakeMessage {
  /** The msg_type octet, known or not. */
  readonly type: number;
  readonly body: Uint8Array;
  /** Header of 4 octets and body. */
  readonly whole: Uint8Array;
  /** message_seq of a datagram's, 0 in a stream: DTLS 1.2 hashes it (RFC 6347 §4.2.6). */
  readonly sequence: number;
}

/** @param whole - Header of 4 octets and body; the result borrows it. */
export function handshakeMessageOf(whole: Uint8Array, sequence = 0): HandshakeMessage {
  return { type: whole[0]!, body: whole.subarray(HANDSHAKE_HEADER_LENGTH), whole, sequence };
}

export class HandshakeJoiner {
  readonly #fragments = new ByteQueue();
  readonly #maxBody: number;

  /** @param maxBody - Octets a message's body may have; a longer one fails on its header alone. */
  constructor(maxBody: number) {
    this.#maxBody = maxBody;
  }

  /** Whether bytes wait that are not a whole message, or not one that was taken. */
  get pending(): boolean {
    return this.#fragments.length > 0;
  }

  push(fragment: Uint8Array): void {
    this.#fragments.push(fragment);
  }

  /** The next whole message, or null. @throws {@link TlsFailure} */
  next(): HandshakeMessage | null {
    if (this.#fragments.length < HANDSHAKE_HEADER_LENGTH) return null;
    const header = this.#fragments.peek(HANDSHAKE_HEADER_LENGTH);
    const length = header[1]! * 0x10000 + header[2]! * 0x100 + header[3]!;
    if (length > this.#maxBody) throw TlsFailure.because("message-too-long", `${length} octets`);
    if (this.#fragments.length < HANDSHAKE_HEADER_LENGTH + length) return null;
    return handshakeMessageOf(this.#fragments.take(HANDSHAKE_HEADER_LENGTH + length));
  }

  clear(): void {
    this.#fragments.clear();
  }
}
