/** ES256 as COSE has it: r and s at full length, 64 octets (RFC 9053 §2.1), over the port's DER signatures. */
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import { ecdsaScalars, ecdsaSignature } from "../../base/crypto/ec.ts";
import type { RandomSource } from "../../base/machine.ts";
import { CoseFailure } from "./failure.ts";

/** Octets of a signature. */
export const SIGNATURE_LENGTH = 64;

/** @throws CoseFailure `unsupported-key` for a key on another curve */
export function signEs256(
  key: SigningKey,
  message: Uint8Array,
  random: RandomSource | null,
): Uint8Array {
  if (key.publicKey.curve !== "P-256") throw new CoseFailure("unsupported-key");
  // A provider's own signature has r and s in range.
  return ecdsaScalars("P-256", key.sign("sha256", message, random))!;
}

/** @throws CoseFailure `unsupported-key` for other than P-256, `bad-signature` */
export function verifyEs256(
  crypto: Crypto,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  if (key.kind !== "ec" || key.curve !== "P-256") throw new CoseFailure("unsupported-key");
  const der = ecdsaSignature("P-256", signature);
  const holds = der !== null && crypto.verify({ kind: "ecdsa", hash: "sha256" }, key, message, der);
  if (!holds) throw new CoseFailure("bad-signature");
}
