/**
 * The home's registry on disk: a snapshot and the changes since. A change is
 * acknowledged only when it is on the medium, and seen only when it is
 * acknowledged. One process has the store; the lock dies with it.
 */
import type { Crypto } from "../../base/crypto/crypto.ts";
import { HostFailure } from "../../host/host.ts";
import type { AppendFile, Files } from "../../host/host.ts";
import { applyChanges, changesOf, EMPTY_REGISTRY } from "../../policy/registry/registry.ts";
import type { Registry } from "../../policy/registry/registry.ts";
import { parseChange } from "../../policy/registry/change.ts";
import type { Change } from "../../policy/registry/change.ts";
import { RegistryFailure } from "../../policy/registry/failure.ts";
import { StoreFailure } from "./failure.ts";
import {
  encodeEntry,
  encodeSnapshot,
  journalHeader,
  MAX_CHANGES,
  MAX_ENTRY,
  MAX_FILE,
  readJournal,
  readSnapshot,
} from "./format.ts";
import type { ReadJournal } from "./format.ts";

/** The owner's eyes only: records hold setup codes. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Octets of journal at which it is folded into a new snapshot. */
export const COMPACT_AT = 0x40000;

export interface StoreOptions {
  readonly files: Files;
  readonly crypto: Pick<Crypto, "digest">;
  /** Made with mode 0700 where it is missing; its parent must be there. */
  readonly directory: string;
  /** Takes one sentence about what the owner should know and the store has dealt with. */
  readonly report: (line: string) => void;
  /** Octets of journal at which it is folded; {@link COMPACT_AT} where not given. */
  readonly compactAt?: number;
}

/** What a cut-off last write left behind the good entries of the journal. */
export interface TornTail {
  readonly path: string;
  readonly offset: number;
  readonly octets: number;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #journalPath: string;
  readonly #snapshotPath: string;
  #registry: Registry = EMPTY_REGISTRY;
  /** The last entry's number. */
  #sequence = 0;
  /** Null after a failure that leaves open which file the handle writes to. */
  #journal: AppendFile | null = null;
  #compactAt: number;
  #isClosed = false;
  /** What opening cut off, or null. */
  readonly torn: TornTail | null;

  /**
   * Opens the store, making it where there is none.
   * @throws {@link StoreFailure} where another process has it or it cannot be read whole; nothing is changed then
   * @throws {@link HostFailure}
   */
  constructor(options: StoreOptions) {
    const { files, directory } = options;
    this.#options = options;
    this.#journalPath = `${directory}/journal`;
    this.#snapshotPath = `${directory}/snapshot`;
    this.#compactAt = options.compactAt ?? COMPACT_AT;
    files.makeDirectory(directory, DIRECTORY_MODE);
    if (!files.lock(`${directory}/lock`)) {
      throw new StoreFailure(
        "locked",
        `${directory} is in use by another HomeCA: stop it first, or ask it with \`homeca status\`.`,
      );
    }
    this.torn = this.#load();
  }

  /** Everything acknowledged so far. */
  get registry(): Registry {
    return this.#registry;
  }

