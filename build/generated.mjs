// Pages and drawings that are made from the code: loads the code, and writes what comes of it or only compares.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import esbuild from "esbuild";
import { root } from "./bundle.mjs";

/** What a module in TypeScript exports; `contents` is its text, with paths from the root. */
export async function load(contents) {
  mkdirSync(path.join(root, "dist"), { recursive: true });
  const folder = mkdtempSync(path.join(root, "dist/generated-"));
  const outfile = path.join(folder, "code.mjs");
  try {
    await esbuild.build({
      absWorkingDir: root,
      stdin: { contents, resolveDir: root, loader: "ts" },
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes files by their names; with `--check` it only compares, and the exit status is 1 where one is stale. */
export function keep(outputs, script) {
  for (const [name, content] of Object.entries(outputs)) {
    const file = path.join(root, name);
    if (!process.argv.includes("--check")) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    } else if (read(name) !== content) {
      console.error(`${name} is stale: run \`node ${script}\`.`);
      process.exitCode = 1;
    }
  }
}

/** A file's text; empty where there is none. */
export function read(name) {
  try {
    return readFileSync(path.join(root, name), "utf8");
  } catch {
    return "";
  }
}
