import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { contextTag, DerFailure, TAG } from "../../../src/base/der.ts";
import type { DerReason } from "../../../src/base/der.ts";
import { unix } from "../../../src/base/machine.ts";
import { MAX_CERTIFICATE_LENGTH, parseCertificate } from "../../../src/proto/x509/certificate.ts";
import type { Certificate } from "../../../src/proto/x509/certificate.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import type { X509Reason } from "../../../src/proto/x509/failure.ts";
import { encodeName, nameText } from "../../../src/proto/x509/name.ts";
import type { GeneralName } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { CHAIN } from "../../vectors/x509/openssl.ts";
import { commonName, extensionField, GENERATOR, GOOD, NOW, rawCertificate } from "./pki.ts";
import type { RawFields } from "./pki.ts";

const parse = (changes: Partial<RawFields> = {}): Certificate =>
  parseCertificate(rawCertificate(changes));
const withExtension = (oid: string, value: Uint8Array, critical = false): Partial<RawFields> => ({
  extensions: extensionField(extension.encodeExtension(oid, critical, value)),
});
const dns = (count: number): readonly GeneralName[] =>
  Array.from({ length: count }, (_, at) => ({ kind: "dns", name: `n${at}.local` }));
const attribute = (type: string, value: Uint8Array): Uint8Array =>
  der.setOf(der.sequence(der.oid(type), value));

test("a certificate keeps what it says", () => {
  const certificate = parse();
  assert.equal(certificate.serial, "1234");
  assert.equal(nameText(certificate.issuer), "CN=issuer");
  assert.equal(certificate.notBefore, NOW);
  assert.deepEqual(certificate.publicKey, { kind: "ec", curve: "P-256", point: GENERATOR });
  assert.deepEqual(certificate.spki, GOOD.spki);
  assert.deepEqual(certificate.extensions.extendedKeyUsage, [OID.clientAuth]);
  assert.deepEqual(certificate.extensions.subjectAltName, [
    { kind: "dns", name: "lamp.home.arpa" },
  ]);
  assert.deepEqual(certificate.algorithm.scheme, { kind: "ecdsa", hash: "sha256" });
});

test("a certificate has as many extensions as are read, and one more is refused", () => {
  const withCount = (count: number): Partial<RawFields> => ({
    extensions: extensionField(
      ...Array.from({ length: count }, (_, at) =>
        extension.encodeExtension(`1.2.${at}`, false, hex("")),
      ),
    ),
  });
  const { MAX_EXTENSIONS } = extension;
  assert.equal(parse(withCount(MAX_EXTENSIONS)).extensions.all.length, MAX_EXTENSIONS);
  const failure = assert.throws(() => parse(withCount(MAX_EXTENSIONS + 1)), X509Failure);
  assert.equal(failure.reason, "too-many-extensions");
});

test("openssl's certificates: RSA, P-384, all names, both time types", () => {
  const root = parseCertificate(CHAIN.rsaRoot);
  assert.equal(root.publicKey.kind, "rsa");
  assert.deepEqual(root.algorithm.scheme, { kind: "rsa-pkcs1", hash: "sha256" });
  assert.equal(nameText(root.subject), "CN=Old Root,O=Ma\\,ker,C=DE");
  const { extensions, notAfter, algorithm } = parseCertificate(CHAIN.p384Leaf);
  assert.equal(notAfter, 253402300799);
  assert.deepEqual(algorithm.scheme, { kind: "rsa-pss", hash: "sha256" });
  assert.deepEqual(
    extensions.subjectAltName?.map((name) => (name.kind === "ip" ? toHex(name.address) : name)),
    [
      { kind: "dns", name: "lamp.home.arpa" },
      { kind: "uri", uri: "urn:homeca:dev:abcdefghijklmnop" },
      "c0a80101",
      "fe800000000000000000000000000001",
      { kind: "email", address: "a@b.example" },
      { kind: "other", type: "1.3.6.1.5.5.7.8.4", value: hex("300a 06042a030405 04020102") },
    ],
  );
});

type Case = readonly [what: string, changes: Partial<RawFields>, reason: DerReason | X509Reason];

