import fc from "fast-check";
import { assert, test } from "#kit";
import { unix } from "../../../src/base/machine.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import { METHODS } from "../../../src/policy/rights/aif.ts";
import {
  freshness,
  HARD_AGE_SECONDS,
  parseListHeld,
  stillServed,
  takes,
} from "../../../src/policy/rights/list-freshness.ts";
import type { Freshness, ListHeld } from "../../../src/policy/rights/list-freshness.ts";

const NEXT = 1_800_000_000;
const HELD: ListHeld = { number: 100, nextUpdate: unix(NEXT) };
const served = (list: Freshness): readonly string[] =>
  METHODS.filter((method) => stillServed(list, method));

test("only a list of a higher number takes the place of the one held (RFC 5280 §5.2.3)", () => {
  assert.equal(takes(null, HELD), "taken");
  assert.equal(takes(HELD, { ...HELD, number: 101 }), "taken");
  assert.equal(takes(HELD, { number: 100, nextUpdate: unix(NEXT + 1_000_000) }), "same");
  assert.equal(takes(HELD, { number: 99, nextUpdate: unix(NEXT + 1_000_000) }), "older");
});

test("a list is current to the second of its nextUpdate, stale for 30 days, then useless", () => {
  const at = (seconds: number): Freshness => freshness(HELD, unix(seconds));
  assert.equal(at(NEXT), "current");
  assert.equal(at(NEXT + 1), "stale");
  assert.equal(at(NEXT + HARD_AGE_SECONDS), "stale");
  assert.equal(at(NEXT + HARD_AGE_SECONDS + 1), "useless");
  assert.equal(HARD_AGE_SECONDS, 2_592_000);
});

test("without the time a list is stale, and no list is useless at any time", () => {
  assert.equal(freshness(HELD, "unknown"), "stale");
  assert.equal(freshness(null, "unknown"), "useless");
  assert.equal(freshness(null, unix(0)), "useless");
});

test("a current list serves every method, a stale one those that change nothing, a useless one none", () => {
  assert.deepEqual(served("current"), METHODS);
  assert.deepEqual(served("stale"), ["GET", "FETCH"]);
  assert.deepEqual(served("useless"), []);
});

test("property: with time, and with lists withheld, others may do less and less", () => {
  const anyTime = fc.integer({ min: NEXT - 1000, max: NEXT + 2 * HARD_AGE_SECONDS });
  fc.assert(
    fc.property(anyTime, anyTime, (one, other) => {
      const early = served(freshness(HELD, unix(Math.min(one, other))));
      const late = served(freshness(HELD, unix(Math.max(one, other))));
      assert.ok(late.every((method) => early.includes(method)));
    }),
  );
});

test("property: whatever order lists come in, the one of the highest number is held", () => {
  const anyList = fc.record({
    number: fc.integer({ min: 1, max: 50 }),
    nextUpdate: fc.nat(NEXT).map(unix),
  });
  fc.assert(
    fc.property(fc.array(anyList, { minLength: 1 }), (lists) => {
      let held: ListHeld | null = null;
      for (const list of lists) if (takes(held, list) === "taken") held = list;
      assert.equal(held!.number, Math.max(...lists.map(({ number }) => number)));
    }),
  );
});

test("a held list is read strictly", () => {
  assert.deepEqual(parseListHeld(JSON.parse(JSON.stringify(HELD))), HELD);
  for (const bad of [
    null,
    {},
    { ...HELD, more: 1 },
    { ...HELD, number: 0 },
    { ...HELD, nextUpdate: -1 },
  ]) {
    assert.throws(() => parseListHeld(bad), RegistryFailure);
  }
});
