import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import * as der from "../../../src/base/der-write.ts";
import { unix } from "../../../src/base/machine.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { parseCrl, signCrl, verifyCrl } from "../../../src/proto/x509/crl.ts";
import type { VerifiedCrl } from "../../../src/proto/x509/crl.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { encodeName } from "../../../src/proto/x509/name.ts";
import type { GeneralName } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { alertFor, PathFailure } from "../../../src/proto/x509/path-failure.ts";
import type { PathReason } from "../../../src/proto/x509/path-failure.ts";
import { KnownSignatures, validatePath, VerifiedPeer } from "../../../src/proto/x509/path.ts";
import type { PathOptions } from "../../../src/proto/x509/path.ts";
import { CHAIN } from "../../vectors/x509/openssl.ts";
import { clientExtensions, commonName, DAY, NOW, Pki, rawCertificate } from "./pki.ts";
import type { Entity } from "./pki.ts";

/** Counts verifications, to see what a handshake costs. */
class Counting {
  verifications = 0;
  readonly crypto: Crypto;

  constructor(inner: Crypto) {
    this.crypto = {
      ...inner,
      verify: (scheme, key, message, signature) => {
        this.verifications++;
        return inner.verify(scheme, key, message, signature);
      },
    };
  }
}

const counting = new Counting(providers[0]!);
const { crypto } = counting;
const pki = new Pki(crypto, "path");
const root = pki.ca(null, "root");
const issuing = pki.ca(root, "issuing", { pathLength: 0 });
const client = pki.issue(issuing);

function options(changes: Partial<PathOptions> = {}): PathOptions {
  const anchors = [root.certificate];
  return { crypto, anchors, at: NOW, purpose: "clientAuth", isRevoked: () => null, ...changes };
}
const bytesOf = (chain: readonly Entity[]): readonly Uint8Array[] =>
  chain.map(({ certificate }) => certificate.der);
const accept = (chain: readonly Entity[], changes: Partial<PathOptions> = {}): VerifiedPeer =>
  validatePath(bytesOf(chain), options(changes));
const refuse = (chain: readonly Entity[], changes: Partial<PathOptions> = {}): PathReason =>
  assert.throws(() => accept(chain, changes), PathFailure).reason;

test("a chain in any order, with or without the root, makes the same path", () => {
  for (const chain of [
    [client, issuing],
    [client, issuing, root],
    [client, root, issuing],
    [client, issuing, issuing],
  ]) {
    const { path, leaf } = accept(chain);
    assert.deepEqual(
      path.map(({ der }) => der),
      bytesOf([client, issuing, root]),
    );
    assert.equal(leaf, path[0]);
  }
  assert.equal(accept([client], { intermediates: [issuing.certificate] }).path.length, 3);
  assert.equal(accept([client], { anchors: [issuing.certificate] }).path.length, 2);
});

test("no certificate, junk and strangers' chains are refused", () => {
  const reason = (chain: readonly Uint8Array[]): PathReason =>
    assert.throws(() => validatePath(chain, options()), PathFailure).reason;
  assert.equal(reason([]), "no-certificate");
  assert.equal(reason([hex("00")]), "malformed");
  assert.equal(reason([client.certificate.der, hex("3000")]), "malformed");
  assert.equal(reason([new Uint8Array(8193)]), "malformed");
  const edwards = der.sequence(
    der.sequence(der.oid("1.3.101.112")),
    der.bitString(new Uint8Array(32)),
  );
  assert.equal(reason([rawCertificate({ spki: edwards })]), "unsupported-key");
  const other = pki.ca(null, "other root");
  assert.equal(refuse([pki.issue(other), other]), "unknown-authority");
  assert.equal(refuse([client]), "unknown-authority");
  assert.equal(refuse([pki.issue(null)]), "unknown-authority");
  assert.equal(refuse([client, issuing], { anchors: [] }), "unknown-authority");
});

test("another home's root of the same name is not ours", () => {
  const twin = pki.ca(null, "root");
  assert.equal(refuse([pki.issue(twin)]), "bad-signature");
  const marked = clientExtensions(
    extension.authorityKeyId(twin.certificate.extensions.subjectKeyId!),
  );
  // With a key identifier it is plain that our root is not meant.
  assert.equal(refuse([pki.issue(twin, { extensions: marked })]), "unknown-authority");
  // And with both trusted, the right one is found whatever the order.
  const anchors = [root.certificate, twin.certificate];
  assert.equal(accept([pki.issue(twin)], { anchors }).path[1], twin.certificate);
});

