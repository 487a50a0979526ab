/** Certificate extensions (RFC 5280 §4.2): reading those we act on, writing those we issue. */
import { DerReader, contextTag, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import {
  encodeGeneralName,
  encodeGeneralNames,
  MAX_NAMES,
  readGeneralName,
  readGeneralNames,
} from "./name.ts";
import type { GeneralName } from "./name.ts";
import { OID } from "./oids.ts";

/** Extensions in one certificate, request or CRL. */
export const MAX_EXTENSIONS = 32;

/** Key purposes in one extendedKeyUsage. */
const MAX_PURPOSES = 16;

/** Bits of keyUsage; RFC 5280 §4.2.1.3 numbers them from the least significant one here. */
export const KEY_USAGE = {
  digitalSignature: 0x01,
  keyCertSign: 0x20,
  crlSign: 0x40,
} as const;

/** One extension as received; `value` is what its OCTET STRING holds. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface BasicConstraints {
  readonly ca: boolean;
  /** CAs that may follow below; null for any number. */
  readonly pathLength: number | null;
}

/** Each entry is a name whose value is a pattern (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** What a certificate's extensions say; null where one is absent. */
export interface Extensions {
  readonly all: readonly Extension[];
  readonly basicConstraints: BasicConstraints | null;
  /** Bits of {@link KEY_USAGE} and those unnamed there. */
  readonly keyUsage: number | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectAltName: readonly GeneralName[] | null;
  readonly authorityKeyId: Uint8Array | null;
  readonly subjectKeyId: Uint8Array | null;
  readonly nameConstraints: NameConstraints | null;
  /** The issuer publishes no revocation for this certificate (RFC 9608). */
  readonly noRevAvail: boolean;
  /** Critical extensions that are not among the above: nobody here acts on them. */
  readonly unknownCritical: readonly string[];
}

/** Reads the contents of `Extensions`; a repeated one is refused (RFC 5280 §4.2). */
export function readExtensionList(from: DerReader): readonly Extension[] {
  const all: Extension[] = [];
  const list = from.sequence();
  from.end();
  do {
    if (all.length === MAX_EXTENSIONS) throw new X509Failure("too-many-extensions");
    const extension = list.sequence();
    const oid = extension.oid();
    // An explicit FALSE is not DER, but common enough among device makers, and it has one meaning.
    const critical = extension.tag === TAG.boolean && extension.boolean();
    const value = extension.octets();
    extension.end();
    if (all.some((other) => other.oid === oid)) throw new X509Failure("repeated-extension", oid);
    all.push({ oid, critical, value });
  } while (list.tag >= 0);
  return all;
}

/** Reads the values of all extensions we know. @throws DerFailure, X509Failure */
export function parseExtensions(all: readonly Extension[]): Extensions {
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {
    all,
    basicConstraints: null,
    keyUsage: null,
    extendedKeyUsage: null,
    subjectAltName: null,
    authorityKeyId: null,
    subjectKeyId: null,
    nameConstraints: null,
    noRevAvail: false,
    unknownCritical: [],
  };
  const unknownCritical: string[] = [];
  for (const { oid, critical, value } of all) {
    const from = new DerReader(value);
    switch (oid) {
      case OID.basicConstraints:
        found.basicConstraints = readBasicConstraints(from);
        break;
      case OID.keyUsage:
        found.keyUsage = readKeyUsage(from);
        break;
      case OID.extendedKeyUsage:
        found.extendedKeyUsage = readPurposes(from);
        break;
      case OID.subjectAltName:
        found.subjectAltName = readGeneralNames(from);
        break;
      case OID.authorityKeyId:
        found.authorityKeyId = readAuthorityKeyId(from);
        break;
      case OID.subjectKeyId:
        found.subjectKeyId = from.octets();
        break;
      case OID.nameConstraints:
        found.nameConstraints = readNameConstraints(from);
        break;
      case OID.noRevAvail:
        from.null();
        found.noRevAvail = true;
        break;
      default:
        // Policies are not processed, so critical ones are unknown like any other.
        if (critical) unknownCritical.push(oid);
        continue;
    }
    from.end();
  }
  found.unknownCritical = unknownCritical;
  return found;
}

function readBasicConstraints(from: DerReader): BasicConstraints {
  const constraints = from.sequence();
  const ca = constraints.tag === TAG.boolean && constraints.boolean();
  const pathLength = constraints.tag === TAG.integer ? constraints.count(255) : null;
  constraints.end();
  if (!ca && pathLength !== null) throw new X509Failure("bad-extension", OID.basicConstraints);
  return { ca, pathLength };
}

