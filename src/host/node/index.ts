/** The Node host: what a workstation gives the daemon. The router has a host of its own in C. */
import { randomBytes } from "node:crypto";
import { mono, unix } from "../../base/machine.ts";
import type { Mono } from "../../base/machine.ts";
import { oneLine } from "../../base/text.ts";
import type {
  Files,
  Host,
  LocalConnection,
  LocalHandlers,
  LogLevel,
  StreamHandlers,
} from "../host.ts";
import { Timers } from "../timers.ts";
import { MAX_RUN_MILLISECONDS, MAX_STACK_LINES, SEVERITY } from "../limits.ts";
import { nodeCrypto } from "./crypto.ts";
import { listenLocalSocket } from "./local.ts";
import { networkInterfaces, openMulticast } from "./multicast.ts";
import { runProgram } from "./run.ts";
import { connectLocalSocket, connectTcp, listenTcp } from "./tcp.ts";
import { openUdp } from "./udp.ts";

export interface NodeHostOptions {
  readonly files: Files;
  /** `plain` writes `warning text`; `syslog` writes `<4>text`, which procd and systemd turn into levels. */
  readonly logStyle?: "plain" | "syslog";
  /** Where log lines go; standard error unless a test says otherwise. */
  readonly writeLog?: (line: string) => void;
  /** After so long a program is killed; {@link MAX_RUN_MILLISECONDS} unless a test cannot wait. */
  readonly maxRunMilliseconds?: number;
}

/** `setTimeout` takes 31 bits of milliseconds; longer waits are cut into such pieces. */
const MAX_TIMEOUT_MS = 0x7fffffff;

/**
 * A {@link Host} over Node. An exception that escapes from a callback ends that
 * callback and is logged with its stack; the daemon stays.
 */
export function nodeHost(options: NodeHostOptions): Host {
  const write = options.writeLog ?? ((line: string) => void process.stderr.write(line));
  const log = (level: LogLevel, line: string): void => {
    const prefix = options.logStyle === "syslog" ? `<${SEVERITY[level]}>` : `${level} `;
    write(`${prefix}${oneLine(line)}\n`);
  };
  const onBug = (bug: unknown): void => {
    const stack = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug);
    for (const line of stack.split("\n").slice(0, MAX_STACK_LINES)) log("error", `bug: ${line}`);
  };
  const guarded = (callback: () => void): void => {
    try {
      callback();
    } catch (bug) {
      onBug(bug);
    }
  };

  const alarm = new Alarm(() => timers.wake());
  const timers: Timers = new Timers(monotonic, (at) => alarm.plan(at), guarded);

  const guardedStream = (handlers: StreamHandlers): StreamHandlers => ({
    onBytes: (bytes) => guarded(() => handlers.onBytes(bytes)),
    onEnd: () => guarded(() => handlers.onEnd()),
    onDrained: () => guarded(() => handlers.onDrained()),
    onClose: () => guarded(() => handlers.onClose()),
  });

  return {
    crypto: nodeCrypto,
    // OpenSSL seeds from getrandom(2), which blocks until the kernel's source is ready.
    random: (length) => new Uint8Array(randomBytes(length)),
    // OpenSSL has waited for it as Node started.
    isRandomReady: () => true,
    files: options.files,
    mono: monotonic,
    wall: () => unix(Math.floor(Date.now() / 1000)),
    setTimer: (at, run) => timers.set(at, run),
    udp: (bind, onDatagram) =>
      openUdp(bind, {
        onDatagram: (bytes, from) => guarded(() => onDatagram(bytes, from)),
        onFault: (line) => log("warning", line),
      }),
    interfaces: networkInterfaces,
    multicast: (group, interfaces, port, onDatagram) =>
      openMulticast(group, interfaces, port, {
        onDatagram: (bytes, from, on) => guarded(() => onDatagram(bytes, from, on)),
        onFault: (line) => log("warning", line),
      }),
    listenLocal: (path, mode, accept) => {
      const guardedAccept = (connection: LocalConnection): LocalHandlers => {
        const handlers = accept(connection);
        return {
          onBytes: (bytes) => guarded(() => handlers.onBytes(bytes)),
          onClose: () => guarded(() => handlers.onClose()),
        };
      };
      return listenLocalSocket(path, mode, guardedAccept, onBug);
    },
    connectLocal: (path, open, failed) =>
      connectLocalSocket(
        path,
        (connection) => guardedStream(open(connection)),
        (failure) => guarded(() => failed(failure)),
        onBug,
      ),
    listenTcp: (bind, accept) =>
      listenTcp(bind, (connection, from) => guardedStream(accept(connection, from)), onBug),
    connectTcp: (to, open, failed) =>
      connectTcp(
        to,
        (connection) => guardedStream(open(connection)),
        (failure) => guarded(() => failed(failure)),
        onBug,
      ),
    run: (command, input, done) =>
      runProgram(
        command,
        input,
        (result) => guarded(() => done(result)),
        options.maxRunMilliseconds ?? MAX_RUN_MILLISECONDS,
      ),
    limit: () => {},
    log,
  };
}

/** CLOCK_MONOTONIC in whole milliseconds. */
function monotonic(): Mono {
  return mono(Number(process.hrtime.bigint() / 1_000_000n));
}

/** One `setTimeout` for the timer that is due first. */
class Alarm {
  #handle: NodeJS.Timeout | undefined;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** In place of what was planned before; null for never. */
  plan(at: Mono | null): void {
    clearTimeout(this.#handle);
    if (at === null) return;
    const left = Math.min(Math.max(at - monotonic(), 0), MAX_TIMEOUT_MS);
    // Node may fire a millisecond early; a timer of ours never does.
    this.#handle = setTimeout(() => (monotonic() < at ? this.plan(at) : this.#ring()), left);
  }
}
