/** A clock that stands still until a test moves it; all that was planned happens in the order of its time. */
import { mono, unix } from "../../base/machine.ts";
import type { Mono, Unix } from "../../base/machine.ts";
import type { Timer } from "../host.ts";

interface Plan {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** More steps than this at one instant means that something wakes itself for ever. */
const MAX_STEPS = 100_000;

export class MemoryClock {
  #now = 1000;
  #order = 0;
  readonly #wallAtStart: number;
  readonly #plans = new Set<Plan>();

  /** @param wallAtStart - what the wall clock shows at first; 2026-01-01 unless told otherwise. */
  constructor(wallAtStart: Unix = unix(1_767_225_600)) {
    this.#wallAtStart = wallAtStart;
  }

  mono(): Mono {
    return mono(this.#now);
  }

  wall(): Unix {
    return unix(this.#wallAtStart + Math.floor((this.#now - 1000) / 1000));
  }

  /** Timers planned and not run yet: a test that ends with some has a leak to explain. */
  get pending(): number {
    return this.#plans.size;
  }

  /** When the next timer is due; null where none is planned. */
  get nextAt(): Mono | null {
    const next = this.#next();
    return next === null ? null : mono(next.at);
  }

  setTimer(at: Mono, run: () => void): Timer {
    const plan = { at: Math.max(at, this.#now), order: this.#order++, run };
    this.#plans.add(plan);
    return { cancel: () => void this.#plans.delete(plan) };
  }

  /** Moves the clock and runs all that falls due on the way, what that plans included. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let steps = 0; ; steps++) {
      if (steps === MAX_STEPS) throw new Error("something on this clock wakes itself for ever");
      const next = this.#next();
      if (next === null || next.at > end) break;
      this.#plans.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }

  #next(): Plan | null {
    let first: Plan | null = null;
    for (const plan of this.#plans) {
      if (
        first === null ||
        plan.at < first.at ||
        (plan.at === first.at && plan.order < first.order)
      )
        first = plan;
    }
    return first;
  }
}
