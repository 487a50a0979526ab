/**
 * Names that only a home and one of its devices can know: a label is a MAC over
 * the current interval of 2048 seconds, under the key that the two share. To
 * everyone else it is a random word, another one each half hour.
 *
 * Recognition is not authentication: DTLS follows. A label that is overheard
 * serves until its interval is no longer looked up, two intervals at most.
 *
 *     L(role) = base32(HMAC-SHA-256(K_disc, "HomeCA-DNSSD-v1" || 00 || role || e)[0..9]),  16 characters
 *     no clock  base32(N || HMAC-SHA-256(K_disc, "HomeCA-DNSSD-v1" || 00 || "N" || N)[0..9]), 24 characters
 *
 * @see Kaiser and Waldvogel 2014; draft-ietf-dnssd-privacy-05 §3 (whose intervals these are); RFC 8882
 */
import { concat, fromBase32, sameBytes, toBase32, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { mono } from "../../base/machine.ts";
import type { Mono, Unix } from "../../base/machine.ts";
import { PerSecond } from "./rate.ts";

export const INTERVAL_SECONDS = 2048;
/** Octets of a shared key, of a MAC in a label, and of the nonce of who has no clock. */
export const KEY_LENGTH = 32;
const MAC_LENGTH = 10;
export const NONCE_LENGTH = 5;
/** Characters of the labels. */
export const LABEL_LENGTH = 16;
export const CLOCKLESS_LABEL_LENGTH = 24;

/** Devices that a home has labels for. */
export const MAX_DEVICES = 1024;
/** Labels without a clock cost a MAC per device each: so many are looked at in a second. */
export const MAX_CLOCKLESS_PER_SECOND = 20;
/** A nonce is good once in so long, and a device has so many of them in that time. */
export const NONCE_MEMORY_MS = 86_400_000;
export const MAX_NONCES_PER_DEVICE = 128;

/** Whom a label names: the home, or the device. */
export type Role = "H" | "D";

type Hmac = Pick<Crypto, "hmac">;

const CONTEXT: Uint8Array = concat(utf8("HomeCA-DNSSD-v1"), Uint8Array.of(0));

export function intervalOf(time: Unix): number {
  return Math.floor(time / INTERVAL_SECONDS);
}

/** The label of one interval. @param key - K_disc, 32 octets */
export function intervalLabel(crypto: Hmac, key: Uint8Array, role: Role, interval: number): string {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, interval);
  return toBase32(mac(crypto, key, role, number));
}

/** The label of who does not know the time. @param nonce - 5 random octets, never used before */
export function clocklessLabel(crypto: Hmac, key: Uint8Array, nonce: Uint8Array): string {
  return toBase32(concat(nonce, mac(crypto, key, "N", nonce)));
}

function mac(crypto: Hmac, key: Uint8Array, role: Role | "N", what: Uint8Array): Uint8Array {
  if (key.length !== KEY_LENGTH) throw new RangeError(`a discovery key of ${key.length} octets`);
  return crypto.hmac("sha256", key, concat(CONTEXT, utf8(role), what)).subarray(0, MAC_LENGTH);
}

/** The labels by which others may call us now, one key each. */
export class LabelTable {
  readonly #crypto: Hmac;
  readonly #role: Role;
  #keys: ReadonlyMap<string, Uint8Array> = new Map();
  #byInterval = new Map<number, Map<string, string>>();

  constructor(crypto: Hmac, role: Role) {
    this.#crypto = crypto;
    this.#role = role;
  }

