/**
 * The client's half of an endpoint: requests of ours, the blocks of either
 * side, and what we observe. Every message has a token of its own, so that no
 * answer can be taken for another's (RFC 9175 §4); notifications alone share one.
 *
 * @see RFC 7252 §5.2, §5.3; RFC 7641 §3; RFC 7959 §2
 */
import { sameBytes, toHex, Writer } from "../../base/bytes.ts";
import { earliest, mono, type Mono } from "../../base/machine.ts";
import { isSuccess } from "./codes.ts";
import type { CoapOutput, RequestFailureReason, RequestId } from "./events.ts";
import { CoapFailure } from "./failure.ts";
import type { Message } from "./message.ts";
import type { Messaging } from "./messaging.ts";
import type { CoapSettings } from "./parameters.ts";
import { type CoapRequest, observeOption, type ObserveWish } from "./request.ts";
import { type HeardResponse, readResponse } from "./response.ts";
import { Transfer } from "./transfer.ts";
import { Watch } from "./watches.ts";

/** Octets of a token. They count up and never repeat within an association. */
const TOKEN_LENGTH = 4;

/** What a transfer is for. */
type Purpose =
  /** A request with one response. */
  | { readonly kind: "once"; readonly id: RequestId }
  /** To register, or to register again. */
  | { readonly kind: "register"; readonly watch: Watch }
  /** The rest of a notification. */
  | { readonly kind: "fetch"; readonly watch: Watch; readonly order: number }
  /** To deregister; nobody waits for it. */
  | { readonly kind: "leave" };

interface Running {
  /** The number of the transfer, by which its messages are known in the outbox. */
  readonly number: number;
  purpose: Purpose;
  readonly transfer: Transfer;
  /** Of the message that is out. */
  token: Uint8Array;
}

/** What a response was to. */
type Heard = "known" | "stale" | "unsolicited" | "rejected";

export class ClientSide {
  readonly #settings: CoapSettings;
  readonly #messaging: Messaging;
  readonly #running = new Map<number, Running>();
  readonly #watches = new Map<RequestId, Watch>();
  #nextNumber = 1;
  #nextToken = 0;

  constructor(settings: CoapSettings, messaging: Messaging) {
    this.#settings = settings;
    this.#messaging = messaging;
  }

