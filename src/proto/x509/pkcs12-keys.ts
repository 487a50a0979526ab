/** How PKCS#12 makes keys of a password (RFC 7292 appendix B), and the one scheme of its own that phones still want. */
import { concat } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import * as der from "../../base/der-write.ts";
import { OID } from "./oids.ts";
import { checkIterations, SALT_LENGTH } from "./pbes2.ts";
import type { Encrypted, Encryption } from "./pbes2.ts";
import { BLOCK, tripleDesEncrypt } from "./triple-des.ts";

/** The ID octet (RFC 7292 §B.3). */
const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/** Octets of a block of the hashes used here (RFC 7292 §B.2 calls it v). */
const BLOCK_LENGTH: Readonly<Record<HashName, number>> = {
  md5: 64,
  sha1: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
};

/** What a password is hashed with, and how often. */
export interface Derivation {
  readonly crypto: Pick<Crypto, "digestRounds">;
  readonly hash: HashName;
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** RFC 7292 §B.2. @param length - octets of the key */
export function deriveKey(
  purpose: keyof typeof PURPOSE,
  length: number,
  { crypto, hash, password, salt, iterations }: Derivation,
): Uint8Array {
  const block = BLOCK_LENGTH[hash];
  const secret = concat(der.ucs2(password), new Uint8Array(2));
  const diversifier = new Uint8Array(block).fill(PURPOSE[purpose]);
  const input = concat(repeated(salt, block), repeated(secret, block));
  const parts: Uint8Array[] = [];
  for (let made = 0; made < length;) {
    const part = crypto.digestRounds(hash, concat(diversifier, input), iterations);
    parts.push(part);
    made += part.length;
    if (made < length) addToEach(input, repeated(part, block).subarray(0, block), block);
  }
  return concat(...parts).slice(0, length);
}

/** Adds `more` and one to each block of `input`, as big-endian numbers whose carry is lost. */
function addToEach(input: Uint8Array, more: Uint8Array, block: number): void {
  for (let end = input.length; end > 0; end -= block) {
    let carry = 1;
    for (let at = block - 1; at >= 0; at--) {
      const sum = input[end - block + at]! + more[at]! + carry;
      input[end - block + at] = sum;
      carry = sum >> 8;
    }
  }
}

/** Copies of `bytes`, the last one cut, up to a whole number of blocks. */
function repeated(bytes: Uint8Array, block: number): Uint8Array {
  const filled = new Uint8Array(Math.ceil(bytes.length / block) * block);
  return filled.map((_, at) => bytes[at % bytes.length]!);
}

/**
 * pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C).
 * @throws RangeError for iterations out of bounds
 */
export function encryptTripleDes(
  plaintext: Uint8Array,
  { crypto, random, password, iterations }: Encryption,
): Encrypted {
  checkIterations(iterations);
  const salt = random(SALT_LENGTH);
  const derivation = { crypto, hash: "sha1", password, salt, iterations } as const;
  const key = deriveKey("key", 3 * BLOCK, derivation);
  const iv = deriveKey("iv", BLOCK, derivation);
  const algorithm = der.sequence(
    der.oid(OID.pbeSha1TripleDes),
    der.sequence(der.octetString(salt), der.integer(iterations)),
  );
  return { algorithm, ciphertext: tripleDesEncrypt(key, iv, plaintext) };
}
