/**
 * Who is on the network now, by MAC address: what the firewall was told, and
 * which NAS to ask when someone must leave. Lost with the process on purpose:
 * the kernel's elements and the access point's associations outlive it and
 * expire by themselves.
 */
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import type { Placement } from "../policy/firewall/render.ts";
import { MAX_STATIONS } from "../policy/firewall/render.ts";

/** An element outlives its session by this much, so that a timely renewal never cuts a connection. */
export const GRACE_SECONDS = 30;

export interface Session {
  /** `02:00:00:00:00:01` */
  readonly mac: string;
  /** Record id, null for a visitor without a key. */
  readonly device: string | null;
  readonly kind: Placement["kind"];
  readonly until: Mono;
  /** The controlled interface it was authenticated on, where that is known. */
  readonly port: string | null;
  /** Where a Disconnect-Request must name it. */
  readonly nas: { readonly client: string; readonly identifier: string | null };
  /** What our Access-Accept put into Class; accounting brings it back. */
  readonly class: string;
  /** From accounting; null until it began. */
  readonly accounting: string | null;
}

export class Sessions {
  readonly #byMac = new Map<string, Session>();
  /** Of stations that have left, whose access point may let them back in by a key it keeps (PMKSA caching). */
  readonly #resting = new Map<string, Session>();

  /** Rises whenever somebody comes or goes. */
  version = 0;

  get all(): readonly Session[] {
    return [...this.#byMac.values()];
  }

  find(mac: string): Session | null {
    return this.#byMac.get(mac) ?? null;
  }

  ofDevice(device: string): readonly Session[] {
    return this.all.filter((session) => session.device === device);
  }

  /** Also of its stations that have left and may come back. */
  everyOfDevice(device: string): readonly Session[] {
    const known = [...this.all, ...this.#resting.values()];
    return known.filter((session) => session.device === device);
  }

  /**
   * False where the table is full of live sessions: then nobody else gets in.
   * @param coming - sessions that are about to be put
   */
  hasRoomFor(mac: string, now: Mono, coming = 0): boolean {
    if (this.#byMac.has(mac)) return true;
    this.expire(now);
    return this.#byMac.size + coming < MAX_STATIONS;
  }

  put(session: Session): void {
    this.remove(session.mac);
    this.version++;
    this.#byMac.set(session.mac, session);
  }

  remove(mac: string): void {
    if (this.#byMac.delete(mac)) this.version++;
    this.#resting.delete(mac);
  }

  /** The station has left; until its session's end it may come back. */
  rest(session: Session): void {
    this.remove(session.mac);
    const [oldest] = this.#resting.keys();
    if (oldest !== undefined && this.#resting.size >= MAX_STATIONS) this.#resting.delete(oldest);
    this.#resting.set(session.mac, session);
  }

  /** The session of a station that had left and is back; it is remembered no more. */
  wake(mac: string, now: Mono): Session | null {
    const session = this.#resting.get(mac) ?? null;
    this.#resting.delete(mac);
    return session === null || session.until <= now ? null : session;
  }

  expire(now: Mono): void {
    for (const sessions of [this.#byMac, this.#resting]) {
      for (const { mac, until } of sessions.values()) {
        if (until > now) continue;
        sessions.delete(mac);
        this.version++;
      }
    }
  }

  /** What the kernel should hold, with the seconds that are left. */
  placements(now: Mono): Placement[] {
    this.expire(now);
    return this.all.map((session) => placementOf(session, now));
  }
}

/** What the kernel should hold of a session, with the seconds that are left. */
export function placementOf({ kind, mac, until, port }: Session, now: Mono): Placement {
  const seconds = Math.max(1, Math.ceil((until - now) / 1000));
  return { kind, mac, seconds, ...(port === null ? {} : { port }) };
}

/** `aa:bb:cc:dd:ee:ff` out of any usual form, with or without an SSID behind it; null for anything else. */
export function macOf(stationId: string | null): string | null {
  const match = /^((?:[0-9A-Fa-f]{2}[-:]?){5}[0-9A-Fa-f]{2})(?::.*)?$/su.exec(stationId ?? "");
  const digits = match?.[1]?.replaceAll(/[-:]/gu, "").toLowerCase();
  return digits?.match(/../gu)?.join(":") ?? null;
}

/** The end of a session of `seconds` that begins now. */
export function endOf(now: Mono, seconds: number): Mono {
  return mono(now + seconds * 1000);
}
