import { assert, providers, test } from "#kit";
import { toHex } from "../../../src/base/bytes.ts";
import { unix } from "../../../src/base/machine.ts";
import { ACL_OID, parseAcl } from "../../../src/policy/ca/acl.ts";
import { Authority, createRoot, CRL_LIFETIME_SECONDS } from "../../../src/policy/ca/authority.ts";
import { AuthorityFailure, explain } from "../../../src/policy/ca/failure.ts";
import type { AuthorityReason } from "../../../src/policy/ca/failure.ts";
import { PROFILES } from "../../../src/policy/ca/profiles.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { parseCrl, verifyCrl } from "../../../src/proto/x509/crl.ts";
import { basicConstraints, KEY_USAGE, subjectAltName } from "../../../src/proto/x509/extensions.ts";
import { encodeName, nameText } from "../../../src/proto/x509/name.ts";
import { checkOcspResponse, OcspFailure, parseOcspResponse } from "../../../src/proto/x509/ocsp.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import { signRequest } from "../../../src/proto/x509/request.ts";
import { DAY, DEVICE_ID, makeHome, NOW, optionsOf, RELEASED, TIME } from "./home.ts";

const crypto = providers[0]!;
const home = makeHome(crypto);
const grant = { deviceId: DEVICE_ID };

const refused = (body: () => unknown): AuthorityReason =>
  assert.throws(body, AuthorityFailure).reason;

for (const provider of providers) {
  test(`${provider.name}: root, issuing CA and a device make a path that validates`, () => {
    const own = makeHome(provider, "path");
    const device = own.issuing.issueDevice(own.newKey().publicKey, grant, TIME);
    const chain = [device.der, own.issuing.certificate.der];
    const peer = validatePath(chain, optionsOf(own));
    assert.equal(peer.deviceId, DEVICE_ID);
    assert.equal(peer.serial, device.serial);
    assert.equal(peer.spkiHash, device.spkiHash);
    assert.equal(peer.path.length, 3);
  });
}

test("a root is a critical, constrained CA of ten years with a label of its own", () => {
  const { certificate } = home.root;
  const { extensions } = certificate;
  assert.match(nameText(certificate.subject), /^CN=HomeCA [a-z2-7]{8},O=HomeCA$/);
  assert.deepEqual(extensions.basicConstraints, { ca: true, pathLength: 1 });
  assert.equal(extensions.keyUsage, KEY_USAGE.keyCertSign | KEY_USAGE.crlSign);
  assert.equal(extensions.extendedKeyUsage, null);
  assert.equal(extensions.nameConstraints?.permitted.length, 8);
  assert.equal(certificate.notBefore, RELEASED);
  assert.equal(certificate.notAfter, NOW + 3652 * DAY);
  const critical = extensions.all.filter((one) => one.critical).map((one) => one.oid);
  assert.deepEqual(critical, [OID.basicConstraints, OID.nameConstraints, OID.keyUsage]);
  const other = makeHome(crypto, "another home").root.certificate;
  assert.notEqual(nameText(other.subject), nameText(certificate.subject));
});

test("an issuing CA has path length 0, the root's constraints and two years", () => {
  const { certificate } = home.issuing;
  assert.deepEqual(certificate.extensions.basicConstraints, { ca: true, pathLength: 0 });
  assert.deepEqual(
    certificate.extensions.nameConstraints,
    home.root.certificate.extensions.nameConstraints,
  );
  assert.equal(certificate.notAfter, NOW + 730 * DAY);
  const { keyCertSign, crlSign, digitalSignature } = KEY_USAGE;
  assert.equal(certificate.extensions.keyUsage, keyCertSign | crlSign | digitalSignature);
  const key = home.newKey().publicKey;
  assert.equal(
    refused(() => home.issuing.issueIssuing(key, RELEASED, TIME)),
    "not-an-authority",
  );
});

