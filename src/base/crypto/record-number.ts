/**
 * Record number masks over @noble/ciphers: one AES block, or the first quarter
 * of one ChaCha20 block whose counter and nonce are the sample's.
 */
import { unsafe } from "@noble/ciphers/aes.js";
import { hchacha } from "@noble/ciphers/chacha.js";
import { utf8 } from "../bytes.ts";
import type { RecordNumberCipher, RecordNumberCipherName } from "./crypto.ts";
import { requireRecordNumberKey, requireSample } from "./lengths.ts";

/** The constant words of the ChaCha20 state (RFC 8439 §2.3), as octets. */
const SIGMA = utf8("expand 32-byte k");

/** See {@link Crypto.recordNumberCipher}. */
export function recordNumberCipher(
  algorithm: RecordNumberCipherName,
  key: Uint8Array,
): RecordNumberCipher {
  requireRecordNumberKey(algorithm, key);
  return algorithm === "chacha20" ? new ChaCha20Numbers(key) : new AesNumbers(key);
}

class AesNumbers implements RecordNumberCipher {
  readonly #roundKeys: Uint32Array;

  constructor(key: Uint8Array) {
    this.#roundKeys = unsafe.expandKeyLE(key);
  }

  mask(sample: Uint8Array): Uint8Array {
    requireSample(sample);
    return unsafe.encryptBlock(this.#roundKeys, aligned(sample));
  }
}

/**
 * The library's `chacha20` refuses the highest counter, which a peer's sample
 * may well have. HChaCha20 has no counter: it hands out the state after the
 * rounds, to which only its beginning must be added (RFC 8439 §2.3.1).
 */
class ChaCha20Numbers implements RecordNumberCipher {
  readonly #key: Uint32Array;

  constructor(key: Uint8Array) {
    this.#key = words(Uint8Array.from(key));
  }

  mask(sample: Uint8Array): Uint8Array {
    requireSample(sample);
    const state = new Uint8Array(32);
    hchacha(words(aligned(SIGMA)), this.#key, words(aligned(sample)), words(state));
    const mask = new Uint8Array(16);
    const [rounds, begin, sum] = [view(state), view(SIGMA), view(mask)];
    for (let at = 0; at < mask.length; at += 4) {
      sum.setUint32(at, rounds.getUint32(at, true) + begin.getUint32(at, true), true);
    }
    return mask;
  }
}

/** A copy, for both ciphers read whole words and want them aligned. */
function aligned(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

/** The words of freshly made octets, which start at a word. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset);
}