test("a changed certificate is refused", () => {
  const changed = client.certificate.der.slice();
  changed[changed.length - 1]! ^= 1;
  const chain = [changed, issuing.certificate.der];
  assert.equal(
    assert.throws(() => validatePath(chain, options()), PathFailure).reason,
    "bad-signature",
  );
});

test("validity holds from the first second to the last, for every certificate of the path", () => {
  const { notBefore, notAfter } = client.certificate;
  accept([client, issuing], { at: notBefore });
  accept([client, issuing], { at: notAfter });
  assert.equal(refuse([client, issuing], { at: unix(notBefore - 1) }), "not-yet-valid");
  assert.equal(refuse([client, issuing], { at: unix(notAfter + 1) }), "expired");
  const ended = pki.ca(root, "ended", { notAfter: unix(NOW - 1) });
  assert.equal(refuse([pki.issue(ended), ended]), "expired");
  const endedRoot = pki.ca(null, "ended root", { notAfter: unix(NOW - 1) });
  const anchors = [endedRoot.certificate];
  assert.equal(refuse([pki.issue(endedRoot)], { anchors }), "expired");
});

test("a time that nobody knows is not valid, unless the caller said it may be", () => {
  assert.equal(refuse([client, issuing], { at: "unknown" }), "time-unknown");
  accept([client, issuing], { at: "unknown", allowUnknownTime: true });
});

test("a client needs clientAuth; a server may lack a purpose but not have another", () => {
  const usage = extension.keyUsage(extension.KEY_USAGE.digitalSignature);
  const purpose = (...oids: readonly string[]): Entity =>
    pki.issue(root, { extensions: [usage, extension.extendedKeyUsage(oids)] });
  const none = pki.issue(root, { extensions: [usage] });
  const server = { purpose: "serverAuth" } as const;
  assert.equal(refuse([none]), "wrong-purpose");
  assert.equal(refuse([purpose(OID.serverAuth)]), "wrong-purpose");
  assert.equal(refuse([purpose(OID.anyExtendedKeyUsage)]), "wrong-purpose");
  assert.equal(refuse([purpose(OID.clientAuth)], server), "wrong-purpose");
  accept([purpose(OID.serverAuth, OID.clientAuth)]);
  accept([none], server);
  accept([purpose(OID.serverAuth)], server);
});

test("a key that may not sign handshakes is refused, one of unsaid usage is not", () => {
  const purpose = extension.extendedKeyUsage([OID.clientAuth]);
  const agreement = pki.issue(root, { extensions: [extension.keyUsage(0x10), purpose] });
  assert.equal(refuse([agreement]), "wrong-purpose");
  accept([pki.issue(root, { extensions: [purpose] })]);
});

test("only a CA issues: no leaf, no certificate without keyCertSign", () => {
  assert.equal(refuse([pki.issue(client), client, issuing]), "not-a-ca");
  const flags = extension.basicConstraints({ ca: true, pathLength: null });
  const crlOnly = pki.issue(root, {
    name: "crl signer",
    extensions: [flags, extension.keyUsage(extension.KEY_USAGE.crlSign)],
  });
  assert.equal(refuse([pki.issue(crlOnly), crlOnly]), "not-a-ca");
  const plain = pki.issue(null, { name: "plain root" });
  assert.equal(refuse([pki.issue(plain)], { anchors: [plain.certificate] }), "not-a-ca");
});

test("a CA made for one purpose does not vouch for another", () => {
  const only = (purpose: string): Entity =>
    pki.ca(root, "one purpose", { extensions: [extension.extendedKeyUsage([purpose])] });
  const chainOf = (ca: Entity): readonly Entity[] => [pki.issue(ca), ca];
  assert.equal(refuse(chainOf(only(OID.serverAuth))), "wrong-purpose");
  accept(chainOf(only(OID.clientAuth)));
  accept(chainOf(only(OID.anyExtendedKeyUsage)));
});

test("a CA does not join as a device, even with clientAuth", () => {
  const purpose = extension.extendedKeyUsage([OID.clientAuth]);
  const usage = extension.keyUsage(
    extension.KEY_USAGE.digitalSignature | extension.KEY_USAGE.keyCertSign,
  );
  const flags = extension.basicConstraints({ ca: true, pathLength: null });
  const ca = pki.issue(root, { extensions: [flags, usage, purpose] });
  assert.equal(refuse([ca]), "ca-as-end-entity");
});

