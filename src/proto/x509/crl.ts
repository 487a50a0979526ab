/**
 * Certificate revocation lists, version 2 (RFC 5280 §5). Full lists are written
 * and used; a delta is read, so that it can be told from one. Indirect lists
 * are refused: their critical extension is unknown here.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag, DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import type { Certificate } from "./certificate.ts";
import { algorithmOf, readSerial, readSigned, signStructure } from "./certificate.ts";
import { authorityKeyId, encodeExtension, KEY_USAGE } from "./extensions.ts";
import { readAuthorityKeyId, readExtensionList } from "./extensions.ts";
import { X509Failure } from "./failure.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { readSignatureAlgorithm } from "./key.ts";
import { readName } from "./name.ts";
import type { Name } from "./name.ts";
import { OID } from "./oids.ts";
import { schemeWeakness } from "./strength.ts";

/** Octets of the longest list taken; a home's stays below 5 KiB. */
export const MAX_CRL_LENGTH = 262_144;

/** Entries in one list. */
export const MAX_CRL_ENTRIES = 4096;

/** CRL numbers are seconds since 1970 here; others may count to 20 octets, which we refuse. */
const MAX_CRL_NUMBER = 2 ** 48 - 1;

/** RFC 5280 §5.3.1; `unspecified` is written by leaving the reason out. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;

export interface Revocation {
  readonly revokedAt: Unix;
  readonly reason: RevocationReason;
}

/** A list as received, its signature not yet verified. */
export interface Crl {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: Unix;
  /** Not to be relied on after this second. */
  readonly nextUpdate: Unix;
  readonly number: number;
  /** The list this delta continues (RFC 5280 §5.2.4), or null for a full list. */
  readonly deltaOf: number | null;
  readonly authorityKeyId: Uint8Array | null;
  /** By serial number as {@link Certificate.serial}. */
  readonly entries: ReadonlyMap<string, Revocation>;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * Reads one list: version 2, with nextUpdate and cRLNumber, at most
 * {@link MAX_CRL_ENTRIES} entries, each serial number once.
 * @throws DerFailure, X509Failure
 * @see RFC 5280 §5.1 to §5.3
 */
export function parseCrl(encoded: Uint8Array): Crl {
  const { signed, tbs, algorithm, signature } = readSigned(encoded, MAX_CRL_LENGTH);
  if (signed.tag !== TAG.integer || signed.count(255) !== 1) throw new X509Failure("bad-version");
  const inner = readSignatureAlgorithm(signed);
  if (!sameBytes(inner.der, algorithm.der)) throw new X509Failure("algorithms-differ");
  const issuer = readName(signed);
  if (issuer.attributes.length === 0) throw new X509Failure("empty-issuer");
  const thisUpdate = signed.time();
  const nextUpdate = signed.time();
  const entries = readEntries(signed.optional(TAG.sequence));
  const extensions = signed.nested(contextTag(0, "constructed"));
  signed.end();
  const known = readCrlExtensions(extensions);
  return {
    der: encoded,
    tbs,
    issuer,
    thisUpdate,
    nextUpdate,
    ...known,
    entries,
    algorithm,
    signature,
  };
}

function readEntries(list: DerReader | null): ReadonlyMap<string, Revocation> {
  const entries = new Map<string, Revocation>();
  if (list === null) return entries;
  while (list.tag >= 0) {
    if (entries.size === MAX_CRL_ENTRIES) throw new X509Failure("too-many-entries");
    const entry = list.sequence();
    const serial = readSerial(entry);
    const revokedAt = entry.time();
    const reason = entry.tag < 0 ? "unspecified" : readReason(entry);
    if (entries.has(serial)) throw new X509Failure("bad-serial", serial);
    entries.set(serial, { revokedAt, reason });
  }
  return entries;
}

function readReason(entry: DerReader): RevocationReason {
  let reason: RevocationReason = "unspecified";
  for (const { oid, critical, value } of readExtensionList(entry)) {
    if (oid === OID.crlReason) {
      const from = new DerReader(value);
      const code = from.count(255, ENUMERATED);
      from.end();
      const known = REASONS_BY_CODE.get(code);
      if (known === undefined) throw new X509Failure("bad-extension", oid);
      reason = known;
    } else if (critical) throw new X509Failure("unknown-critical-extension", oid);
  }
  return reason;
}

/** The identifier octet of CRLReason and of other enumerations. */
export const ENUMERATED = 0x0a;
export const REASONS_BY_CODE: ReadonlyMap<number, RevocationReason> = new Map(
  // The keys of this constant are exactly the reasons; Object.entries forgets that.
  Object.entries(REVOCATION_REASONS).map(([name, code]) => [code, name as RevocationReason]),
);

function readCrlExtensions(from: DerReader): Pick<Crl, "number" | "deltaOf" | "authorityKeyId"> {
  let number: number | null = null;
  let deltaOf: number | null = null;
  let keyId: Uint8Array | null = null;
  for (const { oid, critical, value } of readExtensionList(from)) {
    const inside = new DerReader(value);
    if (oid === OID.crlNumber) number = inside.count(MAX_CRL_NUMBER);
    else if (oid === OID.deltaCrlIndicator) deltaOf = inside.count(MAX_CRL_NUMBER);
    else if (oid === OID.authorityKeyId) keyId = readAuthorityKeyId(inside);
    else if (critical) throw new X509Failure("unknown-critical-extension", oid);
    else continue;
    inside.end();
  }
  if (number === null) throw new X509Failure("bad-extension", OID.crlNumber);
  return { number, deltaOf, authorityKeyId: keyId };
}

let verified: (crl: Crl, issuerSpki: Uint8Array) => VerifiedCrl;

/** A full list whose signature holds. Only {@link verifyCrl} makes one. */
export class VerifiedCrl {
  readonly crl: Crl;
  readonly #issuerSpki: Uint8Array;

