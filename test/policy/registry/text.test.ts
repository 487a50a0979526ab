import { assert, test } from "#kit";
import { isPlainText, isType, MAX_NAME } from "../../../src/policy/registry/text.ts";

test("names of any script are plain text", () => {
  for (const name of ["Küche", "חדר שינה", "キッチン", "مطبخ", "Кухня", "TV-2 (oben)", "💡"]) {
    assert.ok(isPlainText(name, MAX_NAME), name);
  }
});

test("controls, direction marks, invisible and private characters are refused (RFC 8264 §9)", () => {
  const refused = [
    0x00, 0x0a, 0x1b, 0x7f, 0x85, 0xa0, 0xad, 0x61c, 0x180e, 0x2003, 0x200b, 0x200e, 0x202e, 0x2028,
    0x2066, 0x2069, 0x3000, 0xe000, 0xfe0f, 0xfeff, 0xfffd, 0xffff, 0xe0041, 0xf0000, 0x10ffff,
  ];
  for (const code of refused) {
    const text = `a${String.fromCodePoint(code)}b`;
    assert.ok(!isPlainText(text, MAX_NAME), code.toString(16));
  }
  assert.ok(!isPlainText("a\ud800b", MAX_NAME));
});

test("a name has 1 to 64 characters and no space around it", () => {
  assert.ok(isPlainText("x".repeat(MAX_NAME), MAX_NAME));
  assert.ok(!isPlainText("x".repeat(MAX_NAME + 1), MAX_NAME));
  for (const name of ["", " x", "x "]) assert.ok(!isPlainText(name, MAX_NAME), name);
});

test("a type is 1 to 16 of a-z, 0-9 and hyphen", () => {
  assert.ok(isType("garage-door2") && isType("a".repeat(16)));
  for (const type of ["", "Lamp", "a b", "a".repeat(17), "lämp"]) assert.ok(!isType(type), type);
});
