import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { contextTag, TAG } from "../../../src/base/der.ts";
import { unix } from "../../../src/base/machine.ts";
import type { Unix } from "../../../src/base/machine.ts";
import { signStructure } from "../../../src/proto/x509/certificate.ts";
import { REVOCATION_REASONS } from "../../../src/proto/x509/crl.ts";
import type { RevocationReason } from "../../../src/proto/x509/crl.ts";
import { encodeExtension } from "../../../src/proto/x509/extensions.ts";
import {
  checkOcspResponse,
  MAX_OCSP_LENGTH,
  OcspFailure,
  parseOcspResponse,
  signOcspResponse,
} from "../../../src/proto/x509/ocsp.ts";
import type {
  CertificateStatus,
  OcspCheck,
  OcspFields,
  OcspReason,
} from "../../../src/proto/x509/ocsp.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { commonName, DAY, NOW, Pki } from "./pki.ts";

const crypto = providers[0]!;
const pki = new Pki(crypto, "ocsp");
const ca = pki.ca(null, "ca");
const leaf = pki.issue(ca);
const NEXT = unix(NOW + DAY);
const GOOD: CertificateStatus = { kind: "good" };

function sign(changes: Partial<OcspFields> = {}): Uint8Array {
  const fields: OcspFields = {
    issuer: ca.certificate,
    serial: hex(leaf.certificate.serial),
    status: GOOD,
    producedAt: NOW,
    thisUpdate: NOW,
    nextUpdate: NEXT,
    ...changes,
  };
  return signOcspResponse(fields, ca.key, crypto, null);
}

function check(encoded: Uint8Array, changes: Partial<OcspCheck> = {}): CertificateStatus {
  return checkOcspResponse(parseOcspResponse(encoded), {
    certificate: leaf.certificate,
    issuer: ca.certificate,
    crypto,
    now: NOW,
    ...changes,
  });
}

const refuse = (encoded: Uint8Array, changes: Partial<OcspCheck> = {}): OcspReason =>
  assert.throws(() => check(encoded, changes), OcspFailure).reason;

test("a response says of one certificate what its CA signed", () => {
  assert.deepEqual(check(sign()), GOOD);
  assert.deepEqual(check(sign({ status: { kind: "unknown" } })), { kind: "unknown" });
  // The keys of this constant are exactly the reasons; Object.keys forgets that.
  for (const reason of Object.keys(REVOCATION_REASONS) as RevocationReason[]) {
    const status = { kind: "revoked", revokedAt: unix(NOW - 5), reason } as const;
    assert.deepEqual(check(sign({ status })), status);
  }
});

test("a CA of P-384 signs with SHA-384, and every provider verifies it", () => {
  const key = pki.newKey("P-384");
  const stronger = pki.ca(null, "stronger", { key });
  const { certificate } = pki.issue(stronger);
  const fields: OcspFields = {
    issuer: stronger.certificate,
    serial: hex(certificate.serial),
    status: GOOD,
    producedAt: NOW,
    thisUpdate: NOW,
    nextUpdate: NEXT,
  };
  const made = signOcspResponse(fields, key, crypto, seeded("ocsp"));
  assert.equal(parseOcspResponse(made).algorithm.oid, OID.ecdsaSha384);
  for (const each of providers) {
    const issuer = stronger.certificate;
    assert.deepEqual(check(made, { certificate, issuer, crypto: each }), GOOD);
  }
});

test("RFC 5019 §2.1.1: the certificate is named by SHA-1 of its issuer's name and key", () => {
  const { certificateId, responderKeyHash } = parseOcspResponse(sign());
  const { subject, publicKey } = ca.certificate;
  assert.ok(publicKey.kind === "ec");
  assert.deepEqual(certificateId.issuerNameHash, crypto.digest("sha1", subject.der));
  assert.deepEqual(certificateId.issuerKeyHash, crypto.digest("sha1", publicKey.point));
  assert.deepEqual(responderKeyHash, certificateId.issuerKeyHash);
  assert.equal(certificateId.serial, leaf.certificate.serial);
});

