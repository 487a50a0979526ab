/** `homecad`: the daemon on the router. Its command line is another program for now, see `node.ts`. */
import { ConfigurationFailure, loadConfiguration } from "../daemon/config/configuration.ts";
import { startDaemon } from "../daemon/daemon.ts";
import { VERSION } from "../daemon/version.ts";
import type { Host } from "../host/host.ts";
import { quickJsHost } from "../host/quickjs/index.ts";
import { SIGNAL } from "../host/quickjs/loop.ts";
import { native } from "../host/quickjs/native.ts";
import type { RunningDaemon } from "./cli/command.ts";
import { EXIT } from "./cli/exit.ts";

const DEFAULT_CONFIG = "/etc/config/homeca";

function main(words: readonly string[]): void {
  const config = valueOf(words, "--config") ?? DEFAULT_CONFIG;
  const host = quickJsHost(words.includes("--syslog") ? "syslog" : "plain");
  const fail = (status: number, text: string): void => {
    for (const line of text.split("\n")) host.log("error", line);
    native.exit(status);
  };
  try {
    // Read here as well: a wrong configuration has an exit status of its own, and all its mistakes are told.
    loadConfiguration(host.files, config);
    const daemon = startDaemon(host, config);
    host.loop.onSignal = (number) => {
      if (number === SIGNAL.hangUp) return reload(host, daemon);
      daemon.stop();
      native.exit(EXIT.done);
    };
  } catch (failure) {
    if (failure instanceof ConfigurationFailure) {
      return fail(EXIT.configuration, failure.problems.join("\n"));
    }
    if (!(failure instanceof Error)) throw failure;
    if (["TypeError", "RangeError", "ReferenceError"].includes(failure.name)) throw failure;
    fail(EXIT.refused, failure.message);
  }
}

function reload(host: Host, daemon: RunningDaemon): void {
  try {
    daemon.reload();
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure;
    host.log("error", `the configuration in force stays: ${failure.message}`);
  }
}

function valueOf(words: readonly string[], option: string): string | null {
  const at = words.indexOf(option);
  return at < 0 ? null : (words[at + 1] ?? null);
}

const [, ...words] = native.words();
if (words.includes("--version")) {
  native.log(6, `homecad ${VERSION}`);
  native.exit(EXIT.done);
} else {
  main(words);
}
