/** What the C host lends to script; see the head of each function in `package/homeca/src`. */
import { HostFailure } from "../host.ts";

/** A negative result is an error number. */
type Result = number;
/** A result of more than a number; a number is a failure. */
type Or<T> = T | number;

export interface Native {
  mono(): number;
  wall(): number;
  random(length: number): Or<ArrayBuffer>;
  randomReady(): Result;
  openLog(name: string): void;
  log(severity: number, line: string): void;
  words(): readonly string[];
  errorName(number: number): string;

  sha256(bytes: ArrayBufferLike, offset: number, length: number, rounds: number): Or<ArrayBuffer>;
  hmacSha256(
    key: ArrayBufferLike,
    keyOffset: number,
    keyLength: number,
    message: ArrayBufferLike,
    offset: number,
    length: number,
  ): ArrayBuffer;
  pbkdf2Sha256(
    password: ArrayBufferLike,
    passwordOffset: number,
    passwordLength: number,
    salt: ArrayBufferLike,
    saltOffset: number,
    saltLength: number,
    iterations: number,
    octets: number,
  ): Or<ArrayBuffer>;

  onEvents(
    ready: (fd: number, events: number) => void,
    wake: () => void,
    signal: (number: number) => void,
  ): void;
  wakeAt(milliseconds: number): void;
  watch(fd: number, events: number): Result;
  exit(status: number): void;
  limits(memoryOctets: number, stackOctets: number, turnMilliseconds: number): void;

  read(path: string): Or<ArrayBuffer>;
  facts(path: string): Or<readonly [mode: number, size: number, owner: number, kind: number]>;
  list(folder: string): Or<string[]>;
  open(path: string, flags: number, mode: number): Result;
  write(
    fd: number,
    position: number,
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ): Result;
  sync(fd: number): Result;
  truncate(fd: number, length: number): Result;
  chmod(fd: number, mode: number): Result;
  size(fd: number): Result;
  close(fd: number): Result;
  lock(fd: number): Result;
  rename(from: string, to: string): Result;
  link(from: string, to: string): Result;
  unlink(path: string): Result;
  mkdir(path: string, mode: number): Result;

  udp(address: string, port: number, link: number, reuse: number): Result;
  tcpListen(address: string, port: number, link: number): Result;
  tcpConnect(address: string, port: number, link: number): Result;
  localListen(path: string, mode: number): Result;
  localConnect(path: string): Result;
  accept(fd: number): Or<readonly [fd: number, address: string, port: number]>;
  bound(fd: number): Or<readonly [zero: number, address: string, port: number]>;
  failure(fd: number): Result;
  receiveFrom(fd: number): Or<readonly [bytes: ArrayBuffer, address: string, port: number]>;
  sendTo(
    fd: number,
    address: string,
    port: number,
    link: number,
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ): Result;
  receive(fd: number): Or<ArrayBuffer>;
  send(fd: number, buffer: ArrayBufferLike, offset: number, length: number): Result;
  end(fd: number): Result;
  reset(fd: number): Result;
  join(fd: number, group: string, link: number): Result;
  through(fd: number, link: number, is6: number): Result;
  links(): Or<readonly (readonly [name: string, address: string, prefix: number, link: number])[]>;

  spawn(
    words: readonly string[],
  ): Or<readonly [pid: number, stdin: number, stdout: number, stderr: number]>;
  reap(pid: number): Result;
  kill(pid: number): Result;
}

/** A global of the C host's. */
declare const nativeHost: Native;

export const native: Native = nativeHost;

/** The result. @throws {@link HostFailure} for an error number */
export function checked<T>(operation: string, result: T | number): T {
  if (typeof result === "number" && result < 0) throw failureOf(operation, result);
  // A number that is no failure is what was asked for.
  return result as T;
}

export function failureOf(operation: string, result: number): HostFailure {
  return new HostFailure(operation, native.errorName(-result));
}

/** The symbol of a result that is a failure; null for one that is none. */
export function errnoOf(result: unknown): string | null {
  return typeof result === "number" && result < 0 ? native.errorName(-result) : null;
}
