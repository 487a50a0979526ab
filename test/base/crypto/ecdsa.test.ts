import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import type { EcCurve, HashName, PublicKey } from "../../../src/base/crypto/crypto.ts";
import { ecdsaScalars } from "../../../src/base/crypto/ec.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { FIELD, RFC_6979 } from "../../vectors/crypto/ec.ts";

const CURVES: readonly EcCurve[] = ["P-256", "P-384"];

const publicKeyOf = (curve: EcCurve): PublicKey => ({
  kind: "ec",
  curve,
  point: hex(RFC_6979[curve].point),
});
const first = (curve: EcCurve): { hash: HashName; message: Uint8Array; signature: Uint8Array } => {
  const found = RFC_6979[curve].signatures.find(({ hash }) => hash === "sha256")!;
  return { hash: "sha256", message: utf8(found.message), signature: hex(found.signature) };
};

/** One DER element of fewer than 128 octets. */
const element = (tag: number, content: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(tag, content.length), content);

/** The two's complement of a number that is not negative, as DER wants it. */
function integer(number: bigint): Uint8Array {
  const digits = number.toString(16);
  const magnitude = hex(digits.length % 2 === 0 ? digits : `0${digits}`);
  return element(2, magnitude[0]! >= 0x80 ? concat(Uint8Array.of(0), magnitude) : magnitude);
}

const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(0x30, concat(...parts));

/** Every encoding that says something else, or the same in another way than DER's. */
function badSignatures(curve: EcCurve, good: Uint8Array): Record<string, Uint8Array> {
  const scalars = ecdsaScalars(curve, good)!;
  const [r, s] = [
    BigInt(`0x${toHex(scalars.subarray(0, scalars.length / 2))}`),
    BigInt(`0x${toHex(scalars.subarray(scalars.length / 2))}`),
  ];
  const n = BigInt(`0x${FIELD[curve].order}`);
  const [derR, derS] = [integer(r), integer(s)];
  const negative = (der: Uint8Array): Uint8Array =>
    element(2, concat(Uint8Array.of(0x80), der.subarray(3)));
  return {
    "r = 0": sequence(integer(0n), derS),
    "s = 0": sequence(derR, integer(0n)),
    "r = s = 0": sequence(integer(0n), integer(0n)),
    "r = n": sequence(integer(n), derS),
    "s = n": sequence(derR, integer(n)),
    "r = n + 1": sequence(integer(n + 1n), derS),
    "r + n": sequence(integer(r + n), derS),
    "s + n": sequence(derR, integer(s + n)),
    "r and s swapped": sequence(derS, derR),
    "s without the zero that keeps it positive": sequence(derR, element(2, derS.subarray(3))),
    "negative r": sequence(negative(derR), derS),
    "negative s": sequence(derR, negative(derS)),
    "a zero too many before r": sequence(
      element(2, concat(Uint8Array.of(0), derR.subarray(2))),
      derS,
    ),
    "a zero too many before s": sequence(
      derR,
      element(2, concat(Uint8Array.of(0), derS.subarray(2))),
    ),
    "an empty integer": sequence(derR, element(2, new Uint8Array())),
    "an octet behind": concat(good, Uint8Array.of(0)),
    "an octet inside, behind s": sequence(derR, derS, Uint8Array.of(0)),
    "a third integer": sequence(derR, derS, integer(1n)),
    "one integer": sequence(derR),
    "nothing inside": sequence(),
    "indefinite length": concat(Uint8Array.of(0x30, 0x80), derR, derS, Uint8Array.of(0, 0)),
    "the sequence's length in long form": concat(
      Uint8Array.of(0x30, 0x81, derR.length + derS.length),
      derR,
      derS,
    ),
    "an integer's length in long form": sequence(
      concat(Uint8Array.of(2, 0x81, derR[1]!), derR.subarray(2)),
      derS,
    ),
    "a set": element(0x31, concat(derR, derS)),
    "octet strings": sequence(element(4, derR.subarray(2)), element(4, derS.subarray(2))),
    "r and s bare": scalars,
    empty: new Uint8Array(),
  };
}

