import { assert, providers, seeded, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import type { EcCurve, EcdhGroup } from "../../../src/base/crypto/crypto.ts";
import { isScalar } from "../../../src/base/crypto/ec.ts";
import type { RandomSource } from "../../../src/base/machine.ts";
import { AGREEMENTS, FIELD, X25519_FUNCTION, X25519_SMALL_ORDER } from "../../vectors/crypto/ec.ts";

const CURVES: readonly EcCurve[] = ["P-256", "P-384"];
const GROUPS: readonly EcdhGroup[] = [...CURVES, "X25519"];
const LENGTH: Readonly<Record<EcCurve, number>> = { "P-256": 32, "P-384": 48 };

/** Points that no key may agree with, made from a good one. */
function badPoints(curve: EcCurve, good: Uint8Array): Record<string, Uint8Array> {
  const length = LENGTH[curve];
  const x = good.subarray(1, 1 + length);
  const y = good.subarray(1 + length);
  const prime = hex(FIELD[curve].prime);
  const offCurve = Uint8Array.from(good);
  offCurve[2 * length]! ^= 1;
  return {
    "off the curve": offCurve,
    "coordinates swapped": concat(Uint8Array.of(4), y, x),
    compressed: concat(Uint8Array.of(2 + (y[length - 1]! & 1)), x),
    hybrid: concat(Uint8Array.of(6 + (y[length - 1]! & 1)), x, y),
    infinity: Uint8Array.of(0),
    "infinity at full length": new Uint8Array(1 + 2 * length),
    "(0, 0)": concat(Uint8Array.of(4), new Uint8Array(2 * length)),
    "x = p": concat(Uint8Array.of(4), prime, y),
    "y = p": concat(Uint8Array.of(4), x, prime),
    "both beyond p": concat(Uint8Array.of(4), new Uint8Array(2 * length).fill(0xff)),
    empty: new Uint8Array(),
    "an octet short": good.subarray(0, 2 * length),
    "an octet long": concat(good, Uint8Array.of(0)),
    "without its first octet": good.subarray(1),
  };
}

for (const crypto of providers) {
  for (const { source, group, scalar, publicKey, peer, shared } of AGREEMENTS) {
    test(`${crypto.name}: ${group}, ${source}`, () => {
      const key = crypto.ecdhKey(group, () => hex(scalar));
      assert.deepEqual(key.publicKey, hex(publicKey));
      assert.deepEqual(key.agree(hex(peer)), hex(shared));
    });
  }

  test(`${crypto.name}: X25519, RFC 7748 §5.2`, () => {
    for (const [scalar, u, expected] of X25519_FUNCTION) {
      assert.deepEqual(crypto.ecdhKey("X25519", () => hex(scalar)).agree(hex(u)), hex(expected));
    }
  });

  test(`${crypto.name}: an all-zero X25519 result is refused (RFC 7748 §6.1)`, () => {
    const key = crypto.ecdhKey("X25519", seeded("small order"));
    for (const u of X25519_SMALL_ORDER) {
      const withTopBit = hex(u);
      withTopBit[31]! |= 0x80;
      assert.equal(key.agree(hex(u)), null, u);
      assert.equal(key.agree(withTopBit), null, `${u} with its unused bit set`);
    }
    for (const length of [0, 31, 33, 65]) assert.equal(key.agree(new Uint8Array(length)), null);
  });

  for (const curve of CURVES) {
    test(`${crypto.name}: ${curve} agrees with no point that is not one of the curve's`, () => {
      const key = crypto.ecdhKey(curve, seeded(`own ${curve}`));
      const peer = crypto.ecdhKey(curve, seeded(`peer ${curve}`)).publicKey;
      assert.ok(crypto.isOnCurve(curve, peer));
      assert.equal(key.agree(peer)?.length, LENGTH[curve]);
      for (const [name, point] of Object.entries(badPoints(curve, peer))) {
        assert.equal(crypto.isOnCurve(curve, point), false, `isOnCurve: ${name}`);
        assert.equal(key.agree(point), null, `agree: ${name}`);
      }
    });

    test(`${crypto.name}: a ${curve} scalar is the first draw in [1, n-1]`, () => {
      const order = hex(FIELD[curve].order);
      const good = Uint8Array.from(order);
      good[good.length - 1]! -= 1;
      const draws = [new Uint8Array(order.length), order, order.map(() => 0xff), good];
      const source: RandomSource = () => draws.shift()!;
      assert.deepEqual(crypto.generateScalar(curve, source), good);
      assert.equal(draws.length, 0);
    });

    test(`${crypto.name}: a random source that is broken gives no ${curve} key`, () => {
      for (const fill of [0, 0xff]) {
        const broken: RandomSource = (length) => new Uint8Array(length).fill(fill);
        assert.throws(() => crypto.generateScalar(curve, broken), RangeError);
        assert.throws(() => crypto.ecdhKey(curve, broken), RangeError);
      }
      const short: RandomSource = (length) => new Uint8Array(length - 1).fill(7);
      assert.throws(() => crypto.generateScalar(curve, short), RangeError);
      assert.throws(() => crypto.ecdhKey("X25519", short), RangeError);
    });
  }

  for (const group of GROUPS) {
    test(`${crypto.name}: ${group} agrees with every provider`, () => {
      const own = crypto.ecdhKey(group, seeded(`${group} own`));
      for (const other of providers) {
        const peer = other.ecdhKey(group, seeded(`${group} peer`));
        const shared = own.agree(peer.publicKey);
        assert.ok(shared);
        assert.deepEqual(peer.agree(own.publicKey), shared, other.name);
      }
    });
  }
}

test("a scalar is in [1, n-1] and has the curve's length", () => {
  for (const curve of CURVES) {
    const order = hex(FIELD[curve].order);
    const one = new Uint8Array(order.length);
    one[one.length - 1] = 1;
    const below = Uint8Array.from(order);
    below[below.length - 1]! -= 1;
    const above = Uint8Array.from(order);
    above[above.length - 1]! += 1;
    for (const good of [one, below]) assert.ok(isScalar(curve, good));
    for (const bad of [
      new Uint8Array(order.length),
      order,
      above,
      order.map(() => 0xff),
      one.subarray(1),
      concat(Uint8Array.of(0), one),
      new Uint8Array(),
    ]) {
      assert.ok(!isScalar(curve, bad));
    }
  }
});
