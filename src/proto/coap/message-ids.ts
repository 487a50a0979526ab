/**
 * Message IDs of ours: one after another from a random start, none again
 * within EXCHANGE_LIFETIME.
 *
 * @see RFC 7252 §4.4
 */
import { type Mono, mono, type RandomSource } from "../../base/machine.ts";

const IDS = 0x1_0000;
/** Time is noted once per this many numbers. */
const STRETCH = 0x1000;
const STRETCHES = IDS / STRETCH;

export class MessageIds {
  readonly #lifetimeMs: number;
  readonly #start: number;
  #drawn = 0;
  /** When the last number of each stretch was drawn; the oldest is the next to come again. */
  readonly #endedAt: (Mono | null)[] = Array.from({ length: STRETCHES }, () => null);

  constructor(random: RandomSource, lifetimeMs: number) {
    const [high = 0, low = 0] = random(2);
    this.#start = high * 256 + low;
    this.#lifetimeMs = lifetimeMs;
  }

  /** When {@link MessageIds.draw} has a number; null where it has one at any time. */
  get readyAt(): Mono | null {
    if (this.#drawn % STRETCH !== 0) return null;
    const ended = this.#endedAt[(this.#drawn / STRETCH) % STRETCHES] ?? null;
    return ended === null ? null : mono(ended + this.#lifetimeMs);
  }

  /** The next number, or null while all 65536 are too young. */
  draw(now: Mono): number | null {
    const readyAt = this.readyAt;
    if (readyAt !== null && now < readyAt) return null;
    const id = (this.#start + this.#drawn) % IDS;
    this.#drawn++;
    if (this.#drawn % STRETCH === 0) {
      this.#endedAt[(this.#drawn / STRETCH - 1) % STRETCHES] = now;
    }
    return id;
  }
}