test("a device's certificate: 30 days, clientAuth alone, its id as URI, no CA, no rights", () => {
  const issued = home.issuing.issueDevice(home.newKey().publicKey, grant, TIME);
  const { extensions, notBefore, notAfter, subject } = parseCertificate(issued.der);
  assert.deepEqual(extensions.extendedKeyUsage, [OID.clientAuth]);
  assert.equal(extensions.keyUsage, KEY_USAGE.digitalSignature);
  assert.deepEqual(extensions.subjectAltName, [
    { kind: "uri", uri: `urn:homeca:dev:${DEVICE_ID}` },
  ]);
  assert.equal(extensions.basicConstraints, null);
  assert.equal(extensions.subjectKeyId, null);
  assert.deepEqual(extensions.authorityKeyId, home.issuing.certificate.extensions.subjectKeyId);
  assert.equal(nameText(subject), `CN=${DEVICE_ID}`);
  assert.deepEqual([notBefore, notAfter], [NOW - DAY, NOW + 30 * DAY]);
  assert.equal(extensions.noRevAvail, false);
  assert.ok(!extensions.all.some((one) => one.oid === ACL_OID));
  assert.deepEqual(
    { ...issued, der: null },
    {
      der: null,
      serial: issued.serial,
      deviceId: DEVICE_ID,
      profile: "device",
      notBefore,
      notAfter,
      spkiHash: issued.spkiHash,
      reissueAfterTimeSync: false,
    },
  );
});

test("a device that serves others gets serverAuth for one name in the devices' domain, never the server's", () => {
  const key = home.newKey().publicKey;
  const hostName = "q2wx.dev.home.arpa";
  const { der, profile } = home.issuing.issueDevice(key, { ...grant, hostName }, TIME);
  const { extensions } = parseCertificate(der);
  assert.equal(profile, "device-server");
  assert.deepEqual(extensions.extendedKeyUsage, [OID.clientAuth, OID.serverAuth]);
  assert.deepEqual(extensions.subjectAltName?.[1], { kind: "dns", name: hostName });
  for (const name of [
    "homeca.home.arpa",
    "a.b.dev.home.arpa",
    "dev.home.arpa",
    "*.dev.home.arpa",
  ]) {
    const asked = { ...grant, hostName: name };
    assert.equal(
      refused(() => home.issuing.issueDevice(key, asked, TIME)),
      "name-not-permitted",
    );
  }
});

test("the EAP server's certificate is for serverAuth, one home name and less than 398 days", () => {
  const key = home.newKey().publicKey;
  const { der } = home.issuing.issueServer(key, "homeca.home.arpa", TIME);
  const { extensions, notBefore, notAfter } = parseCertificate(der);
  assert.deepEqual(extensions.extendedKeyUsage, [OID.serverAuth]);
  assert.deepEqual(extensions.subjectAltName, [{ kind: "dns", name: "homeca.home.arpa" }]);
  assert.ok(notAfter - notBefore < 398 * DAY);
  const options = optionsOf(home, { purpose: "serverAuth" });
  validatePath([der, home.issuing.certificate.der], options);
  for (const name of [
    "example.com",
    "x.dev.home.arpa",
    "home.arpa.example",
    "-a.local",
    "A.local",
  ]) {
    assert.equal(
      refused(() => home.issuing.issueServer(key, name, TIME)),
      "name-not-permitted",
      name,
    );
  }
});

test("no profile lasts longer than phones take from a server", () => {
  for (const [name, { purposes, maxSeconds, defaultSeconds }] of Object.entries(PROFILES)) {
    assert.ok(defaultSeconds <= maxSeconds, name);
    if (purposes.includes(OID.serverAuth)) assert.ok(maxSeconds + DAY < 398 * DAY, name);
  }
});

test("a request gives its key and nothing else it asks for", () => {
  const key = home.newKey();
  const wishes = [
    basicConstraints({ ca: true, pathLength: null }),
    subjectAltName([{ kind: "dns", name: "homeca.home.arpa" }]),
  ];
  const subject = encodeName([{ type: OID.commonName, value: "root" }]);
  const request = signRequest(subject, wishes, key, null);
  const { der } = home.issuing.issueDeviceByRequest(request, grant, TIME);
  const made = parseCertificate(der);
  assert.deepEqual(made.publicKey, key.publicKey);
  assert.equal(nameText(made.subject), `CN=${DEVICE_ID}`);
  assert.equal(made.extensions.basicConstraints, null);
  assert.equal(made.extensions.subjectAltName?.length, 1);

  const damaged = request.slice();
  damaged[damaged.length - 1]! ^= 1;
  assert.equal(
    refused(() => home.issuing.issueDeviceByRequest(damaged, grant, TIME)),
    "bad-request",
  );
  const wide = crypto.signingKey("P-384", crypto.generateScalar("P-384", home.random));
  const onP384 = signRequest(subject, [], wide, null);
  assert.equal(
    refused(() => home.issuing.issueDeviceByRequest(onP384, grant, TIME)),
    "unsupported-key",
  );
});

