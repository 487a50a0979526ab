import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { isHostile } from "../../../src/base/text.ts";
import { MAX_IDENTITY_LENGTH, parseIdentity } from "../../../src/proto/eap/identity.ts";

test("names, anonymous names and no name are identities", () => {
  const names = [
    "",
    "anonymous",
    "@setup.home.arpa",
    "lamp 1@homeca.home.arpa",
    "küche@例え.テスト",
    "🔑",
  ];
  for (const name of names) assert.equal(parseIdentity(utf8(name)), name);
});

test("an identity has at most 253 octets, not characters", () => {
  assert.equal(MAX_IDENTITY_LENGTH, 253);
  assert.equal(parseIdentity(utf8("a".repeat(253)))?.length, 253);
  assert.equal(parseIdentity(utf8("a".repeat(254))), null);
  assert.equal(parseIdentity(utf8(`${"ü".repeat(126)}a`))?.length, 127);
  assert.equal(parseIdentity(utf8("ü".repeat(127))), null);
});

test("controls, invisible and reordering characters are no part of an identity", () => {
  const hostile = [
    "a\0",
    "a\nb",
    "\x1b[2J",
    "\x7f",
    "\u0085",
    "a\u200bb",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u2028",
    "\ufeffa",
    "\uffff",
    "\u{e0041}",
  ];
  for (const text of hostile) assert.equal(parseIdentity(utf8(text)), null, JSON.stringify(text));
  for (const bytes of ["ff", "c0 80", "ed a0 80", "61 c3"]) {
    assert.equal(parseIdentity(hex(bytes)), null, bytes);
  }
});

test("property: any octets are an identity or none, and an identity is what was sent", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const identity = parseIdentity(bytes);
      if (identity === null) return;
      assert.deepEqual(utf8(identity), bytes);
      assert.ok(bytes.length <= MAX_IDENTITY_LENGTH && !isHostile(identity));
    }),
  );
});
