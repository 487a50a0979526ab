/** Octets that cost next to nothing: what a random source takes is the host's, not the home's. */
import type { RandomSource } from "../../src/base/machine.ts";

/** The same octets for the same seed; for figures alone, never for a key that anything relies on. */
export function cheapRandom(seed: number): RandomSource {
  let state = seed | 0;
  /** 32 bits, each state once (the mixing of Murmur hashes). */
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return mixed ^ (mixed >>> 14);
  };
  return (length) => {
    const bytes = new Uint8Array(length);
    let word = 0;
    for (let at = 0; at < length; at++) {
      word = at % 4 === 0 ? next() : word >>> 8;
      bytes[at] = word;
    }
    return bytes;
  };
}
