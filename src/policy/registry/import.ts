/**
 * Reads a list of devices that the owner expects, so that they join without
 * being asked for: as CSV with a header, or as the text of their QR codes, one
 * a line. A list is taken whole or not at all, and every bad line is named.
 *
 * CSV: columns `id,key,code,name,type,class` in any order, comma or semicolon,
 * quotes as in RFC 4180 §2 but no line break inside. QR text:
 * `HOMECA:1;I:<id>;K:<key>;C:<code>;T:<type>;N:<name in base64url>;;`, fields
 * in any order. A key is the SHA-256 of the SubjectPublicKeyInfo in 64 hex
 * digits, or the P-256 SubjectPublicKeyInfo itself in base64.
 */
import { fromBase64, fromBase64Url, fromUtf8, hex, sameBytes, toHex } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { visible } from "../../base/text.ts";
import { BEGINNINGS } from "../lifecycle/table.ts";
import type { Change } from "./change.ts";
import {
  blankRecord,
  expectedId,
  isRecordId,
  isSpkiHash,
  normalSetupCode,
  recordId,
  titleOf,
} from "./record.ts";
import type { DeviceClass, DeviceRecord } from "./record.ts";
import { deviceByKey } from "./registry.ts";
import type { Registry } from "./registry.ts";
import { isPlainText, isType, MAX_NAME } from "./text.ts";

/** Characters of a list, and devices in it. */
export const MAX_LIST = 262144;
export const MAX_EXPECTED = 256;

/** Characters that a sentence shows of a cell or field. */
const MAX_SHOWN = 80;
/** Problems that a failure's message spells out. */
const SHOWN_PROBLEMS = 8;

const COLUMNS = ["id", "key", "code", "name", "type", "class"] as const;
type Column = (typeof COLUMNS)[number];
type Row = Readonly<Partial<Record<Column, string>>>;

/** What can be expected: a device that has a key or a code of its own to show. */
const IMPORTABLE: readonly DeviceClass[] = ["aware", "certificate"];
const QR_PREFIX = "HOMECA:";
const QR_FIELDS: Readonly<Record<string, Column>> = {
  I: "id",
  K: "key",
  C: "code",
  T: "type",
  N: "name",
};
/** SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING } up to the 65 octets of the point (RFC 5480 §2). */
const P256_SPKI = hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

/** What is wrong with one line, as a sentence with the fix. Lines count from 1; line 0 is the list as a whole. */
export interface Problem {
  readonly line: number;
  readonly text: string;
}

/** A list that is not taken, with everything that is wrong with it; the message has the first few. */
export class ImportFailure extends Error {
  override readonly name = "ImportFailure";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const shown = problems
      .slice(0, SHOWN_PROBLEMS)
      .map(({ line, text }) => (line === 0 ? text : `Line ${line}: ${text}`));
    const more = problems.length - shown.length;
    super([...shown, ...(more > 0 ? [`And ${more} lines more.`] : [])].join(" "));
    this.problems = problems;
  }
}

/** What a list makes of the registry. */
export interface Imported {
  readonly changes: readonly Change[];
  /** Devices among them. */
  readonly imported: number;
  /** Always empty: a list is taken whole or not at all. */
  readonly skipped: readonly string[];
}

type Tools = Pick<Crypto, "digest" | "isOnCurve">;

interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly content: string;
}

/** A line that cannot be taken. It stays inside this file. */
class LineFault extends Error {
  override readonly name = "LineFault";
}

/** The list's devices as records in state `expected`. @throws {@link ImportFailure} */
export function importExpected(
  text: string,
  format: "csv" | "qr",
  registry: Registry,
  crypto: Tools,
): Imported {
  if (text.length > MAX_LIST) {
    throw whole(`The list is longer than ${MAX_LIST} characters: split it.`);
  }
  const lines = text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((content, at): Line => ({ number: at + 1, content }))
    .filter(({ content }) => content.trim() !== "");
  const records =
    format === "qr"
      ? readLines(lines, readQr, registry, crypto)
      : readCsvLines(lines, registry, crypto);
  const changes = records.map((record): Change => ({ kind: "put", record }));
  return { changes, imported: records.length, skipped: [] };
}

