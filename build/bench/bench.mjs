// `make bench`: HomeCA beside hostapd's RADIUS server and FreeRADIUS, its TLS beside OpenSSL's, and what both cost in
// process on Node and on QuickJS; devices adopted, and a settled home's days. Prints tables and writes dist/bench.json. Figures, not verdicts: the machine may be
// shared, so compare within a run only.
//
//     node build/bench/bench.mjs [--quick] [--only authentications|handshakes|adoption|router]
//
// A part alone is printed and written to dist/bench-PART.json: the page is made of whole runs.
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "../bundle.mjs";
import { engineSizes } from "../engine-sizes.mjs";
import { authenticationFigures, has } from "./authentications.mjs";
import {
  adoptionFigures,
  associationFigures,
  besideOpenssl,
  handshakeFigures,
  inProcessFigures,
  liveMegabytes,
  refreshFigures,
} from "./in-process.mjs";
import { routerFigures } from "./router.mjs";
import {
  adoptionPartsTable,
  adoptionTable,
  associationTable,
  besideTable,
  handshakeTable,
  partsTable,
  printTable,
  refreshTable,
  routerTable,
  sizeTable,
  storeTable,
} from "./tables.mjs";
import { homeTargetTable, targetTable } from "./targets.mjs";

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string" } },
});
const { quick, only } = values;
const runs = quick ? { each: 100, long: 500, rate: 16 } : { each: 1000, long: 5000, rate: 80 };

const PARTS = { authentications, handshakes, adoption, router };
if (only !== undefined && !Object.hasOwn(PARTS, only)) {
  console.error(`bench: there is no part "${only}", only ${Object.keys(PARTS).join(", ")}`);
  process.exit(1);
}

const figures = { when: new Date().toISOString(), cpus: os.cpus().length, node: process.version };
for (const [name, measure] of Object.entries(PARTS)) {
  if (only === undefined || only === name) Object.assign(figures, await measure());
}
mkdirSync(path.join(root, "dist"), { recursive: true });
const file = only === undefined ? "bench.json" : `bench-${only}.json`;
writeFileSync(path.join(root, "dist", file), `${JSON.stringify(figures, null, 2)}\n`);

async function authentications() {
  if (!has("eapol_test")) {
    console.log("bench: eapol_test is missing (Debian package eapoltest): no servers are measured");
    if (only === undefined) process.exitCode = 1;
    return {};
  }
  const servers = await authenticationFigures(runs);
  const inProcess = inProcessFigures();
  const live = liveMegabytes();
  printAuthentications(servers, inProcess, live);
  return { servers, inProcess, live, runs };
}

async function handshakes() {
  const handshakes = handshakeFigures(quick);
  const beside = has("openssl") ? besideOpenssl(quick) : [];
  const associations = associationFigures(quick);
  const sizes = engineSizes();
  printHandshakes({ handshakes, beside, associations, sizes });
  return { handshakes, beside, associations, sizes };
}

async function adoption() {
  const adoption = adoptionFigures(quick);
  const { refresh, store } = refreshFigures(quick);
  printAll({
    "adoption, the home's side (ms)": adoptionTable(adoption, "home"),
    "adoption, the device's side (ms)": adoptionTable(adoption, "device"),
    "the home's side on QuickJS by part (ms)": adoptionPartsTable(adoption, "home"),
    "the device's side on QuickJS by part (ms)": adoptionPartsTable(adoption, "device"),
    "a settled home of 1,000 devices, each reporting once a day": refreshTable(refresh),
    "bytes that a settled home writes in a day": storeTable(store),
    targets: homeTargetTable({ store }),
  });
  return { adoption, refresh, store };
}

async function router() {
  const router = await routerFigures();
  printAll({ "ready, and held, with so many devices": routerTable(router) });
  return { router };
}

function printAuthentications(servers, engines, live) {
  const head = [`CPU ms, first ${runs.each}`, "CPU ms, warm", `MB after ${runs.each}`];
  const table = [["server", ...head, "1 client/s", "2 clients/s", "8 clients/s"]];
  for (const { name, coldMs, warmMs, throughput, memoryKiB } of servers) {
    const rates = [1, 2, 8].map((clients) => throughput[clients].toFixed(1));
    const memory = (memoryKiB / 1024).toFixed(1);
    table.push([name, coldMs.toFixed(2), warmMs.toFixed(2), memory, ...rates]);
  }
  printTable(table);
  const own = servers.find(({ name }) => name === "homeca");
  const after = Object.entries(own.memoryKiBAfter).map(
    ([count, kib]) => `${(kib / 1024).toFixed(1)} MB after ${count}`,
  );
  console.log(`homeca's resident memory: ${after.join(", ")}`);

  console.log("\nserver side of one full EAP-TLS authentication, in process, without sockets (ms)");
  const parts = ["verify", "ecdh", "sign", "hash", "aead", "other"];
  const numbers = ({ totalMs, parts: spent }) => [totalMs, ...parts.map((part) => spent[part])];
  printTable([
    ["engine", "provider", "total", ...parts],
    ...engines.map((row) => [row.engine, row.provider, ...numbers(row).map((ms) => ms.toFixed(2))]),
  ]);
  const [after1000, after5000] = live.map((megabytes) => megabytes.toFixed(2));
  console.log(
    `\nlive in the daemon, garbage collected: ${after1000} MB after 1000, ${after5000} MB after 5000`,
  );
}

function printHandshakes({ handshakes, beside, associations, sizes }) {
  printAll({
    "server side of one handshake, in memory (ms)": handshakeTable(handshakes),
    "the same on Node by part (ms)": partsTable(handshakes, "Node", "node"),
    "the same on QuickJS by part (ms)": partsTable(handshakes, "QuickJS", "noble"),
    "CPU ms per handshake over loopback, beside s_server": besideTable(beside),
    "bytes per established association": associationTable(associations),
    "(D)TLS alone in a bundle, without a crypto provider (bytes)": sizeTable(sizes),
    targets: targetTable({ handshakes, beside, associations }),
  });
}

/** Tables by their titles. */
function printAll(sections) {
  for (const [title, table] of Object.entries(sections)) {
    console.log(`\n${title}`);
    printTable(table);
  }
}
