/**
 * The assertions the tests use, in the words of node:assert, small enough to
 * run on both engines. Bytes compare by value and print as hexadecimal.
 */
import { toHex } from "../../src/base/bytes.ts";

export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `<${toHex(value)}>`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null)
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  const fields = Object.entries(value).map(([key, field]) => `${key}: ${show(field)}`);
  return `{ ${fields.join(", ")} }`;
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && toHex(a) === toHex(b);
  }
  if (a instanceof Map && b instanceof Map) return same([...a], [...b]);
  if (a instanceof Set && b instanceof Set) return same([...a], [...b]);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && same(value, right.get(key)))
  );
}

export interface Assert {
  ok(value: unknown, message?: string): asserts value;
  equal(actual: unknown, expected: unknown, message?: string): void;
  notEqual(actual: unknown, expected: unknown, message?: string): void;
  deepEqual(actual: unknown, expected: unknown, message?: string): void;
  match(actual: string, expected: RegExp, message?: string): void;
  /** The thrown error, so that a test can look at its reason. */
  throws<E extends Error>(
    body: () => unknown,
    kind: new (...args: never[]) => E,
    message?: string,
  ): E;
  fail(message: string): never;
}

export const assert: Assert = {
  ok(value, message) {
    if (!value) throw new AssertionFailure(message ?? `not true: ${show(value)}`);
  },
  equal(actual, expected, message) {
    if (!Object.is(actual, expected)) {
      throw new AssertionFailure(
        `${message ?? "not equal"}: ${show(actual)} is not ${show(expected)}`,
      );
    }
  },
  notEqual(actual, expected, message) {
    if (Object.is(actual, expected))
      throw new AssertionFailure(`${message ?? "equal"}: ${show(actual)}`);
  },
  deepEqual(actual, expected, message) {
    if (!same(actual, expected)) {
      throw new AssertionFailure(
        `${message ?? "not equal"}:\n  actual   ${show(actual)}\n  expected ${show(expected)}`,
      );
    }
  },
  match(actual, expected, message) {
    if (!expected.test(actual))
      throw new AssertionFailure(`${message ?? "no match"}: ${show(actual)} has no ${expected}`);
  },
  throws(body, kind, message) {
    try {
      body();
    } catch (failure) {
      if (failure instanceof kind) return failure;
      throw new AssertionFailure(`${message ?? "throws"}: ${show(failure)} is no ${kind.name}`);
    }
    throw new AssertionFailure(`${message ?? "throws"}: nothing was thrown, expected ${kind.name}`);
  },
  fail(message) {
    throw new AssertionFailure(message);
  },
};