for (const crypto of providers) {
  for (const curve of CURVES) {
    const { scalar, point, signatures } = RFC_6979[curve];

    test(`${crypto.name}: ${curve} verifies RFC 6979 §A.2's signatures, of high s too`, () => {
      const key = crypto.signingKey(curve, hex(scalar));
      assert.deepEqual(key.publicKey, { kind: "ec", curve, point: hex(point) });
      for (const { hash, message, signature } of signatures) {
        const scheme = { kind: "ecdsa", hash } as const;
        assert.ok(
          crypto.verify(scheme, key.publicKey, utf8(message), hex(signature)),
          `${hash} ${message}`,
        );
        assert.ok(!crypto.verify(scheme, key.publicKey, utf8(`${message}.`), hex(signature)));
      }
    });

    test(`${crypto.name}: ${curve} verifies what every provider signed, over every hash`, () => {
      const message = utf8("what is signed");
      for (const signer of providers) {
        const key = signer.signingKey(curve, signer.generateScalar(curve, seeded("scalar")));
        for (const hash of ["sha1", "sha256", "sha384", "sha512"] as const) {
          const signature = key.sign(hash, message, seeded("nonce"));
          assert.ok(
            crypto.verify({ kind: "ecdsa", hash }, key.publicKey, message, signature),
            `${signer.name} ${hash}`,
          );
          const other = hash === "sha256" ? "sha384" : "sha256";
          assert.ok(
            !crypto.verify({ kind: "ecdsa", hash: other }, key.publicKey, message, signature),
          );
        }
      }
    });

    test(`${crypto.name}: ${curve} refuses every signature but the DER of r and s in range`, () => {
      const { hash, message, signature } = first(curve);
      const key = publicKeyOf(curve);
      assert.ok(crypto.verify({ kind: "ecdsa", hash }, key, message, signature));
      for (const [name, bad] of Object.entries(badSignatures(curve, signature))) {
        assert.equal(crypto.verify({ kind: "ecdsa", hash }, key, message, bad), false, name);
      }
    });

    test(`${crypto.name}: ${curve} refuses every strict prefix of a signature`, () => {
      const { hash, message, signature } = first(curve);
      for (let length = 0; length < signature.length; length++) {
        const prefix = signature.subarray(0, length);
        assert.ok(!crypto.verify({ kind: "ecdsa", hash }, publicKeyOf(curve), message, prefix));
      }
    });

    test(`${crypto.name}: ${curve} verifies with no key but its own, and not with a point off the curve`, () => {
      const { hash, message, signature } = first(curve);
      const scheme = { kind: "ecdsa", hash } as const;
      const good = hex(point);
      const offCurve = Uint8Array.from(good);
      offCurve[good.length - 1]! ^= 1;
      const [x, last] = [good.subarray(1, (good.length + 1) / 2), good[good.length - 1]!];
      const compressed = concat(Uint8Array.of(2 + (last & 1)), x);
      const other = crypto.signingKey(curve, crypto.generateScalar(curve, seeded("another")));
      for (const wrong of [
        offCurve,
        compressed,
        new Uint8Array(),
        Uint8Array.of(0),
        other.publicKey.point,
      ]) {
        const key: PublicKey = { kind: "ec", curve, point: wrong };
        assert.equal(crypto.verify(scheme, key, message, signature), false, toHex(wrong));
      }
      const otherCurve = curve === "P-256" ? "P-384" : "P-256";
      const key: PublicKey = { kind: "ec", curve: otherCurve, point: good };
      assert.equal(crypto.verify(scheme, key, message, signature), false, otherCurve);
    });

    test(`${crypto.name}: a ${curve} signing key wants a scalar in [1, n-1]`, () => {
      const order = hex(FIELD[curve].order);
      const zero = new Uint8Array(order.length);
      for (const wrong of [zero, order, order.map(() => 0xff), order.subarray(1)]) {
        assert.throws(() => crypto.signingKey(curve, wrong), RangeError);
      }
    });
  }

  test(`${crypto.name}: MD5 neither makes nor verifies signatures`, () => {
    const key = crypto.signingKey("P-256", hex(RFC_6979["P-256"].scalar));
    const { message, signature } = first("P-256");
    assert.throws(() => key.sign("md5", message, null), RangeError);
    assert.ok(!crypto.verify({ kind: "ecdsa", hash: "md5" }, key.publicKey, message, signature));
  });

  test(`${crypto.name}: an EC key verifies ECDSA only`, () => {
    const { hash, message, signature } = first("P-256");
    for (const kind of ["rsa-pkcs1", "rsa-pss"] as const) {
      assert.ok(!crypto.verify({ kind, hash }, publicKeyOf("P-256"), message, signature));
    }
  });

  test(`${crypto.name}: a signing key keeps its scalar when the scalar's buffer is used again`, () => {
    const scalar = crypto.generateScalar("P-256", seeded("buffer"));
    const key = crypto.signingKey("P-256", scalar);
    scalar.fill(1);
    const signature = key.sign("sha256", utf8("m"), null);
    assert.ok(
      crypto.verify({ kind: "ecdsa", hash: "sha256" }, key.publicKey, utf8("m"), signature),
    );
  });

  test(`property: any octets are a signature to no provider, ${crypto.name}`, () => {
    const { hash, message, signature } = first("P-256");
    const near = fc
      .tuple(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, change]) =>
        signature.map((octet, index) => (index === at ? octet ^ change : octet)),
      );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), near), (octets) => {
        assert.ok(!crypto.verify({ kind: "ecdsa", hash }, publicKeyOf("P-256"), message, octets));
      }),
      { numRuns: 40 },
    );
  });
}

for (const curve of CURVES) {
  test(`noble: ${curve} signatures without random octets are RFC 6979 §A.2's`, () => {
    const key = noble.signingKey(curve, hex(RFC_6979[curve].scalar));
    for (const { hash, message, signature } of RFC_6979[curve].signatures) {
      assert.deepEqual(key.sign(hash, utf8(message), null), hex(signature), `${hash} ${message}`);
    }
  });
}

test("noble: 32 random octets go into the nonce, and the same octets give the same signature", () => {
  const key = noble.signingKey("P-256", hex(RFC_6979["P-256"].scalar));
  const asked: number[] = [];
  const counting = (length: number): Uint8Array => {
    asked.push(length);
    return seeded("hedge")(length);
  };
  const hedged = key.sign("sha256", utf8("sample"), counting);
  assert.deepEqual(asked, [32]);
  assert.deepEqual(key.sign("sha256", utf8("sample"), seeded("hedge")), hedged);
  assert.notEqual(toHex(hedged), toHex(key.sign("sha256", utf8("sample"), null)));
  assert.notEqual(toHex(hedged), toHex(key.sign("sha256", utf8("sample"), seeded("other"))));
});

test("noble: with a random source that always says the same, two messages still have two nonces", () => {
  const key = noble.signingKey("P-256", hex(RFC_6979["P-256"].scalar));
  const stuck = (length: number): Uint8Array => new Uint8Array(length);
  const nonceOf = (message: string): string => {
    const signature = key.sign("sha256", utf8(message), stuck);
    return toHex(ecdsaScalars("P-256", signature)!.subarray(0, 32));
  };
  assert.notEqual(nonceOf("one"), nonceOf("two"));
});
