import fc from "fast-check";
import { assert, test } from "#kit";
import { NEW_HOME, tick } from "../../../src/policy/window/home.ts";
import type { HomeWindow, HourAtHome } from "../../../src/policy/window/home.ts";
import {
  certificateSeconds,
  INITIAL_RELEASE_DAYS,
  jittered,
  livenessSeconds,
  looksAnew,
  releaseDays,
} from "../../../src/policy/window/periods.ts";
import {
  contact,
  FALSE_ALARM_HOURS,
  fellSilent,
  firstContact,
  hoursLeft,
  isLongGone,
  isOverdue,
  longestGap,
  MAX_GAPS,
  parsePresence,
  patienceDays,
  pinned,
  releaseDaysFor,
  silentHours,
  withRelease,
} from "../../../src/policy/window/presence.ts";
import type { Met, Presence } from "../../../src/policy/window/presence.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";

const HOME: HourAtHome = { clockKnown: true, reachable: true, devices: 10 };
const DAY = 86_400;

/** A window that stands still at so many days, for as long as it is not ticked. */
const at = (hours: number, days = 10): HomeWindow => ({ ...NEW_HOME, hours, days });

/** A device that was last seen at hour 0 and may be waited for as long as it takes. */
const fresh = firstContact(at(0), null);

function hours(window: HomeWindow, count: number): HomeWindow {
  let after = window;
  for (let hour = 0; hour < count; hour++) after = tick(after, 1, HOME);
  return after;
}

test("a device is overdue once it was silent for the window, not before", () => {
  assert.equal(patienceDays(fresh, at(0)), 10);
  assert.ok(!isOverdue(fresh, at(239)));
  assert.ok(isOverdue(fresh, at(240)));
  assert.equal(hoursLeft(fresh, at(200)), 40);
});

test("a contact begins the silence anew", () => {
  const { presence, window } = contact(fresh, at(200));
  assert.equal(silentHours(presence, at(210)), 10);
  assert.equal(window.churn.events, 0);
});

test("a record that is ahead of the home's hours, as after a restore, is not silent", () => {
  const ahead = firstContact(at(500), null);
  assert.equal(silentHours(ahead, at(100)), 0);
  assert.ok(!isOverdue(ahead, at(100)));
});

test("a dormancy from the future, as after a restore, is taken back once and no more", () => {
  const silent = fellSilent(fresh, at(500));
  const back = contact(silent.presence, {
    ...silent.window,
    hours: 100,
    churn: { events: 3, deviceDays: 0 },
  });
  assert.equal(back.window.churn.events, 2);
});

test("silence is counted in hours that the home lived through: a power cut ages nobody", () => {
  const window = hours(at(0), 100);
  const dark = { ...HOME, reachable: false };
  let after = window;
  for (let day = 0; day < 14; day++) after = tick(after, 24, dark);
  assert.equal(silentHours(fresh, after), 100);
});

test("a device keeps the window of its last contact where that was the longer", () => {
  const told = firstContact(at(0, 20), null);
  assert.equal(patienceDays(told, at(100, 12)), 20);
  assert.equal(patienceDays(told, at(100, 25)), 25);
});

test("a shrinking window makes no device dormant before it has been that short for 24 hours", () => {
  // Silent for 18 days in a window that has grown to 20 and now shrinks as fast as it may.
  const busy = { events: 500, deviceDays: 0 };
  let window: HomeWindow = { ...NEW_HOME, hours: 432, days: 20, churn: busy };
  const seen = new Map([[window.hours, window.days]]);
  let firstBelow: number | null = null;
  while (!isOverdue(fresh, window)) {
    window = tick(window, 1, HOME);
    seen.set(window.hours, window.days);
    if (window.days * 24 <= silentHours(fresh, window)) firstBelow ??= window.hours;
    assert.ok(window.hours < 600);
  }
  const yesterday = seen.get(window.hours - 24)! * 24;
  assert.ok(yesterday <= silentHours(fresh, window) && yesterday > firstBelow!);
});

test("a device that stays away longer is waited for longer: t_i = max(t, 1.5 q_i), 60 d at most", () => {
  const { presence } = contact(fresh, at(9 * 24));
  assert.equal(longestGap(presence), 9 * 24);
  assert.equal(patienceDays(presence, at(9 * 24)), 13.5);
  const { presence: traveller } = contact(fresh, at(50 * 24));
  assert.equal(patienceDays(traveller, at(50 * 24)), 60);
});

