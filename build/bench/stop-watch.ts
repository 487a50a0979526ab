/** A crypto provider with a stop watch on each operation. */
import type { Crypto, Hasher } from "../../src/base/crypto/crypto.ts";

/** Milliseconds spent in each part of the crypto port. */
export type Parts = Record<"verify" | "sign" | "ecdh" | "hash" | "aead", number>;

/** All of them at zero. */
export function noParts(): Parts {
  return { verify: 0, sign: 0, ecdh: 0, hash: 0, aead: 0 };
}

/** Adds what each operation of `crypto` takes to `parts`, by a clock in milliseconds. */
export function watched(crypto: Crypto, parts: Parts, now: () => number): Crypto {
  const timed =
    <A extends unknown[], R>(part: keyof Parts, call: (...args: A) => R) =>
    (...args: A): R => {
      const from = now();
      try {
        return call(...args);
      } finally {
        parts[part] += now() - from;
      }
    };
  return {
    ...crypto,
    hasher: timed("hash", (hash) => {
      const inner = crypto.hasher(hash);
      const hasher: Hasher = {
        update: timed("hash", (b) => inner.update(b)),
        digest: timed("hash", () => inner.digest()),
      };
      return hasher;
    }),
    digest: timed("hash", (h, m) => crypto.digest(h, m)),
    digestRounds: timed("hash", (h, m, rounds) => crypto.digestRounds(h, m, rounds)),
    hmac: timed("hash", (h, k, m) => crypto.hmac(h, k, m)),
    hmacKey: timed("hash", (h, k) => {
      const inner = crypto.hmacKey(h, k);
      return { mac: timed("hash", (m) => inner.mac(m)), forget: () => inner.forget() };
    }),
    aead: timed("aead", (algorithm, key) => {
      const inner = crypto.aead(algorithm, key);
      return {
        tagLength: inner.tagLength,
        seal: timed("aead", (n, a, p) => inner.seal(n, a, p)),
        open: timed("aead", (n, a, s) => inner.open(n, a, s)),
      };
    }),
    recordNumberCipher: timed("aead", (algorithm, key) => {
      const inner = crypto.recordNumberCipher(algorithm, key);
      return { mask: timed("aead", (sample) => inner.mask(sample)) };
    }),
    ecdhKey: timed("ecdh", (group, random) => {
      const key = crypto.ecdhKey(group, random);
      return {
        publicKey: key.publicKey,
        agree: timed("ecdh", (peer) => key.agree(peer)),
      };
    }),
    generateScalar: timed("ecdh", (curve, random) => crypto.generateScalar(curve, random)),
    p256: {
      base: timed("ecdh", (scalar) => crypto.p256.base(scalar)),
      multiply: timed("ecdh", (point, scalar) => crypto.p256.multiply(point, scalar)),
      add: timed("ecdh", (a, b) => crypto.p256.add(a, b)),
      isSmallMultiple: timed("verify", (point, bound) => crypto.p256.isSmallMultiple(point, bound)),
    },
    isOnCurve: timed("verify", (curve, point) => crypto.isOnCurve(curve, point)),
    signingKey: timed("sign", (curve, scalar) => {
      const key = crypto.signingKey(curve, scalar);
      return { publicKey: key.publicKey, sign: timed("sign", (h, m, r) => key.sign(h, m, r)) };
    }),
    verify: timed("verify", (...args) => crypto.verify(...args)),
  };
}

/** Milliseconds of one run: its parts, and what is none of them. */
export interface Taken {
  readonly totalMs: number;
  readonly parts: Parts & { readonly other: number };
}

/** One run of `runs` that took so much together. */
export function taken(parts: Parts, totalMs: number, runs = 1): Taken {
  const { verify, sign, ecdh, hash, aead } = parts;
  const other = totalMs - verify - sign - ecdh - hash - aead;
  return {
    totalMs: totalMs / runs,
    parts: {
      ...{ verify: verify / runs, sign: sign / runs, ecdh: ecdh / runs },
      ...{ hash: hash / runs, aead: aead / runs, other: other / runs },
    },
  };
}

/**
 * The mean of the half of the runs in the middle, by their total: what else the
 * machine did meanwhile does not count.
 */
export function middle(runs: readonly Taken[]): Taken {
  const sorted = [...runs].sort((one, other) => one.totalMs - other.totalMs);
  const quarter = Math.floor(runs.length / 4);
  const half = sorted.slice(quarter, runs.length - quarter);
  const sum = (of: (run: Taken) => number): number =>
    half.reduce((total, run) => total + of(run), 0);
  const parts: Parts = {
    verify: sum((run) => run.parts.verify),
    sign: sum((run) => run.parts.sign),
    ecdh: sum((run) => run.parts.ecdh),
    hash: sum((run) => run.parts.hash),
    aead: sum((run) => run.parts.aead),
  };
  return taken(
    parts,
    sum((run) => run.totalMs),
    half.length,
  );
}
