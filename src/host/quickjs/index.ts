/** The host of the router: QuickJS, and the C host around it. */
import { unix } from "../../base/machine.ts";
import { oneLine } from "../../base/text.ts";
import type { Host, LogLevel } from "../host.ts";
import { MAX_STACK_LINES, SEVERITY } from "../limits.ts";
import { quickJsCrypto } from "./crypto.ts";
import { quickJsFiles } from "./files.ts";
import { Loop } from "./loop.ts";
import { networkInterfaces, openMulticast } from "./multicast.ts";
import { checked, errnoOf, native } from "./native.ts";
import { Programs } from "./run.ts";
import { connectLocal, connectTcp, listenLocal, listenTcp } from "./streams.ts";
import { openUdp } from "./udp.ts";

/** Octets that one call to the kernel gives. */
const MAX_RANDOM = 65_536;

export interface QuickJsHost extends Host {
  readonly loop: Loop;
}

type Log = (level: LogLevel, line: string) => void;

/** @param log - `plain` writes `warning text` to standard error; `syslog` gives the level to syslog */
export function quickJsHost(log: "plain" | "syslog" | Log): QuickJsHost {
  return hostOver(typeof log === "string" ? systemLog(log) : log);
}

function systemLog(style: "plain" | "syslog"): Log {
  if (style === "syslog") native.openLog("homeca");
  return (level, line) => {
    const prefix = style === "syslog" ? "" : `${level} `;
    native.log(SEVERITY[level], `${prefix}${oneLine(line)}`);
  };
}

function hostOver(log: Log): QuickJsHost {
  const loop = new Loop((bug) => {
    const text =
      bug instanceof Error ? `${bug.name}: ${bug.message}\n${bug.stack ?? ""}` : String(bug);
    for (const line of text.trim().split("\n").slice(0, MAX_STACK_LINES))
      log("error", `bug: ${line}`);
  });
  const programs = new Programs(loop);
  const onFault = (line: string): void => log("warning", line);
  return {
    loop,
    crypto: quickJsCrypto,
    random,
    isRandomReady: () => errnoOf(native.randomReady()) === null,
    files: quickJsFiles,
    mono: () => loop.now(),
    wall: () => unix(Math.floor(native.wall() / 1000)),
    setTimer: (at, run) => loop.setTimer(at, run),
    udp: (bind, onDatagram) => openUdp(loop, bind, { onDatagram, onFault }),
    interfaces: networkInterfaces,
    multicast: (group, interfaces, port, onDatagram) =>
      openMulticast(loop, group, interfaces, port, { onDatagram, onFault }),
    listenLocal: (path, mode, accept) => listenLocal(loop, path, mode, accept),
    connectLocal: (path, open, failed) => connectLocal(loop, path, open, failed),
    listenTcp: (bind, accept) => listenTcp(loop, bind, accept),
    connectTcp: (to, open, failed) => connectTcp(loop, to, open, failed),
    run: (command, input, done) => programs.run(command, input, done),
    limit: ({ memoryBytes, stackBytes, turnMilliseconds }) =>
      native.limits(memoryBytes, stackBytes, turnMilliseconds),
    log,
  };
}

function random(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_RANDOM) {
    const part = native.random(Math.min(MAX_RANDOM, length - at));
    bytes.set(new Uint8Array(checked<ArrayBuffer>("random", part)), at);
  }
  return bytes;
}
