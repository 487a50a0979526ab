/**
 * One end of a CoAP conversation inside one DTLS association, client and server
 * at once. It knows no addresses: whoever is at the other end of the
 * association is the peer.
 *
 *     datagram --form--> ACK, RST --------> outbox: what of ours is settled
 *                        CON, NON --repeat? the answer of before
 *                                 --request--> server.ts --> `request`, answered by `respond`
 *                                 --response-> client.ts --> `response`, `notification`, `failed`
 *
 * @see RFC 7252; RFC 7641 (observe); RFC 7959 (blocks); RFC 9175 (Request-Tag, tokens)
 */
import { earliest, type Machine, type Mono } from "../../base/machine.ts";
import { ClientSide } from "./client.ts";
import { Code, isRequest } from "./codes.ts";
import type { CoapInput, CoapOutput } from "./events.ts";
import { CoapDiscard, type CoapDiscardReason, noDiscards } from "./failure.ts";
import { encodeEmpty, type Message, parseMessage } from "./message.ts";
import { Messaging } from "./messaging.ts";
import type { Owner } from "./outbox.ts";
import { type CoapConfig, type CoapSettings, settingsOf } from "./parameters.ts";
import { ServerSide } from "./server.ts";

export type {
  CoapInput,
  CoapOutput,
  ExchangeId,
  ObservationEnd,
  RequestFailureReason,
  RequestId,
} from "./events.ts";
export type { CoapConfig, CoapLimits, TransmissionParameters } from "./parameters.ts";

/** Counts since the association began. */
export interface CoapCounters {
  /** Repeats of the peer's that got the answer of before. */
  repeatsAnswered: number;
  /** Messages sent again. */
  retransmissions: number;
  readonly discarded: Record<CoapDiscardReason, number>;
}

/** What an endpoint holds at the moment; each has its bound in `CoapLimits`. */
export interface CoapHoldings {
  readonly exchanges: number;
  readonly remembered: number;
  readonly rememberedOctets: number;
  readonly bodiesComing: number;
  readonly bodiesServed: number;
  readonly observations: number;
  readonly requests: number;
  /** Confirmable messages in line or under way. */
  readonly outgoing: number;
}

