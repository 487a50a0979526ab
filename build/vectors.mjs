// Writes docs/vectors/*.json from the code, and the examples and tables of docs/protocol.md from them; `--check` only
// compares, exit status 1 where something is stale. docs/vectors/key-update.json is read, never written.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import esbuild from "esbuild";
import { root } from "./bundle.mjs";
import { filled } from "./vectors/page.mjs";

const PAGE = "docs/protocol.md";

const check = process.argv.includes("--check");
const { VECTORS } = await load();
const vectors = { "key-update": JSON.parse(read("docs/vectors/key-update.json")) };
for (const [name, make] of Object.entries(VECTORS)) {
  vectors[name] = make();
  keep(`docs/vectors/${name}.json`, `${JSON.stringify(vectors[name], null, 2)}\n`);
}
keep(PAGE, filled(read(PAGE), vectors));

function keep(name, content) {
  if (!check) writeFileSync(path.join(root, name), content);
  else if (read(name) !== content) {
    console.error(`${name} is stale: run node build/vectors.mjs`);
    process.exitCode = 1;
  }
}

function read(name) {
  try {
    return readFileSync(path.join(root, name), "utf8");
  } catch {
    return "";
  }
}

async function load() {
  mkdirSync(path.join(root, "dist"), { recursive: true });
  const folder = mkdtempSync(path.join(root, "dist/vectors-"));
  const outfile = path.join(folder, "vectors.mjs");
  try {
    await esbuild.build({
      absWorkingDir: root,
      entryPoints: ["build/vectors/index.ts"],
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
