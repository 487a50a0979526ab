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
const log = path.join(folder, "valgrind.log");
const valgrind = ["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"];
const command = [...valgrind, `--log-file=${log}`, program, "serve", "--config", home.config(PORT)];
const server = await start("homecad", "valgrind", command, folder, home.ready, 180_000);
let done = 0;
try {
  while (done < Number(count)) {
    done += await authenticate(PORT, supplicant, Math.min(10, Number(count) - done), 2);
  }
} finally {
  await server.stop();
}
const said = readFileSync(log, "utf8");
const lines = said.split("\n").map((line) => line.replace(/^==\d+==\s*/, ""));
const wanted =
  /^(in use at exit|definitely lost|indirectly lost|possibly lost|ERROR SUMMARY|All heap)/;
console.log(`\n${done} authentications`);
for (const line of lines.filter((each) => wanted.test(each))) console.log(line);
const lost = /(?:definitely|indirectly|possibly) lost: (?!0 bytes)/.test(said);
const clean = !lost && /ERROR SUMMARY: 0 errors/.test(said);
if (!clean) console.log(said);
console.log(clean ? "1 passed, 0 failed" : "0 passed, 1 failed");
process.exit(clean ? 0 : 1);
