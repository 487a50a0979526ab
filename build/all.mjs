// `make test`: every stage in order, their closing lines added up. The last line reads "N passed, N failed".
import { spawn } from "node:child_process";
import path from "node:path";
import { root } from "./bundle.mjs";

const stages = [
  ["checks", "build/check.mjs"],
  ["unit tests", "build/test.mjs"],
  ["the C host", "build/test-on-host.mjs", "host/contract", "base/crypto"],
  ["the page in a browser", "test/page/run.mjs"],
  ["end to end", "test/netns/e2e.mjs"],
  ["a device's life", "test/netns/life.mjs"],
];

let passed = 0;
let failed = 0;
const started = Date.now();
for (const [name, script, ...words] of stages) {
  console.log(`\n== ${name} (${Math.round((Date.now() - started) / 1000)} s)`);
  const { status, lines } = await run(script, words);
  let counted = 0;
  for (const line of lines) {
    const closing = /^(?:[\w ]+: )?(\d+) passed, (\d+) failed/.exec(line);
    if (!closing) continue;
    counted++;
    passed += Number(closing[1]);
    failed += Number(closing[2]);
  }
  // A stage that ended badly, or without its closing line, has failed whatever it counted.
  if (counted === 0 || (status !== 0 && failed === 0)) failed++;
}
console.log("\nleft out: over the air (emulated, and so slow: make wifi)");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function run(script, words) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(root, script), ...words], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk) => {
      process.stdout.write(chunk);
      text += chunk;
    });
    child.on("close", (status) => resolve({ status, lines: text.split("\n") }));
  });
}
