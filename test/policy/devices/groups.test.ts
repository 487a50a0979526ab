import fc from "fast-check";
import { assert, test } from "#kit";
import { CborFailure } from "../../../src/base/cbor.ts";
import * as cbor from "../../../src/base/cbor-write.ts";
import { encodeGroups, parseGroups } from "../../../src/policy/devices/messages.ts";
import { MAX_GROUPS } from "../../../src/policy/registry/record.ts";

const GROUPS = ["Küche", "lights", "x".repeat(64)];

test("groups survive, and every strict prefix of them is refused", () => {
  const encoded = encodeGroups(GROUPS);
  assert.deepEqual(parseGroups(encoded), GROUPS);
  assert.deepEqual(parseGroups(encodeGroups([])), []);
  for (let length = 0; length < encoded.length; length++) {
    assert.throws(() => parseGroups(encoded.subarray(0, length)), CborFailure, `${length} octets`);
  }
});

test("more groups than a device is in, and names that are none, are refused", () => {
  const many = Array.from({ length: MAX_GROUPS + 1 }, (_, n) => `group ${n}`);
  assert.equal(parseGroups(encodeGroups(many.slice(1))).length, MAX_GROUPS);
  for (const bad of [
    encodeGroups(many),
    encodeGroups([""]),
    encodeGroups([" x"]),
    encodeGroups(["a\u202eb"]),
    encodeGroups(["x".repeat(65)]),
    cbor.array(cbor.integer(1)),
    cbor.map(),
  ]) {
    assert.throws(() => parseGroups(bad), CborFailure);
  }
});

test("property: any bytes are groups or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        parseGroups(bytes);
      } catch (failure) {
        assert.ok(failure instanceof CborFailure);
      }
    }),
  );
});
