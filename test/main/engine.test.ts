// V8's room for new objects, in a process of its own: what has grown once does not shrink on demand.
import { execFileSync } from "node:child_process";
import { assert, test } from "#kit";
import { STEADY_NEW_SPACE } from "../../src/main/engine.ts";

/** Keeps the youngest 200,000 objects of two million alive, as a busy daemon does with its conversations. */
const BUSY = `const v8 = require("node:v8");
if (process.argv[1]) v8.setFlagsFromString(process.argv[1]);
const kept = [];
for (let n = 0; n < 2_000_000; n++) kept[n % 200_000] = { n, text: [n] };
const { space_size } = v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
console.log(space_size);`;

const newSpaceAfterWork = (...flags: string[]): number =>
  Number(execFileSync(process.execPath, ["-e", BUSY, "--", ...flags], { encoding: "utf8" }));

test("the flag keeps the room for new objects as it is, where V8 by itself takes ten times as much", () => {
  const steady = newSpaceAfterWork(STEADY_NEW_SPACE);
  const grown = newSpaceAfterWork();
  assert.ok(steady <= 2 * 1024 * 1024, `${steady} octets`);
  assert.ok(grown >= 10 * 1024 * 1024, `${grown} octets`);
});
