// One package for one processor, whole and in memory.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";
import { writeApk } from "./apk.mjs";
import { writeIpk } from "./ipk.mjs";
import { billOfMaterials } from "./sbom.mjs";
import { withFolders } from "./tree.mjs";

/** How both formats call what is the same for every processor, and what stands in the names of files. */
const ANY = { ipk: "all", apk: "noarch" };

/**
 * @param arch - of {@link ARCHITECTURES}; of no account for a row that is the same for every processor
 * @returns `[name, bytes]` of what goes into dist/ for one row of `table.mjs`
 */
export async function packageFiles(row, arch) {
  const seconds = sourceDate();
  const entries = withFolders(await inScratch((scratch) => row.entries(arch, scratch)));
  const archOf = (format) => (row.anyProcessor === true ? ANY[format] : arch);
  const name = `${row.name}_${row.version}_${archOf("ipk")}`;
  const infoOf = (format) => ({ ...row, arch: archOf(format) });
  return [
    [`${name}.ipk`, writeIpk(infoOf("ipk"), entries, seconds)],
    [`${name}.apk`, writeApk(infoOf("apk"), entries, seconds)],
    [`${name}.spdx.json`, billOfMaterials(infoOf("ipk"), entries, seconds)],
  ];
}

/** Runs `body` with a folder below dist/ that is gone afterwards. */
export async function inScratch(body) {
  mkdirSync(path.join(root, "dist"), { recursive: true });
  const scratch = mkdtempSync(path.join(root, "dist/package-"));
  try {
    return await body(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The time that everything packed bears, in seconds since 1970: the commit's, unless SOURCE_DATE_EPOCH tells. */
export function sourceDate() {
  const told = process.env.SOURCE_DATE_EPOCH;
  const words = ["log", "-1", "--format=%ct"];
  const text = told ?? execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();
  if (!/^\d{1,10}$/u.test(text)) throw new Error("set SOURCE_DATE_EPOCH to seconds since 1970");
  return Number(text);
}
