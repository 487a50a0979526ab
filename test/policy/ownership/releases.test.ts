import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { unix } from "../../../src/base/machine.ts";
import { readmit, withdraw, withdrawUnlisted } from "../../../src/policy/admission/owner.ts";
import { verifyToken } from "../../../src/policy/ownership/objects.ts";
import { Releases, sentRelease } from "../../../src/policy/ownership/releases.ts";
import { applyChanges, MAX_DEVICES } from "../../../src/policy/registry/registry.ts";
import type { Registry } from "../../../src/policy/registry/registry.ts";
import { makeScene, NOW } from "./scene.ts";

const crypto = providers[0]!;
const scene = makeScene(crypto);
const NONCE = hex("17".repeat(16));
const { publicKey: homeKey } = scene.homeKey;
/** As of a device that has asked in over CoAPs. */
const SPEAKING = { ...scene.record, deviceId: "ab".repeat(32) };
const RELEASED = applyChanges(scene.registry, [
  { kind: "put", record: SPEAKING },
  ...withdraw(SPEAKING, "release", "privilegeWithdrawn", "owner", NOW),
]);

function releases(): Releases {
  return new Releases({ crypto, random: scene.device.random, key: scene.homeKey });
}

test("a release is signed once for each nonce, and by a higher counter each time", () => {
  const desk = releases();
  assert.equal(desk.sign(RELEASED, scene.deviceId, NOW), null, "no nonce yet");
  desk.heard(scene.deviceId, NONCE);
  const first = desk.sign(RELEASED, scene.deviceId, NOW);
  assert.ok(first !== null);
  const sent = sentRelease(first);
  assert.ok(sent !== null);
  const token = verifyToken(sent.token, [homeKey], crypto);
  assert.deepEqual([token.deviceId, token.nonce], [scene.deviceId, NONCE]);
  const stored: Registry = applyChanges(RELEASED, [{ kind: "put", record: first }]);
  assert.equal(desk.sign(stored, scene.deviceId, NOW), null, "it is on record");
  desk.heard(scene.deviceId, hex("18".repeat(16)));
  const second = desk.sign(stored, scene.deviceId, NOW);
  assert.ok(second !== null);
  assert.ok(sentRelease(second)!.counter > sent.counter);
});

test("nothing is signed for a device that is not released, cannot speak, or has confirmed", () => {
  const desk = releases();
  desk.heard(scene.deviceId, NONCE);
  assert.equal(desk.sign(scene.registry, scene.deviceId, NOW), null);
  const mute = applyChanges(
    scene.registry,
    withdraw(scene.record, "release", "privilegeWithdrawn", "owner", NOW),
  );
  assert.equal(desk.sign(mute, scene.deviceId, NOW), null);
  const record = RELEASED.devices.get(scene.deviceId)!;
  const release = { ...record.release!, receipt: "00", confirmedAt: NOW };
  const over = applyChanges(RELEASED, [{ kind: "put", record: { ...record, release } }]);
  assert.equal(desk.sign(over, scene.deviceId, NOW), null);
});

test(`nonces of ${MAX_DEVICES} devices are remembered, and the oldest goes`, () => {
  const desk = releases();
  desk.heard(scene.deviceId, NONCE);
  for (let other = 0; other < MAX_DEVICES; other++) desk.heard(`other ${other}`, NONCE);
  assert.equal(desk.size, MAX_DEVICES);
  assert.equal(desk.sign(RELEASED, scene.deviceId, NOW), null);
});

test("a certificate that was pushed off the record is withdrawn with the others", () => {
  const notAfter = unix(NOW + 100);
  const spkiHash = "00".repeat(32);
  const issued = { kind: "issued", serial: "40bb", device: scene.deviceId, spkiHash } as const;
  const more = applyChanges(scene.registry, [{ ...issued, notAfter }]);
  assert.deepEqual(withdrawUnlisted(more, scene.record, "privilegeWithdrawn", NOW), [
    { kind: "revoke-serial", serial: "40bb", reason: "privilegeWithdrawn", at: NOW },
  ]);
  assert.deepEqual(withdrawUnlisted(more, scene.record, "superseded", unix(NOW + 101)), []);
});

test("taken in again, a device that confirmed comes by the key it had, one that did not by its first", () => {
  const record = RELEASED.devices.get(scene.deviceId)!;
  const keysAfter = (receipt: string | null): unknown => {
    const release = { ...record.release!, receipt };
    const [change] = readmit({ ...record, release }, { by: "owner", at: NOW });
    assert.ok(change?.kind === "put");
    assert.equal(change.record.release, null);
    return change.record.keys;
  };
  assert.deepEqual(keysAfter("00"), [
    { role: "first-contact", spkiHash: record.release!.spkiHash },
  ]);
  assert.deepEqual(keysAfter(null), []);
});
