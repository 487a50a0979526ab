import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import type { DerReason } from "../../../src/base/der.ts";
import { unix } from "../../../src/base/machine.ts";
import {
  algorithmOf,
  parseCertificate,
  signStructure,
} from "../../../src/proto/x509/certificate.ts";
import {
  MAX_CRL_ENTRIES,
  MAX_CRL_LENGTH,
  parseCrl,
  REVOCATION_REASONS,
  signCrl,
  verifyCrl,
} from "../../../src/proto/x509/crl.ts";
import type { CrlFields } from "../../../src/proto/x509/crl.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import type { X509Reason } from "../../../src/proto/x509/failure.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { CHAIN } from "../../vectors/x509/openssl.ts";
import { commonName, DAY, NOW, Pki } from "./pki.ts";

const crypto = providers[0]!;
const pki = new Pki(crypto, "crl");
const ca = pki.ca(null, "ca");
const NEXT = unix(NOW + 7 * DAY);

function fields(changes: Partial<CrlFields> = {}): CrlFields {
  return {
    issuer: ca.certificate.subject.der,
    authorityKeyId: ca.certificate.extensions.subjectKeyId!,
    number: NOW,
    thisUpdate: NOW,
    nextUpdate: NEXT,
    entries: [],
    ...changes,
  };
}

test("openssl's list is read and its signature holds for its issuer alone", () => {
  const crl = parseCrl(CHAIN.crl);
  assert.equal(crl.number, 0x41aa);
  assert.equal(crl.deltaOf, null);
  const leaf = parseCertificate(CHAIN.p384Leaf);
  assert.equal(crl.entries.get(leaf.serial)?.reason, "superseded");
  const root = parseCertificate(CHAIN.rsaRoot);
  assert.deepEqual(crl.authorityKeyId, root.extensions.subjectKeyId);
  const list = verifyCrl(crl, root, crypto);
  assert.ok(list.isOf(root));
  assert.ok(!list.isOf(ca.certificate));
});

test("a list we sign we read, each reason as it was", () => {
  const reasons = Object.keys(REVOCATION_REASONS) as (keyof typeof REVOCATION_REASONS)[];
  const entries = reasons.map((reason, at) => ({
    serial: Uint8Array.of(0x41, at),
    revokedAt: unix(NOW - at),
    reason,
  }));
  const crl = parseCrl(signCrl(fields({ entries }), ca.key, null));
  assert.deepEqual(
    [...crl.entries.values()],
    entries.map(({ revokedAt, reason }) => ({ revokedAt, reason })),
  );
  assert.deepEqual([crl.number, crl.thisUpdate, crl.nextUpdate], [NOW, NOW, NEXT]);
  assert.ok(verifyCrl(crl, ca.certificate, crypto).isOf(ca.certificate));
});

test("a list of another key, a changed one and one by no CA do not hold", () => {
  const refuse = (encoded: Uint8Array, issuer = ca.certificate): X509Reason =>
    assert.throws(() => verifyCrl(parseCrl(encoded), issuer, crypto), X509Failure).reason;
  const other = pki.ca(null, "ca");
  const good = signCrl(fields(), ca.key, null);
  assert.equal(refuse(good, other.certificate), "bad-signature");
  const changed = good.slice();
  changed[changed.length - 1]! ^= 1;
  assert.equal(refuse(changed), "bad-signature");
  const named = signCrl(fields({ issuer: commonName("another") }), ca.key, null);
  assert.equal(refuse(named), "bad-signature");
  const client = pki.issue(null, { name: "ca" });
  assert.equal(refuse(signCrl(fields(), client.key, null), client.certificate), "bad-signature");
  const flags = extension.basicConstraints({ ca: true, pathLength: null });
  const certsOnly = [flags, extension.keyUsage(extension.KEY_USAGE.keyCertSign)];
  const mute = pki.issue(null, { name: "ca", extensions: certsOnly });
  assert.equal(refuse(signCrl(fields(), mute.key, null), mute.certificate), "bad-signature");
});

const NUMBER = extension.encodeExtension(OID.crlNumber, false, der.integer(5));

interface Raw {
  readonly version?: Uint8Array;
  readonly dates?: readonly Uint8Array[];
  readonly entries?: readonly Uint8Array[];
  readonly extensions?: readonly Uint8Array[];
}

