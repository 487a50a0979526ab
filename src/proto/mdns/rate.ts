/** How often something may be done. */
import type { Mono } from "../../base/machine.ts";

/** So many a second, counted by whole seconds from the first on: cheap, and at worst twice as many across a boundary. */
export class PerSecond {
  readonly #limit: number;
  #from: number = -Infinity;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one more, if it may be. */
  take(now: Mono): boolean {
    if (now - this.#from >= 1000) {
      this.#from = now;
      this.#count = 0;
    }
    if (this.#count >= this.#limit) return false;
    this.#count++;
    return true;
  }
}
