import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { contextTag, DerFailure, DerReader } from "../../../src/base/der.ts";
import type { DerReason } from "../../../src/base/der.ts";
import { ACL_OID, encodeAcl, MAX_ACL_LENGTH, parseAcl } from "../../../src/policy/ca/acl.ts";
import type { AclRule } from "../../../src/policy/ca/acl.ts";
import { readExtensionList } from "../../../src/proto/x509/extensions.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import type { X509Reason } from "../../../src/proto/x509/failure.ts";

/** The value inside one encoded extension. */
const valueOf = (encoded: Uint8Array): Uint8Array =>
  readExtensionList(new DerReader(der.sequence(encoded)))[0]!.value;

const anyRule: fc.Arbitrary<AclRule> = fc.record({
  target: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 32 }).map((id) => ({ kind: "device", id }) as const),
    fc.string({ minLength: 1, maxLength: 16 }).map((name) => ({ kind: "group", name }) as const),
    fc.constant({ kind: "any" } as const),
  ),
  aif: fc.uint8Array({ minLength: 1, maxLength: 20 }),
});

test("the arc is made of the UUID's parts, and the extension is not critical", () => {
  const parts = /^(.{4})(.{4})-(.{4})-(.{4})-(.{4})-(.{6})(.{6})$/.exec(
    "1017a64b-c946-4704-910a-61618d1ab498",
  )!;
  const arcs = parts.slice(1).map((part) => Number.parseInt(part, 16));
  assert.equal(ACL_OID, `1.2.840.113556.1.8000.2554.${arcs.join(".")}.1`);
  // By `openssl asn1parse -genstr OID:...`.
  assert.equal(
    toHex(der.oid(ACL_OID)),
    "06212a864886f71401be40937aa01782cc4b839246818e0482a20a8385c30deae91801",
  );
  const [one] = readExtensionList(new DerReader(der.sequence(encodeAcl([]))));
  assert.deepEqual([one!.oid, one!.critical], [ACL_OID, false]);
});

test("property: any rules survive", () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 20 }), (rules) => {
      assert.deepEqual(parseAcl(valueOf(encodeAcl(rules))), rules);
    }),
  );
});

test("rules past a bound are neither written nor read", () => {
  const any = { kind: "any" } as const;
  const aif = hex("80");
  const write =
    (target: AclRule["target"], bytes = aif) =>
    () =>
      encodeAcl([{ target, aif: bytes }]);
  write({ kind: "device", id: new Uint8Array(32) })();
  write({ kind: "group", name: "x".repeat(64) })();
  write(any, new Uint8Array(1024))();
  for (const bad of [
    write({ kind: "device", id: new Uint8Array(33) }),
    write({ kind: "device", id: hex("") }),
    write({ kind: "group", name: "x".repeat(65) }),
    write({ kind: "group", name: "" }),
    write(any, new Uint8Array(1025)),
    write(any, hex("")),
    () => encodeAcl(Array.from({ length: 65 }, () => ({ target: any, aif }))),
    () => encodeAcl(Array.from({ length: 5 }, () => ({ target: any, aif: new Uint8Array(1000) }))),
  ]) {
    assert.throws(bad, RangeError);
  }
});

test("an ACL out of form is refused, each for its own reason", () => {
  const reason = (value: Uint8Array): DerReason | X509Reason => {
    try {
      parseAcl(value);
    } catch (failure) {
      if (failure instanceof X509Failure || failure instanceof DerFailure) return failure.reason;
      throw failure;
    }
    return assert.fail("was accepted");
  };
  const acl = (...rules: readonly Uint8Array[]): Uint8Array =>
    der.sequence(der.integer(1), der.sequence(...rules));
  const aif = der.octetString(hex("80"));
  const rule = (target: Uint8Array, bytes = aif): Uint8Array => der.sequence(target, bytes);
  const any = der.tagged(contextTag(2, "primitive"));
  assert.deepEqual(parseAcl(acl(rule(any))), [{ target: { kind: "any" }, aif: hex("80") }]);
  assert.equal(reason(der.sequence(der.integer(2), der.sequence())), "bad-version");
  assert.equal(reason(acl(...Array.from({ length: 65 }, () => rule(any)))), "bad-extension");
  assert.equal(reason(acl(rule(hex("820100")))), "bad-extension");
  assert.equal(reason(acl(rule(hex("8301ff")))), "bad-extension");
  assert.equal(reason(acl(rule(hex("8101ff")))), "bad-extension");
  assert.equal(reason(acl(rule(hex("8000")))), "bad-extension");
  assert.equal(reason(acl(rule(any, der.octetString(hex(""))))), "bad-extension");
  assert.equal(reason(acl(der.sequence(any, aif, aif))), "trailing-bytes");
  assert.equal(reason(new Uint8Array(MAX_ACL_LENGTH + 1)), "bad-extension");
});

test("property: any bytes and every prefix are rules or a failure", () => {
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      parseAcl(bytes);
      return true;
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return false;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void attempt(bytes)));
  const good = valueOf(encodeAcl([{ target: { kind: "group", name: "lamps" }, aif: hex("80") }]));
  for (let length = 0; length < good.length; length++)
    assert.ok(!attempt(good.subarray(0, length)));
});