test("a key made here goes with the certificate made for it", () => {
  const { issued, key } = home.issuing.issueDeviceWithKey(grant, TIME);
  const { publicKey } = crypto.signingKey(key.curve, key.scalar);
  assert.deepEqual(parseCertificate(issued.der).publicKey, publicKey);
});

test("the ACL extension is not critical and survives its encoding (default deny without it)", () => {
  const acl = [
    { target: { kind: "any" }, aif: Uint8Array.of(0x81, 0x82, 0x61, 0x2f, 0x01) },
    { target: { kind: "group", name: "lamps" }, aif: Uint8Array.of(0x80) },
    { target: { kind: "device", id: Uint8Array.of(1, 2, 3) }, aif: Uint8Array.of(0x80) },
  ] as const;
  const key = home.newKey().publicKey;
  const { der } = home.issuing.issueDevice(key, { ...grant, acl }, TIME);
  const found = parseCertificate(der).extensions.all.find((one) => one.oid === ACL_OID)!;
  assert.equal(found.critical, false);
  assert.deepEqual(parseAcl(found.value), acl);
  const many = Array.from({ length: 65 }, () => acl[0]);
  assert.equal(
    refused(() => home.issuing.issueDevice(key, { ...grant, acl: many }, TIME)),
    "bad-acl",
  );
  // 64 rules fit, so it is their number that was refused.
  home.issuing.issueDevice(key, { ...grant, acl: many.slice(1) }, TIME);
});

test("a certificate under three days says that no revocation is to be had (RFC 9608)", () => {
  const key = home.newKey().publicKey;
  const short = home.issuing.issueDevice(key, { ...grant, seconds: 2 * DAY }, TIME);
  assert.equal(parseCertificate(short.der).extensions.noRevAvail, true);
  const long = home.issuing.issueDevice(key, { ...grant, seconds: 3 * DAY }, TIME);
  assert.equal(parseCertificate(long.der).extensions.noRevAvail, false);
});

test("ids, names, keys and lifetimes out of bounds are refused", () => {
  const key = home.newKey().publicKey;
  const issue = (changes: object): AuthorityReason =>
    refused(() => home.issuing.issueDevice(key, { ...grant, ...changes }, TIME));
  for (const deviceId of ["", "ABCDEFGHIJKLMNOP", "a".repeat(15), "a".repeat(53), "lamp/../../x"]) {
    assert.equal(issue({ deviceId }), "bad-device-id", deviceId);
  }
  for (const commonName of ["", "x".repeat(65), "a\nb", "a\u202eb", "a\u0000"]) {
    assert.equal(issue({ commonName }), "bad-common-name", commonName);
  }
  for (const seconds of [0, 3599, 1.5, 398 * DAY, Number.NaN, Infinity]) {
    assert.equal(issue({ seconds }), "bad-lifetime", String(seconds));
  }
  const offCurve = { ...key, point: key.point.map((byte, at) => (at === 64 ? byte ^ 1 : byte)) };
  assert.equal(
    refused(() => home.issuing.issueDevice(offCurve, grant, TIME)),
    "unsupported-key",
  );
  const { der } = home.issuing.issueDevice(key, { ...grant, commonName: "Annas Lämpchen" }, TIME);
  assert.equal(nameText(parseCertificate(der).subject), "CN=Annas Lämpchen");
});

