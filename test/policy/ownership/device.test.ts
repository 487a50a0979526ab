import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import {
  adopt,
  giveNonce,
  NEW_DEVICE,
  parseOwnership,
  takeRelease,
  withSigners,
  withTheftLock,
} from "../../../src/policy/ownership/device.ts";
import type { Ownership } from "../../../src/policy/ownership/device.ts";
import { explain, OwnershipFailure } from "../../../src/policy/ownership/failure.ts";
import type { OwnershipReason } from "../../../src/policy/ownership/failure.ts";
import { checkReceipt } from "../../../src/policy/ownership/home.ts";
import { signToken } from "../../../src/policy/ownership/objects.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import { foundHome, pairing, searched } from "../../../src/policy/window/passive-release.ts";
import type { Search } from "../../../src/policy/window/passive-release.ts";
import { makeScene, NO_NONCE, NOW, pointOf, signedFor } from "./scene.ts";

const crypto = providers.at(-1)!;
const SCENE = makeScene(crypto);
const OTHER = makeScene(crypto, "another home");
const { asked: ASKED, nonce: NONCE, release: RELEASE } = signedFor(SCENE);
const OWNER = { deviceId: OTHER.deviceId, signers: [pointOf(OTHER.homeKey)] };

const refused = (body: () => unknown): OwnershipReason =>
  assert.throws(body, OwnershipFailure).reason;

const refusal = (ownership: Ownership, token: Uint8Array): OwnershipReason =>
  refused(() => takeRelease(ownership, token, SCENE.device));

/** A token of the home that says something else. */
function tokenWith(changes: Partial<Parameters<typeof signToken>[0]>): Uint8Array {
  const spkiHash = hex(SCENE.record.keys[0]!.spkiHash);
  const good = {
    deviceId: SCENE.deviceId,
    spkiHash,
    counter: NOW as number,
    time: NOW,
    reason: "sold" as const,
    nonce: NONCE,
  };
  return signToken({ ...good, ...changes }, SCENE.homeKey, SCENE.device);
}

function lost(search: Search): Search {
  let after = search;
  for (let day = 0; day < 30; day++) after = searched(after, 24, true);
  return after;
}

for (const provider of providers) {
  test(`${provider.name}: a release goes through and its receipt is believed`, () => {
    const scene = makeScene(provider);
    const { asked, release } = signedFor(scene);
    const { ownership, receipt, token } = takeRelease(asked, release.token, scene.device);
    assert.equal(ownership.state, "free");
    assert.deepEqual([token!.reason, token!.time, token!.counter], ["sold", NOW, NOW]);
    const read = checkReceipt(release, receipt, scene.deviceKey.publicKey, provider);
    assert.equal(read.deviceId, scene.deviceId);
  });
}

test("a device without an owner takes the first that comes, one that is owned takes none (the paper, 4.5)", () => {
  assert.equal(adopt(NEW_DEVICE, OWNER, null).state, "owned");
  assert.equal(
    refused(() => adopt(SCENE.owned, OWNER, null)),
    "still-owned",
  );
});

test("a released device takes the next owner, and forgets the release", () => {
  const { ownership } = takeRelease(ASKED, RELEASE.token, SCENE.device);
  const next = adopt(ownership, OWNER, null);
  assert.deepEqual(next, {
    state: "owned",
    owner: OWNER,
    counter: 0,
    nonce: null,
    theftLock: false,
  });
  assert.equal(
    refused(() => takeRelease(next, RELEASE.token, SCENE.device)),
    "other-nonce",
  );
});

test("a lost home opens the device to somebody who is there, and to nobody else (D31)", () => {
  const search = lost(foundHome(7));
  assert.equal(adopt(SCENE.owned, OWNER, pairing(search, "setup-code")).state, "owned");
  assert.equal(
    refused(() => adopt(SCENE.owned, OWNER, pairing(search, null))),
    "still-owned",
  );
  const early = pairing(foundHome(7), "setup-code");
  assert.equal(
    refused(() => adopt(SCENE.owned, OWNER, early)),
    "still-owned",
  );
});

test("a theft-locked device changes hands neither by time nor by token", () => {
  const locked = withTheftLock(ASKED, true);
  const open = pairing(lost(foundHome(7)), "setup-code");
  assert.equal(
    refused(() => adopt(locked, OWNER, open)),
    "theft-locked",
  );
  assert.equal(refusal(locked, RELEASE.token), "theft-locked");
  const unlocked = withTheftLock(locked, false);
  assert.equal(takeRelease(unlocked, RELEASE.token, SCENE.device).ownership.state, "free");
});

test("a nonce stays the same until a release has used it", () => {
  const random = seeded("nonces");
  const first = giveNonce(SCENE.owned, random);
  const second = giveNonce(first.ownership, random);
  assert.deepEqual(second, first);
  assert.equal(first.nonce.length, 16);
  const another = giveNonce(SCENE.owned, random);
  assert.ok(toHex(another.nonce) !== toHex(first.nonce));
});

test("a release that nobody asked a nonce for is refused before any mathematics", () => {
  assert.equal(refusal(SCENE.owned, RELEASE.token), "other-nonce");
});

test("the same token again gets the same receipt, another one none (D33)", () => {
  const first = takeRelease(ASKED, RELEASE.token, SCENE.device);
  const again = takeRelease(first.ownership, RELEASE.token, SCENE.device);
  assert.deepEqual(again.receipt, first.receipt);
  assert.equal(again.token, null);
  assert.deepEqual(again.ownership, first.ownership);
  assert.equal(refusal(first.ownership, tokenWith({ reason: "defective" })), "not-owned");
});

