/**
 * Password-based encryption (RFC 8018 §6.2) in the one form that is written
 * today: PBKDF2 with HMAC-SHA-256 and AES-256-CBC. Older schemes are not read.
 */
import { utf8 } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import { DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import type { RandomSource } from "../../base/machine.ts";
import { OID } from "./oids.ts";

/** Rounds for a password a person chose. Each round costs whoever opens the file as much as whoever guesses. */
export const DEFAULT_ITERATIONS = 100_000;

/** Fewer are refused even for a password drawn at random (RFC 8018 §4.2). */
export const MIN_ITERATIONS = 1000;

/** More in a file received would only keep the router busy. */
export const MAX_ITERATIONS = 2_000_000;

export const SALT_LENGTH = 16;
const KEY_LENGTH = 32;
const IV_LENGTH = 16;
const MAX_SALT_LENGTH = 64;

export type PasswordReason =
  | "unsupported-scheme"
  | "too-many-iterations"
  | "too-large"
  | "wrong-password"
  | "bad-key"
  | "no-key";

/** A PKCS#8 or PKCS#12 file that cannot be opened. `wrong-password` says damaged, too: the two look alike. */
export class PasswordFailure extends Error {
  override readonly name = "PasswordFailure";
  readonly reason: PasswordReason;

  constructor(reason: PasswordReason) {
    super(reason);
    this.reason = reason;
  }
}

/** A password and what it costs to try one. */
export interface Encryption {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly password: string;
  /** {@link MIN_ITERATIONS} to {@link MAX_ITERATIONS}. */
  readonly iterations: number;
}

const PRFS: Readonly<Record<string, HashName>> = {
  [OID.hmacSha1]: "sha1",
  [OID.hmacSha256]: "sha256",
  [OID.hmacSha384]: "sha384",
  [OID.hmacSha512]: "sha512",
};

/** A ciphertext, and the AlgorithmIdentifier to store with it. */
export interface Encrypted {
  readonly algorithm: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** @throws RangeError for iterations out of bounds. */
export function encrypt(
  plaintext: Uint8Array,
  { crypto, random, password, iterations }: Encryption,
): Encrypted {
  checkIterations(iterations);
  const salt = random(SALT_LENGTH);
  const iv = random(IV_LENGTH);
  const key = crypto.pbkdf2("sha256", utf8(password), salt, iterations, KEY_LENGTH);
  const kdf = der.sequence(
    der.octetString(salt),
    der.integer(iterations),
    der.sequence(der.oid(OID.hmacSha256), der.nullValue()),
  );
  const algorithm = der.sequence(
    der.oid(OID.pbes2),
    der.sequence(
      der.sequence(der.oid(OID.pbkdf2), kdf),
      der.sequence(der.oid(OID.aes256Cbc), der.octetString(iv)),
    ),
  );
  return { algorithm, ciphertext: crypto.aesCbcEncrypt(key, iv, plaintext) };
}

/** @throws RangeError unless the number lies between the two bounds. */
export function checkIterations(iterations: number): void {
  if (!(iterations >= MIN_ITERATIONS && iterations <= MAX_ITERATIONS)) {
    throw new RangeError(`iterations are from ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
  }
}

/** How a ciphertext was made. */
export interface Pbes2 {
  readonly prf: HashName;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly iv: Uint8Array;
}

/** Reads an AlgorithmIdentifier. @throws DerFailure, PasswordFailure `unsupported-scheme` or `too-many-iterations` */
export function readPbes2(from: DerReader): Pbes2 {
  const algorithm = from.sequence();
  expectOid(algorithm, OID.pbes2);
  const parameters = algorithm.sequence();
  algorithm.end();

  const kdf = parameters.sequence();
  expectOid(kdf, OID.pbkdf2);
  const rounds = kdf.sequence();
  kdf.end();
  const salt = rounds.octets();
  const iterations = rounds.count(2 ** 47);
  if (iterations > MAX_ITERATIONS || salt.length > MAX_SALT_LENGTH) {
    throw new PasswordFailure("too-many-iterations");
  }
  const keyLength = rounds.tag === TAG.integer ? rounds.count(255) : KEY_LENGTH;
  const prf = readPrf(rounds.optional(TAG.sequence));
  rounds.end();

  const cipher = parameters.sequence();
  parameters.end();
  expectOid(cipher, OID.aes256Cbc);
  const iv = cipher.octets();
  cipher.end();
  const fits = prf !== null && iterations > 0 && keyLength === KEY_LENGTH;
  if (!fits || iv.length !== IV_LENGTH) throw new PasswordFailure("unsupported-scheme");
  return { prf, salt, iterations, iv };
}

function expectOid(from: DerReader, expected: string): void {
  if (from.oid() !== expected) throw new PasswordFailure("unsupported-scheme");
}

/** HMAC-SHA-1 where left out (RFC 8018 §A.2). */
function readPrf(from: DerReader | null): HashName | null {
  if (from === null) return "sha1";
  const prf = PRFS[from.oid()] ?? null;
  if (from.tag >= 0) from.null();
  from.end();
  return prf;
}

/** @throws PasswordFailure `wrong-password` where the padding does not hold. */
export function decrypt(
  { prf, salt, iterations, iv }: Pbes2,
  ciphertext: Uint8Array,
  password: string,
  crypto: Crypto,
): Uint8Array {
  const key = crypto.pbkdf2(prf, utf8(password), salt, iterations, KEY_LENGTH);
  const plaintext = crypto.aesCbcDecrypt(key, iv, ciphertext);
  if (plaintext === null) throw new PasswordFailure("wrong-password");
  return plaintext;
}

/** Runs a parser on what was decrypted: a wrong password may pass the padding, and then the DER is noise. */
export function readDecrypted<T>(plaintext: Uint8Array, read: (from: DerReader) => T): T {
  const from = new DerReader(plaintext);
  // A SEQUENCE over exactly all bytes is what every plaintext here begins with.
  const looksRight = from.tag === TAG.sequence;
  if (!looksRight) throw new PasswordFailure("wrong-password");
  const result = read(from);
  from.end();
  return result;
}
