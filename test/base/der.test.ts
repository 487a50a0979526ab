import { hasTextDecoder } from "./lend-text-decoder.ts";
import * as asn1js from "asn1js";
import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../src/base/bytes.ts";
import * as der from "../../src/base/der-write.ts";
import {
  contextTag,
  DerFailure,
  DerReader,
  MAX_DEPTH,
  MAX_OID_LENGTH,
  MAX_STRING_LENGTH,
  TAG,
} from "../../src/base/der.ts";
import type { DerReason } from "../../src/base/der.ts";
import { unix } from "../../src/base/machine.ts";

const read = (text: string): DerReader => new DerReader(hex(text));
const refused = (body: () => unknown): DerReason => assert.throws(body, DerFailure).reason;

test("X.690 §8.1.3: a length is definite and as short as it can be", () => {
  assert.deepEqual(read("0403 616263").octets(), utf8("abc"));
  const long = concat(hex("048180"), new Uint8Array(128));
  assert.equal(new DerReader(long).octets().length, 128);
  const cases: readonly (readonly [string, DerReason])[] = [
    ["04 81 03 616263", "length-not-shortest"],
    ["04 82 0080", "length-not-shortest"],
    ["04 84 00000003 616263", "length-not-shortest"],
    ["24 80 0403616263 0000", "indefinite-length"],
    ["04 03 6162", "truncated"],
    ["04", "truncated"],
    ["", "truncated"],
    ["04 82 01", "truncated"],
    ["04 84 ffffffff 00", "truncated"],
    ["04 85 0100000000 00", "truncated"],
    ["1f 8101 00", "high-tag-number"],
  ];
  for (const [text, reason] of cases)
    assert.equal(
      refused(() => read(text).element()),
      reason,
      text,
    );
});

test("every method refuses another tag, and says where", () => {
  const failure = assert.throws(() => {
    const inside = read("3004 0201 00 0500").sequence();
    inside.integer();
    inside.integer();
  }, DerFailure);
  assert.equal(failure.reason, "truncated");
  const wrong = assert.throws(() => {
    const inside = read("3005 0201 00 0500").sequence();
    inside.integer();
    inside.integer();
  }, DerFailure);
  assert.deepEqual([wrong.reason, wrong.at], ["unexpected-tag", 5]);
});

test("an element cannot reach beyond the one around it", () => {
  const inside = read("3003 0404 00 ffffffff").sequence();
  assert.equal(
    refused(() => inside.octets()),
    "truncated",
  );
});

test("what stands behind the last element is found", () => {
  const file = read("0500 00");
  file.null();
  assert.equal(
    refused(() => file.end()),
    "trailing-bytes",
  );
});

test("elements inside one another are bounded", () => {
  const nest = (depth: number): Uint8Array =>
    depth === 0 ? der.nullValue() : der.sequence(nest(depth - 1));
  const descend = (depth: number): void => {
    let reader = new DerReader(nest(depth));
    for (let at = 0; at < depth; at++) reader = reader.sequence();
    reader.null();
  };
  descend(MAX_DEPTH);
  assert.equal(
    refused(() => descend(MAX_DEPTH + 1)),
    "too-deep",
  );
});

test("X.690 §11.1: a boolean is 00 or ff", () => {
  assert.deepEqual([read("0101ff").boolean(), read("010100").boolean()], [true, false]);
  for (const text of ["010101", "0100", "0102ffff"]) {
    assert.equal(
      refused(() => read(text).boolean()),
      "bad-boolean",
      text,
    );
  }
});

test("X.690 §8.3.2: an integer has no octet too many", () => {
  assert.deepEqual(read("0202 0080").unsigned(), hex("80"));
  assert.deepEqual(read("0201 00").unsigned(), hex("00"));
  assert.deepEqual(read("0201 80").integer(), hex("80"));
  for (const text of ["0200", "0202 0001", "0202 ff80"]) {
    assert.equal(
      refused(() => read(text).integer()),
      "bad-integer",
      text,
    );
  }
  assert.equal(
    refused(() => read("0201ff").unsigned()),
    "integer-out-of-range",
  );
  assert.equal(read("0202 0100").count(256), 256);
  assert.equal(
    refused(() => read("0202 0101").count(256)),
    "integer-out-of-range",
  );
  assert.equal(
    refused(() => read("0207 01000000000000").count(2 ** 47)),
    "integer-out-of-range",
  );
});

