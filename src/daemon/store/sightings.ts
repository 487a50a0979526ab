/**
 * When each device was last seen, and how often it joined. Flash wears, so
 * this stays in memory and is written hourly and at exit; after a crash an
 * hour of it is missing, which nothing relies on.
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { unix } from "../../base/machine.ts";
import type { Unix } from "../../base/machine.ts";
import type { Files } from "../../host/host.ts";
import { isRecordId } from "../../policy/registry/record.ts";
import { MAX_DEVICES } from "../../policy/registry/registry.ts";

/** How often the daemon writes them, in milliseconds. */
export const FLUSH_EVERY_MS = 3600000;
/** Octets of a file that is worth reading. */
export const MAX_SIGHTINGS_FILE = 0x40000;
const FILE_MODE = 0o600;

export interface Sighting {
  readonly lastSeen: Unix;
  /** Times it was admitted. */
  readonly joins: number;
}

export class Sightings {
  readonly #files: Files;
  readonly #path: string;
  readonly #byDevice: Map<string, Sighting>;
  #isDirty = false;

  /** Reads the file where it is there and whole, else begins anew. @throws {@link HostFailure} */
  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
    const facts = files.facts(path);
    const bytes = facts !== null && facts.size <= MAX_SIGHTINGS_FILE ? files.read(path) : null;
    this.#byDevice = new Map(bytes === null ? [] : parse(bytes));
  }

  of(device: string): Sighting | null {
    return this.#byDevice.get(device) ?? null;
  }

  /** Notes that the device was admitted. Devices beyond {@link MAX_DEVICES} are not noted. */
  note(device: string, at: Unix): void {
    const before = this.#byDevice.get(device);
    if (before === undefined && this.#byDevice.size >= MAX_DEVICES) return;
    this.#byDevice.set(device, { lastSeen: at, joins: (before?.joins ?? 0) + 1 });
    this.#isDirty = true;
  }

  /** Forgets the devices that are no longer on record. */
  retain(devices: ReadonlyMap<string, unknown>): void {
    for (const device of this.#byDevice.keys()) {
      if (!devices.has(device)) this.#isDirty = this.#byDevice.delete(device) || this.#isDirty;
    }
  }

  /** Writes what is new, if anything is. @throws {@link HostFailure} and stays due */
  flush(): void {
    if (!this.#isDirty) return;
    const lines = [...this.#byDevice].map(
      ([id, { lastSeen, joins }]) => `${id} ${lastSeen} ${joins}`,
    );
    this.#files.replaceDurably(this.#path, utf8(`${lines.join("\n")}\n`), FILE_MODE);
    this.#isDirty = false;
  }
}

/** Lines `ID LAST-SEEN JOINS`; one that is none is left out, since losing a count harms nobody. */
function parse(bytes: Uint8Array): [string, Sighting][] {
  const lines = (fromUtf8(bytes) ?? "").split("\n").slice(0, MAX_DEVICES);
  return lines.flatMap((line): [string, Sighting][] => {
    const match = /^(\S{16}) ([0-9]{1,12}) ([0-9]{1,15})$/.exec(line);
    if (match === null || !isRecordId(match[1]!)) return [];
    return [[match[1]!, { lastSeen: unix(Number(match[2])), joins: Number(match[3]) }]];
  });
}
