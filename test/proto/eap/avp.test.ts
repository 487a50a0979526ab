import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../src/base/bytes.ts";
import { MAX_AVPS_LENGTH, parseAvps } from "../../../src/proto/eap/avp.ts";
import { EapFailure } from "../../../src/proto/eap/failure.ts";

// RFC 5281 §10.1: User-Name (1), M, length 11, "bob" and a zero; then vendor 311, type 11, no M, one octet.
const TWO = hex(`
  00000001 40 00000b 626f62 00
  0000000b 80 00000d 00000137 aa 000000`);

const reasonOf = (bytes: Uint8Array) => assert.throws(() => parseAvps(bytes), EapFailure).reason;

test("RFC 5281 §10.1: code, flags, length and vendor are read, padding is not the value's", () => {
  assert.deepEqual(parseAvps(TWO), [
    { code: 1, vendor: 0, mandatory: true, value: utf8("bob") },
    { code: 11, vendor: 311, mandatory: false, value: hex("aa") },
  ]);
  assert.deepEqual(parseAvps(new Uint8Array(0)), []);
});

test("every strict prefix that ends inside an AVP is malformed", () => {
  for (let length = 1; length < TWO.length; length++) {
    if (length === 12) continue;
    assert.equal(reasonOf(TWO.subarray(0, length)), "malformed-avp", `${length} bytes`);
  }
});

test("a length below the header and padding that is not zero are malformed", () => {
  assert.equal(reasonOf(hex("00000001 40 000007")), "malformed-avp");
  assert.equal(reasonOf(hex("00000001 c0 00000b 00000137")), "malformed-avp");
  assert.equal(reasonOf(hex("00000001 40 ffffff 626f62 00")), "malformed-avp");
  assert.equal(reasonOf(hex("00000001 40 00000b 626f62 01")), "malformed-avp");
});

test("reserved flags are ignored", () => {
  assert.ok(!parseAvps(hex("00000001 3f 000008"))[0]!.mandatory);
});

test("a sequence has at most 4096 bytes", () => {
  assert.equal(MAX_AVPS_LENGTH, 4096);
  const full = concat(hex("00000063 00 001000"), new Uint8Array(4088));
  assert.equal(parseAvps(full)[0]!.value.length, 4088);
  assert.equal(reasonOf(concat(full, hex("00"))), "avps-too-long");
});

test("property: what is encoded is read, and any bytes are AVPs or a failure", () => {
  const avp = fc.record({
    code: fc.nat(0xffff),
    vendor: fc.constantFrom(0, 311, 14122),
    mandatory: fc.boolean(),
    value: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(avp, { maxLength: 5 }), fc.uint8Array({ maxLength: 40 }), (avps, junk) => {
      const writer = new Writer();
      for (const { code, vendor, mandatory, value } of avps) {
        const length = (vendor === 0 ? 8 : 12) + value.length;
        writer
          .u32(code)
          .u8((vendor === 0 ? 0 : 0x80) | (mandatory ? 0x40 : 0))
          .u24(length);
        if (vendor !== 0) writer.u32(vendor);
        writer.raw(value).raw(new Uint8Array((4 - (length % 4)) % 4));
      }
      assert.deepEqual(parseAvps(writer.bytes()), avps);
      try {
        assert.ok(parseAvps(junk).length <= junk.length / 8);
      } catch (failure) {
        assert.ok(failure instanceof EapFailure);
      }
    }),
  );
});