  static {
    verified = (crl, issuerSpki) => new VerifiedCrl(crl, issuerSpki);
  }

  private constructor(crl: Crl, issuerSpki: Uint8Array) {
    this.crl = crl;
    this.#issuerSpki = issuerSpki;
  }

  /** Whether this issuer, by name and key, made the list. */
  isOf(issuer: Certificate): boolean {
    return (
      sameBytes(this.crl.issuer.der, issuer.subject.der) && sameBytes(this.#issuerSpki, issuer.spki)
    );
  }
}

/**
 * Verifies a list with its issuer's key. Times are not looked at: they are
 * checked each time the list is used.
 * @throws X509Failure `bad-signature` for another issuer's list, an issuer that
 *   may not sign lists, a weak or wrong signature; `unknown-critical-extension` for a delta.
 */
export function verifyCrl(crl: Crl, issuer: Certificate, crypto: Crypto): VerifiedCrl {
  if (crl.deltaOf !== null) {
    throw new X509Failure("unknown-critical-extension", OID.deltaCrlIndicator);
  }
  const { keyUsage, basicConstraints } = issuer.extensions;
  const maySign =
    basicConstraints?.ca === true && (keyUsage === null || (keyUsage & KEY_USAGE.crlSign) !== 0);
  const { scheme } = crl.algorithm;
  if (
    !maySign ||
    scheme === null ||
    schemeWeakness(scheme) !== null ||
    !sameBytes(crl.issuer.der, issuer.subject.der) ||
    !crypto.verify(scheme, issuer.publicKey, crl.tbs, crl.signature)
  ) {
    throw new X509Failure("bad-signature");
  }
  return verified(crl, issuer.spki);
}

/** What goes into a list. `issuer` is the DER of the name. */
export interface CrlFields {
  readonly issuer: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  readonly number: number;
  readonly thisUpdate: Unix;
  readonly nextUpdate: Unix;
  /** Serial numbers big-endian and positive. */
  readonly entries: readonly (Revocation & { readonly serial: Uint8Array })[];
}

/** Signs a full version 2 list. @throws RangeError above {@link MAX_CRL_ENTRIES} entries. */
export function signCrl(
  fields: CrlFields,
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  if (fields.entries.length > MAX_CRL_ENTRIES) throw new RangeError("too many entries for a CRL");
  const entries = fields.entries.map(encodeEntry);
  const tbs = der.sequence(
    der.integer(1),
    algorithmOf(key),
    fields.issuer,
    der.time(fields.thisUpdate),
    der.time(fields.nextUpdate),
    // An empty list is left out altogether (RFC 5280 §5.1.2.6).
    ...(entries.length === 0 ? [] : [der.sequence(...entries)]),
    der.explicit(
      0,
      der.sequence(
        authorityKeyId(fields.authorityKeyId),
        encodeExtension(OID.crlNumber, false, der.integer(fields.number)),
      ),
    ),
  );
  return signStructure(tbs, key, random);
}

function encodeEntry(entry: CrlFields["entries"][number]): Uint8Array {
  const code = REVOCATION_REASONS[entry.reason];
  const reason = encodeExtension(OID.crlReason, false, der.integer(code, ENUMERATED));
  return der.sequence(
    der.integer(entry.serial),
    der.time(entry.revokedAt),
    ...(code === 0 ? [] : [der.sequence(reason)]),
  );
}