test("without a clock nothing is issued, unless provisionally on the newest time stored", () => {
  const key = home.newKey().publicKey;
  const floor = unix(NOW - 100 * DAY);
  const at = (time: object): (() => unknown) => {
    const whole = { clock: NOW, floor, ...time };
    return () => home.issuing.issueDevice(key, grant, whole);
  };
  assert.equal(refused(at({ clock: "unknown" })), "time-unknown");
  assert.equal(refused(at({ clock: unix(floor - 1) })), "clock-behind-floor");
  assert.equal(
    refused(() => home.issuing.issueCrl([], 0, { clock: "unknown", floor })),
    "time-unknown",
  );
  for (const clock of ["unknown", unix(0)] as const) {
    const time = { clock, floor, provisional: true };
    const issued = home.issuing.issueDevice(key, grant, time);
    assert.equal(issued.reissueAfterTimeSync, true);
    assert.equal(issued.notBefore, floor - DAY);
    assert.equal(issued.notAfter, floor + 30 * DAY);
  }
  const known = home.issuing.issueDevice(key, grant, { clock: NOW, floor, provisional: true });
  assert.equal(known.reissueAfterTimeSync, false);
});

test("nothing outlives its issuer, and an issuer that ended issues nothing", () => {
  const key = home.newKey().publicKey;
  const end = home.issuing.certificate.notAfter;
  const near = { clock: unix(end - DAY), floor: RELEASED };
  assert.equal(home.issuing.issueDevice(key, grant, near).notAfter, end);
  const past = { clock: end, floor: RELEASED };
  assert.equal(
    refused(() => home.issuing.issueDevice(key, grant, past)),
    "authority-expired",
  );
});

test("serial numbers are 16 octets, positive, and differ", () => {
  const seen = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const { serial } = home.issuing.issueDevice(home.rootKey.publicKey, grant, TIME);
    assert.match(serial, /^[4-7][0-9a-f]{31}$/);
    seen.add(serial);
  }
  assert.equal(seen.size, 20);
  for (const octet of [0, 0xff]) {
    const tools = { crypto, random: (length: number) => new Uint8Array(length).fill(octet) };
    const { serial } = createRoot(home.rootKey, RELEASED, TIME, tools);
    assert.match(serial, /^(40|7f)/);
  }
});

test("renewal keeps subject and names, and changes serial number, dates, key and rights", () => {
  const hostName = "q2wx.dev.home.arpa";
  const before = { ...grant, commonName: "Lamp", hostName };
  const first = home.issuing.issueDevice(home.newKey().publicKey, before, TIME);
  const later = { clock: unix(NOW + 20 * DAY), floor: NOW };
  const key = home.newKey();
  const acl = [{ target: { kind: "any" }, aif: Uint8Array.of(0x80) }] as const;
  const next = home.issuing.renewDevice(first.der, { publicKey: key.publicKey }, { acl }, later);
  const was = parseCertificate(first.der);
  const is = parseCertificate(next.der);
  assert.deepEqual(is.subject.der, was.subject.der);
  assert.deepEqual(is.extensions.subjectAltName, was.extensions.subjectAltName);
  assert.equal(next.profile, "device-server");
  assert.notEqual(next.serial, first.serial);
  assert.equal(next.notAfter, later.clock + 30 * DAY);
  assert.deepEqual(is.publicKey, key.publicKey);
  assert.ok(is.extensions.all.some((one) => one.oid === ACL_OID));
  const request = signRequest(was.subject.der, [], key, null);
  assert.equal(home.issuing.renewDevice(first.der, { request }, {}, later).spkiHash, next.spkiHash);
});

test("only a device's certificate that this key signed and that has not ended is renewed", () => {
  const { publicKey } = home.newKey();
  const renew = (previous: Uint8Array, clock = NOW): AuthorityReason =>
    refused(() =>
      home.issuing.renewDevice(previous, { publicKey }, {}, { clock, floor: RELEASED }),
    );
  const own = home.issuing.issueDevice(publicKey, grant, TIME).der;
  assert.equal(renew(own, unix(NOW + 31 * DAY)), "not-ours");
  const other = makeHome(crypto, "elsewhere");
  assert.equal(renew(other.issuing.issueDevice(publicKey, grant, TIME).der), "not-ours");
  assert.equal(renew(home.issuing.issueServer(publicKey, "a.local", TIME).der), "not-ours");
  assert.equal(renew(home.root.certificate.der), "not-ours");
  assert.equal(renew(own.subarray(1)), "not-ours");
  const forged = own.slice();
  forged[forged.length - 1]! ^= 1;
  assert.equal(renew(forged), "not-ours");
});

