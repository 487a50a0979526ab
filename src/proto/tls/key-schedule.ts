/**
 * The keys of TLS 1.2: master secret bound to the handshake (RFC 7627),
 * record keys, Finished values and exported keys.
 */
import { concat, toHex, Writer } from "../../base/bytes.ts";
import type { Crypto, HashName, HmacKey } from "../../base/crypto/crypto.ts";
import { prfTls12, prfTls12From } from "../../base/crypto/kdf.ts";
import type { DirectionKeys } from "./record.ts";
import type { Suite } from "./suites.ts";
import { MASTER_SECRET_LENGTH, VERIFY_DATA_LENGTH } from "./wire.ts";

/** Labels TLS uses itself: an exported key under one of them would be one of its own (RFC 5705 §4, RFC 7627 §4). */
const RESERVED_LABELS: readonly string[] = [
  "client finished",
  "server finished",
  "master secret",
  "extended master secret",
  "key expansion",
];

/** Keys of both directions, named for the side that writes with them. */
export interface RecordKeys {
  readonly client: DirectionKeys;
  readonly server: DirectionKeys;
}

/** The hellos' random values, 32 bytes each. */
export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** Copies of both, in one buffer: they live as long as the session, and a buffer costs more than what is in it. */
export function randomsOf(client: Uint8Array, server: Uint8Array): Randoms {
  const both = concat(client, server);
  return { client: both.subarray(0, client.length), server: both.subarray(client.length) };
}

/**
 * The extended master secret, 48 bytes.
 *
 * @param premaster - Overwritten here: nothing needs it afterwards.
 * @param sessionHash - The transcript's hash up to and including ClientKeyExchange.
 * @see RFC 7627 §4
 */
export function extendedMasterSecret(
  crypto: Crypto,
  hash: HashName,
  premaster: Uint8Array,
  sessionHash: Uint8Array,
): Uint8Array {
  const label = "extended master secret";
  const master = prfTls12(crypto, hash, premaster, label, sessionHash, MASTER_SECRET_LENGTH);
  premaster.fill(0);
  return master;
}

/**
 * The premaster secret of a pre-shared key with ephemeral ECDH.
 *
 * @param shared - The ECDH result; overwritten here, like `key`.
 * @see RFC 5489 §2
 */
export function pskPremaster(shared: Uint8Array, key: Uint8Array): Uint8Array {
  const premaster = new Uint8Array(4 + shared.length + key.length);
  premaster.set([shared.length >> 8, shared.length & 0xff]);
  premaster.set(shared, 2);
  premaster.set([key.length >> 8, key.length & 0xff], 2 + shared.length);
  premaster.set(key, 4 + shared.length);
  shared.fill(0);
  key.fill(0);
  return premaster;
}

/** Everything that follows from one master secret. */
export class KeySchedule {
  readonly #crypto: Crypto;
  readonly #hash: HashName;
  readonly #randoms: Randoms;
  readonly #master: Uint8Array;
  /** The same as a key of the PRF, while the handshake derives one thing after another. */
  #working: HmacKey | null = null;
  #forgotten = false;

  /** @param master - 48 bytes, of this handshake or of the session that it resumes; the schedule owns it. */
  constructor(crypto: Crypto, hash: HashName, randoms: Randoms, master: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#randoms = randoms;
    this.#master = master;
  }

  /** No MAC keys: every suite here is an AEAD. @see RFC 5246 §6.3 */
  recordKeys(suite: Suite): RecordKeys {
    const { keyLength, fixedIvLength } = suite;
    const seed = concat(this.#randoms.server, this.#randoms.client);
    const block = this.#derive("key expansion", seed, 2 * (keyLength + fixedIvLength));
    const ivs = 2 * keyLength;
    return {
      client: { key: block.subarray(0, keyLength), iv: block.subarray(ivs, ivs + fixedIvLength) },
      server: { key: block.subarray(keyLength, ivs), iv: block.subarray(ivs + fixedIvLength) },
    };
  }

  /** @param transcriptHash - Of all messages before this Finished. @see RFC 5246 §7.4.9 */
  verifyData(from: "client" | "server", transcriptHash: Uint8Array): Uint8Array {
    return this.#derive(`${from} finished`, transcriptHash, VERIFY_DATA_LENGTH);
  }

  /** @throws RangeError @see RFC 5705 §4 */
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    if (RESERVED_LABELS.includes(label)) {
      throw new RangeError(`"${label}" is a label of TLS itself: choose another.`);
    }
    const seed = new Writer().raw(this.#randoms.client).raw(this.#randoms.server);
    if (context !== null) seed.vector16(context);
    const exported = this.#derive(label, seed.bytes(), length);
    this.settle();
    return exported;
  }

  /** A copy, for a session to come back to. */
  masterSecret(): Uint8Array {
    if (this.#forgotten) throw new RangeError("The session's secret was forgotten.");
    return this.#master.slice();
  }

  /** The handshake is over: keeps no more than it must. What is exported from here on takes a little longer. */
  settle(): void {
    this.#working?.forget();
    this.#working = null;
  }

  /** The secret as a line of the NSS key log format. */
  keyLogLine(): string {
    return `CLIENT_RANDOM ${toHex(this.#randoms.client)} ${toHex(this.#master)}`;
  }

  /** Overwrites the master secret; nothing can be derived afterwards. */
  forget(): void {
    this.settle();
    this.#master.fill(0);
    this.#forgotten = true;
  }

  #derive(label: string, seed: Uint8Array, length: number): Uint8Array {
    if (this.#forgotten) throw new RangeError("The session's secret was forgotten: export first.");
    this.#working ??= this.#crypto.hmacKey(this.#hash, this.#master);
    return prfTls12From(this.#working, label, seed, length);
  }
}
