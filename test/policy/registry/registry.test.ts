import fc from "fast-check";
import { assert, test } from "#kit";
import { unix } from "../../../src/base/machine.ts";
import { STATES } from "../../../src/policy/lifecycle/table.ts";
import { parseChange, REVOCATION_REASONS } from "../../../src/policy/registry/change.ts";
import type { Change } from "../../../src/policy/registry/change.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import type { RegistryReason } from "../../../src/policy/registry/failure.ts";
import {
  blankRecord,
  MAX_GROUPS,
  MAX_KEYS,
  MAX_MACS,
  parseRecord,
  titleOf,
  withKey,
  withMac,
} from "../../../src/policy/registry/record.ts";
import type { DeviceKey, DeviceRecord } from "../../../src/policy/registry/record.ts";
import {
  applyChanges,
  changesOf,
  deviceByKey,
  deviceBySerial,
  devicesIn,
  EMPTY_REGISTRY,
  MAX_DEVICES,
  MAX_SERIALS,
} from "../../../src/policy/registry/registry.ts";
import type { Registry } from "../../../src/policy/registry/registry.ts";
import { MAX_RIGHTS } from "../../../src/policy/rights/rights.ts";

const hashOf = (n: number): string => n.toString(16).padStart(64, "0");
const serialOf = (n: number): string => (n + 0x100000).toString(16);
const DIGITS = "abcdefghijklmnopqrstuvwxyz234567";
const idOf = (n: number): string => `d${DIGITS[(n >> 5) & 31]}${DIGITS[n & 31]}aaaaaaaaaaaaa`;
const key = (n: number): DeviceKey => ({ role: "first-contact", spkiHash: hashOf(n) });
const certificate = (n: number, serial: number): DeviceKey => ({
  role: "certificate",
  spkiHash: hashOf(n),
  serial: serialOf(serial),
  issuedAt: unix(100),
  notAfter: unix(200),
});
const put = (n: number, parts: Partial<DeviceRecord> = {}): Change => ({
  kind: "put",
  record: { ...blankRecord(idOf(n), "aware", "pending"), ...parts },
});
const issued = (serial: number, device: number | null, notAfter = 200): Change => ({
  kind: "issued",
  serial: serialOf(serial),
  device: device === null ? null : idOf(device),
  spkiHash: hashOf(serial),
  notAfter: unix(notAfter),
});
const revoked = (
  serial: number,
  reason: (typeof REVOCATION_REASONS)[number],
  at = 150,
): Change => ({
  kind: "revoke-serial",
  serial: serialOf(serial),
  reason,
  at: unix(at),
});
const registryOf = (...changes: readonly Change[]): Registry =>
  applyChanges(EMPTY_REGISTRY, changes);
const refusal = (registry: Registry, ...changes: readonly Change[]): RegistryReason =>
  assert.throws(() => applyChanges(registry, changes), RegistryFailure).reason;

test("a device is found by id, by any of its keys and by any of its serials", () => {
  const registry = registryOf(
    put(1, { keys: [key(1), certificate(2, 7), certificate(2, 8)] }),
    issued(7, 1),
    issued(8, 1),
    issued(9, null),
  );
  assert.equal(deviceByKey(registry, hashOf(1))?.id, idOf(1));
  assert.equal(deviceByKey(registry, hashOf(2))?.id, idOf(1));
  assert.equal(deviceByKey(registry, hashOf(3)), null);
  assert.equal(deviceBySerial(registry, serialOf(8))?.id, idOf(1));
  assert.equal(deviceBySerial(registry, serialOf(9)), null);
  assert.equal(devicesIn(registry, "pending").length, 1);
});

test("a key that left a record finds it no more", () => {
  const before = registryOf(put(1, { keys: [key(1), key(2)] }));
  const after = applyChanges(before, [put(1, { keys: [key(2)] })]);
  assert.equal(deviceByKey(after, hashOf(1)), null);
  assert.equal(after.holders.size, 1);
  assert.equal(applyChanges(after, [{ kind: "remove", id: idOf(1) }]).holders.size, 0);
  // The registry before is a value and has not changed.
  assert.equal(deviceByKey(before, hashOf(1))?.id, idOf(1));
});

