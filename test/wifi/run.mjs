// `make wifi`: the scenario of this folder in a virtual machine with simulated radios, and dist/homecad as HomeCA.
//
//     node test/wifi/run.mjs [CROWD [STEPS]]
//
// CROWD (8) is how many stations take part in the storm, STEPS (all) how many steps are run. Logs stay in dist/wifi.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { missingPrograms } from "../netns/house.mjs";
import { root } from "../netns/lab.mjs";
import { missingOnAir } from "./air.mjs";

const SECONDS = 1200;
const [crowd = "8", last = ""] = process.argv.slice(2);
/** What mac80211_hwsim can simulate, less the five below. */
const MAX_CROWD = 95;
if (!/^\d+$/.test(crowd) || Number(crowd) > MAX_CROWD || !/^\d*$/.test(last)) {
  console.error(
    `write node test/wifi/run.mjs [CROWD [STEPS]], both numbers, CROWD at most ${MAX_CROWD}`,
  );
  process.exit(2);
}
const MACHINE = ["qemu-system-x86_64", "cpio", "modprobe", "xz", "setpriv", "apt-get", "dpkg-deb"];

const lacks = missingPrograms(MACHINE) ?? missingOnAir() ?? missingCompiler();
if (lacks !== null) {
  console.log(`over the air: left out, this machine lacks ${lacks}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}
const homecad = path.join(root, "dist/homecad");
const built = spawnSync(process.execPath, ["build/homecad.mjs"], { cwd: root, stdio: "inherit" });
if (built.status !== 0) {
  console.log("dist/homecad cannot be built, see above");
  console.log("0 passed, 1 failed");
  process.exit(1);
}
const out = path.join(root, "dist/wifi");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
// The lamp, the phone, the laptop, the stranger, and the access point.
const radios = 5 + Number(crowd);
const machine = [path.join(root, "test/wifi/machine.sh"), String(radios), String(SECONDS), out];
const scenario = [process.execPath, path.join(root, "test/wifi/scenario.mjs"), out, crowd, last];
const { status } = spawnSync(machine[0], [...machine.slice(1), ...scenario], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, HOMECA: homecad },
});
if (status === 124 || status === 125) console.log("0 passed, 1 failed");
process.exit(status ?? 1);

/** Either of the two will do. */
function missingCompiler() {
  return missingPrograms(["musl-gcc"]) === null || missingPrograms(["cc"]) === null
    ? null
    : "a C compiler: musl-gcc or cc";
}
