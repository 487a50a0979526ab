/**
 * The TLS sessions that devices may come back to, in memory alone. A ticket
 * opens nothing until its device has been admitted, and whether it still opens
 * anything is asked of the live record each time. Every EAP method has sessions
 * of its own, and so has CoAPs, so that none is good in another.
 *
 * @see RFC 9190 §5.7 (authorization of a resumed session), §5.11
 */
import type { Mono, RandomSource, Unix } from "../base/machine.ts";
import type { Registry } from "../policy/registry/registry.ts";
import { deviceBySerial } from "../policy/registry/registry.ts";
import type { MethodName } from "../proto/eap/methods/method.ts";
import type { IssuedTicket, ResumableSession, SessionStore } from "../proto/tls/connection.ts";
import { MemorySessions } from "../proto/tls/session-store.ts";

/** Sessions per protocol; beyond them the oldest goes. Those of devices not admitted are counted apart. */
export const MAX_SESSIONS = 256;

/** How long a session serves, in seconds: a device proves its key at least so often. */
export const SESSION_SECONDS: number = 8 * 3600;

/** Whose session it is. */
export interface Holder {
  readonly device: string;
  /** Of the certificate whose key the device proved. */
  readonly serial: string;
  readonly notAfter: Unix;
}

export interface TicketSurroundings {
  readonly random: RandomSource;
  readonly mono: () => Mono;
  readonly registry: () => Registry;
  /** Null while the time is unknown: then nobody comes back this way. */
  readonly time: () => Unix | null;
}

/** What has sessions of its own: the EAP methods, and CoAP over DTLS. */
export type Resumable = MethodName | "coaps";

export class Tickets {
  readonly #stores: Readonly<Record<Resumable, DeviceSessions>>;

  constructor(surroundings: TicketSurroundings) {
    const sessions = (): DeviceSessions => new DeviceSessions(surroundings);
    this.#stores = { tls: sessions(), ttls: sessions(), coaps: sessions() };
  }

  /** What a protocol's TLS server is given. */
  of(method: Resumable): SessionStore {
    return this.#stores[method];
  }

  /** The device is in: from here on its ticket is good. */
  admit(method: Resumable, ticket: Uint8Array, holder: Holder): void {
    this.#stores[method].admit(ticket, holder);
  }

  /** Ends every session of the device. */
  forget(device: string): void {
    for (const store of Object.values(this.#stores)) store.forget(device);
  }
}

class DeviceSessions implements SessionStore {
  readonly #surroundings: TicketSurroundings;
  readonly #sessions: MemorySessions<Holder>;

  constructor(surroundings: TicketSurroundings) {
    const { random, mono } = surroundings;
    this.#surroundings = surroundings;
    this.#sessions = new MemorySessions({
      random,
      now: mono,
      lifetimeSeconds: SESSION_SECONDS,
      maxSessions: MAX_SESSIONS,
    });
  }

  /** Who showed no certificate has nothing that could be judged anew. */
  keep(session: ResumableSession, id: Uint8Array | null): IssuedTicket | null {
    return session.peerChain.length === 0 ? null : this.#sessions.keep(session, id);
  }

  find(ticket: Uint8Array): ResumableSession | null {
    const holder = this.#sessions.tagOf(ticket);
    if (holder === null) return null;
    if (this.#stands(holder)) return this.#sessions.find(ticket);
    this.#sessions.spend(ticket);
    return null;
  }

  spend(ticket: Uint8Array): void {
    this.#sessions.spend(ticket);
  }

  admit(ticket: Uint8Array, holder: Holder): void {
    this.#sessions.tag(ticket, holder);
  }

  forget(device: string): void {
    this.#sessions.forgetWhere((holder) => holder.device === device);
  }

  /** The cheap half of what admission asks; admission asks all of it again before anybody is let in. */
  #stands({ device, serial, notAfter }: Holder): boolean {
    const registry = this.#surroundings.registry();
    const time = this.#surroundings.time();
    if (time === null || time > notAfter || registry.revoked.has(serial)) return false;
    const record = deviceBySerial(registry, serial);
    if (record === null || record.id !== device) return false;
    return record.state === "active" && record.alarm === null;
  }
}
