/**
 * When each device was last seen, how often it joined, and how long its silence
 * is taken. Flash wears, so this stays in memory; hourly and at exit what is new
 * is appended, a line each, and the file is made anew once most of it is old.
 * After a crash some hours of it are missing, which nothing relies on.
 *
 * A line is JSON and the beginning of its own SHA-256: one that was cut off or
 * has rotted is left out, for a wrong number could make a home give up devices.
 */
import { fromUtf8, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { Unix } from "../../base/machine.ts";
import type { Files } from "../../host/host.ts";
import { Fields } from "../../policy/registry/fields.ts";
import { RegistryFailure } from "../../policy/registry/failure.ts";
import { isRecordId } from "../../policy/registry/record.ts";
import { MAX_DEVICES } from "../../policy/registry/registry.ts";
import { NEW_HOME, parseHomeWindow } from "../../policy/window/home.ts";
import type { HomeWindow } from "../../policy/window/home.ts";
import { parsePresence } from "../../policy/window/presence.ts";
import type { Presence } from "../../policy/window/presence.ts";

/** Octets of a file that is worth reading. */
export const MAX_SIGHTINGS_FILE = 0x100000;
const FILE_MODE = 0o600;

/** A device that comes all the time is written once in so many hours: what else is new of it may be lost. */
export const WRITE_EVERY_HOURS = 6;

/** Octets at which the file is made anew: some, and for each device more than its line has. */
const COMPACT_AT = 0x8000;
const COMPACT_PER_DEVICE = 512;

/** Hexadecimal digits of SHA-256 behind each line. */
const CHECK_DIGITS = 8;
const NEWLINE = 0x0a;
const LINE = /^(\{.*\}) ([0-9a-f]{8})$/u;

export interface Sighting {
  /** Null where the time was not known whenever it came. */
  readonly lastSeen: Unix | null;
  /** Times it was admitted or reported. */
  readonly joins: number;
  /** Null for a device that is not a member. */
  readonly presence: Presence | null;
}

const UNSEEN: Sighting = { lastSeen: null, joins: 0, presence: null };

/** Most joins that are counted. */
const MAX_JOINS = 999_999_999_999_999;

export class Sightings {
  readonly #files: Files;
  readonly #crypto: Pick<Crypto, "digest">;
  readonly #path: string;
  readonly #byDevice = new Map<string, Sighting>();
  /** What the file has of each device. */
  readonly #written = new Map<string, Sighting>();
  #window: HomeWindow = NEW_HOME;
  #windowWritten: HomeWindow = NEW_HOME;
  /** Octets of the file that are good; null where it is to be made anew. */
  #size: number | null = null;

  /** Reads the file as far as it is whole, else begins anew. @throws {@link HostFailure} */
  constructor(files: Files, crypto: Pick<Crypto, "digest">, path: string) {
    this.#files = files;
    this.#crypto = crypto;
    this.#path = path;
    const facts = files.facts(path);
    const bytes = facts !== null && facts.size <= MAX_SIGHTINGS_FILE ? files.read(path) : null;
    if (bytes !== null) this.#load(bytes);
  }

  of(device: string): Sighting | null {
    return this.#byDevice.get(device) ?? null;
  }

  /** Notes that the device was seen. Devices beyond {@link MAX_DEVICES} are not noted. */
  note(device: string, at: Unix): void {
    const before = this.#byDevice.get(device) ?? UNSEEN;
    const joins = Math.min(MAX_JOINS, before.joins + 1);
    this.#set(device, { ...before, lastSeen: at, joins });
  }

  get window(): HomeWindow {
    return this.#window;
  }

  set window(window: HomeWindow) {
    this.#window = window;
  }

  /** How long the device's silence is taken; null where it is no member any more. */
  setPresence(device: string, presence: Presence | null): void {
    const before = this.#byDevice.get(device);
    if (before === undefined && presence === null) return;
    this.#set(device, { ...(before ?? UNSEEN), presence });
  }

  /** Forgets the devices that are no longer on record. */
  retain(devices: ReadonlyMap<string, unknown>): void {
    for (const device of this.#byDevice.keys()) {
      if (!devices.has(device)) this.#byDevice.delete(device);
    }
  }

  /**
   * Writes what is new, if anything is.
   * @param wanted - `all` at exit; `due` leaves out what may be lost
   * @throws {@link HostFailure} and stays due
   */
  flush(wanted: "due" | "all" = "due"): void {
    const news = this.#news(wanted);
    const gone = [...this.#written.keys()].filter((device) => !this.#byDevice.has(device));
    const isWindowNew = this.#window !== this.#windowWritten;
    if (news.length === 0 && gone.length === 0 && !isWindowNew) return;
    const lines = [
      ...(isWindowNew ? [windowJson(this.#window)] : []),
      ...gone.map((id) => ({ of: "gone", id })),
      ...news.map(([device, sighting]) => deviceJson(device, sighting)),
    ];
    const bytes = utf8(lines.map((json) => this.#line(json)).join(""));
    const most = COMPACT_AT + COMPACT_PER_DEVICE * this.#byDevice.size;
    const size = this.#size;
    if (size === null || size + bytes.length > most) return this.#rewrite();
    this.#append(bytes, size);
    for (const device of gone) this.#written.delete(device);
    for (const [device, sighting] of news) this.#written.set(device, sighting);
    this.#windowWritten = this.#window;
  }

  #set(device: string, sighting: Sighting): void {
    if (!this.#byDevice.has(device) && this.#byDevice.size >= MAX_DEVICES) return;
    this.#byDevice.set(device, sighting);
  }

  #news(wanted: "due" | "all"): readonly [string, Sighting][] {
    return [...this.#byDevice].filter(([device, sighting]) => {
      const before = this.#written.get(device);
      return before !== sighting && (wanted === "all" || isDue(sighting, before));
    });
  }

  #append(bytes: Uint8Array, size: number): void {
    // Should it fail, nobody knows how the file ends: it is made anew.
    this.#size = null;
    const file = this.#files.openAppend(this.#path, FILE_MODE, size);
    try {
      file.appendDurably(bytes);
    } finally {
      file.close();
    }
    this.#size = size + bytes.length;
  }

  #rewrite(): void {
    const devices = [...this.#byDevice].map(([id, sighting]) => deviceJson(id, sighting));
    const lines = [windowJson(this.#window), ...devices].map((json) => this.#line(json));
    const bytes = utf8(lines.join(""));
    this.#files.replaceDurably(this.#path, bytes, FILE_MODE);
    this.#size = bytes.length;
    this.#written.clear();
    for (const [device, sighting] of this.#byDevice) this.#written.set(device, sighting);
    this.#windowWritten = this.#window;
  }

  #line(json: object): string {
    const text = JSON.stringify(json, rounded);
    return `${text} ${this.#check(text)}\n`;
  }

  #check(text: string): string {
    return toHex(this.#crypto.digest("sha256", utf8(text))).slice(0, CHECK_DIGITS);
  }

  #load(bytes: Uint8Array): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#take(fromUtf8(bytes.subarray(from, at)) ?? "");
      from = at + 1;
    }
    // What follows the last whole line was cut off, and is written over.
    this.#size = from;
    for (const [device, sighting] of this.#byDevice) this.#written.set(device, sighting);
    this.#window = notBehind(this.#window, [...this.#byDevice.values()]);
    this.#windowWritten = this.#window;
  }

  /** Later lines replace earlier ones; one that is none is left out. */
  #take(line: string): void {
    const [, text = "", check = ""] = LINE.exec(line) ?? [];
    if (text === "" || check !== this.#check(text)) return;
    try {
      const fields = new Fields(JSON.parse(text), "sighting");
      const kind = fields.oneOf("of", ["window", "device", "gone"]);
      const device = kind === "window" ? null : fields.text("id", isRecordId);
      const window = kind === "window" ? parseHomeWindow(fields.raw("window")) : this.#window;
      const sighting = kind === "device" ? parseSighting(fields) : null;
      fields.end();
      this.#window = window;
      if (device === null) return;
      if (sighting === null) this.#byDevice.delete(device);
      else this.#set(device, sighting);
    } catch (failure) {
      const isForm = failure instanceof RegistryFailure || failure instanceof SyntaxError;
      if (!isForm) throw failure;
    }
  }
}

const windowJson = (window: HomeWindow): object => ({ of: "window", window });

const deviceJson = (id: string, { lastSeen, joins, presence }: Sighting): object => ({
  of: "device",
  id,
  lastSeen,
  joins,
  presence,
});

function parseSighting(fields: Fields): Sighting {
  return {
    lastSeen: fields.nullable("lastSeen", () => fields.time("lastSeen")),
    joins: fields.whole("joins", 0, MAX_JOINS),
    presence: fields.nullable("presence", () => parsePresence(fields.raw("presence"))),
  };
}

/** Whether it cannot wait for the end of the day: membership, the owner's word, dormancy, or some hours. */
function isDue(sighting: Sighting, written: Sighting | undefined): boolean {
  if (written === undefined) return true;
  const hours = ((sighting.lastSeen ?? 0) - (written.lastSeen ?? 0)) / 3600;
  return hours >= WRITE_EVERY_HOURS || isPresenceDue(sighting.presence, written.presence);
}

function isPresenceDue(presence: Presence | null, written: Presence | null): boolean {
  if (presence === null || written === null) return presence !== written;
  return (
    presence.dormantSince !== written.dormantSince ||
    presence.pinnedDays !== written.pinnedDays ||
    presence.notBefore !== written.notBefore ||
    (presence.releaseDays === null) !== (written.releaseDays === null) ||
    presence.lastContact - written.lastContact >= WRITE_EVERY_HOURS
  );
}

/** Days to a tenth of a second: their further digits are noise, and half of the file. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value;
}

/** A window that was lost while devices were not: its hours go on from theirs, or it would wait for them to pass again. */
function notBehind(window: HomeWindow, sightings: readonly Sighting[]): HomeWindow {
  const hours = sightings.reduce(
    (most, { presence }) => Math.max(most, presence?.lastContact ?? 0, presence?.dormantSince ?? 0),
    window.hours,
  );
  return hours === window.hours ? window : { ...window, hours };
}
