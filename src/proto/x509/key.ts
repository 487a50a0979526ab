/** Public keys and signature algorithms as certificates carry them (RFC 5280 §4.1.1.2, §4.1.2.7; RFC 5480; RFC 4055). */
import type { EcCurve, HashName, PublicKey, SignatureScheme } from "../../base/crypto/crypto.ts";
import type { DerReader } from "../../base/der.ts";
import { contextTag, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import { OID } from "./oids.ts";

export type EcPublicKey = PublicKey & { readonly kind: "ec" };

const CURVES: Readonly<Record<string, EcCurve>> = { [OID.p256]: "P-256", [OID.p384]: "P-384" };

/** Octets of a coordinate and of a private scalar. */
export const COORDINATE_LENGTH: Readonly<Record<EcCurve, number>> = { "P-256": 32, "P-384": 48 };

const HASHES: Readonly<Record<string, HashName>> = {
  [OID.sha1]: "sha1",
  [OID.sha256]: "sha256",
  [OID.sha384]: "sha384",
  [OID.sha512]: "sha512",
};

export const HASH_LENGTHS: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** Algorithms whose identifier says all; ECDSA leaves the parameters out, RSA has NULL there. */
const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  [OID.ecdsaSha1]: { kind: "ecdsa", hash: "sha1" },
  [OID.ecdsaSha256]: { kind: "ecdsa", hash: "sha256" },
  [OID.ecdsaSha384]: { kind: "ecdsa", hash: "sha384" },
  [OID.ecdsaSha512]: { kind: "ecdsa", hash: "sha512" },
  [OID.rsaMd5]: { kind: "rsa-pkcs1", hash: "md5" },
  [OID.rsaSha1]: { kind: "rsa-pkcs1", hash: "sha1" },
  [OID.rsaSha256]: { kind: "rsa-pkcs1", hash: "sha256" },
  [OID.rsaSha384]: { kind: "rsa-pkcs1", hash: "sha384" },
  [OID.rsaSha512]: { kind: "rsa-pkcs1", hash: "sha512" },
};

/**
 * Reads the key in a SubjectPublicKeyInfo. That a point lies on its curve and
 * that an RSA modulus is long enough is checked where the key is used.
 * @throws X509Failure `unsupported-key` for other kinds, `bad-key` for a point that is not uncompressed.
 */
export function readPublicKey(from: DerReader): PublicKey {
  const spki = from.sequence();
  const algorithm = spki.sequence();
  const kind = algorithm.oid();
  if (kind === OID.ecPublicKey) {
    const named = algorithm.tag === TAG.oid ? algorithm.oid() : "";
    const curve = CURVES[named];
    if (curve === undefined) throw new X509Failure("unsupported-key", named);
    algorithm.end();
    const point = spki.bitOctets();
    spki.end();
    if (point.length !== 1 + 2 * COORDINATE_LENGTH[curve] || point[0] !== 4) {
      throw new X509Failure("bad-key");
    }
    return { kind: "ec", curve, point };
  }
  if (kind !== OID.rsaEncryption) throw new X509Failure("unsupported-key", kind);
  algorithm.null();
  algorithm.end();
  const bits = spki.inBits();
  spki.end();
  const numbers = bits.sequence();
  bits.end();
  const modulus = numbers.unsigned();
  const exponent = numbers.unsigned();
  numbers.end();
  return { kind: "rsa", modulus, exponent };
}

/** A SubjectPublicKeyInfo for a key on a named curve. */
export function encodePublicKey(key: EcPublicKey): Uint8Array {
  const algorithm = der.sequence(der.oid(OID.ecPublicKey), encodeCurve(key.curve));
  return der.sequence(algorithm, der.bitString(key.point));
}

/** The named curve's object identifier. */
export function encodeCurve(curve: EcCurve): Uint8Array {
  return der.oid(curve === "P-256" ? OID.p256 : OID.p384);
}

/** The curve an object identifier names. @throws X509Failure `unsupported-key` */
export function curveOf(dotted: string): EcCurve {
  const curve = CURVES[dotted];
  if (curve === undefined) throw new X509Failure("unsupported-key", dotted);
  return curve;
}

/** A signature algorithm as received. */
export interface SignatureAlgorithm {
  /** The whole AlgorithmIdentifier, for comparing. */
  readonly der: Uint8Array;
  readonly oid: string;
  /** Null for algorithms and parameters we do not verify. */
  readonly scheme: SignatureScheme | null;
}

export function readSignatureAlgorithm(from: DerReader): SignatureAlgorithm {
  const { encoding } = from.peek();
  const algorithm = from.sequence();
  const oid = algorithm.oid();
  if (oid === OID.rsaPss) return { der: encoding, oid, scheme: readPssParameters(algorithm) };
  const parameters = algorithm.tag < 0 ? null : algorithm.element();
  algorithm.end();
  const known = SCHEMES[oid];
  const fits =
    known?.kind === "ecdsa"
      ? parameters === null
      : parameters?.tag === TAG.null && parameters.contents.length === 0;
  return { der: encoding, oid, scheme: known !== undefined && fits ? known : null };
}

/** RFC 4055 §3.1, in the one form everybody issues: MGF1 over the same hash, a salt as long as it, trailer 1. */
function readPssParameters(algorithm: DerReader): SignatureScheme | null {
  if (algorithm.tag !== TAG.sequence) return null;
  const parameters = algorithm.sequence();
  algorithm.end();
  const hash = readHash(parameters.optional(contextTag(0, "constructed")));
  const generator = parameters.optional(contextTag(1, "constructed"))?.sequence();
  const isMgf1 = generator?.oid() === OID.rsaMgf1;
  const maskHash = isMgf1 ? readHash(generator) : null;
  const salt = parameters.optional(contextTag(2, "constructed"))?.count(255) ?? 20;
  // A trailer field that is not the default makes it another scheme; the default is not encoded.
  if (parameters.tag >= 0) return null;
  if (hash === null || hash !== maskHash || salt !== HASH_LENGTHS[hash]) return null;
  return { kind: "rsa-pss", hash };
}

/** An AlgorithmIdentifier of a hash, its parameters absent or NULL (RFC 4055 §2.1); null for one unknown. */
function readHash(from: DerReader | null): HashName | null {
  if (from === null) return "sha1";
  const algorithm = from.sequence();
  const hash = HASHES[algorithm.oid()] ?? null;
  if (algorithm.tag >= 0) algorithm.null();
  algorithm.end();
  from.end();
  return hash;
}

/** How keys of each curve sign: the hash that matches the curve's strength (RFC 5480 §4). */
export const SIGNS_WITH: Readonly<
  Record<EcCurve, { readonly hash: HashName; readonly oid: string }>
> = {
  "P-256": { hash: "sha256", oid: OID.ecdsaSha256 },
  "P-384": { hash: "sha384", oid: OID.ecdsaSha384 },
};
