// `make size`: what is shipped against its budget in budgets.json. Status 1 where one is exceeded: then either the
// change is worth it and the number is raised beside it, or it is not.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import esbuild from "esbuild";
import { bundleProduct, root } from "./bundle.mjs";

const budgets = JSON.parse(readFileSync(path.join(root, "build/budgets.json"), "utf8"));

/** What the router's engine gets: the daemon, the noble provider, no host. */
function routerBundle() {
  const contents = `export { startDaemon } from "./src/daemon/daemon.ts";
    export { noble } from "./src/base/crypto/noble.ts";`;
  const { outputFiles } = esbuild.buildSync({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    platform: "neutral",
    mainFields: ["module", "main"],
    write: false,
  });
  return outputFiles[0].contents;
}

const router = routerBundle();
const sizes = {
  "daemon with noble, minified": router.length,
  "daemon with noble, minified and gzipped": gzipSync(router, { level: 9 }).length,
  "workstation program dist/homeca.mjs": statSync(await bundleProduct()).size,
};

let exceeded = 0;
for (const [name, bytes] of Object.entries(sizes)) {
  const budget = budgets[name].bytes;
  const used = `${((bytes / budget) * 100).toFixed(0)} %`.padStart(6);
  console.log(
    `${name.padEnd(42)} ${String(bytes).padStart(8)} of ${String(budget).padStart(8)} bytes ${used}`,
  );
  if (bytes > budget) exceeded++;
}
process.exit(exceeded > 0 ? 1 : 0);
