/**
 * The text of the store's two files, and what is wrong with one that was read.
 *
 * Journal: `homeca-journal 1 BASE` and then one entry a line,
 * `LENGTH CHECKSUM JSON`, where LENGTH counts the octets of JSON, CHECKSUM is
 * the first 8 octets of its SHA-256 in hexadecimal, and JSON is
 * `{"seq":N,"changes":[…]}` with N counting up from BASE + 1 without a gap.
 *
 * Snapshot: `homeca-registry 1` and one line of that same form.
 *
 * JSON has neither newline nor NUL inside, and a write that the power cut off
 * leaves a beginning, or zeros: that is how a torn tail is told from damage.
 */
import { concat, fromUtf8, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { parseChange } from "../../policy/registry/change.ts";
import type { Change } from "../../policy/registry/change.ts";
import { RegistryFailure } from "../../policy/registry/failure.ts";
import { StoreFailure } from "./failure.ts";

export const JOURNAL_VERSION = 1;
/** Octets of one entry; a commit larger than this is a bug. */
export const MAX_ENTRY = 0x100000;
/** Changes in one entry of the journal. */
export const MAX_CHANGES = 1024;
/** Octets that a file may have to be read at all. */
export const MAX_FILE = 0x4000000;

const NEWLINE = 10;
const SPACE = 32;
/** Digits of LENGTH at most, digits of CHECKSUM, and the two spaces behind them. */
const MAX_LENGTH_DIGITS = 8;
const CHECKSUM_DIGITS = 16;

export interface Entry {
  readonly sequence: number;
  readonly changes: readonly Change[];
}

/** A journal that was read: its entries, and where the good part ends. */
export interface ReadJournal {
  /** The sequence number before its first entry. */
  readonly base: number;
  readonly entries: readonly Entry[];
  /** Offsets behind the header and behind each entry; what is after the last is a torn tail. */
  readonly ends: readonly number[];
}

type Digest = Pick<Crypto, "digest">;

export function journalHeader(base: number): Uint8Array {
  return utf8(`homeca-journal ${JOURNAL_VERSION} ${base}\n`);
}

/** One line of either file. */
export function encodeEntry(crypto: Digest, { sequence, changes }: Entry): Uint8Array {
  const json = utf8(JSON.stringify({ seq: sequence, changes }));
  return concat(utf8(`${json.length} ${checksum(crypto, json)} `), json, Uint8Array.of(NEWLINE));
}

export function encodeSnapshot(crypto: Digest, entry: Entry): Uint8Array {
  return concat(utf8(`homeca-registry ${JOURNAL_VERSION}\n`), encodeEntry(crypto, entry));
}

/**
 * Reads a journal as far as it is whole.
 * @throws {@link StoreFailure} `damaged` for anything that a cut-off last write does not explain
 */
export function readJournal(crypto: Digest, path: string, bytes: Uint8Array): ReadJournal {
  const [version, base] = header(path, bytes, /^homeca-journal (\d+) (\d+)$/);
  requireVersion(path, version);
  const entries: Entry[] = [];
  let at = bytes.indexOf(NEWLINE) + 1;
  const ends = [at];
  while (at < bytes.length) {
    const line = readLine(crypto, bytes, at);
    if (line.kind === "torn") break;
    if (line.kind === "damaged") throw damaged(path, at);
    const sequence = base! + entries.length + 1;
    entries.push(readEntry(path, at, line.json, sequence, MAX_CHANGES));
    at = line.end;
    ends.push(at);
  }
  return { base: base!, entries, ends };
}

/** Reads a snapshot, which is whole or damaged: it was written beside and renamed. @throws {@link StoreFailure} */
export function readSnapshot(crypto: Digest, path: string, bytes: Uint8Array): Entry {
  const [version] = header(path, bytes, /^homeca-registry (\d+)$/);
  requireVersion(path, version);
  const at = bytes.indexOf(NEWLINE) + 1;
  const line = readLine(crypto, bytes, at);
  if (line.kind !== "whole" || line.end !== bytes.length) throw damaged(path, at);
  return readEntry(path, at, line.json, null, Number.POSITIVE_INFINITY);
}

type Line =
  | { readonly kind: "whole"; readonly json: Uint8Array; readonly end: number }
  | { readonly kind: "torn" }
  | { readonly kind: "damaged" };

/** The line at `at`, by its own length and checksum; where they do not hold, `rest` is the file's last octets. */
function readLine(crypto: Digest, bytes: Uint8Array, at: number): Line {
  const rest = bytes.subarray(at);
  const lengthEnd = rest.subarray(0, MAX_LENGTH_DIGITS + 1).indexOf(SPACE);
  const digits = fromUtf8(lengthEnd < 0 ? rest : rest.subarray(0, lengthEnd)) ?? "";
  const isLength = /^[1-9][0-9]{0,7}$/.test(digits);
  if (lengthEnd < 0 || !isLength) return broken(rest, lengthEnd < 0 && isLength);

  const jsonAt = lengthEnd + 1 + CHECKSUM_DIGITS + 1;
  const jsonEnd = jsonAt + Number(digits);
  if (rest.length <= jsonEnd) return broken(rest, true);
  const json = rest.subarray(jsonAt, jsonEnd);
  const stated = fromUtf8(rest.subarray(lengthEnd + 1, jsonAt));
  const holds = rest[jsonEnd] === NEWLINE && stated === `${checksum(crypto, json)} `;
  return holds ? { kind: "whole", json, end: at + jsonEnd + 1 } : broken(rest, false);
}

/**
 * Whether a last write that was cut off explains these octets, all that are
 * left of the file: a single line that stops early, or has zeros where octets
 * never arrived. Anything else was whole once and has changed since.
 */
function broken(rest: Uint8Array, isShort: boolean): Line {
  const newline = rest.indexOf(NEWLINE);
  const isOneLine = newline < 0 || newline === rest.length - 1;
  const isTorn = isOneLine && ((isShort && newline < 0) || rest.includes(0));
  return { kind: isTorn && rest.length <= MAX_ENTRY ? "torn" : "damaged" };
}

function readEntry(
  path: string,
  at: number,
  json: Uint8Array,
  sequence: number | null,
  maxChanges: number,
): Entry {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(json) ?? "");
  } catch {
    throw damaged(path, at);
  }
  if (!isWritten(value) || value.changes.length > maxChanges) throw damaged(path, at);
  if (sequence !== null && value.seq !== sequence) throw damaged(path, at);
  try {
    return { sequence: value.seq, changes: value.changes.map(parseChange) };
  } catch (failure) {
    if (!(failure instanceof RegistryFailure)) throw failure;
    throw new StoreFailure(
      "newer-version",
      `${path}: the entry at offset ${at} is not one this version knows (${failure.message}); install the version of HomeCA that wrote it, or restore a backup.`,
    );
  }
}

