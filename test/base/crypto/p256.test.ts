import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, fromBase64Url, hex, toHex } from "../../../src/base/bytes.ts";
import { isTrivialScalar, multiplyAdd, reduceWide } from "../../../src/base/crypto/scalar.ts";
import { FIELD } from "../../vectors/crypto/ec.ts";
import { MULTIPLES_OF_G, P256_KEY } from "../../vectors/crypto/p256.ts";
import ecdh from "../../vectors/wycheproof/ecdh_secp256r1_ecpoint.json" with { type: "json" };

const ORDER = BigInt(`0x${FIELD["P-256"].order.replaceAll(/\s/g, "")}`);
const PRIME = BigInt(`0x${FIELD["P-256"].prime.replaceAll(/\s/g, "")}`);

const octets = (number: bigint, length = 32): Uint8Array =>
  hex(number.toString(16).padStart(2 * length, "0"));
const G = hex(MULTIPLES_OF_G[0]!.point);

/** (x, p - y). */
function negated(point: Uint8Array): Uint8Array {
  const y = BigInt(`0x${toHex(point.subarray(33))}`);
  return concat(point.subarray(0, 33), octets(PRIME - y));
}

/** Octets that are no point of the curve, infinity among them. */
function noPoints(good: Uint8Array): readonly Uint8Array[] {
  const offCurve = Uint8Array.from(good);
  offCurve[64]! ^= 1;
  const compressed = concat(Uint8Array.of(2 + (good[64]! & 1)), good.subarray(1, 33));
  const beyond = concat(Uint8Array.of(4), octets(PRIME), good.subarray(33));
  return [
    offCurve,
    compressed,
    beyond,
    Uint8Array.of(0),
    new Uint8Array(65),
    good.subarray(0, 64),
    concat(good, Uint8Array.of(0)),
    new Uint8Array(),
  ];
}

const noScalars: readonly Uint8Array[] = [
  new Uint8Array(32),
  octets(ORDER),
  new Uint8Array(32).fill(0xff),
  octets(1n, 31),
  octets(1n, 33),
];

for (const { name, p256 } of providers) {
  test(`${name}: multiples of G, by base and by multiplication`, () => {
    for (const { scalar, point } of MULTIPLES_OF_G) {
      assert.deepEqual(p256.base(octets(scalar)), hex(point), String(scalar));
      assert.deepEqual(p256.multiply(G, octets(scalar)), hex(point), String(scalar));
    }
    assert.deepEqual(p256.base(octets(ORDER - 1n)), negated(G));
    assert.deepEqual(p256.multiply(G, octets(ORDER - 1n)), negated(G));
  });

  test(`${name}: RFC 6979 A.2.5, the public key of a private one`, () => {
    assert.deepEqual(p256.base(hex(P256_KEY.scalar)), hex(P256_KEY.point));
  });

  test(`${name}: Wycheproof's agreements are x coordinates of products`, () => {
    const lines = ecdh.groups.flatMap(({ valid }) => valid);
    assert.equal(lines.length, 330);
    for (const line of lines) {
      const [id, point, scalar, shared] = line.split(" ");
      // Some stand there with a leading zero, some without theirs.
      const padded = concat(new Uint8Array(32), fromBase64Url(scalar!)!).slice(-32);
      const product = p256.multiply(fromBase64Url(point!)!, padded);
      assert.deepEqual(product?.subarray(1, 33), fromBase64Url(shared!), id);
    }
  });

  test(`${name}: sums of multiples of G, doubling and opposite points`, () => {
    const [one, two, three] = MULTIPLES_OF_G.map(({ point }) => hex(point));
    assert.deepEqual(p256.add(one!, two!), three);
    assert.deepEqual(p256.add(two!, one!), three);
    assert.deepEqual(p256.add(one!, one!), two);
    assert.deepEqual(p256.add(three!, negated(one!)), two);
    assert.equal(p256.add(three!, negated(three!)), null);
  });

  test(`${name}: what is no point of the curve has no product and no sum`, () => {
    const good = p256.base(hex(P256_KEY.scalar));
    for (const bad of noPoints(good)) {
      assert.equal(p256.multiply(bad, octets(5n)), null);
      assert.equal(p256.add(good, bad), null);
      assert.equal(p256.add(bad, good), null);
      assert.equal(p256.isSmallMultiple(bad, 10), false);
    }
  });

  test(`${name}: a scalar outside [1, n-1] multiplies nothing`, () => {
    for (const bad of noScalars) {
      assert.throws(() => p256.base(bad), RangeError);
      assert.throws(() => p256.multiply(G, bad), RangeError);
    }
  });

  test(`${name}: results are the caller's own`, () => {
    p256.base(octets(2n)).fill(0);
    assert.deepEqual(p256.base(octets(2n)), hex(MULTIPLES_OF_G[1]!.point));
  });

  test(`${name}: small multiples of G are found up to the bound, on either side`, () => {
    const bound = 1 << 16;
    for (const j of [1, 2, 255, 256, 257, 512, 513, 514, 769, 770, 10_000, bound - 1, bound]) {
      const point = p256.base(octets(BigInt(j)));
      assert.ok(p256.isSmallMultiple(point, bound), String(j));
      assert.ok(p256.isSmallMultiple(negated(point), bound), String(-j));
    }
    assert.ok(!p256.isSmallMultiple(p256.base(octets(BigInt(bound + 513))), bound));
    assert.ok(!p256.isSmallMultiple(hex(P256_KEY.point), bound));
  });
}

