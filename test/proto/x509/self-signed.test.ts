import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { unix } from "../../../src/base/machine.ts";
import { spkiHash } from "../../../src/proto/x509/certificate.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { PathFailure } from "../../../src/proto/x509/path-failure.ts";
import type { PathReason } from "../../../src/proto/x509/path-failure.ts";
import { checkSelfSigned, SelfSignedPeer } from "../../../src/proto/x509/self-signed.ts";
import { CHAIN } from "../../vectors/x509/openssl.ts";
import { commonName, Pki, rawCertificate } from "./pki.ts";

const crypto = providers[0]!;
const pki = new Pki(crypto, "self-signed");
const named = extension.subjectAltName([{ kind: "uri", uri: "urn:homeca:dev:abcdefghijklmnop" }]);
const device = pki.issue(null, {
  name: "lamp",
  extensions: [named],
  notAfter: unix(253402300799),
});

const reason = (...chain: readonly Uint8Array[]): PathReason =>
  assert.throws(() => checkSelfSigned(chain, crypto), PathFailure).reason;

for (const provider of providers) {
  test(`${provider.name}: a device that signed itself shows a key and claims an id`, () => {
    const peer = checkSelfSigned([device.certificate.der], provider);
    assert.equal(peer.spkiHash, spkiHash(device.certificate.spki, provider));
    assert.equal(peer.claimedDeviceId, "abcdefghijklmnop");
    assert.deepEqual(peer.publicKey, device.key.publicKey);
    assert.ok(SelfSignedPeer.is(peer));
    assert.ok(!SelfSignedPeer.is(Object.assign({}, peer)));
  });
}

test("a name is only claimed: none, or two, is no id", () => {
  const bare = pki.issue(null, { name: "bare", extensions: [extension.keyUsage(1)] });
  assert.equal(checkSelfSigned([bare.certificate.der], crypto).claimedDeviceId, null);
});

test("what another key signed, and what another key merely names, is not self-signed", () => {
  const other = pki.issue(device, { name: "other" });
  assert.equal(reason(other.certificate.der), "not-self-signed");
  // Issuer and subject read alike, the signature is a stranger's.
  const twin = pki.issue(device, { name: "lamp" });
  assert.equal(reason(twin.certificate.der), "bad-signature");
  assert.equal(reason(), "no-certificate");
  assert.equal(reason(device.certificate.der, device.certificate.der), "not-self-signed");
});

test("other keys, weak signatures and unknown critical extensions are refused", () => {
  const wide = pki.issue(null, { key: pki.newKey("P-384") });
  assert.equal(reason(wide.certificate.der), "unsupported-key");
  assert.equal(reason(CHAIN.rsaRoot), "unsupported-key");
  const odd = extension.encodeExtension("1.2.3", true, der.nullValue());
  const critical = pki.issue(null, { extensions: [odd] });
  assert.equal(reason(critical.certificate.der), "unknown-critical-extension");
  const sha1 = der.sequence(der.oid(OID.ecdsaSha1));
  const same = { issuer: commonName("a"), subject: commonName("a") };
  const weak = rawCertificate({ ...same, innerAlgorithm: sha1, outerAlgorithm: sha1 });
  assert.equal(reason(weak), "weak-signature");
  const off = der.bitString(new Uint8Array(65).fill(4));
  const spki = der.sequence(der.sequence(der.oid(OID.ecPublicKey), der.oid(OID.p256)), off);
  assert.equal(reason(rawCertificate({ ...same, spki })), "weak-key");
  assert.equal(reason(rawCertificate(same)), "bad-signature");
  assert.equal(reason(new Uint8Array(8193)), "malformed");
});

test("property: any bytes, and any change, are a peer or a PathFailure", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => checkSelfSigned([bytes], crypto), PathFailure);
    }),
  );
  const good = device.certificate.der;
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = good.slice();
      changed[at]! ^= mask;
      assert.throws(() => checkSelfSigned([changed], crypto), PathFailure, `byte ${at}`);
    }),
    { numRuns: 40 },
  );
  assert.equal(reason(hex("")), "malformed");
});
