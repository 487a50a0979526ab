/**
 * Crypto whose locks all stand open, for fuzzing only: every tag holds, every
 * secret is zeros, sealing changes nothing. So an input that nobody could make
 * without the keys reaches the code behind them, and thousands of them a second.
 * It still refuses what a provider refuses by form, and what begins with the
 * octet 0xbd stands for what does not verify.
 */
import { concat } from "../../src/base/bytes.ts";
import type { Aead, AeadName, Crypto, EcCurve, HashName } from "../../src/base/crypto/crypto.ts";
import { pointArithmetic } from "../../src/base/crypto/p256.ts";

/** First octet of a signature or shared key that is no good. */
export const BAD = 0xbd;

const DIGEST_LENGTH: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};
const COORDINATE: Readonly<Record<EcCurve, number>> = { "P-256": 32, "P-384": 48 };
const BLOCK = 16;

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

function isPoint(curve: EcCurve, point: Uint8Array): boolean {
  return point.length === 1 + 2 * COORDINATE[curve] && point[0] === 4 && point[1] !== BAD;
}

function openAead(algorithm: AeadName): Aead {
  const tagLength = algorithm.endsWith("ccm-8") ? 8 : 16;
  return {
    tagLength,
    seal: (_nonce, _associated, plaintext) => concat(plaintext, zeros(tagLength)),
    open: (_nonce, _associated, sealed) => {
      const length = sealed.length - tagLength;
      return length < 0 || sealed[length] === BAD ? null : sealed.slice(0, length);
    },
  };
}

export const openCrypto: Crypto = {
  name: "open",
  hasher: (hash) => ({ update: () => {}, digest: () => zeros(DIGEST_LENGTH[hash]) }),
  digest: (hash) => zeros(DIGEST_LENGTH[hash]),
  digestRounds: (hash) => zeros(DIGEST_LENGTH[hash]),
  hmac: (hash) => zeros(DIGEST_LENGTH[hash]),
  hmacKey: (hash) => ({ mac: () => zeros(DIGEST_LENGTH[hash]), forget: () => {} }),
  aead: openAead,
  recordNumberCipher: () => ({ mask: () => zeros(BLOCK) }),
  pbkdf2: (_hash, _password, _salt, _iterations, length) => zeros(length),
  aesCbcEncrypt: (_key, _iv, plaintext) => {
    const padding = BLOCK - (plaintext.length % BLOCK);
    return concat(plaintext, new Uint8Array(padding).fill(padding));
  },
  aesCbcDecrypt: (_key, _iv, ciphertext) => {
    const padding = ciphertext[ciphertext.length - 1] ?? 0;
    const whole = ciphertext.length > 0 && ciphertext.length % BLOCK === 0;
    if (!whole || padding < 1 || padding > BLOCK) return null;
    return ciphertext.slice(0, ciphertext.length - padding);
  },
  ecdhKey: (group) => {
    const own = group === "X25519" ? zeros(32) : concat(Uint8Array.of(4), point(group));
    return {
      publicKey: own,
      agree: (peer) => {
        const good =
          group === "X25519" ? peer.length === 32 && peer[0] !== BAD : isPoint(group, peer);
        return good ? zeros(group === "P-384" ? 48 : 32) : null;
      },
    };
  },
  generateScalar: (curve) => new Uint8Array(COORDINATE[curve]).fill(1),
  signingKey: (curve, scalar) => {
    const inRange = scalar.length === COORDINATE[curve] && scalar.some((octet) => octet !== 0);
    if (!inRange || scalar[0] === BAD) throw new RangeError("the scalar is not in [1, n-1]");
    return {
      publicKey: { kind: "ec", curve, point: concat(Uint8Array.of(4), scalar, scalar) },
      sign: () => Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1),
    };
  },
  p256: pointArithmetic,
  isOnCurve: isPoint,
  verify: (_scheme, _key, _message, signature) => signature.length > 0 && signature[0] !== BAD,
};

function point(curve: EcCurve): Uint8Array {
  return new Uint8Array(2 * COORDINATE[curve]).fill(1);
}