test("a path length is kept, and a self-issued CA does not count", () => {
  const below = pki.ca(issuing, "below");
  assert.equal(refuse([pki.issue(below), below, issuing]), "path-too-long");
  const rolled = pki.ca(issuing, "issuing");
  accept([pki.issue(rolled), rolled, issuing]);
  const short = pki.ca(null, "short", { pathLength: 0 });
  const middle = pki.ca(short, "middle");
  const anchors = [short.certificate];
  assert.equal(refuse([pki.issue(middle), middle], { anchors }), "path-too-long");
});

test("four certificates below the anchor are a path, five are not looked at", () => {
  const cas = [root];
  for (const name of ["one", "two", "three", "four"]) cas.push(pki.ca(cas[cas.length - 1]!, name));
  const deep = (depth: number): readonly Entity[] => [
    pki.issue(cas[depth]!),
    ...cas.slice(1, depth + 1).toReversed(),
  ];
  assert.equal(accept(deep(3)).path.length, 5);
  assert.equal(refuse(deep(4)), "chain-too-long");
  // Known CAs do not lengthen it either.
  const intermediates = cas.slice(1).map(({ certificate }) => certificate);
  assert.equal(refuse([deep(4)[0]!], { intermediates }), "unknown-authority");
});

test("two CAs that signed each other are no path, and end", () => {
  const a = pki.ca(null, "loop a");
  const b = pki.ca(null, "loop b");
  const aByB = pki.ca(b, "loop a", { key: a.key });
  const bByA = pki.ca(a, "loop b", { key: b.key });
  counting.verifications = 0;
  assert.equal(refuse([pki.issue(a), aByB, bByA]), "unknown-authority");
  assert.equal(counting.verifications, 2);
});

test("a chain made to cost signatures is cut off", () => {
  const key = pki.newKey();
  const twins = Array.from({ length: 12 }, () => pki.ca(null, "same name").certificate);
  const victim = pki.issue({ key, certificate: twins[0]! });
  counting.verifications = 0;
  assert.equal(refuse([victim], { intermediates: twins }), "too-many-candidates");
  assert.equal(counting.verifications, 8);
});

test("a critical extension nobody acts on is refused anywhere in the path", () => {
  const odd = extension.encodeExtension("1.2.3.4", true, der.nullValue());
  const policies = extension.encodeExtension(OID.certificatePolicies, true, der.sequence());
  for (const one of [odd, policies]) {
    const leaf = pki.issue(root, { extensions: clientExtensions(one) });
    assert.equal(refuse([leaf]), "unknown-critical-extension");
    const ca = pki.ca(root, "odd", { extensions: [one] });
    assert.equal(refuse([pki.issue(ca), ca]), "unknown-critical-extension");
  }
});

const HOME = extension.nameConstraints({
  permitted: [
    { kind: "dns", name: "home.arpa" },
    { kind: "ip", address: hex("c0a80000 ffff0000") },
  ],
  excluded: [{ kind: "dns", name: "bad.home.arpa" }],
});

test("RFC 5280 §4.2.1.10: names of a constrained kind lie inside, others are free", () => {
  const constrained = pki.ca(root, "constrained", { extensions: [HOME] });
  const named = (...names: readonly GeneralName[]): readonly Entity[] => [
    pki.issue(constrained, { extensions: clientExtensions(extension.subjectAltName(names)) }),
    constrained,
  ];
  const host = (name: string): readonly Entity[] => named({ kind: "dns", name });
  const ip = (address: string): readonly Entity[] => named({ kind: "ip", address: hex(address) });
  for (const name of ["home.arpa", "lamp.home.arpa", "a.b.HOME.ARPA", "verybad.home.arpa"]) {
    accept(host(name));
  }
  for (const name of [
    "arpa",
    "xhome.arpa",
    "home.arpa.",
    "example.com",
    "bad.home.arpa",
    "x.BAD.home.arpa",
  ]) {
    assert.equal(refuse(host(name)), "name-not-permitted", name);
  }
  accept(ip("c0a80101"));
  assert.equal(refuse(ip("c0a90101")), "name-not-permitted");
  assert.equal(refuse(ip("fe800000000000000000000000000001")), "name-not-permitted");
  accept(named({ kind: "uri", uri: "urn:homeca:dev:abcdefghijklmnop" }));
  const mixed = named(
    { kind: "dns", name: "lamp.home.arpa" },
    { kind: "dns", name: "evil.example" },
  );
  assert.equal(refuse(mixed), "name-not-permitted");
});

