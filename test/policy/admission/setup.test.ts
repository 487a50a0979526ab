import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex, toBase64Url, utf8 } from "../../../src/base/bytes.ts";
import {
  claimedId,
  deviceIdHash,
  encodeSetupIdentity,
  isNoProof,
  MAX_SETUP_IDENTITY,
  parseSetupIdentity,
  SetupFailure,
  setupProof,
  verifySetupProof,
} from "../../../src/policy/admission/setup.ts";
import { normalSetupCode } from "../../../src/policy/registry/record.ts";
import type { SetupReason } from "../../../src/policy/admission/setup.ts";

const ID = "aaaaaaaaaaaaaaaa";
const identity = (text: string): Uint8Array => utf8(text);
const refusal = (text: string): SetupReason =>
  assert.throws(() => parseSetupIdentity(identity(text)), SetupFailure, text).reason;

// docs/protocol: setup proof, computed over the key D of the key update vector.
const CODE = "K7QP2M4X9RTDH3VN";
const SPKI_HASH = hex("38842744f49b13190365fafa1b7f142fbb981d3c0e8b911bb61eff25b296448b");
const PROOF = "yWpGBZuNiGu40TJr40OHoQ";

for (const crypto of providers) {
  test(`${crypto.name}: the setup proof of the protocol's vector`, () => {
    assert.equal(setupProof(crypto, CODE, SPKI_HASH), PROOF);
    assert.ok(verifySetupProof(crypto, CODE, SPKI_HASH, utf8(PROOF)));
  });

  test(`${crypto.name}: a setup proof holds for one code, one key and every character of it`, () => {
    const other = SPKI_HASH.slice();
    other[31]! ^= 1;
    assert.ok(!verifySetupProof(crypto, CODE, other, utf8(PROOF)));
    assert.ok(!verifySetupProof(crypto, "K7QP2M4X9RTDH3VM", SPKI_HASH, utf8(PROOF)));
    for (let at = 0; at < PROOF.length; at++) {
      const changed = utf8(PROOF);
      changed[at]! ^= 1;
      assert.ok(!verifySetupProof(crypto, CODE, SPKI_HASH, changed), `character ${at}`);
      assert.ok(!verifySetupProof(crypto, CODE, SPKI_HASH, utf8(PROOF).subarray(0, at)));
    }
    assert.ok(!verifySetupProof(crypto, CODE, SPKI_HASH, utf8(`${PROOF}=`)));
  });

  test(`${crypto.name}: a device id does not depend on the order of its identifiers`, () => {
    const mac = { kind: "mac", value: "02:00:00:00:00:01" } as const;
    const serial = { kind: "serial", value: "A-17" } as const;
    const hash = deviceIdHash(crypto, [mac, serial]);
    assert.equal(hash.length, 32);
    assert.deepEqual(deviceIdHash(crypto, [serial, mac]), hash);
    assert.match(claimedId(hash), /^[a-z2-7]{16}$/);
    // Same text, other kind: another device.
    const bt = deviceIdHash(crypto, [{ ...mac, kind: "bt" }, serial]);
    assert.notEqual(claimedId(bt), claimedId(hash));
  });
}

test("a setup identity says id, type and name", () => {
  const name = toBase64Url(utf8("Küche"));
  assert.deepEqual(parseSetupIdentity(identity(`1.${ID}.lamp.${name}@setup.home.arpa`)), {
    id: ID,
    type: "lamp",
    name: "Küche",
  });
  assert.equal(parseSetupIdentity(identity(`1.${ID}.lamp.@setup.home.arpa`)).name, null);
});

test("a setup identity out of form is refused with its reason", () => {
  const named = (name: string): string => `1.${ID}.lamp.${toBase64Url(utf8(name))}@setup.home.arpa`;
  assert.equal(refusal(`1.${ID}.lamp.@home.arpa`), "wrong-realm");
  assert.equal(refusal(`1.${ID}.lamp.`), "wrong-realm");
  assert.equal(refusal(`2.${ID}.lamp.@setup.home.arpa`), "wrong-version");
  assert.equal(refusal(`1.${ID}.lamp@setup.home.arpa`), "wrong-form");
  assert.equal(refusal(`1.${ID}.lamp..x@setup.home.arpa`), "wrong-form");
  assert.equal(refusal(`1.AAAAAAAAAAAAAAAA.lamp.@setup.home.arpa`), "bad-id");
  assert.equal(refusal(`1.aaaaaaaaaaaaaaa.lamp.@setup.home.arpa`), "bad-id");
  assert.equal(refusal(`1.${ID}..@setup.home.arpa`), "bad-type");
  assert.equal(refusal(`1.${ID}.abcdefghijklmnopq.@setup.home.arpa`), "bad-type");
  assert.equal(refusal(`1.${ID}.<b>.@setup.home.arpa`), "bad-type");
  assert.equal(refusal(`1.${ID}.lamp.!!@setup.home.arpa`), "bad-name");
  for (const name of ["a\nb", "a\u202eb", "a\u2066b", "\u200b", "a\u0000", " lamp", "x\u0085"]) {
    assert.equal(refusal(named(name)), "bad-name", JSON.stringify(name));
  }
});

test("a name fills 60 characters of base64url and no more, an identity 127 octets and no more", () => {
  const full = "n".repeat(45);
  const claim = { id: ID, type: "a".repeat(16), name: full };
  assert.equal(encodeSetupIdentity(claim).length, 112);
  assert.deepEqual(parseSetupIdentity(encodeSetupIdentity(claim)), claim);
  const over = assert.throws(
    () => encodeSetupIdentity({ ...claim, name: `${full}n` }),
    SetupFailure,
  );
  assert.equal(over.reason, "bad-name");
  assert.equal(refusal("x".repeat(MAX_SETUP_IDENTITY + 1)), "too-long");
  assert.equal(refusal("x".repeat(MAX_SETUP_IDENTITY)), "wrong-realm");
});

test("property: what an identity says survives", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 15 });
  fc.assert(
    fc.property(name, (text) => {
      try {
        const claim = { id: ID, type: "lamp", name: text };
        assert.deepEqual(parseSetupIdentity(encodeSetupIdentity(claim)), claim);
      } catch (failure) {
        assert.ok(failure instanceof SetupFailure);
      }
    }),
  );
});

test("property: any octets are an identity or a SetupFailure, and so is every prefix of a good one", () => {
  const good = encodeSetupIdentity({ id: ID, type: "lamp", name: "Kitchen" });
  const parse = (bytes: Uint8Array): void => {
    try {
      parseSetupIdentity(bytes);
    } catch (failure) {
      assert.ok(failure instanceof SetupFailure);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), parse));
  for (let length = 0; length < good.length; length++) {
    assert.throws(() => parseSetupIdentity(good.subarray(0, length)), SetupFailure);
  }
});

test("a code is taken as it is printed or typed", () => {
  assert.equal(normalSetupCode("k7qp-2m4x-9rtd-h3vn"), CODE);
  assert.equal(normalSetupCode(" K7QP 2M4X 9RTD H3VN "), CODE);
  assert.equal(normalSetupCode("K7QP2M4X9RT"), null);
  assert.equal(normalSetupCode("A".repeat(33)), null);
  assert.equal(normalSetupCode("K7QP2M4X9RTDH3VÑ"), null);
  assert.ok(isNoProof(utf8("none")));
  assert.ok(!isNoProof(utf8("None")));
});
