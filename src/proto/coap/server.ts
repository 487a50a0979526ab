/**
 * The server's half of an endpoint: requests of the peer, what is answered to
 * them, and what it observes.
 *
 *     message --form--> blocks put together --> exchange --respond--> in the acknowledgement
 *         refused: 4.xx, 5.xx       \--ACK_TIMEOUT / 2--> acknowledged --respond--> separate response
 *
 * @see RFC 7252 §5.2; RFC 7641 §4; RFC 7959 §2
 */
import { earliest, mono, type Mono } from "../../base/machine.ts";
import { blockOption, offsetOf, smaller } from "./block.ts";
import { classOf, Code, isSuccess } from "./codes.ts";
import type { CoapOutput, ExchangeId, ObservationEnd } from "./events.ts";
import { CoapFailure } from "./failure.ts";
import type { Message, Option } from "./message.ts";
import type { Messaging } from "./messaging.ts";
import { Observations } from "./observations.ts";
import { BLOCK1, OBSERVE, SIZE1, uintOption } from "./options.ts";
import type { Unsent } from "./outbox.ts";
import type { CoapSettings } from "./parameters.ts";
import { type HeardRequest, readRequest } from "./request.ts";
import { RequestBodies } from "./request-bodies.ts";
import { type CoapResponse, failureResponse, responseOptions } from "./response.ts";
import { responseBlock, ServedBodies } from "./served-bodies.ts";

/** Seconds after which a peer that was told 5.03 may ask again. */
const OVERLOADED_MAX_AGE = 5;

interface Exchange {
  readonly id: ExchangeId;
  readonly heard: HeardRequest;
  /** When a confirmable request is acknowledged without its response; null once it is, and for others. */
  acknowledgeAt: Mono | null;
  /** Whether the response is under way, in a message of its own. */
  responded: boolean;
  readonly expiresAt: Mono;
}

export class ServerSide {
  readonly #settings: CoapSettings;
  readonly #messaging: Messaging;
  readonly #exchanges = new Map<ExchangeId, Exchange>();
  readonly #bodies: RequestBodies;
  readonly #served: ServedBodies;
  readonly #observations: Observations;
  #nextId = 1;

  constructor(settings: CoapSettings, messaging: Messaging) {
    const { limits, exchangeLifetimeMs, blockSize, random } = settings;
    this.#settings = settings;
    this.#messaging = messaging;
    this.#bodies = new RequestBodies(limits, exchangeLifetimeMs, blockSize);
    this.#served = new ServedBodies(limits.maxServedBodies, exchangeLifetimeMs, random);
    this.#observations = new Observations(limits.maxObservations);
  }

  /** Requests that wait for their answer, or for its acknowledgement. */
  get exchanges(): number {
    return this.#exchanges.size;
  }

  get observations(): number {
    return this.#observations.size;
  }

