import { assert, providers, seeded, test } from "#kit";
import { hex, toBase32 } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import {
  CLOCKLESS_LABEL_LENGTH,
  ClocklessDesk,
  clocklessLabel,
  INTERVAL_SECONDS,
  intervalLabel,
  intervalOf,
  KEY_LENGTH,
  LABEL_LENGTH,
  LabelTable,
  MAX_CLOCKLESS_PER_SECOND,
  MAX_DEVICES,
  MAX_NONCES_PER_DEVICE,
  NONCE_LENGTH,
  NONCE_MEMORY_MS,
} from "../../../src/proto/mdns/private.ts";

// docs: K_disc 00..1f at 0x599c8e68, the time of the example in draft-ietf-dnssd-privacy-05.
const KEY = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const TIME = unix(0x599c8e68);
const INTERVAL = 734_097;
const HOME_LABEL = "oqxsjyxygofdtnzm";
const DEVICE_LABEL = "7ogzblwjenu35q7h";
const NONCE = hex("0102030405");
const CLOCKLESS_LABEL = "aebagbafyvnblffpnnbwooca";
const T0 = mono(5_000_000);
const at = (milliseconds: number): ReturnType<typeof mono> => mono(T0 + milliseconds);

const crypto = providers.at(-1)!;

for (const provider of providers) {
  test(`${provider.name}: labels of a home and of a device, and of who has no clock`, () => {
    assert.equal(intervalOf(TIME), INTERVAL);
    assert.equal(intervalLabel(provider, KEY, "H", INTERVAL), HOME_LABEL);
    assert.equal(intervalLabel(provider, KEY, "D", INTERVAL), DEVICE_LABEL);
    assert.equal(clocklessLabel(provider, KEY, NONCE), CLOCKLESS_LABEL);
    assert.deepEqual(
      [HOME_LABEL.length, CLOCKLESS_LABEL.length],
      [LABEL_LENGTH, CLOCKLESS_LABEL_LENGTH],
    );
  });
}

const keysOf = (count: number): Map<string, Uint8Array> => {
  const random = seeded("keys");
  return new Map(
    Array.from({ length: count }, (_, index) => [`device ${index}`, random(KEY_LENGTH)]),
  );
};

/** Counts the MACs that a table or desk has computed. */
function counting(): Pick<Crypto, "hmac"> & { macs: number } {
  const counter = {
    macs: 0,
    hmac: (...args: Parameters<Crypto["hmac"]>) => {
      counter.macs++;
      return crypto.hmac(...args);
    },
  };
  return counter;
}

test("the interval before counts in the first half of the current one, the one after in the second, none else ever", () => {
  const table = new LabelTable(crypto, "H");
  table.setKeys(new Map([["lamp", KEY]]));
  const start = INTERVAL * INTERVAL_SECONDS;
  const half = INTERVAL_SECONDS / 2;
  const found = (interval: number, time: number): boolean =>
    table.find(intervalLabel(crypto, KEY, "H", interval), unix(time)) === "lamp";
  for (const [time, before, after] of [
    [start, true, false],
    [start + half - 1, true, false],
    [start + half, false, true],
    [start + INTERVAL_SECONDS - 1, false, true],
  ] as const) {
    assert.ok(found(INTERVAL, time));
    assert.equal(found(INTERVAL - 1, time), before, `before at ${time - start}`);
    assert.equal(found(INTERVAL + 1, time), after, `after at ${time - start}`);
    assert.ok(!found(INTERVAL - 2, time) && !found(INTERVAL + 2, time));
  }
  assert.equal(table.find(DEVICE_LABEL, TIME), null);
});

test("a label is found among those of many devices, and a key that is taken away is no longer", () => {
  const keys = keysOf(50);
  const table = new LabelTable(crypto, "D");
  table.setKeys(keys);
  const label = intervalLabel(crypto, keys.get("device 33")!, "D", INTERVAL);
  assert.equal(table.find(label, TIME), "device 33");
  keys.delete("device 33");
  assert.equal(table.find(label, TIME), "device 33");
  table.setKeys(keys);
  assert.equal(table.find(label, TIME), null);
});

