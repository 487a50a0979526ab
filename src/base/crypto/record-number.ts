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
  const compute = algorithm === "chacha20" ? chacha20Mask(key) : aesMask(key);
  return {
    mask(sample) {
      requireSample(sample);
      // Copied, for both ciphers read whole words and want them aligned.
      return compute(Uint8Array.from(sample));
    },
  };
}

type Mask = (sample: Uint8Array) => Uint8Array;

function aesMask(key: Uint8Array): Mask {
  const roundKeys = unsafe.expandKeyLE(key);
  return (sample) => unsafe.encryptBlock(roundKeys, sample);
}

/**
 * The library's `chacha20` refuses the highest counter, which a peer's sample
 * may well have. HChaCha20 has no counter: it hands out the state after the
 * rounds, to which only its beginning must be added (RFC 8439 §2.3.1).
 */
function chacha20Mask(key: Uint8Array): Mask {
  const sigma = words(Uint8Array.from(SIGMA));
  const keyWords = words(Uint8Array.from(key));
  return (sample) => {
    const state = new Uint8Array(32);
    hchacha(sigma, keyWords, words(sample), words(state));
    const mask = new Uint8Array(16);
    const [rounds, begin, sum] = [view(state), view(SIGMA), view(mask)];
    for (let at = 0; at < mask.length; at += 4) {
      sum.setUint32(at, rounds.getUint32(at, true) + begin.getUint32(at, true), true);
    }
    return mask;
  };
}

/** The words of freshly made octets, which start at a word. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset);
}
