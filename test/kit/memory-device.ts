/** A device's agent on a host of its own, in the memory network of a home. */
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { DeviceAgent } from "../../src/device/agent.ts";
import type { AgentOptions, DeviceEvent } from "../../src/device/agent.ts";
import { StateFile } from "../../src/device/state.ts";
import type { DeviceState } from "../../src/device/state.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { MemoryHome } from "./memory-home.ts";
import { seeded } from "./random.ts";

/** Where homes of these tests listen for devices. */
export const HOME_ADDRESS = "192.0.2.1";

export const COAPS_UCI: string = `config coaps 'coaps'
	list listen '${HOME_ADDRESS}'
`;

const STATE = "/var/device.json";

export interface MemoryDeviceOptions {
  readonly name: string;
  readonly setupCode?: string;
  readonly hasRandomness?: boolean;
  readonly pinned?: Uint8Array;
  /** A disk from another life. */
  readonly files?: MemoryFiles;
}

export class MemoryDevice {
  readonly host: MemoryHost;
  readonly events: DeviceEvent[] = [];
  readonly files: MemoryFiles;
  readonly file: StateFile;
  readonly agent: DeviceAgent;

  constructor(home: MemoryHome, crypto: Crypto, options: MemoryDeviceOptions) {
    const { clock, network } = home.host;
    this.files = options.files ?? freshDisk(crypto, options);
    const random = seeded(`device ${options.name} ${home.nextJoin()}`);
    this.host = new MemoryHost({ crypto, random, files: this.files, clock, network });
    this.file = StateFile.open(this.files, STATE);
    const agentOptions: AgentOptions = {
      file: this.file,
      home: { address: HOME_ADDRESS, port: 5684 },
      pinned: options.pinned ?? null,
      tell: (event) => void this.events.push(event),
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
}

function freshDisk(crypto: Crypto, options: MemoryDeviceOptions): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory("/var", 0o755);
  const random = seeded(`maker of ${options.name}`);
  StateFile.create(files, STATE, {
    identity: {
      deviceId: crypto.digest("sha256", utf8(options.name)),
      type: "lamp",
      name: options.name,
      model: "Lamp 3",
      setupCode: options.setupCode ?? null,
      hasRandomness: options.hasRandomness ?? true,
    },
    scalar: crypto.generateScalar("P-256", random),
    owner: null,
    next: null,
    passive: false,
    releases: 0,
  });
  return files;
}

/** Lets the clock run in small steps, so that promises and datagrams take their turns. */
export async function pass(home: MemoryHome, milliseconds: number, step = 50): Promise<void> {
  for (let done = 0; done < milliseconds; done += step) {
    home.host.clock.advance(step);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

/** Lets days go by, from one thing that is due to the next; promises take their turns between them. */
export async function passDays({ host: { clock } }: MemoryHome, days: number): Promise<void> {
  const end = clock.mono() + days * 86_400_000;
  while (clock.mono() < end) {
    const next = Math.min(clock.nextAt ?? end, end);
    clock.advance(next - clock.mono());
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}
