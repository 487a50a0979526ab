/** Masks of record numbers and of QUIC headers, as hexadecimal; `mask` holds what the source prints. */
import type { RecordNumberCipherName } from "../../../src/base/crypto/crypto.ts";

export interface MaskVector {
  readonly source: string;
  readonly algorithm: RecordNumberCipherName;
  readonly key: string;
  readonly sample: string;
  readonly mask: string;
}

export const MASKS: readonly MaskVector[] = [
  {
    source: "RFC 9001 §A.2, the client's Initial",
    algorithm: "aes-128",
    key: "9f50449e04a0e810283a1e9933adedd2",
    sample: "d1b1c98dd7689fb8ec11d242b123dc9b",
    mask: "437b9aec36",
  },
  {
    source: "RFC 9001 §A.3, the server's Initial",
    algorithm: "aes-128",
    key: "c206b8d9b9f0f37644430b490eeaa314",
    sample: "2cd0991cd25b0aac406a5816b6394100",
    mask: "2ec0d8356a",
  },
  {
    source: "RFC 9001 §A.5, a ChaCha20-Poly1305 short header",
    algorithm: "chacha20",
    key: "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
    sample: "5e5cd55c41f69080575d7999c25a5bfb",
    mask: "aefefe7d03",
  },
  {
    source: "FIPS 197 §C.1",
    algorithm: "aes-128",
    key: "000102030405060708090a0b0c0d0e0f",
    sample: "00112233445566778899aabbccddeeff",
    mask: "69c4e0d86a7b0430d8cdb78070b4c55a",
  },
  {
    source: "FIPS 197 §C.3",
    algorithm: "aes-256",
    key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    sample: "00112233445566778899aabbccddeeff",
    mask: "8ea2b7ca516745bfeafc49904b496089",
  },
  {
    source: "RFC 8439 §2.3.2, the block function",
    algorithm: "chacha20",
    key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    sample: "01000000 000000090000004a00000000",
    mask: "10f1e7e4d13b5915500fdd1fa32071c4",
  },
  {
    source: "RFC 8439 §A.1, vector 1: nothing but zeros",
    algorithm: "chacha20",
    key: "00".repeat(32),
    sample: "00".repeat(16),
    mask: "76b8e0ada0f13d90405d6ae55386bd28",
  },
];

/**
 * The highest counter, which a peer may choose and some libraries refuse.
 * Computed with OpenSSL 3: `openssl enc -chacha20 -K 000102…1f -iv ffffffff000000090000004a00000000`
 * over zeros.
 */
export const HIGHEST_COUNTER: MaskVector = {
  source: "OpenSSL 3, counter 2^32 - 1",
  algorithm: "chacha20",
  key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  sample: "ffffffff 000000090000004a00000000",
  mask: "ff2941b8d740f6cbb50936bf997ebd52",
};
