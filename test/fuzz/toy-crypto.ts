/**
 * Cryptography that is a toy in every part, for fuzzing only: whoever changes an
 * octet by chance is found out as under the real one, and a handshake costs next
 * to nothing, so that there are hundreds a second on either engine. Agreement is
 * Diffie-Hellman modulo 2^61 - 1, a signature is a MAC under the public key, and
 * below all lies a hash that mixes 128 bits well enough for accidents.
 */
import { providers } from "#kit";
import { concat, sameBytes, utf8 } from "../../src/base/bytes.ts";
import type { Aead, Crypto, EcCurve, EcdhGroup, HashName } from "../../src/base/crypto/crypto.ts";

/** The quickest provider there is; on QuickJS that is noble. */
export const realCrypto: Crypto = providers.at(-1)!;

const PRIME = 2n ** 61n - 1n;
const BASE = 3n;
const NUMBER_LENGTH = 8;
const COORDINATE: Readonly<Record<EcCurve, number>> = { "P-256": 32, "P-384": 48 };
const UNCOMPRESSED = 4;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}

function toNumber(octets: Uint8Array): bigint {
  return octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

function toOctets(value: bigint): Uint8Array {
  return Uint8Array.from({ length: NUMBER_LENGTH }, (_, at) =>
    Number((value >> BigInt(8 * (NUMBER_LENGTH - 1 - at))) & 0xffn),
  );
}

/** A number in the place of a point: as long, and with zeros behind it. */
function share(group: EcdhGroup, value: bigint): Uint8Array {
  const length = group === "X25519" ? 32 : 2 * COORDINATE[group];
  const point = new Uint8Array(length);
  point.set(toOctets(value));
  return group === "X25519" ? point : concat(Uint8Array.of(UNCOMPRESSED), point);
}

/** Null for what {@link share} does not give. */
function numberIn(group: EcdhGroup, octets: Uint8Array): bigint | null {
  const at = group === "X25519" ? 0 : 1;
  const value = toNumber(octets.subarray(at, at + NUMBER_LENGTH));
  const good = value > 1n && value < PRIME - 1n && sameBytes(share(group, value), octets);
  return good ? value : null;
}

function isPoint(curve: EcCurve, point: Uint8Array): boolean {
  return point.length === 1 + 2 * COORDINATE[curve] && point[0] === UNCOMPRESSED;
}

const DIGEST_LENGTH: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** Four lanes of 32 bits, each of which feeds the next. */
class Mixer {
  #a = 0x243f6a88;
  #b = 0x85a308d3;
  #c = 0x13198a2e;
  #d = 0x03707344;

  update(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length; at++) this.#mix(bytes[at]!);
    return this;
  }

  #mix(octet: number): void {
    this.#a = Math.imul(this.#a ^ octet ^ (this.#d >>> 13), 0x9e3779b1);
    this.#b = Math.imul(this.#b + octet + (this.#a >>> 15), 0x85ebca77);
    this.#c = Math.imul(this.#c ^ this.#b ^ (this.#b >>> 16), 0xc2b2ae3d);
    this.#d = (Math.imul(this.#d, 5) + this.#c + octet) | 0;
  }

  /** As many octets as are asked for; the lanes go on from where they were. */
  read(length: number): Uint8Array {
    const other = new Mixer();
    [other.#a, other.#b, other.#c, other.#d] = [this.#a, this.#b, this.#c, this.#d];
    for (let round = 0; round < 8; round++) other.#mix(round + length);
    const octets = new Uint8Array(length);
    for (let at = 0; at < length; at++) {
      other.#mix(at & 0xff);
      octets[at] = other.#a ^ (other.#d >>> 11) ^ (other.#c >>> 22);
    }
    return octets;
  }
}

/** Each part behind its length, so that no two lists look alike. */
function mixed(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const mixer = new Mixer();
  for (const part of parts) {
    mixer.update(Uint8Array.of(part.length >> 16, part.length >> 8, part.length)).update(part);
  }
  return mixer.read(length);
}

function aead(key: Uint8Array, tagLength: number): Aead {
  const crypt = (nonce: Uint8Array, text: Uint8Array): Uint8Array => {
    const stream = mixed(text.length, key, nonce);
    return text.map((octet, at) => octet ^ stream[at]!);
  };
  const tag = (nonce: Uint8Array, associated: Uint8Array, text: Uint8Array): Uint8Array =>
    mixed(tagLength, key, nonce, associated, text);
  return {
    tagLength,
    seal: (nonce, associated, plaintext) =>
      concat(crypt(nonce, plaintext), tag(nonce, associated, plaintext)),
    open: (nonce, associated, sealed) => {
      if (sealed.length < tagLength) return null;
      const end = sealed.length - tagLength;
      const plaintext = crypt(nonce, sealed.subarray(0, end));
      return sameBytes(sealed.subarray(end), tag(nonce, associated, plaintext)) ? plaintext : null;
    },
  };
}

function mac(point: Uint8Array, hash: string, message: Uint8Array): Uint8Array {
  return mixed(32, point, utf8(hash), message);
}

const MASK_LENGTH = 16;

export const toyCrypto: Crypto = {
  name: "toy",
  hasher: (hash) => {
    const mixer = new Mixer();
    return {
      update: (bytes) => void mixer.update(bytes),
      digest: () => mixer.read(DIGEST_LENGTH[hash]),
    };
  },
  digest: (hash, message) => new Mixer().update(message).read(DIGEST_LENGTH[hash]),
  digestRounds: (...given) => realCrypto.digestRounds(...given),
  hmac: (hash, key, message) => mixed(DIGEST_LENGTH[hash], key, message),
  hmacKey: (hash, key) => ({
    mac: (message) => mixed(DIGEST_LENGTH[hash], key, message),
    forget: () => {},
  }),
  aead: (algorithm, key) => aead(key.slice(), algorithm.endsWith("ccm-8") ? 8 : 16),
  recordNumberCipher: (_algorithm, key) => {
    const own = key.slice();
    return { mask: (sample) => mixed(MASK_LENGTH, own, sample) };
  },
  pbkdf2: (...given) => realCrypto.pbkdf2(...given),
  aesCbcEncrypt: (...given) => realCrypto.aesCbcEncrypt(...given),
  aesCbcDecrypt: (...given) => realCrypto.aesCbcDecrypt(...given),
  ecdhKey: (group, random) => {
    const secret = toNumber(random(NUMBER_LENGTH)) >> 4n;
    return {
      publicKey: share(group, power(BASE, secret + 2n)),
      agree: (peer) => {
        const number = numberIn(group, peer);
        if (number === null) return null;
        const hash = group === "P-384" ? "sha384" : "sha256";
        return toyCrypto.digest(hash, toOctets(power(number, secret + 2n)));
      },
    };
  },
  generateScalar: (curve, random) => random(COORDINATE[curve]),
  signingKey: (curve, scalar) => {
    const x = toyCrypto.digest(curve === "P-384" ? "sha384" : "sha256", scalar);
    const point = concat(Uint8Array.of(UNCOMPRESSED), x, x);
    return {
      publicKey: { kind: "ec", curve, point },
      sign: (hash, message) => mac(point, hash, message),
    };
  },
  p256: realCrypto.p256,
  isOnCurve: isPoint,
  verify: ({ kind, hash }, key, message, signature) =>
    kind === "ecdsa" && key.kind === "ec" && sameBytes(signature, mac(key.point, hash, message)),
};