const ecSpki = (curve: Uint8Array, point: Uint8Array): Uint8Array =>
  der.sequence(der.sequence(der.oid(OID.ecPublicKey), curve), der.bitString(point));
const rsaSpki = (key: Uint8Array): Uint8Array =>
  der.sequence(der.sequence(der.oid(OID.rsaEncryption), der.nullValue()), der.bitString(key));
const san = (...names: readonly Uint8Array[]): Partial<RawFields> =>
  withExtension(OID.subjectAltName, der.sequence(...names));

const MALFORMED: readonly Case[] = [
  // The frame.
  ["bytes behind the certificate", { behind: hex("00") }, "trailing-bytes"],
  [
    "an element behind the signature",
    { signature: concat(GOOD.signature, hex("0500")) },
    "trailing-bytes",
  ],
  ["an element between TBS and algorithm", { behindTbs: hex("0500") }, "unexpected-tag"],
  ["no signature", { signature: hex("") }, "truncated"],
  ["a signature of seven bits", { signature: hex("030201fe") }, "bad-bit-string"],
  ["a signature as OCTET STRING", { signature: hex("040100") }, "unexpected-tag"],
  // Version and serial number.
  ["version 1 by leaving it out", { version: hex("") }, "bad-version"],
  ["version 1 spelled out", { version: der.explicit(0, der.integer(0)) }, "bad-version"],
  ["version 2", { version: der.explicit(0, der.integer(1)) }, "bad-version"],
  ["version 4", { version: der.explicit(0, der.integer(3)) }, "bad-version"],
  [
    "a second element in the version",
    { version: der.explicit(0, der.integer(2), der.nullValue()) },
    "trailing-bytes",
  ],
  ["a negative serial number", { serial: hex("0201ff") }, "bad-serial"],
  ["serial number zero", { serial: hex("020100") }, "bad-serial"],
  [
    "a serial number of 21 octets",
    { serial: der.integer(new Uint8Array(21).fill(0x7f)) },
    "bad-serial",
  ],
  ["a padded serial number", { serial: hex("02020001") }, "bad-integer"],
  ["an empty serial number", { serial: hex("0200") }, "bad-integer"],
  // Algorithms.
  [
    "another algorithm inside than outside",
    { innerAlgorithm: der.sequence(der.oid(OID.ecdsaSha384)) },
    "algorithms-differ",
  ],
  [
    "the same algorithm with a NULL outside",
    { outerAlgorithm: der.sequence(der.oid(OID.ecdsaSha256), der.nullValue()) },
    "algorithms-differ",
  ],
  [
    "two parameters",
    { outerAlgorithm: der.sequence(der.oid(OID.ecdsaSha256), der.nullValue(), der.nullValue()) },
    "trailing-bytes",
  ],
  // Names.
  ["no issuer", { issuer: der.sequence() }, "empty-issuer"],
  [
    "no subject and no subjectAltName",
    { subject: der.sequence(), extensions: hex("") },
    "empty-subject",
  ],
  ["an empty set in a name", { issuer: der.sequence(der.setOf()) }, "truncated"],
  [
    "an attribute without a value",
    { issuer: der.sequence(der.setOf(der.sequence(der.oid(OID.commonName)))) },
    "truncated",
  ],
  [
    "a name that is no string",
    { issuer: der.sequence(attribute(OID.commonName, der.integer(1))) },
    "unexpected-tag",
  ],
  [
    "UTF-8 that is none",
    { issuer: der.sequence(attribute(OID.commonName, hex("0c01ff"))) },
    "bad-string",
  ],
  [
    "17 attributes in a name",
    {
      subject: encodeName(Array.from({ length: 17 }, () => ({ type: OID.commonName, value: "x" }))),
    },
    "too-many-names",
  ],
  // Validity.
  ["one date", { validity: der.sequence(der.time(NOW)) }, "truncated"],
  [
    "three dates",
    { validity: der.sequence(der.time(NOW), der.time(NOW), der.time(NOW)) },
    "trailing-bytes",
  ],
  [
    "a date without seconds",
    {
      validity: der.sequence(der.tagged(TAG.utcTime, hex("323631313232303030305a")), der.time(NOW)),
    },
    "bad-time",
  ],
  [
    "the 31st of June",
    {
      validity: der.sequence(
        der.tagged(TAG.utcTime, hex("3236303633313030303030305a")),
        der.time(NOW),
      ),
    },
    "bad-time",
  ],
  ["a number as date", { validity: der.sequence(der.integer(1), der.time(NOW)) }, "unexpected-tag"],
  // Keys.
  [
    "a curve we do not speak",
    { spki: ecSpki(der.oid("1.3.132.0.10"), GENERATOR) },
    "unsupported-key",
  ],
  [
    "a curve spelled out",
    { spki: ecSpki(der.sequence(der.integer(1)), GENERATOR) },
    "unsupported-key",
  ],
  [
    "an Ed25519 key",
    { spki: der.sequence(der.sequence(der.oid("1.3.101.112")), der.bitString(new Uint8Array(32))) },
    "unsupported-key",
  ],
  [
    "a compressed point",
    { spki: ecSpki(der.oid(OID.p256), concat(hex("03"), GENERATOR.subarray(1, 33))) },
    "bad-key",
  ],
  [
    "a hybrid point",
    { spki: ecSpki(der.oid(OID.p256), concat(hex("07"), GENERATOR.subarray(1))) },
    "bad-key",
  ],
  ["a point of P-256 on P-384", { spki: ecSpki(der.oid(OID.p384), GENERATOR) }, "bad-key"],
  ["no point", { spki: ecSpki(der.oid(OID.p256), hex("")) }, "bad-key"],
  [
    "a negative RSA modulus",
    { spki: rsaSpki(der.sequence(hex("0201ff"), der.integer(3))) },
    "integer-out-of-range",
  ],
  [
    "bytes behind an RSA key",
    { spki: rsaSpki(concat(der.sequence(der.integer(5), der.integer(3)), hex("00"))) },
    "trailing-bytes",
  ],
  [
    "three RSA numbers",
    { spki: rsaSpki(der.sequence(der.integer(5), der.integer(3), der.integer(3))) },
    "trailing-bytes",
  ],
  // Unique identifiers and extensions as a whole.
  [
    "a unique identifier",
    { between: der.tagged(contextTag(1, "primitive"), hex("00ff")) },
    "trailing-bytes",
  ],
  ["extensions tagged 2", { extensions: der.explicit(2, der.sequence()) }, "trailing-bytes"],
  ["an empty list of extensions", { extensions: extensionField() }, "truncated"],
  [
    "an extension twice",
    { extensions: extensionField(extension.keyUsage(1), extension.keyUsage(1)) },
    "repeated-extension",
  ],
  [
    "33 extensions",
    {
      extensions: extensionField(
        ...Array.from({ length: 33 }, (_, at) =>
          extension.encodeExtension(`1.2.${at}`, false, hex("")),
        ),
      ),
    },
    "too-many-extensions",
  ],
  [
    "critical as 01",
    {
      extensions: extensionField(
        der.sequence(der.oid("1.2.3"), hex("010101"), der.octetString(hex(""))),
      ),
    },
    "bad-boolean",
  ],
  [
    "an extension without a value",
    { extensions: extensionField(der.sequence(der.oid("1.2.3"))) },
    "truncated",
  ],
  // Extensions one by one.
  [
    "bytes behind basicConstraints",
    withExtension(OID.basicConstraints, hex("300000")),
    "trailing-bytes",
  ],
  [
    "a path length without CA",
    withExtension(OID.basicConstraints, der.sequence(der.integer(0))),
    "bad-extension",
  ],
  [
    "a negative path length",
    withExtension(OID.basicConstraints, der.sequence(der.boolean(true), hex("0201ff"))),
    "integer-out-of-range",
  ],
  [
    "a path length of 256",
    withExtension(OID.basicConstraints, der.sequence(der.boolean(true), der.integer(256))),
    "integer-out-of-range",
  ],
  ["keyUsage of 17 bits", withExtension(OID.keyUsage, hex("0304 07 000080")), "bad-extension"],
  ["no key purpose", withExtension(OID.extendedKeyUsage, der.sequence()), "truncated"],
  [
    "17 key purposes",
    {
      extensions: extensionField(
        extension.extendedKeyUsage(Array.from({ length: 17 }, () => OID.clientAuth)),
      ),
    },
    "bad-extension",
  ],
  ["a noRevAvail that says something", withExtension(OID.noRevAvail, hex("050100")), "bad-null"],
  [
    "an authority key identifier of an unknown field",
    withExtension(OID.authorityKeyId, hex("3003 830101")),
    "trailing-bytes",
  ],
  ["no names", san(), "bad-name"],
  ["33 names", { extensions: extensionField(extension.subjectAltName(dns(33))) }, "too-many-names"],
  ["an empty dNSName", san(hex("8200")), "bad-name"],
  ["a dNSName with a NUL", san(hex("8203 610062")), "bad-name"],
  ["a dNSName with a blank", san(hex("8203 612062")), "bad-name"],
  ["a URI in UTF-8", san(hex("8602 c3a4")), "bad-name"],
  ["an IP address of 5 octets", san(hex("8705 0a00000101")), "bad-name"],
  ["an IP address with a mask as a name", san(hex("8708 0a000000ff000000")), "bad-name"],
  ["a name of tag 9", san(hex("8901 61")), "bad-name"],
  ["an otherName without a value", san(hex("a004 06022a03")), "truncated"],
  ["no constraint at all", withExtension(OID.nameConstraints, der.sequence()), "bad-extension"],
  [
    "a constraint with a maximum",
    withExtension(
      OID.nameConstraints,
      der.sequence(der.explicit(0, der.sequence(hex("820161"), hex("810101")))),
    ),
    "trailing-bytes",
  ],
  [
    "an IP constraint without a mask",
    withExtension(
      OID.nameConstraints,
      der.sequence(der.explicit(0, der.sequence(hex("87040a000000")))),
    ),
    "bad-name",
  ],
];

