/** Bytes as they come in, in any chunking, cut into lines and bodies. Each octet is looked at once. */
import { withRoom } from "../../base/bytes.ts";
import { HttpFailure } from "./failure.ts";
import type { HttpReason } from "./failure.ts";

const CR = 0x0d;
const LF = 0x0a;

export class Incoming {
  #bytes: Uint8Array = new Uint8Array(1024);
  #start = 0;
  #end = 0;
  /** Up to here there is no end of a line. */
  #scanned = 0;

  /** Octets not taken yet. */
  get length(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * The next line without its CR LF, one character per octet; null until all of it is there.
   * @throws HttpFailure `tooLong` beyond `most` octets; `bad-line-ending` for CR or LF alone
   */
  line(most: number, tooLong: HttpReason): string | null {
    const bytes = this.#bytes;
    for (let at = this.#scanned; at < this.#end; at++) {
      const byte = bytes[at]!;
      if (byte === LF) throw new HttpFailure("bad-line-ending");
      if (byte === CR) {
        this.#scanned = at;
        if (at + 1 === this.#end) return null;
        if (bytes[at + 1] !== LF) throw new HttpFailure("bad-line-ending");
        const line = latin1(bytes.subarray(this.#start, at));
        this.#start = at + 2;
        this.#scanned = this.#start;
        return line;
      }
      if (at - this.#start >= most) throw new HttpFailure(tooLong);
    }
    this.#scanned = this.#end;
    return null;
  }

  /** At most `most` octets, in a buffer of their own. */
  take(most: number): Uint8Array {
    const taken = this.#bytes.slice(this.#start, Math.min(this.#start + most, this.#end));
    this.#start += taken.length;
    this.#scanned = this.#start;
    return taken;
  }

  clear(): void {
    this.#bytes = new Uint8Array();
    this.#start = this.#end = this.#scanned = 0;
  }

  #makeRoom(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    this.#bytes = withRoom(this.#bytes, this.#start, this.#end, more);
    this.#scanned -= this.#start;
    this.#end -= this.#start;
    this.#start = 0;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
