/**
 * A bare public key: read or refused in the way of X.509, nothing of it left
 * unread, of a size that is taken, and for curves of one form alone.
 */
import { DerFailure } from "../../../src/base/der.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import {
  encodeRawPublicKey,
  MAX_RAW_KEY_LENGTH,
  parseRawPublicKey,
} from "../../../src/proto/x509/raw-key.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const FAILURES = [DerFailure, X509Failure] as const;

export function fuzz(bytes: Uint8Array): void {
  const parse = (octets: Uint8Array): unknown => parseRawPublicKey(octets, openCrypto);
  const key = valueOf(() => parseRawPublicKey(bytes, openCrypto), FAILURES);
  if (key === null) return;
  leavesNothing(parse, bytes, FAILURES);
  hold(bytes.length <= MAX_RAW_KEY_LENGTH, "the bound");
  holdSame(key.spki, bytes, "the octets as they came");
  if (key.publicKey.kind === "ec") {
    holdSame(encodeRawPublicKey(key.publicKey), bytes, "a key has one form");
    return;
  }
  const { modulus, exponent } = key.publicKey;
  hold(modulus.length >= 256 && modulus.length <= 1024, "RSA within bounds");
  hold(modulus[0] !== 0 && exponent[0] !== 0, "numbers without zeros in front");
}
