/** `homecad`: the daemon and its command line on QuickJS over the C host, as the router has it. */
import { startDaemon } from "../daemon/daemon.ts";
import { quickJsHost } from "../host/quickjs/index.ts";
import type { QuickJsHost } from "../host/quickjs/index.ts";
import { readAll } from "../host/quickjs/input.ts";
import { SIGNAL } from "../host/quickjs/loop.ts";
import type { Loop } from "../host/quickjs/loop.ts";
import { native } from "../host/quickjs/native.ts";
import { Output } from "../host/quickjs/output.ts";
import { INPUT_TOO_LONG, MAX_INPUT_BYTES } from "./cli/command.ts";
import { CommandFailure, EXIT } from "./cli/exit.ts";
import { runCommandLine } from "./cli/main.ts";

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;

let host: QuickJsHost | null = null;

function hostOf(log: "plain" | "syslog"): QuickJsHost {
  if (host !== null) return host;
  host = quickJsHost(log);
  // As by default: whoever has not asked for signals ends by them.
  host.loop.onSignal = (number) => native.exit(128 + number);
  return host;
}

async function input(loop: Loop): Promise<Uint8Array> {
  const bytes = await readAll(loop, STANDARD_INPUT, MAX_INPUT_BYTES);
  if (bytes === null) throw new CommandFailure(EXIT.usage, INPUT_TOO_LONG);
  return bytes;
}

/** What a bug ends with that nobody can put into a sentence: `EX_SOFTWARE` of sysexits.h. */
const BUG = 70;

async function main(words: readonly string[]): Promise<void> {
  const { loop } = hostOf(words.includes("--syslog") ? "syslog" : "plain");
  const out = new Output(loop, STANDARD_OUTPUT, () => native.exit(0));
  const error = new Output(loop, STANDARD_ERROR, () => native.exit(0));
  const status = await runCommandLine(words, {
    host: hostOf,
    startDaemon,
    onSignal(handler) {
      loop.onSignal = (number) => handler(number === SIGNAL.hangUp ? "reload" : "stop");
    },
    input: () => input(loop),
    out: (text) => out.write(text),
    error: (text) => error.write(text),
  });
  out.whenEmpty(() => error.whenEmpty(() => native.exit(status)));
}

const [, ...words] = native.words();
main(words).catch((bug: unknown) => {
  native.exit(BUG);
  throw bug;
});
