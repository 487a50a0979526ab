import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { parseIdentity, printable } from "../../../src/proto/eap/identity.ts";

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
  assert.equal(parseIdentity(utf8("a".repeat(253)))?.length, 253);
  assert.equal(parseIdentity(utf8("a".repeat(254))), null);
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

test("a log line shows good text as it is and every other octet as a number", () => {
  assert.equal(printable(utf8("küche@例え")), "küche@例え");
  assert.equal(printable(utf8("a\r\nb\\")), "a\\x0d\\x0ab\\\\");
  assert.equal(printable(utf8("\u202e")), "\\xe2\\x80\\xae");
  assert.equal(printable(hex("61 c3 28 ff")), "a\\xc3(\\xff");
});

test("a log line is cut at 253 octets and says so", () => {
  assert.equal(printable(new Uint8Array(253).fill(0x61)), "a".repeat(253));
  assert.equal(printable(new Uint8Array(254).fill(0x61)), `${"a".repeat(253)}…`);
  const cutInside = printable(concat(new Uint8Array(252).fill(0x61), utf8("üü")));
  assert.equal(cutInside, `${"a".repeat(252)}\\xc3…`);
});

test("property: a log line has no control character and four times the octets at most", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const line = printable(bytes);
      // eslint-disable-next-line no-control-regex
      assert.ok(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(line));
      assert.ok(line.length <= 4 * 253 + 1);
      const identity = parseIdentity(bytes);
      if (identity !== null) assert.equal(line, identity.replaceAll("\\", "\\\\"));
    }),
  );
});
