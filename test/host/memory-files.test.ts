// What the memory twin of files does beyond the contract: power that is cut, and a full medium.
import { assert, test } from "#kit";
import { hex, utf8 } from "../../src/base/bytes.ts";
import { HostFailure } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";

const ONE = hex("01 0a 00 ff");
const TWO = utf8("two");

test("memory files: power that is cut in an append leaves any of three tails", () => {
  for (const [torn, left] of [
    ["short", "aabb"],
    ["zeros", "aabb0000"],
    ["hole", "aabb0004"],
  ] as const) {
    const files = new MemoryFiles();
    const log = files.openAppend("/log", 0o600, 0);
    log.appendDurably(hex("aa"));
    files.cutPowerAfter(1);
    assert.throws(() => log.appendDurably(hex("bb0304")), PowerCut);
    assert.throws(() => files.read("/log"), PowerCut);
    assert.deepEqual(files.restart(torn).read("/log"), hex(left), torn);
  }
});

test("memory files: power that is cut in a replacement leaves the old file or the new", () => {
  const outcomes: string[] = [];
  for (let units = 0; ; units++) {
    const files = new MemoryFiles();
    files.plant("/a", hex("01"));
    files.cutPowerAfter(units);
    try {
      files.replaceDurably("/a", hex("02"), 0o600);
      break;
    } catch (failure) {
      assert.ok(failure instanceof PowerCut);
    }
    outcomes.push(String(files.restart().read("/a")![0]));
  }
  assert.deepEqual(outcomes, ["1", "1", "2"]);
});

test("memory files: full is ENOSPC and leaves everything as it was", () => {
  const files = new MemoryFiles();
  const log = files.openAppend("/log", 0o600, 0);
  log.appendDurably(ONE);
  files.limitTo(6);
  assert.equal(assert.throws(() => log.appendDurably(TWO), HostFailure).errno, "ENOSPC");
  assert.equal(
    assert.throws(() => files.replaceDurably("/a", TWO, 0o600), HostFailure).errno,
    "ENOSPC",
  );
  assert.deepEqual(files.read("/log"), ONE);
  log.appendDurably(hex("0102"));
});
