/**
 * What Jazzer.js calls, around one target. A promise that breaks does not stop
 * the run: the input is made smaller, kept below `FUZZ_FINDS` with what was
 * said, and each kind of break is kept once.
 */
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Target } from "./targets.ts";

const MOST_KINDS = 50;
/** Tries to make one input smaller: a slow target must not spend its time on that. */
const MOST_TRIES = 500;
const finds = process.env["FUZZ_FINDS"] ?? "finds";
const kinds = new Set<string>();

export function watched(target: Target): (bytes: Uint8Array) => void {
  return (bytes) => {
    // Jazzer.js hands over a Buffer, whose slice() does not copy.
    const input = Uint8Array.from(bytes);
    const broken = breaks(target, input);
    if (broken === null || kinds.has(kindOf(broken)) || kinds.size >= MOST_KINDS) return;
    kinds.add(kindOf(broken));
    keep(smallest(target, input, kindOf(broken)), broken);
  };
}

function breaks(target: Target, input: Uint8Array): Error | null {
  try {
    target(input.slice());
    return null;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

/** Where it was thrown, and the words without what the input put there. */
function kindOf({ name, message, stack = "" }: Error): string {
  const place = stack.split("\n").find((line) => line.startsWith("    at ")) ?? "";
  return `${name}: ${message.replaceAll(/[0-9a-f]{2,}|\d+|"[^"]*"/g, "_").slice(0, 80)} ${place.trim()}`;
}

/** Leaves out stretches, longest first, as long as it breaks in the same way. */
function smallest(target: Target, input: Uint8Array, kind: string): Uint8Array {
  let small = input;
  let tries = 0;
  for (let length = Math.ceil(small.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at + length <= small.length && tries++ < MOST_TRIES;) {
      const less = Uint8Array.from([...small.subarray(0, at), ...small.subarray(at + length)]);
      const broken = breaks(target, less);
      if (broken !== null && kindOf(broken) === kind) small = less;
      else at += length;
    }
  }
  return small;
}

function keep(input: Uint8Array, broken: Error): void {
  mkdirSync(finds, { recursive: true });
  const name = createHash("sha256").update(input).digest("hex").slice(0, 12);
  writeFileSync(path.join(finds, name), input);
  appendFileSync(path.join(finds, `${name}.txt`), `${broken.stack ?? broken.message}\n`);
}
