// The bounds of a home's key updates: agreed keys, shares seen, and updates that came to nothing.
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono } from "../../../src/base/machine.ts";
import {
  ABANDONED_MS,
  AGREED_MS,
  KeyUpdates,
  MAX_ABANDONED,
  MAX_AGREED,
  MAX_SEEN,
} from "../../../src/policy/devices/key-updates.ts";
import type { KeyUpdateAnswer } from "../../../src/policy/devices/key-updates.ts";
import { DeviceKeyUpdate } from "../../../src/proto/key-update/device.ts";
import type { DeviceOutput } from "../../../src/proto/key-update/device.ts";
import type { Association } from "../../../src/proto/key-update/schedule.ts";

const crypto = providers[0]!;
const MINUTE = 60_000;

/** A home's table, and devices that go as far with it as they are told. */
class Pair {
  readonly updates: KeyUpdates;
  now: Mono = mono(1000);
  readonly #random: ReturnType<typeof seeded>;
  readonly #scalar: Uint8Array;

  constructor(seed: string, most: number = MAX_SEEN) {
    this.updates = new KeyUpdates(crypto, seeded(`home ${seed}`), most);
    this.#random = seeded(`devices ${seed}`);
    this.#scalar = crypto.generateScalar("P-256", this.#random);
  }

  pass(milliseconds: number): void {
    this.now = mono(this.now + milliseconds);
  }

