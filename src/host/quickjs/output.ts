/** Standard output and standard error of a program that has something to say to people. */
import { utf8 } from "../../base/bytes.ts";
import { WRITABLE } from "./loop.ts";
import type { Loop } from "./loop.ts";
import { errnoOf, native } from "./native.ts";

export class Output {
  readonly #loop: Loop;
  readonly #fd: number;
  readonly #gone: () => void;
  #waiting: Uint8Array[] = [];
  #whenEmpty: () => void = () => {};

  /** @param gone - whoever reads has seen enough, or nothing can be written: no fault of ours */
  constructor(loop: Loop, fd: number, gone: () => void) {
    this.#loop = loop;
    this.#fd = fd;
    this.#gone = gone;
  }

  write(text: string): void {
    this.#waiting.push(utf8(text));
    this.#write();
  }

  /** At once where nothing waits. */
  whenEmpty(run: () => void): void {
    this.#whenEmpty = run;
    if (this.#waiting.length === 0) run();
  }

  #write(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const sent = native.send(this.#fd, first.buffer, first.byteOffset, first.length);
      const errno = errnoOf(sent);
      if (errno === "EINTR") continue;
      // Somebody else has made it non-blocking: it is theirs as well.
      if (errno === "EAGAIN") return this.#loop.watch(this.#fd, WRITABLE, () => this.#write());
      if (errno !== null) {
        this.#waiting = [];
        return this.#gone();
      }
      if (sent < first.length) this.#waiting[0] = first.subarray(sent);
      else this.#waiting.shift();
    }
    this.#loop.unwatch(this.#fd);
    this.#whenEmpty();
  }
}
