/** Random waits: everyone on a link hears a question at the same instant. */
import { mono } from "../../base/machine.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";

/** A time between `from` and `to` milliseconds from now, both included. */
export function within(random: RandomSource, now: Mono, from: number, to: number): Mono {
  const [high, low] = random(2);
  return mono(now + from + Math.floor(((high! * 256 + low!) / 65_536) * (to - from + 1)));
}
