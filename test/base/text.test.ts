import fc from "fast-check";
import { assert, test } from "#kit";
import { isHostile, oneLine, visible } from "../../src/base/text.ts";

const anyText = fc.string({ unit: "binary", maxLength: 200 });

test("text of any script is shown as it is", () => {
  for (const text of ["Küche 🍳 台所", "חדר שינה", "مطبخ", "TV-2 (oben)", ""]) {
    assert.ok(!isHostile(text), text);
    assert.equal(visible(text), text);
    assert.equal(oneLine(text), text);
  }
});

test("hostile text is shown, not obeyed: controls, ANSI, bidi, zero width, lone surrogates", () => {
  assert.equal(visible("a\nb\u001b[2J"), "a\\x0ab\\x1b[2J");
  assert.equal(visible("ann\u202ecod.exe\u200b"), "ann\\u{202e}cod.exe\\u{200b}");
  assert.equal(visible("\u2028\ud800\u{e0041}\u00ad"), "\\u{2028}\\u{d800}\\u{e0041}\\xad");
  assert.equal(visible("\udc00\ud800"), "\\u{dc00}\\u{d800}");
  assert.equal(visible("\u0085\u009b31m\u007f"), "\\x85\\x9b31m\\x7f");
});

test("the table's rows begin and end where they say", () => {
  const edges: readonly (readonly [number, number])[] = [
    [0x00, 0x1f],
    [0x7f, 0xa0],
    [0x2000, 0x200f],
    [0x2028, 0x202f],
    [0x205f, 0x206f],
    [0xd800, 0xf8ff],
    [0xfe00, 0xfe0f],
    [0xfff0, 0xffff],
    [0x3fffe, 0x10ffff],
  ];
  for (const [first, last] of edges) {
    for (const code of [first, last]) {
      const text = `a${String.fromCodePoint(code)}b`;
      const digits = code.toString(16);
      const shown = code < 256 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
      assert.ok(isHostile(text), digits);
      assert.equal(visible(text), `a${shown}b`);
      assert.equal(oneLine(text), `a${shown}b`);
    }
    for (const code of [first - 1, last + 1]) {
      if (code < 0 || code > 0x10ffff) continue;
      assert.ok(!isHostile(String.fromCodePoint(code)), code.toString(16));
    }
  }
});

test("no escape can be forged; shown twice, backslashes double, and a line of ours keeps them", () => {
  assert.equal(visible("\\x1b"), "\\\\x1b");
  assert.equal(visible(visible("\u001b")), "\\\\x1b");
  assert.equal(oneLine(visible("\u001b")), "\\x1b");
});

test("long text ends in an ellipsis and no character is cut in two", () => {
  assert.equal(visible("x".repeat(256)), "x".repeat(256));
  assert.equal(visible("x".repeat(257)), `${"x".repeat(255)}…`);
  assert.equal(visible("🍳".repeat(9), 8), `${"🍳".repeat(7)}…`);
  assert.equal(visible("🍳".repeat(8), 8), "🍳".repeat(8));
  assert.equal(oneLine("x".repeat(9), 8), `${"x".repeat(7)}…`);
  assert.equal(oneLine("x".repeat(100_000)).length, 100_000);
});

test("property: nothing that is shown is hostile, and no text becomes longer than ten times its bound", () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 100 }), (text, most) => {
      for (const shown of [visible(text, most), oneLine(text, most)]) {
        assert.ok(!isHostile(shown));
        assert.ok(!/[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(shown));
        assert.ok(shown.length <= most * 10);
      }
    }),
  );
});

test("property: what is shown can be read back, so no two texts look alike", () => {
  const read = (shown: string): string =>
    shown.replaceAll(/\\(?:\\|x([0-9a-f]{2})|u\{([0-9a-f]+)\})/gu, (whole, two, more) =>
      whole === "\\\\" ? "\\" : String.fromCodePoint(Number.parseInt(two ?? more, 16)),
    );
  fc.assert(fc.property(anyText, (text) => assert.equal(read(visible(text)), text)));
});

test("property: a line made safe once is safe", () => {
  fc.assert(fc.property(anyText, (text) => assert.equal(oneLine(oneLine(text)), oneLine(text))));
});
