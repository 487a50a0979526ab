/**
 * What the peer sent, by its Message IDs: a repeat is met with the answer given
 * before and is never worked on twice.
 *
 * Everything is kept for EXCHANGE_LIFETIME, so it is in the order of expiry by
 * itself. Where there is no room the oldest goes: behind DTLS only the peer can
 * repeat its messages, and it stops after 45 seconds (MAX_TRANSMIT_SPAN).
 *
 * @see RFC 7252 §4.2, §4.3, §4.5
 */
import { type Mono, mono } from "../../base/machine.ts";

interface Remembered {
  /** What was answered; null while, or as long as, that is nothing. */
  readonly answer: Uint8Array | null;
  readonly expiresAt: Mono;
}

export interface RepeatLimits {
  readonly maxRemembered: number;
  readonly maxRememberedOctets: number;
}

export class Repeats {
  readonly #limits: RepeatLimits;
  readonly #lifetimeMs: number;
  readonly #messages = new Map<number, Remembered>();
  #octets = 0;

  constructor(limits: RepeatLimits, lifetimeMs: number) {
    this.#limits = limits;
    this.#lifetimeMs = lifetimeMs;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Octets of the answers remembered. */
  get octets(): number {
    return this.#octets;
  }

  get wakeAt(): Mono | null {
    for (const { expiresAt } of this.#messages.values()) return expiresAt;
    return null;
  }

  has(messageId: number): boolean {
    return this.#messages.has(messageId);
  }

  /** The answer to a message that came before; null where there is none to repeat. */
  answer(messageId: number): Uint8Array | null {
    return this.#messages.get(messageId)?.answer ?? null;
  }

  remember(messageId: number, now: Mono): void {
    this.#forget(messageId);
    const expiresAt = mono(now + this.#lifetimeMs);
    this.#messages.set(messageId, { answer: null, expiresAt });
    this.#makeRoom();
  }

  /** Keeps the answer to a message that is remembered; it does not live longer for that. */
  answered(messageId: number, answer: Uint8Array): void {
    const known = this.#messages.get(messageId);
    if (known === undefined) return;
    this.#octets += answer.length - (known.answer?.length ?? 0);
    this.#messages.set(messageId, { answer, expiresAt: known.expiresAt });
    this.#makeRoom();
  }

  expire(now: Mono): void {
    for (const [messageId, { expiresAt }] of this.#messages) {
      if (expiresAt > now) break;
      this.#forget(messageId);
    }
  }

  #makeRoom(): void {
    const { maxRemembered, maxRememberedOctets } = this.#limits;
    for (const messageId of this.#messages.keys()) {
      const fits = this.#messages.size <= maxRemembered && this.#octets <= maxRememberedOctets;
      if (fits) break;
      this.#forget(messageId);
    }
  }

  #forget(messageId: number): void {
    this.#octets -= this.#messages.get(messageId)?.answer?.length ?? 0;
    this.#messages.delete(messageId);
  }
}
