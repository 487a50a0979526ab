/**
 * What comes between the owner's word and the end: the device is given its
 * release, and a while to take it. The withdrawal is stored before; whatever
 * goes wrong here lets nobody stay, and the device can fetch its release later.
 */
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import type { Timer } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { explain, OwnershipFailure } from "../policy/ownership/failure.ts";
import { clauseOf } from "./answers.ts";
import { sentRelease } from "../policy/ownership/releases.ts";
import type { House } from "./house.ts";
import { StoreFailure } from "./store/failure.ts";

/** How long the receipt of a device that is connected is waited for. */
export const RECEIPT_MS = 10_000;

interface Waiting {
  readonly timer: Timer;
  readonly done: (confirmed: boolean) => void;
  readonly result: Promise<boolean>;
}

export class Farewells {
  readonly #house: House;
  readonly #isConnected: (device: string) => boolean;
  readonly #waiting = new Map<string, Waiting>();

  /** @param isConnected - whether the device has an association here */
  constructor(house: House, isConnected: (device: string) => boolean) {
    this.#house = house;
    this.#isConnected = isConnected;
  }

  /**
   * Signs the release of a device that is released on record and sends it to
   * whoever of it is connected. Resolves with whether its receipt came in time.
   */
  of(device: string): Promise<boolean> {
    const isSent = this.#sign(device);
    if (!isSent || !this.#isConnected(device)) return Promise.resolve(false);
    return this.#wait(device);
  }

  /** The receipt is stored. */
  confirmed(device: string): void {
    this.#waiting.get(device)?.done(true);
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const { done } of this.#waiting.values()) done(false);
  }

  /** Whether a token is on record, for whoever observes it to be told. */
  #sign(device: string): boolean {
    const { registry, clock, log, releases } = this.#house;
    const now = clock.now();
    if (now === null) return false;
    try {
      const signed = releases.sign(registry, device, now);
      if (signed !== null) this.#house.change([{ kind: "put", record: signed }]);
      const record = this.#house.registry.devices.get(device);
      return record !== undefined && sentRelease(record) !== null;
    } catch (failure) {
      const isExpected =
        failure instanceof OwnershipFailure ||
        failure instanceof HostFailure ||
        failure instanceof StoreFailure;
      if (!isExpected) throw failure;
      const why =
        failure instanceof OwnershipFailure
          ? clauseOf(explain(failure.reason))
          : visible(failure.message);
      log.error(`The release of a device was not signed (${why}); it is when the device comes.`);
      return false;
    }
  }

  #wait(device: string): Promise<boolean> {
    const before = this.#waiting.get(device);
    if (before !== undefined) return before.result;
    let settle: (confirmed: boolean) => void = () => {};
    const result = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    const { host } = this.#house;
    const done = (confirmed: boolean): void => {
      this.#waiting.get(device)?.timer.cancel();
      this.#waiting.delete(device);
      settle(confirmed);
    };
    const timer = host.setTimer(later(host.mono()), () => done(false));
    this.#waiting.set(device, { timer, done, result });
    return result;
  }
}

function later(now: Mono): Mono {
  return mono(now + RECEIPT_MS);
}
