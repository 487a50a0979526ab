import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../src/base/bytes.ts";
import {
  CborFailure,
  MAX_CBOR_DEPTH,
  MAX_CBOR_ITEMS,
  MAX_CBOR_LENGTH,
  parseCbor,
} from "../../src/base/cbor.ts";
import type { CborItem, CborKey, CborReason } from "../../src/base/cbor.ts";
import * as cbor from "../../src/base/cbor-write.ts";
import { APPENDIX_A, APPENDIX_A_REFUSED, NOT_WELL_FORMED } from "../vectors/cbor.ts";

const read = (text: string): CborItem => parseCbor(hex(text));
const refused = (body: () => unknown): CborReason => assert.throws(body, CborFailure).reason;

/** The item written anew from what its methods hand out. */
function rewritten(item: CborItem): Uint8Array {
  switch (item.kind) {
    case "integer":
      return cbor.integer(item.bigint());
    case "bytes":
      return cbor.bytes(item.bytes());
    case "text":
      return cbor.text(item.text());
    case "array":
      return cbor.array(...item.array().map(rewritten));
    case "map":
      return cbor.map(...item.map().entries().map(rewrittenEntry));
    case "tag":
      return cbor.tagged(item.tag!, rewritten(item.behindTag()));
    case "boolean":
      return cbor.boolean(item.boolean());
    case "null":
      return cbor.nullValue();
  }
}

function rewrittenEntry([key, item]: readonly [CborKey, CborItem]): [CborKey, Uint8Array] {
  return [key, rewritten(item)];
}

for (const [encoding, written] of APPENDIX_A) {
  test(`RFC 8949 appendix A: ${encoding}`, () => {
    assert.deepEqual(written, hex(encoding), "written");
    assert.deepEqual(rewritten(read(encoding)), hex(encoding), "read and written");
  });
}

test("RFC 8949 appendix A: what is not deterministic, or no type of ours, is refused for its reason", () => {
  for (const [encoding, reason] of APPENDIX_A_REFUSED) {
    assert.equal(
      refused(() => read(encoding)),
      reason,
      encoding,
    );
  }
});

test("RFC 8949 appendix F: what is not well-formed is refused for its reason", () => {
  for (const [encoding, reason] of NOT_WELL_FORMED) {
    assert.equal(
      refused(() => read(encoding)),
      reason,
      encoding,
    );
  }
});

test("RFC 8949 §4.2.1: an argument is as short as it can be, in every major type", () => {
  for (const encoding of [
    "1817",
    "1900ff",
    "1a0000ffff",
    "1b00000000ffffffff",
    "3817",
    "3900ff",
    "5800",
    "580161",
    "7800",
    "9800",
    "b800",
    "d81700",
    "d900ff00",
  ]) {
    assert.equal(
      refused(() => read(encoding)),
      "not-shortest",
      encoding,
    );
  }
});