test(`${MALFORMED.length} malformed certificates are refused, each for its own reason`, () => {
  parse();
  for (const [what, changes, reason] of MALFORMED) {
    try {
      parse(changes);
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, what);
      assert.equal(failure.reason, reason, what);
      continue;
    }
    assert.fail(`${what}: was accepted`);
  }
});

test("what stands at a bound is accepted", () => {
  const longest = { serial: der.integer(new Uint8Array(20).fill(0x7f)) };
  assert.equal(parse(longest).serial.length, 40);
  const names = { extensions: extensionField(extension.subjectAltName(dns(32))) };
  assert.equal(parse(names).extensions.subjectAltName?.length, 32);
  const extensions = Array.from({ length: 32 }, (_, at) =>
    extension.encodeExtension(`1.2.${at}`, true, hex("")),
  );
  const { all, unknownCritical } = parse({ extensions: extensionField(...extensions) }).extensions;
  assert.deepEqual([all.length, unknownCritical.length], [32, 32]);
  const nobody = parse({ subject: der.sequence() });
  assert.equal(nameText(nobody.subject), "");
});

test("32 subtrees bind, one more is refused", () => {
  const constrained = (count: number): Certificate =>
    parse({
      extensions: extensionField(
        extension.nameConstraints({ permitted: dns(count), excluded: [] }),
      ),
    });
  assert.equal(constrained(32).extensions.nameConstraints?.permitted.length, 32);
  const failure = assert.throws(() => constrained(33), X509Failure);
  assert.equal(failure.reason, "too-many-names");
});

