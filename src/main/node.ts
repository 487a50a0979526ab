/** `homeca` on Node: the daemon and its command line in one program. */
import { startDaemon } from "../daemon/daemon.ts";
import { runCommandLine } from "./cli/main.ts";
import { keepNewSpaceSteady } from "./engine.ts";
import { nodeSystem } from "./node-system.ts";

// A reader that has seen enough closes the pipe; that is no fault.
process.stdout.on("error", () => process.exit(0));

const system = nodeSystem((host, configPath) => {
  keepNewSpaceSteady();
  return startDaemon(host, configPath);
});
const status = await runCommandLine(process.argv.slice(2), system);
// Output to files and pipes is synchronous on Linux; nothing that still runs may keep the program alive.
process.exit(status);
