import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import * as cbor from "../../../src/base/cbor-write.ts";
import { unix } from "../../../src/base/machine.ts";
import { fallDormant, withdraw } from "../../../src/policy/admission/owner.ts";
import { takeRelease } from "../../../src/policy/ownership/device.ts";
import { OwnershipFailure } from "../../../src/policy/ownership/failure.ts";
import type { OwnershipReason } from "../../../src/policy/ownership/failure.ts";
import {
  checkReceipt,
  nextCounter,
  signRelease,
  Withdrawn,
  withdrawnAt,
} from "../../../src/policy/ownership/home.ts";
import { signReceipt, verifyToken } from "../../../src/policy/ownership/objects.ts";
import { externalAad, signSign1 } from "../../../src/proto/cose/sign1.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { applyChanges } from "../../../src/policy/registry/registry.ts";
import { makeScene, NO_NONCE, NOW, releasedIn, SERIAL, signedFor } from "./scene.ts";

const crypto = providers.at(-1)!;
const SCENE = makeScene(crypto);
const { deviceId, registry, record } = SCENE;
const RELEASED = releasedIn(SCENE);

const refused = (body: () => unknown): OwnershipReason =>
  assert.throws(body, OwnershipFailure).reason;

test("the home revokes first: without that there is nothing to sign a release for (D34)", () => {
  assert.equal(
    refused(() => withdrawnAt(registry, deviceId, NOW)),
    "not-withdrawn",
  );
  const one = withdrawnAt(RELEASED, deviceId, NOW);
  assert.ok(Withdrawn.is(one));
  assert.equal(one.spkiHash, record.keys[0]!.spkiHash);
  assert.equal(RELEASED.revoked.get(SERIAL)?.reason, "privilegeWithdrawn");
});

test("what only looks like a withdrawn device is not signed for", () => {
  // A caller without types, as a host's own code may be.
  const forged = { deviceId, spkiHash: record.keys[0]!.spkiHash } as unknown as Withdrawn;
  const order = {
    device: forged,
    nonce: NO_NONCE,
    reason: "sold" as const,
    now: NOW,
    lastCounter: 0,
  };
  assert.equal(
    refused(() => signRelease(order, SCENE.homeKey, SCENE.device)),
    "not-withdrawn",
  );
});

test("a device that was revoked, fell dormant or is unknown is not released", () => {
  const revoked = applyChanges(registry, withdraw(record, "revoke", "keyCompromise", "owner", NOW));
  const dormant = applyChanges(registry, fallDormant(record, NOW));
  for (const other of [revoked, dormant]) {
    assert.equal(
      refused(() => withdrawnAt(other, deviceId, NOW)),
      "not-withdrawn",
    );
  }
  assert.equal(
    refused(() => withdrawnAt(RELEASED, "aaaaaaaaaaaaaaaa", NOW)),
    "not-withdrawn",
  );
});

test("a certificate that was pushed out of the record, or withdrawn for silence alone, counts too", () => {
  const spkiHash = "00".repeat(32);
  const notAfter = unix(NOW + 100);
  const issued = { kind: "issued", serial: "40bb", device: deviceId, spkiHash, notAfter } as const;
  const more = applyChanges(RELEASED, [issued]);
  assert.equal(
    refused(() => withdrawnAt(more, deviceId, NOW)),
    "not-withdrawn",
  );
  withdrawnAt(more, deviceId, unix(NOW + 101));
  const silent = applyChanges(more, [
    { kind: "revoke-serial", serial: "40bb", reason: "cessationOfOperation", at: NOW },
  ]);
  assert.equal(
    refused(() => withdrawnAt(silent, deviceId, NOW)),
    "not-withdrawn",
  );
  const forGood = applyChanges(silent, [
    { kind: "revoke-serial", serial: "40bb", reason: "superseded", at: NOW },
  ]);
  withdrawnAt(forGood, deviceId, NOW);
});

test("a theft-locked device is not released, nor one without a key", () => {
  const released = RELEASED.devices.get(deviceId)!;
  const locked = applyChanges(RELEASED, [
    { kind: "put", record: { ...released, theftLock: true } },
  ]);
  assert.equal(
    refused(() => withdrawnAt(locked, deviceId, NOW)),
    "theft-locked",
  );
  const keyless = applyChanges(RELEASED, [
    { kind: "put", record: { ...released, keys: [] } },
    { kind: "revoke-serial", serial: SERIAL, reason: "superseded", at: NOW },
  ]);
  assert.equal(
    refused(() => withdrawnAt(keyless, deviceId, NOW)),
    "no-key",
  );
});

test("counters rise, and a restored backup does not fall behind", () => {
  assert.equal(nextCounter(0, NOW), NOW);
  assert.equal(nextCounter(NOW + 5, NOW), NOW + 6);
  assert.equal(nextCounter(2 ** 48 - 1, NOW), 2 ** 48 - 1);
});

