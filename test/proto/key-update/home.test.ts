/** HomeCA's side: each rule by its name, each refusal with its reason. */
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import { fingerprint, isTrivialNonce } from "../../../src/proto/key-update/checks.ts";
import { KeyUpdateFailure } from "../../../src/proto/key-update/failure.ts";
import { MAX_ATTEMPTS } from "../../../src/proto/key-update/home.ts";
import type { HomeOutput } from "../../../src/proto/key-update/home.ts";
import { encodeCommitment } from "../../../src/proto/key-update/messages.ts";
import { deriveScalar, KEY_UPDATE_MILLISECONDS } from "../../../src/proto/key-update/schedule.ts";
import {
  ASSOCIATION,
  bodyOf,
  crookedRun,
  deviceOf,
  homeOf,
  later,
  opposite,
  reasonOf,
  run,
  SCALAR,
  START,
  updateOf,
  vectors,
} from "./pair.ts";
import type { Home } from "./pair.ts";

const crypto = providers.at(-1)!;
const COMMITMENT = encodeCommitment(seeded("some commitment")(32));
const kinds = (outputs: readonly HomeOutput[]): readonly string[] =>
  outputs.map(({ kind }) => kind);
const one = hex("01".padStart(64, "0"));
const G = crypto.p256.base(one);

test("§5.3.3: a repeat of the same commitment gets the same answer", () => {
  const home = homeOf(crypto);
  const first = bodyOf(home.commit(COMMITMENT));
  assert.deepEqual(bodyOf(home.commit(COMMITMENT, later(59_999))), first);
  assert.equal(home.attempts.size, 1);
});

test("§5.3.3: one outstanding commitment per device", () => {
  const home = homeOf(crypto);
  home.commit(COMMITMENT);
  const other = encodeCommitment(seeded("another commitment")(32));
  assert.equal(reasonOf(home.commit(other)), "commitment-outstanding");
  const reconnected = { ...ASSOCIATION, exporter: new Uint8Array(32) };
  assert.equal(reasonOf(home.commit(COMMITMENT, START, reconnected)), "commitment-outstanding");
});

test("§5.3.3: a commitment lives for 60 seconds, and one that is never revealed is told", () => {
  const home = homeOf(crypto);
  assert.equal(home.machine.wakeAt, null);
  home.commit(COMMITMENT);
  assert.equal(home.machine.wakeAt, later(KEY_UPDATE_MILLISECONDS));
  assert.deepEqual(home.machine.handle({ kind: "timeout" }, later(59_999)), []);
  assert.deepEqual(home.machine.handle({ kind: "timeout" }, later(60_000)), [
    { kind: "abandoned", device: "lamp" },
  ]);
  assert.equal(home.machine.wakeAt, null);
  assert.equal(home.attempts.size, 0);
});

test("§5.3.3: a reveal that comes too late meets no commitment", () => {
  const home = homeOf(crypto);
  const device = deviceOf(crypto);
  const share = bodyOf(home.commit(bodyOf(device.handle({ kind: "start" }, START))));
  const reveal = bodyOf(device.handle({ kind: "answer", body: share }, START));
  const outputs = home.reveal(reveal, later(60_000));
  assert.deepEqual(kinds(outputs), ["abandoned", "refused"]);
  assert.equal(reasonOf(outputs), "no-commitment");
});

test("a reveal without a commitment is refused", () => {
  const home = homeOf(crypto);
  const reveal = hex(vectors.cases[0]!.messages.reveal);
  assert.equal(reasonOf(home.reveal(reveal)), "no-commitment");
});

test("at most MAX_ATTEMPTS devices at a time, and there is room again after a minute", () => {
  const home = homeOf(crypto);
  const commit = (number: number, at = START): HomeOutput[] =>
    home.machine.handle(
      { kind: "commit", device: `${number}`, association: ASSOCIATION, body: COMMITMENT },
      at,
    );
  for (let number = 0; number < MAX_ATTEMPTS; number++) bodyOf(commit(number));
  assert.equal(reasonOf(commit(MAX_ATTEMPTS)), "too-many-outstanding");
  bodyOf(commit(0));
  bodyOf(commit(MAX_ATTEMPTS, later(60_000)));
  assert.equal(home.attempts.size, 1);
});

