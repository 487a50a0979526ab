import { assert, providers, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { matchFirstContact } from "../../../src/policy/admission/match.ts";
import type { Match } from "../../../src/policy/admission/match.ts";
import { setupProof } from "../../../src/policy/admission/setup.ts";
import { STATES } from "../../../src/policy/lifecycle/table.ts";
import { blankRecord } from "../../../src/policy/registry/record.ts";
import type { Claim, DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";

const crypto = providers[0]!;
const KEY = "ab".repeat(32);
const CODE = "K7QP2M4X9RTDH3VN";
const OTHER_CODE = "AAAAAAAAAAAAAAAA";
const base = (scalar: Uint8Array): Uint8Array => crypto.p256.base(scalar);
const STRONG = base(crypto.generateScalar("P-256", seeded("strong")));
const CLAIM: Claim = { id: "claimedaaaaaaaaa", type: "lamp", name: "Kitchen" };
const proofOf = (code: string): Uint8Array => utf8(setupProof(crypto, code, hex(KEY)));

const expected: DeviceRecord = {
  ...blankRecord("expectedaaaaaaaa", "aware", "expected"),
  claim: { ...CLAIM, name: null },
  setupCode: CODE,
  name: { value: "Door", by: "import" },
  placement: { network: "iot", vlan: null },
};
const known = (parts: Partial<DeviceRecord>): DeviceRecord => ({
  ...blankRecord("knownaaaaaaaaaaa", "aware", "pending"),
  keys: [{ role: "first-contact", spkiHash: KEY }],
  name: { value: "Kitchen", by: "device" },
  ...parts,
});
function match(
  records: readonly DeviceRecord[],
  password: Uint8Array | null,
  inner: Claim | null = CLAIM,
  point: Uint8Array = STRONG,
): Match {
  const registry = applyChanges(
    EMPTY_REGISTRY,
    records.map((record) => ({ kind: "put", record })),
  );
  const peer = { spkiHash: KEY, publicKey: { kind: "ec", curve: "P-256", point } } as const;
  return matchFirstContact(registry, crypto, { peer, inner, password });
}

test("nobody knows the key and nobody is expected: no record, nothing to check", () => {
  const nothing = { record: null, setupProofValid: null, weakKey: false, absorbs: null };
  for (const password of [null, utf8("none"), proofOf(CODE)]) {
    assert.deepEqual(match([], password), nothing);
  }
  assert.deepEqual(match([], null, null), nothing);
});

test("a claimed id alone finds nothing; with the proof of its code it finds the expected record", () => {
  for (const password of [null, utf8("none")]) {
    assert.deepEqual(match([expected], password), {
      record: null,
      setupProofValid: null,
      weakKey: false,
      absorbs: null,
    });
  }
  assert.deepEqual(match([expected], proofOf(CODE)), {
    record: expected,
    setupProofValid: true,
    weakKey: false,
    absorbs: null,
  });
  assert.deepEqual(match([expected], proofOf(OTHER_CODE)), {
    record: null,
    setupProofValid: false,
    weakKey: false,
    absorbs: null,
  });
  // The code is right and the claimed id is not: no expected record was named.
  const elsewhere = { ...CLAIM, id: "elsewhereaaaaaaa" };
  assert.equal(match([expected], proofOf(CODE), elsewhere).setupProofValid, null);
});

test("a code finds expected devices alone: it does not bring a new key onto any other record", () => {
  for (const state of STATES.filter((state) => state !== "expected")) {
    const found = match([{ ...expected, state }], proofOf(CODE));
    assert.deepEqual([found.record, found.setupProofValid], [null, null], state);
  }
});

test("a known key finds its record, and its code is checked where it has one", () => {
  const coded = known({ setupCode: CODE });
  assert.deepEqual(match([coded], proofOf(CODE)).setupProofValid, true);
  assert.deepEqual(match([coded], proofOf(OTHER_CODE)).setupProofValid, false);
  assert.deepEqual(match([coded], utf8("none")).setupProofValid, null);
  assert.deepEqual(match([coded], null).record, coded);
  assert.deepEqual(match([known({})], proofOf(CODE)).setupProofValid, null);
});

test("a pending device whose code was imported later takes in the expected record", () => {
  const pending = known({});
  const { record, setupProofValid, absorbs } = match([pending, expected], proofOf(CODE));
  assert.deepEqual([setupProofValid, absorbs, record?.id], [true, expected.id, pending.id]);
  assert.equal(record?.setupCode, CODE);
  assert.deepEqual(record?.name, { value: "Door", by: "import" });
  assert.deepEqual(record?.placement, expected.placement);
  // With a wrong proof it stays what it was, and the proof was wrong.
  const wrong = match([pending, expected], proofOf(OTHER_CODE));
  assert.deepEqual([wrong.record, wrong.setupProofValid, wrong.absorbs], [pending, false, null]);
});

test("a record that is not pending takes in nothing", () => {
  for (const state of STATES.filter((state) => state !== "pending")) {
    const found = match([known({ state }), expected], proofOf(CODE));
    assert.deepEqual([found.record?.id, found.absorbs], ["knownaaaaaaaaaaa", null], state);
  }
});

test("a key is looked at where it would be enough: on the record of an expected device", () => {
  const weak = base(hex("02".padStart(64, "0")));
  assert.equal(match([known({ state: "expected" })], null, CLAIM, weak).weakKey, true);
  assert.equal(match([known({ state: "expected" })], null).weakKey, false);
  assert.equal(match([known({ state: "approved" })], null, CLAIM, weak).weakKey, false);
  assert.equal(match([], null, CLAIM, weak).weakKey, false);
});
