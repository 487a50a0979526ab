/** `homeca serve`: the daemon itself, in the foreground, until it is told to stop. */
import { oneLine } from "../../base/text.ts";
import { ConfigurationFailure, loadConfiguration } from "../../daemon/config/configuration.ts";
import type { Host } from "../../host/host.ts";
import type { Call, Command, RunningDaemon } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import { MAX_SENTENCE } from "./text.ts";

const DEFAULT_CONFIG = "/etc/config/homeca";

export const serve: Command = {
  name: "serve",
  alias: null,
  summary: "Run HomeCA in the foreground",
  operands: [],
  options: [
    {
      name: "config",
      value: "FILE",
      doc: `Configuration in UCI text; ${DEFAULT_CONFIG} unless told.`,
    },
    {
      name: "syslog",
      value: null,
      doc: "Begin log lines with a syslog level such as <4>, for procd and systemd.",
    },
  ],
  description: [
    "Answers RADIUS, decides about devices and offers the management methods on a local socket. The log goes to standard error.",
    "SIGHUP reads the configuration again; a wrong one is reported and the one in force stays. SIGTERM and SIGINT end HomeCA.",
  ],
  examples: ["homeca serve --config ./homeca.conf"],
  asks: false,
  run(call) {
    const host = call.system.host(call.words.flags.has("syslog") ? "syslog" : "plain");
    return untilStopped(host, call, call.option("config") ?? DEFAULT_CONFIG);
  },
};

async function untilStopped(host: Host, call: Call, configPath: string): Promise<ExitStatus> {
  let daemon: RunningDaemon | null = null;
  // Before the start: a signal that comes early must not find the default, which is to die.
  const told = call.stopped(() => reload(host, daemon));
  try {
    // Read here as well: a wrong configuration has an exit status of its own, and all its mistakes are told.
    loadConfiguration(host.files, configPath);
    daemon = call.system.startDaemon(host, configPath);
  } catch (failure) {
    throw toCommandFailure(failure);
  }
  await told;
  daemon.stop();
  return EXIT.done;
}

function reload(host: Host, daemon: RunningDaemon | null): void {
  try {
    daemon?.reload();
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure;
    const why = oneLine(failure.message, MAX_SENTENCE);
    host.log("error", `the configuration in force stays: ${why}`);
  }
}

/** What the daemon says of itself is one sentence; a bug keeps its stack. */
function toCommandFailure(failure: unknown): unknown {
  if (failure instanceof ConfigurationFailure) {
    return new CommandFailure(EXIT.configuration, failure.problems.join("\n"));
  }
  if (!(failure instanceof Error)) return failure;
  const isBug = ["TypeError", "RangeError", "ReferenceError"].includes(failure.name);
  return isBug ? failure : new CommandFailure(EXIT.refused, failure.message);
}