test("constraints bind every CA below and those of the anchor count (RFC 5937)", () => {
  const anchor = pki.ca(null, "constrained root", { extensions: [HOME] });
  const outside = extension.subjectAltName([{ kind: "dns", name: "ca.example" }]);
  const ca = pki.ca(anchor, "outside", { extensions: [outside] });
  const anchors = [anchor.certificate];
  assert.equal(refuse([pki.issue(ca), ca], { anchors }), "name-not-permitted");
  const evil = extension.subjectAltName([{ kind: "dns", name: "evil.example" }]);
  const direct = pki.issue(anchor, { extensions: clientExtensions(evil) });
  assert.equal(refuse([direct], { anchors }), "name-not-permitted");
  // A leaf that repeats its issuer's name is bound all the same (§6.1.3 (b)).
  const sly = pki.issue(anchor, { name: "constrained root", extensions: clientExtensions(evil) });
  assert.equal(refuse([sly], { anchors }), "name-not-permitted");
});

test("a constraint we cannot weigh refuses the names it would bind", () => {
  const mail = extension.nameConstraints({
    permitted: [{ kind: "email", address: "home.arpa" }],
    excluded: [],
  });
  const ca = pki.ca(root, "mail", { extensions: [mail] });
  accept([pki.issue(ca), ca]);
  const named = extension.subjectAltName([{ kind: "email", address: "a@home.arpa" }]);
  const leaf = pki.issue(ca, { extensions: clientExtensions(named) });
  assert.equal(refuse([leaf, ca]), "unsupported-constraint");
  const directory = extension.nameConstraints({
    permitted: [{ kind: "directory", name: { der: encodeName([]), attributes: [] } }],
    excluded: [],
  });
  const other = pki.ca(root, "directory", { extensions: [directory] });
  assert.equal(refuse([pki.issue(other), other]), "unsupported-constraint");
});

test("a dot before a constraint asks for a label, an empty one excludes all", () => {
  const under = (permitted: readonly string[], excluded: readonly string[], name: string) => {
    const dns = (names: readonly string[]): GeneralName[] =>
      names.map((one) => ({ kind: "dns", name: one }));
    const ca = pki.ca(root, "dots", {
      extensions: [
        extension.nameConstraints({ permitted: dns(permitted), excluded: dns(excluded) }),
      ],
    });
    const san = extension.subjectAltName([{ kind: "dns", name }]);
    return [pki.issue(ca, { extensions: clientExtensions(san) }), ca];
  };
  accept(under([".home.arpa"], [], "a.home.arpa"));
  assert.equal(refuse(under([".home.arpa"], [], "home.arpa")), "name-not-permitted");
  assert.equal(refuse(under([], [""], "home.arpa")), "name-not-permitted");
});

test("weak and unknown signatures and weak keys are refused before any mathematics", () => {
  counting.verifications = 0;
  const leaf = (algorithm: Uint8Array, changes = {}): Uint8Array =>
    rawCertificate({
      issuer: commonName("root"),
      innerAlgorithm: algorithm,
      outerAlgorithm: algorithm,
      ...changes,
    });
  const reason = (encoded: Uint8Array): PathReason =>
    assert.throws(() => validatePath([encoded], options()), PathFailure).reason;
  const rsa = (oid: string): Uint8Array => der.sequence(der.oid(oid), der.nullValue());
  assert.equal(reason(leaf(der.sequence(der.oid(OID.ecdsaSha1)))), "weak-signature");
  assert.equal(reason(leaf(rsa(OID.rsaSha1))), "weak-signature");
  assert.equal(reason(leaf(rsa(OID.rsaMd5))), "weak-signature");
  assert.equal(reason(leaf(der.sequence(der.oid("1.3.101.112")))), "unsupported-signature");
  const point = new Uint8Array(65).fill(1);
  point[0] = 4;
  const spki = der.sequence(
    der.sequence(der.oid(OID.ecPublicKey), der.oid(OID.p256)),
    der.bitString(point),
  );
  assert.equal(reason(leaf(der.sequence(der.oid(OID.ecdsaSha256)), { spki })), "weak-key");
  const numbers = der.sequence(der.integer(new Uint8Array(128).fill(0xff)), der.integer(65537));
  const short = der.sequence(rsa(OID.rsaEncryption), der.bitString(numbers));
  const algorithm = der.sequence(der.oid(OID.ecdsaSha256));
  assert.equal(reason(leaf(algorithm, { spki: short })), "weak-key");
  assert.equal(counting.verifications, 0);
});

