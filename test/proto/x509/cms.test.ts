import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import {
  encodeBundle,
  MAX_BUNDLE_LENGTH,
  MAX_BUNDLED_CERTIFICATES,
  MAX_BUNDLED_LISTS,
  parseBundle,
} from "../../../src/proto/x509/cms.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { makeHome, TIME } from "../../policy/ca/home.ts";
import { rawCertificate } from "./pki.ts";

const crypto = providers[0]!;
const home = makeHome(crypto, "bundles");
const root = home.root.certificate.der;
const issuing = home.issuing.certificate.der;
const list = home.issuing.issueCrl([], 0, TIME).der;
const GOOD = encodeBundle([issuing, root], [list]);

test("what goes into a bundle comes out of it", () => {
  const { certificates, lists } = parseBundle(GOOD);
  const ders = new Set(certificates.map((certificate) => certificate.der.join()));
  assert.deepEqual(ders, new Set([root, issuing].toSorted(byBytes).map((one) => one.join())));
  assert.deepEqual(
    lists.map((one) => one.der),
    [list],
  );
  assert.deepEqual(parseBundle(encodeBundle([root])).lists, []);
  assert.deepEqual(parseBundle(encodeBundle([], [list])).certificates, []);
});

function byBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return a[at]! - b[at]!;
}

test("the order in which certificates are given does not show: a set has none", () => {
  assert.deepEqual(encodeBundle([root, issuing]), encodeBundle([issuing, root]));
});

// RFC 5652 §3, §5.1: ContentInfo { signedData, [0] { 1, {}, { data }, [0] certificates, {} } }.
test("RFC 5652 §5.1: a bundle of one certificate, octet by octet", () => {
  const certificate = rawCertificate();
  const { length } = certificate;
  assert.ok(length >= 256 && length < 65_000, "each length around it takes two octets");
  const inner = length + 4 + 3 + 2 + 13 + 2;
  const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
  const expected = concat(
    hex("3082"),
    u16(inner + 4 + 4 + 11),
    hex("06092a864886f70d010702 a082"),
    u16(inner + 4),
    hex("3082"),
    u16(inner),
    hex("020101 3100 300b06092a864886f70d010701 a082"),
    u16(length),
    certificate,
    hex("3100"),
  );
  assert.deepEqual(encodeBundle([certificate]), expected);
  assert.deepEqual(parseBundle(expected).certificates[0]!.der, certificate);
});

interface Parts {
  readonly type?: string;
  readonly version?: number;
  readonly digests?: Uint8Array;
  readonly content?: Uint8Array;
  readonly sets?: readonly Uint8Array[];
  readonly signers?: Uint8Array;
}

/** A bundle with some of its parts as given. */
function bundle(parts: Parts): Uint8Array {
  const {
    type = OID.pkcs7SignedData,
    version = 1,
    digests = der.setOf(),
    content = der.sequence(der.oid(OID.pkcs7Data)),
    sets = [der.explicit(0, issuing)],
    signers = der.setOf(),
  } = parts;
  const signedData = der.sequence(der.integer(version), digests, content, ...sets, signers);
  return der.sequence(der.oid(type), der.explicit(0, signedData));
}

test("anything but certificates and lists is refused, each for its own reason", () => {
  const reason = (encoded: Uint8Array): string => {
    try {
      parseBundle(encoded);
    } catch (failure) {
      if (failure instanceof X509Failure || failure instanceof DerFailure) return failure.message;
      throw failure;
    }
    return assert.fail("was accepted");
  };
  parseBundle(bundle({}));
  const signer = der.setOf(der.sequence(der.integer(1)));
  const signed = der.sequence(der.oid(OID.pkcs7Data), der.explicit(0, der.octetString(hex("00"))));
  const certificateSet = der.explicit(0, issuing);
  assert.equal(reason(bundle({ type: OID.pkcs7Data })), "not-certs-only");
  assert.equal(reason(bundle({ version: 3 })), "bad-version");
  assert.equal(reason(bundle({ digests: signer })), "not-certs-only: signed");
  assert.equal(reason(bundle({ signers: signer })), "not-certs-only: signed");
  assert.equal(reason(bundle({ content: signed })), "not-certs-only: content");
  const other = der.sequence(der.oid(OID.pkcs7EncryptedData));
  assert.equal(reason(bundle({ content: other })), "not-certs-only: content");
  assert.equal(reason(bundle({ sets: [] })), "not-certs-only: empty");
  assert.equal(reason(bundle({ sets: [der.explicit(0)] })), "not-certs-only: empty");
  const attribute = der.explicit(0, der.explicit(2, issuing));
  assert.equal(reason(bundle({ sets: [attribute] })), "not-certs-only: kind");
  assert.match(reason(bundle({ sets: [certificateSet, certificateSet] })), /^unexpected-tag/);
  assert.match(reason(bundle({ sets: [der.explicit(1, issuing)] })), /./);
  assert.match(reason(concat(GOOD, hex("00"))), /^trailing-bytes/);
  assert.match(reason(new Uint8Array(MAX_BUNDLE_LENGTH + 1)), /^too-large/);
});

test("a bundle has at most so many certificates and so many lists", () => {
  const many = (count: number, one: Uint8Array): Uint8Array[] =>
    Array.from({ length: count }, () => one);
  parseBundle(encodeBundle(many(MAX_BUNDLED_CERTIFICATES, root), many(MAX_BUNDLED_LISTS, list)));
  const certificates = many(MAX_BUNDLED_CERTIFICATES + 1, root);
  const lists = many(MAX_BUNDLED_LISTS + 1, list);
  assert.throws(() => encodeBundle(certificates), RangeError);
  assert.throws(() => encodeBundle([], lists), RangeError);
  assert.throws(() => encodeBundle([]), RangeError);
  for (const sets of [[der.explicit(0, ...certificates)], [der.explicit(1, ...lists)]]) {
    const failure = assert.throws(() => parseBundle(bundle({ sets })), X509Failure);
    assert.equal(failure.reason, "too-many-entries");
  }
});

test("property: any bytes, and any change to a good bundle, are a bundle or a failure", () => {
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      parseBundle(bytes);
      return true;
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return false;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)));
  fc.assert(
    fc.property(fc.nat(GOOD.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = GOOD.slice();
      changed[at]! ^= mask;
      attempt(changed);
    }),
  );
  for (let length = 0; length < GOOD.length; length++)
    assert.ok(!attempt(GOOD.subarray(0, length)));
});
