/** Lengths and counts every provider checks alike, so that none is laxer than another. */
import type { AeadName, RecordNumberCipherName } from "./crypto.ts";

/** Octets of every nonce here (RFC 5116 §5, RFC 6655 §3, RFC 7905 §2). */
export const NONCE_LENGTH = 12;

/** Octets one CCM message may have: its length field has 3 octets beside a 12-byte nonce (RFC 3610 §2). */
export const MAX_CCM_LENGTH: number = 2 ** 24 - 1;

export interface AeadForm {
  readonly mode: "gcm" | "ccm" | "chacha20-poly1305";
  readonly keyLength: 16 | 32;
  readonly tagLength: 8 | 16;
}

const FORMS: Readonly<Record<AeadName, AeadForm>> = {
  "aes-128-gcm": { mode: "gcm", keyLength: 16, tagLength: 16 },
  "aes-256-gcm": { mode: "gcm", keyLength: 32, tagLength: 16 },
  "aes-128-ccm": { mode: "ccm", keyLength: 16, tagLength: 16 },
  "aes-128-ccm-8": { mode: "ccm", keyLength: 16, tagLength: 8 },
  "aes-256-ccm": { mode: "ccm", keyLength: 32, tagLength: 16 },
  "aes-256-ccm-8": { mode: "ccm", keyLength: 32, tagLength: 8 },
  "chacha20-poly1305": { mode: "chacha20-poly1305", keyLength: 32, tagLength: 16 },
};

/** The lengths of `algorithm`. @throws RangeError when the key has another one. */
export function aeadForm(algorithm: AeadName, key: Uint8Array): AeadForm {
  const form = FORMS[algorithm];
  requireLength("an AEAD key", key, form.keyLength);
  return form;
}

/** Octets of ciphertext that a record number's mask is made from (RFC 9147 §4.2.3). */
export const SAMPLE_LENGTH = 16;

const RECORD_NUMBER_KEYS: Readonly<Record<RecordNumberCipherName, number>> = {
  "aes-128": 16,
  "aes-256": 32,
  chacha20: 32,
};

/** @throws RangeError when the key does not fit `algorithm`. */
export function requireRecordNumberKey(algorithm: RecordNumberCipherName, key: Uint8Array): void {
  requireLength("a record number key", key, RECORD_NUMBER_KEYS[algorithm]);
}

/** @throws RangeError when the sample has not 16 octets. */
export function requireSample(sample: Uint8Array): void {
  requireLength("a sample of ciphertext", sample, SAMPLE_LENGTH);
}

/** @throws RangeError that names what it was and both lengths, and no octet of it. */
export function requireLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new RangeError(`${what} has ${length} octets, not ${bytes.length}`);
  }
}

/** @throws RangeError where it is not whole and positive. */
export function requireRounds(rounds: number): void {
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError("rounds are one or more");
}

/** @throws RangeError where PBKDF2's numbers are not whole and positive. */
export function requirePbkdf2(iterations: number, length: number): void {
  for (const number of [iterations, length]) {
    if (!Number.isSafeInteger(number) || number < 1) {
      throw new RangeError(`PBKDF2 takes whole numbers from 1 on, not ${number}`);
    }
  }
}