test("8192 bytes are read, one more is not", () => {
  const padded = (length: number): Uint8Array =>
    rawCertificate(withExtension("1.2.3", new Uint8Array(length)));
  const spare = MAX_CERTIFICATE_LENGTH - padded(4096).length;
  assert.equal(parseCertificate(padded(4096 + spare)).der.length, MAX_CERTIFICATE_LENGTH);
  const failure = assert.throws(() => parseCertificate(padded(4097 + spare)), X509Failure);
  assert.equal(failure.reason, "too-large");
});

test("a critical extension nobody here acts on is remembered, policies among them", () => {
  const { extensions } = parse(withExtension(OID.certificatePolicies, der.sequence(), true));
  assert.deepEqual(extensions.unknownCritical, [OID.certificatePolicies]);
  const mild = parse(withExtension(OID.certificatePolicies, der.sequence()));
  assert.deepEqual(mild.extensions.unknownCritical, []);
});

test("an explicit FALSE is read as what it says", () => {
  const no = hex("010100");
  const flagged = der.sequence(der.oid("1.2.3"), no, der.octetString(hex("")));
  assert.equal(parse({ extensions: extensionField(flagged) }).extensions.all[0]?.critical, false);
  const constraints = parse(withExtension(OID.basicConstraints, der.sequence(no)));
  assert.deepEqual(constraints.extensions.basicConstraints, { ca: false, pathLength: null });
});

