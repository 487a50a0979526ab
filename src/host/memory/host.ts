/**
 * The host's twin for tests: a clock that stands still, a network and local
 * sockets in memory, programs that answer by script. Nothing happens until the
 * clock advances; `advance(0)` delivers what is under way.
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { mono } from "../../base/machine.ts";
import type { Mono, RandomSource, Unix } from "../../base/machine.ts";
import { HostFailure } from "../host.ts";
import type {
  Attempt,
  Files,
  Host,
  Listener,
  LocalConnection,
  LocalHandlers,
  LogLevel,
  MulticastGroup,
  MulticastLink,
  MulticastSocket,
  NetworkInterface,
  ProcessResult,
  ScriptLimits,
  SocketAddress,
  StreamConnection,
  StreamHandlers,
  TcpListener,
  Timer,
  UdpSocket,
} from "../host.ts";
import { MemoryClock } from "./clock.ts";
import { openMemoryMulticast } from "./multicast.ts";
import type { MemoryInterface } from "./multicast.ts";
import { MemoryNetwork } from "./network.ts";
import { MemoryStreams } from "./streams.ts";

/** What a script answers for a program; `takes` milliseconds pass before it ends. */
export type ScriptedResult = Partial<ProcessResult> & { readonly takes?: number };

export interface MemoryHostOptions {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly files: Files;
  /** Shared by hosts that meet; a clock of its own otherwise. */
  readonly clock?: MemoryClock;
  readonly network?: MemoryNetwork;
  /** What this host has; none unless told otherwise. */
  readonly interfaces?: readonly MemoryInterface[];
  /** What peers see it connect from; 127.0.0.1 unless told otherwise. */
  readonly address?: string;
  /** Answers `run`; without it every program ends at once with status 0 and says nothing. */
  readonly script?: (command: readonly string[], input: string) => ScriptedResult;
}

/** A test's end of a local connection. */
export interface MemoryClient {
  send(text: string): void;
  /** All text received so far. */
  readonly received: string;
  readonly closed: boolean;
  close(): void;
}

export class MemoryHost implements Host {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly files: Files;
  readonly clock: MemoryClock;
  readonly network: MemoryNetwork;
  readonly logged: { readonly level: LogLevel; readonly line: string }[] = [];
  readonly ran: { readonly command: readonly string[]; readonly input: string }[] = [];
  readonly #interfaces: readonly MemoryInterface[];
  /** What peers see this host connect from. */
  readonly address: string;
  readonly #script: (command: readonly string[], input: string) => ScriptedResult;
  readonly #listeners = new Map<string, (connection: LocalConnection) => LocalHandlers>();
  readonly #local: MemoryStreams;

  constructor(options: MemoryHostOptions) {
    this.crypto = options.crypto;
    this.random = options.random;
    this.files = options.files;
    this.clock = options.clock ?? new MemoryClock();
    this.network = options.network ?? new MemoryNetwork(this.clock);
    this.#interfaces = options.interfaces ?? [];
    this.address = options.address ?? "127.0.0.1";
    this.#script = options.script ?? (() => ({}));
    this.#local = new MemoryStreams(this.clock);
  }

  /** As on a router that has just booted, where a test says so. */
  lacksEntropy = false;

  isRandomReady(): boolean {
    return !this.lacksEntropy;
  }

  mono(): Mono {
    return this.clock.mono();
  }

  wall(): Unix {
    return this.clock.wall();
  }

  setTimer(at: Mono, run: () => void): Timer {
    return this.clock.setTimer(at, run);
  }

  udp(
    bind: SocketAddress,
    onDatagram: (bytes: Uint8Array, from: SocketAddress) => void,
  ): UdpSocket {
    return this.network.udp(bind, onDatagram);
  }

  interfaces(): readonly NetworkInterface[] {
    return this.#interfaces;
  }

  multicast(
    group: MulticastGroup,
    interfaces: readonly string[],
    port: "group" | "own",
    onDatagram: (bytes: Uint8Array, from: SocketAddress, on: MulticastLink) => void,
  ): MulticastSocket {
    const chosen = this.#interfaces.filter(({ name }) => interfaces.includes(name));
    return openMemoryMulticast(this.network, group, chosen, port, onDatagram);
  }

  listenLocal(
    path: string,
    _mode: number,
    accept: (connection: LocalConnection) => LocalHandlers,
  ): Listener {
    if (this.#listeners.has(path)) throw new HostFailure(`listen at ${path}`, "EADDRINUSE");
    this.#listeners.set(path, accept);
    const listener = this.#local.listenAt(path, (connection) => {
      const handlers = accept(connection);
      // Half a conversation is none here.
      return { ...handlers, onEnd: () => connection.close(), onDrained: () => {} };
    });
    return {
      close: () => {
        this.#listeners.delete(path);
        listener.close();
      },
    };
  }

  connectLocal(
    path: string,
    open: (connection: StreamConnection) => StreamHandlers,
    failed: (failure: HostFailure) => void,
  ): Attempt {
    const operation = `connect to ${path}`;
    return this.#local.connectAt(path, open, () => failed(new HostFailure(operation, "ENOENT")));
  }

  listenTcp(
    bind: SocketAddress,
    accept: (connection: StreamConnection, from: SocketAddress) => StreamHandlers,
  ): TcpListener {
    return this.network.streams.listen(bind, accept);
  }

  connectTcp(
    to: SocketAddress,
    open: (connection: StreamConnection) => StreamHandlers,
    failed: (failure: HostFailure) => void,
  ): Attempt {
    return this.network.streams.connect(to, open, failed, this.address);
  }

  run(command: readonly string[], input: string, done: (result: ProcessResult) => void): void {
    this.ran.push({ command, input });
    const { takes = 0, status = 0, stdout = "", stderr = "" } = this.#script(command, input);
    this.#later(takes, () => done({ status, stdout, stderr }));
  }

  /** What was asked for last. */
  limits: ScriptLimits | null = null;

  limit(limits: ScriptLimits): void {
    this.limits = limits;
  }

  log(level: LogLevel, line: string): void {
    this.logged.push({ level, line });
  }

  /** A test's own connection to a local socket of this host. @throws {@link HostFailure} ECONNREFUSED */
  localClient(path: string): MemoryClient {
    const accept = this.#listeners.get(path);
    if (accept === undefined) throw new HostFailure(`connect to ${path}`, "ECONNREFUSED");
    let received = "";
    let closed = false;
    const end = (): void => {
      if (closed) return;
      closed = true;
      this.#later(0, () => handlers.onClose());
    };
    const handlers = accept({
      send(bytes) {
        if (!closed) received += fromUtf8(bytes) ?? "";
      },
      close: end,
    });
    return {
      send: (text) => {
        this.#later(0, () => {
          if (!closed) handlers.onBytes(utf8(text));
        });
      },
      get received() {
        return received;
      },
      get closed() {
        return closed;
      },
      close: end,
    };
  }

  #later(delay: number, run: () => void): void {
    this.clock.setTimer(mono(this.clock.mono() + delay), run);
  }
}
