/**
 * The degenerate SignedData of CMS (RFC 5652 §5), in which nobody signs
 * anything: it carries certificates and revocation lists. EST answers with it.
 * Any other CMS content is refused.
 *
 * @see RFC 8551 §3.2.2 (`smime-type=certs-only`), RFC 7030 §4.1.3, RFC 9148 §4.3
 */
import { contextTag, DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { parseCertificate } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { MAX_CRL_LENGTH, parseCrl } from "./crl.ts";
import type { Crl } from "./crl.ts";
import { X509Failure } from "./failure.ts";
import { OID } from "./oids.ts";

/** Certificates in one bundle: both CAs of two generations and what ties those together, twice over. */
export const MAX_BUNDLED_CERTIFICATES = 16;

/** Lists in one bundle: one for each CA above a device. */
export const MAX_BUNDLED_LISTS = 4;

/** Octets of the longest bundle taken: one long list beside certificates. */
export const MAX_BUNDLE_LENGTH: number = MAX_CRL_LENGTH + 65_536;

/** RFC 5652 §5.1: plain certificates and lists make it version 1. */
const VERSION = 1;

const CERTIFICATES = contextTag(0, "constructed");
const LISTS = contextTag(1, "constructed");

/** What a bundle holds, in the order of its encoding, which means nothing: these are sets. */
export interface Bundle {
  readonly certificates: readonly Certificate[];
  readonly lists: readonly Crl[];
}

/**
 * Writes a bundle of DER certificates and DER lists, each set in DER's order.
 * @throws RangeError above {@link MAX_BUNDLED_CERTIFICATES} or {@link MAX_BUNDLED_LISTS}, and for nothing at all.
 */
export function encodeBundle(
  certificates: readonly Uint8Array[],
  lists: readonly Uint8Array[] = [],
): Uint8Array {
  if (certificates.length + lists.length === 0) throw new RangeError("an empty bundle");
  if (certificates.length > MAX_BUNDLED_CERTIFICATES || lists.length > MAX_BUNDLED_LISTS) {
    throw new RangeError("too much for one bundle");
  }
  const signedData = der.sequence(
    der.integer(VERSION),
    der.setOf(),
    // Without eContent: nothing is signed (RFC 5652 §5.2).
    der.sequence(der.oid(OID.pkcs7Data)),
    ...(certificates.length === 0 ? [] : [der.setUnder(CERTIFICATES, ...certificates)]),
    ...(lists.length === 0 ? [] : [der.setUnder(LISTS, ...lists)]),
    der.setOf(),
  );
  return der.sequence(der.oid(OID.pkcs7SignedData), der.explicit(0, signedData));
}

/**
 * Reads a bundle: at least one certificate or list, nothing signed and nobody
 * who signs. The sets may come in any order, for CMS need not be DER and others
 * write their chain as it stands; all else is strict DER.
 *
 * @param encoded - At most {@link MAX_BUNDLE_LENGTH} bytes; the result borrows from them.
 * @throws DerFailure; X509Failure `not-certs-only` for other content, other kinds
 *   of certificates or lists, and signers; `too-many-entries`, `too-large`, and
 *   whatever a certificate or list in it is refused for.
 */
export function parseBundle(encoded: Uint8Array): Bundle {
  if (encoded.length > MAX_BUNDLE_LENGTH)
    throw new X509Failure("too-large", String(encoded.length));
  const file = new DerReader(encoded);
  const content = file.sequence();
  file.end();
  if (content.oid() !== OID.pkcs7SignedData) throw new X509Failure("not-certs-only");
  const explicit = content.nested(contextTag(0, "constructed"));
  content.end();
  const signedData = explicit.sequence();
  explicit.end();

  if (signedData.count(255) !== VERSION) throw new X509Failure("bad-version");
  readEmptySet(signedData);
  readNoContent(signedData);
  const certificates = readAll(
    signedData.optional(CERTIFICATES),
    MAX_BUNDLED_CERTIFICATES,
    parseCertificate,
  );
  const lists = readAll(signedData.optional(LISTS), MAX_BUNDLED_LISTS, parseCrl);
  readEmptySet(signedData);
  signedData.end();
  if (certificates.length + lists.length === 0) throw new X509Failure("not-certs-only", "empty");
  return { certificates, lists };
}

/** Digest algorithms and signer infos: both stay empty where nobody signs. */
function readEmptySet(from: DerReader): void {
  if (from.set().tag >= 0) throw new X509Failure("not-certs-only", "signed");
}

function readNoContent(from: DerReader): void {
  const encapsulated = from.sequence();
  const isData = encapsulated.oid() === OID.pkcs7Data;
  if (!isData || encapsulated.tag >= 0) throw new X509Failure("not-certs-only", "content");
}

/** Every choice but the plain one has a context-specific tag (RFC 5652 §10.2). */
function readAll<T>(
  from: DerReader | null,
  most: number,
  parse: (encoded: Uint8Array) => T,
): readonly T[] {
  if (from === null) return [];
  const all: T[] = [];
  while (from.tag >= 0) {
    if (all.length === most) throw new X509Failure("too-many-entries");
    if (from.tag !== TAG.sequence) throw new X509Failure("not-certs-only", "kind");
    all.push(parse(from.element().encoding));
  }
  return all;
}
