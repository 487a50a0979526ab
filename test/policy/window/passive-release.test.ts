import fc from "fast-check";
import { assert, test } from "#kit";
import {
  foundHome,
  isHomeLost,
  newSearch,
  pairing,
  parseSearch,
  searched,
} from "../../../src/policy/window/passive-release.ts";
import type { Search } from "../../../src/policy/window/passive-release.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";

/** A search that failed every hour for so long. */
function failing(search: Search, hours: number): Search {
  let after = search;
  for (let hour = 0; hour < hours; hour++) after = searched(after, 1, true);
  return after;
}

test("a device that was told nothing waits for 20 days of searching", () => {
  assert.ok(!isHomeLost(failing(newSearch(false), 20 * 24 - 1)));
  assert.ok(isHomeLost(failing(newSearch(false), 20 * 24)));
});

test("hours without power are not counted: two hours a day make a long search", () => {
  let search = foundHome(7);
  for (let day = 0; day < 83; day++) search = searched(search, 2, true);
  assert.equal(search.hours, 166);
  assert.ok(!isHomeLost(search));
});

test("seven days are not enough: the search must have failed on ten", () => {
  const week = failing(foundHome(7), 7 * 24);
  assert.equal(week.failedDays, 8);
  assert.ok(!isHomeLost(week));
  assert.ok(!isHomeLost(failing(foundHome(7), 9 * 24 - 1)));
  assert.ok(isHomeLost(failing(foundHome(7), 9 * 24)));
});

test("hours without a finished search count no day: a jammed radio finds nothing out", () => {
  let search = foundHome(7);
  for (let hour = 0; hour < 100 * 24; hour++) search = searched(search, 1, false);
  assert.ok(!isHomeLost(search));
  assert.equal(search.failedDays, 0);
});

test("many failures in a day are one day", () => {
  let search = foundHome(7);
  for (let time = 0; time < 1000; time++) search = searched(search, 0, true);
  assert.equal(search.failedDays, 1);
});

test("a home that proves itself ends the search, however long it was", () => {
  const lost = failing(foundHome(7), 30 * 24);
  assert.ok(isHomeLost(lost));
  assert.deepEqual(foundHome(7), { releaseDays: 7, hours: 0, failedDays: 0, lastFailed: null });
});

test("a lost home opens pairing to whoever is there, never to one who is not (D31)", () => {
  const lost = failing(foundHome(7), 10 * 24);
  assert.deepEqual(pairing(lost, null), { kind: "closed", reason: "nobody-present" });
  assert.deepEqual(pairing(lost, "button"), { kind: "open", by: "button" });
  assert.deepEqual(pairing(lost, "setup-code"), { kind: "open", by: "setup-code" });
});

test("presence alone takes no device from a home that it has not lost", () => {
  const closed = { kind: "closed", reason: "home-not-lost" } as const;
  assert.deepEqual(pairing(foundHome(7), "setup-code"), closed);
});

test("a theft-locked device is never freed by time", () => {
  const locked = failing(newSearch(true), 400 * 24);
  assert.ok(!isHomeLost(locked));
  assert.deepEqual(pairing(locked, "setup-code"), { kind: "closed", reason: "theft-locked" });
  assert.deepEqual(pairing(locked, null), { kind: "closed", reason: "theft-locked" });
});

test("a T_rel out of bounds is brought into them, what is no number to the longest", () => {
  const told = (days: number): number | null => foundHome(days).releaseDays;
  assert.deepEqual(
    [0, -5, 7, 120, 121, Infinity, Number.NaN].map(told),
    [7, 7, 7, 120, 120, 120, 120],
  );
});

test("the count stops, and stays past every limit", () => {
  let search = foundHome(120);
  for (let day = 0; day < 1000; day++) search = searched(search, 24, true);
  assert.equal(search.hours, 240 * 24);
  assert.ok(isHomeLost(search));
  assert.deepEqual(parseSearch(JSON.parse(JSON.stringify(search))), search);
});

test("a search brings 0 to 24 whole hours", () => {
  for (const hours of [-1, 0.5, 25, Number.NaN]) {
    assert.throws(() => searched(newSearch(false), hours, true), RangeError, String(hours));
  }
});

const anySearch = fc
  .array(fc.tuple(fc.nat(24), fc.boolean()), { maxLength: 300 })
  .chain((reports) =>
    fc
      .option(fc.double({ min: 0, max: 200 }))
      .map((told) =>
        reports.reduce(
          (search, [hours, failed]) => searched(search, hours, failed),
          foundHome(told),
        ),
      ),
  );

test("property: pairing is open only to presence, after T_rel and ten failed days", () => {
  const anyPresence = fc.constantFrom(null, "setup-code" as const, "button" as const);
  fc.assert(
    fc.property(anySearch, anyPresence, (search, presence) => {
      const { kind } = pairing(search, presence);
      const due =
        search.releaseDays !== null &&
        search.hours >= 24 * search.releaseDays &&
        search.hours >= 9 * 24 &&
        search.failedDays >= 10;
      assert.equal(kind === "open", due && presence !== null);
    }),
  );
});

test("property: a search survives its JSON", () => {
  fc.assert(
    fc.property(anySearch, (search) => {
      assert.deepEqual(parseSearch(JSON.parse(JSON.stringify(search))), search);
    }),
  );
});

test("a search out of form is refused", () => {
  const good = newSearch(false);
  for (const bad of [
    null,
    {},
    { ...good, more: 1 },
    { ...good, releaseDays: 6 },
    { ...good, releaseDays: "never" },
    { ...good, hours: -1 },
    { ...good, hours: 1e9 },
    { ...good, failedDays: 0.5 },
    { ...good, lastFailed: -1 },
  ]) {
    assert.throws(() => parseSearch(bad), RegistryFailure, JSON.stringify(bad));
  }
});
