/**
 * The duplicate cache: what was asked, and what was answered. UDP and the NAS
 * repeat requests; a repeat is answered from here and never worked on twice.
 *
 * Everything in it lives {@link LIFETIME} after its last change, so each of the
 * two lists is in the order of expiry by itself.
 *
 * @see RFC 5080 §2.2.2
 */
import { earliest, mono, type Mono } from "../../base/machine.ts";
import type { RadiusClient } from "./clients.ts";

/** Milliseconds a request or its response is kept; RFC 5080 asks for 5 to 30 seconds. */
export const LIFETIME = 30_000;

/** How far the cache may grow. */
export interface CacheLimits {
  /** Requests and responses together. */
  readonly maxEntries: number;
  /** Octets of responses together. */
  readonly maxResponseOctets: number;
  /** Requests of one client that wait for their answer; it leaves room for the others. */
  readonly maxPendingPerClient: number;
}

export const CACHE_LIMITS: CacheLimits = {
  maxEntries: 4096,
  maxResponseOctets: 4 * 1024 * 1024,
  maxPendingPerClient: 1024,
};

/** What the cache remembers of a request. */
export interface Exchange {
  /** Where it came from and its Identifier: what makes a repeat a repeat. */
  readonly key: string;
  readonly requestId: number;
  readonly code: number;
  readonly authenticator: Uint8Array;
  readonly client: RadiusClient;
}

interface Answered {
  readonly exchange: Exchange;
  readonly response: Uint8Array;
  readonly expiresAt: Mono;
}

interface Pending {
  readonly exchange: Exchange;
  readonly expiresAt: Mono;
}

export class DuplicateCache {
  readonly #limits: CacheLimits;
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Map<string, Answered>();
  readonly #pendingOf = new Map<string, number>();
  #responseOctets = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  /** Exchanges remembered, answered or not. */
  get size(): number {
    return this.#pending.size + this.#answered.size;
  }

  /** Octets of the responses remembered. */
  get responseOctets(): number {
    return this.#responseOctets;
  }

  /** When the first of them expires. */
  get wakeAt(): Mono | null {
    const heads = [first(this.#pending), first(this.#answered)];
    return earliest(heads.map((head) => head?.expiresAt ?? null));
  }

  /** The exchange under this key, with its response once there is one. */
  find(key: string): { readonly exchange: Exchange; readonly response: Uint8Array | null } | null {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return { exchange: pending.exchange, response: null };
    return this.#answered.get(key) ?? null;
  }

  /**
   * Remembers a request, in place of what had its key. False where there is no
   * room: a request that waits is never forgotten for a newer one, because its
   * repeat would be worked on twice.
   */
  admit(exchange: Exchange, now: Mono): boolean {
    this.forget(exchange.key);
    const ofClient = this.#pendingOf.get(exchange.client.name) ?? 0;
    if (ofClient >= this.#limits.maxPendingPerClient) return false;
    if (this.size >= this.#limits.maxEntries && !this.#evictAnswered()) return false;
    this.#pending.set(exchange.key, { exchange, expiresAt: mono(now + LIFETIME) });
    this.#pendingOf.set(exchange.client.name, ofClient + 1);
    return true;
  }

  /** The exchange that waits for the answer to this request, or null once it is over or replaced. */
  awaiting(key: string, requestId: number): Exchange | null {
    const exchange = this.#pending.get(key)?.exchange;
    return exchange?.requestId === requestId ? exchange : null;
  }

  /** Keeps the response for repeats, as long as the octets allow. */
  finish(exchange: Exchange, response: Uint8Array, now: Mono): void {
    this.forget(exchange.key);
    this.#answered.set(exchange.key, { exchange, response, expiresAt: mono(now + LIFETIME) });
    this.#responseOctets += response.length;
    while (this.#responseOctets > this.#limits.maxResponseOctets) {
      if (!this.#evictAnswered()) break;
    }
  }

  forget(key: string): void {
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      this.#pending.delete(key);
      this.#countDown(pending.exchange.client.name);
    }
    const answered = this.#answered.get(key);
    if (answered !== undefined) {
      this.#answered.delete(key);
      this.#responseOctets -= answered.response.length;
    }
  }

  expire(now: Mono): void {
    for (const entries of [this.#pending, this.#answered]) {
      for (const [key, { expiresAt }] of entries) {
        if (expiresAt > now) break;
        this.forget(key);
      }
    }
  }

  /** Forgets the answer given longest ago; false where there is none. */
  #evictAnswered(): boolean {
    const oldest = first(this.#answered);
    if (oldest === null) return false;
    this.forget(oldest.exchange.key);
    return true;
  }

  #countDown(client: string): void {
    const left = (this.#pendingOf.get(client) ?? 0) - 1;
    if (left > 0) this.#pendingOf.set(client, left);
    else this.#pendingOf.delete(client);
  }
}

function first<Entry>(entries: ReadonlyMap<string, Entry>): Entry | null {
  for (const entry of entries.values()) return entry;
  return null;
}