for (const provider of providers) {
  test(`${provider.name}: openssl's RSA root and the PSS signature below it hold`, () => {
    const anchors = [parseCertificate(CHAIN.rsaRoot)];
    const changes = { crypto: provider, anchors, at: unix(NOW + DAY) };
    const peer = validatePath([CHAIN.p384Leaf], options(changes));
    assert.equal(peer.deviceId, "abcdefghijklmnop");
    const crls = [verifyCrl(parseCrl(CHAIN.crl), anchors[0]!, provider)];
    const failure = assert.throws(
      () => validatePath([CHAIN.p384Leaf], options({ ...changes, crls })),
      PathFailure,
    );
    assert.equal(failure.reason, "revoked");
  });
}

test("the record of the revoked is asked about the whole path, by issuer and serial number", () => {
  const asked: string[] = [];
  accept([client, issuing], {
    isRevoked: (issuer, serial) => {
      asked.push(serial);
      assert.ok([issuing, root].some((ca) => ca.certificate.subject.der.length === issuer.length));
      return null;
    },
  });
  assert.deepEqual(asked, [client.certificate.serial, issuing.certificate.serial]);
  for (const { certificate } of [client, issuing]) {
    const isRevoked: PathOptions["isRevoked"] = (_, serial) =>
      serial === certificate.serial ? "superseded" : null;
    assert.equal(refuse([client, issuing], { isRevoked }), "revoked");
  }
});

function listBy(ca: Entity, serials: readonly string[], key: SigningKey = ca.key): VerifiedCrl {
  const entries = serials.map((serial) => ({
    serial: hex(serial),
    revokedAt: NOW,
    reason: "keyCompromise" as const,
  }));
  const fields = {
    issuer: ca.certificate.subject.der,
    authorityKeyId: ca.certificate.extensions.subjectKeyId!,
    number: 7,
    thisUpdate: unix(NOW - DAY),
    nextUpdate: NOW,
    entries,
  };
  return verifyCrl(parseCrl(signCrl(fields, key, null)), ca.certificate, crypto);
}

test("a list refuses what it names, and an old one still does", () => {
  const { serial } = client.certificate;
  const crls = [listBy(issuing, [serial])];
  assert.equal(refuse([client, issuing], { crls }), "revoked");
  assert.equal(refuse([client, issuing], { crls, at: unix(NOW + 1) }), "revoked");
  // Another CA's list says nothing about this serial number.
  accept([client, issuing], { crls: [listBy(root, [serial])] });
  // Nor does that of a CA with the same name and another key.
  accept([client, issuing], { crls: [listBy(pki.ca(null, "issuing"), [serial])] });
});

test("where lists are required, each issuer's must be current, but for noRevAvail", () => {
  const crls = [listBy(root, []), listBy(issuing, [])];
  const requireCrl = true;
  accept([client, issuing], { crls, requireCrl });
  assert.equal(refuse([client, issuing], { requireCrl }), "revocation-unknown");
  const [first] = crls;
  assert.equal(refuse([client, issuing], { crls: [first!], requireCrl }), "revocation-unknown");
  const late = { crls, requireCrl, at: unix(NOW + 1) };
  assert.equal(refuse([client, issuing], late), "revocation-unknown");
  const brief = pki.issue(root, { extensions: clientExtensions(extension.noRevAvail()) });
  accept([brief], { requireCrl });
});

test("known CA signatures are not verified again, a leaf's always is", () => {
  const known = new KnownSignatures();
  counting.verifications = 0;
  accept([client, issuing], { known });
  assert.equal(counting.verifications, 2);
  accept([client, issuing], { known });
  assert.equal(counting.verifications, 3);
  // What is remembered is that one signature: the rest is checked as ever.
  assert.equal(refuse([client, issuing], { known, at: unix(NOW + 2 * DAY) }), "expired");
  const forged = issuing.certificate.der.slice();
  forged[forged.length - 1]! ^= 1;
  assert.throws(
    () => validatePath([client.certificate.der, forged], options({ known })),
    PathFailure,
  );
  assert.equal(known.size, 1);
});