test("a device that is forgotten has no attempt any more", () => {
  const home = homeOf(crypto);
  home.commit(COMMITMENT);
  assert.deepEqual(home.machine.handle({ kind: "forget", device: "lamp" }, START), []);
  assert.equal(home.attempts.size, 0);
});

test("a device whose present key is not of P-256 updates none", () => {
  const home = homeOf(crypto);
  const p384 = crypto.signingKey("P-384", crypto.generateScalar("P-384", seeded("p384")));
  for (const deviceKey of [p384.publicKey.point, new Uint8Array(65)]) {
    const outputs = home.commit(COMMITMENT, START, { ...ASSOCIATION, deviceKey });
    assert.equal(reasonOf(outputs), "unsupported-key");
  }
});

test("what is no message is refused, and a reveal so refused ends the attempt", () => {
  const home = homeOf(crypto);
  assert.equal(reasonOf(home.commit(hex("a0"))), "malformed");
  home.commit(COMMITMENT);
  assert.equal(reasonOf(home.reveal(hex("a0"))), "malformed");
  assert.equal(home.attempts.size, 0);
});

test("commitment and reveal come through one association", () => {
  const changes = {
    exporter: new Uint8Array(32),
    deviceId: new Uint8Array(32),
    homeKeyHash: new Uint8Array(32),
    deviceKey: G,
  };
  for (const change of Object.keys(changes)) {
    const home = homeOf(crypto);
    const device = deviceOf(crypto);
    const share = bodyOf(home.commit(bodyOf(device.handle({ kind: "start" }, START))));
    const reveal = bodyOf(device.handle({ kind: "answer", body: share }, START));
    // The key is one of the object's own.
    const name = change as keyof typeof changes;
    const other = { ...ASSOCIATION, [name]: changes[name] };
    assert.equal(reasonOf(home.reveal(reveal, START, other)), "other-association", change);
  }
});

test("§5.3.8: what is revealed is what was committed to", () => {
  const keyShare = crypto.p256.base(seeded("a share")(32));
  const others = {
    point: crypto.p256.base(seeded("another point")(32)),
    nonce: seeded("another nonce")(32),
    keyShare,
  };
  for (const change of Object.keys(others)) {
    const home = homeOf(crypto);
    // The key is one of the object's own.
    const name = change as keyof typeof others;
    const lie = <T>(reveal: T): T => ({ ...reveal, [name]: others[name] });
    assert.equal(reasonOf(crookedRun(crypto, home, { lie })), "commitment-differs", change);
    assert.equal(home.attempts.size, 0);
  }
  const withdrawn = crookedRun(crypto, homeOf(crypto), {
    keyShare,
    lie: (reveal) => ({ ...reveal, keyShare: null }),
  });
  assert.equal(reasonOf(withdrawn), "commitment-differs");
});

test("§5.7(c): a nonce with four equal octets in a row, or 21 or fewer distinct ones, is refused", () => {
  const distinct = (count: number): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, at) => (at * 5) % count);
  const run = (length: number): Uint8Array => {
    const nonce = Uint8Array.from({ length: 32 }, (_, at) => at);
    return nonce.fill(0xaa, 10, 10 + length);
  };
  for (const nonce of [new Uint8Array(32), distinct(21), run(4)]) {
    assert.ok(isTrivialNonce(nonce), toHex(nonce));
    const outputs = crookedRun(crypto, homeOf(crypto), { nonce });
    assert.deepEqual(kinds(outputs), ["refused"]);
    assert.equal(reasonOf(outputs), "trivial-nonce");
  }
  for (const nonce of [distinct(22), run(3)]) {
    assert.ok(!isTrivialNonce(nonce), toHex(nonce));
    updateOf(crookedRun(crypto, homeOf(crypto), { nonce }));
  }
});

