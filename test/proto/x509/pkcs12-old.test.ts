import { assert, providers, seeded, test } from "#kit";
import { hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { deriveKey } from "../../../src/proto/x509/pkcs12-keys.ts";
import { encodePfx, parsePfx } from "../../../src/proto/x509/pkcs12.ts";
import { PasswordFailure } from "../../../src/proto/x509/pbes2.ts";
import { tripleDesEncrypt } from "../../../src/proto/x509/triple-des.ts";

// NIST SP 800-67 revision 1, appendix B.1: three keys, "The qufck brown fox jump" in ECB.
const KEYS = hex("0123456789abcdef 23456789abcdef01 456789abcdef0123");
const BLOCKS = ["5468652071756663", "6b2062726f776e20", "666f78206a756d70"];
const CIPHERTEXTS = ["a826fd8ce53b855f", "cce21c8112256fe6", "68d5c05dd9b6b900"];
/** Of "smeg", 2048 rounds of SHA-1 and the salt below: 24 octets for a key, 8 for an IV, 20 for a MAC. */
const EXPECTED = [
  "a47d8885ac455b8c81b82b5b3117b212a272bfd5a0b6babf",
  "7e450a95c7b0fba4",
  "044d8d92659b1119a81493c238b7086dbe945564",
];
const ZERO = new Uint8Array(8);

test("SP 800-67 appendix B.1: each block under three keys", () => {
  for (const [at, block] of BLOCKS.entries()) {
    const ciphertext = tripleDesEncrypt(KEYS, ZERO, hex(block));
    assert.equal(toHex(ciphertext.subarray(0, 8)), CIPHERTEXTS[at]);
    // A whole block of padding behind it.
    assert.equal(ciphertext.length, 16);
  }
});

test("blocks are chained, and any length is padded to whole blocks", () => {
  const [first, second] = BLOCKS.map((block) => hex(block));
  const chained = tripleDesEncrypt(KEYS, ZERO, hex(BLOCKS.slice(0, 2).join("")));
  const before = chained.subarray(0, 8);
  assert.deepEqual(before, tripleDesEncrypt(KEYS, ZERO, first!).subarray(0, 8));
  assert.deepEqual(chained.subarray(8, 16), tripleDesEncrypt(KEYS, before, second!).subarray(0, 8));
  for (let length = 0; length <= 17; length++) {
    const { length: octets } = tripleDesEncrypt(KEYS, ZERO, new Uint8Array(length));
    assert.equal(octets, (Math.floor(length / 8) + 1) * 8);
  }
  assert.throws(() => tripleDesEncrypt(KEYS.subarray(0, 16), ZERO, ZERO), RangeError);
  assert.throws(() => tripleDesEncrypt(KEYS, KEYS, ZERO), RangeError);
});

for (const crypto of providers) {
  // Made with OpenSSL 3.0: openssl kdf -keylen N -kdfopt digest:SHA1 -kdfopt hexpass:… -kdfopt hexsalt:… -kdfopt iter:2048 -kdfopt id:N PKCS12KDF
  test(`${crypto.name}: keys longer than the hash, IVs and MAC keys as OpenSSL derives them`, () => {
    const derivation = {
      crypto,
      hash: "sha1",
      password: "smeg",
      salt: hex("0a58cf64530d823f"),
      iterations: 2048,
    } as const;
    const made = (["key", "iv", "mac"] as const).map((purpose, at) =>
      toHex(deriveKey(purpose, [24, 8, 20][at]!, derivation)),
    );
    assert.deepEqual(made, EXPECTED);
  });

  test(`${crypto.name}: the old form has a MAC that holds, and parts that only others open`, () => {
    const scalar = crypto.generateScalar("P-256", seeded("old pfx"));
    const encryption = {
      ...{ crypto, random: seeded("old pfx"), iterations: 1000 },
      password: "a password",
    };
    const pfx = { key: { curve: "P-256", scalar }, certificates: [utf8("certificate")] } as const;
    const old = encodePfx(pfx, "lamp", encryption, "old");
    const failure = assert.throws(() => parsePfx(old, "a password", crypto), PasswordFailure);
    assert.equal(failure.reason, "unsupported-scheme");
    assert.equal(
      assert.throws(() => parsePfx(old, "another", crypto), PasswordFailure).reason,
      "wrong-password",
    );
  });
}