function readCsvLines(
  [first, ...rest]: readonly Line[],
  registry: Registry,
  crypto: Tools,
): readonly DeviceRecord[] {
  if (first === undefined) throw whole("The list is empty: give it a header and a device.");
  const separator = first.content.includes(",") ? "," : ";";
  let columns: readonly Column[];
  try {
    columns = readHeader(splitCsv(first.content, separator));
  } catch (fault) {
    if (!(fault instanceof LineFault)) throw fault;
    throw new ImportFailure([{ line: first.number, text: fault.message }]);
  }
  const read = (content: string): Row => readCsv(splitCsv(content, separator), columns);
  return readLines(rest, read, registry, crypto);
}

function readLines(
  lines: readonly Line[],
  read: (content: string) => Row,
  registry: Registry,
  crypto: Tools,
): readonly DeviceRecord[] {
  if (lines.length === 0) throw whole("The list has no device: add one.");
  if (lines.length > MAX_EXPECTED) {
    throw whole(`The list has more than ${MAX_EXPECTED} devices: split it.`);
  }
  const problems: Problem[] = [];
  const records: DeviceRecord[] = [];
  const seen = new Map<string, number>();
  for (const { number, content } of lines) {
    try {
      const record = toRecord(read(content), crypto);
      refuseKnown(record, registry);
      refuseRepeated(record, number, seen);
      records.push(record);
    } catch (fault) {
      if (!(fault instanceof LineFault)) throw fault;
      problems.push({ line: number, text: fault.message });
    }
  }
  if (problems.length > 0) throw new ImportFailure(problems);
  return records;
}

function toRecord(row: Row, crypto: Tools): DeviceRecord {
  const { id, type } = row;
  if (id !== undefined && !isRecordId(id)) {
    throw new LineFault("The id is not 16 letters a-z and digits 2-7: copy it from the device.");
  }
  if (type !== undefined && !isType(type)) {
    throw new LineFault("The type is not 1 to 16 of a-z, 0-9 and hyphen: write it like `lamp`.");
  }
  const name = row.name?.normalize("NFC");
  if (name !== undefined && !isPlainText(name, MAX_NAME)) {
    throw new LineFault(`The name is longer than ${MAX_NAME} or has hidden characters: retype it.`);
  }
  const spkiHash = row.key === undefined ? null : keyHash(row.key, crypto);
  const setupCode = row.code === undefined ? null : normalSetupCode(row.code);
  if (row.code !== undefined && setupCode === null) {
    throw new LineFault("The code is not 12 to 32 letters and digits: copy it from the label.");
  }
  const provable = spkiHash !== null || (setupCode !== null && id !== undefined);
  if (!provable) {
    throw new LineFault("The line has neither a key nor an id with a code: add one of them.");
  }

  const own = spkiHash === null ? expectedId(crypto, id!) : recordId(hex(spkiHash));
  return {
    ...blankRecord(own, readClass(row.class), BEGINNINGS.import),
    name: name === undefined ? null : { value: name, by: "import" },
    type: type === undefined ? null : { value: type, by: "import" },
    claim: id === undefined ? null : { id, type: type ?? "device", name: null },
    keys: spkiHash === null ? [] : [{ role: "first-contact", spkiHash }],
    setupCode,
  };
}

function readClass(text: string | undefined): DeviceClass {
  const found = IMPORTABLE.find((known) => known === (text ?? "aware"));
  if (found === undefined) {
    throw new LineFault(
      `The class is none that can be expected: write ${IMPORTABLE.join(" or ")}.`,
    );
  }
  return found;
}

function keyHash(text: string, crypto: Tools): string {
  const hash = text.replaceAll(/[: ]/g, "").toLowerCase();
  if (isSpkiHash(hash)) return hash;
  const spki = fromBase64(text);
  const isP256 =
    spki !== null &&
    spki.length === P256_SPKI.length + 65 &&
    sameBytes(spki.subarray(0, P256_SPKI.length), P256_SPKI) &&
    crypto.isOnCurve("P-256", spki.subarray(P256_SPKI.length));
  if (!isP256) {
    throw new LineFault(
      "The key is neither a SHA-256 in 64 hex digits nor a P-256 public key in base64: copy it again.",
    );
  }
  return toHex(crypto.digest("sha256", spki));
}

