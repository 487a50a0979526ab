/** What connections of one test leave to those after them: sessions on either side, and the time. */
import { randomBytes } from "node:crypto";
import { mono } from "../../src/base/machine.ts";
import type { Mono } from "../../src/base/machine.ts";
import type {
  ClientTicket,
  SessionStore,
  TlsClientConfig,
} from "../../src/proto/tls/connection.ts";
import { MemorySessions } from "../../src/proto/tls/session-store.ts";
import type { Settings } from "./settings.ts";

/** What BoringSSL's shim says; tests on tickets that have run out count on it. */
const LIFETIME_SECONDS = 7200;
const MAX_SESSIONS = 64;
/** Octets; a ticket of the store's has fewer. */
const SESSION_ID_LENGTH = 32;

export class Visits {
  #now: Mono = mono(0);
  readonly #sessions = new MemorySessions<"known">({
    random: (length) => new Uint8Array(randomBytes(length)),
    now: () => this.#now,
    lifetimeSeconds: LIFETIME_SECONDS,
    maxSessions: MAX_SESSIONS,
  });
  #kept: { readonly ticket: ClientTicket; readonly at: Mono } | null = null;

  get now(): Mono {
    return this.#now;
  }

  /** The clock of everything here; it moves only when the runner says so. */
  advance(milliseconds: number): void {
    this.#now = mono(this.#now + milliseconds);
  }

  /** Whoever has proved a key is welcome again. */
  sessions({ noTicket, skipTicket }: Settings): SessionStore {
    const store = this.#sessions;
    return {
      keep(session, id) {
        if ((noTicket || skipTicket) && id === null) return null;
        const issued = store.keep(session, id);
        store.tag(issued.ticket, "known");
        return issued;
      },
      find(ticket) {
        const isRefused = skipTicket || (noTicket && ticket.length !== SESSION_ID_LENGTH);
        return isRefused ? null : store.find(ticket);
      },
      spend: (ticket) => store.spend(ticket),
    };
  }

  /** The latest counts. */
  keepTicket(ticket: ClientTicket): void {
    this.#kept = { ticket, at: this.#now };
  }

  /** What a client has to come back with, and then no more. */
  takeTicket(): NonNullable<TlsClientConfig["resume"]> | null {
    const kept = this.#kept;
    this.#kept = null;
    return kept === null ? null : { ticket: kept.ticket, ageMs: this.#now - kept.at };
  }
}
