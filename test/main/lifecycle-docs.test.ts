import { spawnSync } from "node:child_process";
import { assert, test } from "#kit";

test("docs/lifecycle.md and its drawing are those of the transition table", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["build/lifecycle-diagram.mjs", "--check"],
    {
      encoding: "utf8",
    },
  );
  assert.equal(stderr, "");
  assert.equal(status, 0);
});
