import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import * as cbor from "../../../src/base/cbor-write.ts";
import { encodeAif, MAX_PERMISSIONS, parseAif } from "../../../src/policy/rights/aif.ts";
import type { Permission } from "../../../src/policy/rights/aif.ts";
import { RightsFailure } from "../../../src/policy/rights/failure.ts";
import type { RightsReason } from "../../../src/policy/rights/failure.ts";
import { isLocalPart, localPart, MAX_LOCAL_PART } from "../../../src/policy/rights/local-part.ts";
import { anyPermissions } from "./arbitrary.ts";

// RFC 9237 §3: GET of /s/temp, GET and PUT of /a/led, POST of /dtls, in 28 octets.
const EXAMPLE = hex(`
  83
    82 67 2f732f74656d70 01
    82 66 2f612f6c6564 05
    82 65 2f64746c73 02`);
const EXAMPLE_READ: readonly Permission[] = [
  { path: "/s/temp", methods: ["GET"], created: [] },
  { path: "/a/led", methods: ["GET", "PUT"], created: [] },
  { path: "/dtls", methods: ["POST"], created: [] },
];

const entry = (path: string, bits: number): Uint8Array =>
  cbor.array(cbor.text(path), cbor.integer(bits));

function refusal(encoding: Uint8Array): RightsReason {
  return assert.throws(() => parseAif(encoding), RightsFailure).reason;
}

test("RFC 9237 §3: the example is read, and written in the order of its paths", () => {
  assert.equal(EXAMPLE.length, 28);
  assert.deepEqual(parseAif(EXAMPLE), EXAMPLE_READ);
  const written = parseAif(encodeAif(EXAMPLE_READ)).map(({ path }) => path);
  assert.deepEqual(written, ["/a/led", "/dtls", "/s/temp"]);
});

test("RFC 9237 §2.3: POST, Dynamic-GET and Dynamic-DELETE are the bits 1, 32 and 35", () => {
  const coffee: Permission = {
    path: "/a/make-coffee",
    methods: ["POST"],
    created: ["GET", "DELETE"],
  };
  const encoding = encodeAif([coffee]);
  assert.deepEqual(encoding, cbor.array(entry("/a/make-coffee", 2 + 2 ** 32 + 2 ** 35)));
  assert.deepEqual(parseAif(encoding), [coffee]);
});

test("methods are their CoAP codes less one, up to iPATCH (RFC 8132 §6)", () => {
  const methods = ["GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"] as const;
  for (const [at, method] of methods.entries()) {
    const encoding = encodeAif([{ path: "/", methods: [method], created: [] }]);
    assert.deepEqual(encoding, cbor.array(entry("/", 2 ** at)), method);
  }
});

test("a list out of form is refused, each for its own reason", () => {
  const good = entry("/a", 1);
  assert.equal(refusal(hex("")), "truncated");
  assert.equal(refusal(cbor.array()), "no-permission");
  assert.equal(refusal(good), "unexpected-type");
  assert.equal(refusal(cbor.array(good, good)), "repeated-path");
  assert.equal(refusal(cbor.array(entry("/a", 0))), "no-method");
  for (const bit of [7, 31, 39, 52]) {
    assert.equal(refusal(cbor.array(entry("/a", 1 + 2 ** bit))), "unknown-method", `${bit}`);
  }
  assert.equal(refusal(cbor.array(cbor.array(cbor.text("/a")))), "wrong-length");
  assert.equal(refusal(cbor.array(entry("a", 1))), "bad-path");
  assert.equal(
    refusal(cbor.array(cbor.array(cbor.text("/a"), cbor.integer(-1)))),
    "integer-out-of-range",
  );
  assert.equal(refusal(hex("9f82622f6101ff")), "indefinite-length");
  const many = Array.from({ length: MAX_PERMISSIONS + 1 }, (_, at) => entry(`/${at}`, 1));
  parseAif(cbor.array(...many.slice(1)));
  assert.equal(refusal(cbor.array(...many)), "too-many-permissions");
  const long = Array.from({ length: 5 }, (_, at) => entry(`/${"x".repeat(250)}${at}`, 1));
  assert.equal(refusal(cbor.array(...long)), "too-long");
  assert.equal(refusal(cbor.array(entry(`/${"x".repeat(MAX_LOCAL_PART)}`, 1))), "wrong-length");
});

