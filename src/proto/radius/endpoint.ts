/**
 * The RADIUS server's end: both services, every client, one machine. It answers
 * Status-Server and repeats by itself and hands up each authenticated request
 * once. Checks run from the cheapest to the dearest:
 *
 *     source → form → code → Message-Authenticator there? → repeat? → HMAC → contents
 *
 * and whatever fails one of them gets silence.
 */
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { sameBytes } from "../../base/bytes.ts";
import { answerAttributes, type RadiusAnswer } from "./answer.ts";
import { EapMessage, ProxyState } from "./attributes.ts";
import { requestHolds, sealResponse, type Signing } from "./authenticator.ts";
import type { RadiusClient, RadiusClients } from "./clients.ts";
import { CACHE_LIMITS, type CacheLimits, DuplicateCache, type Exchange } from "./duplicates.ts";
import { noDiscards, RadiusDiscard, type RadiusDiscardReason } from "./failure.ts";
import type { Sealing } from "./hidden.ts";
import {
  messageAuthenticatorAt,
  messageAuthenticatorHolds,
  ZERO_AUTHENTICATOR,
} from "./message-authenticator.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_REQUEST,
  ACCOUNTING_REQUEST,
  ACCOUNTING_RESPONSE,
  encodedLength,
  type Packet,
  parsePacket,
  type ReceivedPacket,
  STATUS_SERVER,
} from "./packet.ts";
import { type RadiusPeer, RadiusRequest, type RadiusService } from "./request.ts";

/**
 * Octets of Proxy-State a request may carry. All of it comes back in the
 * response, so the rest of its 4096 octets stays ours.
 */
export const MAX_PROXY_STATE_LENGTH = 1024;

export interface RadiusServerConfig {
  readonly crypto: Crypto;
  /** For the salts of keys. */
  readonly random: RandomSource;
  readonly clients: RadiusClients;
  /** Bounds of the duplicate cache; default {@link CACHE_LIMITS}. */
  readonly limits?: Partial<CacheLimits>;
}

export interface RadiusDatagram {
  readonly kind: "datagram";
  readonly service: RadiusService;
  readonly from: RadiusPeer;
  /** Belongs to the machine from now on: what is handed up borrows from it. */
  readonly bytes: Uint8Array;
}

export type RadiusInput =
  | RadiusDatagram
  /** Late or repeated answers are counted and dropped. */
  | ({ readonly kind: "answer" } & RadiusAnswer)
  /** There will be no answer: a repeat of the request is worked on anew. */
  | { readonly kind: "forget"; readonly request: RadiusRequest }
  | { readonly kind: "timeout" };

export type RadiusOutput =
  | { readonly kind: "request"; readonly request: RadiusRequest }
  | {
      readonly kind: "send";
      readonly service: RadiusService;
      readonly to: RadiusPeer;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "discarded";
      readonly reason: RadiusDiscardReason;
      readonly from: RadiusPeer;
      readonly service: RadiusService;
    };

/** Counts since the start. */
export interface RadiusCounters {
  /** Handed up. */
  requests: number;
  /** Made from answers. */
  responses: number;
  /** Sent again from the cache. */
  repeatsAnswered: number;
  statusAnswered: number;
  /** Answers that came after their request had expired or was replaced. */
  lateAnswers: number;
  readonly discarded: Record<RadiusDiscardReason, number>;
}

