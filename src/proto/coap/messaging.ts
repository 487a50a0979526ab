/**
 * The messaging layer: what is sent, reliably or not, and what is remembered
 * of it. The request/response layer is `client.ts` and `server.ts`.
 *
 * @see RFC 7252 §2.1, §4
 */
import type { Mono } from "../../base/machine.ts";
import type { CoapOutput } from "./events.ts";
import { encodeEmpty, encodeMessage, type Message } from "./message.ts";
import { MessageIds } from "./message-ids.ts";
import { Outbox, type Unsent } from "./outbox.ts";
import type { CoapSettings } from "./parameters.ts";
import { Repeats } from "./repeats.ts";

export class Messaging {
  readonly outbox: Outbox;
  readonly repeats: Repeats;
  readonly #ids: MessageIds;
  readonly #maxOctets: number;

  constructor({ random, transmission, limits, exchangeLifetimeMs }: CoapSettings) {
    this.#maxOctets = limits.maxMessageOctets;
    this.#ids = new MessageIds(random, exchangeLifetimeMs);
    this.outbox = new Outbox(transmission, this.#maxOctets, random, this.#ids);
    this.repeats = new Repeats(limits, exchangeLifetimeMs);
  }

  /** Acknowledges a confirmable message and says nothing more; its repeats get the same. */
  acknowledge(messageId: number): CoapOutput {
    return this.#answer(messageId, encodeEmpty("ACK", messageId));
  }

  /** Rejects a message; its repeats get the same. */
  reset(messageId: number): CoapOutput {
    return this.#answer(messageId, encodeEmpty("RST", messageId));
  }

  /** A response in the acknowledgement of its request. @throws RangeError for a message above the bound. */
  piggyback(messageId: number, message: Unsent): CoapOutput {
    return this.#answer(messageId, this.#encode({ ...message, type: "ACK", messageId }));
  }

  /** A message that is sent once. Nothing where no Message ID is free: it could have got lost as well. */
  once(message: Unsent, now: Mono): CoapOutput[] {
    const messageId = this.#ids.draw(now);
    if (messageId === null) return [];
    return [{ kind: "send", bytes: this.#encode({ ...message, type: "NON", messageId }) }];
  }

  #answer(messageId: number, bytes: Uint8Array): CoapOutput {
    this.repeats.answered(messageId, bytes);
    return { kind: "send", bytes };
  }

  #encode(message: Message): Uint8Array {
    const bytes = encodeMessage(message);
    if (bytes.length > this.#maxOctets) {
      throw new RangeError(`a message of ${bytes.length} octets is above ${this.#maxOctets}`);
    }
    return bytes;
  }
}
