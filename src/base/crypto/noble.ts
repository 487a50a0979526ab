/**
 * The crypto port over the noble libraries: pure ECMAScript, so it runs on
 * every engine. BigInt arithmetic is not constant-time however carefully it is
 * written; a host with native cryptography hands in its own provider.
 */
import { cbc } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ecdsa } from "@noble/curves/abstract/weierstrass.js";
import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256 as nobleSha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { CHash } from "@noble/hashes/utils.js";
import type { RandomSource } from "../machine.ts";
import { aeadForm, NONCE_LENGTH, requireLength, requirePbkdf2 } from "./lengths.ts";
import { Ccm } from "./ccm.ts";
import { Gcm } from "./gcm.ts";
import type {
  Aead,
  AeadName,
  Crypto,
  EcCurve,
  EcdhGroup,
  EcdhKey,
  HashName,
  HmacKey,
  PublicKey,
  SignatureScheme,
  SigningKey,
} from "./crypto.ts";
import { draw, drawScalar, ecdsaScalars, isScalar, isUncompressed, scalarLength } from "./ec.ts";
import { pointArithmetic } from "./p256.ts";
import { recordNumberCipher } from "./record-number.ts";
import { type SignatureHash, verifyPkcs1, verifyPss } from "./rsa.ts";
import { roundsOf } from "./rounds.ts";
import { HmacSha256, sha256, Sha256 } from "./sha256.ts";

const HASHES: Readonly<Record<HashName, CHash>> = {
  ...{ md5, sha1, sha256: nobleSha256, sha384, sha512 },
};
const CURVES: Readonly<Record<EcCurve, ECDSA>> = { "P-256": p256, "P-384": p384 };
/** Octets of additional data in a hedged nonce. */
const HEDGE_LENGTH = 32;

/** See {@link Crypto}. */
export const noble: Crypto = {
  name: "noble",

  hasher(hash) {
    if (hash === "sha256") return new Sha256();
    const running = HASHES[hash].create();
    return {
      update: (bytes) => void running.update(bytes),
      digest: () => running.clone().digest(),
    };
  },
  digest,
  digestRounds: roundsOf(digest),
  hmac: mac,
  hmacKey,

  aead,
  recordNumberCipher,

  pbkdf2(hash, password, salt, iterations, length) {
    requirePbkdf2(iterations, length);
    return pbkdf2(HASHES[hash], password, salt, { c: iterations, dkLen: length });
  },
  aesCbcEncrypt: (key, iv, plaintext) => aesCbc(key, iv).encrypt(plaintext),
  aesCbcDecrypt(key, iv, ciphertext) {
    const cipher = aesCbc(key, iv);
    return orNull(() => cipher.decrypt(ciphertext));
  },

  ecdhKey,
  generateScalar: drawScalar,
  signingKey,
  p256: pointArithmetic,
  isOnCurve,
  verify,
};

function digest(hash: HashName, message: Uint8Array): Uint8Array {
  return hash === "sha256" ? sha256(message) : HASHES[hash](message);
}

function mac(hash: HashName, key: Uint8Array, message: Uint8Array): Uint8Array {
  const keyed = hmacKey(hash, key);
  const code = keyed.mac(message);
  keyed.forget();
  return code;
}

function hmacKey(hash: HashName, key: Uint8Array): HmacKey {
  if (hash === "sha256") return new HmacSha256(key);
  const keyed = hmac.create(HASHES[hash], key);
  return {
    mac: (message) => keyed.clone().update(message).digest(),
    forget: () => keyed.destroy(),
  };
}

function aead(algorithm: AeadName, key: Uint8Array): Aead {
  const { mode, tagLength } = aeadForm(algorithm, key);
  switch (mode) {
    case "gcm":
      return new Gcm(key);
    case "ccm":
      return new Ccm(key, tagLength);
    case "chacha20-poly1305":
      return new ChaCha20Poly1305(key);
  }
}

