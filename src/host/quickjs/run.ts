/** Programs over the C host: no shell, bounded output, bounded time. */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { mono } from "../../base/machine.ts";
import type { ProcessResult, Timer } from "../host.ts";
import { MAX_OUTPUT_BYTES, MAX_RUN_MILLISECONDS, statusOfFailure } from "../limits.ts";
import { READABLE, WRITABLE } from "./loop.ts";
import type { Loop } from "./loop.ts";
import { errnoOf, native } from "./native.ts";

export class Programs {
  readonly #loop: Loop;
  readonly #running = new Set<Program>();

  constructor(loop: Loop) {
    this.#loop = loop;
    loop.onChild = () => {
      for (const program of this.#running) program.reap();
    };
  }

  /** See `Host.run`. */
  run(command: readonly string[], input: string, done: (result: ProcessResult) => void): void {
    const spawned = native.spawn(command);
    if (typeof spawned === "number") {
      const errno = errnoOf(spawned) ?? "EINVAL";
      const status = statusOfFailure(errno);
      const stderr = `${command[0] ?? ""}: ${errno}`;
      this.#loop.later(() => done({ status, stdout: "", stderr }));
      return;
    }
    const program: Program = new Program(this.#loop, spawned, utf8(input), (result) => {
      this.#running.delete(program);
      done(result);
    });
    this.#running.add(program);
  }
}

/** One that runs, or has ended and may still have something to say. */
class Program {
  readonly #loop: Loop;
  readonly #pid: number;
  readonly #done: (result: ProcessResult) => void;
  readonly #timeout: Timer;
  readonly #outputs: readonly Output[];
  #status: number | null = null;
  #isOver = false;

  constructor(
    loop: Loop,
    [pid, stdin, stdout, stderr]: readonly [number, number, number, number],
    input: Uint8Array,
    done: (result: ProcessResult) => void,
  ) {
    this.#loop = loop;
    this.#pid = pid;
    this.#done = done;
    const at = mono(loop.now() + MAX_RUN_MILLISECONDS);
    this.#timeout = loop.setTimer(at, () => native.kill(pid));
    this.#outputs = [stdout, stderr].map((fd) => new Output(loop, fd, () => this.#settle()));
    feed(loop, stdin, input);
  }

  reap(): void {
    if (this.#status !== null) return;
    const status = native.reap(this.#pid);
    if (errnoOf(status) === "EAGAIN") return;
    // Nobody else waits for our children, so there is none that we could not have.
    this.#status = status < 0 ? statusOfFailure("ECHILD") : status;
    this.#settle();
  }

  #settle(): void {
    const [stdout, stderr] = this.#outputs;
    if (this.#isOver || this.#status === null) return;
    if (stdout?.isOver !== true || stderr?.isOver !== true) return;
    this.#isOver = true;
    this.#timeout.cancel();
    const status = this.#status;
    this.#loop.guarded(() => this.#done({ status, stdout: stdout.text, stderr: stderr.text }));
  }
}

class Output {
  isOver = false;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(loop: Loop, fd: number, over: () => void) {
    loop.watch(fd, READABLE, () => {
      const got = native.receive(fd);
      if (typeof got === "number") {
        const errno = errnoOf(got);
        if (errno === "EAGAIN" || errno === "EINTR") return;
      } else if (got.byteLength > 0) {
        return this.#keep(new Uint8Array(got));
      }
      loop.close(fd);
      this.isOver = true;
      over();
    });
  }

  get text(): string {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    // What is no UTF-8 is shown octet by octet.
    return fromUtf8(whole) ?? Array.from(whole, (octet) => String.fromCharCode(octet)).join("");
  }

  #keep(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, MAX_OUTPUT_BYTES - this.#length);
    if (kept.length === 0) return;
    this.#parts.push(kept);
    this.#length += kept.length;
  }
}

/** A program may end without reading its input; that shows in its status. */
function feed(loop: Loop, fd: number, input: Uint8Array): void {
  let left = input;
  const write = (): void => {
    while (left.length > 0) {
      const sent = native.send(fd, left.buffer, left.byteOffset, left.length);
      const errno = errnoOf(sent);
      if (errno === "EAGAIN" || errno === "EINTR") return;
      if (errno !== null) break;
      left = left.subarray(sent);
    }
    loop.close(fd);
  };
  loop.watch(fd, WRITABLE, write);
}
