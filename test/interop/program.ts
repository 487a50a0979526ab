/** A spawned program: what it says, what it is told, and that it ends. */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/**
 * Nothing either side does in one cell takes longer, even where many others want the processor; one that
 * does is ended and its cell fails.
 */
export const PATIENCE_MS = 60_000;

export class Program {
  /** Standard output and standard error as they come. */
  text = "";
  readonly words: readonly string[];
  readonly #child;
  readonly #closed: Promise<number | null>;
  readonly #patience;
  #ended = false;
  #waiting: (() => void)[] = [];
  #error: Error | null = null;

  constructor(command: string, words: readonly string[], folder?: string) {
    this.words = [command, ...words];
    const where = folder === undefined ? {} : { cwd: folder };
    this.#child = spawn(command, words, { stdio: "pipe", ...where });
    const heard = (chunk: Buffer): void => {
      this.text += chunk.toString("latin1");
      this.#wake();
    };
    this.#child.stdout.on("data", heard);
    this.#child.stderr.on("data", heard);
    this.#child.stdin.on("error", () => {});
    this.#child.on("error", (error) => {
      this.#error = error;
      this.#ended = true;
      this.#wake();
    });
    this.#patience = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    this.#closed = new Promise((done) => {
      this.#child.on("error", () => done(null));
      this.#child.on("close", (status) => {
        clearTimeout(this.#patience);
        this.#ended = true;
        this.#wake();
        done(status);
      });
    });
  }

  /** Waits until its output from `from` on has `wanted`. @throws Error with all it said where it ends before. */
  async until(wanted: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const found = wanted.exec(this.text.slice(from));
      if (found !== null) return found;
      if (this.#ended) throw this.failure(`ended before ${String(wanted)}`);
      await new Promise<void>((wake) => void this.#waiting.push(wake));
    }
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Closes its input. */
  finish(): void {
    this.#child.stdin.end();
  }

  /** Waits until it ends by itself, and says its exit status. */
  closed(): Promise<number | null> {
    return this.#closed;
  }

  async stop(): Promise<void> {
    if (!this.#ended) {
      this.#child.kill("SIGTERM");
      const hard = setTimeout(() => this.#child.kill("SIGKILL"), 1500);
      await this.#closed;
      clearTimeout(hard);
    }
    clearTimeout(this.#patience);
  }

  failure(what: string): Error {
    const said = this.#error?.message ?? this.text.slice(-1500);
    return new Error(`${this.words[0]} ${what}\n  ran: ${this.words.join(" ")}\n  said: ${said}`);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** The first line of what a program says of itself, or null where there is none. */
export function firstLine(command: string, ...words: string[]): string | null {
  const { error, status, stdout, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (error !== undefined || status !== 0) return null;
  return `${stdout}${stderr}`.trim().split("\n")[0] ?? null;
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one. */
export function freePort(datagram: boolean): Promise<number> {
  return new Promise((done, fail) => {
    if (datagram) {
      const socket = createSocket("udp4");
      socket.on("error", fail);
      socket.bind(0, "127.0.0.1", () => {
        const { port } = socket.address();
        socket.close(() => done(port));
      });
    } else {
      const server = createServer();
      server.on("error", fail);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        const port = typeof address === "object" ? (address?.port ?? 0) : 0;
        server.close(() => done(port));
      });
    }
  });
}

export interface Promised<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(fault: Error): void;
}

/** A promise that is settled from outside; one that nobody waits for may fail in silence. */
export function promised<T>(): Promised<T> {
  let settle: Omit<Promised<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  // The function given to a promise runs before its constructor returns.
  return { promise, ...settle! };
}
