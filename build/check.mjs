// The static checks: types (twice: whole, and floors 0 to 2 without a host), lint, format, floors, docs.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root } from "./bundle.mjs";

const bin = (name) => path.join(root, "node_modules/.bin", name);
const sources = ["src", "test", "build"];
const checks = [
  ["types", bin("tsc"), ["-p", "tsconfig.json"]],
  ["purity of floors 0 to 2", bin("tsc"), ["-p", "tsconfig.pure.json"]],
  ["lint", bin("oxlint"), ["--type-aware", "--deny-warnings", ...sources]],
  ["format", bin("oxfmt"), ["--check", ...sources]],
  ["floors", process.execPath, ["build/floors.mjs"]],
  ["sizes", process.execPath, ["build/size.mjs"]],
];

let failed = 0;
for (const [name, command, args] of checks) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status === 0) continue;
  failed++;
  console.error(`FAILED ${name}\n${stdout}${stderr}`);
}
console.log(`checks: ${checks.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
