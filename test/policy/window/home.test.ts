import fc from "fast-check";
import { assert, test } from "#kit";
import {
  aged,
  churnRate,
  HALF_LIFE_DAYS,
  MAX_DAYS,
  MAX_DEVICES,
  MIN_DAYS,
  NO_CHURN,
  wantedDays,
  weightAfter,
} from "../../../src/policy/window/churn.ts";
import {
  CHURN_EVENTS,
  forgivingDays,
  GRACE_HOURS,
  MAX_EVENTS,
  MAX_HOURS,
  NEW_HOME,
  observe,
  parseHomeWindow,
  slewed,
  tick,
  unobserve,
} from "../../../src/policy/window/home.ts";
import type { ChurnEvent, HomeWindow, HourAtHome } from "../../../src/policy/window/home.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";

const home = (devices: number): HourAtHome => ({ clockKnown: true, reachable: true, devices });

function daysOf(window: HomeWindow, days: number, devices: number): HomeWindow {
  let after = window;
  for (let day = 0; day < days; day++) after = tick(after, 24, home(devices));
  return after;
}

function nearly(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${actual}`);
}

type Step =
  | { readonly kind: "event"; readonly event: ChurnEvent }
  | { readonly kind: "tick"; readonly hours: number; readonly devices: number };

const anyEvent = fc.constantFrom<ChurnEvent>("adoption", "release", "dormancy", "removal");
const anyTick = fc.record({
  kind: fc.constant("tick" as const),
  hours: fc.integer({ min: 1, max: 24 }),
  devices: fc.nat(300),
});
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  anyTick,
  fc.record({ kind: fc.constant("event" as const), event: anyEvent }),
);

const taken = (window: HomeWindow, step: Step): HomeWindow =>
  step.kind === "event"
    ? observe(window, step.event)
    : tick(window, step.hours, home(step.devices));

test("a new home's window is ten days exactly (the paper, section 3.3)", () => {
  assert.equal(NEW_HOME.days, 10);
  assert.equal(wantedDays(NO_CHURN), 10);
  assert.equal(churnRate(NO_CHURN), 1 / 180);
});

test("an observation counts half after 30 days", () => {
  assert.equal(weightAfter(0), 1);
  assert.equal(weightAfter(HALF_LIFE_DAYS), 0.5);
  assert.equal(weightAfter(2 * HALF_LIFE_DAYS), 0.25);
  const { events, deviceDays } = aged({ events: 8, deviceDays: 100 }, 30, 0);
  assert.deepEqual([events, deviceDays], [4, 50]);
});

test("device-days are the integral of what is left of them: N Hl/ln 2 in the long run", () => {
  nearly(aged(NO_CHURN, 30, 20).deviceDays, (20 * 30 * 0.5) / Math.LN2);
  nearly(aged(NO_CHURN, 1e6, 20).deviceDays, (20 * 30) / Math.LN2);
});

test("the window is 10 d times the root of the prior's rate over the home's", () => {
  // Four times the prior's rate: (2 + 6)/360 halves the window. A quarter of it doubles the window.
  nearly(wantedDays({ events: 6, deviceDays: 0 }), 5);
  nearly(wantedDays({ events: 0, deviceDays: 1080 }), 20);
});

test("each coming and going counts one", () => {
  for (const event of Object.keys(CHURN_EVENTS) as ChurnEvent[]) {
    assert.equal(observe(NEW_HOME, event).churn.events, 1, event);
  }
});

test("an event moves the window at the next tick, never by itself", () => {
  const after = observe(NEW_HOME, "adoption");
  assert.equal(after.days, 10);
  assert.ok(tick(after, 1, home(5)).days < 10);
});

test("the window moves a tenth of itself in a day at most, either way", () => {
  assert.equal(slewed(10, 3, 1), 9);
  assert.equal(slewed(10, 60, 1), 11);
  assert.equal(slewed(10, 10.5, 1), 10.5);
  let busy: HomeWindow = { ...NEW_HOME, churn: { events: 500, deviceDays: 0 } };
  for (let hour = 0; hour < 24; hour++) busy = tick(busy, 1, home(5));
  nearly(busy.days, 9);
});

test("the window stays between 3 and 60 days", () => {
  let window: HomeWindow = { ...NEW_HOME, churn: { events: MAX_EVENTS, deviceDays: 0 } };
  window = daysOf(window, 30, 1);
  assert.equal(window.days, MIN_DAYS);
  window = daysOf({ ...window, churn: NO_CHURN }, 300, 4096);
  assert.equal(window.days, MAX_DAYS);
});

test("the largest home for ever stays readable", () => {
  const largest = daysOf(NEW_HOME, 4000, MAX_DEVICES);
  assert.ok(largest.churn.deviceDays > 0.999 * ((MAX_DEVICES * 30) / Math.LN2));
  assert.deepEqual(parseHomeWindow(largest), largest);
});

test("a busy home's window is shorter than a calm home's", () => {
  let busy = NEW_HOME;
  for (let day = 0; day < 90; day++) {
    busy = tick(observe(busy, day % 2 === 0 ? "adoption" : "removal"), 24, home(20));
  }
  const calm = daysOf(NEW_HOME, 90, 20);
  assert.ok(busy.days < 5 && calm.days > 15, `${busy.days} and ${calm.days}`);
});

test("hours without a clock, or in which no device could reach us, are not counted", () => {
  const window = daysOf(observe(NEW_HOME, "adoption"), 3, 10);
  assert.equal(tick(window, 1, { clockKnown: false, reachable: true, devices: 10 }), window);
  assert.equal(tick(window, 1, { clockKnown: true, reachable: false, devices: 10 }), window);
});

test("a tick is 1 to 24 whole hours: who slept longer did not run", () => {
  for (const hours of [0, -1, 0.5, 25, 336, Number.NaN, Infinity]) {
    assert.throws(() => tick(NEW_HOME, hours, home(1)), RangeError, String(hours));
  }
});

test("the count of hours has an end, at which the window stays as it is", () => {
  const last = { ...NEW_HOME, hours: MAX_HOURS };
  assert.equal(tick(last, 1, home(1)), last);
});

test("a window that shrank holds for a day more", () => {
  const before = { ...NEW_HOME, churn: { events: 500, deviceDays: 0 } };
  let window = before;
  const seen: number[] = [];
  for (let hour = 0; hour < 60; hour++) {
    window = tick(window, 1, home(5));
    seen.push(window.days);
    const yesterday = hour < GRACE_HOURS ? before.days : seen[hour - GRACE_HOURS]!;
    assert.equal(forgivingDays(window), yesterday, `hour ${hour}`);
    assert.ok(window.longer.length <= GRACE_HOURS);
  }
});

test("a window that grows holds at once", () => {
  const window = daysOf(NEW_HOME, 10, 200);
  assert.ok(window.days > 12);
  assert.equal(forgivingDays(window), window.days);
});

test("a dormancy that was wrong is taken back as far as it still counts, never below nothing", () => {
  const wrong = observe(NEW_HOME, "dormancy");
  const later = daysOf(wrong, 5, 10);
  nearly(unobserve(later, 5 * 24).churn.events, 0);
  assert.equal(unobserve(NEW_HOME, 0).churn.events, 0);
});

test("property: a tick of many hours leads where as many ticks of one hour lead", () => {
  fc.assert(
    fc.property(anyTick, fc.nat(50), ({ hours, devices }, events) => {
      const start = { ...NEW_HOME, churn: { events, deviceDays: 10 * events } };
      let hourly: HomeWindow = start;
      for (let hour = 0; hour < hours; hour++) hourly = tick(hourly, 1, home(devices));
      const once = tick(start, hours, home(devices));
      assert.equal(once.hours, hourly.hours);
      nearly(once.churn.events, hourly.churn.events);
      nearly(once.churn.deviceDays, hourly.churn.deviceDays);
    }),
  );
});

test("property: the bounds and the slew hold whatever happens", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 200 }), (steps) => {
      let window = NEW_HOME;
      for (const step of steps) {
        const next = taken(window, step);
        assert.ok(next.days >= MIN_DAYS && next.days <= MAX_DAYS);
        const elapsed = (next.hours - window.hours) / 24;
        assert.ok(next.days <= window.days * 1.1 ** elapsed * (1 + 1e-12));
        assert.ok(next.days >= window.days * 0.9 ** elapsed * (1 - 1e-12));
        assert.ok(next.longer.length <= GRACE_HOURS && forgivingDays(next) >= next.days);
        assert.ok(next.churn.events >= 0 && next.churn.deviceDays >= 0);
        window = next;
      }
    }),
  );
});

test("property: one event more never makes the window longer", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), fc.nat(60), anyEvent, (steps, at, event) => {
      const more: Step[] = [...steps.slice(0, at), { kind: "event", event }, ...steps.slice(at)];
      const calm = steps.reduce(taken, NEW_HOME);
      const busy = more.reduce(taken, NEW_HOME);
      assert.ok(busy.days <= calm.days && wantedDays(busy.churn) <= wantedDays(calm.churn));
    }),
  );
});

test("property: more calm devices never make the window shorter", () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 60 }),
      fc.integer({ min: 1, max: 50 }),
      (steps, more) => {
        const few = steps.reduce(taken, NEW_HOME);
        const many = steps
          .map((step) => (step.kind === "tick" ? { ...step, devices: step.devices + more } : step))
          .reduce(taken, NEW_HOME);
        assert.ok(many.days >= few.days * (1 - 1e-12));
      },
    ),
  );
});

test("property: a window survives its JSON", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const window = steps.reduce(taken, NEW_HOME);
      assert.deepEqual(parseHomeWindow(JSON.parse(JSON.stringify(window))), window);
    }),
  );
});

test("a window out of form is refused", () => {
  const good = {
    hours: 5,
    churn: { events: 1, deviceDays: 2 },
    days: 9,
    longer: [{ until: 5, days: 10 }],
  };
  assert.deepEqual(parseHomeWindow(good), good);
  for (const bad of [
    null,
    [],
    {},
    { ...good, more: 1 },
    { ...good, hours: -1 },
    { ...good, hours: 0.5 },
    { ...good, hours: MAX_HOURS + 1 },
    { ...good, days: 2.9 },
    { ...good, days: 60.1 },
    { ...good, days: "10" },
    { ...good, days: Number.NaN },
    { ...good, churn: { events: -1, deviceDays: 0 } },
    { ...good, churn: { events: Infinity, deviceDays: 0 } },
    { ...good, churn: { events: 1, deviceDays: 1e9 } },
    { ...good, churn: { events: 1 } },
    { ...good, longer: [{ until: 6, days: 10 }] },
    { ...good, longer: Array.from({ length: 25 }, () => ({ until: 1, days: 10 })) },
  ]) {
    const failure = assert.throws(() => parseHomeWindow(bad), RegistryFailure, JSON.stringify(bad));
    assert.equal(failure.reason, "bad-form");
  }
});
