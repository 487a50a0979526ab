import type { Crypto } from "../../base/crypto/crypto.ts";
export const nodeCrypto: Crypto = undefined as unknown as Crypto;
