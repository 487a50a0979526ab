// Runs tests of floors 0 to 2, of the daemon in memory and of the host's contract on the C host, with its own crypto provider and noble's:
//
//     node build/test-on-host.mjs [--cc COMPILER] [--triple TRIPLE] [--static] [--sanitize] [--under EMULATOR] [TEXT...]
//
// With TEXT only files whose path has one of them. An emulator runs what was compiled for another processor.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundleQuickJsTests, contractTests, pureTests, root } from "./bundle.mjs";
import { compileHost, has, OPTIONS } from "./c-host.mjs";

const { values, positionals } = parseArgs({
  options: { ...OPTIONS, under: { type: "string" } },
  allowPositionals: true,
});
if (!has(values.cc)) {
  console.log(`left out: tests on the C host (needs a C compiler: ${values.cc})`);
  console.log("quickjs: 0 passed, 0 failed");
  process.exit(0);
}
const isWanted = (file) =>
  positionals.length === 0 || positionals.some((text) => file.includes(text));
mkdirSync(path.join(root, "dist/test"), { recursive: true });
const folder = mkdtempSync(path.join(root, "dist/test/host-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const bundle = await bundleQuickJsTests(
  [...pureTests(), ...contractTests()].filter(isWanted),
  folder,
  "homecad",
);
const stages = path.join(folder, "stages");
mkdirSync(stages);
const out = path.join(folder, "homecad-tests");
compileHost({ ...values, bundle, out });
const [program, ...first] = values.under === undefined ? [out] : [values.under, out];
const { status, stderr } = spawnSync(
  program,
  [...first, stages, ...(values.under === undefined ? [] : [values.under])],
  {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  },
);
process.stdout.write(stderr);
process.exit(status === 0 && /\d+ passed, 0 failed\n$/.test(stderr) ? 0 : 1);
