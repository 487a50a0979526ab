// The daemon as the router runs it, homecad, beside Node's: until it is ready, and what it holds with no device, with
// 200 and with 1,000 that have been there for a year.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { bundleProduct, root } from "../bundle.mjs";
import { onNode } from "./engines.mjs";
import { uci } from "./home.mjs";
import { start } from "./peers.mjs";

const DEVICES = [0, 200, 1000];
const ROUNDS = 5;
const READY = /HomeCA is ready/;
const PORT = 21_990;

/** Builds dist/homecad; null where this machine cannot. */
export function buildHomecad() {
  try {
    execFileSync(process.execPath, ["build/homecad.mjs"], { cwd: root, stdio: "pipe" });
    return path.join(root, "dist/homecad");
  } catch {
    return null;
  }
}

/** One row per program: milliseconds until it is ready and KiB it holds, by number of devices. */
export async function routerFigures() {
  const homecad = buildHomecad();
  const node = await bundleProduct();
  const programs = [["homeca on Node", [process.execPath, node]]];
  if (homecad !== null) programs.unshift(["homecad", [homecad]]);
  const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-router-"));
  try {
    for (const devices of DEVICES) {
      const home = path.join(folder, String(devices));
      mkdirSync(home);
      onNode("settled-disk", [path.join(home, "state"), String(devices)]);
      writeFileSync(path.join(home, "config"), uci(home, PORT), { mode: 0o600 });
    }
    const rows = [];
    for (const [name, command] of programs) {
      const row = { name, readyMs: {}, memoryKiB: {} };
      for (const devices of DEVICES) {
        const home = path.join(folder, String(devices));
        const tries = [];
        for (let round = 0; round < ROUNDS; round++) tries.push(await tried(command, home));
        tries.sort((a, b) => a.readyMs - b.readyMs);
        const middle = tries[Math.floor(ROUNDS / 2)];
        row.readyMs[devices] = middle.readyMs;
        row.memoryKiB[devices] = middle.memoryKiB;
      }
      rows.push(row);
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tried([program, ...words], home) {
  const began = performance.now();
  const command = [...words, "serve", "--config", path.join(home, "config")];
  const server = await start("homeca", program, command, home, READY);
  const readyMs = performance.now() - began;
  // What comes just after: the list that is signed, the first look around.
  await new Promise((done) => setTimeout(done, 500));
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  await server.stop();
  return { readyMs, memoryKiB: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) };
}
