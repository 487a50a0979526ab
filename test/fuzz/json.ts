/** Faults in JSON that no change of single octets would make: one value in the place of another. */
import type { Choices } from "./choices.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const STRANGE: readonly [Json, ...Json[]] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  "",
  "x",
  "__proto__",
  "\u202e",
  "a".repeat(300),
  [],
  [[]],
  {},
  { toString: 1 },
  { length: 3 },
];

/** The text with up to three of its values replaced, left out or doubled; as it is where it is no JSON. */
export function spoilJson(text: string, choices: Choices): string {
  let root: Json;
  try {
    // What JSON.parse gives is JSON.
    root = JSON.parse(text) as Json;
  } catch {
    return text;
  }
  for (let faults = choices.below(4); faults > 0; faults--) root = spoilt(root, choices);
  return JSON.stringify(root);
}

function spoilt(value: Json, choices: Choices): Json {
  if (typeof value !== "object" || value === null) return choices.pick(STRANGE);
  const operation = choices.below(8);
  if (operation === 7) return choices.pick(STRANGE);
  const keys = Object.keys(value);
  const key = keys[choices.below(Math.max(1, keys.length))];
  if (key === undefined) return choices.pick(STRANGE);
  if (Array.isArray(value)) {
    const at = Number(key);
    if (operation === 6) return value.toSpliced(at, 1);
    if (operation === 5) return value.toSpliced(at, 0, value[at]!);
    return value.with(at, spoilt(value[at]!, choices));
  }
  if (operation === 6) return Object.fromEntries(Object.entries(value).filter(([k]) => k !== key));
  return { ...value, [key]: spoilt(value[key]!, choices) };
}
