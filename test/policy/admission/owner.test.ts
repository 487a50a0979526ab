import { assert, test } from "#kit";
import { unix } from "../../../src/base/machine.ts";
import { PENDING_SECONDS } from "../../../src/policy/admission/limits.ts";
import {
  approve,
  comeBack,
  deny,
  fallDormant,
  forget,
  readmit,
  tidyPending,
  withdraw,
} from "../../../src/policy/admission/owner.ts";
import { LifecycleFailure } from "../../../src/policy/lifecycle/step.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import type { Change } from "../../../src/policy/registry/change.ts";
import { blankRecord } from "../../../src/policy/registry/record.ts";
import type { DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";

const NOW = unix(1_800_000_000);
const word = { by: "owner", at: NOW };
const recordIn = (state: State, parts: Partial<DeviceRecord> = {}): DeviceRecord => ({
  ...blankRecord("deviceaaaaaaaaaa", "aware", state),
  ...parts,
});
const first = ([change]: readonly Change[]): DeviceRecord => {
  assert.ok(change?.kind === "put");
  return change.record;
};
const KEYS: DeviceRecord["keys"] = [
  { role: "first-contact", spkiHash: "aa".repeat(32) },
  {
    role: "certificate",
    spkiHash: "bb".repeat(32),
    serial: "01",
    issuedAt: unix(1),
    notAfter: unix(NOW - 1),
  },
  {
    role: "certificate",
    spkiHash: "bb".repeat(32),
    serial: "02",
    issuedAt: unix(1),
    notAfter: unix(NOW + 9),
  },
];

test("approval is noted with who and when, and what was proven before stays", () => {
  const approved = first(approve(recordIn("pending"), word));
  assert.deepEqual(
    [approved.state, approved.proven, approved.decidedBy, approved.decidedAt],
    ["approved", "owner", "owner", NOW],
  );
  const proven = first(approve(recordIn("denied", { proven: "setup-code" }), word));
  assert.deepEqual([proven.state, proven.proven], ["approved", "setup-code"]);
  assert.throws(() => approve(recordIn("active"), word), LifecycleFailure);
});

test("a pending device is denied, an active one is not: it is revoked", () => {
  assert.equal(first(deny(recordIn("pending"), word)).state, "denied");
  assert.throws(() => deny(recordIn("active"), word), LifecycleFailure);
});

test("revoking and releasing withdraw every certificate that has not ended", () => {
  for (const [event, state] of [
    ["revoke", "revoked"],
    ["release", "released"],
  ] as const) {
    const [record, ...serials] = withdraw(
      recordIn("active", { keys: KEYS }),
      event,
      "keyCompromise",
      "owner",
      NOW,
    );
    assert.equal(first([record!]).state, state);
    assert.deepEqual(serials, [
      { kind: "revoke-serial", serial: "02", reason: "keyCompromise", at: NOW },
    ]);
  }
});

test("a dormant device's certificates are withdrawn for silence alone", () => {
  const [record, serial, ...more] = fallDormant(recordIn("active", { keys: KEYS }), NOW);
  assert.equal(first([record!]).state, "dormant");
  assert.deepEqual(serial, {
    kind: "revoke-serial",
    serial: "02",
    reason: "cessationOfOperation",
    at: NOW,
  });
  assert.equal(more.length, 0);
});

test("a device that comes back keeps what it had, and only a dormant one can", () => {
  const dormant = recordIn("dormant", { keys: KEYS });
  assert.deepEqual(comeBack(dormant), { ...dormant, state: "active" });
  assert.throws(() => comeBack(recordIn("revoked")), LifecycleFailure);
});

test("a device that is forgotten ends, and with it what its owner made for it while it was away", () => {
  const dormant = recordIn("dormant", { keys: KEYS });
  const [ended, serial, gone, ...more] = forget(dormant, NOW);
  assert.equal(first([ended!]).state, "released");
  assert.ok(serial?.kind === "revoke-serial" && serial.reason === "privilegeWithdrawn");
  assert.deepEqual(gone, { kind: "remove", id: dormant.id });
  assert.equal(more.length, 0);
  const before = applyChanges(EMPTY_REGISTRY, [{ kind: "put", record: dormant }]);
  assert.equal(applyChanges(before, forget(dormant, NOW)).devices.size, 0);
});

test("a readmitted device begins as on its first day, without its certificates", () => {
  const before = recordIn("revoked", { keys: KEYS, proven: "setup-code", firstSeen: unix(1) });
  const after = first(readmit(before, word));
  assert.deepEqual([after.state, after.proven, after.firstSeen], ["pending", "nothing", NOW]);
  assert.deepEqual(after.keys, KEYS.slice(0, 1));
});

test("pending records are forgotten after a day; those without a date or from the future begin theirs now", () => {
  const ids = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc", "dddddddddddddddd"];
  const dates = [NOW - PENDING_SECONDS, NOW - PENDING_SECONDS + 1, null, NOW + 1];
  const registry = applyChanges(EMPTY_REGISTRY, [
    ...ids.map((id, at): Change => {
      const date = dates[at] ?? null;
      const firstSeen = date === null ? null : unix(date);
      return { kind: "put", record: { ...blankRecord(id, "aware", "pending"), firstSeen } };
    }),
    { kind: "put", record: recordIn("denied", { firstSeen: unix(1) }) },
  ]);
  const tidy = tidyPending(registry, NOW);
  assert.deepEqual(
    tidy.map((change) => [change.kind, change.kind === "put" ? change.record.firstSeen : null]),
    [
      ["remove", null],
      ["put", NOW],
      ["put", NOW],
    ],
  );
  const after = applyChanges(registry, tidy);
  assert.deepEqual([...after.devices.keys()], [...ids.slice(1), "deviceaaaaaaaaaa"]);
  assert.deepEqual(tidyPending(after, NOW), []);
});
