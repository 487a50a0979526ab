// Runs the in-process measurement on both engines.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import esbuild from "esbuild";
import { qjsPath, root } from "../bundle.mjs";

/** One row per engine and provider: milliseconds of the server per authentication, and where they go. */
export function inProcessFigures() {
  const folder = mkdtempSync(path.join(root, "dist/inprocess-"));
  try {
    return [
      ...run("node", folder, [process.execPath]),
      ...run("quickjs", folder, [qjsPath(), "-m"]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Megabytes that live in the daemon after 1,000 and after 5,000 authentications, garbage collected. */
export function liveMegabytes() {
  const folder = mkdtempSync(path.join(root, "dist/inprocess-"));
  try {
    const [figures] = run("memory", folder, [process.execPath, "--expose-gc"]);
    return figures.map((bytes) => bytes / 1e6);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(engine, folder, command) {
  const outfile = path.join(folder, `${engine}.mjs`);
  esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [`build/bench/inprocess-${engine}.ts`],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2023",
    platform: engine === "quickjs" ? "neutral" : "node",
    mainFields: ["module", "main"],
    logLevel: "error",
  });
  const [program, ...args] = [...command, outfile];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`in-process figures on ${engine}:\n${stdout}${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
