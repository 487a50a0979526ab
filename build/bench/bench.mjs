// `make bench`: HomeCA beside hostapd's RADIUS server and FreeRADIUS, in one run, with the same certificates
// and eapol_test as the client. Prints a table and writes dist/bench.json. Figures, not verdicts: the machine
// may be shared, so compare within a run only.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "../bundle.mjs";
import { makeHome } from "./home.mjs";
import {
  freeradius,
  freeradiusStock,
  hasStockFreeradius,
  homeca,
  hostapd,
  SECRET,
} from "./peers.mjs";
import { inProcessFigures, liveMegabytes } from "./in-process.mjs";

const quick = process.argv.includes("--quick");
const RUN = quick ? 100 : 1000;
const LONG_RUN = quick ? 500 : 5000;
const PARALLEL = 16;

const TICKS_PER_SECOND = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout);
const missing = ["eapol_test", "hostapd", "freeradius"].filter(
  (name) => spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${name}`]).status !== 0,
);
if (missing.includes("eapol_test")) {
  console.log(
    "bench: eapol_test is missing (Debian package eapoltest), so there is nothing to measure with",
  );
  process.exit(1);
}
if (!hasStockFreeradius() && !missing.includes("freeradius")) missing.push("freeradius");
for (const name of missing) console.log(`bench: ${name} is missing and left out`);

const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const rows = [];
try {
  const home = await makeHome(folder);
  const supplicant = path.join(folder, "supplicant.conf");
  writeFileSync(supplicant, supplicantConfig(home));
  const peers = [
    ["homeca", (port) => homeca(home.folder, home.product, home.config(port), home.ready)],
    ["hostapd", (port) => hostapd(ownFolder("hostapd"), port, home.files)],
    ["freeradius", (port) => freeradiusStock(ownFolder("freeradius"), port, home.files)],
    ["freeradius-bare", (port) => freeradius(ownFolder("freeradius-bare"), port, home.files)],
  ].filter(([name]) => !missing.includes(name.replace(/-bare$/, "")));
  for (const [index, [name, start]] of peers.entries()) {
    rows.push(await measure(name, start, 21_812 + index * 10, supplicant));
  }
} finally {
  // Nothing outlives the run: each server was ended by measure().
}

const inProcess = inProcessFigures();
print(rows, inProcess);
const live = liveMegabytes();
const [after1000, after5000] = live.map((megabytes) => megabytes.toFixed(2));
console.log(
  `\nlive in the daemon, garbage collected: ${after1000} MB after 1000, ${after5000} MB after 5000`,
);
mkdirSync(path.join(root, "dist"), { recursive: true });
writeFileSync(
  path.join(root, "dist/bench.json"),
  `${JSON.stringify({ when: new Date().toISOString(), cpus: os.cpus().length, node: process.version, servers: rows, inProcess, live, runs: { each: RUN, long: LONG_RUN } }, null, 2)}\n`,
);

function ownFolder(name) {
  const own = path.join(folder, name);
  mkdirSync(own);
  return own;
}

function supplicantConfig({ files, client }) {
  return `fast_reauth=0
network={
  key_mgmt=WPA-EAP
  eap=TLS
  identity="@homeca.home.arpa"
  ca_cert="${files.ca}"
  client_cert="${client.cert}"
  private_key="${client.key}"
  phase1="tls_disable_tlsv1_3=1"
}
`;
}

async function measure(name, start, port, supplicant) {
  process.stderr.write(`measuring ${name} `);
  const server = await start(port);
  try {
    const coldMs = await cpuPerAuthentication(server.pid, port, supplicant);
    const memoryKiB = residentKiB(server.pid);
    // Hot code is compiled while it runs: a server that is up for months is the warm one.
    await authenticate(port, supplicant, RUN);
    const warmMs = await cpuPerAuthentication(server.pid, port, supplicant);
    const row = { name, coldMs, warmMs, memoryKiB };
    if (name === "homeca") {
      row.memoryKiBAfter = { [RUN]: memoryKiB, [3 * RUN]: residentKiB(server.pid) };
      for (let done = 4 * RUN; done <= LONG_RUN; done += RUN) {
        await authenticate(port, supplicant, RUN);
        row.memoryKiBAfter[done] = residentKiB(server.pid);
      }
    }
    row.throughput = {};
    for (const clients of [1, 2, 8]) {
      row.throughput[clients] = await perSecond(port, supplicant, clients);
    }
    return row;
  } finally {
    await server.stop();
    process.stderr.write("\n");
  }
}

async function cpuPerAuthentication(pid, port, supplicant) {
  const before = cpuSeconds(pid);
  await authenticate(port, supplicant, RUN);
  return ((cpuSeconds(pid) - before) * 1000) / RUN;
}

/** `count` full authentications, spread over some eapol_test processes that each reauthenticate in a row. */
async function authenticate(port, supplicant, count) {
  const each = Math.ceil(count / PARALLEL);
  const runs = Array.from({ length: PARALLEL }, (_, index) =>
    eapolTest(port, supplicant, index, each - 1),
  );
  const accepted = (await Promise.all(runs)).reduce((sum, one) => sum + one, 0);
  if (accepted < each * PARALLEL)
    throw new Error(`only ${accepted} of ${each * PARALLEL} authentications succeeded`);
  process.stderr.write(".");
}

/** Each client starts eapol_test anew for each authentication: its start is part of the time, alike for every server. */
async function perSecond(port, supplicant, clients) {
  const each = Math.max(4, Math.ceil((quick ? 16 : 80) / clients));
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      for (let n = 0; n < each; n++) {
        if ((await eapolTest(port, supplicant, index, 0)) !== 1)
          throw new Error("an authentication failed");
      }
    }),
  );
  process.stderr.write(".");
  return (clients * each * 1000) / (performance.now() - started);
}

function eapolTest(port, supplicant, index, again) {
  const mac = `02:00:00:00:10:${index.toString(16).padStart(2, "0")}`;
  const args = [
    "-c",
    supplicant,
    "-a",
    "127.0.0.1",
    "-p",
    String(port),
    "-s",
    SECRET,
    "-M",
    mac,
    "-r",
    String(again),
    "-t",
    "120",
  ];
  return new Promise((resolve) => {
    const child = spawn("eapol_test", args, { stdio: ["ignore", "pipe", "ignore"] });
    let tail = "";
    child.stdout.on("data", (chunk) => {
      tail = (tail + chunk).slice(-400);
    });
    child.on("close", () => resolve(Number(/MPPE keys OK: (\d+)/.exec(tail)?.[1] ?? 0)));
  });
}

function cpuSeconds(pid) {
  // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it (proc(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentKiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

function print(servers, engines) {
  const head = [`CPU ms, first ${RUN}`, "CPU ms, warm", `MB after ${RUN}`];
  const table = [["server", ...head, "1 client/s", "2 clients/s", "8 clients/s"]];
  for (const { name, coldMs, warmMs, throughput, memoryKiB } of servers) {
    const rates = [1, 2, 8].map((clients) => throughput[clients].toFixed(1));
    const memory = (memoryKiB / 1024).toFixed(1);
    table.push([name, coldMs.toFixed(2), warmMs.toFixed(2), memory, ...rates]);
  }
  printTable(table);
  const own = servers.find(({ name }) => name === "homeca");
  if (own) {
    const after = Object.entries(own.memoryKiBAfter).map(
      ([count, kib]) => `${(kib / 1024).toFixed(1)} MB after ${count}`,
    );
    console.log(`homeca's resident memory: ${after.join(", ")}`);
  }
  console.log("\nserver side of one full EAP-TLS authentication, in process, without sockets (ms)");
  const parts = ["verify", "ecdh", "sign", "hash", "aead", "other"];
  const figures = ({ totalMs, parts: spent }) => [totalMs, ...parts.map((part) => spent[part])];
  printTable([
    ["engine", "provider", "total", ...parts],
    ...engines.map((row) => [row.engine, row.provider, ...figures(row).map((ms) => ms.toFixed(2))]),
  ]);
}

function printTable(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    console.log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join("  "),
    );
  }
}
