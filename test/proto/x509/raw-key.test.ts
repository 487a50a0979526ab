import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import type { PublicKey } from "../../../src/base/crypto/crypto.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import type { X509Reason } from "../../../src/proto/x509/failure.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import {
  encodeRawPublicKey,
  MAX_RAW_KEY_LENGTH,
  parseRawPublicKey,
} from "../../../src/proto/x509/raw-key.ts";
import { CHAIN } from "../../vectors/x509/openssl.ts";
import { GENERATOR, Pki } from "./pki.ts";

const crypto = providers[0]!;
const pki = new Pki(crypto, "raw-key");
const P256 = { kind: "ec", curve: "P-256", point: GENERATOR } as const;

/** An odd modulus of so many bits, and an exponent. */
const rsa = (bits: number, exponent = "010001"): PublicKey => {
  const modulus = new Uint8Array(bits / 8).fill(0xff);
  return { kind: "rsa", modulus, exponent: hex(exponent) };
};
const refuse = (spki: Uint8Array): X509Reason =>
  assert.throws(() => parseRawPublicKey(spki, crypto), X509Failure).reason;

test("RFC 7250 §3: a bare key is the SubjectPublicKeyInfo of a certificate, for openssl's too", () => {
  for (const encoded of [CHAIN.rsaRoot, CHAIN.p384Leaf]) {
    const { spki, publicKey } = parseCertificate(encoded);
    assert.deepEqual(encodeRawPublicKey(publicKey), spki);
    assert.deepEqual(parseRawPublicKey(spki, crypto), { spki, publicKey });
  }
});

test("keys of every kind come back as they went, through every provider", () => {
  const keys = [pki.newKey().publicKey, pki.newKey("P-384").publicKey, rsa(2048), rsa(3072, "03")];
  for (const key of keys) {
    for (const each of providers) {
      assert.deepEqual(parseRawPublicKey(encodeRawPublicKey(key), each).publicKey, key);
    }
  }
});

test("the layout of a key on P-256 is that of RFC 5480 §2.1, 91 octets", () => {
  // SEQUENCE, id-ecPublicKey, secp256r1, BIT STRING of 65 octets.
  const header = hex("3059 3013 0607 2a8648ce3d0201 0608 2a8648ce3d030107 0342 00");
  assert.deepEqual(encodeRawPublicKey(P256), concat(header, GENERATOR));
});

test("points off their curve, weak RSA keys and strangers' kinds are refused", () => {
  const offCurve = GENERATOR.slice();
  offCurve[64]! ^= 1;
  assert.equal(refuse(encodeRawPublicKey({ ...P256, point: offCurve })), "bad-key");
  assert.equal(refuse(encodeRawPublicKey({ ...P256, curve: "P-384" })), "bad-key");
  const compressed = concat(hex("03"), GENERATOR.subarray(1, 33));
  assert.equal(refuse(encodeRawPublicKey({ ...P256, point: compressed })), "bad-key");
  assert.equal(refuse(encodeRawPublicKey(rsa(2040))), "bad-key");
  assert.equal(refuse(encodeRawPublicKey(rsa(2048, "02"))), "bad-key");
  assert.equal(refuse(encodeRawPublicKey(rsa(2048, "01"))), "bad-key");
  const ed25519 = der.sequence(
    der.sequence(der.oid("1.3.101.112")),
    der.bitString(new Uint8Array(32)),
  );
  assert.equal(refuse(ed25519), "unsupported-key");
  const p521 = der.sequence(der.oid(OID.ecPublicKey), der.oid("1.3.132.0.35"));
  assert.equal(refuse(der.sequence(p521, der.bitString(hex("04")))), "unsupported-key");
});

test("RSA-8192 is read; more octets than that needs are not looked at", () => {
  const longest = encodeRawPublicKey(rsa(8192, "0100000001"));
  assert.equal(longest.length, 1064);
  assert.equal(parseRawPublicKey(longest, crypto).spki.length, longest.length);
  assert.throws(() => parseRawPublicKey(new Uint8Array(MAX_RAW_KEY_LENGTH), crypto), DerFailure);
  assert.equal(refuse(new Uint8Array(MAX_RAW_KEY_LENGTH + 1)), "too-large");
});

test("nothing may stand behind a key", () => {
  const good = encodeRawPublicKey(P256);
  const failure = assert.throws(
    () => parseRawPublicKey(concat(good, hex("00")), crypto),
    DerFailure,
  );
  assert.equal(failure.reason, "trailing-bytes");
});

test("property: any bytes, any prefix and any change are another key or a failure", () => {
  const attempt = (bytes: Uint8Array): Uint8Array | null => {
    try {
      const { publicKey } = parseRawPublicKey(bytes, crypto);
      return encodeRawPublicKey(publicKey);
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return null;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)));
  for (const good of [encodeRawPublicKey(P256), encodeRawPublicKey(rsa(2048))]) {
    assert.deepEqual(attempt(good), good);
    for (let length = 0; length < good.length; length++) {
      assert.equal(attempt(good.subarray(0, length)), null, `${length} octets`);
    }
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = good.slice();
        changed[at]! ^= mask;
        const again = attempt(changed);
        // What is taken has one encoding, and it is the one that was taken.
        if (again !== null) assert.deepEqual(again, changed, `octet ${at}`);
      }),
      { numRuns: 60 },
    );
  }
});