test("one key on two records holds both, whichever came first and in whichever role", () => {
  for (const changes of [
    [put(1, { keys: [key(5)] }), put(2, { keys: [key(5)] })],
    [put(2, { keys: [key(5)] }), put(1, { keys: [certificate(5, 1)] })],
  ]) {
    const registry = registryOf(...changes);
    assert.equal(registry.devices.get(idOf(1))?.alarm, "duplicate-key");
    assert.equal(registry.devices.get(idOf(2))?.alarm, "duplicate-key");
    assert.equal(deviceByKey(registry, hashOf(5))?.id, idOf(1));
  }
});

test("an alarm stays until a record without the other's key is put", () => {
  const both = registryOf(put(1, { keys: [key(5)] }), put(2, { keys: [key(5)] }));
  // Clearing it while the other still has the key raises it again.
  assert.equal(
    applyChanges(both, [put(1, { keys: [key(5)] })]).devices.get(idOf(1))?.alarm,
    "duplicate-key",
  );
  const alone = applyChanges(both, [{ kind: "remove", id: idOf(2) }]);
  assert.equal(alone.devices.get(idOf(1))?.alarm, "duplicate-key");
  assert.equal(applyChanges(alone, [put(1, { keys: [key(5)] })]).devices.get(idOf(1))?.alarm, null);
});

test("changes are applied all or none", () => {
  const before = registryOf(put(1));
  assert.equal(refusal(before, put(2), { kind: "remove", id: idOf(3) }), "no-such-device");
  assert.equal(before.devices.size, 1);
});

test("a device that may hold a valid certificate is not forgotten", () => {
  for (const state of STATES) {
    const registry = registryOf(put(1, { state }));
    const remove: Change = { kind: "remove", id: idOf(1) };
    if (["approved", "active", "dormant"].includes(state)) {
      assert.equal(refusal(registry, remove), "not-forgettable", state);
    } else assert.equal(applyChanges(registry, [remove]).devices.size, 0, state);
  }
});

test("a serial is issued once, and not after it was revoked", () => {
  const registry = registryOf(issued(1, null), revoked(2, "superseded"));
  assert.equal(refusal(registry, issued(1, null)), "serial-issued-twice");
  assert.equal(refusal(registry, issued(2, null)), "serial-issued-twice");
});

test("a revocation stands; only one for silence is replaced", () => {
  const registry = registryOf(
    issued(1, null),
    revoked(1, "keyCompromise", 150),
    revoked(1, "superseded", 160),
    issued(2, null),
    revoked(2, "cessationOfOperation", 150),
    revoked(2, "keyCompromise", 160),
  );
  const first = registry.revoked.get(serialOf(1));
  const second = registry.revoked.get(serialOf(2));
  assert.deepEqual([first?.reason, first?.at], ["keyCompromise", 150]);
  assert.deepEqual([second?.reason, second?.at, second?.notAfter], ["keyCompromise", 160, 200]);
});

test("the CRL number only rises, and so does the time floor", () => {
  const registry = registryOf(
    { kind: "crl-number", number: 7 },
    { kind: "time-floor", unix: unix(50) },
    { kind: "time-floor", unix: unix(40) },
  );
  assert.equal(registry.timeFloor, 50);
  assert.equal(refusal(registry, { kind: "crl-number", number: 7 }), "crl-number-not-higher");
});

test("certificates that ended are forgotten on both lists, those without an end stay", () => {
  const registry = registryOf(
    issued(1, null, 200),
    issued(2, null, 201),
    revoked(1, "superseded"),
    revoked(3, "superseded"),
    { kind: "forget-serials", before: unix(201) },
  );
  assert.deepEqual([...registry.issued.keys()], [serialOf(2)]);
  assert.deepEqual([...registry.revoked.keys()], [serialOf(3)]);
});