test("small multiples of G are found whatever the bound", () => {
  const { p256 } = providers[0]!;
  for (const bound of [1, 256, 257, 769, 770, 2000]) {
    for (const j of [1, bound]) {
      assert.ok(p256.isSmallMultiple(p256.base(octets(BigInt(j))), bound), `${j} of ${bound}`);
    }
    assert.ok(!p256.isSmallMultiple(p256.base(octets(BigInt(bound + 600))), bound), `${bound}`);
  }
});

test("48 octets are reduced modulo n", () => {
  const cases: readonly (readonly [bigint, bigint])[] = [
    [0n, 0n],
    [1n, 1n],
    [ORDER - 1n, ORDER - 1n],
    [ORDER, 0n],
    [ORDER + 7n, 7n],
    [2n ** 384n - 1n, (2n ** 384n - 1n) % ORDER],
  ];
  for (const [wide, reduced] of cases)
    assert.deepEqual(reduceWide(octets(wide, 48)), octets(reduced));
  for (const length of [0, 32, 47, 49]) {
    assert.throws(() => reduceWide(new Uint8Array(length)), RangeError);
  }
});

test("property: k·d + r is in the exponent what it is in the group", () => {
  const { p256 } = providers.at(-1)!;
  const scalar = fc.bigInt({ min: 1n, max: ORDER - 1n }).map((number) => octets(number));
  const same = fc.property(scalar, scalar, scalar, (k, d, r) => {
    const sum = p256.add(p256.multiply(p256.base(d), k)!, p256.base(r));
    assert.deepEqual(p256.base(multiplyAdd(k, d, r)), sum);
  });
  fc.assert(same, { numRuns: 10 });
});

test("k·d + r is taken modulo n, and may be zero", () => {
  assert.deepEqual(multiplyAdd(octets(2n), octets(3n), octets(4n)), octets(10n));
  assert.deepEqual(multiplyAdd(octets(1n), octets(ORDER - 1n), octets(1n)), octets(0n));
  assert.deepEqual(multiplyAdd(octets(ORDER - 1n), octets(ORDER - 1n), octets(0n)), octets(1n));
  const short = new Uint8Array(31);
  assert.throws(() => multiplyAdd(short, octets(1n), octets(1n)), RangeError);
  assert.throws(() => multiplyAdd(octets(1n), short, octets(1n)), RangeError);
  assert.throws(() => multiplyAdd(octets(1n), octets(1n), short), RangeError);
});

test("0, 1 and n-1 are trivial scalars, and no others", () => {
  for (const trivial of [0n, 1n, ORDER - 1n]) assert.ok(isTrivialScalar(octets(trivial)));
  for (const other of [2n, ORDER - 2n]) assert.ok(!isTrivialScalar(octets(other)));
  const source = seeded("trivial scalars");
  for (let run = 0; run < 20; run++) assert.ok(!isTrivialScalar(reduceWide(source(48))));
});
