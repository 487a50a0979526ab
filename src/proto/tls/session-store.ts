/**
 * Sessions in memory. A session is of use only once its owner has tagged it:
 * whoever has come as far as a ticket has proved a key, but is not admitted yet.
 */
import { toHex } from "../../base/bytes.ts";
import { mono } from "../../base/machine.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import type { IssuedTicket, ResumableSession, SessionStore } from "./connection.ts";

/** Octets of a ticket: more than anybody can guess. */
const TICKET_LENGTH = 16;

export interface MemorySessionsConfig {
  readonly random: RandomSource;
  readonly now: () => Mono;
  /** At most 604800 (RFC 8446 §4.6.1). */
  readonly lifetimeSeconds: number;
  /** Sessions with a tag at most, and as many without; the oldest goes first. At least 1. */
  readonly maxSessions: number;
}

interface Entry {
  readonly session: ResumableSession;
  readonly until: Mono;
}

interface Tagged<T> extends Entry {
  readonly tag: T;
}

/**
 * One store for one purpose: a ticket of one is nothing to another.
 *
 * @typeParam T - What the owner knows a session by, such as a device.
 */
export class MemorySessions<T> implements SessionStore {
  readonly #config: MemorySessionsConfig;
  /** By the ticket in hexadecimal, the oldest first. Kept apart, so that strangers displace strangers alone. */
  readonly #untagged = new Map<string, Entry>();
  readonly #tagged = new Map<string, Tagged<T>>();

  constructor(config: MemorySessionsConfig) {
    this.#config = config;
  }

  /** Sessions kept, with a tag and without. */
  get size(): number {
    return this.#tagged.size + this.#untagged.size;
  }

  /**
   * The ticket finds nothing before it is tagged. A session that comes of one
   * resumed ends when that would have ended.
   */
  keep(session: ResumableSession, id: Uint8Array | null = null): IssuedTicket {
    const { random, now, lifetimeSeconds } = this.#config;
    this.#makeRoom(this.#untagged);
    const ticket = id ?? random(TICKET_LENGTH);
    const until = session.until ?? mono(now() + lifetimeSeconds * 1000);
    this.#untagged.set(toHex(ticket), { session: { ...session, until }, until });
    return { ticket, lifetimeSeconds: Math.max(0, Math.ceil((until - now()) / 1000)) };
  }

  find(ticket: Uint8Array): ResumableSession | null {
    return this.#good(ticket)?.session ?? null;
  }

  spend(ticket: Uint8Array): void {
    drop(this.#tagged, toHex(ticket));
    drop(this.#untagged, toHex(ticket));
  }

  /** Makes a ticket good, for somebody, once. A ticket that is gone stays so. */
  tag(ticket: Uint8Array, tag: T): void {
    const name = toHex(ticket);
    const entry = this.#untagged.get(name);
    if (entry === undefined) return;
    this.#untagged.delete(name);
    this.#makeRoom(this.#tagged);
    this.#tagged.set(name, { ...entry, tag });
  }

  /** Whose session a ticket is; null where {@link find} finds none. */
  tagOf(ticket: Uint8Array): T | null {
    return this.#good(ticket)?.tag ?? null;
  }

  /** Drops every session with such a tag: its owner stands by it no longer. */
  forgetWhere(predicate: (tag: T) => boolean): void {
    for (const [name, { tag }] of this.#tagged) if (predicate(tag)) drop(this.#tagged, name);
  }

  /** Drops all of them. */
  clear(): void {
    for (const name of this.#tagged.keys()) drop(this.#tagged, name);
    for (const name of this.#untagged.keys()) drop(this.#untagged, name);
  }

  #good(ticket: Uint8Array): Tagged<T> | null {
    const name = toHex(ticket);
    const entry = this.#tagged.get(name);
    if (entry === undefined) return null;
    if (entry.until > this.#config.now()) return entry;
    drop(this.#tagged, name);
    return null;
  }

  /** For one more: what has expired goes, and then the oldest. */
  #makeRoom(entries: Map<string, Entry>): void {
    const now = this.#config.now();
    for (const [name, { until }] of entries) if (until <= now) drop(entries, name);
    for (const name of entries.keys()) {
      if (entries.size < this.#config.maxSessions) return;
      drop(entries, name);
    }
  }
}

/** Overwrites what the entry knows. */
function drop(entries: Map<string, Entry>, name: string): void {
  entries.get(name)?.session.secret.fill(0);
  entries.delete(name);
}
