/**
 * What the present hour is like for those who would come: looked at each
 * minute, so that one in which nobody could have come, or nobody knew the time,
 * ages no device.
 */
import type { HourAtHome } from "../policy/window/home.ts";

/** All of {@link HourAtHome} but how many devices there are. */
export type HourSeen = Omit<HourAtHome, "devices">;

const GOOD: HourSeen = { clockKnown: true, reachable: true };

export class Hour {
  #seen: HourSeen = GOOD;

  look({ clockKnown, reachable }: HourSeen): void {
    this.#seen = {
      clockKnown: this.#seen.clockKnown && clockKnown,
      reachable: this.#seen.reachable && reachable,
    };
  }

  /** What it was like, and another one begins. */
  end(): HourSeen {
    const seen = this.#seen;
    this.#seen = GOOD;
    return seen;
  }
}
