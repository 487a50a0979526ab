// Runs a measurement in process: bundles one entry file and runs it on Node or on QuickJS.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import esbuild from "esbuild";
import { qjsPath, root } from "../bundle.mjs";

mkdirSync(path.join(root, "dist"), { recursive: true });
const folder = mkdtempSync(path.join(root, "dist/bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Bundles `build/bench/NAME.ts` for the engine. @returns The bundle's path. */
export function bundleEntry(name, engine) {
  const outfile = path.join(folder, `${name}.mjs`);
  esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [`build/bench/${name}.ts`],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2023",
    platform: engine === "quickjs" ? "neutral" : "node",
    external: ["quickjs:*"],
    mainFields: ["module", "main"],
    logLevel: "error",
  });
  return outfile;
}

/** What `build/bench/NAME.ts` prints on Node. */
export function onNode(name, args = [], flags = []) {
  return textOf(process.execPath, [...flags, bundleEntry(name, "node"), ...args]);
}

/** What `build/bench/NAME.ts` prints on QuickJS. */
export function onQuickJs(name, args = [], flags = []) {
  return textOf(qjsPath(), [...flags, "-m", bundleEntry(name, "quickjs"), ...args]);
}

/** One value for each line of JSON. */
export function linesOf(text) {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function textOf(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}