function refuseKnown(record: DeviceRecord, registry: Registry): void {
  const byKey = record.keys.map((key) => deviceByKey(registry, key.spkiHash))[0] ?? null;
  const known = byKey ?? registry.devices.get(record.id) ?? null;
  const claimed = record.claim === null ? null : expectedByClaim(registry, record.claim.id);
  const there = known ?? claimed;
  if (there === null) return;
  throw new LineFault(
    `The device is already on record as ${visible(titleOf(there))} (${there.state}): leave the line out, or forget that record first.`,
  );
}

function expectedByClaim(registry: Registry, claimedId: string): DeviceRecord | null {
  for (const record of registry.devices.values()) {
    if (record.state === "expected" && record.claim?.id === claimedId) return record;
  }
  return null;
}

/** One id or key twice in the list would be one device twice, or two that nobody can tell apart. */
function refuseRepeated(record: DeviceRecord, line: number, seen: Map<string, number>): void {
  const names = [record.id, ...(record.claim === null ? [] : [`claim ${record.claim.id}`])];
  const before = names.map((name) => seen.get(name)).find((at) => at !== undefined);
  if (before !== undefined) {
    throw new LineFault(`The id or key is that of line ${before} too: leave one of them out.`);
  }
  for (const name of names) seen.set(name, line);
}

function readHeader(cells: readonly string[]): readonly Column[] {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  return names.map((name, at) => {
    const column = COLUMNS.find((known) => known === name);
    if (column === undefined || names.indexOf(name) !== at) {
      throw new LineFault(
        `The header has the column "${visible(name, MAX_SHOWN)}" ${column === undefined ? "that is not known" : "twice"}: use ${COLUMNS.join(",")}.`,
      );
    }
    return column;
  });
}

function readCsv(cells: readonly string[], columns: readonly Column[]): Row {
  if (cells.length !== columns.length) {
    throw new LineFault(
      `The line has ${cells.length} cells and the header ${columns.length}: put text with the separator in it in quotes.`,
    );
  }
  const filled = columns.map((column, at) => [column, cells[at]!.trim()] as const);
  return Object.fromEntries(filled.filter(([, cell]) => cell !== ""));
}

/** The cells of one line (RFC 4180 §2, rules 5 to 7). */
function splitCsv(line: string, separator: string): readonly string[] {
  const cells: string[] = [];
  for (let at = 0; at <= line.length;) {
    if (line[at] !== '"') {
      const end = line.indexOf(separator, at);
      const stop = end < 0 ? line.length : end;
      const cell = line.slice(at, stop);
      if (cell.includes('"')) throw quoteFault();
      cells.push(cell);
      at = stop + 1;
      continue;
    }
    let cell = "";
    let close = line.indexOf('"', at + 1);
    for (; close >= 0 && line[close + 1] === '"'; close = line.indexOf('"', at + 1)) {
      cell += line.slice(at + 1, close + 1);
      at = close + 1;
    }
    if (close < 0 || (close + 1 < line.length && line[close + 1] !== separator)) throw quoteFault();
    cells.push(cell + line.slice(at + 1, close));
    at = close + 2;
  }
  return cells;
}

function quoteFault(): LineFault {
  return new LineFault('The quotes do not close around a cell: write "" for one inside.');
}

function readQr(content: string): Row {
  const [version, ...fields] = content.trim().split(";");
  if (version !== `${QR_PREFIX}1` || fields.length < 3 || fields.splice(-2).join("") !== "") {
    throw new LineFault("The line is not `HOMECA:1;…;;`: scan the code again.");
  }
  const row: Partial<Record<Column, string>> = {};
  for (const field of fields) {
    const column = field[1] === ":" ? QR_FIELDS[field[0]!] : undefined;
    if (column === undefined || row[column] !== undefined || field.length === 2) {
      throw new LineFault(
        `The field "${visible(field, MAX_SHOWN)}" is unknown, empty or there twice: scan the code again.`,
      );
    }
    row[column] = column === "name" ? decodeName(field.slice(2)) : field.slice(2);
  }
  return row;
}

function decodeName(encoded: string): string {
  const bytes = fromBase64Url(encoded);
  const name = bytes === null ? null : fromUtf8(bytes);
  if (name === null) throw new LineFault("The name is not base64url: scan the code again.");
  return name;
}

function whole(text: string): ImportFailure {
  return new ImportFailure([{ line: 0, text }]);
}