test("a certificate that ended stays known as long as its device's record has it", () => {
  const key = { role: "certificate", serial: serialOf(1), spkiHash: "a".repeat(64) } as const;
  const keys = [{ ...key, issuedAt: unix(100), notAfter: unix(200) }];
  const known = registryOf(put(1, { keys }), issued(1, 1, 200), revoked(1, "superseded"));
  const tidy: Change = { kind: "forget-serials", before: unix(999) };
  const tidied = applyChanges(known, [tidy]);
  assert.equal(tidied.issued.get(serialOf(1))?.device, idOf(1));
  assert.equal(tidied.revoked.get(serialOf(1))?.reason, "superseded");
  const gone = applyChanges(tidied, [put(1, { keys: [] }), tidy]);
  assert.deepEqual([gone.issued.size, gone.revoked.size], [0, 0]);
});

test("a home has so many devices and certificates and no more", () => {
  const devices = registryOf(...Array.from({ length: MAX_DEVICES }, (_, n) => put(n)));
  assert.equal(devices.devices.size, MAX_DEVICES);
  const one = { ...blankRecord("zzzzzzzzzzzzzzzz", "aware", "pending") };
  assert.equal(refusal(devices, { kind: "put", record: one }), "too-many-devices");
  applyChanges(devices, [put(1, { state: "denied" })]);

  const serials = registryOf(...Array.from({ length: MAX_SERIALS }, (_, n) => issued(n, null)));
  assert.equal(refusal(serials, issued(MAX_SERIALS, null)), "too-many-serials");
  const all = registryOf(
    ...Array.from({ length: MAX_SERIALS }, (_, n) => revoked(n, "superseded")),
  );
  assert.equal(refusal(all, revoked(MAX_SERIALS, "superseded")), "too-many-serials");
});

test("a record keeps the eight newest keys and MAC addresses, each once", () => {
  let record = blankRecord(idOf(1), "aware", "active");
  for (let n = 0; n < 12; n++) {
    record = withKey(record, certificate(1, n));
    record = withKey(record, certificate(1, n));
    record = withMac(record, `02:00:00:00:00:0${(n % 10).toString()}`);
  }
  assert.equal(record.keys.length, MAX_KEYS);
  assert.deepEqual(record.keys.at(-1), certificate(1, 11));
  assert.equal(record.macs.length, MAX_MACS);
  assert.equal(record.macs[0], "02:00:00:00:00:01");
  assert.equal(new Set(record.macs).size, MAX_MACS);
  parseRecord(JSON.parse(JSON.stringify(record)));
});

test("a record is called by the owner's name, else the device's, else its id", () => {
  const blank = blankRecord(idOf(1), "aware", "pending");
  const claim = { id: idOf(2), type: "lamp", name: "Lamp" };
  assert.equal(titleOf(blank), idOf(1));
  assert.equal(titleOf({ ...blank, claim }), "Lamp");
  assert.equal(titleOf({ ...blank, claim, name: { value: "Desk", by: "owner" } }), "Desk");
});

const full: DeviceRecord = {
  ...blankRecord(idOf(1), "aware", "active"),
  name: { value: "Küche", by: "owner" },
  type: { value: "lamp", by: "device" },
  claim: { id: idOf(2), type: "lamp", name: null },
  keys: [key(1), certificate(2, 3)],
  macs: ["02:00:00:00:00:01"],
  setupCode: "K7QP2M4X9RTDH3VN",
  proven: "setup-code",
  alarm: "duplicate-key",
  placement: { network: "iot", vlan: 20 },
  rights: [
    {
      target: { kind: "device", id: idOf(3) },
      allow: [{ path: "/temperature", methods: ["GET"], created: [] }],
    },
  ],
  groups: ["Küche", "lights"],
  theftLock: true,
  keyCase: "weak-known",
  firstSeen: unix(10),
  decidedAt: unix(20),
  decidedBy: "owner",
};

