import type { Crypto } from "./crypto.ts";
// Replaced by the provider itself in the next step.
export const noble: Crypto = undefined as unknown as Crypto;