test("a token says what was ordered, for the key on record", () => {
  const { release, nonce } = signedFor(SCENE, { lastCounter: NOW + 1 });
  const token = verifyToken(release.token, [SCENE.homeKey.publicKey], crypto);
  const spkiHash = hex(record.keys[0]!.spkiHash);
  const counter = NOW + 2;
  assert.deepEqual(token, { deviceId, spkiHash, counter, time: NOW, reason: "sold", nonce });
  assert.ok(release.token.length < 260, `${release.token.length} octets`);
});

test("what the home's key signed in another form, or for another purpose, is no token", () => {
  const signed = (
    payload: Uint8Array,
    type = "homeca-release",
    contentType: number | null = 60,
  ): Uint8Array => {
    const spki = encodePublicKey(SCENE.homeKey.publicKey);
    const headers = { contentType, keyId: crypto.digest("sha256", spki) };
    const aad = externalAad(crypto, type, spki);
    return signSign1({ payload, externalAad: aad, ...headers }, SCENE.homeKey, SCENE.device.random);
  };
  const reason = (token: Uint8Array): OwnershipReason =>
    refused(() => verifyToken(token, [SCENE.homeKey.publicKey], crypto));
  const fields = new Map<number, Uint8Array>([
    [1, cbor.text(deviceId)],
    [2, cbor.bytes(hex("00".repeat(32)))],
    [3, cbor.integer(1)],
    [4, cbor.integer(NOW)],
    [5, cbor.integer(1)],
    [6, cbor.bytes(NO_NONCE)],
  ]);
  const withField = (key: number, value: Uint8Array): Uint8Array =>
    cbor.map(...new Map([...fields, [key, value]]));
  verifyToken(signed(cbor.map(...fields)), [SCENE.homeKey.publicKey], crypto);
  for (const [key, value] of [
    [1, cbor.text("?")],
    [1, cbor.bytes(NO_NONCE)],
    [2, cbor.bytes(NO_NONCE)],
    [3, cbor.integer(0)],
    [3, cbor.integer(2 ** 48)],
    [4, cbor.integer(-1)],
    [5, cbor.integer(0)],
    [5, cbor.integer(5)],
    [6, cbor.bytes(hex("00"))],
    [7, cbor.integer(1)],
  ] as const) {
    assert.equal(reason(signed(withField(key, value))), "malformed", `${key}`);
  }
  for (const key of fields.keys()) {
    const fewer = [...fields].filter(([other]) => other !== key);
    assert.equal(reason(signed(cbor.map(...fewer))), "malformed", `without ${key}`);
  }
  assert.equal(reason(signed(cbor.map(...fields), "homeca-notice")), "bad-signature");
  assert.equal(reason(signed(cbor.map(...fields), "homeca-release", null)), "malformed");
  assert.equal(reason(signed(withField(1, cbor.text("a".repeat(600))))), "malformed");
});

test("a receipt counts for the token that was sent alone, and from the device alone", () => {
  const { asked, release } = signedFor(SCENE);
  const { receipt } = takeRelease(asked, release.token, SCENE.device);
  const device = SCENE.deviceKey.publicKey;
  checkReceipt(release, receipt, device, crypto);
  const other = signedFor(SCENE, { lastCounter: NOW }).release;
  assert.equal(
    refused(() => checkReceipt(other, receipt, device, crypto)),
    "other-token",
  );
  const stranger = SCENE.homeKey.publicKey;
  assert.equal(
    refused(() => checkReceipt(release, receipt, stranger, crypto)),
    "unknown-signer",
  );
  const tokenHash = crypto.digest("sha256", release.token);
  for (const changes of [
    { counter: 1 },
    { deviceId: "aaaaaaaaaaaaaaaa" },
    { tokenHash: hex("00".repeat(32)) },
  ]) {
    const said = { deviceId, tokenHash, counter: release.counter, ...changes };
    const wrong = signReceipt(said, SCENE.deviceKey, SCENE.device);
    assert.equal(
      refused(() => checkReceipt(release, wrong, device, crypto)),
      "other-token",
    );
  }
});

test("a damaged receipt is malformed or not signed", () => {
  const { asked, release } = signedFor(SCENE);
  const { receipt } = takeRelease(asked, release.token, SCENE.device);
  const device = SCENE.deviceKey.publicKey;
  for (let length = 0; length < receipt.length; length++) {
    const prefix = receipt.subarray(0, length);
    assert.equal(
      refused(() => checkReceipt(release, prefix, device, crypto)),
      "malformed",
    );
  }
  const flipped = receipt.slice();
  flipped[flipped.length - 1]! ^= 1;
  assert.equal(
    refused(() => checkReceipt(release, flipped, device, crypto)),
    "bad-signature",
  );
});
