import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import {
  encodeCsrAttributes,
  MAX_CSR_ATTRIBUTES,
  MAX_CSR_ATTRIBUTES_LENGTH,
  parseCsrAttributes,
} from "../../../src/proto/x509/csr-attributes.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { OID } from "../../../src/proto/x509/oids.ts";

// RFC 7030 §4.5.2, its example: challengePassword, a key on P-384, an extension request, ecdsa-with-SHA384.
const EXAMPLE = hex(`
  3041
    06092a864886f70d010907
    3012 06072a8648ce3d0201 3107 06052b81040022
    3016 06092a864886f70d01090e 3109 06072b06010101011 6
    06082a8648ce3d040303`);

test("RFC 7030 §4.5.2: the example asks for linking and for a key on P-384", () => {
  assert.deepEqual(parseCsrAttributes(EXAMPLE), { curve: "P-384", linking: true });
});

test("ours are the curve, its signature and the wish to link, in RFC 7030's order", () => {
  const encoded = encodeCsrAttributes({ curve: "P-256", linking: true });
  const expected = hex(`
    302c
      06092a864886f70d010907
      3015 06072a8648ce3d0201 310a 06082a8648ce3d030107
      06082a8648ce3d040302`);
  assert.deepEqual(encoded, expected);
  for (const curve of ["P-256", "P-384", null] as const) {
    for (const linking of [true, false]) {
      const wish = { curve, linking };
      assert.deepEqual(parseCsrAttributes(encodeCsrAttributes(wish)), wish);
    }
  }
});

test("what is unknown is passed over, and a wish for any elliptic curve is none", () => {
  const unknown = [der.oid("1.2.3"), der.sequence(der.oid("1.2.3"), der.setOf(der.integer(1)))];
  const anyCurve = der.sequence(der.oid(OID.ecPublicKey), der.setOf());
  const wanted = der.sequence(der.oid(OID.challengePassword), der.setOf());
  const read = parseCsrAttributes(der.sequence(...unknown, anyCurve, wanted));
  assert.deepEqual(read, { curve: null, linking: true });
});

test("bounds, and curves that are not ours", () => {
  const reason = (encoded: Uint8Array): string =>
    assert.throws(() => parseCsrAttributes(encoded), X509Failure).reason;
  const many = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => der.oid("1.2.3"));
  parseCsrAttributes(der.sequence(...many(MAX_CSR_ATTRIBUTES)));
  assert.equal(reason(der.sequence(...many(MAX_CSR_ATTRIBUTES + 1))), "too-many-entries");
  assert.equal(reason(new Uint8Array(MAX_CSR_ATTRIBUTES_LENGTH + 1)), "too-large");
  const on = (...values: readonly Uint8Array[]): Uint8Array =>
    der.sequence(der.sequence(der.oid(OID.ecPublicKey), der.setOf(...values)));
  // secp521r1 (RFC 5480 §2.1.1.1).
  assert.equal(reason(on(der.oid("1.3.132.0.35"))), "unsupported-key");
  const curves = Array.from({ length: 9 }, () => der.oid(OID.p256));
  assert.equal(reason(on(...curves)), "too-many-entries");
});

test("property: any bytes and any prefix are CSR attributes or a failure", () => {
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      parseCsrAttributes(bytes);
      return true;
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return false;
    }
  };
  for (let length = 0; length < EXAMPLE.length; length++) {
    assert.ok(!attempt(EXAMPLE.subarray(0, length)));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)));
  fc.assert(
    fc.property(fc.nat(EXAMPLE.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = EXAMPLE.slice();
      changed[at]! ^= mask;
      attempt(changed);
    }),
  );
});