test("§5.7(c): shares and nonces that were seen before are refused, from any device", () => {
  const home = homeOf(crypto);
  updateOf(crookedRun(crypto, home, {}));
  home.machine.handle({ kind: "forget", device: "lamp" }, START);
  const remembered = home.seen.size;
  // The same device after a reset, with a source that begins anew.
  assert.equal(reasonOf(crookedRun(crypto, home, {})), "repeated-share");
  // The point alone, the nonce alone, the share of the key alone.
  const again = (crooked: Parameters<typeof crookedRun>[2]): unknown =>
    reasonOf(crookedRun(crypto, home, crooked));
  assert.equal(again({ nonce: seeded("fresh")(32) }), "repeated-share");
  const point = crypto.p256.base(seeded("fresh point")(32));
  assert.equal(again({ point }), "repeated-share");
  const known = crypto.p256.base(seeded("known share")(32));
  home.seen.add(toHex(fingerprint(crypto, known)));
  const fresh = { point, nonce: seeded("fresher")(32) };
  assert.equal(again({ ...fresh, keyShare: known }), "repeated-share");
  assert.equal(home.seen.size, remembered + 1);
});

test("what a reveal showed is remembered although it is refused behind", () => {
  const home = homeOf(crypto);
  const lie = <T>(reveal: T): T => ({ ...reveal, confirmation: new Uint8Array(32) });
  assert.deepEqual(kinds(crookedRun(crypto, home, { lie })), ["remember", "refused"]);
  assert.equal(home.seen.size, 2);
  assert.equal(reasonOf(crookedRun(crypto, home, {})), "repeated-share");
});

const own = crypto.ecdhKey("P-256", seeded("home")).publicKey;
const { deviceKey } = ASSOCIATION;
const offCurve = Uint8Array.from(G);
offCurve[64]! ^= 1;

for (const role of ["point", "keyShare"] as const) {
  const name = role === "point" ? "E_d" : "R";

  test(`§5.3.4: ${name} is a point of the curve`, () => {
    const beyond = concat(hex("04"), new Uint8Array(64).fill(0xff));
    for (const point of [offCurve, beyond, new Uint8Array(65), concat(hex("02"), G.subarray(1))]) {
      const outputs = crookedRun(crypto, homeOf(crypto), { [role]: point });
      assert.equal(reasonOf(outputs), "off-curve", toHex(point));
    }
  });

  test(`§5.3.4: ${name} is not HomeCA's own share, nor its opposite`, () => {
    for (const point of [own, opposite(own)]) {
      assert.equal(reasonOf(crookedRun(crypto, homeOf(crypto), { [role]: point })), "own-share");
    }
  });

  test(`§5.3.4: ${name} is not the device's key, nor its opposite`, () => {
    for (const point of [deviceKey, opposite(deviceKey)]) {
      const outputs = crookedRun(crypto, homeOf(crypto), { [role]: point });
      assert.equal(reasonOf(outputs), "share-is-device-key");
    }
  });

  test(`§5.3.4: ${name} is not the generator, nor its opposite`, () => {
    for (const point of [G, opposite(G)]) {
      const outputs = crookedRun(crypto, homeOf(crypto), { [role]: point });
      assert.equal(reasonOf(outputs), "share-is-generator");
    }
  });
}

test("R is not E_d, nor its opposite: r would be known to whoever learns e_d", () => {
  const point = crypto.ecdhKey("P-256", seeded("crooked")).publicKey;
  for (const keyShare of [point, opposite(point)]) {
    const outputs = crookedRun(crypto, homeOf(crypto), { keyShare });
    assert.equal(reasonOf(outputs), "same-share-twice");
  }
});

test("§5.3.8: a device that does not know what came of both shares is refused", () => {
  const home = homeOf(crypto);
  const lie = <T extends { readonly confirmation: Uint8Array }>(reveal: T): T => ({
    ...reveal,
    confirmation: reveal.confirmation.map((octet, at) => (at === 31 ? octet ^ 1 : octet)),
  });
  assert.equal(reasonOf(crookedRun(crypto, home, { lie })), "bad-confirmation");
  assert.equal(home.attempts.size, 0);
  // Somebody with e_d but without d: the point is another's.
  const point = crypto.p256.base(seeded("nobody's")(32));
  assert.equal(reasonOf(crookedRun(crypto, homeOf(crypto), { point })), "bad-confirmation");
});

test("§5.3.6: k is the first scalar that is not 0, 1 or n-1", () => {
  const order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const wide = (low: Uint8Array): Uint8Array => concat(new Uint8Array(16), low);
  const plus = (by: number): Uint8Array =>
    order.map((octet, at) => (at === 31 ? octet + by : octet));
  // 0, n, 1, n+1, n-1, and then 7 = n+7.
  const trivial = [new Uint8Array(32), order, one, plus(1), plus(-1), plus(7)].map(wide);
  assert.deepEqual(
    deriveScalar((counter) => trivial[counter]!.slice()),
    hex("07".padStart(64, "0")),
  );
});

