/**
 * The store's two files, every checksum good: entries or a StoreFailure; what is
 * read and written again is read as the same; a file cut anywhere holds the
 * first entries of the whole one or fails.
 */
import { concat } from "../../../src/base/bytes.ts";
import { StoreFailure } from "../../../src/daemon/store/failure.ts";
import {
  encodeEntry,
  encodeSnapshot,
  journalHeader,
  readJournal,
  readSnapshot,
} from "../../../src/daemon/store/format.ts";
import { Choices } from "../choices.ts";
import { hold, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const PATH = "/etc/homeca/journal";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const cut = choices.below(65_536);
  const file = choices.rest();
  const journal = valueOf(() => readJournal(openCrypto, PATH, file), [StoreFailure]);
  if (journal !== null) {
    const { base, entries, ends } = journal;
    hold(ends.length === entries.length + 1 && ends.at(-1)! <= file.length, "ends are within");
    const lines = entries.map((entry) => encodeEntry(openCrypto, entry));
    const again = readJournal(openCrypto, PATH, concat(journalHeader(base), ...lines));
    hold(JSON.stringify(again.entries) === JSON.stringify(entries), "entries survive");
    const part = valueOf(
      () => readJournal(openCrypto, PATH, file.subarray(0, cut % (file.length + 1))),
      [StoreFailure],
    );
    const kept = part?.entries ?? [];
    const first = JSON.stringify(entries.slice(0, kept.length));
    hold(JSON.stringify(kept) === first, "a cut file has the first entries");
  }
  const snapshot = valueOf(() => readSnapshot(openCrypto, PATH, file), [StoreFailure]);
  if (snapshot === null) return;
  const again = readSnapshot(openCrypto, PATH, encodeSnapshot(openCrypto, snapshot));
  hold(JSON.stringify(again) === JSON.stringify(snapshot), "a snapshot survives");
}
