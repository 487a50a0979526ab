import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { CborFailure, parseCbor } from "../../../src/base/cbor.ts";
import type { CborKey } from "../../../src/base/cbor.ts";
import * as cbor from "../../../src/base/cbor-write.ts";
import type { PublicKey } from "../../../src/base/crypto/crypto.ts";
import { ecdsaScalars, ecdsaSignature } from "../../../src/base/crypto/ec.ts";
import { CoseFailure } from "../../../src/proto/cose/failure.ts";
import type { CoseReason } from "../../../src/proto/cose/failure.ts";
import { externalAad, parseSign1, signSign1 } from "../../../src/proto/cose/sign1.ts";
import { KEY_11, KEY_11_SCALAR, SIGN1_C21 } from "../../vectors/cose.ts";

const crypto = providers.at(-1)!;
const CONTENT = utf8("This is the content.");
const AAD = externalAad(crypto, "homeca-test", hex("3000"));
const publicKey: PublicKey = { kind: "ec", curve: "P-256", point: hex(KEY_11) };
const key = crypto.signingKey("P-256", hex(KEY_11_SCALAR));
const GOOD = signSign1({ payload: CONTENT, externalAad: AAD, keyId: utf8("11") }, key, null);

const refused = (body: () => unknown): CoseReason => assert.throws(body, CoseFailure).reason;

/** A message with these buckets and a signature that nobody looks at. */
function withHeaders(
  sealed: Uint8Array,
  ...open: readonly (readonly [CborKey, Uint8Array])[]
): Uint8Array {
  const parts = [cbor.bytes(sealed), cbor.map(...open), cbor.bytes(CONTENT)];
  return cbor.tagged(18, cbor.array(...parts, cbor.bytes(new Uint8Array(64).fill(1))));
}

const ALG = [1, cbor.integer(-7)] as const;

for (const provider of providers) {
  test(`${provider.name}: RFC 9052 C.2.1, a COSE_Sign1 of others is verified`, () => {
    const message = parseSign1(hex(SIGN1_C21));
    assert.deepEqual(message.headers, {
      contentType: null,
      keyId: utf8("11"),
      certificateHash: null,
    });
    assert.deepEqual(message.verify(provider, publicKey, new Uint8Array()), CONTENT);
  });

  test(`${provider.name}: what is signed is verified, by every provider`, () => {
    const signer = provider.signingKey("P-256", hex(KEY_11_SCALAR));
    const headers = { contentType: 60, certificateHash: provider.digest("sha256", CONTENT) };
    const signed = signSign1(
      { payload: CONTENT, externalAad: AAD, ...headers },
      signer,
      seeded(provider.name),
    );
    for (const verifier of providers) {
      const message = parseSign1(signed);
      assert.deepEqual(message.headers, { ...headers, keyId: null });
      assert.deepEqual(message.verify(verifier, publicKey, AAD), CONTENT);
    }
  });
}

test("protocols of HomeCA: the external data name the kind of object and the signer's key", () => {
  const spki = hex("300102");
  const expected = concat(utf8("homeca-release"), hex("00"), crypto.digest("sha256", spki));
  assert.deepEqual(externalAad(crypto, "homeca-release", spki), expected);
});

test("a signature holds for its own payload, headers, external data and key alone", () => {
  const whole = parseCbor(GOOD).tagged(18).array(4);
  const other = crypto.signingKey("P-256", crypto.generateScalar("P-256", seeded("other")));
  const otherAad = externalAad(crypto, "homeca-other", hex("3000"));
  assert.equal(
    refused(() => parseSign1(GOOD).verify(crypto, other.publicKey, AAD)),
    "bad-signature",
  );
  assert.equal(
    refused(() => parseSign1(GOOD).verify(crypto, publicKey, otherAad)),
    "bad-signature",
  );
  const sealed = cbor.map(ALG, [3, cbor.integer(60)]);
  const changes = [
    [cbor.bytes(sealed), ...whole.slice(1).map((part) => part.encoding)],
    [whole[0]!.encoding, whole[1]!.encoding, cbor.bytes(utf8("other")), whole[3]!.encoding],
  ];
  for (const parts of changes) {
    const message = parseSign1(cbor.tagged(18, cbor.array(...parts)));
    assert.equal(
      refused(() => message.verify(crypto, publicKey, AAD)),
      "bad-signature",
    );
  }
});

