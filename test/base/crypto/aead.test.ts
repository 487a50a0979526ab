import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import type { AeadName } from "../../../src/base/crypto/crypto.ts";
import { AEAD, CBC } from "../../vectors/crypto/aead.ts";

const ALGORITHMS: readonly (readonly [AeadName, keyLength: number, tagLength: number])[] = [
  ["aes-128-gcm", 16, 16],
  ["aes-256-gcm", 32, 16],
  ["aes-128-ccm", 16, 16],
  ["aes-128-ccm-8", 16, 8],
  ["aes-256-ccm", 32, 16],
  ["aes-256-ccm-8", 32, 8],
  ["chacha20-poly1305", 32, 16],
];
const random = seeded("aead");
const EMPTY = new Uint8Array();

const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((octet, index) => (index === at ? octet ^ 0x10 : octet));

for (const crypto of providers) {
  for (const { source, algorithm, ...hexadecimal } of AEAD) {
    test(`${crypto.name}: ${algorithm}, ${source}`, () => {
      const { key, nonce, associated, plaintext, sealed } = hexadecimal;
      const aead = crypto.aead(algorithm, hex(key));
      assert.deepEqual(aead.seal(hex(nonce), hex(associated), hex(plaintext)), hex(sealed));
      assert.deepEqual(aead.open(hex(nonce), hex(associated), hex(sealed)), hex(plaintext));
    });
  }

  for (const [algorithm, keyLength, tagLength] of ALGORITHMS) {
    test(`${crypto.name}: ${algorithm} opens nothing that was touched anywhere`, () => {
      const aead = crypto.aead(algorithm, random(keyLength));
      assert.equal(aead.tagLength, tagLength);
      for (const length of [0, 1, 20]) {
        const nonce = random(12);
        const associated = random(13);
        const sealed = aead.seal(nonce, associated, random(length));
        assert.equal(sealed.length, length + tagLength);
        for (let at = 0; at < sealed.length; at++) {
          assert.equal(aead.open(nonce, associated, flipped(sealed, at)), null, `octet ${at}`);
        }
        assert.equal(aead.open(flipped(nonce, 11), associated, sealed), null, "nonce");
        assert.equal(aead.open(nonce, flipped(associated, 0), sealed), null, "associated octets");
        assert.equal(aead.open(nonce, EMPTY, sealed), null, "no associated octets");
        assert.equal(aead.open(nonce, associated, concat(sealed, Uint8Array.of(0))), null);
      }
    });

    test(`${crypto.name}: ${algorithm} opens no strict prefix`, () => {
      const aead = crypto.aead(algorithm, random(keyLength));
      const nonce = random(12);
      const sealed = aead.seal(nonce, EMPTY, random(18));
      for (let length = 0; length < sealed.length; length++) {
        assert.equal(aead.open(nonce, EMPTY, sealed.subarray(0, length)), null, `${length} octets`);
      }
    });

    test(`${crypto.name}: ${algorithm} refuses keys and nonces of other lengths`, () => {
      for (const length of [0, keyLength - 1, keyLength + 1, 24, 48 - keyLength]) {
        assert.throws(() => crypto.aead(algorithm, random(length)), RangeError, `${length}`);
      }
      const aead = crypto.aead(algorithm, random(keyLength));
      for (const length of [0, 8, 11, 13, 16]) {
        assert.throws(() => aead.seal(random(length), EMPTY, EMPTY), RangeError, `${length}`);
        assert.throws(() => aead.open(random(length), EMPTY, random(32)), RangeError, `${length}`);
      }
    });

    test(`${crypto.name}: ${algorithm} keeps its key when the key's buffer is used again`, () => {
      const key = random(keyLength);
      const aead = crypto.aead(algorithm, key);
      const nonce = random(12);
      const sealed = aead.seal(nonce, EMPTY, random(5));
      key.fill(0);
      assert.ok(aead.open(nonce, EMPTY, sealed));
    });

    test(`property: ${algorithm} of ${crypto.name} is opened by every provider, from any buffer`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 70 }),
          fc.uint8Array({ maxLength: 40 }),
          fc.nat(3),
          (plaintext, associated, offset) => {
            const key = random(keyLength);
            const nonce = random(12);
            // A view that does not start at a word: ciphers that read words must not mind.
            const shifted = concat(new Uint8Array(offset), plaintext).subarray(offset);
            const sealed = crypto.aead(algorithm, key).seal(nonce, associated, shifted);
            assert.deepEqual(shifted, plaintext, "the plaintext is left alone");
            const moved = concat(new Uint8Array(offset), sealed).subarray(offset);
            for (const other of providers) {
              const opened = other.aead(algorithm, key).open(nonce, associated, moved);
              assert.deepEqual(opened, plaintext, other.name);
            }
            assert.deepEqual(moved, sealed, "the ciphertext is left alone");
          },
        ),
        { numRuns: 20 },
      );
    });
  }

  test(`${crypto.name}: CCM with long associated octets agrees across providers (RFC 3610 §2.2)`, () => {
    const key = random(16);
    const nonce = random(12);
    for (const length of [0xfeff, 0xff00]) {
      const associated = new Uint8Array(length).fill(7);
      const sealed = crypto.aead("aes-128-ccm", key).seal(nonce, associated, random(3));
      for (const other of providers) {
        assert.ok(other.aead("aes-128-ccm", key).open(nonce, associated, sealed), other.name);
      }
    }
  });

  test(`${crypto.name}: AES-256-CBC, NIST SP 800-38A §F.2.5`, () => {
    const [key, iv, plaintext] = [hex(CBC.key), hex(CBC.iv), hex(CBC.plaintext)];
    const encrypted = crypto.aesCbcEncrypt(key, iv, plaintext);
    assert.equal(encrypted.length, 80);
    assert.deepEqual(encrypted.subarray(0, 64), hex(CBC.ciphertext));
    assert.deepEqual(crypto.aesCbcDecrypt(key, iv, encrypted), plaintext);
  });

  test(`${crypto.name}: AES-256-CBC fills up with 1 to 16 octets, and every provider takes them off`, () => {
    for (let length = 0; length <= 33; length++) {
      const [key, iv, plaintext] = [random(32), random(16), random(length)];
      const encrypted = crypto.aesCbcEncrypt(key, iv, plaintext);
      assert.equal(encrypted.length, length + 16 - (length % 16));
      for (const other of providers) {
        assert.deepEqual(other.aesCbcDecrypt(key, iv, encrypted), plaintext, other.name);
      }
    }
  });

  test(`${crypto.name}: AES-256-CBC padding that is not PKCS#7 is refused`, () => {
    const [key, iv] = [random(32), random(16)];
    // The IV is added to the first block, so with it any last block can be made of a full padding block.
    const paddingOnly = crypto.aesCbcEncrypt(key, iv, EMPTY);
    const decryptAs = (block: Uint8Array): Uint8Array | null =>
      crypto.aesCbcDecrypt(
        key,
        iv.map((octet, at) => octet ^ 16 ^ block[at]!),
        paddingOnly,
      );
    const block = (...end: number[]): Uint8Array =>
      concat(new Uint8Array(16 - end.length).fill(0x61), Uint8Array.from(end));

    assert.deepEqual(decryptAs(block(1)), new Uint8Array(15).fill(0x61));
    assert.deepEqual(decryptAs(block(2, 2)), new Uint8Array(14).fill(0x61));
    assert.equal(decryptAs(block(0)), null, "length 0");
    assert.equal(decryptAs(block(17)), null, "length 17");
    assert.equal(decryptAs(block(255)), null, "length 255");
    assert.equal(decryptAs(block(1, 2)), null, "an octet that differs");
    assert.equal(decryptAs(concat(block().fill(16), EMPTY).fill(15, 0, 1)), null, "16 octets");
  });

  test(`${crypto.name}: AES-256-CBC takes whole blocks, a 32-byte key and a 16-byte vector only`, () => {
    const [key, iv] = [random(32), random(16)];
    for (const length of [0, 1, 15, 17]) {
      assert.equal(crypto.aesCbcDecrypt(key, iv, random(length)), null, `${length} octets`);
    }
    for (const length of [0, 16, 24, 33]) {
      assert.throws(() => crypto.aesCbcEncrypt(random(length), iv, EMPTY), RangeError);
      assert.throws(() => crypto.aesCbcDecrypt(random(length), iv, random(16)), RangeError);
    }
    assert.throws(() => crypto.aesCbcEncrypt(key, random(12), EMPTY), RangeError);
  });
}
