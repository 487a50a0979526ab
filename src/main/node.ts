/** `homeca` on Node: the daemon and its command line in one program. */
import { startDaemon } from "../daemon/daemon.ts";
import { runCommandLine } from "./cli/main.ts";

// A reader that has seen enough closes the pipe; that is no fault.
process.stdout.on("error", () => process.exit(0));

const status = await runCommandLine(process.argv.slice(2), {
  startDaemon,
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
});
// Output to files and pipes is synchronous on Linux; nothing that still runs may keep the program alive.
process.exit(status);
