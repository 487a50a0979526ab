import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import { attributesOf, encodeAttribute } from "../../../src/proto/ubus/blob.ts";
import {
  BlobType,
  decodeTable,
  encodeField,
  encodeTable,
  MAX_DEPTH,
  MAX_VALUES,
} from "../../../src/proto/ubus/blobmsg.ts";
import type { BlobTable, BlobValue } from "../../../src/proto/ubus/blobmsg.ts";
import { BlobFailure } from "../../../src/proto/ubus/failure.ts";
import type { DataReason } from "../../../src/proto/ubus/failure.ts";
import { DATA, FIELDS } from "../../vectors/ubus/messages.ts";

/** As JSON, to be compared. */
function plain(value: BlobValue): unknown {
  if (value instanceof Map) return plainTable(value);
  // What JSON wrote as a number beyond exactness comes back as the same number, exactly.
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map((item: BlobValue) => plain(item)) : value;
}
function plainTable(table: BlobTable): object {
  return Object.fromEntries([...table].map(([name, value]) => [name, plain(value)]));
}
function refused(bytes: Uint8Array, reason: DataReason): void {
  assert.equal(assert.throws(() => decodeTable(bytes), BlobFailure).reason, reason);
}
const int32 = (name: string): Uint8Array => encodeField(name, BlobType.int32, new Uint8Array(4));

test("what the tools of the bus write is read, and written alike", () => {
  assert.deepEqual(plainTable(decodeTable(hex(DATA))), FIELDS);
  assert.deepEqual(encodeTable(FIELDS), hex(DATA));
});

test("an int64 is a number where that is exact, and a bigint beyond", () => {
  const read = (value: bigint): BlobValue | undefined =>
    decodeTable(encodeTable({ v: value })).get("v");
  assert.equal(read(9_007_199_254_740_991n), 9_007_199_254_740_991);
  assert.equal(read(9_007_199_254_740_993n), 9_007_199_254_740_993n);
  assert.equal(read(-(2n ** 63n)), -(2n ** 63n));
  assert.throws(() => encodeTable({ v: 2n ** 63n }), RangeError);
});

test("numbers take the type that the tools of the bus would give them", () => {
  const typeOf = (value: number): number => [...attributesOf(encodeTable({ v: value }))][0]!.id;
  const types = [0, -(2 ** 31), 2 ** 31 - 1].map(typeOf);
  assert.deepEqual(types, [BlobType.int32, BlobType.int32, BlobType.int32]);
  assert.deepEqual([2 ** 31, -(2 ** 31) - 1, 1e18].map(typeOf), Array(3).fill(BlobType.int64));
  assert.deepEqual([0.5, 1e300, 2 ** 63].map(typeOf), Array(3).fill(BlobType.double));
  assert.deepEqual([Number.NaN, Infinity].map(typeOf), [0, 0]);
});

test("an int16 keeps its sign; a value of a type that is not known is left out", () => {
  const table = decodeTable(
    concat(
      encodeField("short", BlobType.int16, hex("fffe")),
      encodeField("new", 9, hex("01")),
      encodeField("last", BlobType.string, hex("6100")),
    ),
  );
  assert.deepEqual(plainTable(table), { short: -2, last: "a" });
});

test("octets that are no UTF-8 stand as replacement characters and spoil nothing", () => {
  const ssid = encodeField("ssid", BlobType.string, hex("41ff4200"));
  assert.equal(decodeTable(ssid).get("ssid"), "A\ufffdB");
});

test("names that mean something to objects are names like others", () => {
  const fields: unknown = JSON.parse('{"__proto__":{"constructor":1},"toString":2}');
  assert.ok(typeof fields === "object" && fields !== null);
  const table = decodeTable(encodeTable(fields));
  assert.deepEqual([...table.keys()], ["__proto__", "toString"]);
  assert.equal(table.get("constructor"), undefined);
});

test("a NUL inside of a text cannot end it early for others", () => {
  assert.equal(decodeTable(encodeTable({ a: "x\0y" })).get("a"), "x\ufffdy");
});

test("a name that stands twice is refused, or its last value counts where the writer is known to do so", () => {
  const bytes = concat(encodeTable({ a: 1 }), encodeTable({ a: 2 }));
  refused(bytes, "repeated-name");
  assert.equal(decodeTable(bytes, "last-counts").get("a"), 2);
});

test("sizes, names and ends are checked", () => {
  refused(encodeField("n", BlobType.int32, new Uint8Array(3)), "bad-number");
  refused(encodeField("n", BlobType.int8, new Uint8Array(2)), "bad-number");
  refused(encodeField("n", BlobType.double, new Uint8Array(4)), "bad-number");
  refused(encodeField("n", BlobType.string, new Uint8Array(0)), "bad-text");
  refused(encodeField("n", BlobType.string, hex("6162")), "bad-text");
  refused(encodeField("n", BlobType.string, hex("610062 00")), "bad-text");
  refused(encodeAttribute(BlobType.int32, new Uint8Array(8)), "bad-name");
  refused(encodeAttribute(BlobType.int32, hex("0009 61 00"), true), "bad-name");
  refused(encodeAttribute(BlobType.int32, hex("0001 6161"), true), "bad-name");
  refused(hex("80000003"), "bad-length");
  refused(hex("80000009 0001 6100"), "bad-length");
});

test("as many levels as are allowed, and one more", () => {
  const nested = (levels: number): Uint8Array => {
    let body = int32("x");
    for (let level = 1; level < levels; level++) body = encodeField("t", BlobType.table, body);
    return body;
  };
  assert.equal(decodeTable(nested(MAX_DEPTH)).size, 1);
  refused(nested(MAX_DEPTH + 1), "too-deep");
  let deep: object = {};
  for (let level = 0; level < MAX_DEPTH; level++) deep = { deep };
  assert.throws(() => encodeTable(deep), RangeError);
});

test("as many values as are allowed, and one more", () => {
  const nulls = (count: number): Uint8Array => {
    const one = encodeField("", BlobType.unspecified, new Uint8Array());
    const body = new Uint8Array(one.length * count);
    for (let at = 0; at < count; at++) body.set(one, at * one.length);
    return encodeField("l", BlobType.array, body);
  };
  assert.equal(decodeTable(nulls(MAX_VALUES - 1)).size, 1);
  refused(nulls(MAX_VALUES), "too-many-values");
});

test("property: what is written is read again", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const any = fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), value), (fields) => {
    // Neither JSON nor an integer knows -0.
    const sent: unknown = JSON.parse(JSON.stringify(fields).replaceAll("\\u0000", "\\ufffd"));
    assert.ok(typeof sent === "object" && sent !== null);
    assert.deepEqual(plainTable(decodeTable(encodeTable(sent))), sent);
  });
  fc.assert(any);
});

test("property: any octets are read or refused, nothing else", () => {
  const any = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    try {
      decodeTable(bytes);
    } catch (failure) {
      assert.ok(failure instanceof BlobFailure);
    }
  });
  fc.assert(any);
});
