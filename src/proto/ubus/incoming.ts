/** Octets as they come in, in any pieces, cut into messages. */
import { withRoom } from "../../base/bytes.ts";
import { parseFields, parsePrologue, PROLOGUE_LENGTH } from "./message.ts";
import type { Prologue, UbusMessage } from "./message.ts";

const FIRST_BYTES = 1024;

export class Incoming {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;
  #prologue: Prologue | null = null;

  push(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  clear(): void {
    this.#bytes = new Uint8Array(FIRST_BYTES);
    this.#start = this.#end = 0;
    this.#prologue = null;
  }

  /** The next message, in a buffer of its own; null until all of it is there. @throws UbusFailure */
  next(): UbusMessage | null {
    this.#prologue ??=
      this.#held >= PROLOGUE_LENGTH ? parsePrologue(this.#take(PROLOGUE_LENGTH)) : null;
    if (this.#prologue === null || this.#held < this.#prologue.bodyLength) return null;
    const { type, seq, peer, bodyLength } = this.#prologue;
    this.#prologue = null;
    return { type, seq, peer, fields: parseFields(this.#take(bodyLength)) };
  }

  get #held(): number {
    return this.#end - this.#start;
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.slice(this.#start, this.#start + length);
    this.#start += length;
    // One long message must not make a long buffer for ever.
    if (this.#start === this.#end && this.#bytes.length > FIRST_BYTES) {
      this.#bytes = new Uint8Array(FIRST_BYTES);
      this.#start = this.#end = 0;
    }
    return taken;
  }

  #makeRoom(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    this.#bytes = withRoom(this.#bytes, this.#start, this.#end, more);
    this.#end -= this.#start;
    this.#start = 0;
  }
}
