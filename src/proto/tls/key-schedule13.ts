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
import type { Crypto, HashName, HmacKey } from "../../base/crypto/crypto.ts";
import { hkdfExpandFrom, hkdfExtract } from "../../base/crypto/kdf.ts";
import type { DirectionKeys } from "./record.ts";
import type { Suite } from "./suites.ts";
import type { Transport } from "./wire.ts";

const EMPTY = new Uint8Array();

const LABELS = [
  ...["derived", "c hs traffic", "s hs traffic", "c ap traffic", "s ap traffic", "exp master"],
  ...["res master", "res binder", "resumption", "finished", "key", "iv", "sn"],
] as const;

/** HKDF as connections use it: its hash, what every label begins with, and what comes out the same in all of them. */
export class Kdf13 {
  readonly crypto: Crypto;
  readonly hash: HashName;
  readonly prefix: "tls13 " | "dtls13";
  /** The hash of no messages. */
  readonly nothing: Uint8Array;
  /** The labels of every handshake, with the prefix. */
  readonly #names: ReadonlyMap<string, Uint8Array>;
  #withoutPsk: HmacKey | null = null;

  constructor(crypto: Crypto, hash: HashName, prefix: Kdf13["prefix"]) {
    this.crypto = crypto;
    this.hash = hash;
    this.prefix = prefix;
    this.nothing = crypto.digest(hash, EMPTY);
    this.#names = new Map(LABELS.map((label) => [label, utf8(prefix + label)]));
  }

  /** A label as it is hashed. */
  nameOf(label: string): Uint8Array {
    return this.#names.get(label) ?? utf8(this.prefix + label);
  }

  /** What the ECDHE result is extracted with where there is no pre-shared key: no secret, and always the same. */
  get withoutPsk(): HmacKey {
    if (this.#withoutPsk !== null) return this.#withoutPsk;
    const salt = deriveSecret(this, earlySecret(this, null), "derived", this.nothing);
    this.#withoutPsk = this.crypto.hmacKey(this.hash, salt);
    return this.#withoutPsk;
  }
}

/** Each provider's, so that their constants are computed once. */
const known = new WeakMap<Crypto, Kdf13[]>();

export function kdf13(crypto: Crypto, hash: HashName, transport: Transport = "stream"): Kdf13 {
  const own = known.get(crypto) ?? [];
  known.set(crypto, own);
  const prefix = transport === "stream" ? "tls13 " : "dtls13";
  const found = own.find((kdf) => kdf.hash === hash && kdf.prefix === prefix);
  if (found !== undefined) return found;
  const made = new Kdf13(crypto, hash, prefix);
  own.push(made);
  return made;
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

/**
 * HKDF-Expand-Label.
 *
 * @param label - ASCII without its prefix, at most 249 bytes.
 * @throws RangeError for a longer label, or a length above 255 hashes.
 * @see RFC 8446 §7.1
 */
export function expandLabel(
  kdf: Kdf13,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const key = kdf.crypto.hmacKey(kdf.hash, secret);
  const expanded = expandLabelFrom(kdf, key, label, context, length);
  key.forget();
  return expanded;
}

/** The same of a secret that several labels are expanded from. */
function expandLabelFrom(
  kdf: Kdf13,
  secret: HmacKey,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer().u16(length).vector8(kdf.nameOf(label)).vector8(context);
  return hkdfExpandFrom(secret, info.bytes(), length);
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
export function earlySecret({ crypto, hash, nothing }: Kdf13, psk: Uint8Array | null): Uint8Array {
  const zeros = new Uint8Array(nothing.length);
  return hkdfExtract(crypto, hash, zeros, psk ?? zeros);
}

/**
 * What a binder is made with, as if it were the secret of a Finished: `res` for
 * a session that is resumed, `imp` for a key that was imported (RFC 9258 §4.2).
 *
 * @see RFC 8446 §4.2.11.2
 */
export function binderKey(kdf: Kdf13, early: Uint8Array, of: "res" | "imp"): Uint8Array {
  return deriveSecret(kdf, early, `${of} binder`, kdf.nothing);
}

/**
 * @param early - Of a pre-shared key, overwritten here; null for a handshake without one.
 * @param shared - The ECDHE result; overwritten here.
 * @param transcriptHash - Of the messages up to ServerHello.
 */
export function handshakeSecrets(
  kdf: Kdf13,
  early: Uint8Array | null,
  shared: Uint8Array,
  transcriptHash: Uint8Array,
): HandshakeSecrets {
  const { crypto, hash, nothing } = kdf;
  const handshake =
    early === null
      ? kdf.withoutPsk.mac(shared)
      : hkdfExtract(crypto, hash, deriveSecret(kdf, early, "derived", nothing), shared);
  early?.fill(0);
  shared.fill(0);
  const key = crypto.hmacKey(hash, handshake);
  const derive = (label: string, context: Uint8Array): Uint8Array =>
    expandLabelFrom(kdf, key, label, context, context.length);
  const secrets = {
    client: derive("c hs traffic", transcriptHash),
    server: derive("s hs traffic", transcriptHash),
    main: hkdfExtract(crypto, hash, derive("derived", nothing), new Uint8Array(nothing.length)),
  };
  key.forget();
  handshake.fill(0);
  return secrets;
}

/** @param transcriptHash - Of the messages up to the server's Finished. */
export function applicationSecrets(
  kdf: Kdf13,
  main: Uint8Array,
  transcriptHash: Uint8Array,
): ApplicationSecrets {
  const key = kdf.crypto.hmacKey(kdf.hash, main);
  const { length } = transcriptHash;
  // In one buffer: they live as long as the connection, and a buffer costs more than what is in it.
  const secrets = new Uint8Array(3 * length);
  const derive = (label: string, at: number): Uint8Array => {
    const derived = expandLabelFrom(kdf, key, label, transcriptHash, length);
    secrets.set(derived, at * length);
    derived.fill(0);
    return secrets.subarray(at * length, (at + 1) * length);
  };
  const application = {
    client: derive("c ap traffic", 0),
    server: derive("s ap traffic", 1),
    exporter: derive("exp master", 2),
  };
  key.forget();
  return application;
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
  const from = kdf.crypto.hmacKey(kdf.hash, secret);
  const expand = (label: string, length: number): Uint8Array =>
    expandLabelFrom(kdf, from, label, EMPTY, length);
  const keys = { key: expand("key", keyLength), iv: expand("iv", fixedIvLength) };
  const all = kdf.prefix === "tls13 " ? keys : { ...keys, sn: expand("sn", keyLength) };
  from.forget();
  return all;
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
    const { crypto, hash, nothing } = this.#kdf;
    const derived = deriveSecret(this.#kdf, this.#secret, label, nothing);
    const contextHash = context === null ? nothing : crypto.digest(hash, context);
    return expandLabel(this.#kdf, derived, "exporter", contextHash, length);
  }

  /** Overwrites the secret; nothing can be exported afterwards. */
  forget(): void {
    this.#secret.fill(0);
    this.#forgotten = true;
  }
}