  /** Labels held. */
  get size(): number {
    return [...this.#byInterval.values()].reduce((sum, labels) => sum + labels.size, 0);
  }

  /** @throws RangeError for more than {@link MAX_DEVICES}, or a key that is none. */
  setKeys(keys: ReadonlyMap<string, Uint8Array>): void {
    if (keys.size > MAX_DEVICES) throw new RangeError(`${keys.size} discovery keys`);
    for (const { length } of keys.values()) {
      if (length !== KEY_LENGTH) throw new RangeError(`a discovery key of ${length} octets`);
    }
    this.#keys = new Map(keys);
    this.#byInterval.clear();
  }

  /**
   * Whose label this is. Clocks differ: beside the current interval the one
   * before counts in its first half, the one after in its second.
   */
  find(label: string, time: Unix): string | null {
    const interval = intervalOf(time);
    const firstHalf = time - interval * INTERVAL_SECONDS < INTERVAL_SECONDS / 2;
    const neighbour = firstHalf ? interval - 1 : interval + 1;
    for (const held of this.#byInterval.keys()) {
      if (Math.abs(held - interval) > 1) this.#byInterval.delete(held);
    }
    return this.#labelsOf(interval).get(label) ?? this.#labelsOf(neighbour).get(label) ?? null;
  }

  #labelsOf(interval: number): ReadonlyMap<string, string> {
    const there = this.#byInterval.get(interval);
    if (there !== undefined) return there;
    const labels = new Map<string, string>();
    for (const [id, key] of this.#keys) {
      labels.set(intervalLabel(this.#crypto, key, this.#role, interval), id);
    }
    this.#byInterval.set(interval, labels);
    return labels;
  }
}

/** Why a label without a clock was not looked at, or not taken; `unknown` is the usual case of another home's device. */
export type ClocklessResult =
  | { readonly kind: "known"; readonly id: string }
  | { readonly kind: "malformed" | "unknown" | "overloaded" | "repeated" };

/** Recognises devices that do not know the time, each nonce once. */
export class ClocklessDesk {
  readonly #crypto: Hmac;
  readonly #rate = new PerSecond(MAX_CLOCKLESS_PER_SECOND);
  #keys: ReadonlyMap<string, Uint8Array> = new Map();
  /** In the order of their time. */
  readonly #nonces = new Map<string, { readonly id: string; readonly until: Mono }>();
  readonly #perDevice = new Map<string, number>();

  constructor(crypto: Hmac) {
    this.#crypto = crypto;
  }

  /** Nonces remembered: {@link MAX_NONCES_PER_DEVICE} for each device at most. */
  get size(): number {
    return this.#nonces.size;
  }

  setKeys(keys: ReadonlyMap<string, Uint8Array>): void {
    this.#keys = new Map(keys);
    for (const [nonce, { id }] of this.#nonces) if (!keys.has(id)) this.#forget(nonce, id);
  }

  recognise(label: string, now: Mono): ClocklessResult {
    const octets = label.length === CLOCKLESS_LABEL_LENGTH ? fromBase32(label) : null;
    if (octets === null) return { kind: "malformed" };
    this.#expire(now);
    const [nonce, theirs] = [octets.subarray(0, NONCE_LENGTH), octets.subarray(NONCE_LENGTH)];
    const name = toHex(nonce);
    if (this.#nonces.has(name)) return { kind: "repeated" };
    if (!this.#rate.take(now)) return { kind: "overloaded" };
    for (const [id, key] of this.#keys) {
      if (!sameBytes(mac(this.#crypto, key, "N", nonce), theirs)) continue;
      const used = this.#perDevice.get(id) ?? 0;
      // Forgetting an old nonce to remember this one would let the old one be replayed.
      if (used >= MAX_NONCES_PER_DEVICE) return { kind: "overloaded" };
      this.#perDevice.set(id, used + 1);
      this.#nonces.set(name, { id, until: mono(now + NONCE_MEMORY_MS) });
      return { kind: "known", id };
    }
    return { kind: "unknown" };
  }

  #expire(now: Mono): void {
    for (const [nonce, { id, until }] of this.#nonces) {
      if (until > now) return;
      this.#forget(nonce, id);
    }
  }

  #forget(nonce: string, id: string): void {
    this.#nonces.delete(nonce);
    const left = (this.#perDevice.get(id) ?? 1) - 1;
    if (left === 0) this.#perDevice.delete(id);
    else this.#perDevice.set(id, left);
  }
}
