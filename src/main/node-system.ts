/** What the command line is given on Node. */
import { concat } from "../base/bytes.ts";
import type { Host } from "../host/host.ts";
import { nodeFiles } from "../host/node/files.ts";
import { nodeHost } from "../host/node/index.ts";
import { INPUT_TOO_LONG, MAX_INPUT_BYTES } from "./cli/command.ts";
import { CommandFailure, EXIT } from "./cli/exit.ts";
import type { Terminal } from "./cli/main.ts";

export function nodeSystem(startDaemon: Terminal["startDaemon"]): Terminal {
  let host: Host | null = null;
  return {
    host: (logStyle) => (host ??= nodeHost({ files: nodeFiles, logStyle })),
    startDaemon,
    onSignal(handler) {
      process.on("SIGTERM", () => handler("stop"));
      process.on("SIGINT", () => handler("stop"));
      process.on("SIGHUP", () => handler("reload"));
    },
    input,
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
  };
}

async function input(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of process.stdin) {
    if (!(part instanceof Uint8Array)) throw new TypeError("standard input is no stream of octets");
    parts.push(part);
    length += part.length;
    if (length > MAX_INPUT_BYTES) throw new CommandFailure(EXIT.usage, INPUT_TOO_LONG);
  }
  return concat(...parts);
}
