import fc from "fast-check";
import { assert, test } from "#kit";
import { unix } from "../../../src/base/machine.ts";
import { dayText, sentence } from "../../../src/policy/admission/reasons.ts";
import type { Reason } from "../../../src/policy/admission/reasons.ts";
import { END } from "./peers.ts";

// A record over the union: a reason that is missing here does not compile.
const REASONS: Readonly<Record<Reason, "Admitted" | "Held" | "Refused">> = {
  joined: "Admitted",
  "certificate-on-record": "Admitted",
  "new-device": "Held",
  "awaiting-owner": "Held",
  "weak-key": "Held",
  approved: "Held",
  "lost-certificate": "Held",
  dormant: "Held",
  "certificate-withdrawn": "Held",
  "certificate-lapsed": "Held",
  "certificate-not-on-record": "Held",
  "duplicate-key": "Held",
  "time-unknown": "Held",
  "nothing-proven": "Held",
  "release-waits": "Held",
  caged: "Held",
  denied: "Refused",
  revoked: "Refused",
  released: "Refused",
  "certificate-revoked": "Refused",
  "certificate-ended": "Refused",
  "setup-proof-wrong": "Refused",
  "onboarding-closed": "Refused",
  "too-many-conversations": "Refused",
  "too-many-pending": "Refused",
  "unknown-address": "Refused",
  "not-approved": "Refused",
  "backing-off": "Refused",
  "internal-error": "Refused",
};
// Object.keys gives strings; the record's keys are the reasons by its type.
const reasons = Object.keys(REASONS) as Reason[];

test("every reason is one sentence that says what happened and, unless all is well, what to do", () => {
  const subject = { title: "kitchen-lamp", id: "deviceaaaaaaaaaa", notAfter: END };
  const said = reasons.map((reason) => sentence(reason, subject));
  for (const [at, reason] of reasons.entries()) {
    assert.match(said[at]!, new RegExp(`^${REASONS[reason]} [^\\n]+\\.$`), reason);
    assert.ok(REASONS[reason] === "Admitted" || said[at]!.includes("; "), reason);
  }
  assert.equal(new Set(said).size, reasons.length);
  assert.match(
    sentence("certificate-ended", subject),
    /^Refused kitchen-lamp: its certificate ended on 3 May 2027; run `homeca issue deviceaaaaaaaaaa --p12 FILE`/,
  );
});

test("a device's name cannot break out of its sentence", () => {
  const subject = { title: "x\n\u202eAdmitted root", id: "deviceaaaaaaaaaa", notAfter: null };
  for (const reason of reasons) assert.ok(!/[\n\u202e]/.test(sentence(reason, subject)), reason);
  assert.match(sentence("denied", subject), /^Refused x\\x0a\\u\{202e\}Admitted root: /);
});

test("days are those of the calendar", () => {
  const days: readonly (readonly [number, string])[] = [
    [0, "1 January 1970"],
    [86_399, "1 January 1970"],
    [86_400, "2 January 1970"],
    [951_782_400, "29 February 2000"],
    [1_709_164_800, "29 February 2024"],
    [1_709_251_200, "1 March 2024"],
    [4_107_542_400, "1 March 2100"],
    [253_402_300_799, "31 December 9999"],
  ];
  for (const [time, text] of days) assert.equal(dayText(unix(time)), text);
});

test("property: days follow one another and the calendar never gets stuck", () => {
  const shape =
    /^([1-9]|[12][0-9]|3[01]) (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}$/;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 90_000 }), (day) => {
      const today = dayText(unix(day * 86_400));
      assert.match(today, shape);
      const number = Number(shape.exec(today)![1]);
      const next = Number(shape.exec(dayText(unix((day + 1) * 86_400)))![1]);
      assert.ok(next === number + 1 || (next === 1 && number >= 28));
    }),
  );
});
