// Jazzer.js for `make fuzz` alone: into a folder of its own below dist/, where neither tests nor product look.
// Its native part is built here from its own sources over the system's libFuzzer: the files that its maker
// offers for download want a newer C library than Debian 12 has.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./bundle.mjs";

const PACKAGES = ["@jazzer.js/core@2.1.0", "node-api-headers@1.9.0"];
const LLVM = [14, 15, 16, 17, 18, 19];
const ARCH = { x64: "x86_64", arm64: "aarch64" }[process.arch];
const ARCHIVE = `libclang_rt.fuzzer_no_main-${ARCH}.a`;

/** The command line of Jazzer.js, installed and built in `folder` if it is not yet. */
export function engine(folder) {
  const modules = path.join(folder, "node_modules");
  const fuzzer = path.join(modules, "@jazzer.js/fuzzer");
  const addon = path.join(fuzzer, "build/jazzerjs.node");
  const cli = path.join(modules, "@jazzer.js/core/dist/cli.js");
  if (existsSync(addon) && existsSync(cli)) return cli;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
  const npm = ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
  run("npm", [...npm, "--loglevel=error", ...PACKAGES], folder);
  mkdirSync(path.dirname(addon), { recursive: true });
  const sources = [fuzzer, path.join(fuzzer, "shared")].flatMap((each) =>
    readdirSync(each)
      .filter((name) => name.endsWith(".cpp"))
      .map((name) => path.join(each, name)),
  );
  const ours = path.join(root, "test/fuzz/engine");
  const headers = [
    ours,
    path.join(modules, "node-api-headers/include"),
    path.join(modules, "node-addon-api"),
  ];
  run("g++", [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-w", "-DNAPI_VERSION=4"],
    ...headers.map((each) => `-I${each}`),
    ...sources,
    path.join(ours, "with-pc.cpp"),
    ...["-Wl,-whole-archive", libFuzzer(folder), "-Wl,-no-whole-archive"],
    ...["-lpthread", "-ldl", "-lm", "-lrt", "-o", addon],
  ]);
  return cli;
}

/** LLVM's libFuzzer without its main(): as installed, or out of Debian's package, which is only unpacked here. */
function libFuzzer(folder) {
  const installed = find("/usr/lib/llvm-") ?? find("/usr/lib/clang");
  if (installed !== null) return installed;
  for (const version of LLVM) {
    const name = `libclang-rt-${version}-dev`;
    if (spawnSync("apt-get", ["download", "-qq", name], { cwd: folder }).status !== 0) continue;
    const file = readdirSync(folder).find((each) => each.startsWith(name));
    if (file !== undefined) run("dpkg", ["-x", file, path.join(folder, "llvm")], folder);
    const unpacked = find(path.join(folder, "llvm"));
    if (unpacked !== null) return unpacked;
  }
  return stop("libFuzzer is missing: apt-get install libclang-rt-14-dev, or a later one");
}

/** The archive below the folders whose path begins like this, or null. */
function find(beginning) {
  const parent = path.dirname(beginning);
  if (!existsSync(parent)) return null;
  for (const name of readdirSync(parent)) {
    const folder = path.join(parent, name);
    if (!folder.startsWith(beginning)) continue;
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const found = entries.find((entry) => entry.name === ARCHIVE);
    if (found !== undefined) return path.join(found.parentPath ?? found.path, ARCHIVE);
  }
  return null;
}

function run(command, given, cwd = root) {
  const { status, error, stderr } = spawnSync(command, given, { cwd, encoding: "utf8" });
  if (error !== undefined) stop(`${command} is missing: install it`);
  if (status !== 0) stop(`${command} failed:\n${stderr.slice(-3000)}`);
}

function stop(sentence) {
  console.error(`make fuzz: ${sentence}`);
  process.exit(1);
}