test("a response holds from thisUpdate and producedAt through nextUpdate", () => {
  const encoded = sign({ thisUpdate: unix(NOW - 10), producedAt: unix(NOW - 5) });
  const at = (now: number): OcspReason | "good" => {
    try {
      check(encoded, { now: unix(now) });
      return "good";
    } catch (failure) {
      assert.ok(failure instanceof OcspFailure);
      return failure.reason;
    }
  };
  assert.deepEqual([NOW - 11, NOW - 6, NOW - 5, NEXT, NEXT + 1].map(at), [
    "not-yet-valid",
    "not-yet-valid",
    "good",
    "good",
    "expired",
  ]);
  const late = sign({ thisUpdate: unix(NOW - 5), producedAt: unix(NOW - 10) });
  assert.equal(refuse(late, { now: unix(NOW - 6) }), "not-yet-valid");
});

test("times are GeneralizedTime on both sides of 2050", () => {
  for (const year of ["19700101000000Z", "20491231235959Z", "20500101000000Z"]) {
    const seconds: Readonly<Record<string, number>> = {
      "19700101000000Z": 0,
      "20491231235959Z": 2_524_607_999,
      "20500101000000Z": 2_524_608_000,
    };
    const thisUpdate = unix(seconds[year]!);
    const encoded = sign({ thisUpdate, nextUpdate: unix(thisUpdate + 1) });
    const text = toHex(Uint8Array.from(year, (digit) => digit.charCodeAt(0)));
    assert.ok(toHex(encoded).includes(`180f${text}`), year);
    assert.equal(parseOcspResponse(encoded).thisUpdate, thisUpdate);
  }
});

test("a response about another certificate, by another CA or of another key says nothing", () => {
  const sibling = pki.issue(ca);
  assert.equal(refuse(sign(), { certificate: sibling.certificate }), "another-certificate");
  const renamed = pki.ca(null, "renamed", { key: ca.key });
  assert.equal(refuse(sign(), { issuer: renamed.certificate }), "another-certificate");
  const rekeyed = pki.ca(null, "ca");
  assert.equal(refuse(sign(), { issuer: rekeyed.certificate }), "another-certificate");
  // Made right for a CA that did not issue the certificate, which has the same serial number.
  const other = sign({ issuer: renamed.certificate });
  assert.equal(refuse(other, { issuer: renamed.certificate }), "another-certificate");
  assert.equal(refuse(raw({ key: rekeyed.key })), "bad-signature");
  assert.equal(
    refuse(raw({ responder: keyHash(rekeyed.key.publicKey.point) })),
    "another-responder",
  );
});

test("what is no response of our own making is not signed", () => {
  const other = pki.ca(null, "other");
  assert.throws(() => sign({ issuer: other.certificate }), RangeError);
  assert.throws(() => sign({ nextUpdate: NOW }), RangeError);
});

const ENUMERATED = 0x0a;
const keyHash = (point: Uint8Array): Uint8Array =>
  der.explicit(2, der.octetString(crypto.digest("sha1", point)));
const generalized = (text: string): Uint8Array =>
  der.tagged(
    TAG.generalizedTime,
    Uint8Array.from(text, (digit) => digit.charCodeAt(0)),
  );
const TODAY = generalized("20261122000000Z");
const TOMORROW = der.explicit(0, generalized("20261123000000Z"));
const SHA1_NULL = der.sequence(der.oid(OID.sha1), der.nullValue());
const extensions = (critical: boolean): Uint8Array =>
  der.explicit(1, der.sequence(encodeExtension("1.2.3", critical, der.nullValue())));

interface Raw {
  readonly key?: typeof ca.key;
  readonly version?: Uint8Array;
  readonly responder?: Uint8Array;
  readonly producedAt?: Uint8Array;
  readonly hash?: Uint8Array;
  readonly nameHash?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly status?: Uint8Array;
  readonly thisUpdate?: Uint8Array;
  readonly nextUpdate?: Uint8Array;
  readonly inSingle?: Uint8Array;
  readonly behindSingle?: Uint8Array;
  readonly inTbs?: Uint8Array;
  readonly certificates?: Uint8Array;
  readonly type?: string;
  readonly outerStatus?: Uint8Array;
  readonly bytes?: Uint8Array;
  readonly behind?: Uint8Array;
}
const NOTHING = new Uint8Array();

