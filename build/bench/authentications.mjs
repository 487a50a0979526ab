// Full EAP-TLS authentications: HomeCA beside hostapd's RADIUS server and FreeRADIUS, with the same certificates and
// eapol_test as the client.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { makeHome, uci } from "./home.mjs";
import {
  freeradius,
  freeradiusStock,
  hasStockFreeradius,
  homeca,
  hostapd,
  SECRET,
  start,
} from "./peers.mjs";
import { buildHomecad } from "./router.mjs";

const PARALLEL = 16;
/** Rounds of the comparison; odd, so that one of them is the median. */
const ROUNDS = 7;
const TICKS_PER_SECOND = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout);

/**
 * One row per server: CPU time, throughput and memory.
 *
 * @param runs - `each`: authentications per measurement; `long`: all that HomeCA is given; `rate`: for a throughput.
 */
export async function authenticationFigures(runs) {
  const missing = ["hostapd", "freeradius"].filter((name) => !has(name));
  if (!hasStockFreeradius() && !missing.includes("freeradius")) missing.push("freeradius");
  for (const name of missing) console.log(`bench: ${name} is missing and left out`);

  const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-bench-"));
  const ownFolder = (name) => {
    const own = path.join(folder, name);
    mkdirSync(own);
    return own;
  };
  try {
    const home = await makeHome(folder);
    const supplicant = path.join(folder, "supplicant.conf");
    writeFileSync(supplicant, supplicantConfig(home));
    const homecad = buildHomecad();
    const peers = [
      ...(homecad === null
        ? []
        : [
            [
              "homecad",
              (port) => start("homecad", homecad, serving(home, port), home.folder, home.ready),
            ],
          ]),
      ["homeca", (port) => homeca(home.folder, home.product, home.config(port), home.ready)],
      ["hostapd", (port) => hostapd(ownFolder("hostapd"), port, home.files)],
      ["freeradius", (port) => freeradiusStock(ownFolder("freeradius"), port, home.files)],
      ["freeradius-bare", (port) => freeradius(ownFolder("freeradius-bare"), port, home.files)],
    ].filter(([name]) => !missing.includes(name.replace(/-bare$/, "")));
    return await measureAll(peers, supplicant, runs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Words of a daemon on a copy of the home's keys: the other one has those locked. */
function serving(home, port) {
  const own = path.join(home.folder, "homecad");
  cpSync(path.join(home.folder, "state"), path.join(own, "state"), { recursive: true });
  const config = path.join(own, "config");
  writeFileSync(config, uci(own, port), { mode: 0o600 });
  return ["serve", "--config", config];
}

/** Whether a program is there. */
export function has(name) {
  return spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${name}`]).status === 0;
}

/** For the phone of a measured home. */
export function supplicantConfig({ files, client }) {
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

/**
 * Every server by itself first: just started, then used. Then all in turn, round by round, for what is compared: a
 * machine that others use as well slows one round of all of them, and the median leaves that round out.
 */
async function measureAll(peers, supplicant, runs) {
  const running = [];
  try {
    for (const [index, [name, start]] of peers.entries()) {
      const port = 21_812 + index * 10;
      process.stderr.write(`measuring ${name} `);
      const server = await start(port);
      running.push({ server, port, supplicant, rounds: [], row: { name, throughput: {} } });
      await begin(running.at(-1), runs);
      process.stderr.write("\n");
    }
    process.stderr.write("measuring all in turn ");
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of running) {
        one.rounds.push(await cpuPerAuthentication(one, Math.ceil(runs.each / ROUNDS)));
      }
    }
    for (const clients of [1, 2, 8]) {
      for (const { row, port } of running) {
        row.throughput[clients] = await perSecond(port, supplicant, clients, runs.rate);
      }
    }
    process.stderr.write("\n");
    return running.map(({ row, rounds }) => ({ ...row, warmMs: median(rounds) }));
  } finally {
    for (const { server } of running) await server.stop();
  }
}

/** From the start until its code is compiled as hot as it gets: a server that is up for months is the warm one. */
async function begin(one, { each, long }) {
  const { server, port, supplicant, row } = one;
  row.coldMs = await cpuPerAuthentication(one, each);
  row.memoryKiB = residentKiB(server.pid);
  await authenticate(port, supplicant, each);
  if (row.name !== "homeca") return;
  row.memoryKiBAfter = { [each]: row.memoryKiB };
  for (let done = 2 * each; done <= long; done += each) {
    row.memoryKiBAfter[done] = residentKiB(server.pid);
    if (done < long) await authenticate(port, supplicant, each);
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function cpuPerAuthentication({ server, port, supplicant }, count) {
  const before = cpuSeconds(server.pid);
  const done = await authenticate(port, supplicant, count);
  return ((cpuSeconds(server.pid) - before) * 1000) / done;
}

/**
 * At least `count` full authentications, spread over some eapol_test processes that each reauthenticate in a row.
 *
 * @returns how many there were
 */
export async function authenticate(port, supplicant, count, parallel = PARALLEL) {
  const each = Math.ceil(count / parallel);
  const runs = Array.from({ length: parallel }, (_, index) =>
    eapolTest(port, supplicant, index, each - 1),
  );
  const accepted = (await Promise.all(runs)).reduce((sum, one) => sum + one, 0);
  if (accepted < each * parallel)
    throw new Error(`only ${accepted} of ${each * parallel} authentications succeeded`);
  process.stderr.write(".");
  return accepted;
}

/** Each client starts eapol_test anew for each authentication: its start is part of the time, alike for every server. */
async function perSecond(port, supplicant, clients, count) {
  const each = Math.max(4, Math.ceil(count / clients));
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
