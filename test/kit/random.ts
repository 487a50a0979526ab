/** A random source that repeats itself: for tests only, never for a key that anything relies on. */
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, utf8 } from "../../src/base/bytes.ts";
import type { RandomSource } from "../../src/base/machine.ts";

/** SHA-256 in counter mode over the seed: the same seed gives the same bytes on both engines. */
export function seeded(seed: string): RandomSource {
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < length; have += 32) blocks.push(sha256(utf8(`${seed} ${counter++}`)));
    return concat(...blocks).slice(0, length);
  };
}
