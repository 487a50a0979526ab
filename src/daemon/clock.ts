/**
 * The house's idea of the time. A router boots without a clock, often months
 * in the past, so "not known yet" is an answer of its own.
 */
import type { Unix } from "../base/machine.ts";
import { unix } from "../base/machine.ts";

/**
 * 2026-11-01T00:00:00Z, no later than the first release: a clock that shows an
 * earlier time has not been set since boot.
 */
export const SOFTWARE_DATE: Unix = unix(1_793_491_200);

/** How far the wall clock may lie behind the newest time ever stored and still count as set: one day. */
const TOLERANCE_SECONDS = 86_400;

export class HouseClock {
  readonly #wall: () => Unix;
  #floor: Unix;

  /**
   * @param wall - reads the wall clock, right or wrong
   * @param floor - the newest time ever stored, 0 in a new home
   */
  constructor(wall: () => Unix, floor: Unix) {
    this.#wall = wall;
    this.#floor = floor;
  }

  /** The newest time this house has acted on; it never goes back. */
  get floor(): Unix {
    return this.#floor;
  }

  /** max(clock, floor), or null while the clock is evidently not set. */
  now(): Unix | null {
    const wall = this.#wall();
    if (wall < SOFTWARE_DATE || wall < this.#floor - TOLERANCE_SECONDS) return null;
    this.#floor = unix(Math.max(wall, this.#floor));
    return this.#floor;
  }
}