class ChaCha20Poly1305 implements Aead {
  readonly tagLength: number = 16;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    // The key is kept, so it must not change when its buffer is used again.
    this.#key = Uint8Array.from(key);
  }

  seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireLength("an AEAD nonce", nonce, NONCE_LENGTH);
    return chacha20poly1305(this.#key, nonce, associated).encrypt(plaintext);
  }

  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    requireLength("an AEAD nonce", nonce, NONCE_LENGTH);
    const opener = chacha20poly1305(this.#key, nonce, associated);
    return orNull(() => opener.decrypt(sealed));
  }
}

function aesCbc(key: Uint8Array, iv: Uint8Array): ReturnType<typeof cbc> {
  requireLength("an AES-256 key", key, 32);
  requireLength("an AES-CBC initialization vector", iv, 16);
  return cbc(key, iv);
}

function ecdhKey(group: EcdhGroup, random: RandomSource): EcdhKey {
  if (group === "X25519") {
    const scalar = draw(32, random);
    return {
      publicKey: x25519.getPublicKey(scalar),
      agree: (peer) => orNull(() => x25519.getSharedSecret(scalar, peer)),
    };
  }
  const curve = CURVES[group];
  const scalar = drawScalar(group, random);
  return {
    publicKey: curve.getPublicKey(scalar, false),
    agree(peer) {
      if (!isUncompressed(group, peer)) return null;
      // The shared point's x coordinate stands behind the octet that says "uncompressed".
      return orNull(() =>
        curve.getSharedSecret(scalar, peer, false).slice(1, 1 + scalarLength(group)),
      );
    },
  };
}

function signingKey(curve: EcCurve, scalar: Uint8Array): SigningKey {
  if (!isScalar(curve, scalar)) throw new RangeError("a private scalar lies in [1, n-1]");
  const ownScalar = Uint8Array.from(scalar);
  const point = CURVES[curve].getPublicKey(ownScalar, false);
  return {
    publicKey: { kind: "ec", curve, point },
    sign(hash, message, random) {
      if (hash === "md5") throw new RangeError("MD5 makes no signatures");
      const hedge = random === null ? {} : { extraEntropy: draw(HEDGE_LENGTH, random) };
      // A high s is as good as a low one: RFC 6979 keeps what it computes.
      const options = { format: "der", lowS: false, prehash: false, ...hedge } as const;
      return signer(curve, hash).sign(digest(hash, message), ownScalar, options);
    },
  };
}

/** The library binds a curve to one hash; the nonce's HMAC must be over the message's hash (RFC 6979 §3.2). */
const signers = new Map<string, ECDSA>();

function signer(curve: EcCurve, hash: HashName): ECDSA {
  const name = `${curve} ${hash}`;
  const known = signers.get(name);
  if (known !== undefined) return known;
  const made = ecdsa(CURVES[curve].Point, HASHES[hash], {
    hmac: (key: Uint8Array, message: Uint8Array) => mac(hash, key, message),
  });
  signers.set(name, made);
  return made;
}

function isOnCurve(curve: EcCurve, point: Uint8Array): boolean {
  return isUncompressed(curve, point) && CURVES[curve].utils.isValidPublicKey(point, false);
}

function verify(
  scheme: SignatureScheme,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { kind, hash } = scheme;
  if (hash === "md5") return false;
  if (kind === "ecdsa") return key.kind === "ec" && verifyEcdsa(hash, key, message, signature);
  if (key.kind !== "rsa") return false;
  const verifyRsa = kind === "rsa-pkcs1" ? verifyPkcs1 : verifyPss;
  return verifyRsa(noble, hash, key, message, signature);
}

function verifyEcdsa(
  hash: SignatureHash,
  key: PublicKey & { readonly kind: "ec" },
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!isUncompressed(key.curve, key.point)) return false;
  const scalars = ecdsaScalars(key.curve, signature);
  if (scalars === null) return false;
  const options = { format: "compact", lowS: false, prehash: false } as const;
  return CURVES[key.curve].verify(scalars, digest(hash, message), key.point, options);
}

/** The libraries throw where a tag, padding or point does not hold; nothing else is inside these calls. */
function orNull(compute: () => Uint8Array): Uint8Array | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
