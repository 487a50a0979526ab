import { gcm as oracle } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import { assert, seeded, test } from "#kit";
import { Gcm } from "../../../src/base/crypto/gcm.ts";

const random = seeded("gcm");

test("AES-GCM of every length around the ends of blocks is the library's", () => {
  for (const keyLength of [16, 32]) {
    const [key, nonce, associated] = [random(keyLength), random(12), random(13)];
    const aead = new Gcm(key);
    for (let length = 0; length <= 50; length++) {
      const plaintext = random(length);
      const sealed = oracle(key, nonce, associated).encrypt(plaintext);
      assert.deepEqual(aead.seal(nonce, associated, plaintext), sealed, `${length} octets`);
      assert.deepEqual(aead.open(nonce, associated, sealed), plaintext, `${length} octets`);
    }
  }
});

test("property: AES-GCM is the library's for any key, nonce and octets", () => {
  const ofLength = (length: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ minLength: length, maxLength: length });
  const keys = fc.oneof(ofLength(16), ofLength(32));
  const octets = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(keys, ofLength(12), octets, octets, (key, nonce, associated, plaintext) => {
      const aead = new Gcm(key);
      const sealed = oracle(key, nonce, associated).encrypt(plaintext);
      assert.deepEqual(aead.seal(nonce, associated, plaintext), sealed);
      assert.deepEqual(aead.open(nonce, associated, sealed), plaintext);
    }),
    { numRuns: 60 },
  );
});

test("the counter goes on beyond an octet (NIST SP 800-38D §6.2)", () => {
  const [key, nonce, plaintext] = [random(16), random(12), random(16 * 260)];
  const nothing = new Uint8Array();
  const sealed = oracle(key, nonce).encrypt(plaintext);
  assert.deepEqual(new Gcm(key).seal(nonce, nothing, plaintext), sealed);
});

test("two keys used in turn do not see each other", () => {
  const [one, other] = [random(16), random(32)];
  const aeads = [new Gcm(one), new Gcm(other)] as const;
  const nonce = random(12);
  const [associated, plaintext] = [random(5), random(40)];
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(
      aeads[0].seal(nonce, associated, plaintext),
      oracle(one, nonce, associated).encrypt(plaintext),
    );
    assert.deepEqual(
      aeads[1].seal(nonce, associated, plaintext),
      oracle(other, nonce, associated).encrypt(plaintext),
    );
  }
});
