import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { assert, test } from "#kit";
import { SECTIONS } from "../../src/daemon/config/schema.ts";
import { METHODS } from "../../src/daemon/management/methods.ts";
import { COMMANDS } from "../../src/main/cli/main.ts";

test("docs/reference.md is what the tables say", () => {
  const { status, stderr } = spawnSync(process.execPath, ["build/reference.mjs", "--check"], {
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("the reference has every method, command and option", () => {
  const page = readFileSync("docs/reference.md", "utf8");
  for (const { name, access } of METHODS) assert.ok(page.includes(`### ${name} (${access})`), name);
  for (const { name } of COMMANDS) assert.ok(page.includes(`### homeca ${name}\n`), name);
  for (const { name } of Object.values(SECTIONS).flat()) {
    assert.ok(page.includes(`| \`${name}\` |`) || page.includes(`| list \`${name}\` |`), name);
  }
});
