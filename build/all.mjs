// `make test`: every stage, their closing lines added up. The last line reads "N passed, N failed".
import { spawn } from "node:child_process";
import path from "node:path";
import { root } from "./bundle.mjs";

/** One after another; those of a list side by side, for they wait more than they work. */
const stages = [
  { name: "checks", script: "build/check.mjs" },
  { name: "unit tests", script: "build/test.mjs" },
  [
    [
      { name: "end to end", script: "test/netns/e2e.mjs" },
      { name: "a device's life", script: "test/netns/life.mjs" },
    ],
    [
      {
        name: "the C host",
        script: "build/test-on-host.mjs",
        words: ["host/contract", "base/crypto"],
      },
      { name: "the page in a browser", script: "test/page/run.mjs" },
    ],
  ],
];

/** Keeps what is written until it is released. */
class Held {
  #text = "";

  write(text) {
    this.#text += text;
  }

  release() {
    process.stdout.write(this.#text);
  }
}

let passed = 0;
let failed = 0;
const started = Date.now();
for (const stage of stages) {
  if (Array.isArray(stage)) await sideBySide(stage);
  else count(await run(stage, process.stdout));
}
console.log("\nleft out: over the air (emulated, and so slow: make wifi)");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

/** The first lane is shown as it goes, the others whole once it is through. */
async function sideBySide(lanes) {
  const shown = lanes.map((_, at) => (at === 0 ? process.stdout : new Held()));
  const ended = lanes.map(async (lane, at) => {
    const results = [];
    for (const stage of lane) results.push(await run(stage, shown[at]));
    return results;
  });
  for (const [at, lane] of ended.entries()) {
    for (const result of await lane) count(result);
    if (shown[at] instanceof Held) shown[at].release();
  }
}

function count({ status, text }) {
  let counted = 0;
  let ownFailed = 0;
  for (const line of text.split("\n")) {
    const closing = /^(?:[\w ]+: )?(\d+) passed, (\d+) failed/.exec(line);
    if (!closing) continue;
    counted++;
    passed += Number(closing[1]);
    ownFailed += Number(closing[2]);
  }
  // A stage that ended badly, or without its closing line, has failed whatever it counted.
  if (counted === 0 || (status !== 0 && ownFailed === 0)) ownFailed++;
  failed += ownFailed;
}

function run({ name, script, words = [] }, screen) {
  screen.write(`\n== ${name} (${Math.round((Date.now() - started) / 1000)} s)\n`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(root, script), ...words], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      screen.write(chunk);
      text += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk) => screen.write(chunk));
    child.on("close", (status) => resolve({ status, text }));
  });
}
