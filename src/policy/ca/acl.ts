/**
 * The HomeCaAcl extension: what a device may ask of other devices, signed into
 * its certificate. A certificate without it, and a target without a rule, has no
 * rights. Each `aif` is CBOR of RFC 9237 (AIF-REST) and opaque here.
 *
 * ```
 * HomeCaAcl ::= SEQUENCE { version INTEGER (1), rules SEQUENCE SIZE (0..64) OF Rule }
 * Rule ::= SEQUENCE { target CHOICE { device [0] OCTET STRING, group [1] UTF8String, any [2] NULL },
 *                     aif OCTET STRING }
 * ```
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { contextTag, DerReader } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { encodeExtension } from "../../proto/x509/extensions.ts";
import type { Certificate } from "../../proto/x509/certificate.ts";
import { X509Failure } from "../../proto/x509/failure.ts";

/**
 * The UUID 1017a64b-c946-4704-910a-61618d1ab498 as Microsoft maps one to an
 * object identifier ("Obtaining an Object Identifier from Microsoft"): below its
 * arc in parts of 16 and 24 bits, and without any registration. The arc 2.25 of
 * X.667 has one number of 128 bits, which GnuTLS cannot read.
 */
export const HOMECA_ARC = "1.2.840.113556.1.8000.2554.4119.42571.51526.18180.37130.6381965.1750168";
export const ACL_OID: string = `${HOMECA_ARC}.1`;

/** Rules in one certificate. */
export const MAX_ACL_RULES = 64;

/** Octets of one aif, of one group's name and of a device's identifier. */
const MAX_AIF_LENGTH = 1024;
const MAX_GROUP_LENGTH = 64;
const MAX_DEVICE_LENGTH = 32;

/** Octets of the whole extension: it must leave room in a certificate of 8 KiB. */
export const MAX_ACL_LENGTH = 4096;

export type AclTarget =
  | { readonly kind: "device"; readonly id: Uint8Array }
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "any" };

export interface AclRule {
  readonly target: AclTarget;
  readonly aif: Uint8Array;
}

/** The encoded extension, not critical: critical would make every other verifier refuse. @throws RangeError past a bound. */
export function encodeAcl(rules: readonly AclRule[]): Uint8Array {
  return encodeExtension(ACL_OID, false, encodeAclValue(rules));
}

/** What {@link aclValueOf} gives of a certificate with these rules. @throws RangeError past a bound. */
export function encodeAclValue(rules: readonly AclRule[]): Uint8Array {
  if (rules.length > MAX_ACL_RULES) throw new RangeError("too many rules");
  const encoded = rules.map(({ target, aif }) => {
    checkRule(target, aif, () => new RangeError("a rule is too long"));
    return der.sequence(encodeTarget(target), der.octetString(aif));
  });
  const value = der.sequence(der.integer(1), der.sequence(...encoded));
  if (value.length > MAX_ACL_LENGTH) throw new RangeError("the rules are too long");
  return value;
}

function encodeTarget(target: AclTarget): Uint8Array {
  switch (target.kind) {
    case "device":
      return der.tagged(contextTag(0, "primitive"), target.id);
    case "group":
      return der.tagged(contextTag(1, "primitive"), utf8(target.name));
    case "any":
      return der.tagged(contextTag(2, "primitive"));
  }
}

function checkRule(target: AclTarget, aif: Uint8Array, failure: () => Error): void {
  const length = (bytes: Uint8Array, maximum: number): boolean =>
    bytes.length >= 1 && bytes.length <= maximum;
  const fits =
    target.kind === "any" ||
    (target.kind === "device"
      ? length(target.id, MAX_DEVICE_LENGTH)
      : length(utf8(target.name), MAX_GROUP_LENGTH));
  if (!fits || !length(aif, MAX_AIF_LENGTH)) throw failure();
}

/** The value of a certificate's extension as it was signed; null for one without, which has no rights. */
export function aclValueOf({ extensions }: Pick<Certificate, "extensions">): Uint8Array | null {
  return extensions.all.find(({ oid }) => oid === ACL_OID)?.value ?? null;
}

/** Reads the extension's value. @throws DerFailure, X509Failure `bad-extension` */
export function parseAcl(value: Uint8Array): readonly AclRule[] {
  const bad = (): X509Failure => new X509Failure("bad-extension", ACL_OID);
  if (value.length > MAX_ACL_LENGTH) throw bad();
  const from = new DerReader(value);
  const acl = from.sequence();
  from.end();
  if (acl.count(255) !== 1) throw new X509Failure("bad-version");
  const list = acl.sequence();
  acl.end();
  const rules: AclRule[] = [];
  while (list.tag >= 0) {
    if (rules.length === MAX_ACL_RULES) throw bad();
    const rule = list.sequence();
    const target = readTarget(rule, bad);
    const aif = rule.octets();
    rule.end();
    checkRule(target, aif, bad);
    rules.push({ target, aif });
  }
  return rules;
}

function readTarget(rule: DerReader, bad: () => Error): AclTarget {
  switch (rule.tag) {
    case contextTag(0, "primitive"):
      return { kind: "device", id: rule.contents(rule.tag) };
    case contextTag(1, "primitive"): {
      const name = fromUtf8(rule.contents(rule.tag));
      if (name === null) throw bad();
      return { kind: "group", name };
    }
    case contextTag(2, "primitive"):
      if (rule.contents(rule.tag).length > 0) throw bad();
      return { kind: "any" };
    default:
      throw bad();
  }
}