test("X.690 §11.2: the unused bits of a BIT STRING are few and zero", () => {
  assert.deepEqual(read("0302 0780").bitString(), { bytes: hex("80"), unused: 7 });
  assert.deepEqual(read("0301 00").bitString(), { bytes: hex(""), unused: 0 });
  for (const text of ["0300", "0302 0880", "0302 0781", "0301 01"]) {
    assert.equal(
      refused(() => read(text).bitString()),
      "bad-bit-string",
      text,
    );
  }
  assert.equal(
    refused(() => read("0302 0780").bitOctets()),
    "bad-bit-string",
  );
  assert.equal(read("0303 00 0500").inBits().tag, TAG.null);
  assert.equal(
    refused(() => read("0303 01 0500").inBits()),
    "bad-bit-string",
  );
  assert.equal(
    refused(() => read("0300").inBits()),
    "bad-bit-string",
  );
});

// X.690 §8.19.5 has 2.100.3; RFC 5280 and RFC 5480 the next two; the last has the arc of a UUID (X.667).
const OIDS = [
  ["0603 813403", "2.100.3"],
  ["0603 551d11", "2.5.29.17"],
  ["0607 2a8648ce3d0201", "1.2.840.10045.2.1"],
  [
    "0614 69a097d392f994b29c89918598ac98e8eae91801",
    "2.25.21390443644702796902754724991999849624.1",
  ],
  ["0601 27", "0.39"],
  ["0601 28", "1.0"],
  ["0601 50", "2.0"],
  // 2^64 as an arc below 2, and as a third one: the places where a number would lose digits.
  ["060a 828080808080808080 50", "2.36893488147419103152"],
] as const;

test("object identifiers of every size are read and written", () => {
  for (const [encoded, dotted] of OIDS.slice(0, 7)) {
    assert.equal(read(encoded).oid(), dotted);
    assert.equal(toHex(der.oid(dotted)), toHex(hex(encoded)));
  }
});

test("object identifiers that are cut, padded or too long are refused", () => {
  for (const text of ["0600", "0602 2a80", "0603 2a8001", "0602 8001"]) {
    assert.equal(
      refused(() => read(text).oid()),
      "bad-oid",
      text,
    );
  }
  const arcs = (length: number): DerReader =>
    new DerReader(der.tagged(TAG.oid, new Uint8Array(length).fill(1)));
  assert.equal(arcs(MAX_OID_LENGTH).oid().split(".").length, MAX_OID_LENGTH + 1);
  assert.equal(
    refused(() => arcs(MAX_OID_LENGTH + 1).oid()),
    "bad-oid",
  );
  for (const dotted of ["", "1", "1.40", "3.1", "1.02", "1..2", "1.-2"]) {
    assert.throws(() => der.oid(dotted), RangeError, dotted);
  }
});

test("property: any object identifier survives", () => {
  const arc = fc.bigInt({ min: 0n, max: 1n << 130n });
  fc.assert(
    fc.property(fc.nat(2), fc.nat(39), fc.array(arc, { maxLength: 2 }), (top, second, arcs) => {
      const dotted = [top, second, ...arcs].join(".");
      assert.equal(new DerReader(der.oid(dotted)).oid(), dotted);
    }),
  );
});

test("RFC 5280 §4.1.2.5: times have seconds and Z, and a two-digit year ends in 2049", () => {
  const at = (tag: number, text: string): number =>
    new DerReader(der.tagged(tag, utf8(text))).time();
  assert.equal(at(TAG.utcTime, "700101000000Z"), 0);
  assert.equal(at(TAG.utcTime, "491231235959Z"), 2524607999);
  assert.equal(at(TAG.utcTime, "500101000000Z"), -631152000);
  assert.equal(at(TAG.generalizedTime, "20500101000000Z"), 2524608000);
  assert.equal(at(TAG.generalizedTime, "99991231235959Z"), 253402300799);
  assert.equal(at(TAG.generalizedTime, "20000229000000Z"), 951782400);
  for (const text of [
    "260229000000Z",
    "261301000000Z",
    "260001000000Z",
    "260100000000Z",
    "260431000000Z",
    "260101240000Z",
    "260101006000Z",
    "260101000060Z",
    "2601010000Z",
    "260101000000",
    "260101000000+0100",
    "2601010000 0Z",
    "26010100000/Z",
  ]) {
    assert.equal(
      refused(() => at(TAG.utcTime, text)),
      "bad-time",
      text,
    );
  }
  for (const text of ["20260101000000.5Z", "21000229000000Z", "20260101000000z", "260101000000Z"]) {
    assert.equal(
      refused(() => at(TAG.generalizedTime, text)),
      "bad-time",
      text,
    );
  }
});