/** A response with its parts as given, rightly signed. */
function raw(parts: Raw = {}): Uint8Array {
  const { publicKey } = ca.key;
  const nameHash = crypto.digest("sha1", ca.certificate.subject.der);
  const single = der.sequence(
    der.sequence(
      parts.hash ?? SHA1_NULL,
      parts.nameHash ?? der.octetString(nameHash),
      der.octetString(crypto.digest("sha1", publicKey.point)),
      parts.serial ?? der.integer(hex(leaf.certificate.serial)),
    ),
    parts.status ?? der.tagged(contextTag(0, "primitive")),
    parts.thisUpdate ?? TODAY,
    parts.nextUpdate ?? TOMORROW,
    parts.inSingle ?? NOTHING,
  );
  const tbs = der.sequence(
    parts.version ?? NOTHING,
    parts.responder ?? keyHash(publicKey.point),
    parts.producedAt ?? TODAY,
    der.sequence(single, parts.behindSingle ?? NOTHING),
    parts.inTbs ?? NOTHING,
  );
  const signed = signStructure(tbs, parts.key ?? ca.key, null);
  // The elements of the signed SEQUENCE, whose header takes four octets, and what may stand behind them.
  const basic = der.sequence(
    signed.subarray(signed[1] === 0x81 ? 3 : 4),
    parts.certificates ?? NOTHING,
  );
  const bytes = der.sequence(der.oid(parts.type ?? OID.ocspBasic), der.octetString(basic));
  return concat(
    der.sequence(
      parts.outerStatus ?? der.integer(0, ENUMERATED),
      parts.bytes ?? der.explicit(0, bytes),
    ),
    parts.behind ?? NOTHING,
  );
}

test("what is written is what this profile of RFC 6960 spells out, octet for octet", () => {
  // The signatures are RFC 6979's with noble, so equal messages have equal ones.
  assert.deepEqual(sign(), raw());
});

test("responses out of form or profile are refused, each for its own reason", () => {
  const revoked = (...inside: readonly Uint8Array[]): Uint8Array => der.explicit(1, ...inside);
  const reasonCode = (code: number): Uint8Array => der.explicit(0, der.integer(code, ENUMERATED));
  const utc = der.time(NOW);
  const cases: readonly (readonly [Raw, OcspReason])[] = [
    [{ outerStatus: der.integer(6, ENUMERATED), bytes: NOTHING }, "unsuccessful"],
    [{ outerStatus: der.integer(1, ENUMERATED) }, "unsuccessful"],
    [{ outerStatus: der.integer(0) }, "malformed"],
    [{ bytes: NOTHING }, "malformed"],
    [{ type: "1.3.6.1.5.5.7.48.1.2" }, "unsupported"],
    [{ version: der.explicit(0, der.integer(0)) }, "unsupported"],
    [{ responder: der.explicit(1, commonName("ca")) }, "unsupported"],
    [{ responder: der.explicit(2, der.octetString(hex("00"))) }, "malformed"],
    [{ producedAt: utc }, "malformed"],
    [{ thisUpdate: utc }, "malformed"],
    [{ thisUpdate: generalized("20261122000000.0Z") }, "malformed"],
    [{ nextUpdate: NOTHING }, "unsupported"],
    [{ nextUpdate: der.explicit(0, utc) }, "malformed"],
    [{ hash: der.sequence(der.oid(OID.sha256), der.nullValue()) }, "unsupported"],
    [{ hash: der.sequence(der.oid(OID.sha1), der.integer(0)) }, "malformed"],
    [{ nameHash: der.octetString(new Uint8Array(21)) }, "malformed"],
    [{ serial: der.integer(0) }, "malformed"],
    [{ status: der.tagged(contextTag(0, "primitive"), hex("00")) }, "malformed"],
    [{ status: der.tagged(contextTag(3, "primitive")) }, "malformed"],
    [{ status: revoked() }, "malformed"],
    [{ status: revoked(utc) }, "malformed"],
    [{ status: revoked(TODAY, reasonCode(7)) }, "malformed"],
    [{ status: revoked(TODAY, reasonCode(1), NOTHING, der.nullValue()) }, "malformed"],
    [{ behindSingle: der.sequence() }, "unsupported"],
    [{ inSingle: extensions(true) }, "unsupported"],
    [{ inTbs: extensions(true) }, "unsupported"],
    [{ inTbs: der.nullValue() }, "malformed"],
    [{ certificates: der.explicit(0, der.sequence(ca.certificate.der)) }, "unsupported"],
    [{ certificates: der.nullValue() }, "malformed"],
    [{ behind: hex("00") }, "malformed"],
  ];
  for (const [parts, reason] of cases) {
    const failure = assert.throws(() => parseOcspResponse(raw(parts)), OcspFailure);
    assert.equal(failure.reason, reason, Object.keys(parts).join(" "));
  }
});