test("labels are computed once an interval, not once a question, and those of three intervals are kept at most", () => {
  const counter = counting();
  const table = new LabelTable(counter, "H");
  table.setKeys(keysOf(20));
  for (let asked = 0; asked < 100; asked++) table.find("x".repeat(16), TIME);
  assert.equal(counter.macs, 40);
  for (let later = 0; later < 10 * INTERVAL_SECONDS; later += 500) {
    table.find("x".repeat(16), unix(TIME + later));
    assert.ok(table.size <= 60, `${table.size} labels`);
  }
  // From interval 734097 up to the second half of 734107, whose successor counts already.
  assert.equal(counter.macs, 20 * 12);
  // A clock that is set back by years starts anew.
  table.find("x".repeat(16), unix(1_000_000));
  assert.equal(table.size, 40);
});

test(`no more than ${MAX_DEVICES} keys, each of ${KEY_LENGTH} octets`, () => {
  const table = new LabelTable(crypto, "H");
  table.setKeys(keysOf(MAX_DEVICES));
  assert.throws(() => table.setKeys(keysOf(MAX_DEVICES + 1)), RangeError);
  assert.throws(() => table.setKeys(new Map([["short", KEY.subarray(1)]])), RangeError);
  assert.throws(() => intervalLabel(crypto, KEY.subarray(1), "H", 0), RangeError);
});

test("a nonce is taken once in 24 hours", () => {
  const desk = new ClocklessDesk(crypto);
  desk.setKeys(new Map([["lamp", KEY]]));
  assert.deepEqual(desk.recognise(CLOCKLESS_LABEL, T0), { kind: "known", id: "lamp" });
  assert.equal(desk.recognise(CLOCKLESS_LABEL, at(1)).kind, "repeated");
  assert.equal(desk.recognise(CLOCKLESS_LABEL, at(NONCE_MEMORY_MS - 1)).kind, "repeated");
  assert.equal(desk.recognise(CLOCKLESS_LABEL, at(NONCE_MEMORY_MS)).kind, "known");
});

test("what is no label, or nobody's, is not taken and not remembered", () => {
  const desk = new ClocklessDesk(crypto);
  desk.setKeys(new Map([["lamp", KEY]]));
  for (const label of [
    "",
    HOME_LABEL,
    CLOCKLESS_LABEL.toUpperCase(),
    `1${CLOCKLESS_LABEL.slice(1)}`,
  ]) {
    assert.equal(desk.recognise(label, T0).kind, "malformed", label);
  }
  for (let at_ = 0; at_ < CLOCKLESS_LABEL_LENGTH; at_++) {
    const wrong = CLOCKLESS_LABEL[at_] === "a" ? "b" : "a";
    const label = CLOCKLESS_LABEL.slice(0, at_) + wrong + CLOCKLESS_LABEL.slice(at_ + 1);
    assert.equal(desk.recognise(label, at(at_ * 100)).kind, "unknown", label);
  }
  assert.equal(desk.size, 0);
});

test(`no more than ${MAX_CLOCKLESS_PER_SECOND} labels without a clock are looked at in a second`, () => {
  const counter = counting();
  const desk = new ClocklessDesk(counter);
  desk.setKeys(keysOf(10));
  const random = seeded("strangers");
  for (let asked = 0; asked < 100; asked++) desk.recognise(toBase32(random(15)), at(asked));
  assert.equal(counter.macs, MAX_CLOCKLESS_PER_SECOND * 10);
  assert.equal(desk.recognise(toBase32(random(15)), at(999)).kind, "overloaded");
  assert.equal(desk.recognise(toBase32(random(15)), at(1000)).kind, "unknown");
});

test(`a device has ${MAX_NONCES_PER_DEVICE} nonces a day, and another one has its own`, () => {
  const desk = new ClocklessDesk(crypto);
  const other = hex("ff".repeat(32));
  desk.setKeys(
    new Map([
      ["greedy", KEY],
      ["modest", other],
    ]),
  );
  const random = seeded("nonces");
  const ask = (key: Uint8Array, when: number): string =>
    desk.recognise(clocklessLabel(crypto, key, random(NONCE_LENGTH)), at(when)).kind;
  for (let used = 0; used < MAX_NONCES_PER_DEVICE; used++)
    assert.equal(ask(KEY, used * 100), "known");
  assert.equal(ask(KEY, 20_000), "overloaded");
  assert.equal(ask(other, 20_000), "known");
  assert.equal(desk.size, MAX_NONCES_PER_DEVICE + 1);
  assert.equal(ask(KEY, NONCE_MEMORY_MS), "known");
  desk.setKeys(new Map([["modest", other]]));
  assert.equal(desk.size, 1);
});
