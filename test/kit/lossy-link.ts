/**
 * Two ends and a bad network between them, on a virtual clock: datagrams are
 * lost, doubled, delayed past one another and dropped where they are too long.
 * The same seed gives the same run on both engines.
 */
import type { Machine, Mono } from "../../src/base/machine.ts";
import { mono } from "../../src/base/machine.ts";
import { seeded } from "./random.ts";

/** One side: what it wants sent is returned, and carried to the other side. */
export interface LinkEnd {
  /** When {@link LinkEnd.wake} is due; null while nothing is pending. */
  readonly wakeAt: Mono | null;
  /** A datagram came in. */
  receive(datagram: Uint8Array, now: Mono): readonly Uint8Array[];
  wake(now: Mono): readonly Uint8Array[];
}

export interface LinkOptions {
  readonly seed: string;
  /** Chance of each datagram to be lost, 0 to 1; the same in both directions. */
  readonly loss?: number;
  /** Chance of each datagram that is not lost to come twice. */
  readonly duplication?: number;
  readonly latencyMs?: number;
  /** Each copy takes up to this much longer, so later ones may overtake it. */
  readonly jitterMs?: number;
  /** Longer datagrams are dropped. */
  readonly mtu?: number;
  /** Sees what is carried, for the tests that look at the wire. */
  readonly onSent?: (from: LinkSide, datagram: Uint8Array, now: Mono) => void;
}

export type LinkSide = "left" | "right";

interface InFlight {
  readonly at: number;
  /** Tells apart what is due at the same time. */
  readonly order: number;
  readonly to: LinkSide;
  readonly datagram: Uint8Array;
}

export class LossyLink {
  readonly #ends: Readonly<Record<LinkSide, LinkEnd>>;
  readonly #options: Required<Omit<LinkOptions, "seed" | "onSent">>;
  readonly #onSent: LinkOptions["onSent"];
  readonly #chance: () => number;
  #flying: InFlight[] = [];
  #order = 0;
  #now = 0;
  /** Datagrams given to the link, and those it lost for one reason or the other. */
  sent = 0;
  lost = 0;

  constructor(left: LinkEnd, right: LinkEnd, options: LinkOptions) {
    this.#ends = { left, right };
    const { loss = 0, duplication = 0, latencyMs = 20, jitterMs = 0, mtu = 65_535 } = options;
    this.#options = { loss, duplication, latencyMs, jitterMs, mtu };
    this.#onSent = options.onSent;
    const random = seeded(`link ${options.seed}`);
    let pool = new Uint8Array();
    this.#chance = () => {
      if (pool.length < 2) pool = Uint8Array.from(random(512));
      const value = (pool[0]! * 256 + pool[1]!) / 65_536;
      pool = pool.subarray(2);
      return value;
    };
  }

  get now(): Mono {
    return mono(this.#now);
  }

  /** Gives the link datagrams that a side sends of its own accord, such as the first one. */
  send(from: LinkSide, datagrams: readonly Uint8Array[]): void {
    const to = from === "left" ? "right" : "left";
    for (const datagram of datagrams) {
      this.sent++;
      this.#onSent?.(from, datagram, this.now);
      const { loss, duplication, mtu } = this.#options;
      if (datagram.length > mtu || this.#chance() < loss) {
        this.lost++;
        continue;
      }
      this.#launch(to, datagram);
      if (this.#chance() < duplication) this.#launch(to, datagram);
    }
  }

  /**
   * Lets time pass until `done`, until nothing can happen any more, or until
   * `limitMs` on the virtual clock.
   *
   * @returns Whether `done` came true.
   */
  run(done: () => boolean, limitMs = 3_600_000): boolean {
    while (!done()) {
      const datagram = this.#flying[0];
      const side = this.#nextToWake();
      const wakeAt = side === null ? Infinity : this.#ends[side].wakeAt!;
      const at = Math.min(datagram?.at ?? Infinity, wakeAt);
      if (at > limitMs) return false;
      this.#now = Math.max(this.#now, at);
      if (datagram !== undefined && datagram.at <= wakeAt) {
        this.#flying.shift();
        this.send(datagram.to, this.#ends[datagram.to].receive(datagram.datagram, this.now));
      } else if (side !== null) this.send(side, this.#ends[side].wake(this.now));
    }
    return true;
  }

  #nextToWake(): LinkSide | null {
    const { left, right } = this.#ends;
    if (left.wakeAt === null) return right.wakeAt === null ? null : "right";
    return right.wakeAt === null || left.wakeAt <= right.wakeAt ? "left" : "right";
  }

  #launch(to: LinkSide, datagram: Uint8Array): void {
    const { latencyMs, jitterMs } = this.#options;
    const at = this.#now + latencyMs + Math.floor(this.#chance() * jitterMs);
    // A copy: an end must not rely on, or spoil, what the other one holds.
    this.#flying.push({ at, order: this.#order++, to, datagram: datagram.slice() });
    this.#flying.sort((a, b) => a.at - b.at || a.order - b.order);
  }
}

/**
 * An engine as an end of a link.
 *
 * @param datagramInput - The engine's input for a datagram that came in.
 * @param perform - Carries out one output; what it returns is sent to the other side.
 */
export function machineEnd<Input, Output>(
  machine: Machine<Input | { readonly kind: "timeout" }, Output>,
  datagramInput: (datagram: Uint8Array) => Input,
  perform: (output: Output, now: Mono) => readonly Uint8Array[],
): LinkEnd {
  const handle = (input: Input | { readonly kind: "timeout" }, now: Mono): Uint8Array[] =>
    machine.handle(input, now).flatMap((output) => [...perform(output, now)]);
  return {
    get wakeAt() {
      return machine.wakeAt;
    },
    receive: (datagram, now) => handle(datagramInput(datagram), now),
    wake: (now) => handle({ kind: "timeout" }, now),
  };
}
