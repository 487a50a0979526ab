/**
 * When a flight is sent again: the timer, and the size of datagrams on a path
 * nothing is known of. What is sent is `flight.ts` and `fragmenter.ts`.
 *
 * @see RFC 6347 §4.2.4.1; RFC 9147 §5.8.2
 */
import { mono } from "../../../base/machine.ts";
import type { Mono } from "../../../base/machine.ts";

/** RFC 6347 §4.2.4.1, RFC 9147 §5.8.2. */
export const INITIAL_TIMEOUT_MS = 1000;
/** RFC 6298 §2.5 allows no less. */
export const MAX_TIMEOUT_MS = 60_000;

/**
 * Retransmissions of one flight; then the association is given up, eight
 * minutes after the flight went out first.
 */
export const MAX_RETRANSMISSIONS = 12;

/** The round trip times this are waited for before a loss is assumed (RFC 9147 §5.8.2). */
const ROUND_TRIP_FACTOR = 1.5;

export interface FlightTimerOptions {
  readonly initialMs?: number;
  readonly maxRetransmissions?: number;
  /**
   * Whether a wait lengthened by losses holds for the flights after it until
   * one comes through at once, as both RFCs advise. Without it each flight
   * begins with the initial wait.
   */
  readonly keepBackoff?: boolean;
}

/** What has become of the flight. */
export type TimerVerdict = "not-due" | "retransmit" | "give-up";

export class FlightTimer {
  #initialMs: number;
  readonly #maxRetransmissions: number;
  readonly #keepBackoff: boolean;
  /** The wait for the flight that is out, and for the next one. */
  #waitMs: number;
  #sentAt: Mono | null = null;
  #armedAt: Mono = mono(0);
  #retransmissions = 0;
  /** Whether any of it was sent again: then nobody knows which of the two an answer is to. */
  #repeated = false;

  constructor(options: FlightTimerOptions = {}) {
    this.#initialMs = options.initialMs ?? INITIAL_TIMEOUT_MS;
    this.#waitMs = this.#initialMs;
    this.#maxRetransmissions = options.maxRetransmissions ?? MAX_RETRANSMISSIONS;
    this.#keepBackoff = options.keepBackoff ?? true;
  }

  /** When {@link expire} is due; null while no flight waits for an answer. */
  get wakeAt(): Mono | null {
    return this.#sentAt === null ? null : mono(this.#armedAt + this.#waitMs);
  }

  /** How often the flight that is out was sent again because of the timer. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /** How long to wait for the rest of the peer's flight before what is there is acknowledged (RFC 9147 §7.1). */
  get ackDelayMs(): number {
    return this.#waitMs / 4;
  }

  /** A new flight goes out. */
  start(now: Mono): void {
    this.#sentAt = now;
    this.#armedAt = now;
    this.#retransmissions = 0;
    this.#repeated = false;
  }

  /**
   * To be called when time has passed. For `retransmit` the wait is doubled and
   * runs anew; for `give-up` the timer has stopped.
   */
  expire(now: Mono): TimerVerdict {
    const due = this.wakeAt;
    if (due === null || now < due) return "not-due";
    if (this.#retransmissions >= this.#maxRetransmissions) {
      this.#sentAt = null;
      return "give-up";
    }
    this.#retransmissions++;
    this.#repeated = true;
    this.#waitMs = Math.min(this.#waitMs * 2, MAX_TIMEOUT_MS);
    this.#armedAt = now;
    return "retransmit";
  }

  /**
   * The flight was sent again, or in part, for another reason: the peer
   * repeated its own, or acknowledged some of ours. The wait begins anew and
   * is not doubled, for something did come through.
   */
  restart(now: Mono): void {
    if (this.#sentAt === null) return;
    this.#armedAt = now;
    this.#repeated = true;
  }

  /** The flight was answered or acknowledged whole. */
  answered(now: Mono): void {
    if (this.#sentAt === null) return;
    const roundTripMs = now - this.#sentAt;
    this.#sentAt = null;
    if (!this.#keepBackoff) this.#waitMs = this.#initialMs;
    else if (!this.#repeated) {
      const wantedMs = Math.max(this.#initialMs, roundTripMs * ROUND_TRIP_FACTOR);
      this.#waitMs = Math.min(wantedMs, MAX_TIMEOUT_MS);
    }
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#sentAt = null;
  }

  /** Another initial wait; one that runs is stretched or shortened alike. */
  setInitial(initialMs: number): void {
    this.#waitMs = Math.min((this.#waitMs / this.#initialMs) * initialMs, MAX_TIMEOUT_MS);
    this.#initialMs = initialMs;
  }
}

/** Octets of UDP payload to begin with: they pass any IPv6 link, below 48 octets of headers and a tunnel's. */
export const INITIAL_MTU = 1200;
/** Where halving ends. */
export const MIN_MTU = 300;
/** Losses of one flight after which its datagrams may have been too long (RFC 9147 §4.4: 2 or 3). */
const LOSSES_PER_HALVING = 2;

/** The size of the datagrams we send. */
export class PathMtu {
  #octets: number;
  readonly #known: boolean;

  /** @param known - What whoever knows the path says; nothing changes it then. */
  constructor(known: number | null = null) {
    this.#octets = known ?? INITIAL_MTU;
    this.#known = known !== null;
  }

  get octets(): number {
    return this.#octets;
  }

  /** @param retransmissions - Of the flight, the one about to go out included; see {@link FlightTimer}. */
  flightLost(retransmissions: number): void {
    if (this.#known || retransmissions === 0 || retransmissions % LOSSES_PER_HALVING !== 0) return;
    this.#octets = Math.max(MIN_MTU, this.#octets / 2);
  }
}