  /** Requests that are not over, observations included. */
  get requests(): number {
    const once = [...this.#running.values()].filter(({ purpose }) => purpose.kind === "once");
    return once.length + this.#watches.size;
  }

  get wakeAt(): Mono | null {
    const answers = [...this.#running.values()].map(({ transfer }) => transfer.answerBy);
    const refreshes = [...this.#watches.values()].map(({ refreshAt }) => refreshAt);
    return earliest([...answers, ...refreshes]);
  }

  /** @throws RangeError for a number that is in use, or a request that cannot be sent. */
  request(id: RequestId, request: CoapRequest): CoapOutput[] {
    if (this.#isInUse(id)) throw new RangeError(`request ${id} is not over`);
    if (
      request.observe === "deregister" ||
      (request.observe !== null && request.method !== "GET")
    ) {
      throw new RangeError("a GET registers, and cancelling it deregisters");
    }
    if (this.requests >= this.#settings.limits.maxRequests) {
      return [{ kind: "failed", id, reason: "overloaded" }];
    }
    if (request.observe === null) {
      this.#start(request, { kind: "once", id }, this.#freshToken());
      return [];
    }
    const watch = new Watch(id, request, this.#freshToken());
    this.#start(request, { kind: "register", watch }, watch.token);
    this.#watches.set(id, watch);
    return [];
  }

  #isInUse(id: RequestId): boolean {
    return this.#watches.has(id) || this.#onceOf(id) !== null;
  }

  #onceOf(id: RequestId): Running | null {
    for (const running of this.#running.values()) {
      if (running.purpose.kind === "once" && running.purpose.id === id) return running;
    }
    return null;
  }

  /** Nothing for a request that is over. */
  cancel(id: RequestId): void {
    const once = this.#onceOf(id);
    if (once !== null) this.#stop(once);
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    this.#forget(watch);
    this.#start(watch.request, { kind: "leave" }, watch.token);
  }

  #start(request: CoapRequest, purpose: Purpose, token: Uint8Array): Running {
    const { blockSize, limits } = this.#settings;
    const { maxBodyOctets } = limits;
    const number = this.#nextNumber++;
    const transfer = new Transfer(request, token, { blockSize, maxBodyOctets });
    const running = { number, purpose, transfer, token };
    this.#submit(running);
    this.#running.set(number, running);
    return running;
  }

  /** Puts the next message of a transfer in line. */
  #submit({ number, purpose, transfer, token }: Running): void {
    const { code, options, payload } = transfer.message();
    const wish = wishOf(purpose);
    const observe = wish === null ? [] : [observeOption(wish)];
    const owner = { kind: "request", id: number } as const;
    this.#messaging.outbox.submit(owner, {
      code,
      token,
      options: [...options, ...observe],
      payload,
    });
  }

  #freshToken(): Uint8Array {
    return new Writer(TOKEN_LENGTH).u32(this.#nextToken++).bytes();
  }

  #stop({ number }: Running): void {
    this.#messaging.outbox.withdraw({ kind: "request", id: number });
    this.#running.delete(number);
  }

  /** The watch and whatever is under way for it. */
  #forget(watch: Watch): void {
    this.#watches.delete(watch.id);
    this.#stopAllOf(watch);
  }

  #stopAllOf(watch: Watch): void {
    for (const running of this.#running.values()) {
      if ("watch" in running.purpose && running.purpose.watch === watch) this.#stop(running);
    }
  }

  /** Whether this is the token of the request that the peer acknowledges with a response in it. */
  expects(number: number, token: Uint8Array): boolean {
    const running = this.#running.get(number);
    return running !== undefined && sameBytes(running.token, token);
  }

  /** A request has been acknowledged; its response comes in a message of its own. */
  acknowledged(number: number, now: Mono): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    running.transfer.answerBy = mono(now + this.#settings.responseTimeoutMs);
  }

  /** A request was rejected, or given up. */
  lost(number: number, reason: "reset" | "timeout"): CoapOutput[] {
    const running = this.#running.get(number);
    return running === undefined ? [] : this.#fail(running, reason);
  }

  expire(now: Mono): CoapOutput[] {
    const outputs: CoapOutput[] = [];
    for (const running of this.#running.values()) {
      const { answerBy } = running.transfer;
      if (answerBy !== null && answerBy <= now) outputs.push(...this.#fail(running, "no-response"));
    }
    for (const watch of this.#watches.values()) {
      const { refreshAt } = watch;
      if (refreshAt === null || refreshAt > now) continue;
      watch.refreshing();
      this.#stopAllOf(watch);
      this.#start(watch.request, { kind: "register", watch }, watch.token);
    }
    return outputs;
  }

  /** A response, however it came. */
  receive(
    message: Message,
    octets: number,
    now: Mono,
  ): { readonly heard: Heard; readonly outputs: CoapOutput[] } {
    const running = this.#runningOf(message.token);
    const watch = this.#watchOf(message.token);
    if (running !== null) {
      // Its acknowledgement may have got lost; the response says as much.
      this.#messaging.outbox.withdraw({ kind: "request", id: running.number });
      running.transfer.answerBy = null;
    } else if (watch === null) return { heard: "unsolicited", outputs: [] };

    const tooLong = octets > this.#settings.limits.maxMessageOctets;
    const response = tooLong ? null : understood(message);
    if (response === null) {
      const reason = tooLong ? "too-large" : "bad-response";
      const outputs = running !== null ? this.#fail(running, reason) : this.#drop(watch, reason);
      return { heard: "rejected", outputs };
    }
    // The token of a registration is that of its watch: until it is answered the answer goes first.
    if (running !== null) {
      return { heard: "known", outputs: this.#answered(running, response, now) };
    }
    return watch === null
      ? { heard: "unsolicited", outputs: [] }
      : this.#notified(watch, response, now);
  }

  #runningOf(token: Uint8Array): Running | null {
    const name = toHex(token);
    for (const running of this.#running.values()) {
      if (toHex(running.token) === name) return running;
    }
    return null;
  }

  #watchOf(token: Uint8Array): Watch | null {
    for (const watch of this.#watches.values()) if (sameBytes(watch.token, token)) return watch;
    return null;
  }

  #answered(running: Running, heard: HeardResponse, now: Mono): CoapOutput[] {
    if (running.purpose.kind === "leave") {
      this.#stop(running);
      return [];
    }
    this.#settleRegistration(running, heard, now);
    const step = running.transfer.answered(heard);
    switch (step.kind) {
      case "next":
        running.token = this.#freshToken();
        this.#submit(running);
        return [];
      case "failed":
        return this.#fail(running, step.reason);
      case "whole":
        this.#stop(running);
        return this.#deliver(running.purpose, step.response);
    }
  }

  /** The first response to a registration tells whether the peer agreed; its blocks are only fetched. */
  #settleRegistration(running: Running, { response, order }: HeardResponse, now: Mono): void {
    const { purpose } = running;
    if (purpose.kind !== "register") return;
    const { watch } = purpose;
    if (order === null || !isSuccess(response.code)) {
      this.#watches.delete(watch.id);
      running.purpose = { kind: "once", id: watch.id };
      return;
    }
    watch.heard(order, response, this.#spread(), now);
    running.purpose = { kind: "fetch", watch, order };
  }

  #deliver(purpose: Purpose, response: HeardResponse["response"]): CoapOutput[] {
    switch (purpose.kind) {
      case "once":
        return [{ kind: "response", id: purpose.id, response }];
      case "fetch": {
        const { watch, order } = purpose;
        if (isSuccess(response.code)) {
          return [{ kind: "notification", id: watch.id, sequence: order, response }];
        }
        // What was told of is not to be had: it is gone, and so is the observation.
        this.#forget(watch);
        return [{ kind: "response", id: watch.id, response }];
      }
      case "register":
      case "leave":
        return [];
    }
  }

  #notified(
    watch: Watch,
    heard: HeardResponse,
    now: Mono,
  ): { readonly heard: Heard; readonly outputs: CoapOutput[] } {
    const { response, order } = heard;
    if (order === null || !isSuccess(response.code)) {
      this.#forget(watch);
      return {
        heard: "known",
        outputs: this.#complete(watch, { kind: "once", id: watch.id }, heard, now),
      };
    }
    if (!watch.isNewer(order, now)) return { heard: "stale", outputs: [] };
    watch.heard(order, response, this.#spread(), now);
    // Of an older one no more is wanted (RFC 7959 §2.6).
    this.#stopAllOf(watch);
    const outputs = this.#complete(watch, { kind: "fetch", watch, order }, heard, now);
    return { heard: "known", outputs };
  }

  /** Hands up what came with a watch's token, once the rest of its blocks is there. */
  #complete(watch: Watch, purpose: Purpose, heard: HeardResponse, now: Mono): CoapOutput[] {
    const { blockSize, limits } = this.#settings;
    const { maxBodyOctets } = limits;
    const bounds = { blockSize, maxBodyOctets };
    const token = this.#freshToken();
    const request = { ...watch.request, observe: null };
    const transfer = new Transfer(request, token, bounds);
    const running = { number: this.#nextNumber++, purpose, transfer, token };
    this.#running.set(running.number, running);
    return this.#answered(running, heard, now);
  }

  #fail(running: Running, reason: RequestFailureReason): CoapOutput[] {
    this.#stop(running);
    const { purpose } = running;
    switch (purpose.kind) {
      case "once":
        return [{ kind: "failed", id: purpose.id, reason }];
      case "register":
      case "fetch":
        return this.#drop(purpose.watch, reason);
      case "leave":
        return [];
    }
  }

  #drop(watch: Watch | null, reason: RequestFailureReason): CoapOutput[] {
    if (watch === null) return [];
    this.#forget(watch);
    return [{ kind: "failed", id: watch.id, reason }];
  }

  #spread(): number {
    const [octet = 0] = this.#settings.random(1);
    return octet / 0xff;
  }
}

/** Only the first message of a registration says so: further blocks are fetched without (RFC 7959 §2.6). */
function wishOf({ kind }: Purpose): ObserveWish | null {
  switch (kind) {
    case "register":
      return "register";
    case "leave":
      return "deregister";
    case "once":
    case "fetch":
      return null;
  }
}

/** Null for a response that has a critical option we do not know, or an ill-formed one. */
function understood(message: Message): HeardResponse | null {
  try {
    return readResponse(message);
  } catch (failure) {
    if (failure instanceof CoapFailure) return null;
    throw failure;
  }
}