function readKeyUsage(from: DerReader): number {
  const { bytes } = from.bitString();
  if (bytes.length > 2) throw new X509Failure("bad-extension", OID.keyUsage);
  let bits = 0;
  for (let at = 0; at < bytes.length * 8; at++) {
    bits |= ((bytes[at >> 3]! >> (7 - (at & 7))) & 1) << at;
  }
  return bits;
}

function readPurposes(from: DerReader): readonly string[] {
  const list = from.sequence();
  const purposes: string[] = [];
  do {
    if (purposes.length === MAX_PURPOSES) {
      throw new X509Failure("bad-extension", OID.extendedKeyUsage);
    }
    purposes.push(list.oid());
  } while (list.tag >= 0);
  return purposes;
}

/** The key identifier alone: issuer and serial number inside it serve nobody. */
export function readAuthorityKeyId(from: DerReader): Uint8Array | null {
  const identifier = from.sequence();
  const key = contextTag(0, "primitive");
  const keyId = identifier.tag === key ? identifier.octets(key) : null;
  for (const tag of [contextTag(1, "constructed"), contextTag(2, "primitive")]) {
    if (identifier.tag === tag) identifier.element();
  }
  identifier.end();
  return keyId;
}

function readNameConstraints(from: DerReader): NameConstraints {
  const constraints = from.sequence();
  const permitted = readSubtrees(constraints.optional(contextTag(0, "constructed")));
  const excluded = readSubtrees(constraints.optional(contextTag(1, "constructed")));
  constraints.end();
  if (permitted.length + excluded.length === 0) {
    throw new X509Failure("bad-extension", OID.nameConstraints);
  }
  return { permitted, excluded };
}

function readSubtrees(list: DerReader | null): readonly GeneralName[] {
  const subtrees: GeneralName[] = [];
  if (list === null) return subtrees;
  while (list.tag >= 0) {
    if (subtrees.length === MAX_NAMES) throw new X509Failure("too-many-names");
    const subtree = list.sequence();
    subtrees.push(readGeneralName(subtree, "subtree"));
    // minimum and maximum are not used by the profile of RFC 5280 §4.2.1.10.
    subtree.end();
  }
  return subtrees;
}

/** One `Extension`, its value already DER. */
export function encodeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...flag, der.octetString(value));
}

export function basicConstraints({ ca, pathLength }: BasicConstraints): Uint8Array {
  const flag = ca ? [der.boolean(true)] : [];
  const length = pathLength === null ? [] : [der.integer(pathLength)];
  return encodeExtension(OID.basicConstraints, true, der.sequence(...flag, ...length));
}

/** `bits` of {@link KEY_USAGE}. */
export function keyUsage(bits: number): Uint8Array {
  return encodeExtension(OID.keyUsage, true, der.namedBits(bits));
}

export function extendedKeyUsage(purposes: readonly string[]): Uint8Array {
  const list = der.sequence(...purposes.map((purpose) => der.oid(purpose)));
  return encodeExtension(OID.extendedKeyUsage, false, list);
}

export function subjectAltName(names: readonly GeneralName[], critical = false): Uint8Array {
  return encodeExtension(OID.subjectAltName, critical, encodeGeneralNames(names));
}

export function subjectKeyId(id: Uint8Array): Uint8Array {
  return encodeExtension(OID.subjectKeyId, false, der.octetString(id));
}

export function authorityKeyId(id: Uint8Array): Uint8Array {
  const value = der.sequence(der.tagged(contextTag(0, "primitive"), id));
  return encodeExtension(OID.authorityKeyId, false, value);
}

export function nameConstraints({ permitted, excluded }: NameConstraints): Uint8Array {
  const subtrees = (number: number, names: readonly GeneralName[]): Uint8Array[] =>
    names.length === 0
      ? []
      : [der.explicit(number, ...names.map((name) => der.sequence(encodeGeneralName(name))))];
  const value = der.sequence(...subtrees(0, permitted), ...subtrees(1, excluded));
  return encodeExtension(OID.nameConstraints, true, value);
}

/** RFC 9608 §2: non-critical, NULL. */
export function noRevAvail(): Uint8Array {
  return encodeExtension(OID.noRevAvail, false, der.nullValue());
}
