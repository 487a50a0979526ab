// The page's tests: `node test/page/run.mjs [TEXT...]`, with TEXT only files whose name has one of them.
// With HOMECA_SCREENS=1 the pictures of docs/screens are taken anew.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { bundlePageWorld, bundleProduct, root } from "../../build/bundle.mjs";

const here = path.join(root, "test/page");
const wanted = process.argv.slice(2);
const files = readdirSync(here)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => wanted.length === 0 || wanted.some((text) => name.includes(text)));
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(" ")}`);
  process.exit(1);
}
if (!existsSync("/usr/bin/chromium")) {
  console.log("left out: the page in a browser (chromium is not installed)");
  console.log("page: 0 passed, 0 failed");
  process.exit(0);
}
await bundleProduct();
await bundlePageWorld();
const reporter = path.join(root, "build/reporter.mjs");
// Each file has a home and a browser of its own: one after another.
const { status } = spawnSync(
  process.execPath,
  [
    "--test",
    "--test-concurrency=1",
    "--test-reporter",
    reporter,
    ...files.map((name) => path.join(here, name)),
  ],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
