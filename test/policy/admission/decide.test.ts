import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { decide } from "../../../src/policy/admission/decide.ts";
import { LONGEST_BACKOFF_SECONDS } from "../../../src/policy/admission/limits.ts";
import type { Decision, Now, Proof, Rules, Standing } from "../../../src/policy/admission/proof.ts";
import { STATES } from "../../../src/policy/lifecycle/table.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import type { RevocationReason } from "../../../src/policy/registry/change.ts";
import { REVOCATION_REASONS } from "../../../src/policy/registry/change.ts";
import { blankRecord, recordId } from "../../../src/policy/registry/record.ts";
import type { Claim, DeviceKey, DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import { BEGIN, END, selfSignedPeer, verifiedPeer } from "./peers.ts";

const rules: Rules = {
  placement: { network: "lan", vlan: 10 },
  sessionSeconds: 3600,
  quarantineSeconds: 120,
  maxPending: 20,
  onboarding: true,
};
const now: Now = { mono: mono(1000), unix: unix(BEGIN + 100) };
const standing: Standing = { mayBegin: true, backoffSeconds: 0, refusals: 0, pending: 0 };

const member = verifiedPeer("member");
const stranger = selfSignedPeer("stranger");
const MEMBER_KEY: DeviceKey = {
  role: "certificate",
  spkiHash: member.spkiHash,
  serial: member.serial,
  issuedAt: BEGIN,
  notAfter: END,
};
const FIRST_KEY: DeviceKey = { role: "first-contact", spkiHash: stranger.spkiHash };
const CLAIM: Claim = { id: "claimedaaaaaaaaa", type: "lamp", name: "Kitchen" };
const ID = recordId(hex(stranger.spkiHash));

const recordIn = (state: State, ...keys: readonly DeviceKey[]): DeviceRecord => ({
  ...blankRecord(ID, "aware", state),
  keys,
});
const certificate = (revoked: RevocationReason | null = null): Proof => ({
  kind: "certificate",
  peer: member,
  revoked,
});
const lapsed = (revoked: RevocationReason | null = null): Proof => ({
  kind: "lapsed",
  serial: member.serial,
  spkiHash: member.spkiHash,
  notAfter: END,
  revoked,
});
const firstContact = (parts: Partial<Proof & { readonly kind: "first-contact" }> = {}): Proof => ({
  kind: "first-contact",
  peer: stranger,
  inner: CLAIM,
  weakKey: false,
  setupProofValid: null,
  absorbs: null,
  mac: "02:00:00:00:00:01",
  ...parts,
});
const reasonOf = (proof: Proof, record: DeviceRecord | null, at: Now = now): string => {
  const { kind, reason } = decide(proof, record, rules, at, standing);
  return `${kind} ${reason}`;
};
const stored = ({ changes }: Decision): DeviceRecord => {
  const [change, ...more] = changes;
  assert.ok(change?.kind === "put" && more.length === 0);
  return change.record;
};

test("a certificate on the record is admitted or not by the device's state alone", () => {
  const byState = STATES.map((state) => reasonOf(certificate(), recordIn(state, MEMBER_KEY)));
  assert.deepEqual(byState, [
    "quarantine awaiting-owner",
    "quarantine awaiting-owner",
    "admit joined",
    "admit certificate-on-record",
    "quarantine dormant",
    "reject denied",
    "reject revoked",
    "reject released",
  ]);
});

test("a device's own key is never admitted, whatever its state", () => {
  const byState = STATES.map((state) => reasonOf(firstContact(), recordIn(state, FIRST_KEY)));
  assert.deepEqual(byState, [
    "quarantine approved",
    "quarantine awaiting-owner",
    "quarantine approved",
    "quarantine lost-certificate",
    "quarantine lost-certificate",
    "reject denied",
    "reject revoked",
    "reject released",
  ]);
});

test("EAP-TLS with a self-signed certificate is first contact without a claim", () => {
  const decision = decide(firstContact({ inner: null }), null, rules, now, standing);
  assert.deepEqual([decision.kind, decision.reason], ["quarantine", "new-device"]);
  assert.deepEqual(stored(decision).claim, null);
});

test("an unknown device is held in quarantine for two minutes and waits for its owner", () => {
  const decision = decide(firstContact(), null, rules, now, standing);
  assert.ok(decision.kind === "quarantine");
  assert.equal(decision.reason, "new-device");
  assert.equal(decision.sessionSeconds, 120);
  assert.deepEqual(stored(decision), {
    ...blankRecord(ID, "aware", "pending"),
    name: { value: "Kitchen", by: "device" },
    type: { value: "lamp", by: "device" },
    claim: CLAIM,
    keys: [FIRST_KEY],
    macs: ["02:00:00:00:00:01"],
    firstSeen: now.unix,
  });
});

test("the first admission makes the device active and goes where its record says", () => {
  const record = { ...recordIn("approved", MEMBER_KEY), placement: { network: "iot", vlan: null } };
  const decision = decide(certificate(), record, rules, now, standing);
  assert.ok(decision.kind === "admit");
  assert.deepEqual(decision.placement, { network: "iot", vlan: null });
  assert.equal(decision.peer, member);
  assert.equal(stored(decision).state, "active");
  assert.equal(stored(decision).firstSeen, now.unix);
});

test("a later admission stores nothing: flash wears", () => {
  const decision = decide(certificate(), recordIn("active", MEMBER_KEY), rules, now, standing);
  assert.ok(decision.kind === "admit");
  assert.deepEqual(decision.placement, rules.placement);
  assert.deepEqual(decision.changes, []);
});

test("a session does not outlive the certificate", () => {
  const active = recordIn("active", MEMBER_KEY);
  for (const [left, seconds] of [
    [7200, 3600],
    [3600, 3600],
    [90, 90],
    [0, 1],
  ] as const) {
    const decision = decide(
      certificate(),
      active,
      rules,
      { ...now, unix: unix(END - left) },
      standing,
    );
    assert.ok(decision.kind === "admit");
    assert.equal(decision.sessionSeconds, seconds, `${left} seconds left`);
  }
});

test("without the time nobody is admitted", () => {
  const timeless = { ...now, unix: null };
  assert.equal(
    reasonOf(certificate(), recordIn("active", MEMBER_KEY), timeless),
    "quarantine time-unknown",
  );
  // And a stranger is remembered without a date.
  const decision = decide(firstContact(), null, rules, timeless, standing);
  assert.equal(stored(decision).firstSeen, null);
});

test("a certificate that ended renews itself in quarantine where the device can, and is refused where not", () => {
  const aware = recordIn("active", MEMBER_KEY);
  const phone: DeviceRecord = { ...aware, class: "certificate" };
  const after = { ...now, unix: unix(END + 1) };
  assert.equal(reasonOf(lapsed(), aware), "quarantine certificate-lapsed");
  assert.equal(reasonOf(lapsed(), phone), "reject certificate-ended");
  assert.equal(reasonOf(certificate(), aware, after), "quarantine certificate-lapsed");
  assert.equal(reasonOf(certificate(), phone, after), "reject certificate-ended");
  assert.equal(reasonOf(lapsed(), null), "quarantine certificate-not-on-record");
  for (const state of ["denied", "revoked", "released"] as const) {
    assert.equal(reasonOf(lapsed(), recordIn(state, MEMBER_KEY)), `reject ${state}`);
  }
});

test("a revoked certificate is rejected; one withdrawn for silence may prove in quarantine that it lives", () => {
  for (const revoked of REVOCATION_REASONS) {
    const silent = revoked === "cessationOfOperation";
    for (const state of ["approved", "active", "dormant"] as const) {
      const record = recordIn(state, MEMBER_KEY);
      const decision = decide(certificate(revoked), record, rules, now, standing);
      assert.equal(decision.kind, silent ? "quarantine" : "reject", `${revoked} ${state}`);
    }
    assert.equal(
      reasonOf(lapsed(revoked), recordIn("dormant", MEMBER_KEY)),
      silent ? "quarantine certificate-lapsed" : "reject certificate-revoked",
    );
    assert.equal(
      reasonOf(certificate(revoked), null),
      silent ? "quarantine certificate-not-on-record" : "reject certificate-revoked",
    );
  }
});

test("a certificate of ours that no record has is held, not admitted", () => {
  const otherSerial: DeviceKey = { ...MEMBER_KEY, serial: "0b" };
  const otherKey: DeviceKey = { ...MEMBER_KEY, spkiHash: stranger.spkiHash };
  for (const record of [
    null,
    recordIn("active"),
    recordIn("active", otherSerial),
    recordIn("active", otherKey),
  ]) {
    assert.equal(reasonOf(certificate(), record), "quarantine certificate-not-on-record");
  }
});

test("an alarm holds a device in quarantine in every state that would let it in", () => {
  for (const state of STATES) {
    const alarmed: DeviceRecord = {
      ...recordIn(state, MEMBER_KEY, FIRST_KEY),
      alarm: "duplicate-key",
    };
    for (const proof of [certificate(), lapsed(), firstContact({ setupProofValid: true })]) {
      const ended = ["denied", "revoked", "released"].includes(state);
      assert.equal(
        reasonOf(proof, alarmed),
        ended ? `reject ${state}` : "quarantine duplicate-key",
      );
    }
  }
});

test("an imported key approves by itself, and what the list said stays", () => {
  const expected: DeviceRecord = {
    ...recordIn("expected", FIRST_KEY),
    name: { value: "Door", by: "import" },
  };
  const decision = decide(firstContact(), expected, rules, now, standing);
  const record = stored(decision);
  assert.deepEqual([decision.kind, decision.reason], ["quarantine", "approved"]);
  assert.deepEqual([record.state, record.proven], ["approved", "imported-key"]);
  assert.deepEqual([record.decidedAt, record.decidedBy], [now.unix, "imported-key"]);
  assert.deepEqual(record.name, { value: "Door", by: "import" });
  assert.deepEqual(record.type, { value: "lamp", by: "device" });
});

test("a valid setup proof approves an expected and a pending device, and brings its key onto the record", () => {
  for (const state of ["expected", "pending"] as const) {
    const record: DeviceRecord = {
      ...recordIn(state),
      claim: CLAIM,
      setupCode: "K7QP2M4X9RTDH3VN",
    };
    const proven = stored(
      decide(firstContact({ setupProofValid: true }), record, rules, now, standing),
    );
    assert.deepEqual([proven.state, proven.proven], ["approved", "setup-code"]);
    assert.deepEqual(proven.keys, [FIRST_KEY]);
  }
});

test("without proof and without its imported key an expected device is not approved", () => {
  assert.equal(reasonOf(firstContact(), recordIn("expected")), "quarantine awaiting-owner");
});

test("a wrong setup proof is rejected, known or not", () => {
  const proof = firstContact({ setupProofValid: false });
  for (const record of [null, recordIn("expected", FIRST_KEY), recordIn("pending", FIRST_KEY)]) {
    assert.equal(reasonOf(proof, record), "reject setup-proof-wrong");
  }
});

test("a device that takes in an expected record leaves one record", () => {
  const pending = recordIn("pending", FIRST_KEY);
  const listed = {
    ...blankRecord("expectedaaaaaaaa", "aware", "expected"),
    setupCode: "K7QP2M4X9RTDH3VN",
  };
  const before = applyChanges(EMPTY_REGISTRY, [
    { kind: "put", record: pending },
    { kind: "put", record: listed },
  ]);
  const proof = firstContact({ setupProofValid: true, absorbs: listed.id });
  const { changes } = decide(proof, pending, rules, now, standing);
  const after = applyChanges(before, changes);
  assert.deepEqual([...after.devices.keys()], [ID]);
  assert.equal(after.devices.get(ID)?.state, "approved");
});

test("a second device with the key of one on its way in raises the alarm", () => {
  const other: Claim = { ...CLAIM, id: "otheraaaaaaaaaaa" };
  for (const state of ["expected", "pending", "approved"] as const) {
    const decision = decide(
      firstContact({ inner: other, setupProofValid: null }),
      { ...recordIn(state, FIRST_KEY), claim: CLAIM },
      rules,
      now,
      standing,
    );
    assert.deepEqual([decision.kind, decision.reason], ["quarantine", "duplicate-key"]);
    assert.equal(stored(decision).alarm, "duplicate-key");
  }
});

test("whoever has an active device's retired first key brings no alarm upon it", () => {
  const other: Claim = { ...CLAIM, id: "otheraaaaaaaaaaa" };
  for (const state of ["active", "dormant"] as const) {
    const record: DeviceRecord = { ...recordIn(state, FIRST_KEY, MEMBER_KEY), claim: CLAIM };
    const decision = decide(firstContact({ inner: other }), record, rules, now, standing);
    assert.deepEqual([decision.kind, decision.reason], ["quarantine", "lost-certificate"]);
    assert.deepEqual(decision.changes, []);
  }
});

test("over the limits a stranger is rejected and nothing of it is stored", () => {
  const over: readonly (readonly [string, Rules, Standing])[] = [
    ["onboarding-closed", { ...rules, onboarding: false }, standing],
    ["too-many-conversations", rules, { ...standing, mayBegin: false }],
    ["too-many-pending", rules, { ...standing, pending: 20 }],
    ["backing-off", rules, { ...standing, backoffSeconds: 37 }],
  ];
  for (const [reason, house, stand] of over) {
    const decision = decide(firstContact(), null, house, now, stand);
    assert.deepEqual([decision.kind, decision.reason], ["reject", reason]);
    assert.deepEqual(decision.changes, []);
    // A member is not held up by strangers.
    const active = recordIn("active", MEMBER_KEY);
    assert.equal(decide(certificate(), active, house, now, stand).kind, "admit", reason);
  }
  const last = { ...standing, pending: 19 };
  assert.equal(decide(firstContact(), null, rules, now, last).kind, "quarantine");
});

test("a refused stranger is told how long to stay away: minutes, doubling, an hour at most", () => {
  const wait = (refusals: number): number => {
    const decision = decide(firstContact(), recordIn("denied"), rules, now, {
      ...standing,
      refusals,
    });
    assert.ok(decision.kind === "reject");
    return decision.backoffSeconds;
  };
  assert.deepEqual([0, 1, 2, 5, 6, 1e9].map(wait), [
    60,
    120,
    240,
    1920,
    3600,
    LONGEST_BACKOFF_SECONDS,
  ]);
  const waiting = decide(firstContact(), null, rules, now, { ...standing, backoffSeconds: 37 });
  assert.ok(waiting.kind === "reject");
  assert.equal(waiting.backoffSeconds, 37);
});

test("a peer without any key sees quarantine within the limits, and no more", () => {
  assert.equal(reasonOf({ kind: "none" }, null), "quarantine nothing-proven");
  for (const stand of [
    { ...standing, mayBegin: false },
    { ...standing, backoffSeconds: 1 },
  ]) {
    assert.equal(decide({ kind: "none" }, null, rules, now, stand).kind, "reject");
  }
  assert.equal(
    decide({ kind: "none" }, null, { ...rules, onboarding: false }, now, standing).kind,
    "reject",
  );
});

test("whatever throws is a reject that keeps what was thrown for the log", () => {
  const bad = selfSignedPeer("stranger");
  Object.defineProperty(bad, "spkiHash", {
    get() {
      throw new TypeError("broken");
    },
  });
  const decision = decide(firstContact({ peer: bad }), null, rules, now, standing);
  assert.ok(decision.kind === "reject");
  assert.equal(decision.reason, "internal-error");
  assert.ok(decision.fault instanceof TypeError);
});

test("only path validation makes what an admission needs", () => {
  const peer = { serial: "0a", spkiHash: member.spkiHash, leaf: member.leaf };
  // @ts-expect-error an object literal is no VerifiedPeer
  const forged: Proof = { kind: "certificate", peer, revoked: null };
  assert.equal(forged.kind, "certificate");
});

test("every combination of proof, state and standing is decided, and yes takes a certificate of an approved device", () => {
  const proofs = [
    certificate(),
    ...REVOCATION_REASONS.map(certificate),
    lapsed(),
    ...REVOCATION_REASONS.map(lapsed),
    ...[null, true, false].map((setupProofValid) => firstContact({ setupProofValid })),
    { kind: "none" } as const,
    { kind: "address", mac: "02:00:00:00:00:01", medium: "wireless" } as const,
    { kind: "address", mac: "02:00:00:00:00:01", medium: "wired" } as const,
  ];
  const records = [null, ...STATES.map((state) => recordIn(state, MEMBER_KEY, FIRST_KEY))];
  let admitted = 0;
  for (const proof of proofs) {
    for (const record of records) {
      for (const stand of [
        standing,
        { mayBegin: false, backoffSeconds: 9, refusals: 3, pending: 99 },
      ]) {
        for (const at of [now, { ...now, unix: null }]) {
          const decision = decide(proof, record, rules, at, stand);
          assert.notEqual(decision.reason, "internal-error");
          if (decision.kind !== "admit") continue;
          admitted++;
          assert.ok(proof.kind === "certificate" && proof.revoked === null && at.unix !== null);
          assert.ok(record?.state === "approved" || record?.state === "active");
        }
      }
    }
  }
  assert.equal(admitted, 4);
});

test("an imported key that anybody may hold proves nothing: the owner decides, or the code does", () => {
  const listed = recordIn("expected", FIRST_KEY);
  const weak = { weakKey: true } as const;
  const decision = decide(firstContact(weak), listed, rules, now, standing);
  assert.deepEqual([decision.kind, decision.reason], ["quarantine", "weak-key"]);
  const record = stored(decision);
  assert.deepEqual([record.state, record.proven, record.claim], ["pending", "nothing", CLAIM]);
  assert.equal(reasonOf(firstContact(weak), record), "quarantine awaiting-owner");

  const byCode = decide(
    firstContact({ ...weak, setupProofValid: true }),
    listed,
    rules,
    now,
    standing,
  );
  assert.equal(byCode.reason, "approved");
  assert.deepEqual([stored(byCode).state, stored(byCode).proven], ["approved", "setup-code"]);
});
