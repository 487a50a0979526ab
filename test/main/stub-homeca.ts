// The command line with a daemon that keeps no devices: what `homeca` is to its user, without RADIUS and keys.
import { loadConfiguration } from "../../src/daemon/config/configuration.ts";
import { Log } from "../../src/daemon/log.ts";
import { ManagementServer } from "../../src/daemon/management/server.ts";
import { runCommandLine } from "../../src/main/cli/main.ts";
import type { System } from "../../src/main/cli/command.ts";
import { nodeSystem } from "../../src/main/node-system.ts";
import { StubService } from "../daemon/stub-service.ts";

const startDaemon: System["startDaemon"] = (host, configPath) => {
  const { homeca } = loadConfiguration(host.files, configPath);
  const log = new Log(host, homeca.logLevel);
  const server = new ManagementServer(host, homeca.socket, new StubService(), log);
  log.notice("listening");
  return {
    reload() {
      loadConfiguration(host.files, configPath);
      log.notice("reloaded");
    },
    stop() {
      server.close();
      log.notice("stopped");
    },
  };
};

process.exit(await runCommandLine(process.argv.slice(2), nodeSystem(startDaemon)));
