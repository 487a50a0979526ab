/** Records heard, and how long they hold. @see RFC 6762 §5.2, §10 */
import { mono } from "../../base/machine.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import { within } from "./chance.ts";
import type { ResourceRecord } from "./record.ts";

/** A record taken back, or pushed out by a newer one, is kept for a second more (RFC 6762 §10.1, §10.2). */
export const LINGER_MS = 1000;

/** Parts of a record's life after which it is asked for again, and the part that is drawn on top (RFC 6762 §5.2). */
const REFRESH_AT = [0.8, 0.85, 0.9, 0.95];
const REFRESH_SPREAD = 0.02;

/** One record heard. */
export class Heard {
  readonly record: ResourceRecord;
  readonly at: Mono;
  /** When it no longer holds. */
  until: Mono;
  readonly #random: RandomSource;
  #refreshes = 0;
  #refreshAt: Mono | null;

  constructor(record: ResourceRecord, now: Mono, random: RandomSource) {
    this.record = record;
    this.at = now;
    this.until = mono(now + record.ttl * 1000);
    this.#random = random;
    this.#refreshAt = this.#nextRefresh();
  }

  /** When to ask for it again; null where that has been done often enough. */
  get refreshAt(): Mono | null {
    return this.#refreshAt;
  }

  /** It is being asked for again. */
  noteRefresh(): void {
    this.#refreshes++;
    this.#refreshAt = this.#nextRefresh();
  }

  /** It holds for another second. */
  end(now: Mono): void {
    this.until = mono(Math.min(this.until, now + LINGER_MS));
    this.#refreshAt = null;
  }

  /** Seconds left, rounded down. */
  left(now: Mono): number {
    return Math.max(0, Math.floor((this.until - now) / 1000));
  }

  #nextRefresh(): Mono | null {
    const part = REFRESH_AT[this.#refreshes];
    if (part === undefined) return null;
    const life = this.record.ttl * 1000;
    return within(
      this.#random,
      this.at,
      Math.floor(life * part),
      Math.floor(life * (part + REFRESH_SPREAD)),
    );
  }
}