test("RFC 9053 §2.1: r and s outside [1, n-1] are no signature", () => {
  const parts = parseCbor(GOOD).tagged(18).array(4);
  const signature = parts[3]!.bytes(64);
  const zeros = new Uint8Array(32);
  const ones = zeros.map(() => 0xff);
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  for (const bad of [concat(zeros, s), concat(r, zeros), concat(ones, s), concat(r, ones)]) {
    const bent = parts.slice(0, 3).map((part) => part.encoding);
    const message = parseSign1(cbor.tagged(18, cbor.array(...bent, cbor.bytes(bad))));
    assert.equal(
      refused(() => message.verify(crypto, publicKey, AAD)),
      "bad-signature",
    );
  }
});

test("a detached payload is handed in, and only where it is detached", () => {
  const signed = signSign1({ payload: CONTENT, externalAad: AAD, detached: true }, key, null);
  const message = parseSign1(signed);
  assert.ok(message.isDetached && !parseSign1(GOOD).isDetached);
  assert.deepEqual(message.verify(crypto, publicKey, AAD, CONTENT), CONTENT);
  assert.equal(
    refused(() => message.verify(crypto, publicKey, AAD)),
    "payload-is-detached",
  );
  assert.equal(
    refused(() => message.verify(crypto, publicKey, AAD, utf8("other"))),
    "bad-signature",
  );
  assert.equal(
    refused(() => parseSign1(GOOD).verify(crypto, publicKey, AAD, CONTENT)),
    "payload-is-not-detached",
  );
});

test("keys of other kinds neither sign nor verify", () => {
  const p384 = crypto.signingKey("P-384", crypto.generateScalar("P-384", seeded("p384")));
  const rsa: PublicKey = { kind: "rsa", modulus: new Uint8Array(256), exponent: hex("010001") };
  assert.equal(
    refused(() => signSign1({ payload: CONTENT, externalAad: AAD }, p384, null)),
    "unsupported-key",
  );
  for (const other of [p384.publicKey, rsa]) {
    assert.equal(
      refused(() => parseSign1(GOOD).verify(crypto, other, AAD)),
      "unsupported-key",
    );
  }
});

test("RFC 9052 §3.1: headers are refused for their reason", () => {
  const sealed = (...entries: readonly (readonly [CborKey, Uint8Array])[]): Uint8Array =>
    cbor.map(ALG, ...entries);
  const crit = (...labels: readonly Uint8Array[]): readonly [CborKey, Uint8Array] => [
    2,
    cbor.array(...labels),
  ];
  const hash = (algorithm: number): Uint8Array =>
    cbor.array(cbor.integer(algorithm), cbor.bytes(new Uint8Array(32)));
  const cases: readonly (readonly [string, Uint8Array, CoseReason])[] = [
    ["nothing protected", withHeaders(new Uint8Array(), ALG), "missing-algorithm"],
    ["no algorithm", withHeaders(cbor.map([3, cbor.integer(60)])), "missing-algorithm"],
    ["algorithm in the open", withHeaders(cbor.map(), ALG), "algorithm-not-protected"],
    ["algorithm in both", withHeaders(sealed(), ALG), "algorithm-not-protected"],
    ["EdDSA", withHeaders(cbor.map([1, cbor.integer(-8)])), "unsupported-algorithm"],
    ["by name", withHeaders(cbor.map([1, cbor.text("ES256")])), "unsupported-algorithm"],
    [
      "a label in both",
      withHeaders(sealed([4, cbor.bytes(hex("01"))]), [4, cbor.bytes(hex("01"))]),
      "repeated-header",
    ],
    [
      "critical and unknown",
      withHeaders(sealed(crit(cbor.integer(99)))),
      "unknown-critical-header",
    ],
    ["critical by name", withHeaders(sealed(crit(cbor.text("x")))), "unknown-critical-header"],
    ["critical and absent", withHeaders(sealed(crit(cbor.integer(4)))), "bad-header"],
    ["nothing critical", withHeaders(sealed(crit())), "bad-header"],
    ["critical in the open", withHeaders(sealed(), crit(cbor.integer(1))), "bad-header"],
    ["x5t by SHA-1", withHeaders(sealed(), [34, hash(-14)]), "unsupported-certificate-hash"],
  ];
  for (const [name, message, reason] of cases) {
    assert.equal(
      refused(() => parseSign1(message)),
      reason,
      name,
    );
  }
  parseSign1(withHeaders(sealed(crit(cbor.integer(3), cbor.integer(1)), [3, cbor.integer(60)])));
  parseSign1(withHeaders(sealed([99, cbor.nullValue()]), [100, cbor.nullValue()]));
  assert.deepEqual(
    parseSign1(withHeaders(sealed(), [34, hash(-16)])).headers.certificateHash,
    new Uint8Array(32),
  );
  assert.equal(
    parseSign1(withHeaders(sealed([3, cbor.text("text/plain")]))).headers.contentType,
    "text/plain",
  );
});