test("signature algorithms we do not verify are kept as unknown", () => {
  const schemeOf = (algorithm: Uint8Array): unknown =>
    parse({ innerAlgorithm: algorithm, outerAlgorithm: algorithm }).algorithm.scheme;
  const hash = (oid: string): Uint8Array => der.sequence(der.oid(oid), der.nullValue());
  const pss = (...parameters: readonly Uint8Array[]): Uint8Array =>
    der.sequence(der.oid(OID.rsaPss), der.sequence(...parameters));
  const mgf = der.sequence(der.oid(OID.rsaMgf1), hash(OID.sha256));
  const sha256 = der.explicit(0, hash(OID.sha256));
  const salt = (length: number): Uint8Array => der.explicit(2, der.integer(length));
  assert.deepEqual(schemeOf(pss(sha256, der.explicit(1, mgf), salt(32))), {
    kind: "rsa-pss",
    hash: "sha256",
  });
  for (const algorithm of [
    der.sequence(der.oid("1.3.101.112")),
    der.sequence(der.oid(OID.rsaSha256)),
    der.sequence(der.oid(OID.ecdsaSha256), der.nullValue()),
    der.sequence(der.oid(OID.rsaPss)),
    pss(),
    pss(sha256, der.explicit(1, mgf), salt(20)),
    pss(sha256, salt(32)),
    pss(sha256, der.explicit(1, mgf), salt(32), der.explicit(3, der.integer(1))),
    pss(der.explicit(0, hash(OID.sha512)), der.explicit(1, mgf), salt(64)),
  ]) {
    assert.equal(schemeOf(algorithm), null, toHex(algorithm));
  }
  assert.deepEqual(schemeOf(der.sequence(der.oid(OID.rsaSha1), der.nullValue())), {
    kind: "rsa-pkcs1",
    hash: "sha1",
  });
});

test("RFC 4514: names as text cannot deceive a line or a list", () => {
  const text = (value: string): string => nameText(parse({ subject: commonName(value) }).subject);
  assert.equal(text('a,b+c"d\\e<f>g;h=i'), String.raw`CN=a\,b\+c\"d\\e\<f\>g\;h\=i`);
  assert.equal(text("#a "), String.raw`CN=\#a\ `);
  assert.equal(text("a\nb\u0000\u202e"), String.raw`CN=a\0ab\00\e2\80\ae`);
});

test("every strict prefix of a good certificate is refused", () => {
  const good = rawCertificate();
  for (let length = 0; length < good.length; length++) {
    const prefix = good.subarray(0, length);
    assert.throws(() => parseCertificate(prefix), DerFailure, `prefix of ${length} bytes`);
  }
});

test("property: any bytes, and any change to a good certificate, are parsed or refused", () => {
  const attempt = (bytes: Uint8Array): void => {
    try {
      parseCertificate(bytes);
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
  const samples = [rawCertificate(), CHAIN.rsaRoot, CHAIN.p384Leaf];
  const change = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (sample, changes) => {
        const changed = sample.slice();
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        attempt(changed);
      },
    ),
    { numRuns: 500 },
  );
});

test("a date before 1950 and one after 2049 are GeneralizedTime and read alike", () => {
  const validity = der.sequence(der.time(unix(-2e9)), der.time(unix(253402300799)));
  const { notBefore, notAfter } = parse({ validity });
  assert.deepEqual([notBefore, notAfter], [-2e9, 253402300799]);
});
