/**
 * When the peer's records are acknowledged in DTLS 1.3: at once where something
 * is missing or nothing else will answer, and after a while where the rest of a
 * flight does not come.
 *
 * @see RFC 9147 §7.1
 */
import { mono } from "../../../base/machine.ts";
import type { Mono } from "../../../base/machine.ts";
import { ReceivedRecords } from "./ack.ts";
import type { RecordNumber } from "./wire.ts";

export class Acknowledging {
  readonly #received = new ReceivedRecords();
  #dueAt: Mono | null = null;

  get wakeAt(): Mono | null {
    return this.#dueAt;
  }

  /** A record of which nothing needs to come again. */
  add(number: RecordNumber): void {
    this.#received.add(number);
  }

  /** An ACK is due then, unless one is due before or nothing has come. */
  dueBy(at: number): void {
    if (this.#received.isEmpty) return;
    this.#dueAt = mono(Math.min(this.#dueAt ?? at, at));
  }

  /**
   * The body of the ACK that is due; null while none is.
   *
   * @param epoch - The one it is to be sent in.
   * @param maxOctets - What there is room for.
   */
  take(now: Mono, epoch: number, maxOctets: number): Uint8Array | null {
    if (this.#dueAt === null || now < this.#dueAt) return null;
    this.#dueAt = null;
    return this.#received.encode(epoch, maxOctets);
  }

  /** A flight of ours answers them all, or they have been acknowledged for good. */
  clear(): void {
    this.#received.clear();
    this.#dueAt = null;
  }
}