test("twenty gaps are remembered, and a gap leaves once twenty days of contact came after it", () => {
  let { presence } = contact(fresh, at(9 * 24));
  let now = 9 * 24;
  for (let day = 0; day < MAX_GAPS - 1; day++) {
    now += 24;
    ({ presence } = contact(presence, at(now)));
    assert.equal(longestGap(presence), 9 * 24, `after ${day + 1} days`);
  }
  ({ presence } = contact(presence, at(now + 24)));
  assert.equal(longestGap(presence), 24);
  assert.equal(presence.gaps.length, MAX_GAPS);
});

test("contacts of one day are one gap: who comes hourly does not forget its holidays in a day", () => {
  let { presence } = contact(fresh, at(9 * 24));
  for (let hour = 1; hour <= 24 * 10; hour++) {
    ({ presence } = contact(presence, at(9 * 24 + hour)));
  }
  assert.equal(longestGap(presence), 9 * 24);
  assert.equal(presence.gaps.length, 11);
});

test("what the owner pins takes the place of all of it", () => {
  const { presence } = contact(fresh, at(9 * 24));
  assert.equal(patienceDays(pinned(presence, at(216), 5), at(216)), 5);
  assert.equal(patienceDays(pinned(presence, at(216), 60), at(216)), 60);
  assert.equal(patienceDays(pinned(presence, at(216), null), at(216)), 13.5);
  for (const days of [2.9, 61, Number.NaN]) {
    assert.throws(() => pinned(fresh, at(0), days), RangeError, String(days));
  }
});

test("a device has a day from the moment its owner pinned less", () => {
  const silent = pinned(fresh, at(200), 3);
  assert.ok(!isOverdue(silent, at(223)));
  assert.ok(isOverdue(silent, at(224)));
});

test("a device that falls silent counts as a leave, and is not overdue again", () => {
  const { presence, window } = fellSilent(fresh, at(240));
  assert.equal(window.churn.events, 1);
  assert.equal(presence.dormantSince, 240);
  assert.ok(!isOverdue(presence, at(1000)));
});

test("back within seven days: the leave is taken back, and the device is waited for longer", () => {
  const silent = fellSilent(fresh, at(240));
  const back = contact(silent.presence, { ...silent.window, hours: 240 + FALSE_ALARM_HOURS });
  assert.equal(back.presence.dormantSince, null);
  assert.equal(longestGap(back.presence), 1.25 * (240 + FALSE_ALARM_HOURS));
  assert.ok(back.window.churn.events < 0.15);
});

test("back after more than seven days: the leave stays, the gap counts as it was", () => {
  const silent = fellSilent(fresh, at(240));
  const back = contact(silent.presence, { ...silent.window, hours: 241 + FALSE_ALARM_HOURS });
  assert.equal(longestGap(back.presence), 241 + FALSE_ALARM_HOURS);
  assert.equal(back.window.churn.events, 1);
});

test("a false alarm stretches the longest gap, not the last alone", () => {
  const { presence: traveller } = contact(fresh, at(20 * 24));
  const impatient = pinned(traveller, at(20 * 24), 3);
  const silent = fellSilent(impatient, at(24 * 24));
  const { presence } = contact(silent.presence, at(25 * 24));
  assert.equal(longestGap(presence), 1.25 * 20 * 24);
});

test("a device reports eight times in its window, hourly at most and daily at least", () => {
  assert.equal(livenessSeconds(3), 9 * 3600);
  assert.equal(livenessSeconds(8), DAY);
  assert.equal(livenessSeconds(60), DAY);
  assert.equal(livenessSeconds(0.1), 3600);
});

test("reports of devices that were switched on together spread by a tenth either way", () => {
  const fixed = (first: number, second: number) => () => Uint8Array.of(first, second);
  assert.equal(Math.round(jittered(1000, fixed(0, 0))), 900);
  assert.equal(Math.round(jittered(1000, fixed(255, 255))), 1100);
});

test("a certificate holds twice the window, 30 to 90 days", () => {
  assert.deepEqual(
    [3, 20, 60].map((days) => certificateSeconds(days) / DAY),
    [30, 40, 90],
  );
});

test("T_rel is twice the device's window, a week at least", () => {
  assert.deepEqual([3, 3.5, 10, 60].map(releaseDays), [7, 7, 20, 120]);
  assert.equal(INITIAL_RELEASE_DAYS, releaseDays(NEW_HOME.days));
});

test("a home gives a device up before the device gives up its home, however patient it would be", () => {
  // Told 7 days while the window was 3; the owner then pins 60, and the window grows too.
  const told = withRelease(firstContact(at(0, 3), null), 7);
  const patient = pinned(told, at(0, 3), 60);
  assert.equal(patienceDays(patient, at(100, 60)), 6);
});

