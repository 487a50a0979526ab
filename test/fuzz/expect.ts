/** What a fuzz target may ask: that code keeps its promises, whatever it was given. */
import { concat, sameBytes, toHex } from "../../src/base/bytes.ts";

/** A promise that was broken; the message says which. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function hold(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Broken(promise);
}

export function holdSame(actual: Uint8Array, expected: Uint8Array, promise: string): void {
  if (sameBytes(actual, expected)) return;
  throw new Broken(`${promise}: ${toHex(actual)} is not ${toHex(expected)}`);
}

/** The classes of failure that a protocol calls its own. */
// Constructors differ in their parameters, and nothing here calls one.
export type Failures = readonly (abstract new (...given: never[]) => Error)[];

/** What `run` gives, or the failure of the protocol's own that it throws; anything else passes through. */
export function outcome<T>(run: () => T, failures: Failures): { value: T } | { failure: Error } {
  try {
    return { value: run() };
  } catch (failure) {
    const own = failures.find((each) => failure instanceof each);
    // `find` has just shown that it is one of the classes, all of which are errors.
    if (own !== undefined) return { failure: failure as Error };
    throw failure;
  }
}

/** The value alone; null for a failure of the protocol's own. */
export function valueOf<T>(run: () => T, failures: Failures): T | null {
  const result = outcome(run, failures);
  return "value" in result ? result.value : null;
}

/** A parser that takes `bytes` must leave none unread: one octet more is a fault. */
export function leavesNothing(
  parse: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
  failures: Failures,
): void {
  const longer = concat(bytes, Uint8Array.of(0));
  hold("failure" in outcome(() => parse(longer), failures), "an octet too many is refused");
}
