/**
 * The home's key updates under way and just over, in memory: what a device
 * agreed on and has not had certified yet, what shares were seen before, and
 * how often a device saw our share and went away.
 */
import { sameBytes, toHex } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { mono } from "../../base/machine.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import type { KeyUpdateReason } from "../../proto/key-update/failure.ts";
import { HomeKeyUpdates } from "../../proto/key-update/home.ts";
import type { HomeOutput, HomeUpdate } from "../../proto/key-update/home.ts";
import type { Association } from "../../proto/key-update/schedule.ts";

/** How long a new key may wait for its certificate. */
export const AGREED_MS: number = 10 * 60_000;
/** Agreed keys that wait at once. */
export const MAX_AGREED = 64;
/** Shares and keys that are known again; the oldest go. */
export const MAX_SEEN = 8192;
/**
 * Updates that came to nothing within {@link ABANDONED_MS} after the device had our
 * share, beyond which it has to wait: who may choose among results biases them.
 */
export const MAX_ABANDONED = 3;
export const ABANDONED_MS: number = 24 * 3_600_000;
/** Devices whose broken-off updates are counted. */
const MAX_COUNTED = 256;

export interface Agreed extends HomeUpdate {
  /** The key that the device came with, SEC 1 uncompressed. */
  readonly before: Uint8Array;
  readonly until: Mono;
}

export type KeyUpdateAnswer =
  | { readonly kind: "answer"; readonly body: Uint8Array; readonly update: HomeUpdate | null }
  | { readonly kind: "refused"; readonly reason: KeyUpdateReason }
  /** Broken off too often; seconds until the next one is allowed. */
  | { readonly kind: "held"; readonly seconds: number };

export class KeyUpdates {
  readonly #machine: HomeKeyUpdates;
  readonly #most: number;
  readonly #seen = new Set<string>();
  readonly #agreed = new Map<string, Agreed>();
  readonly #abandoned = new Map<string, readonly Mono[]>();

  /** @param most - shares that are known again */
  constructor(crypto: Crypto, random: RandomSource, most: number = MAX_SEEN) {
    this.#most = most;
    this.#machine = new HomeKeyUpdates({
      crypto,
      random,
      seen: (fingerprint) => this.#seen.has(toHex(fingerprint)),
    });
  }

  /** Entries in all tables, for status pages and tests. */
  get size(): number {
    return this.#seen.size + this.#agreed.size + this.#abandoned.size;
  }

  /** One request of a device that may update its key. */
  take(
    kind: "commit" | "reveal",
    device: string,
    association: Association,
    body: Uint8Array,
    now: Mono,
  ): KeyUpdateAnswer {
    this.timeout(now);
    const held = kind === "commit" ? this.#heldSeconds(device, now) : 0;
    if (held > 0) return { kind: "held", seconds: held };
    const outputs = this.#machine.handle({ kind, device, association, body }, now);
    const answer = this.#answer(outputs, device, now);
    if (answer.kind === "answer" && answer.update !== null) {
      this.#keep(device, { ...answer.update, before: association.deviceKey }, now);
    }
    if (kind === "reveal" && answer.kind === "refused" && answer.reason !== "no-commitment") {
      // It had our share, and could tell what would come of it before it spoiled its reveal.
      this.#count(device, now);
    }
    return answer;
  }

  timeout(now: Mono): void {
    this.#answer(this.#machine.handle({ kind: "timeout" }, now), "", now);
    for (const [device, { until }] of this.#agreed) if (until <= now) this.#drop(device, now);
  }

  /** What the device agreed on and has not had certified; null for nothing that still counts. */
  agreed(device: string, now: Mono): Agreed | null {
    const agreed = this.#agreed.get(device) ?? null;
    return agreed !== null && agreed.until > now ? agreed : null;
  }

  /** Whether the key is the one that this device agreed on. */
  isAgreed(device: string, point: Uint8Array, now: Mono): boolean {
    const agreed = this.agreed(device, now);
    return agreed !== null && sameBytes(agreed.publicKey, point);
  }

  /** Its owner lets the device try again; whether it had to wait. */
  pardon(device: string, now: Mono): boolean {
    const held = this.#heldSeconds(device, now) > 0;
    if (held) this.#abandoned.delete(device);
    return held;
  }

  /** The device is gone, or its key is certified: neither counts as broken off. */
  forget(device: string): void {
    this.#agreed.delete(device);
    this.#machine.handle({ kind: "forget", device }, mono(0));
  }

  #answer(outputs: readonly HomeOutput[], device: string, now: Mono): KeyUpdateAnswer {
    let update: HomeUpdate | null = null;
    for (const output of outputs) {
      switch (output.kind) {
        case "remember":
          for (const fingerprint of output.fingerprints) this.#remember(toHex(fingerprint));
          break;
        case "abandoned":
          this.#count(output.device, now);
          break;
        case "updated":
          update = output.update;
          break;
        case "answer":
          return { kind: "answer", body: output.body, update };
        case "refused":
          if (output.device === device) return { kind: "refused", reason: output.reason };
          break;
      }
    }
    return { kind: "refused", reason: "out-of-time" };
  }

  #remember(fingerprint: string): void {
    if (this.#seen.size >= this.#most) {
      const [oldest] = this.#seen;
      this.#seen.delete(oldest!);
    }
    this.#seen.add(fingerprint);
  }

  /** A key that was agreed on and never certified was looked at as well. */
  #drop(device: string, now: Mono): void {
    if (this.#agreed.delete(device)) this.#count(device, now);
  }

  #keep(device: string, update: Omit<Agreed, "until">, now: Mono): void {
    this.#drop(device, now);
    if (this.#agreed.size >= MAX_AGREED) {
      const [oldest] = this.#agreed.keys();
      this.#agreed.delete(oldest!);
    }
    this.#agreed.set(device, { ...update, until: mono(now + AGREED_MS) });
  }

  #count(device: string, now: Mono): void {
    const recent = this.#recent(device, now);
    this.#abandoned.delete(device);
    if (this.#abandoned.size >= MAX_COUNTED) {
      const [oldest] = this.#abandoned.keys();
      this.#abandoned.delete(oldest!);
    }
    this.#abandoned.set(device, [...recent, now].slice(-MAX_ABANDONED));
  }

  #recent(device: string, now: Mono): readonly Mono[] {
    return (this.#abandoned.get(device) ?? []).filter((at) => now - at < ABANDONED_MS);
  }

  #heldSeconds(device: string, now: Mono): number {
    const recent = this.#recent(device, now);
    const [first] = recent;
    if (first === undefined || recent.length < MAX_ABANDONED) return 0;
    return Math.ceil((first + ABANDONED_MS - now) / 1000);
  }
}
