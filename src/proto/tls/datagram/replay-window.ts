/** Tells new records of one epoch from repeated ones. */

/** Sequence numbers behind the highest one that are still told apart (RFC 4303 §3.4.3 recommends 64). */
export const REPLAY_WINDOW = 64;

/** Half of the window, as one unsigned word has 32 bits. */
const WORD = 32;

/**
 * The sliding window of one epoch in one direction. Asking and marking are
 * apart, for only a record whose tag held may move the window.
 *
 * @see RFC 6347 §4.1.2.6; RFC 9147 §4.5.1
 */
export class ReplayWindow {
  #highest = -1;
  /** Bit n: whether `#highest - n` was marked; for n from 32 on in the other word. */
  #near = 0;
  #far = 0;

  /** The highest sequence number marked; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether `sequence` was not marked and is not older than the window reaches. */
  isFresh(sequence: number): boolean {
    const behind = this.#highest - sequence;
    if (behind < 0) return true;
    if (behind >= REPLAY_WINDOW) return false;
    const word = behind < WORD ? this.#near : this.#far;
    return ((word >>> (behind % WORD)) & 1) === 0;
  }

  /** To be called for authentic records alone. What is older than the window changes nothing. */
  mark(sequence: number): void {
    if (sequence > this.#highest) this.#slide(sequence - this.#highest);
    const behind = this.#highest - sequence;
    if (behind < WORD) this.#near |= 1 << behind;
    else if (behind < REPLAY_WINDOW) this.#far |= 1 << (behind - WORD);
  }

  #slide(by: number): void {
    this.#highest += by;
    if (by >= WORD) {
      this.#far = by < REPLAY_WINDOW ? this.#near << (by - WORD) : 0;
      this.#near = 0;
      return;
    }
    // A shift by 32 would be one by 0, but by is at least 1 here.
    this.#far = (this.#far << by) | (this.#near >>> (WORD - by));
    this.#near <<= by;
  }
}
