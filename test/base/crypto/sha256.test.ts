import { assert, seeded, test } from "#kit";
import fc from "fast-check";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as oracle } from "@noble/hashes/sha2.js";
import { hex, sameBytes } from "../../../src/base/bytes.ts";
import { HmacSha256, Sha256, sha256 } from "../../../src/base/crypto/sha256.ts";

const octets = fc.uint8Array({ maxLength: 400 });

test("SHA-256 of every length around the ends of blocks is the library's", () => {
  const message = seeded("lengths")(200);
  for (let length = 0; length <= message.length; length++) {
    const part = message.subarray(0, length);
    assert.deepEqual(sha256(part), oracle(part), `${length} octets`);
  }
});

test("SHA-256 of a million times a (FIPS 180-2 §B.3), in pieces that fit no block", () => {
  const running = new Sha256();
  const piece = new Uint8Array(1000).fill(0x61);
  for (let count = 0; count < 1000; count++) running.update(piece);
  const expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  assert.deepEqual(running.digest(), hex(expected));
});

test("a running SHA-256 is the library's however its octets come, and goes on when it was read", () => {
  fc.assert(
    fc.property(fc.array(octets, { maxLength: 8 }), (pieces) => {
      const running = new Sha256();
      const expected = oracle.create();
      for (const piece of pieces) {
        running.update(piece);
        expected.update(piece);
        assert.deepEqual(running.digest(), expected.clone().digest());
      }
    }),
  );
});

test("two that run at once do not see each other", () => {
  const message = seeded("two at once")(300);
  const [one, other] = [new Sha256(), new Sha256()];
  const key = new HmacSha256(message.subarray(0, 32));
  for (let at = 0; at < message.length; at += 30) {
    one.update(message.subarray(at, at + 30));
    other.update(message.subarray(0, 7));
    key.mac(message);
    sha256(message);
  }
  assert.deepEqual(one.digest(), oracle(message));
  const sevens = Array.from({ length: 10 }, () => message.subarray(0, 7));
  assert.deepEqual(other.digest(), oracle(Uint8Array.from(sevens.flatMap((seven) => [...seven]))));
});

test("HMAC is the library's for any key and messages", () => {
  fc.assert(
    fc.property(octets, fc.array(octets, { minLength: 1, maxLength: 4 }), (key, messages) => {
      const keyed = new HmacSha256(key);
      for (const message of messages) {
        assert.deepEqual(keyed.mac(message), hmac(oracle, key, message));
      }
    }),
  );
});

test("a key that was forgotten makes no MAC of its own any more", () => {
  const [key, message] = [seeded("key")(32), seeded("message")(32)];
  const keyed = new HmacSha256(key);
  keyed.forget();
  assert.ok(!sameBytes(keyed.mac(message), hmac(oracle, key, message)));
});

test("the inputs stay as they were", () => {
  const [key, message] = [seeded("key")(100), seeded("message")(100)];
  const [keyBefore, messageBefore] = [key.slice(), message.slice()];
  new HmacSha256(key).mac(message);
  sha256(message);
  assert.deepEqual([key, message], [keyBefore, messageBefore]);
});
