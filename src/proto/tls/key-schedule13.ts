/**
 * The keys of TLS 1.3 and DTLS 1.3: a chain of secrets, each bound to the
 * transcript so far, and what is expanded from them.
 *
 *     0 -> Extract(PSK or 0) = early secret
 *            -> "res binder", "imp binder"
 *       -> Derive "derived" -> Extract(ECDHE) = handshake secret
 *            -> "c hs traffic", "s hs traffic"        (up to ServerHello)
 *       -> Derive "derived" -> Extract(0) = main secret
 *            -> "c ap traffic", "s ap traffic", "exp master"   (up to the server's Finished)
 *            -> "res master"                                   (up to the client's Finished)
 *
 * @see RFC 8446 §7; RFC 9147 §5.9 (the other prefix), §4.2.3 ("sn")
 */
import { utf8, Writer } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import { hkdfExpand, hkdfExtract } from "../../base/crypto/kdf.ts";
import type { DirectionKeys } from "./record.ts";
import type { Suite } from "./suites.ts";
import type { Transport } from "./wire.ts";

/** HKDF as one connection uses it: its hash, and what every label begins with. */
export interface Kdf13 {
  readonly crypto: Crypto;
  readonly hash: HashName;
  readonly prefix: "tls13 " | "dtls13";
}

export function kdf13(crypto: Crypto, hash: HashName, transport: Transport = "stream"): Kdf13 {
  return { crypto, hash, prefix: transport === "stream" ? "tls13 " : "dtls13" };
}

/** A secret per direction, named for the side that writes under it. */
export interface TrafficSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** What the key agreement gives, up to the end of the handshake. */
export interface HandshakeSecrets extends TrafficSecrets {
  /** The main secret: {@link applicationSecrets} and {@link resumptionSecret} come from it. */
  readonly main: Uint8Array;
}

export interface ApplicationSecrets extends TrafficSecrets {
  readonly exporter: Uint8Array;
}

const EMPTY = new Uint8Array();

/**
 * HKDF-Expand-Label.
 *
 * @param label - ASCII without its prefix, at most 249 bytes.
 * @throws RangeError for a longer label, or a length above 255 hashes.
 * @see RFC 8446 §7.1
 */
export function expandLabel(
  { crypto, hash, prefix }: Kdf13,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer()
    .u16(length)
    .vector8(utf8(prefix + label))
    .vector8(context);
  return hkdfExpand(crypto, hash, secret, info.bytes(), length);
}

/** Derive-Secret, over a hash already taken. @see RFC 8446 §7.1 */
export function deriveSecret(
  kdf: Kdf13,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return expandLabel(kdf, secret, label, transcriptHash, transcriptHash.length);
}

/** @param psk - The pre-shared key, or null for a handshake without one. */
export function earlySecret({ crypto, hash }: Kdf13, psk: Uint8Array | null): Uint8Array {
  const zeros = new Uint8Array(crypto.digest(hash, EMPTY).length);
  return hkdfExtract(crypto, hash, zeros, psk ?? zeros);
}

/**
 * What a binder is made with, as if it were the secret of a Finished: `res` for
 * a session that is resumed, `imp` for a key that was imported (RFC 9258 §4.2).
 *
 * @see RFC 8446 §4.2.11.2
 */
export function binderKey(kdf: Kdf13, early: Uint8Array, of: "res" | "imp"): Uint8Array {
  return deriveSecret(kdf, early, `${of} binder`, kdf.crypto.digest(kdf.hash, EMPTY));
}

/**
 * @param early - Overwritten here.
 * @param shared - The ECDHE result; overwritten here.
 * @param transcriptHash - Of the messages up to ServerHello.
 */