test("a record survives JSON, and each field missing, unknown or of another kind is refused", () => {
  const json = JSON.stringify(full);
  assert.deepEqual(parseRecord(JSON.parse(json)), full);
  const fields = Object.entries(full);
  for (const [name] of fields) {
    for (const wrong of [undefined, 7.5, "\u0000", true, { x: 1 }, [[]], -1]) {
      if (name === "theftLock" && wrong === true) continue;
      const bad = Object.fromEntries(
        fields.map(([at, value]) => [at, at === name ? wrong : value]),
      );
      assert.throws(() => parseRecord(bad), RegistryFailure, `${name} ${JSON.stringify(wrong)}`);
    }
  }
  assert.throws(() => parseRecord({ ...full, extra: null }), RegistryFailure);
});

test("a record at its bounds is read and beyond them refused", () => {
  const beyond: readonly Partial<Record<keyof DeviceRecord, unknown>>[] = [
    { keys: Array.from({ length: MAX_KEYS + 1 }, (_, n) => key(n)) },
    { macs: Array.from({ length: MAX_MACS + 1 }, () => "02:00:00:00:00:01") },
    { rights: Array.from({ length: MAX_RIGHTS + 1 }, () => full.rights[0]) },
    { groups: Array.from({ length: MAX_GROUPS + 1 }, (_, n) => `group ${n}`) },
    { groups: ["x".repeat(65)] },
    { groups: ["twice", "twice"] },
    { name: { value: "x".repeat(65), by: "owner" } },
    { placement: { network: "x".repeat(16), vlan: null } },
    { placement: { network: "lan", vlan: 4095 } },
    { setupCode: "A".repeat(33) },
    { firstSeen: 253_402_300_800 },
  ];
  for (const parts of beyond) {
    assert.throws(() => parseRecord({ ...full, ...parts }), RegistryFailure, Object.keys(parts)[0]);
  }
  parseRecord({ ...full, placement: { network: "x".repeat(15), vlan: 4094 } });
  parseRecord({ ...full, groups: Array.from({ length: MAX_GROUPS }, (_, n) => `group ${n}`) });
  parseRecord({ ...full, rights: Array.from({ length: MAX_RIGHTS }, () => full.rights[0]) });
});

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc
    .tuple(fc.nat(4), fc.array(fc.nat(5), { maxLength: 3 }), fc.constantFrom(...STATES))
    .map(([n, keys, state]) => put(n, { state, keys: [...new Set(keys)].map(key) })),
  fc.nat(4).map((n): Change => ({ kind: "remove", id: idOf(n) })),
  fc.tuple(fc.nat(5), fc.nat(4), fc.nat(300)).map(([serial, n, end]) => issued(serial, n, end)),
  fc
    .tuple(fc.nat(5), fc.constantFrom(...REVOCATION_REASONS))
    .map(([serial, reason]) => revoked(serial, reason)),
  fc.integer({ min: 1, max: 9 }).map((number): Change => ({ kind: "crl-number", number })),
  fc.nat(99).map((seconds): Change => ({ kind: "time-floor", unix: unix(seconds) })),
  fc.nat(300).map((seconds): Change => ({ kind: "forget-serials", before: unix(seconds) })),
);

test("property: a registry is the same made anew from its fewest changes, through JSON", () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 40 }), (changes) => {
      let registry = EMPTY_REGISTRY;
      for (const change of changes) {
        try {
          registry = applyChanges(registry, [change]);
        } catch (failure) {
          assert.ok(failure instanceof RegistryFailure);
        }
      }
      const written: unknown = JSON.parse(JSON.stringify(changesOf(registry)));
      assert.ok(Array.isArray(written));
      const again = applyChanges(EMPTY_REGISTRY, written.map(parseChange));
      assert.deepEqual(changesOf(again), changesOf(registry));
      assert.equal(again.holders.size, registry.holders.size);
      for (const [hash, ids] of registry.holders) assert.deepEqual(again.holders.get(hash), ids);
    }),
  );
});

test("property: any JSON is a change or bad form", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("put", "remove", "issued", "x"), (json, kind) => {
      for (const value of [json, Object.assign({}, json, { kind }), { kind, record: json }]) {
        try {
          parseChange(value);
        } catch (failure) {
          assert.ok(failure instanceof RegistryFailure);
          assert.equal(failure.reason, "bad-form");
        }
      }
    }),
  );
});