/** Crypto whose sums and products are what the test says: k is not to be chosen otherwise. */
function rigged(result: (sum: Uint8Array | null) => Uint8Array | null): Crypto {
  const { p256 } = crypto;
  return { ...crypto, p256: { ...p256, add: (a, b) => result(p256.add(a, b)) } };
}

const keyShare = crypto.p256.base(seeded("a share of the key")(32));
const made = (home: Home, by: Crypto): HomeOutput[] => crookedRun(by, home, { keyShare });

test("§5.3.6: a derivation that gives trivial scalars alone gives no key", () => {
  const failure = assert.throws(() => deriveScalar(() => new Uint8Array(48)), KeyUpdateFailure);
  assert.equal(failure.reason, "no-scalar");
});

test("D3: A' is not infinity", () => {
  const by = rigged(() => null);
  assert.equal(reasonOf(made(homeOf(by), by)), "new-key-is-infinity");
});

test("D3: A' is not A, nor its opposite", () => {
  for (const key of [deviceKey, opposite(deviceKey)]) {
    const by = rigged(() => key);
    assert.equal(reasonOf(made(homeOf(by), by)), "new-key-is-old");
  }
});

test("D3: A' is not the generator, nor its opposite", () => {
  for (const key of [G, opposite(G)]) {
    const by = rigged(() => key);
    assert.equal(reasonOf(made(homeOf(by), by)), "new-key-is-generator");
  }
});

test("D3: A' has not been seen before", () => {
  const home = homeOf(crypto);
  const { publicKey } = updateOf(made(home, crypto));
  const next = homeOf(crypto, {
    seen: (known) => toHex(known) === toHex(fingerprint(crypto, publicKey)),
  });
  assert.equal(reasonOf(made(next, crypto)), "new-key-is-known");
  assert.equal(next.attempts.size, 0);
});

test("the key is stored before it is confirmed", () => {
  const home = homeOf(crypto);
  run(deviceOf(crypto), home);
  assert.deepEqual(kinds(home.outputs), ["answer", "remember", "remember", "updated", "answer"]);
});

test("D13: a device that missed the confirmation asks again and gets it, and no second key", () => {
  const home = homeOf(crypto);
  const { messages } = run(deviceOf(crypto), home);
  const again = home.reveal(messages.reveal, later(59_999));
  assert.deepEqual(again, [{ kind: "answer", device: "lamp", body: messages.confirmation }]);
  const other = messages.reveal.map((octet, at) => (at === 100 ? octet ^ 1 : octet));
  assert.equal(reasonOf(home.reveal(other)), "no-commitment");
  const reconnected = { ...ASSOCIATION, exporter: new Uint8Array(32) };
  assert.equal(reasonOf(home.reveal(messages.reveal, START, reconnected)), "no-commitment");
  assert.equal(reasonOf(home.reveal(messages.reveal, later(60_000))), "no-commitment");
});

test("a device that has its key may update it at once, from the new one", () => {
  const home = homeOf(crypto);
  const { key } = run(deviceOf(crypto), home);
  const association = { ...ASSOCIATION, deviceKey: key.publicKey };
  const device = deviceOf(crypto, { association, scalar: key.scalar, random: seeded("again") });
  const share = bodyOf(
    home.commit(bodyOf(device.handle({ kind: "start" }, START)), START, association),
  );
  const reveal = bodyOf(device.handle({ kind: "answer", body: share }, START));
  const next = updateOf(home.reveal(reveal, START, association)).publicKey;
  assert.notEqual(toHex(next), toHex(key.publicKey));
  assert.notEqual(toHex(next), toHex(crypto.p256.base(SCALAR)));
});

test("the authentication string has six digits, leading zeros among them", () => {
  for (const { derived } of vectors.cases) assert.match(derived.authenticationString, /^\d{6}$/);
  const seen = new Set<string>();
  for (let run = 0; run < 6; run++) {
    const home = homeOf(crypto, { random: seeded(`home ${run}`) });
    seen.add(updateOf(crookedRun(crypto, home, {})).authenticationString);
  }
  assert.equal(seen.size, 6);
});