test("property: any second of the years 0 to 9999 survives, and is the one Date knows", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62167219200, max: 253402300799 }), (seconds) => {
      const encoded = der.time(unix(seconds));
      const reader = new DerReader(encoded);
      const isShort = seconds >= -631152000 && seconds < 2524608000;
      assert.equal(reader.tag, isShort ? TAG.utcTime : TAG.generalizedTime);
      assert.equal(reader.time(), seconds);
      if (seconds < 0) return;
      // Date is the oracle here and nowhere in the product.
      const text = new Date(seconds * 1000).toISOString().replaceAll(/\.000|[-:T]/g, "");
      assert.deepEqual(reader.at, encoded.length);
      assert.equal(String.fromCharCode(...encoded.subarray(2)), isShort ? text.slice(2) : text);
    }),
  );
  assert.throws(() => der.time(unix(253402300800)), RangeError);
  assert.throws(() => der.time(unix(0.5)), RangeError);
});

test("strings are read by their type; what the type does not allow is refused", () => {
  assert.equal(read("0c02 c3a4").text(), "ä");
  assert.equal(read("1303 412062").text(), "A b");
  assert.equal(read("1401 e4").text(), "ä");
  assert.equal(read("1e02 00e4").text(), "ä");
  for (const text of ["0c01 e4", "1301 e4", "1601 80", "1e01 00", "1e02 d800"]) {
    assert.equal(
      refused(() => read(text).text()),
      "bad-string",
      text,
    );
  }
  assert.equal(
    refused(() => read("0401 41").text()),
    "unexpected-tag",
  );
  const long = (length: number): DerReader => new DerReader(der.utf8String("x".repeat(length)));
  assert.equal(long(MAX_STRING_LENGTH).text().length, MAX_STRING_LENGTH);
  assert.equal(
    refused(() => long(MAX_STRING_LENGTH + 1).text()),
    "bad-string",
  );
});

test("a writer refuses what its type cannot hold", () => {
  assert.throws(() => der.printableString("a@b"), RangeError);
  assert.throws(() => der.ia5String("ä"), RangeError);
  assert.throws(() => der.integer(-1), RangeError);
  assert.throws(() => der.integer(0.5), RangeError);
});

test("the writer's forms: named bits, sorted sets, tags", () => {
  assert.equal(toHex(der.namedBits(0x01)), "03020780");
  assert.equal(toHex(der.namedBits(0x60)), "03020106");
  assert.equal(toHex(der.namedBits(0x100)), "0303070080");
  assert.equal(toHex(der.namedBits(0)), "030100");
  assert.equal(toHex(der.setOf(hex("0202 0100"), hex("0201 05"))), "310702010502020100");
  assert.equal(toHex(der.integer(hex("0000ff"))), "020200ff");
  assert.equal(toHex(der.integer(0)), "020100");
  assert.equal(toHex(der.explicit(0, der.nullValue())), "a0020500");
  assert.equal(toHex(der.ia5String("a", contextTag(2, "primitive"))), "820161");
});

type Tree = { readonly tag: number; readonly body: readonly Tree[] | string };

const KNOWN_TAGS: ReadonlySet<number> = new Set(Object.values(TAG));

const STRING_TAGS: ReadonlySet<number> = new Set([
  TAG.utf8String,
  TAG.numericString,
  TAG.printableString,
  TAG.teletexString,
  TAG.ia5String,
  TAG.visibleString,
  TAG.bmpString,
]);

/** Walks everything by universal type; other primitives are taken as they are. */
function treeOf(reader: DerReader): Tree[] {
  const trees: Tree[] = [];
  while (reader.tag >= 0) {
    const { tag } = reader;
    // No product code asks for any other universal type, so none is accepted.
    if (tag < 0x40 && !KNOWN_TAGS.has(tag)) throw new DerFailure("unexpected-tag", reader.at);
    if ((tag & 0x20) !== 0) trees.push({ tag, body: treeOf(reader.nested(tag)) });
    else trees.push({ tag, body: primitiveText(reader, tag) });
  }
  return trees;
}

function primitiveText(reader: DerReader, tag: number): string {
  switch (tag) {
    case TAG.boolean:
      return String(reader.boolean());
    case TAG.integer:
      return toHex(reader.integer());
    case TAG.oid:
      return smallOid(reader.oid());
    case TAG.null:
      reader.null();
      return "";
    case TAG.bitString: {
      const { bytes, unused } = reader.bitString();
      return `${unused}:${toHex(bytes)}`;
    }
    case TAG.utcTime:
    case TAG.generalizedTime:
      return String(reader.time());
    default: {
      const { contents } = reader.peek();
      if (STRING_TAGS.has(tag)) reader.text();
      else reader.element();
      return toHex(contents);
    }
  }
}