test("what would be refused is not written", () => {
  const one: Permission = { path: "/a", methods: ["GET"], created: [] };
  for (const bad of [
    [],
    [one, one],
    [{ ...one, path: "a" }],
    [{ ...one, methods: [] }],
    Array.from({ length: 5 }, (_, at) => ({ ...one, path: `/${"x".repeat(250)}${at}` })),
  ]) {
    assert.throws(() => encodeAif(bad), RightsFailure);
  }
});

test("every strict prefix of a good list is refused", () => {
  for (let length = 0; length < EXAMPLE.length; length++) {
    const prefix = EXAMPLE.subarray(0, length);
    assert.throws(() => parseAif(prefix), RightsFailure, `prefix of ${length}`);
  }
});

test("property: any octets are read or refused with a reason", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        parseAif(octets);
      } catch (failure) {
        assert.ok(failure instanceof RightsFailure);
      }
    }),
  );
});

test("property: permissions survive, whatever their order", () => {
  fc.assert(
    fc.property(anyPermissions, (permissions) => {
      const encoding = encodeAif(permissions);
      const read = parseAif(encoding);
      assert.deepEqual([...read].sort(byPath), [...permissions].sort(byPath));
      assert.equal(toHex(encodeAif(permissions.toReversed())), toHex(encoding));
    }),
  );
});

function byPath(a: Permission, b: Permission): number {
  return a.path < b.path ? -1 : 1;
}

test("options become the local part of their URI (RFC 7252 §6.5)", () => {
  assert.equal(localPart([]), "/");
  assert.equal(localPart(["s", "temp"]), "/s/temp");
  assert.equal(localPart(["s", ""]), "/s/");
  assert.equal(localPart(["a b", "ü/", "%"]), "/a%20b/%C3%BC%2F/%25");
  assert.equal(localPart(["log"], ["last=5", "a&b?/"]), "/log?last=5&a%26b?/");
});

test("options that no URI has are no local part", () => {
  for (const path of [["."], ["a", ".."], [""]]) assert.equal(localPart(path), null);
  assert.equal(localPart(["x".repeat(MAX_LOCAL_PART)]), null);
  assert.equal(localPart(["x".repeat(MAX_LOCAL_PART - 1)])?.length, MAX_LOCAL_PART);
});

test("a local part has one spelling", () => {
  for (const good of ["/", "/s/temp", "/s/", "//", "/a%20b", "/log?last=5", "/a?", "/a?b&c?/"]) {
    assert.ok(isLocalPart(good), good);
  }
  for (const bad of [
    "",
    "s/temp",
    "/a b",
    "/%41",
    "/%c3%bc",
    "/a/../b",
    "/.",
    "/%",
    "/%2",
    "/%FF",
    "/ü",
    "/a#b",
    "coap://x/",
  ]) {
    assert.ok(!isLocalPart(bad), bad);
  }
});

test("property: what options spell is a local part, and other options spell another", () => {
  const segment = fc.string({ unit: "grapheme", maxLength: 6 });
  const options = fc.tuple(
    fc.array(segment, { maxLength: 3 }),
    fc.array(segment, { maxLength: 2 }),
  );
  fc.assert(
    fc.property(options, options, (one, other) => {
      const spelt = localPart(...one);
      if (spelt !== null) assert.ok(isLocalPart(spelt), spelt);
      const same = JSON.stringify(one) === JSON.stringify(other);
      assert.ok(same || spelt === null || spelt !== localPart(...other));
    }),
  );
});
