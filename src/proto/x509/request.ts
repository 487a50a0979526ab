/**
 * Certification requests (PKCS#10, RFC 2986). What a request asks for beside
 * its key is read and shown; whether to heed it is the authority's affair.
 */
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import type { RandomSource } from "../../base/machine.ts";
import { MAX_CERTIFICATE_LENGTH, readSigned, signStructure } from "./certificate.ts";
import { parseExtensions, readExtensionList } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { X509Failure } from "./failure.ts";
import { encodePublicKey, readPublicKey } from "./key.ts";
import { readName } from "./name.ts";
import type { Name } from "./name.ts";
import { OID } from "./oids.ts";
import { keyWeakness, schemeWeakness } from "./strength.ts";

/** Attributes in one request. */
const MAX_ATTRIBUTES = 16;

/** A request whose signature was verified with the key it carries. */
export interface CertificateRequest {
  readonly der: Uint8Array;
  readonly subject: Name;
  readonly spki: Uint8Array;
  readonly publicKey: PublicKey;
  /** What extensionRequest (RFC 2985 §5.4.2) asks for, or null. */
  readonly requested: Extensions | null;
  /** The DER of each attribute's one value by attribute type. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads one request and verifies its proof of possession.
 *
 * @param encoded - DER, at most 8192 bytes.
 * @throws DerFailure, or X509Failure: `bad-signature` where the requester does
 *   not show that it holds the key, `bad-key` for a point off its curve or RSA
 *   below 2048 bits.
 * @see RFC 2986 §4
 */
export function parseRequest(encoded: Uint8Array, crypto: Crypto): CertificateRequest {
  const { signed, tbs, algorithm, signature } = readSigned(encoded, MAX_CERTIFICATE_LENGTH);
  if (signed.count(255) !== 0) throw new X509Failure("bad-version");
  const subject = readName(signed);
  const spki = signed.peek().encoding;
  const publicKey = readPublicKey(signed);

  const attributes = new Map<string, Uint8Array>();
  let requested: Extensions | null = null;
  const list = signed.nested(contextTag(0, "constructed"));
  signed.end();
  while (list.tag >= 0) {
    if (attributes.size === MAX_ATTRIBUTES) throw new X509Failure("too-many-entries");
    const attribute = list.sequence();
    const type = attribute.oid();
    const values = attribute.set();
    attribute.end();
    if (attributes.has(type)) throw new X509Failure("repeated-attribute", type);
    attributes.set(type, values.peek().encoding);
    if (type === OID.extensionRequest) requested = parseExtensions(readExtensionList(values));
    else values.element();
    values.end();
  }

  if (keyWeakness(publicKey, crypto) !== null) throw new X509Failure("bad-key");
  const { scheme } = algorithm;
  if (
    scheme === null ||
    schemeWeakness(scheme) !== null ||
    !crypto.verify(scheme, publicKey, tbs, signature)
  ) {
    throw new X509Failure("bad-signature");
  }
  return { der: encoded, subject, spki, publicKey, requested, attributes };
}

/** Makes a request; `subject` is DER, `extensions` are encoded ones. */
export function signRequest(
  subject: Uint8Array,
  extensions: readonly Uint8Array[],
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  const asked =
    extensions.length === 0
      ? []
      : [der.sequence(der.oid(OID.extensionRequest), der.setOf(der.sequence(...extensions)))];
  const tbs = der.sequence(
    der.integer(0),
    subject,
    encodePublicKey(key.publicKey),
    der.explicit(0, ...asked),
  );
  return signStructure(tbs, key, random);
}
