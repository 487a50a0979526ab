/** The handshake messages of both sides in order: hashed for Finished, kept whole for CertificateVerify. */
import { concat, Writer } from "../../base/bytes.ts";
import type { Crypto, HashName, Hasher } from "../../base/crypto/crypto.ts";
import type { HandshakeMessage } from "./handshake-joiner.ts";

/** How a message stands in the transcript: as it is, or with the header of DTLS 1.2 (RFC 6347 §4.2.6). */
export type TranscriptForm = "tls" | "dtls12";

export class Transcript {
  readonly #hasher: Hasher;
  readonly #form: TranscriptForm;
  #messages: Uint8Array[] | null = [];
  /** Of all messages so far, where somebody has asked: several keys and proofs are made over one. */
  #hash: Uint8Array | null = null;

  constructor(crypto: Crypto, hash: HashName, form: TranscriptForm = "tls") {
    this.#hasher = crypto.hasher(hash);
    this.#form = form;
  }

  add(message: HandshakeMessage): void {
    const octets = transcribed(message, this.#form);
    this.#hasher.update(octets);
    this.#hash = null;
    this.#messages?.push(octets);
  }

  /**
   * Adds a ClientHello whose last octets are binders.
   *
   * @param tail - How many those octets are.
   * @returns the hash of everything before them: binders are made over it
   * @see RFC 8446 §4.2.11.2
   */
  addBefore(message: HandshakeMessage, tail: number): Uint8Array {
    const octets = transcribed(message, this.#form);
    this.#hasher.update(octets.subarray(0, octets.length - tail));
    const hash = this.#hasher.digest();
    this.#hasher.update(octets.subarray(octets.length - tail));
    this.#hash = null;
    this.#messages?.push(octets);
    return hash;
  }

  /** The hash of all messages so far; not to be written to. */
  hash(): Uint8Array {
    this.#hash ??= this.#hasher.digest();
    return this.#hash;
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

/** In DTLS 1.2 as if it had come in one fragment. */
function transcribed(
  { type, body, whole, sequence }: HandshakeMessage,
  form: TranscriptForm,
): Uint8Array {
  if (form === "tls") return whole;
  const header = new Writer().u8(type).u24(body.length).u16(sequence).u24(0).u24(body.length);
  return concat(header.bytes(), body);
}
