/**
 * True hashes and ciphers under toy public keys, for fuzzing only: whoever
 * changes an octet is found out as under real ones, and a handshake costs no
 * curve, so that there are hundreds a second on either engine. Agreement is
 * Diffie-Hellman modulo 2^61 - 1; a signature is a MAC under the public key.
 */
import { providers } from "#kit";
import { concat, sameBytes, utf8 } from "../../src/base/bytes.ts";
import type { Crypto, EcCurve, EcdhGroup } from "../../src/base/crypto/crypto.ts";

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

function mac(point: Uint8Array, hash: string, message: Uint8Array): Uint8Array {
  return realCrypto.hmac("sha256", point, concat(utf8(hash), message));
}

export const toyCrypto: Crypto = {
  name: "toy",
  hasher: (hash) => realCrypto.hasher(hash),
  digest: (hash, message) => realCrypto.digest(hash, message),
  hmac: (hash, key, message) => realCrypto.hmac(hash, key, message),
  aead: (algorithm, key) => realCrypto.aead(algorithm, key),
  recordNumberCipher: (algorithm, key) => realCrypto.recordNumberCipher(algorithm, key),
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
        return realCrypto.digest(hash, toOctets(power(number, secret + 2n)));
      },
    };
  },
  generateScalar: (curve, random) => random(COORDINATE[curve]),
  signingKey: (curve, scalar) => {
    const x = realCrypto.digest(curve === "P-384" ? "sha384" : "sha256", scalar);
    const point = concat(Uint8Array.of(UNCOMPRESSED), x, x);
    return {
      publicKey: { kind: "ec", curve, point },
      sign: (hash, message) => mac(point, hash, message),
    };
  },
  isOnCurve: isPoint,
  verify: ({ kind, hash }, key, message, signature) =>
    kind === "ecdsa" && key.kind === "ec" && sameBytes(signature, mac(key.point, hash, message)),
};
