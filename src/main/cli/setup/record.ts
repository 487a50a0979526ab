/**
 * What the set-up keeps aside: the router's files as they were before HomeCA
 * changed any, and how far a change has come. One file, replaced durably, is
 * the truth after a power cut.
 *
 * It is not below `/etc/homeca`: that folder is the daemon's own, and root puts
 * back into `/etc/config` whatever stands here.
 */
import { fromUtf8, utf8 } from "../../../base/bytes.ts";
import type { Files } from "../../../host/host.ts";
import { PACKAGES } from "../../../policy/wireless/wanted.ts";
import type { PackageName } from "../../../policy/wireless/wanted.ts";
import { CommandFailure, EXIT } from "../exit.ts";

export const SETUP_FOLDER = "/etc/homeca-setup";
const RECORD = "record.json";
const REPLACED = "replaced.json";
const LOCK = "lock";

/** A file as it was: its text and permission bits. */
export interface SavedFile {
  readonly text: string;
  readonly mode: number;
}

export type SavedFiles = Readonly<Record<PackageName, SavedFile>>;

export interface SetupRecord {
  readonly version: 1;
  /** Waiting for the owner's yes; kept; being undone. */
  readonly step: "trial" | "kept" | "undoing";
  /** Before the first set-up: what undo restores. */
  readonly originals: SavedFiles;
  /** Before the change on trial, where that was not the first. */
  readonly before: SavedFiles | null;
  /** As HomeCA wrote them: what differs was changed by somebody since. */
  readonly written: SavedFiles;
  /** Network devices that hostapd must have up. */
  readonly interfaces: readonly string[];
}

/** Where the router's files are: `root` stands before each path. */
export interface Place {
  readonly files: Files;
  readonly root: string;
}

export const configPath = ({ root }: Place, name: PackageName): string =>
  `${root}/etc/config/${name}`;

const pathOf = ({ root }: Place, name: string): string => `${root}${SETUP_FOLDER}/${name}`;

/** Null where HomeCA has set nothing up. @throws {@link CommandFailure} for one that cannot be trusted */
export function readRecord(place: Place): SetupRecord | null {
  const path = pathOf(place, RECORD);
  const facts = place.files.facts(path);
  if (facts === null) return null;
  const unusable = (why: string): CommandFailure =>
    new CommandFailure(EXIT.refused, `${path} ${why}: restore it from a backup, or remove it`);
  if (facts.kind !== "file" || (facts.mode & 0o077) !== 0) {
    throw unusable("is open to others than root");
  }
  const text = fromUtf8(place.files.read(path) ?? new Uint8Array());
  const record = text === null ? null : parseRecord(text);
  if (record === null) throw unusable("is no record of a set-up");
  return record;
}

export function writeRecord(place: Place, record: SetupRecord): void {
  makeFolder(place);
  place.files.replaceDurably(pathOf(place, RECORD), utf8(JSON.stringify(record)), 0o600);
}

export function removeRecord(place: Place): void {
  place.files.remove(pathOf(place, RECORD));
}

/** Keeps what somebody wrote since, before it is put back to what was. @returns where */
export function keepReplaced(place: Place, files: Partial<SavedFiles>): string {
  makeFolder(place);
  const path = pathOf(place, REPLACED);
  place.files.replaceDurably(path, utf8(JSON.stringify(files)), 0o600);
  return path;
}

/** Whether this process may change things until its end: one at a time. */
export function hasTurn(place: Place): boolean {
  makeFolder(place);
  return place.files.lock(pathOf(place, LOCK));
}

/** @throws {@link CommandFailure} where it is another's turn */
export function takeTurn(place: Place): void {
  if (hasTurn(place)) return;
  throw new CommandFailure(EXIT.refused, "another homeca setup is at work: try again in a moment");
}

function makeFolder({ files, root }: Place): void {
  files.makeDirectory(`${root}${SETUP_FOLDER}`, 0o700);
}

function parseRecord(text: string): SetupRecord | null {
  const value = parsed(text);
  if (!isObject(value) || value["version"] !== 1) return null;
  const { step, interfaces } = value;
  const originals = savedFiles(value["originals"]);
  const written = savedFiles(value["written"]);
  const before = value["before"] === null ? null : savedFiles(value["before"]);
  const isStep = step === "trial" || step === "kept" || step === "undoing";
  if (!isStep || originals === null || written === null || !Array.isArray(interfaces)) return null;
  if (value["before"] !== null && before === null) return null;
  const names = interfaces.filter((name) => typeof name === "string");
  return { version: 1, step, originals, before, written, interfaces: names };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function savedFiles(value: unknown): SavedFiles | null {
  if (!isObject(value)) return null;
  const file = (name: PackageName): SavedFile | null => {
    const saved = value[name];
    if (!isObject(saved)) return null;
    const { text, mode } = saved;
    return typeof text === "string" && typeof mode === "number" ? { text, mode } : null;
  };
  return eachPackage(file);
}

/** One value for each package, or null where one has none. */
export function eachPackage<T>(of: (name: PackageName) => T | null): Record<PackageName, T> | null {
  const [wireless, network, firewall, dhcp, homeca] = PACKAGES.map(of);
  if (!wireless || !network || !firewall || !dhcp || !homeca) return null;
  return { wireless, network, firewall, dhcp, homeca };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
