/** A larger buffer is given back once the queue is empty: most connections are idle most of the time. */
const KEPT_CAPACITY = 1024;

/** Bytes that came in and were not taken yet, at amortized constant cost per byte. */
export class ByteQueue {
  #buffer = new Uint8Array();
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes` behind what is there. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The first `length` bytes, borrowed until the next push; the queue must have them. */
  peek(length: number): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#start + Math.min(length, this.length));
  }

  /** The first `length` bytes, in a buffer of their own; the queue must have them. */
  take(length: number): Uint8Array {
    const taken = this.peek(length).slice();
    this.#start += taken.length;
    if (this.length === 0 && this.#buffer.length > KEPT_CAPACITY) this.clear();
    return taken;
  }

  /** Forgets everything and overwrites it: part of it may be plaintext. */
  clear(): void {
    this.#buffer.fill(0);
    this.#buffer = new Uint8Array();
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(more: number): void {
    const needed = this.length + more;
    const room =
      needed <= this.#buffer.length / 2 ? this.#buffer : new Uint8Array(Math.max(512, needed * 2));
    // The two may overlap in one buffer: set() reads before it writes.
    room.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = room;
    this.#end = this.length;
    this.#start = 0;
  }
}
