/**
 * The server's side of one full EAP-TLS authentication, in process: the whole
 * daemon in memory, asked by a scripted station whose own time is not counted.
 * Runs on both engines; prints one line of JSON.
 */
import type { Crypto, Hasher } from "../../src/base/crypto/crypto.ts";
import {
  chainOf,
  join,
  lampIdentity,
  MemoryHome,
  requestPem,
  selfSigned,
  type StationOptions,
} from "../../test/kit/memory-home.ts";

/** Milliseconds spent in each part of the crypto port. */
type Parts = Record<"verify" | "sign" | "ecdh" | "hash" | "aead", number>;

/** The provider with a stop watch on each operation. */
function watched(crypto: Crypto, parts: Parts, now: () => number): Crypto {
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
    name: crypto.name,
    hasher: (hash) => {
      const inner = crypto.hasher(hash);
      const hasher: Hasher = {
        update: timed("hash", (b) => inner.update(b)),
        digest: timed("hash", () => inner.digest()),
      };
      return hasher;
    },
    digest: timed("hash", (h, m) => crypto.digest(h, m)),
    hmac: timed("hash", (h, k, m) => crypto.hmac(h, k, m)),
    aead: (algorithm, key) => {
      const inner = timed("aead", () => crypto.aead(algorithm, key))();
      return {
        tagLength: inner.tagLength,
        seal: timed("aead", (n, a, p) => inner.seal(n, a, p)),
        open: timed("aead", (n, a, s) => inner.open(n, a, s)),
      };
    },
    pbkdf2: (...args) => crypto.pbkdf2(...args),
    aesCbcEncrypt: (...args) => crypto.aesCbcEncrypt(...args),
    aesCbcDecrypt: (...args) => crypto.aesCbcDecrypt(...args),
    generateScalar: (...args) => crypto.generateScalar(...args),
    isOnCurve: (...args) => crypto.isOnCurve(...args),
    ecdhKey: timed("ecdh", (group, random) => {
      const key = crypto.ecdhKey(group, random);
      return {
        publicKey: key.publicKey,
        agree: timed("ecdh", (peer: Uint8Array) => key.agree(peer)),
      };
    }),
    signingKey: (curve, scalar) => {
      const key = crypto.signingKey(curve, scalar);
      return { publicKey: key.publicKey, sign: timed("sign", (h, m, r) => key.sign(h, m, r)) };
    },
    verify: timed("verify", (...args) => crypto.verify(...args)),
  };
}

/** A home in memory with a device that has its certificate. */
async function phoneAtHome(
  crypto: Crypto,
  stationCrypto: Crypto,
): Promise<{ readonly home: MemoryHome; readonly station: StationOptions }> {
  const home = new MemoryHome(crypto, { stationCrypto });
  const mac = "02-00-00-00-00-11";
  const identity = "@setup.home.arpa";
  const inner = { name: lampIdentity(), password: "none" };
  join(home, { mac, method: "ttls", identity, chain: [selfSigned(stationCrypto)], inner });
  const { devices } = await home.call("devices");
  const [{ id }] = devices as [{ id: string }];
  await home.call("approve", { id });
  const { chainPem } = await home.call("sign", { id, request: requestPem(stationCrypto) });
  return { home, station: { mac, method: "tls", chain: chainOf(chainPem as string) } };
}

/**
 * Bytes that live after each count of authentications, by `live`, which collects
 * garbage first: what the process holds beyond that is the engine's own choice.
 */
export async function liveBytes(
  crypto: Crypto,
  counts: readonly number[],
  live: () => number,
): Promise<readonly number[]> {
  const { home, station } = await phoneAtHome(crypto, crypto);
  const figures: number[] = [];
  for (let run = 1; run <= Math.max(...counts); run++) {
    if (join(home, station).code !== 2) throw new Error("an authentication failed");
    // The memory host keeps what went by for tests to look at; a real one does not.
    home.forget();
    if (counts.includes(run)) figures.push(live());
  }
  return figures;
}

/** Measures one provider over `runs` authentications, after `warmUp` that are not counted. The station uses the bare one, so the stop watches count the server alone. */
export async function measure(
  crypto: Crypto,
  now: () => number,
  runs: number,
  warmUp: number,
): Promise<object> {
  const parts: Parts = { verify: 0, sign: 0, ecdh: 0, hash: 0, aead: 0 };
  const { home, station } = await phoneAtHome(watched(crypto, parts, now), crypto);
  for (let run = 0; run < warmUp; run++) join(home, station);
  for (const part of Object.keys(parts) as (keyof Parts)[]) parts[part] = 0;
  home.serverMs = 0;
  for (let run = 0; run < runs; run++) {
    if (join(home, station).code !== 2) throw new Error("an authentication failed");
  }
  const each = (total: number): number => total / runs;
  const totalMs = each(home.serverMs);
  const inParts = Object.fromEntries(
    Object.entries(parts).map(([part, total]) => [part, each(total)]),
  );
  const otherMs = totalMs - Object.values(inParts).reduce((sum, one) => sum + one, 0);
  return { provider: crypto.name, totalMs, parts: { ...inParts, other: otherMs } };
}
