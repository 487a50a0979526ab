/** Devices that come by their address: what an address opens, and all that it does not. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { decide } from "../../../src/policy/admission/decide.ts";
import type { Now, Proof, Rules, Standing } from "../../../src/policy/admission/proof.ts";
import { STATES } from "../../../src/policy/lifecycle/table.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import {
  addressId,
  blankRecord,
  CLASSES,
  isWifiKey,
  newWifiKey,
  parseRecord,
} from "../../../src/policy/registry/record.ts";
import type { DeviceClass, DeviceRecord, Medium } from "../../../src/policy/registry/record.ts";
import {
  applyChanges,
  deviceByAddress,
  EMPTY_REGISTRY,
} from "../../../src/policy/registry/registry.ts";
import { BEGIN, END } from "./peers.ts";

const MAC = "02:00:00:00:00:01";
const KEY = "abcdefghij234567klmn";
const MEDIA: readonly Medium[] = ["wireless", "wired"];

const rules: Rules = {
  placement: { network: "lan", vlan: 10 },
  sessionSeconds: 3600,
  quarantineSeconds: 120,
  maxPending: 20,
  onboarding: true,
};
const now: Now = { mono: mono(1000), unix: unix(BEGIN + 100) };
const standing: Standing = { mayBegin: true, backoffSeconds: 0, refusals: 0, pending: 0 };

const proofBy = (medium: Medium, mac = MAC): Proof => ({ kind: "address", mac, medium });
const recordIn = (
  state: State,
  deviceClass: DeviceClass = "legacy",
  parts: Partial<DeviceRecord> = {},
): DeviceRecord => ({
  ...blankRecord(addressId(providers[0]!, MAC), deviceClass, state),
  macs: [MAC],
  wifiKey: deviceClass === "legacy" ? KEY : null,
  ...parts,
});
const reasonOf = (record: DeviceRecord | null, medium: Medium = "wireless", at = now): string => {
  const { kind, reason } = decide(proofBy(medium), record, rules, at, standing);
  return `${kind} ${reason}`;
};

test("an address is caged or refused by the device's state alone", () => {
  const expected: Readonly<Record<State, string>> = {
    expected: "reject not-approved",
    pending: "reject not-approved",
    approved: "quarantine caged",
    active: "quarantine caged",
    dormant: "quarantine caged",
    denied: "reject denied",
    revoked: "reject revoked",
    released: "reject released",
  };
  for (const state of STATES) {
    assert.equal(reasonOf(recordIn(state)), expected[state], state);
    assert.equal(reasonOf(recordIn(state, "wired"), "wired"), expected[state], `wired ${state}`);
  }
});

test("caged is for a whole session, and the first time makes the device active", () => {
  const first = decide(proofBy("wireless"), recordIn("approved"), rules, now, standing);
  assert.ok(first.kind === "quarantine");
  assert.equal(first.sessionSeconds, rules.sessionSeconds);
  const [change, ...more] = first.changes;
  assert.ok(change?.kind === "put" && more.length === 0);
  assert.equal(change.record.state, "active");
  assert.equal(change.record.firstSeen, now.unix);
  assert.equal(change.record.wifiKey, KEY);

  const again = decide(proofBy("wireless"), change.record, rules, now, standing);
  assert.ok(again.kind === "quarantine");
  assert.deepEqual(again.changes, []);
});

test("a caged device that was dormant is active again", () => {
  const decision = decide(proofBy("wireless"), recordIn("dormant"), rules, now, standing);
  const [change, ...more] = decision.changes;
  assert.ok(change?.kind === "put" && more.length === 0);
  assert.equal(change.record.state, "active");
});

test("a cage needs no clock", () => {
  const noClock = { ...now, unix: null };
  assert.equal(reasonOf(recordIn("approved"), "wireless", noClock), "quarantine caged");
});

test("an unknown address is refused and leaves no record", () => {
  for (const medium of MEDIA) {
    const decision = decide(proofBy(medium), null, rules, now, standing);
    assert.equal(decision.reason, "unknown-address");
    assert.deepEqual(decision.changes, []);
  }
});

test("no address, class, key, state or medium is ever admitted", () => {
  let caged = 0;
  for (const state of STATES) {
    for (const deviceClass of CLASSES) {
      for (const wifiKey of [null, KEY]) {
        for (const medium of MEDIA) {
          const record = recordIn(state, deviceClass, { wifiKey });
          const decision = decide(proofBy(medium), record, rules, now, standing);
          assert.notEqual(decision.kind, "admit");
          assert.notEqual(decision.reason, "internal-error");
          if (decision.reason === "caged") caged++;
        }
      }
    }
  }
  // Approved, active and dormant: legacy over the air with its key; wired with or without one.
  assert.equal(caged, 9);
});

test("a legacy device is no wired one, a wired one is not let in over the air, and without a key nobody is", () => {
  assert.equal(reasonOf(recordIn("active", "legacy"), "wired"), "reject unknown-address");
  assert.equal(reasonOf(recordIn("active", "wired"), "wireless"), "reject unknown-address");
  const keyless = recordIn("active", "legacy", { wifiKey: null });
  assert.equal(reasonOf(keyless), "reject unknown-address");
});

test("who holds a certificate does not come by its address, nor does another's address find a record", () => {
  const certified = recordIn("active", "wired", {
    keys: [
      {
        role: "certificate",
        serial: "0a",
        spkiHash: "00".repeat(32),
        issuedAt: BEGIN,
        notAfter: END,
      },
    ],
  });
  assert.equal(reasonOf(certified, "wired"), "reject unknown-address");
  const other = decide(
    proofBy("wireless", "02:00:00:00:00:02"),
    recordIn("active"),
    rules,
    now,
    standing,
  );
  assert.equal(other.reason, "unknown-address");
});

test("a withdrawn device stays refused whatever alarm its record has", () => {
  const alarmed = { alarm: "duplicate-key" } as const;
  assert.equal(reasonOf(recordIn("revoked", "legacy", alarmed)), "reject revoked");
  assert.equal(reasonOf(recordIn("active", "legacy", alarmed)), "quarantine duplicate-key");
});

test("a device is found by its address for its own medium, and a phone that once had it is not", () => {
  const phone: DeviceRecord = {
    ...blankRecord("aaaaaaaaaaaaaaaa", "certificate", "active"),
    macs: [MAC],
  };
  const garage = recordIn("active");
  const registry = applyChanges(EMPTY_REGISTRY, [
    { kind: "put", record: phone },
    { kind: "put", record: garage },
  ]);
  assert.equal(deviceByAddress(registry, MAC, "wireless")?.id, garage.id);
  assert.equal(deviceByAddress(registry, MAC, "wired"), null);
  assert.equal(deviceByAddress(registry, "02:00:00:00:00:02", "wireless"), null);
});

test("a Wi-Fi key is 20 characters of base32 from 104 random bits, and each is another", () => {
  const random = seeded("wifi keys");
  const keys = Array.from({ length: 50 }, () => newWifiKey(random));
  for (const key of keys) assert.match(key, /^[a-z2-7]{20}$/);
  assert.equal(new Set(keys).size, keys.length);
  // The octets of "foobarfoobarf", whose base32 begins so (RFC 4648 §6).
  assert.equal(
    newWifiKey((length) => utf8("foobarfoobarf").slice(0, length)),
    "mzxw6ytbojtg633cmfzg",
  );
});

test("a record carries a Wi-Fi key of that form, or none, and always says which", () => {
  const record = recordIn("active");
  // A record is plain JSON.
  const json = JSON.parse(JSON.stringify(record)) as Record<string, unknown>;
  assert.equal(parseRecord(json).wifiKey, KEY);
  assert.equal(parseRecord({ ...json, wifiKey: null }).wifiKey, null);
  for (const wrong of ["", KEY.slice(1), `${KEY}a`, KEY.toUpperCase(), `${KEY.slice(1)}1`, 7]) {
    assert.throws(() => parseRecord({ ...json, wifiKey: wrong }), RegistryFailure);
  }
  const { wifiKey, ...without } = json;
  assert.ok(isWifiKey(String(wifiKey)));
  assert.throws(() => parseRecord(without), RegistryFailure);
});
