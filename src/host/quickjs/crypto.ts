/** The noble provider with SHA-256 from the C host: most of what a handshake hashes, and all that a password costs. */
import type { Crypto } from "../../base/crypto/crypto.ts";
import { noble } from "../../base/crypto/noble.ts";
import { requirePbkdf2, requireRounds } from "../../base/crypto/lengths.ts";
import { checked, native } from "./native.ts";

/** See {@link Crypto}. */
export const quickJsCrypto: Crypto = {
  ...noble,
  name: "quickjs",

  digest(hash, message) {
    return hash === "sha256" ? sha256(message, 1) : noble.digest(hash, message);
  },

  digestRounds(hash, message, rounds) {
    if (hash !== "sha256") return noble.digestRounds(hash, message, rounds);
    requireRounds(rounds);
    return sha256(message, rounds);
  },

  hmac(hash, key, message) {
    if (hash !== "sha256") return noble.hmac(hash, key, message);
    const { buffer, byteOffset, length } = message;
    const mac = native.hmacSha256(
      key.buffer,
      key.byteOffset,
      key.length,
      buffer,
      byteOffset,
      length,
    );
    return new Uint8Array(mac);
  },

  pbkdf2(hash, password, salt, iterations, length) {
    if (hash !== "sha256") return noble.pbkdf2(hash, password, salt, iterations, length);
    requirePbkdf2(iterations, length);
    const derived = native.pbkdf2Sha256(
      password.buffer,
      password.byteOffset,
      password.length,
      salt.buffer,
      salt.byteOffset,
      salt.length,
      iterations,
      length,
    );
    return new Uint8Array(checked<ArrayBuffer>("pbkdf2", derived));
  },
};

function sha256({ buffer, byteOffset, length }: Uint8Array, rounds: number): Uint8Array {
  const digest = native.sha256(buffer, byteOffset, length, rounds);
  return new Uint8Array(checked<ArrayBuffer>("sha256", digest));
}
