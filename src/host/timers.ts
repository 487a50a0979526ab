/** Timers of a host that can wake itself at one time: run by their time, those of one instant in the order they were set. */
import type { Mono } from "../base/machine.ts";
import type { Timer } from "./host.ts";

interface Waiting {
  readonly at: Mono;
  readonly run: () => void;
}

export class Timers {
  readonly #waiting: Waiting[] = [];
  readonly #now: () => Mono;
  readonly #plan: (at: Mono | null) => void;
  readonly #guarded: (run: () => void) => void;

  /**
   * @param plan - called with the time at which {@link Timers.wake} is due next; null for never
   * @param guarded - runs one, and takes what it throws
   */
  constructor(
    now: () => Mono,
    plan: (at: Mono | null) => void,
    guarded: (run: () => void) => void,
  ) {
    this.#now = now;
    this.#plan = plan;
    this.#guarded = guarded;
  }

  set(at: Mono, run: () => void): Timer {
    const waiting: Waiting = { at, run };
    let place = this.#waiting.length;
    while (place > 0 && this.#waiting[place - 1]!.at > at) place--;
    this.#waiting.splice(place, 0, waiting);
    if (place === 0) this.#plan(at);
    return { cancel: () => this.#cancel(waiting) };
  }

  /** Those that are due when it begins: one that sets itself again at once does not hold up everybody else. */
  wake(): void {
    const now = this.#now();
    const later = this.#waiting.findIndex(({ at }) => at > now);
    for (const due of this.#waiting.slice(0, later < 0 ? this.#waiting.length : later)) {
      // One of them may have cancelled another.
      const there = this.#waiting.indexOf(due);
      if (there < 0) continue;
      this.#waiting.splice(there, 1);
      this.#guarded(due.run);
    }
    this.#plan(this.#waiting[0]?.at ?? null);
  }

  #cancel(waiting: Waiting): void {
    const there = this.#waiting.indexOf(waiting);
    if (there < 0) return;
    this.#waiting.splice(there, 1);
    if (there === 0) this.#plan(this.#waiting[0]?.at ?? null);
  }
}