test("a device that comes back costs no verification, and a flipped bit in its certificate does", () => {
  const known = new KnownSignatures();
  const knownLeaves = new KnownSignatures(2);
  accept([client, issuing], { known, knownLeaves });
  counting.verifications = 0;
  accept([client, issuing], { known, knownLeaves });
  assert.equal(counting.verifications, 0);
  const forged = client.certificate.der.slice();
  forged[forged.length - 1]! ^= 1;
  const chain = [forged, issuing.certificate.der];
  assert.throws(() => validatePath(chain, options({ known, knownLeaves })), PathFailure);
  assert.equal(
    refuse([client, issuing], { knownLeaves, isRevoked: () => "superseded" }),
    "revoked",
  );
  for (let others = 0; others < 3; others++) accept([pki.issue(issuing), issuing], { knownLeaves });
  assert.equal(knownLeaves.size, 2);
  assert.ok(!knownLeaves.has(client.certificate, issuing.certificate), "the oldest stayed");
});

test("a chain that is refused leaves nothing in the memory", () => {
  const known = new KnownSignatures();
  const strange = pki.ca(null, "strange root");
  const below = pki.ca(strange, "strange");
  assert.equal(refuse([pki.issue(below), below, strange], { known }), "unknown-authority");
  assert.equal(refuse([client, issuing], { known, isRevoked: () => "superseded" }), "revoked");
  assert.equal(known.size, 0);
});

test("the memory of signatures is bounded and forgets the oldest", () => {
  const known = new KnownSignatures();
  const cas = Array.from({ length: KnownSignatures.MAX_ENTRIES + 1 }, () => pki.ca(root, "ca"));
  for (const { certificate } of cas) known.add(certificate, root.certificate);
  assert.equal(known.size, KnownSignatures.MAX_ENTRIES);
  const has = (ca: Entity, issuer = root): boolean => known.has(ca.certificate, issuer.certificate);
  assert.deepEqual([has(cas[0]!), has(cas[1]!), has(cas[cas.length - 1]!)], [false, true, true]);
  assert.ok(!has(cas[1]!, issuing));
});

test("a device id is one well-formed URI; two are none", () => {
  const id = (...uris: readonly string[]): string | null => {
    const names = uris.map((uri) => ({ kind: "uri", uri }) as const);
    const extensions = clientExtensions(extension.subjectAltName(names));
    return accept([pki.issue(root, { extensions })]).deviceId;
  };
  const good = "urn:homeca:dev:abcdefghijklmnop";
  assert.equal(id(good), "abcdefghijklmnop");
  assert.equal(id("https://home.arpa", good), "abcdefghijklmnop");
  assert.equal(id(good, "urn:homeca:dev:bcdefghijklmnopq"), null);
  assert.equal(id("urn:homeca:dev:ABCDEFGHIJKLMNOP"), null);
  assert.equal(id("urn:homeca:dev:"), null);
  assert.equal(accept([client, issuing]).deviceId, null);
});

test("a VerifiedPeer cannot be made up", () => {
  const peer = accept([client, issuing]);
  assert.ok(VerifiedPeer.is(peer));
  assert.ok(!VerifiedPeer.is(Object.assign({}, peer)));
  assert.ok(!VerifiedPeer.is(Object.create(VerifiedPeer.prototype)));
});

test("each reason has the alert that says the same (RFC 5246 §7.2.2)", () => {
  assert.equal(alertFor("expired"), "certificate_expired");
  assert.equal(alertFor("revoked"), "certificate_revoked");
  assert.equal(alertFor("unknown-authority"), "unknown_ca");
  assert.equal(alertFor("bad-signature"), "bad_certificate");
  assert.equal(alertFor("wrong-purpose"), "unsupported_certificate");
  assert.equal(alertFor("time-unknown"), "certificate_unknown");
});

test("property: any chain of bytes, and any change to a good one, is a peer or a PathFailure", () => {
  const attempt = (chain: readonly Uint8Array[]): boolean => {
    try {
      validatePath(chain, options({ anchors: [root.certificate, issuing.certificate] }));
      return true;
    } catch (failure) {
      assert.ok(failure instanceof PathFailure, String(failure));
      return false;
    }
  };
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (chain) => {
      assert.ok(!attempt(chain));
    }),
  );
  const good = client.certificate.der;
  assert.ok(attempt([good]));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = good.slice();
      changed[at]! ^= mask;
      assert.ok(!attempt([changed]), `byte ${at} was changed`);
    }),
    { numRuns: 60 },
  );
});
