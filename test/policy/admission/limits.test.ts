import { assert, test } from "#kit";
import { mono } from "../../../src/base/machine.ts";
import {
  MAX_CONVERSATIONS,
  MAX_NAS,
  MAX_REFUSED,
  OnboardingLimits,
  WINDOW_MS,
} from "../../../src/policy/admission/limits.ts";

const begun = (limits: OnboardingLimits, nas: string, at: number): boolean =>
  limits.begin(nas, mono(at));

test("five conversations a minute for each NAS, and the sixth when the first is a minute old", () => {
  const limits = new OnboardingLimits();
  for (let n = 0; n < MAX_CONVERSATIONS; n++) assert.ok(begun(limits, "a", n));
  assert.ok(!begun(limits, "a", 10));
  assert.ok(begun(limits, "b", 10));
  assert.ok(!begun(limits, "a", WINDOW_MS - 1));
  assert.ok(begun(limits, "a", WINDOW_MS));
  assert.ok(!begun(limits, "a", WINDOW_MS));
});

test("refusals double the wait from a minute to an hour, and are forgotten an hour after it", () => {
  const limits = new OnboardingLimits();
  let at = 0;
  const waits: number[] = [];
  for (let n = 0; n < 8; n++) {
    const seconds = limits.refuse("k", mono(at));
    waits.push(seconds);
    assert.equal(limits.backoffSeconds("k", mono(at)), seconds);
    assert.equal(limits.backoffSeconds("k", mono(at + 1)), seconds);
    at += seconds * 1000;
    assert.equal(limits.backoffSeconds("k", mono(at - 1)), 1);
    assert.equal(limits.backoffSeconds("k", mono(at)), 0);
  }
  assert.deepEqual(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
  assert.equal(limits.refusals("k", mono(at + 3_599_999)), 8);
  assert.equal(limits.refusals("k", mono(at + 3_600_000)), 0);
  assert.equal(limits.refuse("k", mono(at + 3_600_000)), 60);
});

test("the owner's yes ends the wait", () => {
  const limits = new OnboardingLimits();
  limits.refuse("k", mono(0));
  limits.forgive("k");
  assert.equal(limits.backoffSeconds("k", mono(0)), 0);
});

test("both tables stay at their bounds, and the entry untouched for longest goes", () => {
  const limits = new OnboardingLimits();
  for (let n = 0; n < MAX_REFUSED; n++) limits.refuse(`k${n}`, mono(n));
  for (let n = 0; n < MAX_NAS; n++) limits.begin(`n${n}`, mono(n));
  assert.equal(limits.size, MAX_REFUSED + MAX_NAS);
  limits.refuse("k0", mono(1000));
  for (let n = 0; n < 10; n++) {
    limits.refuse(`new${n}`, mono(2000));
    limits.begin(`new${n}`, mono(2000));
  }
  assert.equal(limits.size, MAX_REFUSED + MAX_NAS);
  assert.equal(limits.refusals("k0", mono(2000)), 2);
  assert.equal(limits.refusals("k1", mono(2000)), 0);
  assert.equal(limits.refusals("new9", mono(2000)), 1);
});

test("a limit set anew counts what has begun", () => {
  const limits = new OnboardingLimits(2);
  assert.ok(begun(limits, "a", 0) && begun(limits, "a", 0) && !begun(limits, "a", 0));
  limits.conversationsPerMinute = 3;
  assert.ok(begun(limits, "a", 0) && !begun(limits, "a", 0));
});
