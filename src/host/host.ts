/**
 * All that the daemon may ask of a runtime. `node/` implements it today, the C
 * host of the router next; `memory/` is its twin for tests. Every failure is a
 * {@link HostFailure} and never a peer's fault.
 */
import type { Crypto } from "../base/crypto/crypto.ts";
import type { Mono, RandomSource, Unix } from "../base/machine.ts";

/** A system call that failed: `operation` names it with its object, `errno` is the symbolic code (`ENOSPC`). */
export class HostFailure extends Error {
  override readonly name = "HostFailure";
  readonly operation: string;
  readonly errno: string;

  constructor(operation: string, errno: string) {
    super(`${operation}: ${errno}`);
    this.operation = operation;
    this.errno = errno;
  }
}

/** An IP address in text without brackets or zone, and a port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export interface UdpSocket {
  /** The address bound, its port never 0. */
  readonly local: SocketAddress;
  send(bytes: Uint8Array, to: SocketAddress): void;
  close(): void;
}

/** One accepted connection on a local socket. */
export interface LocalConnection {
  send(bytes: Uint8Array): void;
  /** Ends after what was sent has left. */
  close(): void;
}

export interface LocalHandlers {
  onBytes(bytes: Uint8Array): void;
  onClose(): void;
}

export interface Listener {
  close(): void;
}

/** How a program ended: `status` is its exit status, or 128 plus the signal's number. */
export interface ProcessResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `lstat` tells of a file that matters here. */
export interface FileFacts {
  /** Permission bits, e.g. 0o600. */
  readonly mode: number;
  readonly size: number;
  readonly owner: number;
  readonly kind: "file" | "directory" | "other";
}

/** An append-only file. */
export interface AppendFile {
  readonly size: number;
  /** Writes all bytes and returns once they are on the medium (fsync). A part that was written is cut off again on failure. */
  appendDurably(bytes: Uint8Array): void;
  close(): void;
}

export interface Files {
  /** Null where there is no such file. */
  read(path: string): Uint8Array | null;
  facts(path: string): FileFacts | null;
  list(directory: string): readonly string[];
  makeDirectory(path: string, mode: number): void;
  /** Write beside, fsync, rename over, fsync the directory: after power loss the old or the new file, never less. */
  replaceDurably(path: string, bytes: Uint8Array, mode: number): void;
  /** Like replaceDurably, but refuses with EEXIST where the file is there: keys are made once. */
  createDurably(path: string, bytes: Uint8Array, mode: number): void;
  /** Opens for appending after cutting the file to `length` bytes; makes it where it is missing. */
  openAppend(path: string, mode: number, length: number): AppendFile;
  remove(path: string): void;
  /** Takes an exclusive lock that dies with the process; false where another process holds it. */
  lock(path: string): boolean;
}

export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

export interface Timer {
  cancel(): void;
}

export interface Host {
  readonly crypto: Crypto;
  /** Blocks until the kernel's random source is ready (getrandom). */
  readonly random: RandomSource;
  readonly files: Files;
  mono(): Mono;
  /** The wall clock, right or wrong; whether it can be trusted is the daemon's question. */
  wall(): Unix;
  setTimer(at: Mono, run: () => void): Timer;
  udp(bind: SocketAddress, onDatagram: (bytes: Uint8Array, from: SocketAddress) => void): UdpSocket;
  /** A stream socket in the file system, made with `mode`; a stale file of that name is replaced, a live one is EADDRINUSE. */
  listenLocal(
    path: string,
    mode: number,
    accept: (connection: LocalConnection) => LocalHandlers,
  ): Listener;
  /** Runs a program by its arguments, never through a shell, with `input` on its standard input. */
  run(command: readonly string[], input: string, done: (result: ProcessResult) => void): void;
  log(level: LogLevel, line: string): void;
}
