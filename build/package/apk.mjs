// The .apk of OpenWrt 25.12 and later (apk-tools 3): one ADB block that tells of the package and of every file, then
// a block of data for each file that has any. It bears no signature: who serves it signs the index.
import { createHash } from "node:crypto";
import path from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { AdbWriter, BLOCK, block, readBlocks, readValue } from "./adb.mjs";
import { apkScripts } from "./scripts.mjs";
import { byPath, file, sizeOf, withFolders } from "./tree.mjs";

const MAGIC = "ADB.";
/** What follows is deflated, without a header of zlib's. */
const MAGIC_DEFLATED = "ADBd";
const PACKAGE = "pckg";
const S_IFLNK = 0o120000;
/** Octets of the identity: the beginning of a SHA-256. */
const IDENTITY = 20;
/** In the order of their fields. */
const SCRIPTS = [
  "trigger",
  "pre-install",
  "post-install",
  "pre-deinstall",
  "post-deinstall",
  "pre-upgrade",
  "post-upgrade",
];

/** Names sort as octets do, and all of them are ASCII. */
const inOrder = (names) => [...names].sort((a, b) => (a < b ? -1 : 1));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

/** As {@link writeIpk}. */
export function writeApk(info, entries, seconds) {
  const all = withNotes(info, entries);
  const folders = foldersOf(all);
  const adb = adbOf(info, all, folders, seconds);
  const data = folders.flatMap(({ files }, folder) =>
    files.flatMap(({ kind, bytes }, at) =>
      kind === "file" && bytes.length > 0 ? [block(BLOCK.data, numbered(folder, at, bytes))] : [],
    ),
  );
  const whole = Buffer.concat([Buffer.from(MAGIC + PACKAGE), block(BLOCK.adb, adb), ...data]);
  return Buffer.concat([Buffer.from(MAGIC_DEFLATED), deflateRawSync(whole, { level: 9 })]);
}

/** OpenWrt keeps what apk has no field for in files of its own: conffiles with their sums, users, and the list of files. */
function withNotes(info, entries) {
  const note = (ending, lines) =>
    file(`/lib/apk/packages/${info.name}.${ending}`, lines.map((line) => `${line}\n`).join(""));
  const bytesOf = (name) => entries.find((entry) => entry.path === name).bytes;
  const own = [
    note("conffiles", info.conffiles),
    note(
      "conffiles_static",
      info.conffiles.map((name) => `${name} ${sha256(bytesOf(name)).toString("hex")}`),
    ),
    note("rusers", info.user === null ? [] : [info.user]),
  ].filter(({ bytes }) => bytes.length > 0);
  const files = [...entries.filter(({ kind }) => kind !== "directory"), ...own].sort(byPath);
  return withFolders([
    ...files,
    note(
      "list",
      files.map((entry) => entry.path),
    ),
  ]);
}

/** Each folder with what lies right in it; the root comes first. Both in the order that apk looks things up in. */
function foldersOf(entries) {
  const below = (name) =>
    entries.filter((entry) => entry.kind !== "directory" && path.dirname(entry.path) === name);
  return [
    { name: "", files: below("/") },
    ...entries
      .filter(({ kind }) => kind === "directory")
      .map((entry) => ({ name: entry.path.slice(1), files: below(entry.path) })),
  ];
}

function adbOf(info, entries, folders, seconds) {
  const adb = new AdbWriter();
  const acl = (mode) => adb.object([adb.int(mode), adb.blob("root"), adb.blob("root")]);
  const identityAt = adb.append(Buffer.concat([Buffer.of(IDENTITY), Buffer.alloc(IDENTITY)]), 1);
  const facts = adb.object([
    adb.blob(info.name),
    adb.blob(info.version),
    ((8 << 28) | identityAt) >>> 0,
    adb.blob(info.description),
    adb.blob(info.arch),
    adb.blob(info.license),
    adb.blob(info.name),
    0, // maintainer
    0, // url
    0, // commit
    adb.int(seconds),
    adb.int(sizeOf(entries)),
    0, // size of the file, for indexes
    0, // priority
    adb.array(inOrder(info.depends).map((name) => adb.object([adb.blob(name)]))),
  ]);
  const paths = folders.map(({ name, files }) =>
    adb.object([
      adb.blob(name),
      acl(0o755),
      adb.array(files.map((entry) => fileOf(adb, entry, acl, seconds))),
    ]),
  );
  const scripts = apkScripts(info);
  const payload = adb.payload(
    adb.object([
      facts,
      adb.array(paths),
      adb.object(SCRIPTS.map((name) => adb.blob(scripts[name] ?? ""))),
    ]),
  );
  sha256(payload).copy(payload, identityAt + 1, 0, IDENTITY);
  return payload;
}

function fileOf(adb, entry, acl, seconds) {
  const name = adb.blob(path.basename(entry.path));
  if (entry.kind === "link") {
    const target = Buffer.concat([
      Buffer.of(S_IFLNK & 0xff, S_IFLNK >> 8),
      Buffer.from(entry.target),
    ]);
    return adb.object([name, acl(entry.mode), adb.int(0), adb.int(seconds), 0, adb.blob(target)]);
  }
  return adb.object([
    name,
    acl(entry.mode),
    adb.int(entry.bytes.length),
    adb.int(seconds),
    adb.blob(sha256(entry.bytes)),
  ]);
}

/** Folder and file are counted from 1. */
function numbered(folder, at, bytes) {
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(folder + 1);
  numbers.writeUInt32LE(at + 1, 4);
  return Buffer.concat([numbers, bytes]);
}

/**
 * What an .apk has: `facts`, `scripts` by name, and `data`, its entries without folders.
 * @throws Error where a file's data is not what the ADB block says
 */
export function readApk(bytes) {
  if (bytes.toString("latin1", 0, 4) !== MAGIC_DEFLATED) throw new Error("no deflated ADB");
  const whole = inflateRawSync(bytes.subarray(4));
  if (whole.toString("latin1", 0, 8) !== MAGIC + PACKAGE) throw new Error("no package");
  const [{ payload }, ...blocks] = readBlocks(whole, 8);
  const [facts, paths, scripts] = readValue(payload, payload.readUInt32LE(4));
  const contents = new Map(
    blocks.map(({ payload: data }) => [
      `${data.readUInt32LE(0)} ${data.readUInt32LE(4)}`,
      data.subarray(8),
    ]),
  );
  const data = paths.flatMap(([folder, , files], at) =>
    (files ?? []).map((fields, index) => {
      const content = contents.get(`${at + 1} ${index + 1}`) ?? Buffer.alloc(0);
      return readFile(folder === null ? "" : `/${folder}`, fields, content);
    }),
  );
  return {
    facts: {
      name: String(facts[0]),
      version: String(facts[1]),
      arch: String(facts[4]),
      depends: facts[14].map(String),
    },
    scripts: Object.fromEntries(SCRIPTS.map((name, at) => [name, scripts[at] ?? null])),
    data,
  };
}

function readFile(folder, [name, [mode], size, , hash, target], bytes) {
  const where = `${folder}/${name}`;
  if (target !== undefined && target !== null) {
    return { path: where, kind: "link", mode, target: String(target.subarray(2)) };
  }
  if (bytes.length !== size || !sha256(bytes).equals(hash))
    throw new Error(`${where} is not whole`);
  return { path: where, kind: "file", mode, bytes };
}
