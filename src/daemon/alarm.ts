/** One timer for everything that is due. */
import type { Mono } from "../base/machine.ts";
import type { Host, Timer } from "../host/host.ts";

/** A timer that is due within this time serves for whatever a datagram has begun. */
const SLACK_MS = 30_000;

export class Alarm {
  readonly #host: Pick<Host, "mono" | "setTimer">;
  readonly #next: () => Mono;
  readonly #ring: () => void;
  #timer: Timer | null = null;
  #at: Mono | null = null;
  #closed = false;

  /**
   * @param next - when something is due at the earliest
   * @param ring - looks at what is due, and plans anew
   */
  constructor(host: Pick<Host, "mono" | "setTimer">, next: () => Mono, ring: () => void) {
    this.#host = host;
    this.#next = next;
    this.#ring = ring;
  }

  /**
   * Plans the next look at what is due. What a datagram begins ends after half a
   * minute at the earliest, and may end late: a timer within that time serves.
   */
  plan(slackMs: number = SLACK_MS): void {
    if (this.#closed) return;
    if (this.#at !== null && this.#at <= this.#host.mono() + slackMs) return;
    const next = this.#next();
    // A timer that is due no later serves as well: it finds what is due and plans anew.
    if (this.#at !== null && this.#at <= next) return;
    this.#timer?.cancel();
    this.#at = next;
    this.#timer = this.#host.setTimer(next, () => {
      this.#timer = null;
      this.#at = null;
      this.#ring();
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
