/**
 * Certification requests (PKCS#10, RFC 2986). What a request asks for beside
 * its key is read and shown; whether to heed it is the authority's affair.
 */
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag } from "../../base/der.ts";
import type { DerReader } from "../../base/der.ts";
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

/** Characters of a challengePassword (RFC 2985 appendix A, pkcs-9-ub-challengePassword). */
export const MAX_CHALLENGE_PASSWORD = 255;

/** A request whose signature was verified with the key it carries. */
export interface CertificateRequest {
  readonly der: Uint8Array;
  readonly subject: Name;
  readonly spki: Uint8Array;
  readonly publicKey: PublicKey;
  /** What extensionRequest (RFC 2985 §5.4.2) asks for, or null. */
  readonly requested: Extensions | null;
  /** 1 to {@link MAX_CHALLENGE_PASSWORD} characters (RFC 2985 §5.4.1), or null. */
  readonly challengePassword: string | null;
  /** The DER of each attribute's one value by attribute type. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads one request and verifies its proof of possession.
 *
 * @param encoded - DER, at most 8192 bytes.
 * @throws DerFailure, or X509Failure: `bad-signature` where the requester does
 *   not show that it holds the key, `bad-key` for a point off its curve or RSA
 *   below 2048 bits, `bad-attribute` for a challengePassword that is empty or too long.
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
  let challengePassword: string | null = null;
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
    else if (type === OID.challengePassword) challengePassword = readChallengePassword(values);
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
  return { der: encoded, subject, spki, publicKey, requested, challengePassword, attributes };
}

function readChallengePassword(values: DerReader): string {
  const password = values.text();
  const { length } = password;
  if (length === 0 || length > MAX_CHALLENGE_PASSWORD) {
    throw new X509Failure("bad-attribute", OID.challengePassword);
  }
  return password;
}

/**
 * Makes a request; `subject` is DER, `extensions` are encoded ones.
 * @param challengePassword - Characters of a PrintableString, as base64 is.
 * @throws RangeError for a password of other characters.
 */
export function signRequest(
  subject: Uint8Array,
  extensions: readonly Uint8Array[],
  key: SigningKey,
  random: RandomSource | null,
  challengePassword: string | null = null,
): Uint8Array {
  const attributes: Uint8Array[] = [];
  if (extensions.length > 0) {
    attributes.push(attribute(OID.extensionRequest, der.sequence(...extensions)));
  }
  if (challengePassword !== null) {
    attributes.push(attribute(OID.challengePassword, der.printableString(challengePassword)));
  }
  const tbs = der.sequence(
    der.integer(0),
    subject,
    encodePublicKey(key.publicKey),
    der.setUnder(contextTag(0, "constructed"), ...attributes),
  );
  return signStructure(tbs, key, random);
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(type), der.setOf(value));
}
