import { assert, providers, seeded, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import type { HashName } from "../../../src/base/crypto/crypto.ts";
import { hkdfExpand, hkdfExtract, prfTls12 } from "../../../src/base/crypto/kdf.ts";
import { HKDF, HMAC, PBKDF2, PRF_TLS12 } from "../../vectors/crypto/mac-kdf.ts";

for (const crypto of providers) {
  for (const { source, key, message, mac } of HMAC) {
    test(`${crypto.name}: HMAC, ${source}`, () => {
      for (const [hash, expected] of Object.entries(mac)) {
        // Object.entries forgets that the keys are names of hashes.
        const name = hash as HashName;
        assert.deepEqual(crypto.hmac(name, hex(key), hex(message)), hex(expected), hash);
        const keyed = crypto.hmacKey(name, hex(key));
        assert.deepEqual(keyed.mac(hex(message)), hex(expected), hash);
        assert.deepEqual(keyed.mac(hex(message)), hex(expected), `${hash}, the key again`);
      }
    });
  }

  for (const { source, hash, inputKey, salt, info, pseudorandomKey, output } of HKDF) {
    test(`${crypto.name}: HKDF, ${source}`, () => {
      const extracted = hkdfExtract(crypto, hash, hex(salt), hex(inputKey));
      assert.deepEqual(extracted, hex(pseudorandomKey));
      const expected = hex(output);
      assert.deepEqual(hkdfExpand(crypto, hash, extracted, hex(info), expected.length), expected);
    });
  }

  for (const { hash, secret, seed, output } of PRF_TLS12) {
    test(`${crypto.name}: the TLS 1.2 PRF over ${hash}`, () => {
      const expected = hex(output);
      for (const length of [0, 1, 12, 48, expected.length]) {
        const derived = prfTls12(crypto, hash, hex(secret), "test label", hex(seed), length);
        assert.deepEqual(derived, expected.subarray(0, length), `${length} octets`);
      }
      const label = utf8("test label");
      assert.deepEqual(
        prfTls12(crypto, hash, hex(secret), label, hex(seed), expected.length),
        expected,
        "the label as octets",
      );
    });
  }

  for (const { source, hash, password, salt, iterations, output } of PBKDF2) {
    test(`${crypto.name}: PBKDF2, ${source}`, () => {
      const expected = hex(output);
      const key = crypto.pbkdf2(hash, utf8(password), utf8(salt), iterations, expected.length);
      assert.deepEqual(key, expected);
    });
  }

  test(`${crypto.name}: PBKDF2 refuses counts and lengths that are not whole and positive`, () => {
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      const empty = new Uint8Array();
      assert.throws(() => crypto.pbkdf2("sha256", empty, empty, wrong, 32), RangeError);
      assert.throws(() => crypto.pbkdf2("sha256", empty, empty, 1, wrong), RangeError);
    }
  });

  test(`${crypto.name}: HKDF gives 255 blocks and refuses one octet more (RFC 5869 §2.3)`, () => {
    const key = seeded("hkdf bound")(20);
    const empty = new Uint8Array();
    assert.equal(hkdfExpand(crypto, "sha1", key, empty, 255 * 20).length, 255 * 20);
    assert.throws(() => hkdfExpand(crypto, "sha1", key, empty, 255 * 20 + 1), RangeError);
  });

  test(`${crypto.name}: an HMAC key of a block and its hash's zero padding are one key (RFC 2104 §2)`, () => {
    const key = seeded("padding")(20);
    const padded = concat(key, new Uint8Array(44));
    assert.deepEqual(
      crypto.hmac("sha256", key, utf8("m")),
      crypto.hmac("sha256", padded, utf8("m")),
    );
    assert.deepEqual(
      crypto.hmac("sha256", new Uint8Array(), utf8("m")),
      crypto.hmac("sha256", new Uint8Array(64), utf8("m")),
    );
  });
}