export class CoapEndpoint implements Machine<CoapInput, CoapOutput> {
  readonly #settings: CoapSettings;
  readonly #messaging: Messaging;
  readonly #client: ClientSide;
  readonly #server: ServerSide;
  readonly #counters: CoapCounters = {
    repeatsAnswered: 0,
    retransmissions: 0,
    discarded: noDiscards(),
  };

  constructor(config: CoapConfig) {
    this.#settings = settingsOf(config);
    this.#messaging = new Messaging(this.#settings);
    this.#client = new ClientSide(this.#settings, this.#messaging);
    this.#server = new ServerSide(this.#settings, this.#messaging);
  }

  get counters(): Readonly<CoapCounters> {
    return this.#counters;
  }

  get holdings(): CoapHoldings {
    const { outbox, repeats } = this.#messaging;
    const { exchanges, observations, bodies } = this.#server;
    return {
      exchanges,
      remembered: repeats.size,
      rememberedOctets: repeats.octets,
      bodiesComing: bodies.coming,
      bodiesServed: bodies.served,
      observations,
      requests: this.#client.requests,
      outgoing: outbox.size,
    };
  }

  get wakeAt(): Mono | null {
    const { outbox, repeats } = this.#messaging;
    const parts = [outbox, repeats, this.#client, this.#server];
    return earliest(parts.map(({ wakeAt }) => wakeAt));
  }

  /**
   * @throws RangeError for what the caller must not ask: a request number that is
   *   in use, or a request or response that no message can hold. An exchange still waits then.
   */
  handle(input: CoapInput, now: Mono): CoapOutput[] {
    this.#messaging.repeats.expire(now);
    // Before what is due: an acknowledgement that comes late comes still.
    const outputs = this.#work(input, now);
    const due = this.#expire(now);
    const sends = this.#messaging.outbox.flush(now).map(sending);
    return [...outputs, ...due, ...sends];
  }

  #work(input: CoapInput, now: Mono): CoapOutput[] {
    switch (input.kind) {
      case "datagram":
        return this.#datagram(input.bytes, now);
      case "timeout":
        return [];
      case "request":
        return this.#client.request(input.id, input.request);
      case "cancel":
        this.#client.cancel(input.id);
        return [];
      case "respond":
        return this.#server.respond(input.exchange, input.response, input.observe ?? false, now);
      case "notify":
        this.#server.notify(input.observation, input.response, now);
        return [];
    }
  }

  #expire(now: Mono): CoapOutput[] {
    const { again, gaveUp } = this.#messaging.outbox.expire(now);
    this.#counters.retransmissions += again.length;
    const lost = gaveUp.flatMap((owner) => this.#lost(owner, "timeout"));
    return [
      ...again.map(sending),
      ...lost,
      ...this.#client.expire(now),
      ...this.#server.expire(now),
    ];
  }

  #datagram(bytes: Uint8Array, now: Mono): CoapOutput[] {
    try {
      const message = parseMessage(bytes);
      switch (message.type) {
        case "ACK":
          return this.#acknowledgement(message, bytes.length, now);
        case "RST":
          return this.#rejection(message);
        case "CON":
        case "NON":
          return this.#message(message, bytes.length, now);
      }
    } catch (failure) {
      if (!(failure instanceof CoapDiscard)) throw failure;
      const { resets } = failure;
      const answer = resets === null ? [] : [sending(encodeEmpty("RST", resets))];
      return [...answer, this.#discarded(failure.reason)];
    }
  }

  #acknowledgement(message: Message, octets: number, now: Mono): CoapOutput[] {
    const { code, messageId, token } = message;
    const { outbox } = this.#messaging;
    const owner = outbox.owner(messageId);
    const isEmpty = code === Code.EMPTY;
    const answers = owner?.kind === "request" && !isEmpty && this.#client.expects(owner.id, token);
    if (owner === null || (!isEmpty && !answers)) return [this.#discarded("unmatched")];
    outbox.settle(messageId);
    if (answers) return this.#client.receive(message, octets, now).outputs;
    if (owner.kind === "request") this.#client.acknowledged(owner.id, now);
    if (owner.kind === "response") this.#server.settled(owner.id);
    return [];
  }

  #rejection({ messageId }: Message): CoapOutput[] {
    const { outbox } = this.#messaging;
    const owner = outbox.owner(messageId);
    if (owner === null) return [this.#discarded("unmatched")];
    outbox.settle(messageId);
    return this.#lost(owner, "reset");
  }

  #lost({ kind, id }: Owner, reason: "reset" | "timeout"): CoapOutput[] {
    switch (kind) {
      case "request":
        return this.#client.lost(id, reason);
      case "response":
      case "notification":
        return this.#server.lost(id, reason);
    }
  }

  #message(message: Message, octets: number, now: Mono): CoapOutput[] {
    const { type, code, messageId } = message;
    // A ping: anything else would be no Reset (RFC 7252 §4.3).
    if (code === Code.EMPTY) return [sending(encodeEmpty("RST", messageId))];
    const { repeats } = this.#messaging;
    if (repeats.has(messageId)) return this.#repeat(message);
    repeats.remember(messageId, now);
    if (isRequest(code)) return this.#server.receive(message, octets, now);

    const { heard, outputs } = this.#client.receive(message, octets, now);
    const taken = heard === "known" || heard === "stale";
    const noted = heard === "stale" || heard === "unsolicited" ? [this.#discarded(heard)] : [];
    // What observes in vain is told so even where it does not ask (RFC 7641 §3.6).
    if (!taken) return [this.#messaging.reset(messageId), ...outputs, ...noted];
    const answer = type === "CON" ? [this.#messaging.acknowledge(messageId)] : [];
    return [...answer, ...outputs, ...noted];
  }

  #repeat({ type, messageId }: Message): CoapOutput[] {
    const answer = type === "CON" ? this.#messaging.repeats.answer(messageId) : null;
    if (answer !== null) {
      this.#counters.repeatsAnswered++;
      return [sending(answer)];
    }
    const acknowledged = type === "CON" ? this.#server.repeated(messageId) : [];
    return acknowledged.length > 0 ? acknowledged : [this.#discarded("repeat")];
  }

  #discarded(reason: CoapDiscardReason): CoapOutput {
    this.#counters.discarded[reason]++;
    return { kind: "discarded", reason };
  }
}

function sending(bytes: Uint8Array): CoapOutput {
  return { kind: "send", bytes };
}