function isWritten(value: unknown): value is { seq: number; changes: unknown[] } {
  if (typeof value !== "object" || value === null || !("seq" in value && "changes" in value)) {
    return false;
  }
  return Number.isSafeInteger(value.seq) && Array.isArray(value.changes);
}

function header(path: string, bytes: Uint8Array, form: RegExp): readonly number[] {
  const end = bytes.subarray(0, 64).indexOf(NEWLINE);
  const match = form.exec(fromUtf8(bytes.subarray(0, Math.max(0, end))) ?? "");
  if (match === null) throw damaged(path, 0);
  return match.slice(1).map(Number);
}

function requireVersion(path: string, version: number | undefined): void {
  if (version === JOURNAL_VERSION) return;
  throw new StoreFailure(
    "newer-version",
    `${path} has the form ${version} and this HomeCA knows ${JOURNAL_VERSION}: install the version that wrote it.`,
  );
}

function damaged(path: string, at: number): StoreFailure {
  return new StoreFailure(
    "damaged",
    `${path} is damaged at offset ${at} and was left as it is: restore ${path.slice(0, path.lastIndexOf("/"))} from a backup, or move it away to begin anew and pair every device again.`,
  );
}

function checksum(crypto: Digest, json: Uint8Array): string {
  return toHex(crypto.digest("sha256", json).subarray(0, CHECKSUM_DIGITS / 2));
}
