import fc from "fast-check";
import { assert, test } from "#kit";
import {
  concat,
  fromBase32,
  fromBase64,
  fromBase64Url,
  fromUtf8,
  hex,
  Reader,
  sameBytes,
  toBase32,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
  Writer,
} from "../../src/base/bytes.ts";

class Cut extends Error {
  readonly at: number;
  constructor(at: number) {
    super("cut");
    this.at = at;
  }
}
const reader = (bytes: Uint8Array): Reader => new Reader(bytes, (at) => new Cut(at));
const anyBytes = fc.uint8Array({ maxLength: 300 });

test("integers are big-endian, and a u32 with its top bit set stays positive", () => {
  const fields = reader(hex("01 0203 040506 fffefdfc"));
  assert.deepEqual(
    [fields.u8(), fields.u16(), fields.u24(), fields.u32()],
    [1, 0x203, 0x40506, 0xfffefdfc],
  );
  assert.equal(fields.remaining, 0);
});

test("reading past the end throws the protocol's own failure", () => {
  assert.equal(assert.throws(() => reader(hex("01")).u16(), Cut).at, 1);
  assert.throws(() => reader(hex("05 01")).vector8(), Cut);
});

test("property: what a Writer wrote a Reader reads", () => {
  fc.assert(
    fc.property(anyBytes, fc.nat(0xffff), (body, number) => {
      const fields = reader(new Writer().u16(number).vector24(body).u32(number).bytes());
      assert.equal(fields.u16(), number);
      assert.deepEqual(fields.vector24(), body);
      assert.equal(fields.u32(), number);
    }),
  );
});

test("a Writer refuses a number that does not fit", () => {
  assert.throws(() => new Writer().u8(256), RangeError);
  assert.throws(() => new Writer().u16(-1), RangeError);
  assert.throws(() => new Writer().vector8(new Uint8Array(256)), RangeError);
});

test("a Writer that expected less than it gets grows", () => {
  for (const expected of [0, 1, 3]) {
    assert.equal(toHex(new Writer(expected).u16(1).raw(hex("0203")).u8(4).bytes()), "0001020304");
  }
});

test("RFC 4648 §10: the vectors of base64 and base32", () => {
  assert.equal(toBase64(utf8("fooba")), "Zm9vYmE=");
  assert.equal(toBase32(utf8("fooba")), "mzxw6ytb");
  assert.equal(toBase32(utf8("foob")), "mzxw6yq");
  assert.deepEqual(fromBase64("Zm9v\nYg=="), utf8("foob"));
});

test("base64 and base32 that is not canonical is refused (RFC 4648 §3.5)", () => {
  for (const text of ["Zm9vYh==", "Zm9v=", "Zm9!", "A==="])
    assert.equal(fromBase64(text), null, text);
  for (const text of ["A", "Zh", "Zg=="]) assert.equal(fromBase64Url(text), null, text);
  for (const text of ["m", "mz1", "MZXW6", "mzxw6yr"]) assert.equal(fromBase32(text), null, text);
});

test("property: bytes survive every text form", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      assert.deepEqual(hex(toHex(bytes)), bytes);
      assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
      assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
      assert.deepEqual(fromBase32(toBase32(bytes)), bytes);
    }),
  );
});

test("property: any text survives UTF-8", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => assert.equal(fromUtf8(utf8(text)), text)),
  );
});

test("UTF-8 that is overlong, a surrogate, beyond U+10FFFF or cut short is refused (RFC 3629 §3)", () => {
  for (const bytes of [
    "c080",
    "e080af",
    "f08080af",
    "eda080",
    "f4908080",
    "80",
    "c3",
    "e282",
    "ff",
  ]) {
    assert.equal(fromUtf8(hex(bytes)), null, bytes);
  }
});

test("sameBytes compares length and every byte", () => {
  assert.ok(sameBytes(hex("0102"), hex("0102")));
  assert.ok(!sameBytes(hex("0102"), hex("0103")));
  assert.ok(!sameBytes(hex("0102"), hex("010203")));
  assert.deepEqual(concat(hex("01"), hex(""), hex("0203")), hex("010203"));
});