test("an authority needs a CA certificate and the key in it", () => {
  const tools = { crypto, random: home.random };
  const leafKey = home.newKey();
  const leaf = home.issuing.issueDevice(leafKey.publicKey, grant, TIME).der;
  assert.equal(
    refused(() => new Authority(leaf, leafKey, tools)),
    "not-an-authority",
  );
  const { der } = home.root.certificate;
  assert.equal(
    refused(() => new Authority(der, leafKey, tools)),
    "key-mismatch",
  );
});

test("a list names what is revoked and not long ended, and its number only rises", () => {
  const revokedAt = unix(NOW - DAY);
  const entry = (serial: string, reason: "keyCompromise" | "unspecified", notAfter: number) =>
    ({ serial, reason, revokedAt, notAfter: unix(notAfter) }) as const;
  const revoked = [
    entry("41aa", "keyCompromise", NOW + DAY),
    entry("42", "unspecified", NOW - CRL_LIFETIME_SECONDS),
    entry("43", "unspecified", NOW - CRL_LIFETIME_SECONDS - 1),
    entry("41aa", "unspecified", NOW + DAY),
  ];
  const issued = home.issuing.issueCrl(revoked, 0, TIME);
  const crl = parseCrl(issued.der);
  verifyCrl(crl, home.issuing.certificate, crypto);
  assert.deepEqual([...crl.entries.keys()], ["41aa", "42"]);
  assert.deepEqual(crl.entries.get("41aa"), { revokedAt, reason: "keyCompromise" });
  assert.equal(crl.number, NOW);
  assert.equal(crl.nextUpdate, NOW + 7 * DAY);
  assert.equal(home.issuing.issueCrl(revoked, NOW + 5, TIME).number, NOW + 6);
  assert.equal(parseCrl(home.issuing.issueCrl([], 0, TIME).der).entries.size, 0);
  for (const serial of ["", "4", "00aa", "80", "zz", "41".repeat(21)]) {
    const bad = [entry(serial, "unspecified", NOW)];
    assert.equal(
      refused(() => home.issuing.issueCrl(bad, 0, TIME)),
      "bad-serial",
      serial,
    );
  }
});

test("a full list is issued and read, one entry more is refused", () => {
  const revoked = Array.from({ length: 4097 }, (_, at) => ({
    serial: toHex(Uint8Array.of(0x41, at >> 8, at & 0xff)),
    revokedAt: NOW,
    reason: "unspecified" as const,
    notAfter: NOW,
  }));
  const { der } = home.issuing.issueCrl(revoked.slice(1), 0, TIME);
  assert.equal(parseCrl(der).entries.size, 4096);
  assert.equal(
    refused(() => home.issuing.issueCrl(revoked, 0, TIME)),
    "too-many-revocations",
  );
});

test("every refusal is explained in one sentence with what to do", () => {
  for (const reason of ["time-unknown", "not-ours", "bad-acl"] as const) {
    assert.match(explain(reason), /^[A-Z].*[;,] .*\.$/);
  }
});

test("the authority vouches for a certificate: three days from now, and from a day ago for clocks that are behind", () => {
  const issued = home.issuing.issueServer(home.newKey().publicKey, "homeca.home.arpa", TIME);
  const certificate = parseCertificate(issued.der);
  const response = parseOcspResponse(home.issuing.vouchFor(certificate.serial, TIME));
  assert.equal(response.thisUpdate, NOW - DAY);
  assert.equal(response.nextUpdate, NOW + 3 * DAY);
  const check = { certificate, issuer: home.issuing.certificate, crypto, now: NOW };
  assert.equal(checkOcspResponse(response, check).kind, "good");
  const other = makeHome(crypto, "another home").issuing.certificate;
  assert.throws(() => checkOcspResponse(response, { ...check, issuer: other }), OcspFailure);
  assert.equal(
    refused(() => home.issuing.vouchFor(certificate.serial, { clock: "unknown", floor: NOW })),
    "time-unknown",
  );
});
