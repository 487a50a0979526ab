/**
 * X.509 certificates (RFC 5280 §4): form only. Whether one may be believed is
 * `path.ts`.
 */
import { toHex } from "../../base/bytes.ts";
import type { PublicKey } from "../../base/crypto/crypto.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag, DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import { sameBytes } from "../../base/bytes.ts";
import { parseExtensions, readExtensionList } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { X509Failure } from "./failure.ts";
import { readPublicKey, readSignatureAlgorithm, SIGNS_WITH } from "./key.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { readName } from "./name.ts";
import type { Name } from "./name.ts";

/** Octets of the longest certificate, request or self-signed certificate taken. */
export const MAX_CERTIFICATE_LENGTH = 8192;

/** RFC 5280 §4.1.2.2. */
const MAX_SERIAL_LENGTH = 20;

/** One certificate; everything in it borrows from `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What the signature is over. */
  readonly tbs: Uint8Array;
  /** Lower-case hexadecimal of the positive number, two digits an octet. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Unix;
  /** Still valid in this second. */
  readonly notAfter: Unix;
  /** The SubjectPublicKeyInfo, of which HomeCA's records hold the hash. */
  readonly spki: Uint8Array;
  readonly publicKey: PublicKey;
  readonly extensions: Extensions;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * Reads one version 3 certificate.
 *
 * @param encoded - DER, at most {@link MAX_CERTIFICATE_LENGTH} bytes, nothing behind it.
 * @throws DerFailure for what is not strict DER of this structure.
 * @throws X509Failure for what RFC 5280 forbids or we do not take: versions 1 and
 *   2, unique identifiers, keys other than P-256, P-384 and RSA, a serial number
 *   that is not positive, an extension twice, more than 32 names.
 * @see RFC 5280 §4.1, §4.2
 */
export function parseCertificate(encoded: Uint8Array): Certificate {
  const { signed, tbs, algorithm, signature } = readSigned(encoded, MAX_CERTIFICATE_LENGTH);

  const version = signed.optional(contextTag(0, "constructed"));
  // The field is DEFAULT v1, so that its absence is a version too.
  if (version === null || version.count(255) !== 2) throw new X509Failure("bad-version");
  version.end();
  const serial = readSerial(signed);
  const inner = readSignatureAlgorithm(signed);
  if (!sameBytes(inner.der, algorithm.der)) throw new X509Failure("algorithms-differ");

  const issuer = readName(signed);
  if (issuer.attributes.length === 0) throw new X509Failure("empty-issuer");
  const validity = signed.sequence();
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.end();
  const subject = readName(signed);
  const spki = signed.peek().encoding;
  const publicKey = readPublicKey(signed);

  const list = signed.optional(contextTag(3, "constructed"));
  signed.end();
  const extensions = parseExtensions(list === null ? [] : readExtensionList(list));
  if (subject.attributes.length === 0 && extensions.subjectAltName === null) {
    throw new X509Failure("empty-subject");
  }
  return {
    der: encoded,
    tbs,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    publicKey,
    extensions,
    algorithm,
    signature,
  };
}

/** The outer shape certificates, requests and CRLs share: what is signed, how, and the signature. */
export interface Signed {
  /** Reads what is inside `tbs`. */
  readonly signed: DerReader;
  readonly tbs: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Reads the outer SEQUENCE of at most `maxLength` bytes. @throws X509Failure `too-large`, DerFailure */
export function readSigned(encoded: Uint8Array, maxLength: number): Signed {
  if (encoded.length > maxLength) throw new X509Failure("too-large", String(encoded.length));
  const file = new DerReader(encoded);
  const outer = file.sequence();
  file.end();
  const tbs = outer.peek().encoding;
  const signed = outer.sequence();
  const algorithm = readSignatureAlgorithm(outer);
  const signature = outer.bitOctets();
  outer.end();
  return { signed, tbs, algorithm, signature };
}

/** Reads a CertificateSerialNumber as {@link Certificate.serial}. @throws X509Failure `bad-serial` */
export function readSerial(from: DerReader): string {
  const octets = from.integer(TAG.integer);
  const positive = octets[0]! < 0x80 && (octets.length > 1 || octets[0] !== 0);
  if (!positive || octets.length > MAX_SERIAL_LENGTH) throw new X509Failure("bad-serial");
  return toHex(octets[0] === 0 ? octets.subarray(1) : octets);
}

/** SHA-256 of a SubjectPublicKeyInfo in hexadecimal: how records know a key. */
export function spkiHash(spki: Uint8Array, crypto: Crypto): string {
  return toHex(crypto.digest("sha256", spki));
}

/** A key identifier: the first 20 octets of SHA-256 over the key as the BIT STRING holds it (RFC 7093 §2, method 1). */
export function keyIdOf(key: SigningKey["publicKey"], crypto: Crypto): Uint8Array {
  return crypto.digest("sha256", key.point).slice(0, 20);
}

/** What goes into a certificate beside the issuer's key; names are DER, extensions are encoded ones. */
export interface CertificateFields {
  /** Big-endian, positive, at most 20 octets. */
  readonly serial: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Unix;
  readonly notAfter: Unix;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** Signs a version 3 certificate with the algorithm that goes with the key's curve. */
export function signCertificate(
  fields: CertificateFields,
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(fields.serial),
    algorithmOf(key),
    fields.issuer,
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    fields.subject,
    fields.spki,
    der.explicit(3, der.sequence(...fields.extensions)),
  );
  return signStructure(tbs, key, random);
}

/** The AlgorithmIdentifier of the signatures this key makes. */
export function algorithmOf(key: SigningKey): Uint8Array {
  return der.sequence(der.oid(SIGNS_WITH[key.publicKey.curve].oid));
}

/** `SEQUENCE { tbs, algorithm, signature }`. */
export function signStructure(
  tbs: Uint8Array,
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  const signature = key.sign(SIGNS_WITH[key.publicKey.curve].hash, tbs, random);
  return der.sequence(tbs, algorithmOf(key), der.bitString(signature));
}
