/** A device's agent on a host of its own, in the memory network of a home. */
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { DeviceAgent } from "../../src/device/agent.ts";
import type { AgentOptions, DeviceEvent } from "../../src/device/agent.ts";
import { newDevice, StateFile } from "../../src/device/state.ts";
import type { DeviceState } from "../../src/device/state.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { AppendFile, FileFacts, Files } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import type { MemoryInterface } from "../../src/host/memory/multicast.ts";
import type { MemoryHome } from "./memory-home.ts";
import { PoweredHost } from "./powered-host.ts";
import { seeded } from "./random.ts";

/** Where homes of these tests listen for devices. */
export const HOME_ADDRESS = "192.0.2.1";

export const COAPS_UCI: string = `config coaps 'coaps'
	list listen '${HOME_ADDRESS}'
`;

/** A home that devices find there, and that holds nobody back. */
export const HOME_UCI: string = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
${COAPS_UCI}`;

export const STATE = "/var/device.json";

export interface MemoryDeviceOptions {
  readonly name: string;
  readonly setupCode?: string;
  readonly hasRandomness?: boolean;
  readonly pinned?: Uint8Array;
  /** Whose first key it has: its own name's unless told. */
  readonly made?: string;
  /** Links it looks for a home on, instead of going to {@link HOME_ADDRESS}. */
  readonly interfaces?: readonly MemoryInterface[];
  /** Where it looks for its home; {@link HOME_ADDRESS} unless told. */
  readonly home?: string;
  /** A disk from another life. */
  readonly files?: MemoryFiles;
  /** What it computes and draws with, where a test looks at that. */
  readonly crypto?: Crypto;
  /** Whether other devices are to reach it. */
  readonly serves?: boolean;
  readonly erase?: () => Promise<void>;
}

/** What a device needs of a home: the clock and the network around it. */
export type Around = Pick<MemoryHome, "host" | "nextJoin">;

export class MemoryDevice {
  readonly host: PoweredHost;
  readonly events: DeviceEvent[] = [];
  /** How often it erased what lies outside of its state. */
  erasures = 0;
  readonly files: MemoryFiles;
  readonly file: StateFile;
  readonly agent: DeviceAgent;
  readonly #crypto: Crypto;
  readonly #options: MemoryDeviceOptions;

  constructor(home: Around, crypto: Crypto, options: MemoryDeviceOptions) {
    const { clock, network } = home.host;
    this.#crypto = options.crypto ?? crypto;
    this.#options = options;
    const disk = options.files ?? freshDisk(crypto, options);
    this.files = disk;
    const random = seeded(`device ${options.name} ${home.nextJoin()}`);
    const files = new Mains(disk, () => this.cutPower());
    const { interfaces = [] } = options;
    const around = { clock, network, interfaces };
    this.host = new PoweredHost({ crypto: this.#crypto, random, files, ...around });
    this.file = StateFile.open(files, STATE);
    const agentOptions: AgentOptions = {
      file: this.file,
      home:
        options.interfaces === undefined
          ? { address: options.home ?? HOME_ADDRESS, port: 5684 }
          : null,
      pinned: options.pinned ?? null,
      erase: () => {
        this.erasures++;
        return options.erase?.() ?? Promise.resolve();
      },
      tell: (event) => void this.events.push(event),
      serves: options.serves ?? false,
    };
    this.agent = new DeviceAgent(this.host, agentOptions);
  }

  get state(): DeviceState {
    return this.file.state;
  }

  /** Kinds of what happened so far, repeats left out. */
  get story(): readonly string[] {
    const kinds = this.events.map(({ kind }) => kind);
    return kinds.filter((kind, at) => kind !== kinds[at - 1]);
  }

  /** Reasons of what failed so far. */
  get failures(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === "failed" ? [event.reason] : []));
  }

  get isMember(): boolean {
    return this.events.some(({ kind }) => kind === "lives");
  }

  cutPower(): void {
    this.host.cutPower();
    this.agent.stop();
  }

  /** The same device once the power is back. */
  restart(home: Around): MemoryDevice {
    const { name } = this.#options;
    const files = this.files.restart();
    return new MemoryDevice(home, this.#crypto, { ...this.#options, name, files });
  }
}

/** A disk in a device: with its power the device goes, in the middle of what it did. */
class Mains implements Files {
  readonly #disk: MemoryFiles;
  readonly #gone: () => void;

  constructor(disk: MemoryFiles, gone: () => void) {
    this.#disk = disk;
    this.#gone = gone;
  }

  read(path: string): Uint8Array | null {
    return this.#live(() => this.#disk.read(path));
  }

  facts(path: string): FileFacts | null {
    return this.#live(() => this.#disk.facts(path));
  }

  list(directory: string): readonly string[] {
    return this.#live(() => this.#disk.list(directory));
  }

  makeDirectory(path: string, mode: number): void {
    this.#live(() => this.#disk.makeDirectory(path, mode));
  }

  replaceDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#live(() => this.#disk.replaceDurably(path, bytes, mode));
  }

  createDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#live(() => this.#disk.createDurably(path, bytes, mode));
  }

  openAppend(path: string, mode: number, length: number): AppendFile {
    return this.#live(() => this.#disk.openAppend(path, mode, length));
  }

  createAppend(path: string, mode: number): AppendFile {
    return this.#live(() => this.#disk.createAppend(path, mode));
  }

  remove(path: string): void {
    this.#live(() => this.#disk.remove(path));
  }

  lock(path: string): boolean {
    return this.#live(() => this.#disk.lock(path));
  }

  /** The agent's promises end in a failure that it knows: it has been stopped by then. */
  #live<T>(work: () => T): T {
    try {
      return work();
    } catch (failure) {
      if (!(failure instanceof PowerCut)) throw failure;
      this.#gone();
      throw new HostFailure("power", "EIO");
    }
  }
}

function freshDisk(crypto: Crypto, options: MemoryDeviceOptions): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory("/var", 0o755);
  const random = seeded(`maker of ${options.made ?? options.name}`);
  const identity = {
    deviceId: crypto.digest("sha256", utf8(options.name)),
    type: "lamp",
    name: options.name,
    model: "Lamp 3",
    setupCode: options.setupCode ?? null,
    hasRandomness: options.hasRandomness ?? true,
  };
  StateFile.create(files, STATE, newDevice(identity, crypto.generateScalar("P-256", random)));
  return files;
}

/** Lets the clock run in small steps, so that promises and datagrams take their turns. */
export async function pass(
  home: Pick<MemoryHome, "host">,
  milliseconds: number,
  step = 50,
): Promise<void> {
  for (let done = 0; done < milliseconds; done += step) {
    home.host.clock.advance(step);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

/** Lets days go by, from one thing that is due to the next; promises take their turns between them. */
export async function passDays({ host: { clock } }: MemoryHome, days: number): Promise<void> {
  const end = clock.mono() + Math.round(days * 86_400_000);
  while (clock.mono() < end) {
    const next = Math.min(clock.nextAt ?? end, end);
    clock.advance(next - clock.mono());
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

/** Lets the clock run until something holds, at most so long; whether it came to hold. */
export async function passUntil(
  home: Pick<MemoryHome, "host">,
  holds: () => boolean | Promise<boolean>,
  milliseconds: number,
  step = 250,
): Promise<boolean> {
  for (let done = 0; done < milliseconds; done += step) {
    if (await holds()) return true;
    await pass(home, step, step);
  }
  return await holds();
}
