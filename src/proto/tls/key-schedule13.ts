/**
 * The keys of TLS 1.3: a chain of secrets without a pre-shared key, each bound
 * to the transcript so far, and what is expanded from them.
 *
 *     0 -> Extract(0) = early secret
 *       -> Derive "derived" -> Extract(ECDHE) = handshake secret
 *            -> "c hs traffic", "s hs traffic"        (up to ServerHello)
 *       -> Derive "derived" -> Extract(0) = main secret
 *            -> "c ap traffic", "s ap traffic", "exp master"   (up to the server's Finished)
 *
 * @see RFC 8446 §7
 */
import { utf8, Writer } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import { hkdfExpand, hkdfExtract } from "../../base/crypto/kdf.ts";
import type { DirectionKeys } from "./record.ts";
import type { Suite } from "./suites.ts";

/** A secret per direction, named for the side that writes under it. */
export interface TrafficSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** What the key agreement gives, up to the end of the handshake. */
export interface HandshakeSecrets extends TrafficSecrets {
  /** The main secret; only {@link applicationSecrets} needs it. */
  readonly main: Uint8Array;
}

export interface ApplicationSecrets extends TrafficSecrets {
  readonly exporter: Uint8Array;
}

const EMPTY = new Uint8Array();

/**
 * HKDF-Expand-Label.
 *
 * @param label - ASCII without "tls13 ", at most 249 bytes.
 * @throws RangeError for a longer label, or a length above 255 hashes.
 * @see RFC 8446 §7.1
 */
export function expandLabel(
  crypto: Crypto,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer()
    .u16(length)
    .vector8(utf8(`tls13 ${label}`))
    .vector8(context);
  return hkdfExpand(crypto, hash, secret, info.bytes(), length);
}

/** Derive-Secret, over a hash already taken. @see RFC 8446 §7.1 */
export function deriveSecret(
  crypto: Crypto,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return expandLabel(crypto, hash, secret, label, transcriptHash, transcriptHash.length);
}

/**
 * @param shared - The ECDHE result; overwritten here.
 * @param transcriptHash - Of the messages up to ServerHello.
 */
export function handshakeSecrets(
  crypto: Crypto,
  hash: HashName,
  shared: Uint8Array,
  transcriptHash: Uint8Array,
): HandshakeSecrets {
  const zeros = new Uint8Array(transcriptHash.length);
  const nothing = crypto.digest(hash, EMPTY);
  const step = (secret: Uint8Array, input: Uint8Array): Uint8Array =>
    hkdfExtract(crypto, hash, deriveSecret(crypto, hash, secret, "derived", nothing), input);

  const early = hkdfExtract(crypto, hash, zeros, zeros);
  const handshake = step(early, shared);
  shared.fill(0);
  const secrets = {
    client: deriveSecret(crypto, hash, handshake, "c hs traffic", transcriptHash),
    server: deriveSecret(crypto, hash, handshake, "s hs traffic", transcriptHash),
    main: step(handshake, zeros),
  };
  handshake.fill(0);
  return secrets;
}

/**
 * @param main - Overwritten here.
 * @param transcriptHash - Of the messages up to the server's Finished.
 */
export function applicationSecrets(
  crypto: Crypto,
  hash: HashName,
  main: Uint8Array,
  transcriptHash: Uint8Array,
): ApplicationSecrets {
  const secrets = {
    client: deriveSecret(crypto, hash, main, "c ap traffic", transcriptHash),
    server: deriveSecret(crypto, hash, main, "s ap traffic", transcriptHash),
    exporter: deriveSecret(crypto, hash, main, "exp master", transcriptHash),
  };
  main.fill(0);
  return secrets;
}

/** Keys under one traffic secret. @see RFC 8446 §7.3 */
export function trafficKeys(crypto: Crypto, suite: Suite, secret: Uint8Array): DirectionKeys {
  const { hash, keyLength, fixedIvLength } = suite;
  return {
    key: expandLabel(crypto, hash, secret, "key", EMPTY, keyLength),
    iv: expandLabel(crypto, hash, secret, "iv", EMPTY, fixedIvLength),
  };
}

/** The secret after a KeyUpdate; the old one is overwritten. @see RFC 8446 §7.2 */
export function nextSecret(crypto: Crypto, hash: HashName, secret: Uint8Array): Uint8Array {
  const next = expandLabel(crypto, hash, secret, "traffic upd", EMPTY, secret.length);
  secret.fill(0);
  return next;
}

/** verify_data, as long as the hash. @param secret - The sender's handshake traffic secret. @see RFC 8446 §4.4.4 */
export function verifyData13(
  crypto: Crypto,
  hash: HashName,
  secret: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  const key = expandLabel(crypto, hash, secret, "finished", EMPTY, secret.length);
  return crypto.hmac(hash, key, transcriptHash);
}

/** Keying material for uses outside TLS. @see RFC 8446 §7.5 */
export class Exporter13 {
  readonly #crypto: Crypto;
  readonly #hash: HashName;
  readonly #secret: Uint8Array;
  #forgotten = false;

  /** @param secret - The exporter secret; the exporter owns it from here on. */
  constructor(crypto: Crypto, hash: HashName, secret: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#secret = secret;
  }

  /** No context is the same as an empty one. @throws RangeError */
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    if (this.#forgotten) throw new RangeError("The session's secret was forgotten: export first.");
    const [crypto, hash] = [this.#crypto, this.#hash];
    const derived = deriveSecret(crypto, hash, this.#secret, label, crypto.digest(hash, EMPTY));
    const contextHash = crypto.digest(hash, context ?? EMPTY);
    return expandLabel(crypto, hash, derived, "exporter", contextHash, length);
  }

  /** Overwrites the secret; nothing can be exported afterwards. */
  forget(): void {
    this.#secret.fill(0);
    this.#forgotten = true;
  }
}
