/**
 * Confirmable messages on their way: at most NSTART at once, the others in
 * line, each sent again until it is acknowledged, reset or given up.
 *
 *     submit --> in line --flush--> under way --due--> sent again, twice as late
 *         settled by ACK, RST or its response     given up after MAX_RETRANSMIT
 *
 * A notification takes the place of an older one of its observation: in line at
 * once, under way at the next retransmission (RFC 7641 §4.5.2).
 *
 * @see RFC 7252 §4.2, §4.7
 */
import { earliest, mono, type Mono, type RandomSource } from "../../base/machine.ts";
import { encodeMessage, type Message } from "./message.ts";
import type { MessageIds } from "./message-ids.ts";
import type { TransmissionParameters } from "./parameters.ts";

/** Whose message it is, by the number of its request, exchange or observation. */
export interface Owner {
  readonly kind: "request" | "response" | "notification";
  readonly id: number;
}

/** A message that has no Message ID yet. */
export type Unsent = Omit<Message, "type" | "messageId">;

interface InLine {
  readonly owner: Owner;
  readonly bytes: Uint8Array;
}

interface UnderWay {
  readonly owner: Owner;
  bytes: Uint8Array;
  messageId: number;
  retransmissions: number;
  timeoutMs: number;
  dueAt: Mono;
}

export class Outbox {
  readonly #parameters: TransmissionParameters;
  readonly #maxOctets: number;
  readonly #random: RandomSource;
  readonly #ids: MessageIds;
  #inLine: InLine[] = [];
  #underWay: UnderWay[] = [];

  constructor(
    parameters: TransmissionParameters,
    maxOctets: number,
    random: RandomSource,
    ids: MessageIds,
  ) {
    this.#parameters = parameters;
    this.#maxOctets = maxOctets;
    this.#random = random;
    this.#ids = ids;
  }

  /** Messages in line and under way. */
  get size(): number {
    return this.#inLine.length + this.#underWay.length;
  }

  get wakeAt(): Mono | null {
    const readyAt = this.#mayStart() ? this.#ids.readyAt : null;
    return earliest([...this.#underWay.map(({ dueAt }) => dueAt), readyAt]);
  }

  /** @throws RangeError for a message above the bound, a fault of the caller; nothing has changed then. */
  submit(owner: Owner, message: Unsent): void {
    const bytes = encodeMessage({ ...message, type: "CON", messageId: 0 });
    if (bytes.length > this.#maxOctets) {
      throw new RangeError(`a message of ${bytes.length} octets is above ${this.#maxOctets}`);
    }
    const waiting = this.#inLine.findIndex((entry) => isSame(entry.owner, owner));
    const entry = { owner, bytes };
    if (owner.kind === "notification" && waiting >= 0) this.#inLine[waiting] = entry;
    else this.#inLine.push(entry);
  }

  /** What may be sent for the first time. */
  flush(now: Mono): Uint8Array[] {
    const sent: Uint8Array[] = [];
    while (this.#mayStart()) {
      const messageId = this.#ids.draw(now);
      if (messageId === null) break;
      const at = this.#inLine.findIndex(({ owner }) => !this.#isUnderWay(owner));
      const [next] = this.#inLine.splice(at, 1);
      const bytes = numbered(next!.bytes, messageId);
      const timeoutMs = this.#firstTimeout();
      const dueAt = mono(now + timeoutMs);
      this.#underWay.push({
        owner: next!.owner,
        bytes,
        messageId,
        retransmissions: 0,
        timeoutMs,
        dueAt,
      });
      sent.push(bytes);
    }
    return sent;
  }

  /** Whose message a peer means with this Message ID; null where it is none of those under way. */
  owner(messageId: number): Owner | null {
    return this.#underWay.find((entry) => entry.messageId === messageId)?.owner ?? null;
  }

  /** The message has arrived: it is not sent again. */
  settle(messageId: number): void {
    this.#underWay = this.#underWay.filter((entry) => entry.messageId !== messageId);
  }

  /** Nothing of this owner is sent any more. */
  withdraw(owner: Owner): void {
    this.#inLine = this.#inLine.filter((entry) => !isSame(entry.owner, owner));
    this.#underWay = this.#underWay.filter((entry) => !isSame(entry.owner, owner));
  }

  /** Whether anything of this owner waits or is under way. */
  holds(owner: Owner): boolean {
    return this.#isUnderWay(owner) || this.#inLine.some((entry) => isSame(entry.owner, owner));
  }

  /** Sends again what is due, and gives up what was sent often enough. */
  expire(now: Mono): { readonly again: readonly Uint8Array[]; readonly gaveUp: readonly Owner[] } {
    const again: Uint8Array[] = [];
    const gaveUp: Owner[] = [];
    for (const entry of this.#underWay.filter(({ dueAt }) => dueAt <= now)) {
      if (entry.retransmissions === this.#parameters.maxRetransmit) {
        this.withdraw(entry.owner);
        gaveUp.push(entry.owner);
        continue;
      }
      this.#renew(entry, now);
      entry.retransmissions++;
      entry.timeoutMs *= 2;
      entry.dueAt = mono(now + entry.timeoutMs);
      again.push(entry.bytes);
    }
    return { again, gaveUp };
  }

  /** A newer notification goes out in the place of the one that got lost, with its count and its timeout. */
  #renew(entry: UnderWay, now: Mono): void {
    const at = this.#inLine.findIndex(({ owner }) => isSame(owner, entry.owner));
    if (entry.owner.kind !== "notification" || at < 0) return;
    const messageId = this.#ids.draw(now);
    if (messageId === null) return;
    const [newer] = this.#inLine.splice(at, 1);
    entry.bytes = numbered(newer!.bytes, messageId);
    entry.messageId = messageId;
  }

  #mayStart(): boolean {
    if (this.#underWay.length >= this.#parameters.nstart) return false;
    return this.#inLine.some(({ owner }) => !this.#isUnderWay(owner));
  }

  #isUnderWay(owner: Owner): boolean {
    return this.#underWay.some((entry) => isSame(entry.owner, owner));
  }

  #firstTimeout(): number {
    const { ackTimeoutMs, ackRandomFactor } = this.#parameters;
    const [high = 0, low = 0] = this.#random(2);
    const share = (high * 256 + low) / 0xffff;
    return Math.round(ackTimeoutMs * (1 + (ackRandomFactor - 1) * share));
  }
}

function isSame(a: Owner, b: Owner): boolean {
  return a.kind === b.kind && a.id === b.id;
}

function numbered(message: Uint8Array, messageId: number): Uint8Array {
  const bytes = message.slice();
  bytes.set([messageId >> 8, messageId & 0xff], 2);
  return bytes;
}