test("T_rel follows the device's own window: a patient home tells it more", () => {
  assert.equal(releaseDaysFor(pinned(fresh, at(0), 60), at(0), false), 120);
  assert.equal(releaseDaysFor(withRelease(fresh, 7), at(0), false), 20);
});

test("a theft-locked device is told never", () => {
  assert.equal(releaseDaysFor(fresh, at(0), true), null);
});

test("after three reports that failed in a row a device looks for its home anew", () => {
  assert.deepEqual([0, 2, 3, 4].map(looksAnew), [false, false, true, true]);
});

test("a dormant device is remembered for a year of counted hours", () => {
  const { presence } = fellSilent(fresh, at(240));
  assert.ok(!isLongGone(presence, at(240 + 365 * 24 - 1)));
  assert.ok(isLongGone(presence, at(240 + 365 * 24)));
  assert.ok(!isLongGone(fresh, at(10_000)));
});

type Step =
  | { readonly kind: "hours"; readonly count: number; readonly devices: number }
  | { readonly kind: "contact" | "report" }
  | { readonly kind: "pin"; readonly days: number | null };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("hours" as const),
      count: fc.integer({ min: 1, max: 500 }),
      devices: fc.nat(50),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("contact" as const, "report" as const) }),
  },
  fc.record({
    kind: fc.constant("pin" as const),
    days: fc.option(fc.integer({ min: 3, max: 60 })),
  }),
);

/** A life of one device in one home; `check` sees every hour of it. */
function live(steps: readonly Step[], check: (met: Met, contacted: boolean) => void): Met {
  let met: Met = { presence: firstContact(NEW_HOME, INITIAL_RELEASE_DAYS), window: NEW_HOME };
  for (const step of steps) {
    switch (step.kind) {
      case "hours":
        for (let hour = 0; hour < step.count; hour++) {
          met = { ...met, window: tick(met.window, 1, { ...HOME, devices: step.devices }) };
          if (isOverdue(met.presence, met.window)) met = fellSilent(met.presence, met.window);
          check(met, false);
        }
        break;
      case "contact":
      case "report":
        met = contact(met.presence, met.window);
        if (step.kind === "report") {
          const release = releaseDaysFor(met.presence, met.window, false);
          met = { ...met, presence: withRelease(met.presence, release) };
        }
        check(met, true);
        break;
      case "pin":
        met = { ...met, presence: pinned(met.presence, met.window, step.days) };
        break;
    }
  }
  return met;
}

const anyLife = fc.array(anyStep, { maxLength: 25 });

test("property: whatever happens, the home withdraws before the device is free by its own clock", () => {
  fc.assert(
    fc.property(anyLife, (steps) => {
      live(steps, ({ presence, window }) => {
        // Both have counted the same hours; a pin may add its one day of grace.
        const free = silentHours(presence, window) >= presence.releaseDays! * 24;
        assert.ok(!free || presence.dormantSince !== null);
      });
    }),
    { numRuns: 60 },
  );
});

test("property: the bounds hold, and no contact leaves a device less time than a window of 3 days", () => {
  fc.assert(
    fc.property(anyLife, (steps) => {
      live(steps, ({ presence, window }, contacted) => {
        const patience = patienceDays(presence, window);
        assert.ok(patience >= 3 && patience <= 60, `${patience}`);
        assert.ok(presence.gaps.length <= MAX_GAPS && longestGap(presence) <= 60 * 24);
        if (contacted) assert.ok(hoursLeft(presence, window) >= 72 && !isOverdue(presence, window));
      });
    }),
    { numRuns: 60 },
  );
});

test("property: a presence survives its JSON", () => {
  fc.assert(
    fc.property(anyLife, (steps) => {
      const { presence } = live(steps, () => {});
      assert.deepEqual(parsePresence(JSON.parse(JSON.stringify(presence))), presence);
    }),
    { numRuns: 30 },
  );
});

test("a presence out of form is refused", () => {
  const good: Presence = { ...firstContact(at(5), 20), gaps: [1, 2.5] };
  assert.deepEqual(parsePresence(good), good);
  for (const bad of [
    null,
    {},
    { ...good, more: 1 },
    { ...good, lastContact: -1 },
    { ...good, daysThen: 2 },
    { ...good, releaseDays: 6 },
    { ...good, releaseDays: 121 },
    { ...good, gaps: [-1] },
    { ...good, gaps: [1441] },
    { ...good, gaps: Array.from({ length: 21 }, () => 1) },
    { ...good, pinnedDays: 61 },
    { ...good, dormantSince: 0.5 },
    { ...good, notBefore: "0" },
  ]) {
    assert.throws(() => parsePresence(bad), RegistryFailure, JSON.stringify(bad));
  }
});