  /** The last acknowledged entry's number; 0 for a new store. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Stores the changes, all or none, and then shows them.
   * @throws {@link RegistryFailure} where they do not fit
   * @throws {@link HostFailure} where they could not be stored, `ENOSPC` for a full disk; nothing has changed
   */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    if (changes.length > MAX_CHANGES) throw new RangeError("too many changes for one entry");
    // Through the same door as when it is read back: what would not be read must not be written.
    const taken = changes.map((change) => parseChange(JSON.parse(JSON.stringify(change))));
    const next = applyChanges(this.#registry, taken);
    const sequence = this.#sequence + 1;
    const entry = encodeEntry(this.#options.crypto, { sequence, changes: taken });
    if (entry.length > MAX_ENTRY) throw new RangeError("too large an entry");
    const journal = this.#openJournal();
    try {
      journal.appendDurably(entry);
    } catch (failure) {
      this.#dropJournal();
      throw failure;
    }
    this.#registry = next;
    this.#sequence = sequence;
    if (journal.size >= this.#compactAt) this.#compactOrReport();
  }

  /**
   * Folds the journal into a new snapshot.
   * @throws {@link HostFailure}; what was acknowledged is safe in any case
   */
  compact(): void {
    const { files, crypto } = this.#options;
    const whole = { sequence: this.#sequence, changes: changesOf(this.#registry) };
    files.replaceDurably(this.#snapshotPath, encodeSnapshot(crypto, whole), FILE_MODE);
    // From here the old handle may belong to a file without a name: nothing may go there.
    this.#dropJournal();
    files.replaceDurably(this.#journalPath, journalHeader(this.#sequence), FILE_MODE);
    this.#openJournal();
  }

  /** Takes no more changes. The lock stays until the process ends. */
  close(): void {
    this.#dropJournal();
    this.#isClosed = true;
  }

  /** The change is safe already; that the journal could not be folded is no reason to refuse it. */
  #compactOrReport(): void {
    try {
      this.compact();
      this.#compactAt = this.#options.compactAt ?? COMPACT_AT;
    } catch (failure) {
      if (!(failure instanceof HostFailure || failure instanceof StoreFailure)) throw failure;
      // Not at every change from now on: a full disk is not made emptier by trying.
      this.#compactAt *= 2;
      this.#options.report(
        `The journal could not be shortened (${failure.message}); nothing is lost, but make room on ${this.#options.directory}.`,
      );
    }
  }

  #load(): TornTail | null {
    const { files, crypto } = this.#options;
    const snapshotBytes = this.#read(this.#snapshotPath);
    const journalBytes = this.#read(this.#journalPath);
    if (journalBytes === null) {
      if (snapshotBytes !== null) throw this.#missing(this.#journalPath);
      files.replaceDurably(this.#journalPath, journalHeader(0), FILE_MODE);
      this.#openJournal();
      return null;
    }

    const journal = readJournal(crypto, this.#journalPath, journalBytes);
    const snapshot =
      snapshotBytes === null ? null : readSnapshot(crypto, this.#snapshotPath, snapshotBytes);
    if (snapshot === null && journal.base > 0) throw this.#missing(this.#snapshotPath);
    this.#adopt(journal, snapshot?.sequence ?? 0, snapshot?.changes ?? []);
    return this.#cutTail(journal, journalBytes.length);
  }

  /** The snapshot, and of the journal what is newer. */
  #adopt(journal: ReadJournal, from: number, changes: readonly Change[]): void {
    const last = journal.base + journal.entries.length;
    // The journal reaches at least as far as the snapshot it was folded into, or one of them is an old copy.
    if (from < journal.base || from > last) throw this.#mismatched();
    const newer = journal.entries.slice(from - journal.base).flatMap((entry) => entry.changes);
    try {
      this.#registry = applyChanges(applyChanges(EMPTY_REGISTRY, changes), newer);
    } catch (failure) {
      if (!(failure instanceof RegistryFailure)) throw failure;
      throw this.#mismatched();
    }
    this.#sequence = last;
  }

  #cutTail({ ends }: ReadJournal, length: number): TornTail | null {
    const { files, report } = this.#options;
    const goodLength = ends.at(-1)!;
    this.#journal = files.openAppend(this.#journalPath, FILE_MODE, goodLength);
    if (length === goodLength) return null;
    const torn = { path: this.#journalPath, offset: goodLength, octets: length - goodLength };
    report(
      `${torn.path} ended in a write that was cut off: ${torn.octets} octets from offset ${torn.offset} were removed; every acknowledged change is there.`,
    );
    return torn;
  }

  /** The journal's handle; after a failure the file is looked at again before anything is written to it. */
  #openJournal(): AppendFile {
    if (this.#isClosed) throw new StoreFailure("closed", "The store is closed: open it anew.");
    if (this.#journal !== null) return this.#journal;
    const { files, crypto } = this.#options;
    const bytes = this.#read(this.#journalPath);
    if (bytes === null) throw this.#missing(this.#journalPath);
    const { base, ends } = readJournal(crypto, this.#journalPath, bytes);
    // An entry beyond ours is one whose failure was reported: it must not come back as accepted.
    const length = ends[this.#sequence - base];
    if (length === undefined) throw this.#mismatched();
    this.#journal = files.openAppend(this.#journalPath, FILE_MODE, length);
    return this.#journal;
  }

  #dropJournal(): void {
    this.#journal?.close();
    this.#journal = null;
  }

  #read(path: string): Uint8Array | null {
    const { files } = this.#options;
    if ((files.facts(path)?.size ?? 0) > MAX_FILE) {
      throw new StoreFailure(
        "too-large",
        `${path} is larger than ${MAX_FILE} octets and is not a store of HomeCA: restore a backup.`,
      );
    }
    return files.read(path);
  }

  #missing(path: string): StoreFailure {
    return new StoreFailure(
      "part-missing",
      `${path} is missing while its other half is there: restore ${this.#options.directory} from a backup, or move it away to begin anew.`,
    );
  }

  #mismatched(): StoreFailure {
    return new StoreFailure(
      "damaged",
      `${this.#journalPath} and ${this.#snapshotPath} are not of one time: restore both from the same backup.`,
    );
  }
}