test("what is not the structure of a COSE_Sign1 is refused as CBOR", () => {
  const parts = parseCbor(GOOD)
    .tagged(18)
    .array(4)
    .map((part) => part.encoding);
  const rebuilt = (at: number, part: Uint8Array): Uint8Array =>
    cbor.tagged(18, cbor.array(...parts.with(at, part)));
  const bad: readonly Uint8Array[] = [
    GOOD.subarray(1),
    cbor.tagged(98, GOOD.subarray(1)),
    cbor.tagged(18, cbor.array(...parts.slice(0, 3))),
    rebuilt(0, cbor.map(ALG)),
    rebuilt(0, cbor.bytes(hex("a10127"))).subarray(0, 10),
    rebuilt(0, cbor.bytes(hex("a1013806"))),
    rebuilt(1, cbor.bytes(hex("a0"))),
    rebuilt(1, cbor.map([4, cbor.bytes(new Uint8Array(65))])),
    rebuilt(2, cbor.text("This is the content.")),
    rebuilt(3, cbor.bytes(new Uint8Array(63))),
    rebuilt(3, cbor.bytes(new Uint8Array(65))),
  ];
  for (const message of bad) {
    assert.throws(() => parseSign1(message), CborFailure, toHex(message));
  }
  for (let length = 0; length < GOOD.length; length++) {
    assert.throws(() => parseSign1(GOOD.subarray(0, length)), CborFailure);
  }
  assert.throws(() => parseSign1(GOOD, GOOD.length - 1), CborFailure);
});

test("property: any octets are read or refused, nothing else", () => {
  const survives = (octets: Uint8Array): void => {
    try {
      parseSign1(octets);
    } catch (failure) {
      assert.ok(failure instanceof CborFailure || failure instanceof CoseFailure);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), survives));
  const bent = fc.property(fc.nat(GOOD.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
    survives(GOOD.map((octet, index) => (index === at ? octet ^ by : octet)));
  });
  fc.assert(bent, { numRuns: 500 });
});

test("DER signatures and the raw ones of COSE are each other's other form", () => {
  const order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const small = new Uint8Array(32);
  small[31] = 0x80;
  const below = Uint8Array.from(order);
  below[31]! -= 1;
  for (const raw of [concat(small, below), concat(below, small), concat(below, below)]) {
    assert.deepEqual(ecdsaScalars("P-256", ecdsaSignature("P-256", raw)!), raw);
  }
  assert.deepEqual(ecdsaSignature("P-256", concat(small, small)), hex("3008 02020080 02020080"));
  const zero = new Uint8Array(32);
  for (const bad of [
    concat(zero, small),
    concat(small, order),
    small,
    concat(small, small, zero),
  ]) {
    assert.equal(ecdsaSignature("P-256", bad), null);
  }
});
