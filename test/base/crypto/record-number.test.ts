import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import type { RecordNumberCipherName } from "../../../src/base/crypto/crypto.ts";
import { HIGHEST_COUNTER, MASKS } from "../../vectors/crypto/record-number.ts";

const KEY_LENGTHS: readonly (readonly [RecordNumberCipherName, number])[] = [
  ["aes-128", 16],
  ["aes-256", 32],
  ["chacha20", 32],
];
const random = seeded("record-number");

for (const crypto of providers) {
  for (const { source, algorithm, key, sample, mask } of [...MASKS, HIGHEST_COUNTER]) {
    test(`${crypto.name}: the ${algorithm} mask of ${source}`, () => {
      const made = crypto.recordNumberCipher(algorithm, hex(key)).mask(hex(sample));
      assert.equal(made.length, 16);
      assert.deepEqual(made.subarray(0, hex(mask).length), hex(mask));
    });
  }

  for (const [algorithm, keyLength] of KEY_LENGTHS) {
    test(`${crypto.name}: ${algorithm} masks take keys of ${keyLength} and samples of 16 octets only`, () => {
      for (const length of [0, keyLength - 1, keyLength + 1, 24, 48 - keyLength]) {
        assert.throws(() => crypto.recordNumberCipher(algorithm, random(length)), RangeError);
      }
      const cipher = crypto.recordNumberCipher(algorithm, random(keyLength));
      for (const length of [0, 1, 15, 17, 32]) {
        assert.throws(() => cipher.mask(random(length)), RangeError, `${length} octets`);
      }
    });

    test(`${crypto.name}: an ${algorithm} mask depends on key and sample alone, and each is a buffer of its own`, () => {
      const key = random(keyLength);
      const sample = random(16);
      const untouched = Uint8Array.from(sample);
      const cipher = crypto.recordNumberCipher(algorithm, key);
      key.fill(0);
      const first = cipher.mask(sample);
      assert.deepEqual(sample, untouched, "the sample is left alone");
      const copy = Uint8Array.from(first);
      assert.notEqual(String(cipher.mask(random(16))), String(first), "another sample");
      assert.deepEqual(cipher.mask(sample), copy, "the same sample again");
      assert.deepEqual(first, copy, "the first mask is left alone");
    });

    test(`property: ${algorithm} masks of ${crypto.name} are every provider's, from any buffer`, () => {
      const octets = (length: number): fc.Arbitrary<Uint8Array> =>
        fc.uint8Array({ minLength: length, maxLength: length });
      fc.assert(
        fc.property(octets(keyLength), octets(16), fc.nat(3), (key, sample, offset) => {
          const shifted = (bytes: Uint8Array): Uint8Array =>
            concat(new Uint8Array(offset), bytes).subarray(offset);
          const mask = crypto.recordNumberCipher(algorithm, shifted(key)).mask(shifted(sample));
          for (const other of providers) {
            const others = other.recordNumberCipher(algorithm, key).mask(sample);
            assert.deepEqual(others, mask, other.name);
          }
        }),
        { numRuns: 40 },
      );
    });
  }
}