export class RadiusServer implements Machine<RadiusInput, RadiusOutput> {
  readonly #config: RadiusServerConfig;
  readonly #cache: DuplicateCache;
  readonly #counters: RadiusCounters = {
    requests: 0,
    responses: 0,
    repeatsAnswered: 0,
    statusAnswered: 0,
    lateAnswers: 0,
    discarded: noDiscards(),
  };
  #nextId = 1;

  constructor(config: RadiusServerConfig) {
    this.#config = config;
    this.#cache = new DuplicateCache({ ...CACHE_LIMITS, ...config.limits });
  }

  get counters(): Readonly<RadiusCounters> {
    return this.#counters;
  }

  /** Exchanges in the duplicate cache. */
  get cached(): number {
    return this.#cache.size;
  }

  get wakeAt(): Mono | null {
    return this.#cache.wakeAt;
  }

  /** @throws RangeError for an answer that must not be sent, see {@link RadiusAnswer}; its request then still waits. */
  handle(input: RadiusInput, now: Mono): RadiusOutput[] {
    this.#cache.expire(now);
    switch (input.kind) {
      case "datagram":
        return this.#datagram(input, now);
      case "answer":
        return this.#answer(input, now);
      case "forget":
        this.#forget(input.request);
        return [];
      case "timeout":
        return [];
    }
  }

  #datagram(datagram: RadiusDatagram, now: Mono): RadiusOutput[] {
    const { service, from } = datagram;
    try {
      return [this.#receive(datagram, now)];
    } catch (failure) {
      if (!(failure instanceof RadiusDiscard)) throw failure;
      this.#counters.discarded[failure.reason]++;
      return [{ kind: "discarded", reason: failure.reason, from, service }];
    }
  }

  #receive({ service, from, bytes }: RadiusDatagram, now: Mono): RadiusOutput {
    const client = this.#config.clients.find(from.address);
    if (client === null) throw new RadiusDiscard("unknown-client", 0);
    const packet = parsePacket(bytes);
    checkCode(service, packet.code);
    const signatureAt = messageAuthenticatorAt(packet);
    if (signatureAt === null) checkUnsigned(client, packet);

    const key = keyOf(service, from, packet.identifier);
    const known = this.#cache.find(key);
    if (known !== null && isRepeat(known.exchange, packet)) {
      if (known.response === null) throw new RadiusDiscard("repeat", 0);
      this.#counters.repeatsAnswered++;
      return { kind: "send", service, to: from, bytes: known.response };
    }

    this.#authenticate(client, packet, signatureAt);
    checkProxyState(packet);
    if (packet.code === STATUS_SERVER) return this.#answerStatus(client, service, from, packet);
    return this.#handUp(client, service, from, packet, key, now);
  }

  #authenticate(client: RadiusClient, packet: ReceivedPacket, signatureAt: number | null): void {
    const { crypto } = this.#config;
    const computed = packet.code === ACCOUNTING_REQUEST;
    if (computed && !requestHolds(crypto, client.secret, packet)) {
      throw new RadiusDiscard("wrong-authenticator", 4);
    }
    if (signatureAt === null) return;
    const authenticator = computed ? ZERO_AUTHENTICATOR : packet.authenticator;
    if (!messageAuthenticatorHolds(crypto, client.secret, packet, signatureAt, authenticator)) {
      throw new RadiusDiscard("wrong-message-authenticator", signatureAt);
    }
  }

  #handUp(
    client: RadiusClient,
    service: RadiusService,
    from: RadiusPeer,
    packet: ReceivedPacket,
    key: string,
    now: Mono,
  ): RadiusOutput {
    const origin = { id: this.#nextId, service, from, client };
    const sealing = this.#sealing(client, packet.authenticator);
    const request = new RadiusRequest(origin, packet, sealing);
    const { code, authenticator } = packet;
    // A copy: sixteen octets in the cache must not keep their whole datagram for half a minute.
    const kept = authenticator.slice();
    const exchange = { key, requestId: request.id, code, authenticator: kept, client };
    if (!this.#cache.admit(exchange, now)) {
      throw new RadiusDiscard("overloaded", 0);
    }
    this.#nextId++;
    this.#counters.requests++;
    return { kind: "request", request };
  }

  /** Not cached: the same question has the same answer at any time (RFC 5997 §3). */
  #answerStatus(
    client: RadiusClient,
    service: RadiusService,
    to: RadiusPeer,
    packet: ReceivedPacket,
  ): RadiusOutput {
    const code = service === "auth" ? ACCESS_ACCEPT : ACCOUNTING_RESPONSE;
    const attributes = packet.attributes.filter(({ type }) => type === ProxyState.type);
    const response = { ...packet, code, attributes };
    const bytes = this.#seal(client, response, "message-authenticator");
    this.#counters.statusAnswered++;
    return { kind: "send", service, to, bytes };
  }

  #answer(answer: RadiusAnswer, now: Mono): RadiusOutput[] {
    const { request, code } = answer;
    const { service, from, identifier, authenticator } = request;
    const exchange = this.#cache.awaiting(keyOf(service, from, identifier), request.id);
    if (exchange === null) {
      this.#counters.lateAnswers++;
      return [];
    }
    const sealing = this.#sealing(exchange.client, authenticator);
    const attributes = answerAttributes(answer, sealing, this.#config.random);
    // RFC 3579 defines Message-Authenticator for authentication only, and those who check it in
    // an Accounting-Response do not agree on what it covers.
    const signing = service === "auth" ? "message-authenticator" : "authenticator-only";
    const response = { code, identifier, authenticator, attributes };
    const bytes = this.#seal(exchange.client, response, signing);
    this.#cache.finish(exchange, bytes, now);
    this.#counters.responses++;
    return [{ kind: "send", service, to: from, bytes }];
  }

  #forget({ service, from, identifier, id }: RadiusRequest): void {
    const exchange = this.#cache.awaiting(keyOf(service, from, identifier), id);
    if (exchange !== null) this.#cache.forget(exchange.key);
  }

  #seal(client: RadiusClient, response: Packet, signing: Signing): Uint8Array {
    return sealResponse(this.#config.crypto, client.secret, response, signing);
  }

  #sealing(client: RadiusClient, requestAuthenticator: Uint8Array): Sealing {
    return { crypto: this.#config.crypto, secret: client.secret, requestAuthenticator };
  }
}

/** What makes a repeat a repeat, the socket it came in at included (RFC 5080 §2.2.2). */
function keyOf(
  service: RadiusService,
  { address, port, via = "" }: RadiusPeer,
  identifier: number,
): string {
  return `${service} ${via} ${address} ${port} ${identifier}`;
}

function isRepeat(exchange: Exchange, packet: Packet): boolean {
  return exchange.code === packet.code && sameBytes(exchange.authenticator, packet.authenticator);
}

function checkCode(service: RadiusService, code: number): void {
  const served = service === "auth" ? ACCESS_REQUEST : ACCOUNTING_REQUEST;
  if (code !== served && code !== STATUS_SERVER) throw new RadiusDiscard("unexpected-code", 0);
}

/**
 * What may arrive without Message-Authenticator: an Accounting-Request, whose
 * authenticator is computed, and an Access-Request without EAP where the client's
 * flags allow it.
 */
function checkUnsigned(client: RadiusClient, { code, attributes }: Packet): void {
  if (code === ACCOUNTING_REQUEST) return;
  const has = (wanted: number): boolean => attributes.some(({ type }) => type === wanted);
  const required =
    code === STATUS_SERVER || (client.requireMessageAuthenticator ?? true) || has(EapMessage.type);
  if (required) throw new RadiusDiscard("missing-message-authenticator", 0);
  if ((client.limitProxyState ?? true) && has(ProxyState.type)) {
    throw new RadiusDiscard("unsigned-proxy-state", 0);
  }
}

function checkProxyState({ attributes }: Packet): void {
  const echoed = encodedLength(attributes.filter(({ type }) => type === ProxyState.type));
  if (echoed > MAX_PROXY_STATE_LENGTH) throw new RadiusDiscard("long-proxy-state", 0);
}