/** A list with its parts as given, rightly signed. */
function raw({ version, dates, entries, extensions = [NUMBER] }: Raw = {}): Uint8Array {
  const tbs = der.sequence(
    version ?? der.integer(1),
    algorithmOf(ca.key),
    commonName("ca"),
    ...(dates ?? [der.time(NOW), der.time(NEXT)]),
    ...(entries === undefined ? [] : [der.sequence(...entries)]),
    der.explicit(0, der.sequence(...extensions)),
  );
  return signStructure(tbs, ca.key, null);
}
const entry = (serial: number, ...more: readonly Uint8Array[]): Uint8Array =>
  der.sequence(der.integer(serial), der.time(NOW), ...more);

test("lists out of form are refused, each for its own reason", () => {
  parseCrl(raw({ entries: [entry(5)] }));
  const reason = (parts: Raw): DerReason | X509Reason => {
    try {
      parseCrl(raw(parts));
    } catch (failure) {
      if (failure instanceof X509Failure || failure instanceof DerFailure) return failure.reason;
      throw failure;
    }
    return assert.fail("was accepted");
  };
  const critical = extension.encodeExtension("1.2.3", true, der.nullValue());
  const why = (value: Uint8Array): Uint8Array =>
    der.sequence(extension.encodeExtension(OID.crlReason, false, value));
  assert.equal(reason({ version: der.integer(0) }), "bad-version");
  assert.equal(reason({ version: hex("") }), "bad-version");
  assert.equal(reason({ dates: [der.time(NOW)] }), "unexpected-tag");
  assert.equal(reason({ extensions: [] }), "truncated");
  assert.equal(reason({ extensions: [critical, NUMBER] }), "unknown-critical-extension");
  assert.equal(reason({ extensions: [extension.authorityKeyId(hex("01"))] }), "bad-extension");
  assert.equal(reason({ extensions: [NUMBER, NUMBER] }), "repeated-extension");
  assert.equal(reason({ entries: [entry(5), entry(5)] }), "bad-serial");
  assert.equal(reason({ entries: [entry(0)] }), "bad-serial");
  assert.equal(
    reason({ entries: [entry(5, der.sequence(critical))] }),
    "unknown-critical-extension",
  );
  assert.equal(
    reason({ entries: [entry(5, why(der.integer(1, 0x0a)), der.nullValue())] }),
    "trailing-bytes",
  );
  assert.equal(reason({ entries: [entry(5, why(der.integer(7, 0x0a)))] }), "bad-extension");
  assert.equal(reason({ entries: [entry(5, why(der.integer(1)))] }), "unexpected-tag");
  assert.equal(
    assert.throws(() => parseCrl(new Uint8Array(MAX_CRL_LENGTH + 1)), X509Failure).reason,
    "too-large",
  );
});

test("4096 entries are read, one more is not", () => {
  const entries = Array.from({ length: MAX_CRL_ENTRIES + 1 }, (_, at) => entry(at + 1));
  assert.equal(parseCrl(raw({ entries: entries.slice(1) })).entries.size, MAX_CRL_ENTRIES);
  const failure = assert.throws(() => parseCrl(raw({ entries })), X509Failure);
  assert.equal(failure.reason, "too-many-entries");
});

test("a delta is read as one and not relied on as a full list", () => {
  const base = extension.encodeExtension(OID.deltaCrlIndicator, true, der.integer(4));
  const delta = parseCrl(raw({ extensions: [NUMBER, base] }));
  assert.equal(delta.deltaOf, 4);
  assert.throws(() => verifyCrl(delta, ca.certificate, crypto), X509Failure);
});

test("property: any bytes, any prefix and any change are a list or a failure", () => {
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      verifyCrl(parseCrl(bytes), parseCertificate(CHAIN.rsaRoot), crypto);
      return true;
    } catch (failure) {
      assert.ok(failure instanceof X509Failure || failure instanceof DerFailure, String(failure));
      return false;
    }
  };
  const good = CHAIN.crl;
  assert.ok(attempt(good));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)));
  for (let length = 0; length < good.length; length++)
    assert.ok(!attempt(good.subarray(0, length)));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = good.slice();
      changed[at]! ^= mask;
      assert.ok(!attempt(changed), `byte ${at}`);
    }),
    { numRuns: 60 },
  );
});
