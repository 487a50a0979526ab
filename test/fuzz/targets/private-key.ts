/**
 * PKCS#8 in the open and under a password that is always right. What is read is
 * written and read again as the same key; anything else is a failure of ours.
 */
import { DerFailure } from "../../../src/base/der.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { PasswordFailure } from "../../../src/proto/x509/pbes2.ts";
import {
  encodePrivateKey,
  parseEncryptedPrivateKey,
  parsePrivateKey,
} from "../../../src/proto/x509/pkcs8.ts";
import { holdSame, leavesNothing, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const FAILURES = [DerFailure, X509Failure, PasswordFailure] as const;

export function fuzz(bytes: Uint8Array): void {
  for (const parse of [
    (encoded: Uint8Array) => parsePrivateKey(encoded, openCrypto),
    (encoded: Uint8Array) => parseEncryptedPrivateKey(encoded, "password", openCrypto),
  ]) {
    const key = valueOf(() => parse(bytes), FAILURES);
    if (key === null) continue;
    leavesNothing(parse, bytes, FAILURES);
    const again = parsePrivateKey(encodePrivateKey(key, openCrypto), openCrypto);
    holdSame(again.scalar, key.scalar, "the key survives");
  }
}
