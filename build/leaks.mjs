// `make leaks`: 1,000 authentications with homecad under valgrind, and what it says was lost. Status 1 for a lost block
// or an error. Emulated, and so slow: minutes.
//
//     node build/leaks.mjs [COUNT]
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { authenticate, has, supplicantConfig } from "./bench/authentications.mjs";
import { makeHome } from "./bench/home.mjs";
import { start } from "./bench/peers.mjs";
import { root } from "./bundle.mjs";

const PORT = 21_950;
const [count = "1000"] = process.argv.slice(2);

for (const name of ["valgrind", "eapol_test", "gcc"]) {
  if (has(name)) continue;
  console.log(`left out: leaks (needs ${name})`);
  process.exit(0);
}
const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-leaks-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const program = path.join(folder, "homecad");
const words = ["build/homecad.mjs", "--cc", "gcc", "--debug", "--out", program];
execFileSync(process.execPath, words, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });

const home = await makeHome(folder);
const supplicant = path.join(folder, "supplicant.conf");
writeFileSync(supplicant, supplicantConfig(home));

// What is read before it is written shows soon, and looking for it takes half of valgrind's time.
const rounds = [
  [Math.min(40, Number(count)), []],
  [Number(count), ["--undef-value-errors=no"]],
];
let failed = 0;
for (const [wanted, options] of rounds) if (!(await isClean(wanted, options))) failed++;
console.log(`${rounds.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Whether valgrind found nothing in so many authentications; what it found is printed. */
async function isClean(wanted, options) {
  const log = path.join(folder, "valgrind.log");
  const leaks = ["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"];
  const daemon = [program, "serve", "--config", home.config(PORT)];
  const command = [...leaks, ...options, `--log-file=${log}`, ...daemon];
  const server = await start("homecad", "valgrind", command, folder, home.ready, 180_000);
  let done = 0;
  try {
    while (done < wanted) {
      done += await authenticate(PORT, supplicant, Math.min(20, wanted - done), 4);
    }
  } finally {
    await server.stop();
  }
  const said = readFileSync(log, "utf8");
  console.log(`\n${done} authentications ${options.join(" ")}`.trimEnd());
  const told = /^(in use at exit|\w+ lost|All heap|ERROR SUMMARY)/;
  for (const line of said.split("\n").map((each) => each.replace(/^==\d+==\s*/, ""))) {
    if (told.test(line)) console.log(line);
  }
  const lost = /(?:definitely|indirectly|possibly) lost: (?!0 bytes)/.test(said);
  const clean = !lost && /ERROR SUMMARY: 0 errors/.test(said);
  if (!clean) console.log(said);
  return clean;
}
