/** A crypto provider whose passwords cost nothing to try: for tests that make many a PKCS#12 on an interpreter. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";

/** As `crypto`, but with one round wherever a password becomes a key; its files are opened by itself alone. */
export function cheapPasswords(crypto: Crypto): Crypto {
  return {
    ...crypto,
    pbkdf2: (hash, password, salt, _iterations, length) =>
      crypto.pbkdf2(hash, password, salt, 1, length),
    digestRounds: (hash, message) => crypto.digestRounds(hash, message, 1),
  };
}
