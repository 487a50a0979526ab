/**
 * HomeCA before it can serve: a router that has just booted may lack what it
 * takes. It answers `status`, so that the owner sees why; everything else waits.
 */
import type { Host } from "../host/host.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Log } from "./log.ts";
import { ManagementFailure } from "./management/failure.ts";
import { ManagementServer } from "./management/server.ts";
import type { HomeService, Part, Status } from "./management/service.ts";
import { partsOf } from "./summaries.ts";
import { VERSION } from "./version.ts";

/** What is missing. */
export type Lack = "entropy" | "time";

export const LACKS: Readonly<Record<Lack, string>> = {
  entropy:
    "The router has gathered too little randomness yet, so nobody is admitted: that ends by itself within minutes, sooner with the package urngd.",
  time: "The time is not known yet: the authority is made once the router reaches a time server.",
};

/** What of the home is not good until then. */
const PART: Readonly<Record<Lack, Part>> = { entropy: "authority", time: "time" };

export class Waiting {
  readonly #management: ManagementServer;
  #sentence: string;

  /** @throws HostFailure where the socket cannot be made */
  constructor(host: Host, log: Log, { homeca, warnings }: Configuration, lack: Lack) {
    const started = host.mono();
    this.#sentence = LACKS[lack];
    const status = (): Status => ({
      version: VERSION,
      homeName: homeca.homeName,
      uptimeSeconds: Math.floor((host.mono() - started) / 1000),
      timeKnown: false,
      enforce: homeca.enforce,
      radius: [],
      radiusClients: 0,
      accessPoints: [],
      devices: {},
      windowDays: 0,
      authenticationsOpen: 0,
      counters: {},
      warnings: [...warnings, this.#sentence],
      parts: partsOf([{ part: PART[lack], sentence: this.#sentence, fix: null }]),
      search: { seconds: 0, types: [] },
    });
    this.#management = new ManagementServer(host, homeca.socket, this.#only(status), log);
  }

  /** What it waits for now, or why that did not do, in one sentence. */
  set sentence(sentence: string) {
    this.#sentence = sentence;
  }

  stop(): void {
    this.#management.close();
  }

  /** Of all methods that one; each of the others is refused with the same sentence. */
  #only(status: () => Status): HomeService {
    const refuse = (): never => {
      throw new ManagementFailure("time-unknown", `HomeCA does not serve yet. ${this.#sentence}`);
    };
    const service: Partial<HomeService> = { status };
    return new Proxy(service, {
      get: (target, name) => (name === "status" ? target.status : refuse),
      // Whatever is asked of it is there.
    }) as HomeService;
  }
}
