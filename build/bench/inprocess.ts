/**
 * The server's side of one full EAP-TLS authentication, in process: the whole
 * daemon in memory, asked by a scripted station whose own time is not counted.
 * Runs on both engines; prints one line of JSON.
 */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import {
  chainOf,
  join,
  lampIdentity,
  MemoryHome,
  requestPem,
  selfSigned,
  type StationOptions,
} from "../../test/kit/memory-home.ts";
import { noParts, taken, watched } from "./stop-watch.ts";

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
  const parts = noParts();
  const { home, station } = await phoneAtHome(watched(crypto, parts, now), crypto);
  for (let run = 0; run < warmUp; run++) join(home, station);
  Object.assign(parts, noParts());
  home.serverMs = 0;
  for (let run = 0; run < runs; run++) {
    if (join(home, station).code !== 2) throw new Error("an authentication failed");
  }
  return { provider: crypto.name, ...taken(parts, home.serverMs, runs) };
}
