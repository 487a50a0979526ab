/**
 * How long a device has been looking for its home, over power cuts: hours in
 * which it had power and found none. Written once an hour at most, and only
 * while the home is missing or tells another figure.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import { RegistryFailure } from "../policy/registry/failure.ts";
import {
  foundHome,
  isHomeLost,
  MAX_SEARCH_HOURS,
  newSearch,
  parseSearch,
  searched,
} from "../policy/window/passive-release.ts";
import type { Search } from "../policy/window/passive-release.ts";
import type { Host } from "../host/host.ts";

const HOUR_MS = 3_600_000;
const FILE_MODE = 0o600;
/** Octets of the file. */
const MAX_SEARCH_FILE = 1024;

export class HomeSearch {
  readonly #host: Pick<Host, "files" | "mono">;
  readonly #path: string;
  #search: Search;
  /** From when on hours are counted; null while the home is there. */
  #since: Mono | null = null;

  /** @throws HostFailure */
  constructor(host: Pick<Host, "files" | "mono">, path: string) {
    this.#host = host;
    this.#path = path;
    this.#search = read(host.files.read(path));
  }

  get search(): Search {
    return this.#search;
  }

  get isHomeLost(): boolean {
    return isHomeLost(this.#search);
  }

  /** The home has proved itself: the hours begin anew, with the T_rel that it told last. @throws HostFailure */
  found(): void {
    this.told(this.#search.releaseDays);
  }

  /**
   * The home has told T_rel. @throws HostFailure
   * @param releaseDays - null: never, for it is theft-locked
   */
  told(releaseDays: number | null): void {
    this.#since = null;
    this.#store(foundHome(releaseDays));
  }

  /** A search to its end that found no home. @throws HostFailure */
  failed(): void {
    const now = this.#host.mono();
    const since = this.#since ?? now;
    const hours = Math.floor((now - since) / HOUR_MS);
    this.#since = mono(since + hours * HOUR_MS);
    if (hours > 0) this.#store(searched(this.#search, Math.min(hours, MAX_SEARCH_HOURS), true));
  }

  /** Another home owns the device, and has told nothing yet. @throws HostFailure */
  begin(): void {
    this.#since = null;
    this.#store(newSearch(false));
  }

  #store(search: Search): void {
    const text = JSON.stringify(search);
    if (text === JSON.stringify(this.#search)) return;
    this.#host.files.replaceDurably(this.#path, utf8(`${text}\n`), FILE_MODE);
    this.#search = search;
  }
}

/** What cannot be read might have said that the device is theft-locked: it is, until its home says otherwise. */
function read(bytes: Uint8Array | null): Search {
  if (bytes === null) return newSearch(false);
  try {
    if (bytes.length > MAX_SEARCH_FILE) return newSearch(true);
    return parseSearch(JSON.parse(fromUtf8(bytes) ?? ""));
  } catch (failure) {
    if (failure instanceof SyntaxError || failure instanceof RegistryFailure)
      return newSearch(true);
    throw failure;
  }
}