  associationOf(device: string): Association {
    const { point } = crypto.signingKey("P-256", this.#scalar).publicKey;
    const hash = crypto.digest("sha256", utf8(device));
    return { deviceId: hash, deviceKey: point, homeKeyHash: hash, exporter: hash };
  }

  machine(device: string): DeviceKeyUpdate {
    const association = this.associationOf(device);
    return new DeviceKeyUpdate({
      crypto,
      random: this.#random,
      scalar: this.#scalar,
      withShare: false,
      association,
    });
  }

  take(kind: "commit" | "reveal", device: string, body: Uint8Array): KeyUpdateAnswer {
    return this.updates.take(kind, device, this.associationOf(device), body, this.now);
  }

  /** Commits, and gives what the device would send next. */
  commit(device: string): { readonly answer: KeyUpdateAnswer; readonly reveal: Uint8Array } {
    const machine = this.machine(device);
    const answer = this.take("commit", device, bodyOf(machine.handle({ kind: "start" }, this.now)));
    if (answer.kind !== "answer") return { answer, reveal: new Uint8Array() };
    const outputs = machine.handle({ kind: "answer", body: answer.body }, this.now);
    return { answer, reveal: bodyOf(outputs) };
  }

  complete(device: string): KeyUpdateAnswer {
    const { answer, reveal } = this.commit(device);
    return answer.kind === "answer" ? this.take("reveal", device, reveal) : answer;
  }
}

function bodyOf([output]: readonly DeviceOutput[]): Uint8Array {
  return output?.kind === "send" ? output.body : assert.fail(output?.kind ?? "nothing");
}

const outcome = (answer: KeyUpdateAnswer): string =>
  answer.kind === "refused" ? answer.reason : answer.kind;

test("a key that was agreed on waits ten minutes, and for its own device alone", () => {
  const pair = new Pair("waits");
  const answer = pair.complete("lamp");
  assert.ok(answer.kind === "answer" && answer.update !== null, outcome(answer));
  const { publicKey } = answer.update;
  assert.ok(pair.updates.isAgreed("lamp", publicKey, pair.now));
  assert.equal(pair.updates.isAgreed("other", publicKey, pair.now), false);
  assert.deepEqual(
    pair.updates.agreed("lamp", pair.now)?.before,
    pair.associationOf("lamp").deviceKey,
  );
  pair.pass(AGREED_MS);
  assert.equal(pair.updates.agreed("lamp", pair.now), null);
});

test("a reveal that is repeated gets the same answer and makes no other key", () => {
  const pair = new Pair("repeats");
  const { reveal } = pair.commit("lamp");
  const first = pair.take("reveal", "lamp", reveal);
  const agreed = pair.updates.agreed("lamp", pair.now);
  const second = pair.take("reveal", "lamp", reveal);
  assert.ok(first.kind === "answer" && second.kind === "answer");
  assert.deepEqual(second.body, first.body);
  assert.deepEqual([first.update === null, second.update], [false, null]);
  assert.equal(pair.updates.agreed("lamp", pair.now), agreed);
});

/** Every way to look at the home's share and to want another one. */
const WAYS: Readonly<Record<string, (pair: Pair) => void>> = {
  "going away": (pair) => {
    pair.commit("lamp");
    pair.pass(MINUTE);
  },
  "spoiling the reveal": (pair) => {
    const { reveal } = pair.commit("lamp");
    const spoiled = Uint8Array.from(reveal);
    spoiled[spoiled.length - 1]! ^= 1;
    assert.equal(outcome(pair.take("reveal", "lamp", spoiled)), "bad-confirmation");
  },
  "sending no reveal at all": (pair) => {
    pair.commit("lamp");
    assert.equal(outcome(pair.take("reveal", "lamp", new Uint8Array(1))), "malformed");
  },
  "not having the key certified": (pair) => {
    assert.equal(outcome(pair.complete("lamp")), "answer");
    pair.pass(AGREED_MS);
  },
};

for (const [way, abort] of Object.entries(WAYS)) {
  test(`after ${way} ${MAX_ABANDONED} times within a day a device has to wait, and nobody else`, () => {
    const pair = new Pair(way);
    for (let times = 0; times < MAX_ABANDONED; times++) abort(pair);
    const { answer } = pair.commit("lamp");
    assert.equal(answer.kind, "held");
    const { seconds } = answer as KeyUpdateAnswer & { readonly kind: "held" };
    assert.ok(seconds > 0 && seconds * 1000 <= ABANDONED_MS, `${seconds}`);
    assert.equal(outcome(pair.complete("other")), "answer");
    assert.equal(pair.updates.pardon("other", pair.now), false);
    pair.pass(seconds * 1000);
    assert.equal(outcome(pair.complete("lamp")), "answer");
  });
}

test("its owner's word lets a device that has to wait try again, as often as before", () => {
  const pair = new Pair("pardoned");
  for (let round = 0; round < 2; round++) {
    for (let times = 0; times < MAX_ABANDONED; times++) WAYS["going away"]!(pair);
    assert.equal(pair.commit("lamp").answer.kind, "held");
    assert.equal(pair.updates.pardon("lamp", pair.now), true);
  }
  assert.equal(outcome(pair.complete("lamp")), "answer");
});

test("what is certified in time counts as nothing", () => {
  const pair = new Pair("certified");
  for (let times = 0; times < 2 * MAX_ABANDONED; times++) {
    assert.equal(outcome(pair.complete("lamp")), "answer");
    pair.updates.forget("lamp");
    pair.pass(AGREED_MS);
  }
});

test("a reveal without a commitment costs a device nothing", () => {
  const pair = new Pair("no commitment");
  for (let times = 0; times < 2 * MAX_ABANDONED; times++) {
    assert.equal(outcome(pair.take("reveal", "lamp", new Uint8Array(1))), "no-commitment");
  }
  assert.equal(outcome(pair.complete("lamp")), "answer");
});

test(`at most ${MAX_AGREED} agreed keys wait: the oldest goes`, () => {
  const pair = new Pair("many");
  for (let device = 0; device <= MAX_AGREED; device++) {
    // Those confirmed stand for a minute beside.
    pair.pass(2000);
    assert.equal(outcome(pair.complete(`lamp ${device}`)), "answer", `${device}`);
  }
  assert.equal(pair.updates.agreed("lamp 0", pair.now), null);
  assert.ok(pair.updates.agreed("lamp 1", pair.now) !== null);
  assert.ok(pair.updates.agreed(`lamp ${MAX_AGREED}`, pair.now) !== null);
  assert.ok(pair.updates.size <= MAX_SEEN + 2 * MAX_AGREED);
});

test("shares are known again as long as there is room, the youngest for the longest", () => {
  // Each update leaves the device's share, its nonce and the new key.
  const pair = new Pair("seen", 6);
  const first = pair.machine("lamp");
  const commitment = bodyOf(first.handle({ kind: "start" }, pair.now));
  const share = pair.take("commit", "lamp", commitment);
  assert.ok(share.kind === "answer");
  const reveal = bodyOf(first.handle({ kind: "answer", body: share.body }, pair.now));
  assert.equal(outcome(pair.take("reveal", "lamp", reveal)), "answer");
  const { size } = pair.updates;
  // Another device with the same source says the same.
  assert.equal(outcome(pair.take("commit", "copy", commitment)), "answer");
  assert.equal(outcome(pair.take("reveal", "copy", reveal)), "repeated-share");
  for (const device of ["a", "b", "c"]) {
    assert.equal(outcome(pair.complete(device)), "answer");
    pair.updates.forget(device);
  }
  assert.ok(pair.updates.size <= size + 4, `${pair.updates.size}`);
  assert.equal(outcome(pair.take("commit", "late", commitment)), "answer");
  // Forgotten by now: what is wrong with it is that it was made for another device.
  assert.equal(outcome(pair.take("reveal", "late", reveal)), "bad-confirmation");
});
