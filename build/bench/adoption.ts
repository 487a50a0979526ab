/**
 * A device's adoption, step by step: a whole home and a whole device in one
 * memory, with the time of either side apart. Runs on both engines.
 *
 * The device asks, its owner says yes at once, a key is agreed on and certified,
 * and the first report comes with it. No time passes but what is computed, and
 * neither side's medium, network nor random source counts.
 */
import { hex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { adopt } from "../../src/device/adoption.ts";
import {
  firstCredential,
  judgeHome,
  judgeStranger,
  memberCredential,
} from "../../src/device/credentials.ts";
import { report } from "../../src/device/membership.ts";
import { HomeSession } from "../../src/device/session.ts";
import type { SessionOptions } from "../../src/device/session.ts";
import { credentialOf, newDevice, StateFile } from "../../src/device/state.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { MemoryClient } from "../../src/host/memory/host.ts";
import { recordId } from "../../src/policy/registry/record.ts";
import type { CoapRequest } from "../../src/proto/coap/request.ts";
import { spkiHash } from "../../src/proto/x509/certificate.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { COAPS_UCI, HOME_ADDRESS } from "../../test/kit/memory-device.ts";
import { MemoryHome } from "../../test/kit/memory-home.ts";
import { cheapRandom } from "./cheap-random.ts";
import { addTo, Ledger, newAccount, takenFrom } from "./ledger.ts";
import type { Account } from "./ledger.ts";
import { freshDisk } from "./metered-files.ts";
import { middle } from "./stop-watch.ts";
import type { Taken } from "./stop-watch.ts";

const UCI = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
${COAPS_UCI}config limits 'limits'
	option onboarding_per_minute '60'
`;
const SOCKET = "/var/run/homeca/homeca.sock";
const STATE = "/device.json";
const HOME = { address: HOME_ADDRESS, port: 5684 };

const FIRST_HANDSHAKE = "DTLS handshake";
const SECOND_HANDSHAKE = "second handshake";
const WAIT = "wait";
const WHOLE = "whole adoption";

/** Steps by the path of their request. */
const STEPS: Readonly<Record<string, string>> = {
  h: "/h",
  "h/adopt": "/h/adopt",
  "h/ku/c": "key update: commit",
  "h/ku/r": "key update: reveal",
  ".well-known/est/crts": "/crts",
  ".well-known/est/sen": "/sen",
  "h/live": "/h/live",
};

/** What the device does between these steps' answers and its next request belongs to them; else it prepares the next. */
const ENDS_LATER: ReadonlySet<string> = new Set([
  "/h/adopt",
  "key update: reveal",
  "/sen",
  "/h/live",
]);

/** One step: milliseconds of either side per adoption, and where they go. */
export interface AdoptionRow {
  readonly provider: string;
  readonly step: string;
  readonly home: Taken;
  readonly device: Taken;
}

interface Step {
  readonly home: Account;
  readonly device: Account;
}

const newStep = (): Step => ({ home: newAccount(), device: newAccount() });

/** One home, and the devices that come to it one after the other. */
export class Nursery {
  readonly #ledger: Ledger;
  /** With stop watches, for home and devices. */
  readonly #crypto: Crypto;
  readonly #home: MemoryHome;
  #count = 0;
  /** The connection that the last yes came by. */
  #owner: MemoryClient | null = null;
  #steps = new Map<string, Step>();
  #step: Step = newStep();
  /** What the device prepares its next request by. */
  #pending: Step | null = null;

  constructor(crypto: Crypto, now: () => number) {
    this.#ledger = new Ledger(now);
    this.#crypto = this.#ledger.watch(crypto);
    this.#home = new MemoryHome(this.#crypto, {
      uci: UCI,
      files: freshDisk(this.#ledger, UCI),
      random: cheapRandom(1),
      prepare: (host) => this.#ledger.follow(host, () => this.#step.home),
    });
  }

  /** One adoption from the first datagram to the first report. @returns its steps in order */
  async adoptOne(): Promise<ReadonlyMap<string, Step>> {
    const host = this.#newHost();
    const file = this.#newDevice(host);
    this.#steps = new Map();
    await this.#run(this.#live(host, file));
    this.#step = newStep();
    this.#owner?.close();
    // Who has just come must not be too many for the minute; what the host keeps for tests to look at is nothing here.
    this.#home.host.clock.advance(60_000);
    this.#home.forget();
    return this.#steps;
  }

  #newHost(): MemoryHost {
    const { clock, network } = this.#home.host;
    const files = new MemoryFiles();
    const random = cheapRandom(1000 + ++this.#count);
    const host = new MemoryHost({ crypto: this.#crypto, random, files, clock, network });
    this.#ledger.follow(host, () => this.#step.device);
    return host;
  }

  #newDevice(host: MemoryHost): StateFile {
    const { crypto, random, files } = host;
    const name = `Lamp ${this.#count}`;
    const identity = {
      deviceId: crypto.digest("sha256", utf8(name)),
      ...{ type: "lamp", name, model: "Lamp 3", setupCode: null, hasRandomness: true },
    };
    return StateFile.create(
      files,
      STATE,
      newDevice(identity, crypto.generateScalar("P-256", random)),
    );
  }

  /** What the agent does from its first turn to the report that its new key is in use by. */
  async #live(host: MemoryHost, file: StateFile): Promise<void> {
    const { crypto } = host;
    this.#enter(FIRST_HANDSHAKE);
    const first = await this.#open(host, {
      credential: firstCredential(crypto, file.state),
      judge: (chain) => judgeStranger(crypto, chain, null),
    });
    await adopt({
      ...{ host, file, session: first, serves: false, approved: () => Promise.resolve() },
      progress: ({ kind }) => {
        if (kind === "waits-for-owner") this.#approve(file);
        if (kind === "approved") this.#answered(WAIT);
      },
    });
    this.#enter(SECOND_HANDSHAKE);
    first.close();
    const { owner, scalar } = credentialOf(file.state)!;
    const second = await this.#open(host, {
      credential: memberCredential(crypto, scalar, owner),
      judge: (chain) => judgeHome(crypto, chain, owner, owner.timeFloor),
    });
    await report({ host, file, session: second });
    this.#ledger.turnTo(null);
    this.#step = newStep();
    second.close();
  }

  async #open(
    host: MemoryHost,
    options: Pick<SessionOptions, "credential" | "judge">,
  ): Promise<HomeSession> {
    const session = await HomeSession.open(host, { home: HOME, ...options });
    this.#answered("a handshake");
    const request = session.request.bind(session);
    session.request = async (asked) => {
      const step = this.#enter(STEPS[asked.path.join("/")] ?? asked.path.join("/"));
      const response = await request(asked);
      this.#answered(step);
      return response;
    };
    const observe = session.observe.bind(session);
    session.observe = (asked: CoapRequest, told, ended) => {
      this.#enter(WAIT);
      observe(asked, told, ended);
    };
    return session;
  }

  /** The owner's word, as the command line brings it. */
  #approve({ state }: StateFile): void {
    const { publicKey } = this.#crypto.signingKey("P-256", state.scalar);
    const id = recordId(hex(spkiHash(encodePublicKey(publicKey), this.#crypto)));
    const call = {
      jsonrpc: "2.0",
      id: 1,
      method: "call",
      params: ["", "homeca", "approve", { id }],
    };
    this.#owner = this.#home.host.localClient(SOCKET);
    this.#owner.send(`${JSON.stringify(call)}\n`);
  }

  /** The device begins a step, which is charged from here on. */
  #enter(name: string): string {
    const step = this.#steps.get(name) ?? newStep();
    this.#steps.set(name, step);
    this.#step = step;
    this.#ledger.turnTo(step.device);
    if (this.#pending !== null) {
      addTo(step.device, this.#pending.device);
      addTo(step.home, this.#pending.home);
    }
    this.#pending = null;
    return name;
  }

  #answered(name: string): void {
    if (ENDS_LATER.has(name)) return;
    this.#pending = newStep();
    this.#step = this.#pending;
    this.#ledger.turnTo(this.#step.device);
  }

  /** Lets datagrams and promises take their turns until the device is through; promises are the device's alone. */
  async #run(life: Promise<void>): Promise<void> {
    const end = { reached: false };
    const ended = life.finally(() => {
      end.reached = true;
    });
    for (let turn = 0; turn < 1000 && !end.reached; turn++) {
      this.#home.host.clock.advance(0);
      this.#ledger.turnTo(this.#step.device);
      for (let some = 0; some < 10; some++) await Promise.resolve();
      this.#ledger.turnTo(null);
    }
    if (!end.reached) throw new Error(`an adoption stands still: ${this.#home.lines.at(-1)}`);
    await ended;
  }
}

/** Milliseconds per step, each the middle of its runs; the last row is all of them together. */
export async function measureAdoption(
  crypto: Crypto,
  now: () => number,
  runs: number,
  warmUp: number,
): Promise<readonly AdoptionRow[]> {
  const nursery = new Nursery(crypto, now);
  const found = new Map<string, { readonly home: Taken[]; readonly device: Taken[] }>();
  for (let run = -warmUp; run < runs; run++) {
    const steps = new Map(await nursery.adoptOne());
    const whole = newStep();
    for (const { home, device } of steps.values()) {
      addTo(whole.home, home);
      addTo(whole.device, device);
    }
    if (run < 0) continue;
    for (const [name, { home, device }] of [...steps, [WHOLE, whole] as const]) {
      const rows = found.get(name) ?? { home: [], device: [] };
      found.set(name, rows);
      rows.home.push(takenFrom(home));
      rows.device.push(takenFrom(device));
    }
  }
  const provider = crypto.name;
  const last = found.get(WHOLE)!;
  found.delete(WHOLE);
  return [...found, [WHOLE, last] as const].map(([step, { home, device }]) => {
    if (home.length !== runs) throw new Error(`${step} was not taken each time`);
    return { provider, step, home: middle(home), device: middle(device) };
  });
}