/** asn1js writes big arcs as hexadecimal in braces: those are compared by the vectors above. */
function smallOid(dotted: string): string {
  return dotted.split(".").some((arc) => !(Number(arc) < 2 ** 31)) ? "big" : dotted;
}

/** The same tree by asn1js. Its classes are told apart by what they hold. */
function oracleTree(block: asn1js.AsnType): Tree {
  const { idBlock } = block;
  const tagClass = [1, 2, 3, 4].indexOf(idBlock.tagClass) << 6;
  const tag = tagClass | (idBlock.isConstructed ? 0x20 : 0) | idBlock.tagNumber;
  if (block instanceof asn1js.Constructed)
    return { tag, body: block.valueBlock.value.map(oracleTree) };
  return { tag, body: oracleText(block) };
}

function oracleText(block: asn1js.AsnType): string {
  if (block instanceof asn1js.Boolean) return String(block.getValue());
  if (block instanceof asn1js.Integer) return toHex(new Uint8Array(block.valueBlock.valueHexView));
  if (block instanceof asn1js.ObjectIdentifier) return smallOid(block.getValue());
  if (block instanceof asn1js.Null) return "";
  if (block instanceof asn1js.BitString) {
    return `${block.valueBlock.unusedBits}:${toHex(block.valueBlock.valueHexView)}`;
  }
  if (block instanceof asn1js.UTCTime || block instanceof asn1js.GeneralizedTime) {
    return String(block.toDate().getTime() / 1000);
  }
  const { valueHexView } = block.valueBlock as { readonly valueHexView: Uint8Array };
  return toHex(valueHexView);
}

const leaf = fc.oneof(
  fc.boolean().map(der.boolean),
  fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => der.integer(bytes)),
  fc.uint8Array({ maxLength: 200 }).map(der.octetString),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => der.bitString(bytes)),
  fc.nat(0x1ff).map(der.namedBits),
  fc.constantFrom(...OIDS.slice(0, 7).map(([, dotted]) => dotted)).map((dotted) => der.oid(dotted)),
  fc.integer({ min: 0, max: 4e9 }).map((seconds) => der.time(unix(seconds))),
  fc.constant(der.nullValue()),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => der.tagged(contextTag(2, "primitive"), bytes)),
);
const anyTree = fc.letrec<{ node: Uint8Array }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("node"), { maxLength: 4 }).map((parts) => der.sequence(...parts)),
    fc.array(tie("node"), { maxLength: 3 }).map((parts) => der.setOf(...parts)),
    fc.array(tie("node"), { maxLength: 2 }).map((parts) => der.explicit(1, ...parts)),
  ),
})).node;

function agreesWithOracle(encoded: Uint8Array): boolean {
  let ours: Tree[];
  try {
    ours = treeOf(new DerReader(encoded));
  } catch (failure) {
    assert.ok(failure instanceof DerFailure, String(failure));
    return false;
  }
  const [first] = ours;
  if (first === undefined || ours.length !== 1) return false;
  const theirs = asn1js.fromBER(encoded);
  assert.equal(theirs.offset, encoded.length, `asn1js: ${theirs.result.error}`);
  assert.deepEqual(oracleTree(theirs.result), first);
  return true;
}

test("the oracle has what it needs", () => assert.ok(hasTextDecoder));

test("property: asn1js reads the same tree from what the writer wrote", () => {
  fc.assert(fc.property(anyTree, (encoded) => assert.ok(agreesWithOracle(encoded))));
});

test("property: what the reader still accepts after a change asn1js reads alike; else it is a DerFailure", () => {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(anyTree, fc.array(change, { minLength: 1, maxLength: 3 }), (encoded, changes) => {
      const changed = encoded.slice();
      for (const [at, byte] of changes) changed[at % changed.length] = byte;
      agreesWithOracle(changed);
    }),
    { numRuns: 500 },
  );
});

test("property: any bytes are read or refused, and every strict prefix is refused", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void agreesWithOracle(bytes)));
  fc.assert(
    fc.property(anyTree, fc.nat(), (encoded, cut) => {
      const prefix = encoded.subarray(0, cut % encoded.length);
      assert.throws(
        () => treeOf(new DerReader(prefix)).length === 1 || new DerReader(prefix).element(),
        DerFailure,
      );
    }),
    { numRuns: 50 },
  );
});
