// The release tarball and the feed: what OpenWrt's SDK builds `homeca` from for any processor.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { bundleDaemon, filesBelow, root } from "../bundle.mjs";
import { notices } from "./notices.mjs";
import { VERSION } from "./table.mjs";
import { byPath, file } from "./tree.mjs";
import { writeTar } from "./tar.mjs";

const FEED = "package/homeca";
/** Where the hash of the tarball goes; a feed of one's own may build without. */
const NO_HASH = "PKG_HASH:=skip";

/** @returns `[name, bytes, mode?]` of the tarball and of each file of the feed, relative to dist/ */
export async function releaseFiles(seconds) {
  const name = `homeca-${VERSION}`;
  const tarball = xz(writeTar(inFolder(name, await contents()), seconds));
  const hash = createHash("sha256").update(tarball).digest("hex");
  const makefile = readFileSync(path.join(root, FEED, "Makefile"), "utf8");
  const told = `PKG_VERSION:=${VERSION}\n`;
  if (!makefile.includes(told) || !makefile.includes(NO_HASH)) {
    throw new Error(
      `${FEED}/Makefile is of another version: it has to say ${told.trim()}, and ${NO_HASH}`,
    );
  }
  return [
    [`${name}.tar.xz`, tarball],
    ["feed/net/homeca/Makefile", Buffer.from(makefile.replace(NO_HASH, `PKG_HASH:=${hash}`))],
    ["feed/net/homeca/test.sh", readFileSync(path.join(root, FEED, "test.sh")), 0o755],
  ];
}

/** The C host, the bundle, what the router gets, and the licences. */
async function contents() {
  const copied = (folder, below) =>
    filesBelow(folder, "").map((name) => {
      const mode = statSync(path.join(root, name)).mode & 0o100 ? 0o755 : 0o644;
      return file(
        path.join(below, path.relative(folder, name)),
        readFileSync(path.join(root, name)),
        mode,
      );
    });
  return [
    file("LICENSE", readFileSync(path.join(root, "LICENSE"))),
    file("homecad.js", readFileSync(await bundleDaemon())),
    file("licenses.txt", notices()),
    ...copied("files", "files"),
    ...copied("package/homeca/src", "src"),
  ];
}

function inFolder(name, entries) {
  return entries.map((entry) => ({ ...entry, path: `./${name}/${entry.path}` })).sort(byPath);
}

/** One thread, so that the machine's size changes nothing. */
function xz(bytes) {
  try {
    return execFileSync("xz", ["-9e", "-T1", "--stdout"], { input: bytes, maxBuffer: 2 ** 28 });
  } catch (failure) {
    throw new Error("xz did not do its work: install xz-utils", { cause: failure });
  }
}
