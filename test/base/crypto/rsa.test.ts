import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import type { PublicKey } from "../../../src/base/crypto/crypto.ts";
import { isRsaKey } from "../../../src/base/crypto/rsa.ts";
import type { RsaPublicKey } from "../../../src/base/crypto/rsa.ts";
import {
  BEYOND_MODULUS,
  GOOD,
  KEYS,
  MALFORMED,
  MESSAGE,
  STRIPPED,
  TOO_SHORT,
} from "../../vectors/crypto/rsa.ts";

const keyOf = (name: keyof typeof KEYS): RsaPublicKey => ({
  kind: "rsa",
  modulus: hex(KEYS[name].modulus),
  exponent: hex(KEYS[name].exponent),
});
const PKCS1 = { kind: "rsa-pkcs1", hash: "sha256" } as const;

/** An odd number of exactly so many bits. */
function modulusOf(bits: number): Uint8Array {
  const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  modulus[0] = 0xff >> (8 * modulus.length - bits);
  return modulus;
}

for (const crypto of providers) {
  for (const { key, scheme, hash, signature } of GOOD) {
    test(`${crypto.name}: ${scheme} with ${hash} by the key "${key}"`, () => {
      const made = hex(signature);
      const verify = (message: string, octets: Uint8Array): boolean =>
        crypto.verify({ kind: scheme, hash }, keyOf(key), utf8(message), octets);
      assert.ok(verify(MESSAGE, made));
      assert.ok(!verify(`${MESSAGE}.`, made), "another message");
      for (const at of [0, 1, 128, made.length - 1]) {
        const flipped = made.map((octet, index) => (index === at ? octet ^ 1 : octet));
        assert.ok(!verify(MESSAGE, flipped), `octet ${at} flipped`);
      }
      const otherHash = hash === "sha256" ? "sha384" : "sha256";
      const otherScheme = scheme === "rsa-pss" ? "rsa-pkcs1" : "rsa-pss";
      for (const wrong of [
        { kind: scheme, hash: otherHash },
        { kind: otherScheme, hash },
        { kind: scheme, hash: "md5" },
        { kind: "ecdsa", hash },
      ] as const) {
        assert.ok(!crypto.verify(wrong, keyOf(key), utf8(MESSAGE), made), wrong.kind + wrong.hash);
      }
    });
  }

  for (const { name, key, scheme, hash, signature } of MALFORMED) {
    test(`${crypto.name}: ${scheme} refuses ${name}`, () => {
      const verify = crypto.verify(
        { kind: scheme, hash },
        keyOf(key),
        utf8(MESSAGE),
        hex(signature),
      );
      assert.equal(verify, false);
    });
  }

  test(`${crypto.name}: RSA keys below 2048 bits verify nothing`, () => {
    for (const { key, scheme, hash, signature } of TOO_SHORT) {
      const verify = crypto.verify(
        { kind: scheme, hash },
        keyOf(key),
        utf8(MESSAGE),
        hex(signature),
      );
      assert.equal(verify, false, key);
    }
  });

  test(`${crypto.name}: an RSA signature is as long as the modulus (RFC 8017 §8.2.2)`, () => {
    const key = keyOf("plain");
    const signature = hex(STRIPPED.signature);
    const message = utf8(STRIPPED.message);
    assert.ok(crypto.verify(PKCS1, key, message, signature));
    assert.equal(signature[0], 0);
    assert.ok(!crypto.verify(PKCS1, key, message, signature.subarray(1)), "without its zero");
    assert.ok(!crypto.verify(PKCS1, key, message, concat(Uint8Array.of(0), signature)));
    assert.ok(!crypto.verify(PKCS1, key, message, new Uint8Array()));
  });

  test(`${crypto.name}: an RSA signature is below the modulus (RFC 8017 §5.2.2)`, () => {
    const key = keyOf("plain");
    const message = utf8(BEYOND_MODULUS.message);
    assert.ok(crypto.verify(PKCS1, key, message, hex(BEYOND_MODULUS.signature)));
    assert.ok(!crypto.verify(PKCS1, key, message, hex(BEYOND_MODULUS.plusModulus)));
    assert.ok(!crypto.verify(PKCS1, key, message, key.modulus), "the modulus itself");
  });

  test(`${crypto.name}: with an exponent of 1 every message would be signed, so it verifies nothing`, () => {
    const { modulus } = keyOf("plain");
    const key: PublicKey = { kind: "rsa", modulus, exponent: Uint8Array.of(1) };
    const digestInfo = concat(
      hex("3031300d060960864801650304020105000420"),
      crypto.digest("sha256", utf8(MESSAGE)),
    );
    const filler = new Uint8Array(256 - 3 - digestInfo.length).fill(0xff);
    const encoded = concat(Uint8Array.of(0, 1), filler, Uint8Array.of(0), digestInfo);
    assert.equal(crypto.verify(PKCS1, key, utf8(MESSAGE), encoded), false);
  });

  test(`${crypto.name}: numbers with leading zeros are no RSA key`, () => {
    const { modulus, exponent } = keyOf("plain");
    const made = hex(GOOD.find(({ hash }) => hash === "sha256")!.signature);
    const zero = Uint8Array.of(0);
    for (const key of [
      { kind: "rsa", modulus: concat(zero, modulus), exponent },
      { kind: "rsa", modulus, exponent: concat(zero, exponent) },
    ] as const) {
      assert.ok(!crypto.verify(PKCS1, key, utf8(MESSAGE), made));
      assert.ok(!crypto.verify(PKCS1, key, utf8(MESSAGE), concat(zero, made)));
    }
  });
}

test("an RSA modulus has 2048 to 8192 bits and is odd", () => {
  const exponent = hex("010001");
  const fits = (modulus: Uint8Array): boolean => isRsaKey({ kind: "rsa", modulus, exponent });
  assert.deepEqual(
    [2047, 2048, 2049, 8192, 8193].map((bits) => fits(modulusOf(bits))),
    [false, true, true, true, false],
  );
  const even = modulusOf(2048);
  even[255] = 0xfe;
  assert.ok(!fits(even));
  assert.ok(!fits(new Uint8Array()));
});

test("an RSA exponent is odd, at least 3 and at most 2^32 + 1", () => {
  const modulus = modulusOf(2048);
  const fits = (exponent: string): boolean =>
    isRsaKey({ kind: "rsa", modulus, exponent: hex(exponent) });
  for (const good of ["03", "11", "010001", "ffffffff", "0100000001"]) assert.ok(fits(good), good);
  for (const bad of ["", "00", "01", "02", "04", "010000", "0003", "0100000003", "ffffffffff"]) {
    assert.ok(!fits(bad), bad);
  }
});
