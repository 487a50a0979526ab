/** The test kit on the C host: as on QuickJS, and with the provider that is made of both. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { quickJsCrypto } from "../../src/host/quickjs/crypto.ts";

export { assert } from "./assert.ts";
export { runRegistered, skip, test } from "./quickjs.ts";
export { seeded } from "./random.ts";

/** Every crypto provider this engine has; suites run once for each. */
export const providers: readonly Crypto[] = [quickJsCrypto, noble];
