/**
 * The daemon: opens what is stored, waits for the time if it must make an
 * authority, and starts to serve.
 */
import { mono, unix } from "../base/machine.ts";
import { AuthorityFailure, explain } from "../policy/ca/failure.ts";
import { FirewallFailure } from "../policy/firewall/render.ts";
import type { Host, Timer } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { HouseClock } from "./clock.ts";
import type { Configuration } from "./config/configuration.ts";
import { ConfigurationFailure, loadConfiguration } from "./config/configuration.ts";
import { House } from "./house.ts";
import { hasAuthority, KeysFailure, openAuthority } from "./keys.ts";
import { Log } from "./log.ts";
import { ManagementFailure } from "./management/failure.ts";
import { folderOf, Running } from "./running.ts";
import { limitScript } from "./script.ts";
import { StoreFailure } from "./store/failure.ts";
import { Store } from "./store/journal.ts";
import { SecretFailure } from "./store/secret.ts";
import { LACKS, Waiting } from "./waiting.ts";
import type { Lack } from "./waiting.ts";

/** How often the daemon looks whether the clock has been set. */
const CLOCK_POLL_MS = 2000;

/** The daemon does not start. The message is one sentence with the fix. */
export class DaemonFailure extends Error {
  override readonly name = "DaemonFailure";
}

export interface Daemon {
  /** Reads the configuration again; a wrong one is refused in the log and the old one stays. */
  reload(): void;
  /** Stops listening and writes what is only in memory. */
  stop(): void;
}

/** @throws DaemonFailure */
export function startDaemon(host: Host, configPath: string): Daemon {
  try {
    const configuration = loadConfiguration(host.files, configPath);
    limitScript(host, configuration.limits);
    const log = new Log(host, configuration.homeca.logLevel);
    for (const warning of configuration.warnings) log.warning(warning);
    return new HomeDaemon(host, log, configPath, configuration);
  } catch (failure) {
    throw asDaemonFailure(failure);
  }
}

function asDaemonFailure(failure: unknown): unknown {
  if (failure instanceof HostFailure) {
    if (failure.operation.startsWith("lock ") && failure.errno === "ENOENT") {
      return new DaemonFailure("the program flock is missing: install util-linux");
    }
    return new DaemonFailure(
      `the system refused (${failure.message}): free space or rights, then start again`,
    );
  }
  const expected =
    failure instanceof ConfigurationFailure ||
    failure instanceof StoreFailure ||
    failure instanceof SecretFailure ||
    failure instanceof KeysFailure;
  if (failure instanceof FirewallFailure) {
    return new DaemonFailure(
      `the firewall cannot be made of this configuration (${failure.message}): shorten \`list interface\``,
    );
  }
  if (failure instanceof AuthorityFailure) return new DaemonFailure(explain(failure.reason));
  return expected ? new DaemonFailure(failure.message) : failure;
}

class HomeDaemon implements Daemon {
  readonly #host: Host;
  readonly #log: Log;
  readonly #configPath: string;
  readonly #configuration: Configuration;
  readonly #store: Store;
  readonly #clock: HouseClock;
  #running: Running | null = null;
  #waiting: Waiting | null = null;
  #timer: Timer | null = null;

  constructor(host: Host, log: Log, configPath: string, configuration: Configuration) {
    this.#host = host;
    this.#log = log;
    this.#configPath = configPath;
    this.#configuration = configuration;
    const { stateDir } = configuration.homeca;
    this.#store = new Store({
      files: host.files,
      crypto: host.crypto,
      directory: stateDir,
      report: (line) => log.warning(line),
    });
    this.#clock = new HouseClock(() => host.wall(), this.#store.registry.timeFloor ?? unix(0));
    this.#begin();
  }

  reload(): void {
    try {
      this.#running?.reload();
    } catch (failure) {
      if (!(failure instanceof ManagementFailure)) throw failure;
      this.#log.error(`The configuration was not taken: ${failure.message}`);
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting?.stop();
    this.#running?.stop();
    this.#store.close();
  }

  /** Without randomness nothing is safe, and without an authority and the time there is nothing to serve with: it waits. */
  #begin(): void {
    const folder = `${this.#configuration.homeca.stateDir}/ca`;
    const now = this.#clock.now();
    this.#requireAuthority(folder);
    // Asking for randomness that is not there would stop all of HomeCA until it is.
    if (!this.#host.isRandomReady()) return this.#lacks("entropy");
    if (now === null && !hasAuthority(this.#host, folder)) return this.#lacks("time");
    if (this.#store.sequence === 0 && hasAuthority(this.#host, folder)) {
      this.#log.warning(
        `There is an authority in ${folder} but no device on record: if there were some, restore ${this.#configuration.homeca.stateDir} from a backup.`,
      );
    }
    const keys = openAuthority(this.#host, folder, this.#configuration.homeca.serverName, now);
    const house = new House(
      this.#host,
      this.#log,
      this.#store,
      keys,
      this.#clock,
      this.#configuration,
    );
    this.#waiting?.stop();
    this.#waiting = null;
    this.#running = new Running(house, this.#configPath);
  }

  #lacks(lack: Lack): void {
    this.#log.limited(lack, "warning", LACKS[lack]);
    if (this.#waiting === null) this.#waiting = this.#showThatItWaits(lack);
    else this.#waiting.sentence = LACKS[lack];
    this.#wait();
  }

  #showThatItWaits(lack: Lack): Waiting {
    const { socket } = this.#configuration.homeca;
    this.#host.files.makeDirectory(folderOf(socket), 0o700);
    return new Waiting(this.#host, this.#log, this.#configuration, lack);
  }

  /** A new authority beside old records would lock every device out without a word. */
  #requireAuthority(folder: string): void {
    const { crlNumber, issued } = this.#store.registry;
    if (hasAuthority(this.#host, folder) || (crlNumber === 0 && issued.size === 0)) return;
    throw new KeysFailure(
      `${folder}/root.pem is missing and this home has an authority already: restore ${folder} from a backup.`,
    );
  }

  /** Nobody is there any more to be told by an exception: what hinders it goes to the log, and it is tried again. */
  #wait(): void {
    this.#timer = this.#host.setTimer(mono(this.#host.mono() + CLOCK_POLL_MS), () => {
      try {
        this.#begin();
      } catch (failure) {
        const expected = asDaemonFailure(failure);
        if (!(expected instanceof DaemonFailure)) throw failure;
        this.#log.limited("authority", "error", `HomeCA does not serve yet: ${expected.message}`);
        if (this.#waiting !== null) this.#waiting.sentence = expected.message;
        this.#wait();
      }
    });
  }
}
