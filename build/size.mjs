// `make size`: what is shipped against its budget in budgets.json. Status 1 where one is exceeded: then either the
// change is worth it and the number is raised beside it, or it is not. Below it what the (D)TLS engine takes.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { bundleProduct, root } from "./bundle.mjs";
import { engineSizes, minified } from "./engine-sizes.mjs";
import { packageFiles } from "./package/build.mjs";
import { lacking } from "./package/musl.mjs";
import { ARCHITECTURES, PACKAGES } from "./package/table.mjs";

const budgets = JSON.parse(readFileSync(path.join(root, "build/budgets.json"), "utf8"));

/** What the router's engine gets: the daemon, the noble provider, no host. */
const { code: router, inputs } = minified(`
  export { startDaemon } from "./src/daemon/daemon.ts";
  export { noble } from "./src/base/crypto/noble.ts";`);

const sizes = {
  "daemon with noble, minified": router.length,
  "daemon with noble, minified and gzipped": gzipSync(router, { level: 9 }).length,
  "workstation program dist/homeca.mjs": statSync(await bundleProduct()).size,
};

// For this machine's own processor: nothing is fetched for a check.
const [arch, { musl }] = Object.entries(ARCHITECTURES).find(
  ([, { node }]) => node === process.arch,
);
const missing = lacking(musl);
if (missing !== null) console.log(`packages left out: ${missing}`);
for (const row of missing === null ? PACKAGES : []) {
  const files = (await packageFiles(row, arch)).filter(([name]) => /\.[ai]pk$/u.test(name));
  sizes[`package ${row.name}`] = Math.max(...files.map(([, bytes]) => bytes.length));
}

let exceeded = 0;
for (const [name, bytes] of Object.entries(sizes)) {
  const budget = budgets[name].bytes;
  const used = `${((bytes / budget) * 100).toFixed(0)} %`.padStart(6);
  console.log(
    `${name.padEnd(42)} ${String(bytes).padStart(8)} of ${String(budget).padStart(8)} bytes ${used}`,
  );
  if (bytes > budget) exceeded++;
}

console.log("\n(D)TLS alone, without a crypto provider    minified  gzipped");
for (const { name, bytes, gzippedBytes } of engineSizes()) {
  console.log(
    `${name.padEnd(42)} ${String(bytes).padStart(8)} ${String(gzippedBytes).padStart(8)}`,
  );
}
const tls = inputs.filter(({ file }) => file.startsWith("src/proto/tls/"));
const used = tls.reduce((sum, { bytes }) => sum + bytes, 0);
const idle = tls.filter(({ file }) => /\/(client|datagram)(\/|\.ts)/.test(file));
console.log(`${"of it in the daemon".padEnd(42)} ${String(used).padStart(8)}`);
for (const { file, bytes } of idle) {
  console.log(`${`  ${file}`.padEnd(42)} ${String(bytes).padStart(8)}`);
}
process.exit(exceeded > 0 ? 1 : 0);
