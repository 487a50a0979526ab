/**
 * The audit log: what was issued, and what the owner, the authority and the
 * house did, a line each, only ever appended. Each line ends with the SHA-256
 * of the line before and its own text, so that one taken out or altered shows.
 *
 *     <folder>/0000000001.log, 0000000341.log, …   named by their first entry
 *
 * Flash is small: of the files of {@link SEGMENT_OCTETS} the newest
 * {@link MAX_SEGMENTS} are kept, and each begins with the chain of those before.
 */
import { concat, fromUtf8, hex, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { Unix } from "../../base/machine.ts";
import type { AppendFile, Files } from "../../host/host.ts";
import { Fields } from "../../policy/registry/fields.ts";
import { RegistryFailure } from "../../policy/registry/failure.ts";

/** Octets at which the next file is begun. */
export const SEGMENT_OCTETS = 0x10000;
export const MAX_SEGMENTS = 16;
/** Octets of one line; what would be longer is a fault of ours. */
const MAX_LINE = 4096;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const NEWLINE = 0x0a;
const SEGMENT_NAME = /^(\d{10})\.log$/u;
const LINE = /^(\{.*\}) ([0-9a-f]{64})$/u;
const BEGINNING = "0".repeat(64);
/** Highest number that the name of a file has room for. */
const MAX_NUMBER = 9_999_999_999;

export type AuditKind = "owner" | "authority" | "device" | "house";
const KINDS: readonly AuditKind[] = ["owner", "authority", "device", "house"];

export interface AuditNote {
  /** Null while the clock was not known. */
  readonly at: Unix | null;
  readonly kind: AuditKind;
  readonly device: string | null;
  /** Of the certificate that was issued, hexadecimal; null where none was. */
  readonly serial: string | null;
  /** Safe to show: text of devices in it is escaped. */
  readonly text: string;
}

export interface AuditEntry extends AuditNote {
  /** Counts from 1 as long as the home lives. */
  readonly number: number;
}

/** What {@link Audit.check} found. */
export interface AuditCheck {
  /** First and last entry that are kept; 0 where there are none. */
  readonly first: number;
  readonly last: number;
  /** 64 hexadecimal digits that stand for all entries up to the last: noted elsewhere, they show a log that was made anew. */
  readonly chain: string;
  /** One sentence about the first line that does not follow from those before; null where all do. */
  readonly trouble: string | null;
}

/** As it stands in the file: its first line has the chain of all files before, the others null. */
interface Written extends AuditEntry {
  readonly before: string | null;
}

interface Line {
  /** Null for one that is none of ours. */
  readonly entry: Written | null;
  readonly json: string;
  readonly check: string;
  readonly at: number;
  /** With its newline. */
  readonly length: number;
  readonly isHole: boolean;
}

interface Segment {
  readonly first: number;
  readonly path: string;
}

export interface AuditOptions {
  readonly files: Files;
  readonly crypto: Pick<Crypto, "digest">;
  readonly folder: string;
  /** Takes one sentence about what the owner should know and the log has dealt with. */
  readonly report: (line: string) => void;
}

/** Where a file stands: the chain before its next line, the number of that line, and octets that are good. */
interface End {
  readonly chain: string;
  readonly next: number;
  readonly octets: number;
}

export class Audit {
  readonly #options: AuditOptions;
  readonly #segments: Segment[];
  #end: End = { chain: BEGINNING, next: 1, octets: 0 };
  #open: AppendFile | null = null;

  /**
   * Opens the log in `folder`, which is made where it is missing. A last write
   * that was cut off is removed.
   * @throws HostFailure
   */
  constructor(options: AuditOptions) {
    const { files, folder } = options;
    this.#options = options;
    files.makeDirectory(folder, FOLDER_MODE);
    this.#segments = files
      .list(folder)
      .flatMap((name) => {
        const [, digits] = SEGMENT_NAME.exec(name) ?? [];
        return digits === undefined ? [] : [{ first: Number(digits), path: `${folder}/${name}` }];
      })
      .toSorted((one, other) => one.first - other.first);
    const last = this.#segments.at(-1);
    if (last !== undefined) this.#end = this.#endOf(last);
  }

  /** Number of the newest entry; 0 where there is none. */
  get newest(): number {
    return this.#end.next - 1;
  }

  /**
   * Puts them behind all others, and returns once they are on the medium.
   * @throws HostFailure; what was not appended by then is handed to `left`
   */
  append(
    notes: readonly AuditNote[],
    left: (notes: readonly AuditNote[]) => void = () => {},
  ): void {
    let at = 0;
    try {
      while (at < notes.length) at += this.#appendSome(notes.slice(at));
    } catch (failure) {
      this.#drop();
      left(notes.slice(at));
      throw failure;
    }
  }

  /** As many as fill a file, with one write. @returns how many */
  #appendSome(notes: readonly AuditNote[]): number {
    if (this.#end.octets >= SEGMENT_OCTETS || this.#segments.length === 0) this.#begin();
    let end = this.#end;
    const lines: Uint8Array[] = [];
    for (const note of notes) {
      if (end.octets >= SEGMENT_OCTETS) break;
      const { line, chain } = this.#line(note, end);
      lines.push(line);
      end = { chain, next: end.next + 1, octets: end.octets + line.length };
    }
    const { path } = this.#segments.at(-1)!;
    this.#open ??= this.#options.files.openAppend(path, FILE_MODE, this.#end.octets);
    this.#open.appendDurably(concat(...lines));
    this.#end = end;
    return lines.length;
  }

  #line(
    { at, kind, device, serial, text }: AuditNote,
    { chain: before, next, octets }: End,
  ): {
    readonly line: Uint8Array;
    readonly chain: string;
  } {
    const begins = octets === 0 ? before : null;
    const json = JSON.stringify({ n: next, at, kind, device, serial, text, before: begins });
    const chain = this.#chained(before, json);
    const line = utf8(`${json} ${chain}\n`);
    if (line.length > MAX_LINE) throw new RangeError("too long a line for the audit log");
    return { line, chain };
  }

  /**
   * At most `limit` entries before number `before`, the newest of them, oldest first.
   * @throws HostFailure
   */
  select(wanted: {
    readonly before: number | null;
    readonly device: string | null;
    readonly limit: number;
  }): AuditEntry[] {
    const { before, device, limit } = wanted;
    const found: AuditEntry[] = [];
    for (const segment of this.#segments.toReversed()) {
      if (before !== null && segment.first >= before) continue;
      const entries = [...this.#lines(segment)].flatMap(({ entry }) => entry ?? []);
      for (const { before: _chain, ...entry } of entries.toReversed()) {
        const isWanted =
          (before === null || entry.number < before) &&
          (device === null || entry.device === device);
        if (isWanted) found.push(entry);
        if (found.length === limit) return found.toReversed();
      }
    }
    return found.toReversed();
  }

  /** Follows the chain from the oldest line that is kept. @throws HostFailure */
  check(): AuditCheck {
    let chain: string | null = null;
    let next: number | null = null;
    let trouble: string | null = null;
    for (const segment of this.#segments) {
      for (const { entry, json, check, at } of this.#lines(segment)) {
        const begins: string | null = entry?.before ?? null;
        const from: string | null = chain ?? begins;
        const isNext = entry !== null && (next === null || entry.number === next);
        const isChained = from !== null && check === this.#chained(from, json);
        if (!isNext || !isChained || (at === 0 && begins !== from)) {
          trouble ??= `${segment.path} is not as it was written from octet ${at} on: somebody changed it, or the flash has rotted.`;
        }
        chain = isChain(check) ? check : BEGINNING;
        next = (entry?.number ?? next ?? segment.first) + 1;
      }
    }
    const last = this.newest;
    const isWhole = last === 0 || (chain === this.#end.chain && next === last + 1);
    if (!isWhole) {
      trouble ??= `${this.#options.folder} does not end as it was written: somebody changed it, or the flash has rotted.`;
    }
    return { first: this.#segments[0]?.first ?? 0, last, chain: this.#end.chain, trouble };
  }

  close(): void {
    this.#drop();
  }

  /** The next file; the oldest goes where there are too many. */
  #begin(): void {
    const { chain, next } = this.#end;
    if (next > MAX_NUMBER) throw new RangeError("too many entries for the audit log");
    this.#drop();
    const path = `${this.#options.folder}/${String(next).padStart(10, "0")}.log`;
    this.#open = this.#options.files.openAppend(path, FILE_MODE, 0);
    this.#segments.push({ first: next, path });
    this.#end = { chain, next, octets: 0 };
    while (this.#segments.length > MAX_SEGMENTS) {
      this.#options.files.remove(this.#segments[0]!.path);
      this.#segments.shift();
    }
  }

  #drop(): void {
    this.#open?.close();
    this.#open = null;
  }

  /** Past the last line that is whole; what follows was cut off, and is removed. */
  #endOf(segment: Segment): End {
    const { files, report } = this.#options;
    let end: End | null = null;
    for (const { entry, check, at, length, isHole } of this.#lines(segment)) {
      // Room of a write that did not come to be; no text has a zero in it.
      if (isHole) break;
      if (entry !== null) end = { chain: check, next: entry.number + 1, octets: at + length };
    }
    const { path } = segment;
    const good = end?.octets ?? 0;
    const torn = (files.facts(path)?.size ?? 0) - good;
    if (torn > 0) {
      files.openAppend(path, FILE_MODE, good).close();
      report(`${path} ended in a write that was cut off: ${torn} octets were removed.`);
    }
    if (end !== null) return end;
    // Its first line was cut off: the chain goes on from the file before.
    this.#segments.pop();
    const before = this.#segments.at(-1);
    return before === undefined
      ? { chain: BEGINNING, next: segment.first, octets: 0 }
      : { ...this.#endOf(before), octets: SEGMENT_OCTETS };
  }

  *#lines({ path }: Segment): Generator<Line> {
    const bytes = this.#options.files.read(path) ?? new Uint8Array();
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      const line = bytes.subarray(from, to);
      const [, json = "", check = ""] = LINE.exec(fromUtf8(line) ?? "") ?? [];
      const isHole = line.includes(0);
      yield { entry: parsed(json), json, check, at: from, length: to + 1 - from, isHole };
      from = to + 1;
    }
  }

  #chained(before: string, json: string): string {
    return toHex(this.#options.crypto.digest("sha256", concat(hex(before), utf8(json))));
  }
}

const isChain = (text: string): boolean => /^[0-9a-f]{64}$/u.test(text);

/** Null for a line that is none of ours. */
function parsed(json: string): Written | null {
  try {
    const fields = new Fields(JSON.parse(json), "audit entry");
    const any = (): boolean => true;
    const entry = {
      number: fields.whole("n", 1, MAX_NUMBER),
      at: fields.nullable("at", () => fields.time("at")),
      kind: fields.oneOf("kind", KINDS),
      device: fields.nullable("device", () => fields.text("device", any)),
      serial: fields.nullable("serial", () => fields.text("serial", any)),
      text: fields.text("text", any),
      before: fields.nullable("before", () => fields.text("before", isChain)),
    };
    fields.end();
    return entry;
  } catch (failure) {
    const isForm = failure instanceof RegistryFailure || failure instanceof SyntaxError;
    if (!isForm) throw failure;
    return null;
  }
}
