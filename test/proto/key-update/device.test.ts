/** The device's side: what it refuses, and that it has no new key before HomeCA confirms. */
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import type { DeviceKeyUpdate, DeviceOutput } from "../../../src/proto/key-update/device.ts";
import {
  encodeConfirmation,
  encodeShare,
  parseReveal,
} from "../../../src/proto/key-update/messages.ts";
import {
  ASSOCIATION,
  bodyOf,
  deviceOf,
  homeOf,
  later,
  opposite,
  reasonOf,
  run,
  SCALAR,
  scripted,
  START,
} from "./pair.ts";

const crypto = providers.at(-1)!;
const G = crypto.p256.base(hex("01".padStart(64, "0")));
const NONCE = seeded("a nonce of HomeCA's")(32);
const SHARE = encodeShare({ point: crypto.p256.base(seeded("e_h")(32)), nonce: NONCE });

const start = (device: DeviceKeyUpdate): DeviceOutput[] => device.handle({ kind: "start" }, START);
const answer = (device: DeviceKeyUpdate, body: Uint8Array, at = START): DeviceOutput[] =>
  device.handle({ kind: "answer", body }, at);

/** What a device makes of a share with this point. */
function answered(point: Uint8Array, withShare = true): DeviceOutput[] {
  const device = deviceOf(crypto, { withShare });
  start(device);
  return answer(device, encodeShare({ point, nonce: NONCE }));
}

test("both ends have the same key, and the device alone its scalar", () => {
  for (const withShare of [true, false]) {
    const { key, update } = run(deviceOf(crypto, { withShare }), homeOf(crypto));
    assert.deepEqual(update.publicKey, key.publicKey);
    assert.deepEqual(crypto.signingKey("P-256", key.scalar).publicKey.point, key.publicKey);
    assert.deepEqual(update.discoveryKey, key.discoveryKey);
    assert.deepEqual(update.pskKey, key.pskKey);
    assert.equal(update.authenticationString, key.authenticationString);
    assert.equal(update.withShare, withShare);
  }
});

test("the device's present scalar is left as it is", () => {
  const scalar = Uint8Array.from(SCALAR);
  run(deviceOf(crypto, { scalar }), homeOf(crypto));
  assert.deepEqual(scalar, SCALAR);
});

const offCurve = Uint8Array.from(G);
offCurve[64]! ^= 1;

test("§5.3.4: E_h is a point of the curve", () => {
  for (const point of [offCurve, new Uint8Array(65), concat(hex("02"), G.subarray(1))]) {
    assert.equal(reasonOf(answered(point)), "off-curve");
  }
});

test("§5.3.4: E_h is not the device's own share, nor its opposite", () => {
  const own = crypto.ecdhKey("P-256", seeded("device")).publicKey;
  for (const point of [own, opposite(own)]) {
    assert.equal(reasonOf(answered(point)), "own-share");
    assert.equal(reasonOf(answered(point, false)), "own-share");
  }
});

test("§5.3.4: E_h is not R, nor its opposite", () => {
  const draws = [1, 2, 3].map((seed) => seeded(`draw ${seed}`)(32));
  const keyShare = crypto.p256.base(draws[2]!);
  for (const point of [keyShare, opposite(keyShare)]) {
    const device = deviceOf(crypto, { random: scripted(...draws) });
    start(device);
    assert.equal(reasonOf(answer(device, encodeShare({ point, nonce: NONCE }))), "own-share");
  }
});

test("§5.3.4: E_h is neither the device's key nor the generator, nor their opposites", () => {
  const { deviceKey } = ASSOCIATION;
  for (const point of [deviceKey, opposite(deviceKey)]) {
    assert.equal(reasonOf(answered(point)), "share-is-device-key");
  }
  for (const point of [G, opposite(G)]) {
    assert.equal(reasonOf(answered(point)), "share-is-generator");
  }
});

test("§5.3.8: a HomeCA that cannot confirm gives no key, and cannot try again", () => {
  const device = deviceOf(crypto);
  start(device);
  answer(device, SHARE);
  const wrong = encodeConfirmation(new Uint8Array(32));
  assert.equal(reasonOf(answer(device, wrong)), "bad-confirmation");
  assert.deepEqual(answer(device, wrong), []);
  assert.equal(device.wakeAt, null);
});

test("what is no message ends the update", () => {
  const early = deviceOf(crypto);
  start(early);
  assert.equal(reasonOf(answer(early, hex("a0"))), "malformed");
  const late = deviceOf(crypto);
  start(late);
  answer(late, SHARE);
  assert.equal(reasonOf(answer(late, SHARE)), "malformed");
});

test("inputs that nobody waits for change nothing", () => {
  const device = deviceOf(crypto);
  assert.deepEqual(answer(device, SHARE), []);
  assert.deepEqual(device.handle({ kind: "timeout" }, START), []);
  assert.equal(start(device).length, 1);
  assert.deepEqual(start(device), []);
  assert.deepEqual(device.handle({ kind: "timeout" }, later(59_999)), []);
  assert.equal(bodyOf(answer(device, SHARE, later(59_999))).length, 207);
});

test("after 60 seconds the device gives up", () => {
  for (const steps of [0, 1]) {
    const device = deviceOf(crypto);
    start(device);
    if (steps > 0) answer(device, SHARE);
    assert.equal(device.wakeAt, later(60_000));
    assert.equal(reasonOf(device.handle({ kind: "timeout" }, later(60_000))), "out-of-time");
    assert.deepEqual(device.handle({ kind: "timeout" }, later(60_001)), []);
  }
});

test("paper mode: a device without a random source that works sends no R", () => {
  const device = deviceOf(crypto, { withShare: false });
  start(device);
  assert.equal(parseReveal(bodyOf(answer(device, SHARE))).keyShare, null);
});

test("§5.7(a): a source that repeats itself makes no share", () => {
  const same = seeded("the same")(32);
  const device = deviceOf(crypto, { random: () => same });
  assert.equal(reasonOf(start(device)), "broken-source");
});

test("§5.7(c): trivial nonces are drawn again, four times at the most", () => {
  const scalar = seeded("a scalar")(32);
  const good = seeded("a good nonce")(32);
  const bad = new Uint8Array(32);
  const patient = deviceOf(crypto, {
    withShare: false,
    random: scripted(scalar, bad, bad, bad, good),
  });
  assert.equal(start(patient).length, 1);
  const broken = deviceOf(crypto, {
    withShare: false,
    random: scripted(scalar, bad, bad, bad, bad),
  });
  assert.equal(reasonOf(start(broken)), "broken-source");
});

test("D3: the device refuses a new key that is its old one, or the generator", () => {
  const { deviceKey } = ASSOCIATION;
  const cases = [
    [deviceKey, "new-key-is-old"],
    [opposite(deviceKey), "new-key-is-old"],
    [G, "new-key-is-generator"],
  ] as const;
  for (const [key, reason] of cases) {
    const base = (): Uint8Array => key;
    const by: Crypto = { ...crypto, p256: { ...crypto.p256, base } };
    const device = deviceOf(by, { withShare: false });
    start(device);
    assert.equal(reasonOf(answer(device, SHARE)), reason, toHex(key));
  }
});