  /** Bodies that are being put together, and bodies that are kept for their blocks. */
  get bodies(): { readonly coming: number; readonly served: number } {
    return { coming: this.#bodies.size, served: this.#served.size };
  }

  get wakeAt(): Mono | null {
    const times = [...this.#exchanges.values()].flatMap(({ acknowledgeAt, responded, expiresAt }) =>
      responded ? [] : [acknowledgeAt ?? expiresAt],
    );
    return earliest([...times, this.#bodies.wakeAt, this.#served.wakeAt]);
  }

  /** A request that has not been seen before. `octets` is the length of its message. */
  receive(message: Message, octets: number, now: Mono): CoapOutput[] {
    try {
      return this.#hear(message, octets, now);
    } catch (failure) {
      if (!(failure instanceof CoapFailure)) throw failure;
      return this.#refuse(message, failure, now);
    }
  }

  #hear(message: Message, octets: number, now: Mono): CoapOutput[] {
    if (octets > this.#settings.limits.maxMessageOctets) throw new CoapFailure("too-large");
    const heard = readRequest(message);
    const { block1, block2 } = heard;
    if (block1 !== null) {
      const taken = this.#bodies.take(heard, block1, now);
      if (taken.kind === "whole") return this.#open(withPayload(heard, taken.payload), now);
      const options = [blockOption(BLOCK1, { ...block1, size: taken.size })];
      return this.#send(heard, { code: Code.CONTINUE, options, payload: NOTHING }, now);
    }
    if (block2 === null || block2.number === 0) return this.#open(heard, now);

    const size = smaller(block2.size, this.#settings.blockSize);
    const number = offsetOf(block2) / size;
    const served = this.#served.find(heard, { number, size, more: false }, now);
    if (served !== null) {
      return this.#send(heard, { code: served.code, ...responseBlock(served, number, size) }, now);
    }
    // What is safe is asked for once more; anything else must not be done twice for a block.
    if (heard.request.method !== "GET") throw new CoapFailure("incomplete");
    return this.#open({ ...heard, request: { ...heard.request, observe: null } }, now);
  }

  /** Hands the request up. */
  #open(heard: HeardRequest, now: Mono): CoapOutput[] {
    const { limits, transmission, exchangeLifetimeMs } = this.#settings;
    if (this.#exchanges.size >= limits.maxExchanges) throw new CoapFailure("overloaded");
    const id = this.#nextId++;
    const confirmable = heard.message.type === "CON";
    this.#exchanges.set(id, {
      id,
      heard,
      acknowledgeAt: confirmable ? mono(now + transmission.ackTimeoutMs / 2) : null,
      responded: false,
      expiresAt: mono(now + exchangeLifetimeMs),
    });
    const { request } = heard;
    const ended =
      request.observe === "deregister" ? this.#endToken(heard.message.token, "deregistered") : [];
    return [...ended, { kind: "request", exchange: id, request }];
  }

  /** A repeat of a confirmable request that nothing was said to yet: the peer waits for its acknowledgement. */
  repeated(messageId: number): CoapOutput[] {
    for (const exchange of this.#exchanges.values()) {
      const { heard, acknowledgeAt } = exchange;
      if (heard.message.messageId === messageId && acknowledgeAt !== null) {
        return [this.#acknowledge(exchange)];
      }
    }
    return [];
  }

  #acknowledge(exchange: Exchange): CoapOutput {
    exchange.acknowledgeAt = null;
    return this.#messaging.acknowledge(exchange.heard.message.messageId);
  }

  /** Nothing for an exchange that is answered or over. @throws RangeError for a response that cannot be sent. */
  respond(id: ExchangeId, response: CoapResponse, observe: boolean, now: Mono): CoapOutput[] {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined || exchange.responded) return [];
    const { heard } = exchange;
    const { token } = heard.message;
    const asks = heard.request.observe === "register";
    const wanted = asks && observe && isSuccess(response.code);
    const begins = wanted && this.#observations.hasRoomFor(token);

    const message = this.#compose(heard, response, now);
    const outputs = this.#answer(exchange, begins ? this.#numbered(message) : message, now);
    if (asks) outputs.push(...this.#endToken(token, "replaced"));
    if (begins) this.#observations.add({ id, heard });
    else if (wanted) {
      outputs.push({ kind: "observation-ended", observation: id, reason: "no-room" });
    }
    return outputs;
  }

  #answer(exchange: Exchange, message: Unsent, now: Mono): CoapOutput[] {
    const { id, heard, acknowledgeAt } = exchange;
    const { type, messageId } = heard.message;
    const waits = acknowledgeAt !== null;
    const silent = isUnwanted(heard.noResponse, message.code);
    if (type === "CON" && !waits && !silent) {
      this.#messaging.outbox.submit({ kind: "response", id }, message);
      exchange.responded = true;
      return [];
    }
    const outputs = silent
      ? this.#silence(exchange)
      : waits
        ? [this.#messaging.piggyback(messageId, message)]
        : this.#messaging.once(message, now);
    this.#exchanges.delete(id);
    return outputs;
  }

  /** RFC 7967 §2.1: what is not wanted is not said, but what is confirmable is acknowledged. */
  #silence(exchange: Exchange): CoapOutput[] {
    return exchange.acknowledgeAt === null ? [] : [this.#acknowledge(exchange)];
  }

  /** Nothing for an observation that is over. @throws RangeError for a response that cannot be sent. */
  notify(id: ExchangeId, response: CoapResponse, now: Mono): void {
    const observation = this.#observations.find(id);
    if (observation === null) return;
    const { heard } = observation;
    // Of the block that was asked for when it began only the size counts.
    const block2 = heard.block2 === null ? null : { ...heard.block2, number: 0 };
    const message = this.#compose({ ...heard, block2 }, response, now);
    const goesOn = isSuccess(response.code);
    const whole = goesOn ? this.#numbered(message) : message;
    this.#messaging.outbox.submit({ kind: "notification", id }, whole);
    if (!goesOn) this.#observations.remove(id);
  }

  /** A separate response, or a notification, was acknowledged. */
  settled(id: ExchangeId): void {
    if (this.#exchanges.get(id)?.responded === true) this.#exchanges.delete(id);
  }

  /** A separate response or a notification was rejected, or given up. */
  lost(id: ExchangeId, reason: "reset" | "timeout"): CoapOutput[] {
    this.settled(id);
    this.#messaging.outbox.withdraw({ kind: "notification", id });
    return this.#observations.end(id, reason);
  }

  expire(now: Mono): CoapOutput[] {
    this.#bodies.expire(now);
    this.#served.expire(now);
    const outputs: CoapOutput[] = [];
    for (const exchange of this.#exchanges.values()) {
      const { id, acknowledgeAt, responded, expiresAt } = exchange;
      if (acknowledgeAt !== null && acknowledgeAt <= now) outputs.push(this.#acknowledge(exchange));
      if (!responded && expiresAt <= now) this.#exchanges.delete(id);
    }
    return outputs;
  }

  /** The first message of a response, or the block that was asked for. */
  #compose(heard: HeardRequest, response: CoapResponse, now: Mono): Unsent {
    const { message, block1, block2 } = heard;
    const size = smaller(block2?.size ?? this.#settings.blockSize, this.#settings.blockSize);
    const number = block2 === null ? 0 : offsetOf(block2) / size;
    const echo = block1 === null ? [] : [blockOption(BLOCK1, { ...block1, more: false })];
    const { code, payload } = response;
    const { token } = message;
    if (payload.length <= size && number === 0) {
      this.#served.drop(heard);
      return { code, token, options: [...responseOptions(response), ...echo], payload };
    }
    // Checked before anything is kept.
    responseOptions(response);
    const kept = this.#served.keep(heard, response, now);
    try {
      const block = responseBlock(kept, number, size);
      return { code, token, options: [...block.options, ...echo], payload: block.payload };
    } catch (failure) {
      if (!(failure instanceof CoapFailure)) throw failure;
      return { ...failureMessage(failure), token };
    }
  }

  #numbered(message: Unsent): Unsent {
    const order = uintOption(OBSERVE, this.#observations.nextOrder());
    return { ...message, options: [...message.options, order] };
  }

  #endToken(token: Uint8Array, reason: ObservationEnd): CoapOutput[] {
    const observation = this.#observations.ofToken(token);
    if (observation === null) return [];
    this.#messaging.outbox.withdraw({ kind: "notification", id: observation.id });
    return this.#observations.end(observation.id, reason);
  }

  #refuse(message: Message, failure: CoapFailure, now: Mono): CoapOutput[] {
    // RFC 7252 §5.4.1: a message that is not confirmable is rejected, and rejecting it is silence.
    if (message.type === "NON" && failure.reason === "bad-option") return [];
    const { code, options, payload } = failureMessage(failure);
    const hints: Option[] = [];
    if (failure.reason === "too-large") {
      const { limits, blockSize } = this.#settings;
      hints.push(blockOption(BLOCK1, { number: 0, more: true, size: blockSize }));
      hints.push(uintOption(SIZE1, limits.maxBodyOctets));
    }
    return this.#reply(message, { code, options: [...options, ...hints], payload }, now);
  }

  #send(heard: HeardRequest, answer: Omit<Unsent, "token">, now: Mono): CoapOutput[] {
    return this.#reply(heard.message, answer, now);
  }

  #reply(message: Message, answer: Omit<Unsent, "token">, now: Mono): CoapOutput[] {
    const { type, messageId, token } = message;
    const whole = { ...answer, token };
    if (type === "CON") return [this.#messaging.piggyback(messageId, whole)];
    return this.#messaging.once(whole, now);
  }
}

const NOTHING = new Uint8Array();

function withPayload(heard: HeardRequest, payload: Uint8Array): HeardRequest {
  return { ...heard, request: { ...heard.request, payload } };
}

function failureMessage(failure: CoapFailure): Omit<Unsent, "token"> {
  const maxAge = failure.reason === "overloaded" ? OVERLOADED_MAX_AGE : null;
  const response = { ...failureResponse(failure), maxAge };
  return { code: response.code, options: responseOptions(response), payload: response.payload };
}

/** RFC 7967 §2.1: bits 2, 8 and 16 for classes 2, 4 and 5. */
function isUnwanted(noResponse: number, code: number): boolean {
  return (noResponse & (1 << (classOf(code) - 1))) !== 0;
}
