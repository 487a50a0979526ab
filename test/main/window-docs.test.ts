import { spawnSync } from "node:child_process";
import { assert, test } from "#kit";

test("docs/window.md and its drawing are what the window does in the invented years", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["build/window-simulation.mjs", "--check"],
    { encoding: "utf8" },
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
});
