/** A session store for tests: it keeps everything, and writes down what it was asked. */
import { toHex } from "../../src/base/bytes.ts";
import type {
  IssuedTicket,
  ResumableSession,
  SessionStore,
} from "../../src/proto/tls/connection.ts";
import { seeded } from "./random.ts";

export class RecordedSessions implements SessionStore {
  readonly kept: ResumableSession[] = [];
  /** In hexadecimal, in order. */
  readonly found: string[] = [];
  readonly spent: string[] = [];
  /** The ticket of the last session kept. */
  last: Uint8Array = new Uint8Array();
  /** Whether sessions are kept at all. */
  keeps = true;
  readonly #random = seeded("sessions");
  readonly #sessions = new Map<string, ResumableSession>();

  keep(session: ResumableSession, id: Uint8Array | null = null): IssuedTicket | null {
    if (!this.keeps) return null;
    this.last = id ?? this.#random(16);
    this.put(this.last, session);
    this.kept.push(session);
    return { ticket: this.last, lifetimeSeconds: 3600 };
  }

  /** Changes what is kept behind a ticket's back. */
  put(ticket: Uint8Array, session: ResumableSession): void {
    this.#sessions.set(toHex(ticket), session);
  }

  find(ticket: Uint8Array): ResumableSession | null {
    this.found.push(toHex(ticket));
    return this.#sessions.get(toHex(ticket)) ?? null;
  }

  spend(ticket: Uint8Array): void {
    this.spent.push(toHex(ticket));
    this.#sessions.delete(toHex(ticket));
  }
}
