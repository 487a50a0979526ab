/**
 * Observations of ours: which notification is the newest, and when to ask again.
 *
 * @see RFC 7641 §3.3, §3.4
 */
import { type Mono, mono } from "../../base/machine.ts";
import type { RequestId } from "./events.ts";
import type { CoapRequest } from "./request.ts";
import { type CoapResponse, DEFAULT_MAX_AGE } from "./response.ts";

/** Within this an order number has no time to come round (RFC 7641 §3.4). */
const ORDER_WINDOW_MS = 128_000;
const HALF_ORDER_NUMBERS = 0x80_0000;

/** After a notification is stale, between 5 and 15 seconds pass before we register again (RFC 7641 §3.3.1). */
const PATIENCE_MS = 5000;
const PATIENCE_SPREAD_MS = 10_000;

/** The longest a timer is set for: Max-Age may be 136 years. */
const MAX_REFRESH_MS = 24 * 3600 * 1000;

export class Watch {
  readonly id: RequestId;
  readonly request: CoapRequest;
  /** Of the registration, and of every notification. */
  readonly token: Uint8Array;
  #order = 0;
  #at: Mono | null = null;
  #refreshAt: Mono | null = null;

  constructor(id: RequestId, request: CoapRequest, token: Uint8Array) {
    this.id = id;
    this.request = request;
    this.token = token;
  }

  /** When the registration has to be renewed; null while it is not confirmed. */
  get refreshAt(): Mono | null {
    return this.#refreshAt;
  }

  /** Whether a notification is newer than the last one. */
  isNewer(order: number, now: Mono): boolean {
    if (this.#at === null || now > this.#at + ORDER_WINDOW_MS) return true;
    const ahead = order - this.#order;
    return (ahead > 0 && ahead < HALF_ORDER_NUMBERS) || -ahead > HALF_ORDER_NUMBERS;
  }

  /** @param spread - 0 to 1, drawn anew each time. */
  heard(order: number, { maxAge }: CoapResponse, spread: number, now: Mono): void {
    this.#order = order;
    this.#at = now;
    const freshMs = (maxAge ?? DEFAULT_MAX_AGE) * 1000;
    const waitMs = freshMs + PATIENCE_MS + spread * PATIENCE_SPREAD_MS;
    this.#refreshAt = mono(now + Math.min(Math.round(waitMs), MAX_REFRESH_MS));
  }

  /** The registration is being renewed. */
  refreshing(): void {
    this.#refreshAt = null;
  }
}
