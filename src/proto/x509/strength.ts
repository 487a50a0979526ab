/** Which keys and signatures are strong enough to rely on. */
import type { Crypto, PublicKey, SignatureScheme } from "../../base/crypto/crypto.ts";
import { isRsaKey } from "../../base/crypto/rsa.ts";

/** `weak-key` for a point off its curve and for RSA outside 2048 to 8192 bits or with an odd exponent out of bounds. */
export function keyWeakness(key: PublicKey, crypto: Crypto): "weak-key" | null {
  const sound = key.kind === "ec" ? crypto.isOnCurve(key.curve, key.point) : isRsaKey(key);
  return sound ? null : "weak-key";
}

/** `weak-signature` for MD5 and SHA-1, whose collisions let a signature wander to another certificate. */
export function schemeWeakness(scheme: SignatureScheme): "weak-signature" | null {
  return scheme.hash === "md5" || scheme.hash === "sha1" ? "weak-signature" : null;
}