test("extensions that are not critical, and SHA-1 without NULL, are passed over", () => {
  const hash = der.sequence(der.oid(OID.sha1));
  assert.deepEqual(check(raw({ inSingle: extensions(false), inTbs: extensions(false) })), GOOD);
  assert.deepEqual(check(raw({ hash })), GOOD);
});

test("a weak or unknown signature algorithm is refused before its signature is looked at", () => {
  const blind = { ...crypto, verify: () => assert.fail("was verified") };
  const response = parseOcspResponse(sign());
  const refused = (algorithm: typeof response.algorithm): OcspReason =>
    assert.throws(
      () =>
        checkOcspResponse(
          { ...response, algorithm },
          { certificate: leaf.certificate, issuer: ca.certificate, crypto: blind, now: NOW },
        ),
      OcspFailure,
    ).reason;
  const { algorithm } = response;
  const scheme = { kind: "ecdsa", hash: "sha1" } as const;
  assert.equal(refused({ ...algorithm, scheme }), "weak-signature");
  assert.equal(refused({ ...algorithm, scheme: null }), "unsupported-signature");
});

test(`${MAX_OCSP_LENGTH} octets are read, one more is not`, () => {
  const reason = (length: number): OcspReason =>
    assert.throws(() => parseOcspResponse(new Uint8Array(length)), OcspFailure).reason;
  assert.equal(reason(MAX_OCSP_LENGTH), "malformed");
  assert.equal(reason(MAX_OCSP_LENGTH + 1), "too-large");
  const { length } = raw({ inTbs: padding(0) });
  const longest = raw({ inTbs: padding(MAX_OCSP_LENGTH - length - 16) });
  assert.ok(longest.length <= MAX_OCSP_LENGTH && longest.length > MAX_OCSP_LENGTH - 40);
  assert.deepEqual(check(longest), GOOD);
});

function padding(length: number): Uint8Array {
  const value = der.octetString(new Uint8Array(length));
  return der.explicit(1, der.sequence(encodeExtension("1.2.3", false, value)));
}

test("property: any bytes, any prefix and any change are no response or an OcspFailure", () => {
  const attempt = (bytes: Uint8Array, now: Unix = NOW): boolean => {
    try {
      check(bytes, { now });
      return true;
    } catch (failure) {
      assert.ok(failure instanceof OcspFailure, String(failure));
      return false;
    }
  };
  const good = sign({ status: { kind: "revoked", revokedAt: NOW, reason: "keyCompromise" } });
  assert.ok(attempt(good));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void attempt(bytes)));
  for (let length = 0; length < good.length; length++) {
    assert.ok(!attempt(good.subarray(0, length)), `${length} octets`);
  }
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = good.slice();
      changed[at]! ^= mask;
      assert.ok(!attempt(changed), `octet ${at} changed by ${mask}`);
    }),
    { numRuns: 150 },
  );
});