export function handshakeSecrets(
  kdf: Kdf13,
  early: Uint8Array,
  shared: Uint8Array,
  transcriptHash: Uint8Array,
): HandshakeSecrets {
  const { crypto, hash } = kdf;
  const nothing = crypto.digest(hash, EMPTY);
  const step = (secret: Uint8Array, input: Uint8Array): Uint8Array =>
    hkdfExtract(crypto, hash, deriveSecret(kdf, secret, "derived", nothing), input);
  const handshake = step(early, shared);
  early.fill(0);
  shared.fill(0);
  const secrets = {
    client: deriveSecret(kdf, handshake, "c hs traffic", transcriptHash),
    server: deriveSecret(kdf, handshake, "s hs traffic", transcriptHash),
    main: step(handshake, new Uint8Array(nothing.length)),
  };
  handshake.fill(0);
  return secrets;
}

/** @param transcriptHash - Of the messages up to the server's Finished. */
export function applicationSecrets(
  kdf: Kdf13,
  main: Uint8Array,
  transcriptHash: Uint8Array,
): ApplicationSecrets {
  return {
    client: deriveSecret(kdf, main, "c ap traffic", transcriptHash),
    server: deriveSecret(kdf, main, "s ap traffic", transcriptHash),
    exporter: deriveSecret(kdf, main, "exp master", transcriptHash),
  };
}

/** What the keys of tickets come from. @param transcriptHash - Of the messages up to the client's Finished. */
export function resumptionSecret(
  kdf: Kdf13,
  main: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  return deriveSecret(kdf, main, "res master", transcriptHash);
}

/** The pre-shared key of one ticket, as long as the hash. @see RFC 8446 §4.6.1 */
export function ticketKey(kdf: Kdf13, resumption: Uint8Array, nonce: Uint8Array): Uint8Array {
  return expandLabel(kdf, resumption, "resumption", nonce, resumption.length);
}

/** Keys under one traffic secret. @see RFC 8446 §7.3, RFC 9147 §4.2.3 */
export function trafficKeys(kdf: Kdf13, suite: Suite, secret: Uint8Array): DirectionKeys {
  const { keyLength, fixedIvLength } = suite;
  const keys = {
    key: expandLabel(kdf, secret, "key", EMPTY, keyLength),
    iv: expandLabel(kdf, secret, "iv", EMPTY, fixedIvLength),
  };
  if (kdf.prefix === "tls13 ") return keys;
  return { ...keys, sn: expandLabel(kdf, secret, "sn", EMPTY, keyLength) };
}

/** The secret after a KeyUpdate; the old one is overwritten. @see RFC 8446 §7.2 */
export function nextSecret(kdf: Kdf13, secret: Uint8Array): Uint8Array {
  const next = expandLabel(kdf, secret, "traffic upd", EMPTY, secret.length);
  secret.fill(0);
  return next;
}

/**
 * verify_data, as long as the hash.
 *
 * @param secret - The sender's handshake traffic secret, or a {@link binderKey}.
 * @see RFC 8446 §4.4.4
 */
export function verifyData13(
  kdf: Kdf13,
  secret: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  const key = expandLabel(kdf, secret, "finished", EMPTY, secret.length);
  return kdf.crypto.hmac(kdf.hash, key, transcriptHash);
}

/** Keying material for uses outside TLS. @see RFC 8446 §7.5 */
export class Exporter13 {
  readonly #kdf: Kdf13;
  readonly #secret: Uint8Array;
  #forgotten = false;

  /** @param secret - The exporter secret; the exporter owns it from here on. */
  constructor(kdf: Kdf13, secret: Uint8Array) {
    this.#kdf = kdf;
    this.#secret = secret;
  }

  /** No context is the same as an empty one. @throws RangeError */
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    if (this.#forgotten) throw new RangeError("The session's secret was forgotten: export first.");
    const { crypto, hash } = this.#kdf;
    const derived = deriveSecret(this.#kdf, this.#secret, label, crypto.digest(hash, EMPTY));
    const contextHash = crypto.digest(hash, context ?? EMPTY);
    return expandLabel(this.#kdf, derived, "exporter", contextHash, length);
  }

  /** Overwrites the secret; nothing can be exported afterwards. */
  forget(): void {
    this.#secret.fill(0);
    this.#forgotten = true;
  }
}
