/** docs/vectors/setup.json: first contact, by every provider. */
import { assert, providers, test } from "#kit";
import { fromUtf8, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import {
  claimedId,
  deviceIdHash,
  encodeSetupIdentity,
  parseSetupIdentity,
  setupProof,
  verifySetupProof,
} from "../../../src/policy/admission/setup.ts";
import type { DeviceIdentifier } from "../../../src/policy/admission/setup.ts";
import { normalSetupCode } from "../../../src/policy/registry/record.ts";
import { parseAvps } from "../../../src/proto/eap/avp.ts";
import { checkSelfSigned } from "../../../src/proto/x509/self-signed.ts";
import vectors from "../../../docs/vectors/setup.json" with { type: "json" };

const { code, identity, setupProof: proof, spkiHash, tunnel, certificate } = vectors;

for (const crypto of providers) {
  test(`${crypto.name}: the setup proof of the vectors is of the code and the key`, () => {
    assert.equal(normalSetupCode(code.label), code.normal);
    assert.equal(toHex(crypto.digest("sha256", hex(vectors.spki))), spkiHash);
    assert.equal(setupProof(crypto, code.normal, hex(spkiHash)), proof);
    assert.ok(verifySetupProof(crypto, code.normal, hex(spkiHash), utf8(proof)));
    assert.ok(!verifySetupProof(crypto, code.normal, new Uint8Array(32), utf8(proof)));
  });

  test(`${crypto.name}: the certificate of the vectors is one of first contact, for their key`, () => {
    const peer = checkSelfSigned([hex(certificate)], crypto);
    assert.equal(peer.spkiHash, spkiHash);
    assert.equal(peer.claimedDeviceId?.slice(0, 16), identity.claimed);
  });

  test(`${crypto.name}: a device id of the vectors is one of its identifiers in any order`, () => {
    const { identifiers, hash, claimed } = vectors.deviceId;
    // JSON knows no closed list; a kind that is none would give another hash.
    const told = identifiers as readonly DeviceIdentifier[];
    for (const order of [told, told.toReversed()]) {
      assert.equal(toHex(deviceIdHash(crypto, order)), hash);
    }
    assert.equal(claimedId(hex(hash)), claimed);
  });
}

test("the tunnel of the vectors carries the identity and the proof", () => {
  const [name, password, ...more] = parseAvps(hex(tunnel));
  assert.deepEqual([name?.code, password?.code, more], [1, 2, []]);
  assert.equal(fromUtf8(name!.value), identity.text);
  assert.equal(fromUtf8(password!.value)?.replaceAll("\0", ""), proof);
  assert.equal(password!.value.length % 16, 0);
});

test("the identity of the vectors reads as its claim, and the claim as the identity", () => {
  const { claimed: id, type, name, text, deviceId } = identity;
  assert.deepEqual(parseSetupIdentity(utf8(text)), { id, type, name });
  assert.equal(fromUtf8(encodeSetupIdentity({ id, type, name })), text);
  assert.equal(claimedId(hex(deviceId)), id);
});
