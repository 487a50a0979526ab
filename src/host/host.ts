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

/** An address of this machine, as text without zone, and the prefix that is on its link. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** A network interface that is up, the loopback aside. */
export interface NetworkInterface {
  readonly name: string;
  readonly ipv4: readonly InterfaceAddress[];
  readonly ipv6: readonly InterfaceAddress[];
}

/** A group of link-local scope in both families. */
export interface MulticastGroup {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly port: number;
}

/** One family of one interface. */
export interface MulticastLink {
  readonly interface: string;
  readonly family: "ipv4" | "ipv6";
}

/** What multicast is spoken through. Everything leaves with a TTL of 255, and is heard on this machine too. */
export interface MulticastSocket {
  /** What was joined: the families that the interfaces had an address of when it was opened. */
  readonly links: readonly MulticastLink[];
  /** To the group, or to one address on that link; from the group's port, or from its own. */
  send(bytes: Uint8Array, to: "group" | SocketAddress, on: MulticastLink): void;
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
  /** Ends its connections too. */
  close(): void;
}

/** What one TCP connection may have waiting to leave: one that takes nothing is reset beyond it, for it holds our memory. */
export const MAX_UNSENT_BYTES: number = 1024 * 1024;

/** Connections of one TCP listener at once; one more is reset before anybody hears of it. */
export const MAX_TCP_CONNECTIONS = 256;

/**
 * One TCP connection, either end. Each end closes its own half; how long one may
 * idle, or take over its request, is for whoever uses it to watch.
 */
export interface StreamConnection {
  /** Bytes that wait to leave; whoever sends much waits for `onDrained`. */
  readonly unsent: number;
  /** Takes the bytes to send; nothing after `end`, `close` or `reset`. Beyond {@link MAX_UNSENT_BYTES} the connection is reset. */
  send(bytes: Uint8Array): void;
  /** Ends our half after what was sent has left; the peer may go on. Once both halves have ended, so has the connection. */
  end(): void;
  /** Ends the connection after what was sent has left; of the peer nothing more is heard. */
  close(): void;
  /** Ends the connection at once; what was sent may be lost. */
  reset(): void;
  /** From now on no `onBytes` and no `onEnd`: what comes stays with the kernel, and so with the peer. */
  pause(): void;
  resume(): void;
}

export interface StreamHandlers {
  onBytes(bytes: Uint8Array): void;
  /** The peer has ended its half; ours goes on. */
  onEnd(): void;
  /** All that was sent has left. */
  onDrained(): void;
  /** Last of all and once, however it ended. */
  onClose(): void;
}

export interface TcpListener extends Listener {
  /** The address bound, its port never 0. */
  readonly local: SocketAddress;
}

/** A connection that is being made. */
export interface Attempt {
  /** Gives up; without effect once it is open or has failed. */
  cancel(): void;
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
  /** As openAppend, of a file that must not be there yet: EEXIST. */
  createAppend(path: string, mode: number): AppendFile;
  remove(path: string): void;
  /** Takes an exclusive lock that dies with the process; false where another process holds it. */
  lock(path: string): boolean;
}

export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

export interface Timer {
  cancel(): void;
}

/** What script may take of the machine. */
export interface ScriptLimits {
  readonly memoryBytes: number;
  readonly stackBytes: number;
  /** Of one callback: it is stopped, what it was about is left, and the log says so. */
  readonly turnMilliseconds: number;
}

export interface Host {
  readonly crypto: Crypto;
  /** Blocks until the kernel's random source is ready (getrandom). */
  readonly random: RandomSource;
  /** Whether that is so; once it is, it stays so. */
  isRandomReady(): boolean;
  readonly files: Files;
  mono(): Mono;
  /** The wall clock, right or wrong; whether it can be trusted is the daemon's question. */
  wall(): Unix;
  setTimer(at: Mono, run: () => void): Timer;
  udp(bind: SocketAddress, onDatagram: (bytes: Uint8Array, from: SocketAddress) => void): UdpSocket;
  interfaces(): readonly NetworkInterface[];
  /**
   * Speaks to a group of link-local scope on some interfaces. What is handed in
   * came from the link it is said to have come from.
   *
   * With port `group` it hears what is sent to the group, beside others on this
   * machine that do, and never what is sent to an address: that is theirs. With
   * port `own` it hears what is sent to that port alone: answers to itself.
   *
   * Addresses that come or go later are noticed by opening anew. An interface
   * that does not exist has no links.
   */
  multicast(
    group: MulticastGroup,
    interfaces: readonly string[],
    port: "group" | "own",
    onDatagram: (bytes: Uint8Array, from: SocketAddress, on: MulticastLink) => void,
  ): MulticastSocket;
  /** A stream socket in the file system, made with `mode`; a stale file of that name is replaced, a live one is EADDRINUSE. */
  listenLocal(
    path: string,
    mode: number,
    accept: (connection: LocalConnection) => LocalHandlers,
  ): Listener;
  /** Connects to a stream socket in the file system, as {@link Host.connectTcp} does over the network. */
  connectLocal(
    path: string,
    open: (connection: StreamConnection) => StreamHandlers,
    failed: (failure: HostFailure) => void,
  ): Attempt;
  /** Listens for TCP connections, bound before it returns; an IPv6 address takes IPv6 only. */
  listenTcp(
    bind: SocketAddress,
    accept: (connection: StreamConnection, from: SocketAddress) => StreamHandlers,
  ): TcpListener;
  /** Connects over TCP. One of `open` and `failed` is called, once and later; how long to wait is the caller's. */
  connectTcp(
    to: SocketAddress,
    open: (connection: StreamConnection) => StreamHandlers,
    failed: (failure: HostFailure) => void,
  ): Attempt;
  /** Runs a program by its arguments, never through a shell, with `input` on its standard input. */
  run(command: readonly string[], input: string, done: (result: ProcessResult) => void): void;
  /** From here on; without effect where the engine is given its limits as it starts (V8). */
  limit(limits: ScriptLimits): void;
  log(level: LogLevel, line: string): void;
}