test("RFC 8949 §4.2.1: keys stand in the order of their octets, each once", () => {
  const keys: readonly CborKey[] = [10, 100, -1, "z", "aa"];
  const sorted = "a5 0a00 186400 2000 617a00 62616100";
  assert.deepEqual(cbor.map(...keys.map((key) => [key, cbor.integer(0)] as const)), hex(sorted));
  assert.deepEqual(
    read(sorted)
      .map()
      .entries()
      .map(([key]) => key),
    keys,
  );
  const cases: readonly (readonly [string, CborReason])[] = [
    ["a2 0200 0100", "keys-not-sorted"],
    ["a2 617a00 0a00", "keys-not-sorted"],
    ["a2 62616100 617a00", "keys-not-sorted"],
    ["a2 0100 0101", "repeated-key"],
    ["a2 616100 616101", "repeated-key"],
    ["a1 4101 00", "unsupported-key"],
    ["a1 f5 00", "unsupported-key"],
    ["a1 80 00", "unsupported-key"],
    ["a1 1b0020000000000000 00", "unsupported-key"],
    ["a1 3b001fffffffffffff 00", "unsupported-key"],
  ];
  for (const [encoding, reason] of cases) {
    assert.equal(
      refused(() => read(encoding)),
      reason,
      encoding,
    );
  }
  const widest = read("a2 1b001fffffffffffff 00 3b001ffffffffffffe 00").map().entries();
  assert.deepEqual(
    widest.map(([key]) => key),
    [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
  );
  assert.throws(() => cbor.map([1, cbor.integer(0)], [1, cbor.integer(0)]), RangeError);
});

test("an integer is within the bounds its reader names", () => {
  assert.equal(read("1864").unsigned(100), 100);
  assert.equal(read("29").integer(-10, 10), -10);
  assert.equal(read("1b001fffffffffffff").unsigned(), Number.MAX_SAFE_INTEGER);
  assert.equal(read("1b0020000000000000").bigint(), 2n ** 53n);
  assert.equal(read("3b001fffffffffffff").bigint(), -(2n ** 53n));
  const outside: readonly (() => unknown)[] = [
    () => read("1865").unsigned(100),
    () => read("20").unsigned(),
    () => read("2a").integer(-10, 10),
    () => read("1b0020000000000000").unsigned(),
    () => read("3b001fffffffffffff").integer(-Number.MAX_SAFE_INTEGER, 0),
  ];
  for (const body of outside) assert.equal(refused(body), "integer-out-of-range");
});

test("strings and arrays have the length their reader names", () => {
  assert.deepEqual(read("43010203").bytes(3), hex("010203"));
  assert.deepEqual(read("43010203").bytes(1, 4), hex("010203"));
  assert.equal(read("62c3bc").text(2), "ü");
  assert.equal(read("820102").array(2).length, 2);
  const wrong: readonly (() => unknown)[] = [
    () => read("43010203").bytes(2),
    () => read("43010203").bytes(4),
    () => read("43010203").bytes(1, 2),
    () => read("62c3bc").text(1),
    () => read("820102").array(3),
    () => read("820102").array(0, 1),
  ];
  for (const body of wrong) assert.equal(refused(body), "wrong-length");
});

test("every method refuses an item of another kind, and says where", () => {
  const methods: Readonly<Record<string, (item: CborItem) => unknown>> = {
    integer: (item) => item.unsigned(),
    bytes: (item) => item.bytes(),
    text: (item) => item.text(),
    array: (item) => item.array(),
    map: (item) => item.map(),
    tag: (item) => item.behindTag(),
    boolean: (item) => item.boolean(),
  };
  const items = read("88 00 40 60 80 a0 c000 f4 f6").array();
  for (const item of items) {
    for (const [kind, method] of Object.entries(methods)) {
      if (kind === item.kind) method(item);
      else {
        const failure = assert.throws(() => method(item), CborFailure, `${kind} of ${item.kind}`);
        assert.deepEqual([failure.reason, failure.at], ["unexpected-type", item.at]);
      }
    }
    assert.equal(item.isNull, item.kind === "null");
    assert.equal(item.tag === null, item.kind !== "tag");
  }
  assert.equal(read("d200").tagged(18).unsigned(), 0);
  assert.equal(
    refused(() => read("d200").tagged(17)),
    "unexpected-tag",
  );
});

test("a map is taken key by key, and what nobody asked for is found", () => {
  const fields = read("a3 01 4101 02 f5 6161 f6").map();
  assert.deepEqual(fields.required(1).bytes(), hex("01"));
  assert.equal(fields.optional(3), null);
  const unknown = assert.throws(() => fields.end(), CborFailure);
  assert.deepEqual([unknown.reason, unknown.at], ["unknown-key", 5]);
  assert.equal(fields.required(2).boolean(), true);
  assert.ok(fields.required("a").isNull);
  fields.end();
  assert.equal(
    refused(() => fields.required(9)),
    "missing-key",
  );
});

test("an entry without an item is left out of the map", () => {
  assert.deepEqual(cbor.map([2, null], [1, cbor.boolean(true)], ["a", null]), hex("a1 01 f5"));
});

test("what the types cannot hold is not written", () => {
  const impossible: readonly (() => unknown)[] = [
    () => cbor.integer(0.5),
    () => cbor.integer(2 ** 53),
    () => cbor.integer(Number.NaN),
    () => cbor.integer(2n ** 64n),
    () => cbor.integer(-(2n ** 64n) - 1n),
    () => cbor.tagged(-1, cbor.integer(0)),
    () => cbor.text("\ud800"),
    () => cbor.map(["\ud800", cbor.integer(0)]),
  ];
  for (const body of impossible) assert.throws(body, RangeError);
});

test("items inside one another are bounded", () => {
  for (const around of ["81", "a100", "c6"]) {
    const nest = (depth: number): Uint8Array =>
      concat(...Array.from({ length: depth }, () => hex(around)), hex("00"));
    parseCbor(nest(MAX_CBOR_DEPTH));
    assert.equal(
      refused(() => parseCbor(nest(MAX_CBOR_DEPTH + 1))),
      "too-deep",
      around,
    );
  }
});

test("items are counted, keys too", () => {
  const zeros = (count: number): Uint8Array => {
    const items = Array.from({ length: count }, () => cbor.integer(0));
    return cbor.array(...items);
  };
  assert.equal(parseCbor(zeros(MAX_CBOR_ITEMS - 1)).array().length, MAX_CBOR_ITEMS - 1);
  assert.equal(
    refused(() => parseCbor(zeros(MAX_CBOR_ITEMS))),
    "too-many-items",
  );
  const numbered = Array.from(
    { length: MAX_CBOR_ITEMS / 2 },
    (_, key) => [key, cbor.integer(0)] as const,
  );
  parseCbor(cbor.map(...numbered.slice(1)));
  assert.equal(
    refused(() => parseCbor(cbor.map(...numbered))),
    "too-many-items",
  );
});

test("the whole length is bounded, and its reader may bound it closer", () => {
  const whole = (length: number): Uint8Array => cbor.bytes(new Uint8Array(length - 3));
  parseCbor(whole(MAX_CBOR_LENGTH));
  assert.equal(
    refused(() => parseCbor(cbor.bytes(new Uint8Array(MAX_CBOR_LENGTH)))),
    "too-long",
  );
  parseCbor(whole(300), 300);
  assert.equal(
    refused(() => parseCbor(whole(300), 299)),
    "too-long",
  );
});

test("a count that the encoding has no room for is refused before anything is made for it", () => {
  for (const encoding of [
    "9affffffff",
    "9bffffffffffffffff",
    "baffffffff",
    "bbffffffffffffffff",
    "5bffffffffffffffff",
    "7affffffff",
    "83 00 00",
    "a2 00 00 01",
  ]) {
    assert.equal(
      refused(() => read(encoding)),
      "truncated",
      encoding,
    );
  }
});

test("byte strings and encodings are borrowed, offsets count from the beginning", () => {
  const whole = hex("82 43 010203 f6");
  const [string, nothing] = parseCbor(whole).array(2);
  assert.deepEqual([string!.at, nothing!.at], [1, 5]);
  assert.deepEqual(string!.encoding, hex("43 010203"));
  whole[2] = 9;
  assert.deepEqual(string!.bytes(), hex("090203"));
});

/** Encodings of anything the subset has. */
const anyKey = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.string({ unit: "grapheme", maxLength: 5 }),
);
const { anyItem } = fc.letrec<{ anyItem: Uint8Array }>((tie) => ({
  anyItem: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }).map(cbor.integer),
    fc.maxSafeInteger().map(cbor.integer),
    fc.uint8Array({ maxLength: 300 }).map(cbor.bytes),
    fc.string({ unit: "binary", maxLength: 100 }).map((text) => cbor.text(text)),
    fc.boolean().map(cbor.boolean),
    fc.constant(cbor.nullValue()),
    fc.array(tie("anyItem"), { maxLength: 4 }).map((items) => cbor.array(...items)),
    fc
      .uniqueArray(fc.tuple(anyKey, tie("anyItem")), { maxLength: 4, selector: ([key]) => key })
      .map((entries) => cbor.map(...entries)),
    fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), tie("anyItem"))
      .map(([tag, item]) => cbor.tagged(tag, item)),
  ),
}));

