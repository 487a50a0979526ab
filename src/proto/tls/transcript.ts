/** The handshake messages of both sides in order: hashed for Finished, kept whole for CertificateVerify. */
import { concat } from "../../base/bytes.ts";
import type { Crypto, HashName, Hasher } from "../../base/crypto/crypto.ts";

export class Transcript {
  readonly #hasher: Hasher;
  #messages: Uint8Array[] | null = [];

  constructor(crypto: Crypto, hash: HashName) {
    this.#hasher = crypto.hasher(hash);
  }

  /** @param message - Header and body. */
  add(message: Uint8Array): void {
    this.#hasher.update(message);
    this.#messages?.push(message);
  }

  /** The hash of all messages so far. */
  hash(): Uint8Array {
    return this.#hasher.digest();
  }

  /**
   * All messages so far. A client signs them with a hash of its own choice
   * (RFC 5246 §7.4.8), so the running hash does not do.
   */
  signed(): Uint8Array {
    if (this.#messages === null) throw new Error("the transcript's messages were dropped");
    return concat(...this.#messages);
  }

  /** Keeps the hash only: no signature over the messages is to come. */
  dropMessages(): void {
    this.#messages = null;
  }
}
