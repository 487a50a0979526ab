/** The test kit on QuickJS: runs what was registered, prints failures and one closing line. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { noble } from "../../src/base/crypto/noble.ts";

export { assert } from "./assert.ts";
export { seeded } from "./random.ts";

/** What `qjs` gives a script. */
declare const print: (line: string) => void;

/** Every crypto provider this engine has; suites run once for each. */
export const providers: readonly Crypto[] = [noble];

const registered: { readonly name: string; readonly body: () => void | Promise<void> }[] = [];

/** Registers one test; its name is a fact about the protocol. */
export function test(name: string, body: () => void | Promise<void>): void {
  registered.push({ name, body });
}

/** Registers a test that this engine cannot carry; it is named, never silently left out. */
export function skip(name: string, reason: string): void {
  print(`left out: ${name} (${reason})`);
}

/** Runs all tests in order; the build appends a call of this to the bundle. */
export async function runRegistered(): Promise<void> {
  let failed = 0;
  for (const { name, body } of registered) {
    try {
      await body();
    } catch (failure) {
      failed++;
      const text =
        failure instanceof Error
          ? `${failure.name}: ${failure.message}\n${failure.stack ?? ""}`
          : String(failure);
      print(`FAILED ${name}\n${text}`);
    }
  }
  print(`quickjs: ${registered.length - failed} passed, ${failed} failed`);
}
