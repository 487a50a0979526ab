/** A hash over and over, for providers that have no faster way. */
import type { Crypto, HashName } from "./crypto.ts";
import { requireRounds } from "./lengths.ts";

type Digest = (hash: HashName, message: Uint8Array) => Uint8Array;

/** `digestRounds` of {@link Crypto} over a provider's `digest`. */
export function roundsOf(digest: Digest): Crypto["digestRounds"] {
  return (hash, message, rounds) => {
    requireRounds(rounds);
    let value = digest(hash, message);
    for (let round = 1; round < rounds; round++) value = digest(hash, value);
    return value;
  };
}
