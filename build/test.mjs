// Runs the unit tests: `node build/test.mjs [TEXT...]`; with TEXT only files whose path has one of them.
// Floors 0 to 2 and the daemon in memory run on Node and on QuickJS, the rest on Node. Exit status 1 if anything failed.
import { spawn } from "node:child_process";
import path from "node:path";
import {
  bundleNodeTests,
  bundleProduct,
  bundleQuickJsTests,
  hostTests,
  pureTests,
  qjsPath,
  root,
} from "./bundle.mjs";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";

const wanted = process.argv.slice(2);
const chosen = (files) =>
  files.filter((file) => wanted.length === 0 || wanted.some((text) => file.includes(text)));
const pure = chosen(pureTests());
const host = chosen(hostTests());
if (pure.length + host.length === 0) {
  console.error(`no test file matches ${wanted.join(" ")}`);
  process.exit(1);
}

// A folder of its own below dist/, so that two runs do not tread on each other; tests find the product by dist/.
mkdirSync(path.join(root, "dist/test"), { recursive: true });
const outdir = mkdtempSync(path.join(root, "dist/test/run-"));
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));

/** Runs a program to its end; what it says is printed whole, in `report`. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "", status: null };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => (said[name] += text));
    }
    child.on("close", (status) => resolve({ ...said, status }));
  });
}

/** Without a compiler the tests of homecad say that they are left out. */
async function buildHomecad() {
  const words = ["build/homecad.mjs"];
  const { status, stderr } = await run(process.execPath, words);
  if (status !== 0) console.error(`homecad is not built: ${stderr.trim().split("\n").at(-1)}`);
}

let failed = false;
function report({ stdout, stderr, status }) {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  // A runner that dies before its closing line has not passed.
  if (status !== 0 || !/\d+ passed, 0 failed\n$/.test(stdout)) failed = true;
}

if (host.length > 0 && existsSync(path.join(root, "src/main/node.ts"))) {
  await bundleProduct();
  await buildHomecad();
}
const nodeFiles = await bundleNodeTests([...pure, ...host], outdir);
const quickJsFile = pure.length > 0 ? await bundleQuickJsTests(pure, outdir) : null;
const reporter = path.join(root, "build/reporter.mjs");
// Each engine has a core: the tests of either are one after another.
const engines = [
  run(process.execPath, ["--test", "--test-reporter", reporter, ...nodeFiles]),
  ...(quickJsFile === null ? [] : [run(qjsPath(), ["-m", quickJsFile])]),
];
for (const engine of engines) report(await engine);
process.exit(failed ? 1 : 0);
