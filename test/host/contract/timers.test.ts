// The contract of clocks, timers, randomness and of bugs in callbacks, over every host of this engine.
import { assert, test } from "#kit";
import { STAGES } from "#stages";
import { mono } from "../../../src/base/machine.ts";
import type { Host } from "../../../src/host/host.ts";
import { MemoryHost } from "../../../src/host/memory/host.ts";
import { onStage } from "../../kit/stage.ts";
import type { Stage } from "../../kit/stage.ts";

/** The memory host's time stands still until it is told. */
function pass(host: Host, milliseconds: number): void {
  if (host instanceof MemoryHost) host.clock.advance(milliseconds);
}

for (const maker of STAGES) {
  const { kind } = maker;
  const suite = (name: string, body: (stage: Stage) => Promise<void> | void): void =>
    test(`${kind} host: ${name}`, () => onStage(maker, body));
  // What the memory twin leaves to the test that drives it.
  const real: typeof suite = kind === "memory" ? () => {} : suite;

  suite("a timer runs once, never before its time; a cancelled one never", async (stage) => {
    const { host } = stage;
    const start = host.mono();
    const ran: number[] = [];
    const cancelled = host.setTimer(mono(start + 5), () => assert.fail("it ran"));
    cancelled.cancel();
    cancelled.cancel();
    host.setTimer(mono(start + 20), () => ran.push(host.mono()));
    host.setTimer(mono(start - 1000), () => ran.push(0));
    pass(host, 20);
    await stage.until(() => ran.length === 2);
    await stage.settle();
    assert.equal(ran.length, 2);
    assert.equal(ran[0], 0);
    assert.ok(ran[1]! >= start + 20);
  });

  suite("timers run by time, those of one instant in the order they were set", async (stage) => {
    const { host } = stage;
    const at = host.mono();
    const ran: string[] = [];
    host.setTimer(mono(at + 10), () => ran.push("last"));
    const late = host.setTimer(mono(at + 3), () => ran.push("never"));
    host.setTimer(mono(at + 2), () => {
      ran.push("first");
      late.cancel();
      host.setTimer(mono(at + 2), () => ran.push("second"));
    });
    pass(host, 10);
    await stage.until(() => ran.includes("last"));
    assert.deepEqual(ran, ["first", "second", "last"]);
  });

  suite("a timer of years is none of now", async (stage) => {
    const { host } = stage;
    const far = host.setTimer(mono(host.mono() + 2 ** 40), () => assert.fail("it ran at once"));
    pass(host, 10);
    await stage.settle();
    far.cancel();
  });

  suite("random bytes have the length asked for, and differ from call to call", ({ host }) => {
    assert.deepEqual(
      [0, 1, 32, 70_000].map((length) => host.random(length).length),
      [0, 1, 32, 70_000],
    );
    assert.notEqual(String(host.random(32)), String(host.random(32)));
  });

  real("the wall clock is a time of day, in whole seconds", ({ host }) => {
    const now = host.wall();
    assert.ok(Number.isInteger(now) && now > 1_700_000_000);
  });

  real("a bug in a callback is logged with its stack, and the host stays", async (stage) => {
    const { host, logged } = stage;
    host.setTimer(host.mono(), () => {
      throw new TypeError("broken\nhere");
    });
    let later = false;
    host.setTimer(host.mono(), () => (later = true));
    await stage.until(() => later);
    assert.equal(logged[0], "error bug: TypeError: broken");
    assert.match(logged.join("\n"), /error bug: {4,5}at /);
  });

  // V8 is given its limits as it starts, and the memory twin has none.
  const limited: typeof suite = kind === "quickjs" ? suite : () => {};

  /** Runs `greedy` in a callback under small limits, and another callback after it. */
  async function underLimits(stage: Stage, greedy: () => void): Promise<string> {
    const { host, logged } = stage;
    host.limit({ memoryBytes: 2 ** 30, stackBytes: 256 * 1024, turnMilliseconds: 300 });
    let later = false;
    host.setTimer(host.mono(), greedy);
    host.setTimer(host.mono(), () => (later = true));
    await stage.until(() => later);
    host.limit({ memoryBytes: 2 ** 30, stackBytes: 512 * 1024, turnMilliseconds: 3_600_000 });
    return logged[0] ?? "";
  }

  limited(
    "a callback that does not come back is stopped, and the next has its turn",
    async (stage) => {
      // What stops it passes by every catch: it is the C host that tells of it.
      let turns = 0;
      await underLimits(stage, () => {
        for (;;) turns++;
      });
      assert.ok(turns > 0);
    },
  );
}
