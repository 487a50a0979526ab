import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import type { HashName } from "../../../src/base/crypto/crypto.ts";
import {
  encodeImportedIdentity,
  importKey,
  MAX_EXTERNAL_IDENTITY_LENGTH,
  parseImportedIdentity,
} from "../../../src/proto/tls/psk-import.ts";
import type { Transport } from "../../../src/proto/tls/wire.ts";

/** The RFC has no vectors: these were computed from its text (§5.1) with Python's hmac and hashlib. */
const TABLE: readonly (readonly [HashName, Transport, identity: string, key: string])[] = [
  [
    "sha256",
    "stream",
    "0004686f6d65000003040001",
    "0b806660f485b6194936cad8ed97f4266e6284a570963286a615362330ea30dc",
  ],
  [
    "sha384",
    "stream",
    "0004686f6d65000003040002",
    "654a42db02eb1db6079723988759943cc7e56649db34b6d5d87bbfa32a3821937269c776c6f1f2d9bc217b546fb23141",
  ],
  [
    "sha256",
    "datagram",
    "0004686f6d650000fefc0001",
    "375aa041c9f86879ce11e7e059712a2046f3e814bde1dfb7eb5e42ffc100cda0",
  ],
];
const KEY = hex("000102030405060708090a0b0c0d0e0f");
const HOME = utf8("home");

for (const [hash, transport, identity, key] of TABLE) {
  const target = { hash, transport };

  for (const crypto of providers) {
    test(`${crypto.name}: a key imported for ${hash} over a ${transport}`, () => {
      assert.equal(toHex(importKey(crypto, KEY, hex(identity), target)), key);
    });
  }

  test(`an identity imported for ${hash} over a ${transport}, there and back`, () => {
    assert.equal(toHex(encodeImportedIdentity({ external: HOME, target })), identity);
    assert.deepEqual(parseImportedIdentity(hex(identity)), { external: HOME, target });
  });
}

const STRANGE: readonly (readonly [what: string, identity: string])[] = [
  ["nothing", ""],
  ["a ticket's random name", "9f1c0f3a5e0b7d44c6a2e8b1f07d3359"],
  ["no external identity", "0000 0000 0304 0001"],
  ["a context", "0004686f6d65 000161 0304 0001"],
  ["TLS 1.2", "0004686f6d65 0000 0303 0001"],
  ["an unknown KDF", "0004686f6d65 0000 0304 0003"],
  ["an octet behind it", "0004686f6d65 0000 0304 0001 00"],
];
for (const [what, identity] of STRANGE) {
  test(`an identity with ${what} is no import of ours`, () => {
    assert.equal(parseImportedIdentity(hex(identity)), null);
  });
}

test("every prefix of an imported identity is none", () => {
  const whole = hex(TABLE[0]![2]);
  for (let length = 0; length < whole.length; length++) {
    assert.equal(parseImportedIdentity(whole.subarray(0, length)), null);
  }
});

test("any octets are an import or not, and an import has but one form", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (identity) => {
      const imported = parseImportedIdentity(identity);
      if (imported !== null) assert.deepEqual(encodeImportedIdentity(imported), identity);
    }),
  );
});

test("an external identity has 1 to 65527 octets, and a known hash", () => {
  const target = { hash: "sha256", transport: "stream" } as const;
  const longest = new Uint8Array(MAX_EXTERNAL_IDENTITY_LENGTH);
  assert.equal(encodeImportedIdentity({ external: longest, target }).length, 65535);
  for (const external of [new Uint8Array(), new Uint8Array(MAX_EXTERNAL_IDENTITY_LENGTH + 1)]) {
    assert.throws(() => encodeImportedIdentity({ external, target }), RangeError);
  }
  const odd = { hash: "sha512", transport: "stream" } as const;
  assert.throws(() => encodeImportedIdentity({ external: HOME, target: odd }), RangeError);
});
