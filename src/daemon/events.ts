/** What happened, for `homeca log`: a ring in memory, each entry one sentence. */
import type { Unix } from "../base/machine.ts";

export type EventKind =
  | "admitted"
  | "quarantined"
  | "refused"
  | "owner"
  /** What a device did or asked for by itself. */
  | "device"
  | "authority"
  | "house";

export interface HouseEvent {
  /** Counts from 1 in this process; a reader that has seen N asks for what is after N. */
  readonly number: number;
  /** Null while the clock was not known. */
  readonly at: Unix | null;
  readonly kind: EventKind;
  readonly device: string | null;
  readonly mac: string | null;
  /** Safe to show: text of devices in it is escaped. */
  readonly text: string;
}

export class Events {
  readonly #ring: HouseEvent[] = [];
  readonly #most: number;
  #count = 0;

  /** Number of the newest; 0 where there is none. */
  get newest(): number {
    return this.#count;
  }

  /** @param most - entries kept; the oldest goes first */
  constructor(most: number) {
    this.#most = most;
  }

  add(event: Omit<HouseEvent, "number">): HouseEvent {
    const numbered = { number: ++this.#count, ...event };
    this.#ring.push(numbered);
    if (this.#ring.length > this.#most) this.#ring.shift();
    return numbered;
  }

  /** Oldest first, at most `limit`, the newest of them kept. */
  select(wanted: {
    readonly device?: string;
    readonly after?: number;
    readonly limit?: number;
  }): HouseEvent[] {
    const { device, after = 0, limit = this.#most } = wanted;
    // `slice(-0)` would be all of them.
    if (limit <= 0) return [];
    return this.#ring
      .filter((event) => event.number > after && (device === undefined || event.device === device))
      .slice(-limit);
  }
}
