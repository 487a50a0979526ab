/**
 * OCSP responses as a TLS server staples them: basic, about one certificate,
 * signed by the CA that issued it. Written for our own servers and read by our
 * own clients, so of RFC 6960 only this profile of RFC 5019 is taken: responder
 * by key, SHA-1 in the CertID, nextUpdate always, no delegated responder. There
 * are no requests: nobody asks us but in a handshake.
 */
import { sameBytes, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import { contextTag, DerFailure, DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import { readSerial, readSigned, signStructure } from "./certificate.ts";
import type { Certificate, Signed } from "./certificate.ts";
import { ENUMERATED, REASONS_BY_CODE, REVOCATION_REASONS } from "./crl.ts";
import type { Revocation } from "./crl.ts";
import { readExtensionList } from "./extensions.ts";
import { X509Failure } from "./failure.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { OID } from "./oids.ts";
import { schemeWeakness } from "./strength.ts";

/** Octets of the longest response taken; ours have some 300, and an RSA-8192 signature has 1024. */
export const MAX_OCSP_LENGTH = 4096;

/** OCSPResponseStatus `successful` (RFC 6960 §4.2.1); all others come without a response. */
const SUCCESSFUL = 0;
const SHA1_LENGTH = 20;
const NOTHING = new Uint8Array();

/** What a response says of its certificate. */
export type CertificateStatus =
  | { readonly kind: "good" }
  | ({ readonly kind: "revoked" } & Revocation)
  /** The responder does not know it, which is no comfort. */
  | { readonly kind: "unknown" };

export type OcspReason =
  | "too-large"
  | "malformed"
  /** The responder answered that it has no answer. */
  | "unsuccessful"
  /** Well formed, but not of the profile above. */
  | "unsupported"
  | "another-responder"
  | "another-certificate"
  | "unsupported-signature"
  | "weak-signature"
  | "bad-signature"
  | "not-yet-valid"
  | "expired";

/** Why a response says nothing; a TLS client answers each with bad_certificate_status_response (RFC 6066 §8). */
export class OcspFailure extends Error {
  override readonly name = "OcspFailure";
  readonly reason: OcspReason;

  constructor(reason: OcspReason, cause?: unknown) {
    super(reason, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** Which certificate is meant (RFC 6960 §4.1.1); the hashes are SHA-1. */
export interface CertificateId {
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** As {@link Certificate.serial}. */
  readonly serial: string;
}

/** A response as received, nothing of it verified; it borrows from its buffer. */
export interface OcspResponse {
  readonly tbs: Uint8Array;
  /** SHA-1 of the responder's public key, without tag, length and unused bits. */
  readonly responderKeyHash: Uint8Array;
  readonly producedAt: Unix;
  readonly certificateId: CertificateId;
  readonly status: CertificateStatus;
  readonly thisUpdate: Unix;
  /** Not to be relied on after this second. */
  readonly nextUpdate: Unix;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * Reads one response; form only.
 *
 * @param encoded - DER, at most {@link MAX_OCSP_LENGTH} bytes, nothing behind it.
 * @throws {@link OcspFailure} `too-large`, `malformed`, `unsuccessful` or `unsupported`; nothing else for any bytes.
 * @see RFC 6960 §4.2.1; RFC 5019 §2.2
 */
export function parseOcspResponse(encoded: Uint8Array): OcspResponse {
  if (encoded.length > MAX_OCSP_LENGTH) throw new OcspFailure("too-large");
  try {
    return readBasic(basicIn(encoded));
  } catch (failure) {
    if (failure instanceof X509Failure || failure instanceof DerFailure) {
      throw new OcspFailure("malformed", failure);
    }
    throw failure;
  }
}

/** The BasicOCSPResponse inside. */
function basicIn(encoded: Uint8Array): Uint8Array {
  const file = new DerReader(encoded);
  const response = file.sequence();
  file.end();
  const successful = response.count(255, ENUMERATED) === SUCCESSFUL;
  const explicit = response.optional(contextTag(0, "constructed"));
  response.end();
  if (!successful) throw new OcspFailure("unsuccessful");
  if (explicit === null) throw new OcspFailure("malformed");
  const bytes = explicit.sequence();
  explicit.end();
  if (bytes.oid() !== OID.ocspBasic) throw new OcspFailure("unsupported");
  const basic = bytes.octets();
  bytes.end();
  return basic;
}

function readBasic(basic: Uint8Array): OcspResponse {
  const { signed, tbs, algorithm, signature } = readOuter(basic);
  // The version is DEFAULT v1, the only one, so in DER it is never there.
  const responder = signed.optional(contextTag(2, "constructed"));
  if (responder === null) throw new OcspFailure("unsupported");
  const responderKeyHash = readHash(responder);
  responder.end();
  const producedAt = readTime(signed);
  const responses = signed.sequence();
  const single = responses.sequence();
  refuseMore(responses);
  readExtensions(signed);
  signed.end();

  const certificateId = readCertificateId(single);
  const status = readStatus(single);
  const thisUpdate = readTime(single);
  const next = single.optional(contextTag(0, "constructed"));
  if (next === null) throw new OcspFailure("unsupported");
  const nextUpdate = readTime(next);
  next.end();
  readExtensions(single);
  single.end();
  return {
    tbs,
    responderKeyHash,
    producedAt,
    certificateId,
    status,
    thisUpdate,
    nextUpdate,
    algorithm,
    signature,
  };
}

/** The shape certificates have too, behind which a responder may put certificates of its own. */
function readOuter(basic: Uint8Array): Signed {
  const look = new DerReader(basic).sequence();
  for (let elements = 0; elements < 3; elements++) look.element();
  // Outside the signature anybody may put them; only a delegated responder needs them.
  if (look.tag === contextTag(0, "constructed")) throw new OcspFailure("unsupported");
  return readSigned(basic, MAX_OCSP_LENGTH);
}

function readCertificateId(from: DerReader): CertificateId {
  const id = from.sequence();
  const algorithm = id.sequence();
  if (algorithm.oid() !== OID.sha1) throw new OcspFailure("unsupported");
  if (algorithm.tag >= 0) algorithm.null();
  algorithm.end();
  const issuerNameHash = readHash(id);
  const issuerKeyHash = readHash(id);
  const serial = readSerial(id);
  id.end();
  return { issuerNameHash, issuerKeyHash, serial };
}

/** CertStatus (RFC 6960 §4.2.1): implicit tags, so that of NULL only its emptiness is left. */
function readStatus(from: DerReader): CertificateStatus {
  const [good, unknown] = [contextTag(0, "primitive"), contextTag(2, "primitive")];
  if (from.tag === good || from.tag === unknown) {
    const kind = from.tag === good ? "good" : "unknown";
    if (from.octets(from.tag).length !== 0) throw new OcspFailure("malformed");
    return { kind };
  }
  const revoked = from.nested(contextTag(1, "constructed"));
  const revokedAt = readTime(revoked);
  const explicit = revoked.optional(contextTag(0, "constructed"));
  revoked.end();
  const code = explicit?.count(255, ENUMERATED) ?? REVOCATION_REASONS.unspecified;
  explicit?.end();
  const reason = REASONS_BY_CODE.get(code);
  if (reason === undefined) throw new OcspFailure("malformed");
  return { kind: "revoked", revokedAt, reason };
}

function readHash(from: DerReader): Uint8Array {
  const hash = from.octets();
  if (hash.length !== SHA1_LENGTH) throw new OcspFailure("malformed");
  return hash;
}

/** GeneralizedTime always, never UTCTime (RFC 6960 §4.2.2.1), which would be a second form of one response. */
function readTime(from: DerReader): Unix {
  if (from.tag !== TAG.generalizedTime) throw new OcspFailure("malformed");
  return from.time();
}

/** None is known here; those that are not critical may be passed over. */
function readExtensions(from: DerReader): void {
  const list = from.optional(contextTag(1, "constructed"));
  if (list === null) return;
  if (readExtensionList(list).some(({ critical }) => critical)) {
    throw new OcspFailure("unsupported");
  }
}

/** More than one SingleResponse is for caches; a handshake is about one certificate (RFC 5019 §2.2.1). */
function refuseMore(responses: DerReader): void {
  if (responses.tag >= 0) throw new OcspFailure("unsupported");
}

/** What a response is checked against. */
export interface OcspCheck {
  /** Whose status is wanted. */
  readonly certificate: Certificate;
  /** Its issuer, taken from the path that was validated. */
  readonly issuer: Certificate;
  readonly crypto: Crypto;
  readonly now: Unix;
}

/**
 * Checks that a response is about this certificate, from its issuer, and to be
 * relied on now: from the later of thisUpdate and producedAt through nextUpdate.
 *
 * @returns What it says; only `good` is good.
 * @throws {@link OcspFailure}; nothing else for any response.
 * @see RFC 6960 §3.2; RFC 5019 §4
 */
export function checkOcspResponse(response: OcspResponse, check: OcspCheck): CertificateStatus {
  const { certificate, issuer, crypto, now } = check;
  const own = certificateIdOf(issuer, certificate.serial, crypto);
  const { issuerNameHash, issuerKeyHash, serial } = response.certificateId;
  if (
    serial !== own.serial ||
    !sameBytes(issuerNameHash, own.issuerNameHash) ||
    !sameBytes(issuerKeyHash, own.issuerKeyHash) ||
    !sameBytes(certificate.issuer.der, issuer.subject.der)
  ) {
    throw new OcspFailure("another-certificate");
  }
  if (!sameBytes(response.responderKeyHash, own.issuerKeyHash)) {
    throw new OcspFailure("another-responder");
  }
  if (now < response.thisUpdate || now < response.producedAt) {
    throw new OcspFailure("not-yet-valid");
  }
  if (now > response.nextUpdate) throw new OcspFailure("expired");

  const { scheme } = response.algorithm;
  if (scheme === null) throw new OcspFailure("unsupported-signature");
  const weakness = schemeWeakness(scheme);
  if (weakness !== null) throw new OcspFailure(weakness);
  if (!crypto.verify(scheme, issuer.publicKey, response.tbs, response.signature)) {
    throw new OcspFailure("bad-signature");
  }
  return response.status;
}

function certificateIdOf(issuer: Certificate, serial: string, crypto: Crypto): CertificateId {
  return {
    issuerNameHash: crypto.digest("sha1", issuer.subject.der),
    issuerKeyHash: crypto.digest("sha1", keyOctets(issuer.spki)),
    serial,
  };
}

/** What the BIT STRING of a SubjectPublicKeyInfo holds, whose form the certificate's parser checked. */
function keyOctets(spki: Uint8Array): Uint8Array {
  const inside = new DerReader(spki).sequence();
  inside.element();
  return inside.bitOctets();
}

/** What goes into a response. */
export interface OcspFields {
  /** The CA that issued the certificate and signs the response. */
  readonly issuer: Certificate;
  /** Of the certificate: big-endian and positive. */
  readonly serial: Uint8Array;
  readonly status: CertificateStatus;
  readonly producedAt: Unix;
  readonly thisUpdate: Unix;
  readonly nextUpdate: Unix;
}

/**
 * Signs a response with the issuing CA's key, by the algorithm that goes with
 * its curve: ecdsa-with-SHA256 for P-256.
 *
 * @throws RangeError when the key is not the issuer's, or nextUpdate is not behind thisUpdate.
 */
export function signOcspResponse(
  fields: OcspFields,
  key: SigningKey,
  crypto: Crypto,
  random: RandomSource | null,
): Uint8Array {
  const { issuer, status, producedAt, thisUpdate, nextUpdate } = fields;
  if (!sameBytes(keyOctets(issuer.spki), key.publicKey.point)) {
    throw new RangeError("an OCSP response is signed by the key of its certificate's issuer");
  }
  if (nextUpdate <= thisUpdate) throw new RangeError("nextUpdate lies behind thisUpdate");
  const { issuerNameHash, issuerKeyHash } = certificateIdOf(issuer, toHex(fields.serial), crypto);
  const certificateId = der.sequence(
    // With NULL, as the examples of RFC 5019 appendix A have it.
    der.sequence(der.oid(OID.sha1), der.nullValue()),
    der.octetString(issuerNameHash),
    der.octetString(issuerKeyHash),
    der.integer(fields.serial),
  );
  const single = der.sequence(
    certificateId,
    encodeStatus(status),
    generalizedTime(thisUpdate),
    der.explicit(0, generalizedTime(nextUpdate)),
  );
  const tbs = der.sequence(
    der.explicit(2, der.octetString(issuerKeyHash)),
    generalizedTime(producedAt),
    der.sequence(single),
  );
  const basic = signStructure(tbs, key, random);
  return der.sequence(
    der.integer(SUCCESSFUL, ENUMERATED),
    der.explicit(0, der.sequence(der.oid(OID.ocspBasic), der.octetString(basic))),
  );
}

function encodeStatus(status: CertificateStatus): Uint8Array {
  switch (status.kind) {
    case "good":
      return der.tagged(contextTag(0, "primitive"));
    case "revoked": {
      const code = REVOCATION_REASONS[status.reason];
      const reason = code === 0 ? [] : [der.explicit(0, der.integer(code, ENUMERATED))];
      return der.explicit(1, generalizedTime(status.revokedAt), ...reason);
    }
    case "unknown":
      return der.tagged(contextTag(2, "primitive"));
  }
}

/** A time with all four digits of its year, which `der.time` leaves out where certificates do. */
function generalizedTime(at: Unix): Uint8Array {
  const { tag, contents } = new DerReader(der.time(at)).element();
  const century = contents[0]! >= 0x35 ? "19" : "20";
  const digits = tag === TAG.utcTime ? utf8(century) : NOTHING;
  return der.tagged(TAG.generalizedTime, digits, contents);
}
