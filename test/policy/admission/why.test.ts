import { assert, test } from "#kit";
import { blankRecord } from "../../../src/policy/registry/record.ts";
import type { DeviceClass, DeviceRecord } from "../../../src/policy/registry/record.ts";
import { STATES } from "../../../src/policy/lifecycle/table.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import {
  isPresent,
  presenceOf,
  presenceSentence,
  remedyOf,
} from "../../../src/policy/admission/why.ts";
import type { Certified, Presence, Whereabouts } from "../../../src/policy/admission/why.ts";

const record = (state: State, more: Partial<DeviceRecord> = {}): DeviceRecord => ({
  ...blankRecord("aaaaaaaaaaaaaaaa", "aware", state),
  ...more,
});
const subject = { title: "Lamp", id: "aaaaaaaaaaaaaaaa", notAfter: null };

test("a state that says it all is the answer, wherever the device is", () => {
  const rows: readonly (readonly [State, Presence])[] = [
    ["expected", "expected"],
    ["pending", "awaiting-owner"],
    ["dormant", "dormant"],
    ["denied", "denied"],
    ["revoked", "revoked"],
    ["released", "released"],
  ];
  for (const [state, presence] of rows) {
    for (const place of ["home", "quarantine", "none"] satisfies Whereabouts[]) {
      assert.equal(presenceOf(record(state), place, "good"), presence);
    }
  }
  assert.equal(presenceOf(record("approved"), "quarantine", "none"), "approved");
  assert.equal(presenceOf(record("approved"), "none", "good"), "not-joined");
  assert.equal(
    presenceOf(record("active", { alarm: "duplicate-key" }), "home", "good"),
    "duplicate-key",
  );
});

test("a member's answer comes from its place and its certificates", () => {
  const rows: readonly (readonly [Whereabouts, Certified, Presence])[] = [
    ["home", "good", "here"],
    ["none", "good", "away"],
    ["none", "ended", "certificate-ended"],
    ["none", "withdrawn", "certificate-revoked"],
    ["quarantine", "good", "lost-certificate"],
    ["quarantine", "ended", "certificate-lapsed"],
    ["quarantine", "withdrawn", "certificate-withdrawn"],
    ["quarantine", "none", "lost-certificate"],
  ];
  for (const [place, certified, presence] of rows) {
    assert.equal(presenceOf(record("active"), place, certified), presence);
  }
  for (const kind of ["legacy", "wired"] satisfies DeviceClass[]) {
    const caged = { ...record("active"), class: kind };
    assert.equal(presenceOf(caged, "quarantine", "none"), "caged");
    assert.equal(presenceOf(caged, "none", "none"), "away");
  }
});

test("each answer is one sentence about the device, and each remedy is possible in its state", () => {
  for (const state of STATES) {
    for (const place of ["home", "quarantine", "none"] satisfies Whereabouts[]) {
      for (const certified of ["good", "ended", "withdrawn", "none"] satisfies Certified[]) {
        const presence = presenceOf(record(state), place, certified);
        assert.match(presenceSentence(presence, subject), /Lamp[^\n]*\.$/u);
        if (remedyOf(presence) !== null) assert.ok(!isPresent(presence), presence);
        if (remedyOf(presence) === "approve") assert.ok(state === "pending" || state === "denied");
        if (remedyOf(presence) === "readmit")
          assert.ok(state === "revoked" || state === "released");
      }
    }
  }
});