test("a device that has no owner has nothing to release", () => {
  assert.equal(refusal(NEW_DEVICE, RELEASE.token), "not-owned");
  assert.equal(
    refused(() => giveNonce(NEW_DEVICE, seeded("x"))),
    "not-owned",
  );
  assert.equal(
    refused(() => withTheftLock(NEW_DEVICE, true)),
    "not-owned",
  );
  assert.equal(
    refused(() => withSigners(NEW_DEVICE, OWNER.signers)),
    "not-owned",
  );
});

test("a token is refused for each thing in it that is not this release's", () => {
  assert.equal(refusal(ASKED, tokenWith({ deviceId: OTHER.deviceId })), "other-device");
  const otherKey = hex(OTHER.record.keys[0]!.spkiHash);
  assert.equal(refusal(ASKED, tokenWith({ spkiHash: otherKey })), "other-key");
  assert.equal(refusal(ASKED, tokenWith({ nonce: NO_NONCE })), "other-nonce");
  const counted: Ownership = {
    ...(ASKED as Ownership & { readonly state: "owned" }),
    counter: NOW,
  };
  assert.equal(refusal(counted, tokenWith({ counter: NOW })), "counter-not-higher");
  assert.equal(
    takeRelease(counted, tokenWith({ counter: NOW + 1 }), SCENE.device).ownership.state,
    "free",
  );
});

test("only the owner's signer releases", () => {
  const { release } = signedFor(SCENE, { key: OTHER.homeKey, nonce: NONCE });
  assert.equal(refusal(ASKED, release.token), "unknown-signer");
  // The device's own key, as whoever stole it has it.
  const forged = signedFor(SCENE, { key: SCENE.deviceKey, nonce: NONCE });
  assert.equal(refusal(ASKED, forged.release.token), "unknown-signer");
});

test("after a rollover the new signer releases, and while both are told the old one too", () => {
  const both = withSigners(ASKED, [pointOf(OTHER.homeKey), pointOf(SCENE.homeKey)]);
  assert.equal(takeRelease(both, RELEASE.token, SCENE.device).ownership.state, "free");
  const after = withSigners(ASKED, [pointOf(OTHER.homeKey)]);
  assert.equal(refusal(after, RELEASE.token), "unknown-signer");
});

test("an owner has one or two signers", () => {
  const point = pointOf(SCENE.homeKey);
  for (const signers of [[], [point, point, point], ["04"], [`02${point.slice(2)}`]]) {
    assert.throws(() => withSigners(SCENE.owned, signers), RangeError);
    assert.throws(() => adopt(NEW_DEVICE, { ...OWNER, signers }, null), RangeError);
  }
});

test("a receipt is no token, though the same key signed it (key prefixing)", () => {
  const { receipt } = takeRelease(ASKED, RELEASE.token, SCENE.device);
  const own = withSigners(ASKED, [pointOf(SCENE.deviceKey)]);
  assert.equal(refusal(own, receipt), "bad-signature");
});

test("every strict prefix of a token is malformed, and every flipped bit of it is refused", () => {
  for (let length = 0; length < RELEASE.token.length; length++) {
    assert.equal(refusal(ASKED, RELEASE.token.subarray(0, length)), "malformed", `${length}`);
  }
  for (let at = 0; at < RELEASE.token.length; at += 5) {
    const flipped = RELEASE.token.slice();
    flipped[at]! ^= 1;
    refusal(ASKED, flipped);
  }
});

test("property: any octets are refused with a reason, and change nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
      assert.ok(explain(refusal(ASKED, octets)).endsWith("."));
    }),
  );
});

test("every reason has one sentence with the fix", () => {
  const reasons: readonly OwnershipReason[] = [
    "malformed",
    "unknown-signer",
    "other-key",
    "other-nonce",
    "not-owned",
    "still-owned",
    "theft-locked",
    "not-withdrawn",
    "no-key",
    "other-token",
  ];
  for (const reason of reasons) assert.match(explain(reason), /^[A-Z][^.]+[;,] [^.]+\.$/);
});

test("whose a device is survives its JSON, and is read strictly", () => {
  const { ownership } = takeRelease(ASKED, RELEASE.token, SCENE.device);
  for (const state of [NEW_DEVICE, SCENE.owned, ASKED, withTheftLock(ASKED, true), ownership]) {
    assert.deepEqual(parseOwnership(JSON.parse(JSON.stringify(state))), state);
  }
  const owner = { deviceId: SCENE.deviceId, signers: [pointOf(SCENE.homeKey)] };
  const good = { state: "owned", owner, counter: 1, nonce: null, theftLock: false };
  for (const bad of [
    null,
    {},
    { state: "free" },
    { state: "lost" },
    { ...good, more: 1 },
    { ...good, counter: -1 },
    { ...good, nonce: "00" },
    { ...good, nonce: "ZZ".repeat(16) },
    { ...good, theftLock: 0 },
    { ...good, owner: { ...owner, signers: [] } },
    { ...good, owner: { ...owner, signers: ["04"] } },
    { ...good, owner: { ...owner, deviceId: "?" } },
    { state: "free", released: { tokenHash: "00", receipt: "00" } },
    { state: "free", released: { tokenHash: "00".repeat(32), receipt: "00".repeat(513) } },
  ]) {
    assert.throws(() => parseOwnership(bad), RegistryFailure, JSON.stringify(bad));
  }
});
