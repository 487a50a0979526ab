/**
 * The releases that this home signs: what devices gave out as nonces is
 * remembered in memory, for they give it out anew in each association; what was
 * signed stands in the record, so that it can be sent again.
 */
import { toHex, hex } from "../../base/bytes.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { isOwedRelease } from "../registry/record.ts";
import { MAX_DEVICES } from "../registry/registry.ts";
import type { Registry } from "../registry/registry.ts";
import { signRelease, withdrawnAt } from "./home.ts";
import type { SignedRelease } from "./home.ts";
import type { ReleaseReason } from "./objects.ts";

/** What the owner says of why is not asked for yet. */
const REASON: ReleaseReason = "given-away";

export interface ReleaseTools {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  /** The issuing CA's. */
  readonly key: SigningKey;
}

export class Releases {
  readonly #tools: ReleaseTools;
  /** In hexadecimal, by device; each device that has a certificate here can have one. */
  readonly #nonces = new Map<string, string>();

  constructor(tools: ReleaseTools) {
    this.#tools = tools;
  }

  /** Nonces remembered, for tests of the bound. */
  get size(): number {
    return this.#nonces.size;
  }

  /** The device gave out this nonce; the one before is void. */
  heard(device: string, nonce: Uint8Array): void {
    this.#nonces.delete(device);
    if (this.#nonces.size >= MAX_DEVICES) {
      const [oldest] = this.#nonces.keys();
      this.#nonces.delete(oldest!);
    }
    this.#nonces.set(device, toHex(nonce));
  }

  /** The device is gone. */
  forget(device: string): void {
    this.#nonces.delete(device);
  }

  /**
   * The record with the token that the device is owed. Null where there is
   * nothing to do: it is owed none, gave out no nonce, or has its token on
   * record already, which then is sent again.
   *
   * @param registry - as stored, with the withdrawal in it
   * @throws {@link OwnershipFailure} as `withdrawnAt`
   */
  sign(registry: Registry, device: string, now: Unix): DeviceRecord | null {
    const record = registry.devices.get(device);
    const nonce = this.#nonces.get(device);
    if (record === undefined || nonce === undefined || !isOwedRelease(record)) return null;
    const { release } = record;
    if (release === null || release.sent?.nonce === nonce) return null;
    const lastCounter = release.sent?.counter ?? 0;
    const withdrawn = withdrawnAt(registry, device, now);
    const order = { device: withdrawn, nonce: hex(nonce), reason: REASON, now, lastCounter };
    const { token, counter } = signRelease(order, this.#tools.key, this.#tools);
    const sent = { nonce, counter, token: toHex(token) };
    return { ...record, release: { ...release, sent } };
  }
}

/** What was sent to a device, to check its receipt by; null where nothing was. */
export function sentRelease({ id, release }: DeviceRecord): SignedRelease | null {
  const sent = release?.sent ?? null;
  return sent === null ? null : { token: hex(sent.token), counter: sent.counter, deviceId: id };
}
