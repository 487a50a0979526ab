// A compiler that links musl statically, for a processor that need not be this machine's. For another one Debian has
// a cross compiler for its own C library; with Debian's musl for that processor, unpacked beside, it makes what
// musl-gcc makes here. Neither the machine's package lists nor its packages are touched by that.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";

const DEBIAN = { "x86_64-linux-musl": "amd64", "aarch64-linux-musl": "arm64" };
const OWN = { x64: "x86_64-linux-musl", arm64: "aarch64-linux-musl" }[process.arch];

export const crossGcc = (target) => target.replace("-musl", "-gnu-gcc");

/** What is missing for `target`, in one sentence with the fix, or null. */
export function lacking(target) {
  const program = target === OWN ? "musl-gcc" : crossGcc(target);
  if (spawnSync("sh", ["-c", `command -v ${program}`]).status === 0) return null;
  const name =
    target === OWN ? "musl-tools" : `gcc-${target.replace("-musl", "-gnu").replace("_", "-")}`;
  return `${program} is missing: install ${name}`;
}

/** @returns the program to compile with. @throws Error, one sentence, where it cannot be had */
export function muslCompiler(target) {
  const missing = lacking(target);
  if (missing !== null) throw new Error(missing);
  return target === OWN ? "musl-gcc" : crossCompiler(target);
}

function crossCompiler(target) {
  const folder = path.join(root, "dist/musl", target);
  const wrapper = path.join(folder, `${target}-musl-gcc`);
  if (existsSync(wrapper)) return wrapper;
  mkdirSync(path.dirname(folder), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    unpackMusl(DEBIAN[target], scratch);
    const specs = path.join(scratch, "usr/lib", target, "musl-gcc.specs");
    // They name the places of an installed musl.
    writeFileSync(specs, readFileSync(specs, "utf8").replaceAll("/usr/", `${folder}/usr/`));
    const words = `-specs "${specs.replace(scratch, folder)}"`;
    const script = `#!/bin/sh\nexec ${crossGcc(target)} "$@" ${words}\n`;
    writeFileSync(path.join(scratch, path.basename(wrapper)), script, { mode: 0o755 });
    rmSync(folder, { recursive: true, force: true });
    renameSync(scratch, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return wrapper;
}

/** apt with lists of its own: the machine need not know that processor, and does not come to. */
function unpackMusl(arch, folder) {
  const lists = path.join(folder, "lists");
  const cache = path.join(folder, "cache");
  mkdirSync(path.join(lists, "partial"), { recursive: true });
  mkdirSync(path.join(cache, "archives/partial"), { recursive: true });
  const options = [
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    `Dir::State::lists=${lists}`,
    `Dir::State::status=/dev/null`,
    `Dir::Cache=${cache}`,
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  const apt = (...words) =>
    execFileSync("apt-get", ["-qq", ...options, ...words], { cwd: folder, stdio: "pipe" });
  try {
    apt("update");
    apt("download", "musl-dev");
  } catch (failure) {
    const said = String(failure.stderr ?? failure.message)
      .trim()
      .split("\n")
      .at(-1);
    throw new Error(`Debian's musl-dev for ${arch} could not be had: ${said}`, { cause: failure });
  }
  const script = `dpkg-deb -x musl-dev_*_${arch}.deb . && rm -rf lists cache musl-dev_*.deb`;
  execFileSync("sh", ["-c", script], { cwd: folder, stdio: "pipe" });
}