test("property: what is written is read, and written again to the same octets", () => {
  const roundTrip = fc.property(anyItem, (encoding) => {
    const item = parseCbor(encoding);
    assert.deepEqual(item.encoding, encoding);
    assert.deepEqual(rewritten(item), encoding);
  });
  fc.assert(roundTrip);
});

test("property: every strict prefix of an encoding is refused, and every octet behind it", () => {
  const bounds = fc.property(anyItem, (encoding) => {
    for (let length = 0; length < encoding.length; length++) {
      assert.equal(
        refused(() => parseCbor(encoding.subarray(0, length))),
        "truncated",
      );
    }
    assert.equal(
      refused(() => parseCbor(concat(encoding, Uint8Array.of(0)))),
      "trailing-bytes",
    );
  });
  fc.assert(bounds, { numRuns: 30 });
});

test("property: any octets are read or refused, and what is read is deterministic", () => {
  const survives = (octets: Uint8Array): void => {
    let item: CborItem;
    try {
      item = parseCbor(octets);
    } catch (failure) {
      assert.ok(failure instanceof CborFailure, toHex(octets));
      return;
    }
    assert.deepEqual(rewritten(item), octets);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), survives), { numRuns: 2000 });
  const bent = fc.property(anyItem, fc.nat(), fc.integer({ min: 1, max: 255 }), (good, at, by) => {
    const octets = Uint8Array.from(good);
    octets[at % octets.length]! ^= by;
    survives(octets);
  });
  fc.assert(bent, { numRuns: 1000 });
});

test("text is UTF-8, whole and shortest", () => {
  assert.equal(read("64f0908591").text(), "\u{10151}");
  for (const bad of ["61ff", "62c080", "63eda080", "64f4908080", "61c3"]) {
    assert.equal(
      refused(() => read(bad)),
      "bad-utf8",
      bad,
    );
  }
  assert.deepEqual(cbor.text("ü水"), concat(hex("65"), utf8("ü水")));
});
