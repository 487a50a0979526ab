import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { BLOCK_SIZES, blockOption, readBlock } from "../../../src/proto/coap/block.ts";
import { CoapFailure } from "../../../src/proto/coap/failure.ts";
import type { Option } from "../../../src/proto/coap/message.ts";
import {
  BLOCK1,
  CONTENT_FORMAT,
  ETAG,
  IF_NONE_MATCH,
  isCritical,
  isNoCacheKey,
  isUnsafe,
  KnownOptions,
  LOCATION_PATH,
  MAX_AGE,
  OBSERVE,
  opaqueOption,
  SIZE1,
  stringOption,
  uintOption,
  URI_PATH,
  URI_QUERY,
} from "../../../src/proto/coap/options.ts";
import { option } from "./ends.ts";

function refusalOf(...options: Option[]): string {
  const failure = assert.throws(() => new KnownOptions(options, "request"), CoapFailure);
  return `${failure.reason} ${failure.diagnostic}`;
}

test("RFC 7252 Table 4: which options are critical, unsafe, no part of the cache key", () => {
  const critical = [1, 3, 5, 7, 11, 15, 17, 23, 27, 35, 39];
  const elective = [4, 6, 8, 12, 14, 20, 28, 60, 252, 258, 292];
  assert.deepEqual(critical.filter(isCritical), critical);
  assert.deepEqual(elective.filter(isCritical), []);
  assert.deepEqual(
    [3, 6, 7, 11, 14, 15, 23, 27, 35, 39].filter((each) => !isUnsafe(each)),
    [],
  );
  assert.deepEqual([1, 4, 5, 8, 12, 17, 20].filter(isUnsafe), []);
  assert.deepEqual([28, 60, 252, 258, 292, 4].filter(isNoCacheKey), [28, 60, 252]);
});

test("RFC 7252 §3.2: numbers take the fewest octets, 0 none, and zeros in front are read", () => {
  assert.deepEqual(uintOption(MAX_AGE, 0).value, hex(""));
  assert.deepEqual(uintOption(MAX_AGE, 255).value, hex("ff"));
  assert.deepEqual(uintOption(MAX_AGE, 86_400).value, hex("015180"));
  assert.deepEqual(uintOption(MAX_AGE, 0xffff_ffff).value, hex("ffffffff"));
  const padded = new KnownOptions([option(14, hex("0000003c"))], "response");
  assert.equal(padded.uint(MAX_AGE), 60);
  assert.equal(padded.uint(OBSERVE), null);
});

test("RFC 7252 §5.4.3: a critical option of a wrong length is a bad option, an elective one is passed over", () => {
  assert.equal(refusalOf(option(17, hex("000001"))), "bad-option option 17");
  assert.equal(refusalOf(option(5, "x")), "bad-option option 5");
  assert.equal(refusalOf(option(3)), "bad-option option 3");
  assert.equal(refusalOf(option(11, new Uint8Array(256))), "bad-option option 11");
  const elective = [
    option(12, hex("000001")),
    option(4, new Uint8Array(9)),
    option(6, hex("01020304")),
  ];
  const known = new KnownOptions(elective, "request");
  assert.deepEqual(
    [known.has(CONTENT_FORMAT), known.has(ETAG), known.has(OBSERVE)],
    [false, false, false],
  );
});

test("RFC 7252 §5.4.5: a critical option that stands too often is a bad option, an elective one counts once", () => {
  assert.equal(refusalOf(option(17, 0), option(17, 1)), "bad-option option 17");
  const known = new KnownOptions([option(12, 40), option(12, 60)], "request");
  assert.equal(known.uint(CONTENT_FORMAT), 40);
  const paths = new KnownOptions([option(11, "a"), option(11, ""), option(11, "a")], "request");
  assert.deepEqual(paths.strings(URI_PATH), ["a", "", "a"]);
});

test("text that is no UTF-8 is a bad option", () => {
  assert.equal(refusalOf(option(15, hex("c328"))), "bad-option option 15");
  const known = new KnownOptions([{ number: 15, value: utf8("ä=ö") }], "request");
  assert.deepEqual(known.strings(URI_QUERY), ["ä=ö"]);
});

test("an option that belongs to the other direction counts as unknown", () => {
  assert.equal(new KnownOptions([option(8, "a")], "request").has(LOCATION_PATH), false);
  assert.throws(() => new KnownOptions([option(11, "a")], "response"), CoapFailure);
});

test("what an option cannot hold is the caller's fault", () => {
  assert.throws(() => stringOption(URI_PATH, "x".repeat(256)), RangeError);
  assert.throws(() => opaqueOption(ETAG, hex("")), RangeError);
  assert.throws(() => uintOption(CONTENT_FORMAT, 65_536), RangeError);
  assert.throws(() => uintOption(SIZE1, -1), RangeError);
  assert.throws(() => uintOption(SIZE1, 0.5), RangeError);
  assert.throws(() => opaqueOption(IF_NONE_MATCH, hex("00")), RangeError);
});

test("RFC 7959 §2.2: NUM, M and SZX of every size, and SZX 7 is reserved", () => {
  assert.equal(readBlock(null), null);
  assert.deepEqual(readBlock(0), { number: 0, more: false, size: 16 });
  assert.deepEqual(readBlock(0x1d), { number: 1, more: true, size: 512 });
  for (const size of BLOCK_SIZES) {
    const block = { number: 0xfffff, more: true, size };
    const [{ value }] = [blockOption(BLOCK1, block)];
    assert.equal(value.length, 3);
    assert.deepEqual(readBlock(value.reduce((sum, octet) => sum * 256 + octet, 0)), block);
  }
  for (const value of [7, 15, 0x17]) {
    const failure = assert.throws(() => readBlock(value), CoapFailure);
    assert.deepEqual([failure.reason, failure.code], ["bad-block", 0x80]);
  }
  const above = { number: 0x100000, more: false, size: 16 } as const;
  assert.throws(() => blockOption(BLOCK1, above), RangeError);
});

test("property: any options are understood or refused, nothing else", () => {
  const anyOption = fc.record({
    number: fc.oneof(
      fc.nat({ max: 65_535 }),
      fc.constantFrom(1, 3, 4, 5, 6, 11, 12, 15, 17, 23, 27),
    ),
    value: fc.uint8Array({ maxLength: 12 }),
  });
  const direction = fc.constantFrom("request" as const, "response" as const);
  fc.assert(
    fc.property(fc.array(anyOption, { maxLength: 8 }), direction, (options, where) => {
      try {
        const known = new KnownOptions(options, where);
        const unknown = options.filter(
          ({ number }) => isCritical(number) && !known.has({ ...URI_PATH, number }),
        );
        assert.deepEqual(unknown, []);
      } catch (failure) {
        if (!(failure instanceof CoapFailure)) throw failure;
        assert.equal(failure.reason, "bad-option");
      }
    }),
  );
});
