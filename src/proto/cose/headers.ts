/**
 * Header parameters of COSE messages (RFC 9052 §3.1; RFC 9360 §2): which key
 * signed, by which algorithm, and what the payload is.
 */
import type { CborItem, CborKey } from "../../base/cbor.ts";
import { parseCbor } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import { CoseFailure } from "./failure.ts";

/** Labels of header parameters. */
export const LABEL = {
  algorithm: 1,
  critical: 2,
  contentType: 3,
  keyId: 4,
  countersignature: 11,
  certificateHash: 34,
} as const;

/** ECDSA over P-256 with SHA-256 (RFC 9053 §2.1), the one algorithm here. */
export const ES256 = -7;

/** SHA-256 in the registry of COSE algorithms (RFC 9054 §2.1). */
const SHA_256 = -16;
const SHA_256_LENGTH = 32;

/** Octets of a key identifier: a hash, or a name somebody gave. */
export const MAX_KEY_ID = 64;

/** Octets of a content type: a media type (RFC 6838 §4.2 has 127 for either part). */
const MAX_CONTENT_TYPE = 255;

/** What the headers say of a signature. All of it but the algorithm is a hint until the signature holds. */
export interface Headers {
  /** A CoAP content format, or a media type. */
  readonly contentType: number | string | null;
  readonly keyId: Uint8Array | null;
  /** SHA-256 over the signer's certificate (`x5t`). */
  readonly certificateHash: Uint8Array | null;
}

/** Labels that may stand in `crit`, because whoever reads these headers heeds them. */
const UNDERSTOOD: ReadonlySet<CborKey> = new Set([
  LABEL.algorithm,
  LABEL.contentType,
  LABEL.keyId,
  LABEL.certificateHash,
]);

/**
 * Reads both buckets. The algorithm has to be protected; labels that we do not
 * know are passed over, unless the signer called them critical.
 *
 * @param protectedBucket - a byte string that holds a map
 * @throws CborFailure for what is not deterministic CBOR of this structure
 * @throws CoseFailure `missing-algorithm`, `algorithm-not-protected`,
 *   `unsupported-algorithm`, `repeated-header` for a label in both buckets,
 *   `bad-header`, `unknown-critical-header`, `unsupported-certificate-hash`
 * @see RFC 9052 §3, §3.1
 */
export function readHeaders(protectedBucket: CborItem, unprotectedBucket: CborItem): Headers {
  const encoded = protectedBucket.bytes();
  // An empty map is written as no octets at all (§3), and it has no algorithm.
  if (encoded.length === 0) throw new CoseFailure("missing-algorithm");
  const sealed = new Map(parseCbor(encoded).map().entries());
  const open = new Map(unprotectedBucket.map().entries());
  if (open.has(LABEL.algorithm)) throw new CoseFailure("algorithm-not-protected");
  for (const label of open.keys()) {
    if (sealed.has(label)) throw new CoseFailure("repeated-header");
  }
  checkAlgorithm(sealed.get(LABEL.algorithm));
  // What is critical has to be protected, and a countersignature cannot be (RFC 9338 §3.1).
  if (open.has(LABEL.critical) || sealed.has(LABEL.countersignature)) {
    throw new CoseFailure("bad-header");
  }
  checkCritical(sealed);

  const either = (label: CborKey): CborItem | undefined => sealed.get(label) ?? open.get(label);
  return {
    contentType: readContentType(either(LABEL.contentType)),
    keyId: either(LABEL.keyId)?.bytes(0, MAX_KEY_ID) ?? null,
    certificateHash: readCertificateHash(either(LABEL.certificateHash)),
  };
}

function checkAlgorithm(algorithm: CborItem | undefined): void {
  if (algorithm === undefined) throw new CoseFailure("missing-algorithm");
  if (algorithm.kind !== "integer" || algorithm.bigint() !== BigInt(ES256)) {
    throw new CoseFailure("unsupported-algorithm");
  }
}

/** Every label in `crit` is there and understood; an empty list is none (RFC 9052 §3.1). */
function checkCritical(sealed: ReadonlyMap<CborKey, CborItem>): void {
  const critical = sealed.get(LABEL.critical);
  if (critical === undefined) return;
  const labels = critical.array();
  if (labels.length === 0) throw new CoseFailure("bad-header");
  for (const item of labels) {
    const label = item.kind === "text" ? item.text() : Number(item.bigint());
    if (!UNDERSTOOD.has(label)) throw new CoseFailure("unknown-critical-header");
    if (!sealed.has(label)) throw new CoseFailure("bad-header");
  }
}

function readContentType(item: CborItem | undefined): number | string | null {
  if (item === undefined) return null;
  return item.kind === "text" ? item.text(MAX_CONTENT_TYPE) : item.unsigned(0xffff);
}

function readCertificateHash(item: CborItem | undefined): Uint8Array | null {
  if (item === undefined) return null;
  const [algorithm, hash] = item.array(2);
  if (algorithm!.kind !== "integer" || algorithm!.bigint() !== BigInt(SHA_256)) {
    throw new CoseFailure("unsupported-certificate-hash");
  }
  return hash!.bytes(SHA_256_LENGTH);
}

/** The protected bucket's octets: the algorithm, and what the payload is. */
export function encodeProtected({ contentType }: Pick<Headers, "contentType">): Uint8Array {
  return cbor.map(
    [LABEL.algorithm, cbor.integer(ES256)],
    [LABEL.contentType, contentType === null ? null : encodeContentType(contentType)],
  );
}

/** Entries of the unprotected bucket: which key signed. Whoever changes them changes nothing that is signed. */
export function unprotectedEntries({
  keyId,
  certificateHash,
}: Pick<Headers, "keyId" | "certificateHash">): readonly (readonly [CborKey, Uint8Array | null])[] {
  const hash =
    certificateHash === null
      ? null
      : cbor.array(cbor.integer(SHA_256), cbor.bytes(certificateHash));
  return [
    [LABEL.keyId, keyId === null ? null : cbor.bytes(keyId)],
    [LABEL.certificateHash, hash],
  ];
}

function encodeContentType(contentType: number | string): Uint8Array {
  return typeof contentType === "number" ? cbor.integer(contentType) : cbor.text(contentType);
}
