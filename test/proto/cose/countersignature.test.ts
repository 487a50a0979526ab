import { assert, providers, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { parseCbor } from "../../../src/base/cbor.ts";
import * as cbor from "../../../src/base/cbor-write.ts";
import { ecdsaSignature } from "../../../src/base/crypto/ec.ts";
import { MAX_COUNTERSIGNATURES } from "../../../src/proto/cose/countersignature.ts";
import { CoseFailure } from "../../../src/proto/cose/failure.ts";
import type { CoseReason } from "../../../src/proto/cose/failure.ts";
import { externalAad, parseSign1, signSign1 } from "../../../src/proto/cose/sign1.ts";

const crypto = providers.at(-1)!;
const [maker, home, other] = ["maker", "home", "other"].map((name) =>
  crypto.signingKey("P-256", crypto.generateScalar("P-256", seeded(name))),
);
const PAYLOAD = utf8("a manifest");
const MAKER_AAD = externalAad(crypto, "maker-update", hex("3001"));
const HOME_AAD = externalAad(crypto, "homeca-update", hex("3002"));
const SIGNED = signSign1(
  { payload: PAYLOAD, externalAad: MAKER_AAD, keyId: utf8("maker"), contentType: 60 },
  maker!,
  null,
);
const BOTH = parseSign1(SIGNED).countersign(
  { externalAad: HOME_AAD, keyId: utf8("home") },
  home!,
  null,
);

const refused = (body: () => unknown): CoseReason => assert.throws(body, CoseFailure).reason;

/** The message with other parts: its protected bucket, headers, payload or signature. */
function rebuilt(message: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  const parts = parseCbor(message).tagged(18).array(4);
  return cbor.tagged(18, cbor.array(...parts.map(({ encoding }) => encoding).with(at, part)));
}

test("a message holds with a countersignature as it did without, and shows who added it", () => {
  const message = parseSign1(BOTH);
  assert.deepEqual(message.verify(crypto, maker!.publicKey, MAKER_AAD), PAYLOAD);
  message.verifyCountersignature(crypto, home!.publicKey, HOME_AAD);
  assert.deepEqual(message.headers.keyId, utf8("maker"));
  assert.deepEqual(
    message.countersignatures.map(({ headers }) => headers.keyId),
    [utf8("home")],
  );
});

test("RFC 9338 §3.3: what is countersigned is the payload with the signature under it", () => {
  const [sealed, open, payload, signature] = parseCbor(BOTH).tagged(18).array(4);
  const [own, , raw] = open!.map().required(11).array(3);
  const structure = cbor.array(
    cbor.text("CounterSignatureV2"),
    sealed!.encoding,
    own!.encoding,
    cbor.bytes(HOME_AAD),
    payload!.encoding,
    cbor.array(signature!.encoding),
  );
  const der = ecdsaSignature("P-256", raw!.bytes(64))!;
  const scheme = { kind: "ecdsa", hash: "sha256" } as const;
  assert.ok(crypto.verify(scheme, home!.publicKey, structure, der));
});

test("a countersignature holds for its own signature, payload, headers, external data and key alone", () => {
  const again = signSign1(
    { payload: PAYLOAD, externalAad: MAKER_AAD, keyId: utf8("maker"), contentType: 60 },
    maker!,
    seeded("hedge"),
  );
  const otherSignature = parseCbor(again).tagged(18).array(4)[3]!.encoding;
  const sealed = cbor.bytes(cbor.map([1, cbor.integer(-7)]));
  const changed = [
    rebuilt(BOTH, 0, sealed),
    rebuilt(BOTH, 2, cbor.bytes(utf8("another manifest"))),
    rebuilt(BOTH, 3, otherSignature),
  ];
  for (const message of changed) {
    assert.equal(
      refused(() => parseSign1(message).verifyCountersignature(crypto, home!.publicKey, HOME_AAD)),
      "bad-signature",
    );
  }
  const wrong = [
    [other!.publicKey, HOME_AAD],
    [home!.publicKey, MAKER_AAD],
    [maker!.publicKey, HOME_AAD],
  ] as const;
  for (const [key, aad] of wrong) {
    assert.equal(
      refused(() => parseSign1(BOTH).verifyCountersignature(crypto, key, aad)),
      "bad-signature",
    );
  }
});

test("a countersignature taken off is missed by whoever asks for it", () => {
  assert.equal(
    refused(() => parseSign1(SIGNED).verifyCountersignature(crypto, home!.publicKey, HOME_AAD)),
    "bad-signature",
  );
});

test("several countersignatures stand side by side, in their order, up to a bound", () => {
  let message = BOTH;
  for (let count = 2; count <= MAX_COUNTERSIGNATURES; count++) {
    message = parseSign1(message).countersign({ externalAad: MAKER_AAD }, other!, null);
    const read = parseSign1(message);
    assert.equal(read.countersignatures.length, count);
    assert.deepEqual(read.countersignatures[0]!.headers.keyId, utf8("home"));
    read.verify(crypto, maker!.publicKey, MAKER_AAD);
    read.verifyCountersignature(crypto, home!.publicKey, HOME_AAD);
    read.verifyCountersignature(crypto, other!.publicKey, MAKER_AAD);
  }
  assert.equal(
    refused(() => parseSign1(message).countersign({ externalAad: MAKER_AAD }, other!, null)),
    "too-many-countersignatures",
  );
  const one = parseCbor(BOTH).tagged(18).array(4)[1]!.map().required(11).encoding;
  const many = cbor.map([11, cbor.array(...Array.from({ length: 5 }, () => one))]);
  assert.equal(
    refused(() => parseSign1(rebuilt(BOTH, 1, many))),
    "too-many-countersignatures",
  );
});

test("a detached payload is countersigned as one that is not", () => {
  const signed = signSign1(
    { payload: PAYLOAD, externalAad: MAKER_AAD, detached: true },
    maker!,
    null,
  );
  const both = parseSign1(signed).countersign(
    { externalAad: HOME_AAD, detached: PAYLOAD },
    home!,
    null,
  );
  const message = parseSign1(both);
  assert.ok(message.isDetached);
  message.verifyCountersignature(crypto, home!.publicKey, HOME_AAD, PAYLOAD);
  assert.equal(
    refused(() => message.verifyCountersignature(crypto, home!.publicKey, HOME_AAD)),
    "payload-is-detached",
  );
});

test("RFC 9338 §3.1: a countersignature is never protected, and never an empty list", () => {
  const one = parseCbor(BOTH).tagged(18).array(4)[1]!.map().required(11).encoding;
  const sealed = cbor.bytes(cbor.map([1, cbor.integer(-7)], [11, one]));
  assert.equal(
    refused(() => parseSign1(rebuilt(SIGNED, 0, sealed))),
    "bad-header",
  );
  assert.equal(
    refused(() => parseSign1(rebuilt(SIGNED, 1, cbor.map([11, cbor.array()])))),
    "bad-header",
  );
  const open = cbor.map([1, cbor.integer(-7)]);
  const unsealed = cbor.array(cbor.bytes(new Uint8Array()), open, cbor.bytes(new Uint8Array(64)));
  assert.equal(
    refused(() => parseSign1(rebuilt(SIGNED, 1, cbor.map([11, unsealed])))),
    "missing-algorithm",
  );
});
