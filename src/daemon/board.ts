/**
 * Which router this home runs on, by the addresses that its network hardware
 * was made with. A backup that was restored on another router is a second home
 * with the same keys, so it is told to the owner. Where no hardware tells its
 * address, as in a container, nothing is known and nothing is told.
 */
import { utf8 } from "../base/bytes.ts";
import type { Files } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import type { Log } from "./log.ts";
import { macOf } from "./sessions.ts";

const NETWORK_FOLDER = "/sys/class/net";
const FILE_MODE = 0o600;

/** Addresses remembered at most; a router has a dozen ports. */
export const MAX_BOARD_ADDRESSES = 32;
/** Octets that the file may have to be read: an address and its newline are 18. */
const MAX_FILE = 4096;

/** NET_ADDR_PERM of Linux's `addr_assign_type`: not random, not set by anybody. */
const PERMANENT = "0";

export class Board {
  readonly #files: Files;
  readonly #path: string;
  #made: readonly string[];
  readonly #here: readonly string[];

  /** Remembers this router where none is remembered, and follows it as ports come and go. */
  constructor(files: Files, stateDir: string, log: Pick<Log, "warning">) {
    this.#files = files;
    this.#path = `${stateDir}/board`;
    this.#here = permanentAddresses(files);
    this.#made = remembered(files, this.#path);
    if (this.isAnother) {
      log.warning(this.trouble);
      return;
    }
    try {
      this.remember();
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      log.warning(
        `Which router this is could not be written (${failure.message}); it is tried again at the next start.`,
      );
    }
  }

  /** Whether the state was made on a router that shares no address with this one. */
  get isAnother(): boolean {
    if (this.#made.length === 0 || this.#here.length === 0) return false;
    return !this.#made.some((address) => this.#here.includes(address));
  }

  /** One sentence, for where {@link Board.isAnother}. */
  get trouble(): string {
    return `This home was restored from a backup of the router ${this.#made[0]}, and both have its keys: keep only one of the two on, then run \`homeca replaced\` here.`;
  }

  /** From now on this router is the one. @returns its addresses. @throws HostFailure; nothing has changed then */
  remember(): readonly string[] {
    const isSame = this.#here.join() === this.#made.join();
    if (this.#here.length > 0 && !isSame) {
      const text = this.#here.map((address) => `${address}\n`).join("");
      this.#files.replaceDurably(this.#path, utf8(text), FILE_MODE);
      this.#made = this.#here;
    }
    return this.#here;
  }
}

/** Of every interface that is a piece of hardware, in their order. */
function permanentAddresses(files: Files): readonly string[] {
  const found = new Set<string>();
  for (const name of interfaces(files)) {
    const folder = `${NETWORK_FOLDER}/${name}`;
    if (files.facts(`${folder}/device`) === null) continue;
    if (line(files, `${folder}/addr_assign_type`) !== PERMANENT) continue;
    const address = macOf(line(files, `${folder}/address`));
    if (address !== null) found.add(address);
  }
  return [...found].toSorted().slice(0, MAX_BOARD_ADDRESSES);
}

function interfaces(files: Files): readonly string[] {
  try {
    return files.list(NETWORK_FOLDER);
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    return [];
  }
}

/** Null where it cannot be read: an interface may go away at any time, and some refuse. */
function line(files: Files, path: string): string | null {
  try {
    const bytes = files.read(path);
    return bytes === null ? null : String.fromCharCode(...bytes.subarray(0, 64)).trim();
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    return null;
  }
}

/** None where nothing is remembered, or nothing that makes sense. */
function remembered(files: Files, path: string): readonly string[] {
  const size = files.facts(path)?.size ?? 0;
  const bytes = size > 0 && size <= MAX_FILE ? files.read(path) : null;
  if (bytes === null) return [];
  const lines = String.fromCharCode(...bytes)
    .trimEnd()
    .split("\n");
  const addresses = lines.map((text) => macOf(text)).filter((address) => address !== null);
  return addresses.length === lines.length ? addresses : [];
}
