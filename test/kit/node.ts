/** The test kit on Node: node:test beneath the interface that both engines share. */
import { test as nodeTest } from "node:test";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";

export { assert } from "./assert.ts";
export { seeded } from "./random.ts";

/** Every crypto provider this engine has; suites run once for each. */
export const providers: readonly Crypto[] = [noble, nodeCrypto];

/** Registers one test; its name is a fact about the protocol. */
export function test(name: string, body: () => void | Promise<void>): void {
  void nodeTest(name, body);
}

/** Registers a test that this machine cannot carry; it is counted and named, never silently left out. */
export function skip(name: string, reason: string): void {
  void nodeTest(`${name} (skipped: ${reason})`, { skip: reason }, () => {});
}
