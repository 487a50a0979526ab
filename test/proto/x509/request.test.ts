import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import type { DerReason } from "../../../src/base/der.ts";
import { signStructure } from "../../../src/proto/x509/certificate.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import type { X509Reason } from "../../../src/proto/x509/failure.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { nameText } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { parseRequest, signRequest } from "../../../src/proto/x509/request.ts";
import { REQUESTS } from "../../vectors/x509/openssl.ts";
import { commonName, Pki } from "./pki.ts";

const crypto = providers[0]!;
const pki = new Pki(crypto, "request");
const key = pki.newKey();

for (const provider of providers) {
  test(`${provider.name}: openssl's requests are read and their proof of possession holds`, () => {
    const full = parseRequest(REQUESTS.full, provider);
    assert.equal(nameText(full.subject), "O=Maker,CN=lamp");
    assert.deepEqual(full.requested?.extendedKeyUsage, [OID.clientAuth]);
    assert.deepEqual(full.requested?.subjectAltName, [
      { kind: "uri", uri: "urn:homeca:dev:abcdefghijklmnop" },
    ]);
    const challenge = full.attributes.get("1.2.840.113549.1.9.7");
    assert.deepEqual(challenge, der.utf8String("binding12"));
    assert.equal(full.challengePassword, "binding12");
    const bare = parseRequest(REQUESTS.bare, provider);
    assert.equal(nameText(bare.subject), "CN=bare");
    assert.equal(bare.requested, null);
    assert.equal(bare.challengePassword, null);
    assert.deepEqual(bare.publicKey, full.publicKey);
  });
}

test("a request we make we read", () => {
  const wish = extension.extendedKeyUsage([OID.clientAuth]);
  const made = parseRequest(signRequest(commonName("lamp"), [wish], key, null), crypto);
  assert.deepEqual(made.publicKey, key.publicKey);
  assert.deepEqual(made.requested?.extendedKeyUsage, [OID.clientAuth]);
  assert.equal(parseRequest(signRequest(commonName("x"), [], key, null), crypto).requested, null);
});

test("a challengePassword that we write we read, beside extensions in DER's order", () => {
  const wish = extension.extendedKeyUsage([OID.clientAuth]);
  const made = signRequest(commonName("lamp"), [wish], key, null, "+A/b9w==");
  const read = parseRequest(made, crypto);
  assert.equal(read.challengePassword, "+A/b9w==");
  assert.deepEqual(read.requested?.extendedKeyUsage, [OID.clientAuth]);
  assert.deepEqual([...read.attributes.keys()], [OID.challengePassword, OID.extensionRequest]);
  assert.throws(() => signRequest(commonName("lamp"), [], key, null, "*"), RangeError);
});

/** A request with its parts as given, rightly signed. */
function request(
  changes: { version?: Uint8Array; spki?: Uint8Array; attributes?: Uint8Array } = {},
) {
  const {
    version = der.integer(0),
    spki = encodePublicKey(key.publicKey),
    attributes = der.explicit(0),
  } = changes;
  return signStructure(der.sequence(version, commonName("x"), spki, attributes), key, null);
}

test("requests out of form are refused, each for its own reason", () => {
  parseRequest(request(), crypto);
  const reason = (encoded: Uint8Array): DerReason | X509Reason => {
    try {
      parseRequest(encoded, crypto);
    } catch (failure) {
      if (failure instanceof X509Failure || failure instanceof DerFailure) return failure.reason;
      throw failure;
    }
    return assert.fail("was accepted");
  };
  const attribute = (type: string, ...values: readonly Uint8Array[]): Uint8Array =>
    der.sequence(der.oid(type), der.setOf(...values));
  const attributes = (...list: readonly Uint8Array[]): Uint8Array =>
    request({ attributes: der.explicit(0, ...list) });
  const one = attribute("1.2.3", der.nullValue());
  const wish = der.sequence(extension.keyUsage(1));
  assert.equal(reason(request({ version: der.integer(1) })), "bad-version");
  assert.equal(reason(request({ attributes: hex("") })), "truncated");
  assert.equal(reason(attributes(one, one)), "repeated-attribute");
  assert.equal(reason(attributes(attribute("1.2.3"))), "truncated");
  assert.equal(
    reason(attributes(attribute("1.2.3", hex("0500"), hex("0101ff")))),
    "trailing-bytes",
  );
  assert.equal(reason(attributes(attribute(OID.extensionRequest, wish, wish))), "trailing-bytes");
  const password = (value: Uint8Array): string =>
    reason(attributes(attribute(OID.challengePassword, value)));
  assert.equal(password(der.utf8String("")), "bad-attribute");
  assert.equal(password(der.utf8String("x".repeat(256))), "bad-attribute");
  assert.equal(password(der.integer(1)), "unexpected-tag");
  assert.equal(password(der.utf8String("x".repeat(1025))), "bad-string");
  parseRequest(
    attributes(attribute(OID.challengePassword, der.utf8String("x".repeat(255)))),
    crypto,
  );
  const many = Array.from({ length: 17 }, (_, at) => attribute(`1.2.${at}`, der.nullValue()));
  assert.equal(reason(attributes(...many)), "too-many-entries");
  parseRequest(attributes(...many.slice(1)), crypto);
  assert.equal(reason(concat(request(), hex("00"))), "trailing-bytes");
  assert.equal(reason(new Uint8Array(8193)), "too-large");
  const off = encodePublicKey({ kind: "ec", curve: "P-256", point: new Uint8Array(65).fill(4) });
  assert.equal(reason(request({ spki: off })), "bad-key");
});

test("a request for another's key proves nothing", () => {
  const stranger = pki.newKey();
  const stolen = request({ spki: encodePublicKey(stranger.publicKey) });
  const failure = assert.throws(() => parseRequest(stolen, crypto), X509Failure);
  assert.equal(failure.reason, "bad-signature");
  const sha1 = der.sequence(der.oid(OID.ecdsaSha1));
  const tbs = der.sequence(
    der.integer(0),
    commonName("x"),
    encodePublicKey(key.publicKey),
    der.explicit(0),
  );
  const weak = der.sequence(tbs, sha1, der.bitString(key.sign("sha1", tbs, null)));
  assert.equal(
    assert.throws(() => parseRequest(weak, crypto), X509Failure).reason,
    "bad-signature",
  );
});

test("property: any bytes, and any change to a good request, are a request or a failure", () => {
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      parseRequest(bytes, crypto);
      return true;
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return false;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)));
  const good = REQUESTS.full;
  for (let length = 0; length < good.length; length++)
    assert.ok(!attempt(good.subarray(0, length)));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = good.slice();
      changed[at]! ^= mask;
      assert.ok(!attempt(changed), `byte ${at}`);
    }),
    { numRuns: 60 },
  );
});
