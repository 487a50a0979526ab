/**
 * One EAP conversation, the server's side, as RFC 4137 §5 and §7 draw it for a
 * server behind a NAS. The NAS resends our requests, so there is no
 * retransmission here, only one deadline.
 *
 *     start ──empty──▶ await-identity ──┐
 *       └───────── Identity ────────────┴─▶ await-response ◀─▶ await-verification
 *                                             │  (Nak: another method)
 *                                             │ ◀─proceed── await-word (TLS 1.3)
 *                                             ▼
 *                                        await-decision ──admit──▶ ended, success
 *     any state: a broken rule, refuse, timeout ──▶ ended, failure
 *
 * Success has one way in: `admit` in `await-decision`, a state that only a
 * method's proof reaches.
 */
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { mono } from "../../base/machine.ts";
import { TlsServer, type TlsServerConfig } from "../tls/server.ts";
import { EapDiscard, EapFailure, type EapReason, type IgnoredReason } from "./failure.ts";
import { parseIdentity } from "./identity.ts";
import { METHODS } from "./methods/index.ts";
import type {
  EapKeys,
  EapMethod,
  MethodName,
  MethodProof,
  MethodRow,
  MethodStep,
  PeerAnswer,
  Resumption,
} from "./methods/method.ts";
import {
  encodeFailure,
  encodeRequest,
  encodeSuccess,
  MAX_PACKET_LENGTH,
  parseResponse,
  REQUEST_HEADER_LENGTH,
  TYPE_IDENTITY,
  TYPE_NAK,
  typesWanted,
  type EapResponse,
} from "./packet.ts";

/** A conversation may send this many requests; hostap's peers give up at the same count. */
export const MAX_ROUNDS = 100;

/** This many rounds in a row may pass in which neither side said anything of substance. */
export const MAX_SHORT_ROUNDS = 50;

/** A packet below this many bytes holds nothing of substance. */
export const SHORT_PACKET_LENGTH = 20;

/** The smallest packet limit we honour, in bytes: the least Framed-MTU, 64, less 4 (RFC 2865 §5.12, RFC 3579 §2.4). */
export const MIN_PACKET_LIMIT = 60;

/** From the first packet to the end, in milliseconds; a NAS that resends for as long has given up. */
export const CONVERSATION_LIMIT = 120_000;

export interface EapServerConfig {
  readonly random: RandomSource;
  /** What we offer, the preferred method first. */
  readonly methods: readonly MethodName[];
  /** The TLS end of a method; asked for once per method that starts. */
  readonly tls: (method: MethodName) => TlsServerConfig;
  /** The longest packet we send, in bytes, whatever the NAS would carry. */
  readonly maxPacket: number;
}

export type EapInput =
  /** A packet of the peer's, or no bytes at all where the NAS wants us to begin (RFC 3579 §2.1). `maxPacket` is in bytes. */
  | { readonly kind: "response"; readonly packet: Uint8Array; readonly maxPacket: number }
  | PeerAnswer
  /** Answers `proven`: nothing speaks against the peer so far. */
  | { readonly kind: "proceed" }
  | { readonly kind: "admit" }
  /** `reason` is for the log; the peer gets a bare EAP-Failure. */
  | { readonly kind: "refuse"; readonly reason: string }
  | { readonly kind: "timeout" };

export type EapOutput =
  | { readonly kind: "request"; readonly packet: Uint8Array }
  /** To be answered by `peer-accepted` or `peer-rejected`. */
  | {
      readonly kind: "verify-peer";
      readonly method: MethodName;
      readonly chain: readonly Uint8Array[];
    }
  /**
   * All is proven; our next word would promise success (RFC 9190 §2.5). To be
   * answered by `proceed` or `refuse`; `authenticated` follows once the peer has
   * taken the word, and decides.
   */
  | { readonly kind: "proven"; readonly proof: EapProof }
  /** To be answered by `admit` or `refuse`. */
  | { readonly kind: "authenticated"; readonly proof: EapProof }
  | {
      readonly kind: "success";
      readonly method: MethodName;
      readonly packet: Uint8Array;
      readonly keys: EapKeys;
      readonly resumption: Resumption;
    }
  | {
      readonly kind: "failure";
      readonly packet: Uint8Array;
      readonly reason: EapReason;
      readonly detail: string | null;
    }
  /** Nothing has changed; a peer that is stuck wants {@link EapServer.lastRequest} again (RFC 3579 §2.2). */
  | { readonly kind: "ignored"; readonly reason: IgnoredReason };

/** Everything a conversation has shown about the peer; what follows from it is admission's to say. */
export interface EapProof extends MethodProof {
  readonly method: MethodName;
  /** The outer identity: anyone can write anything there. */
  readonly identity: string;
}

/** A method at work, and those proposed so far, itself included. */
interface Running {
  readonly identity: string;
  readonly row: MethodRow;
  readonly method: EapMethod;
  readonly proposed: readonly MethodName[];
}

type State =
  | { readonly at: "start" }
  | { readonly at: "await-identity" }
  /** `fresh` until the peer has answered in the method: so long it may Nak. */
  | { readonly at: "await-response"; readonly running: Running; readonly fresh: boolean }
  | { readonly at: "await-verification"; readonly running: Running }
  | { readonly at: "await-word"; readonly running: Running }
  | { readonly at: "await-decision"; readonly running: Running }
  | { readonly at: "ended" };

export class EapServer implements Machine<EapInput, EapOutput> {
  readonly #config: EapServerConfig;
  #state: State = { at: "start" };
  /** Of the last request; before there is one, of the response that came first. */
  #identifier = 0;
  #lastRequest: Uint8Array | null = null;
  #packetLimit: number;
  #rounds = 0;
  #shortRounds = 0;
  #deadline: Mono | null = null;

  constructor(config: EapServerConfig) {
    this.#config = config;
    this.#packetLimit = config.maxPacket;
  }

  /** The request that waits for its answer, to be sent again as it is; null before the first and after the end. */
  get lastRequest(): Uint8Array | null {
    return this.#state.at === "ended" ? null : this.#lastRequest;
  }

  /** Whether the peer has proved that it has the key of the chain it showed; until then a chain is worth nothing. */
  get hasProvedKey(): boolean {
    return "running" in this.#state && this.#state.running.method.hasProvedKey;
  }

  get wakeAt(): Mono | null {
    return this.#state.at === "ended" ? null : this.#deadline;
  }

  handle(input: EapInput, now: Mono): EapOutput[] {
    this.#deadline ??= mono(now + CONVERSATION_LIMIT);
    try {
      const output = this.#step(input, now);
      return output === null ? [] : [output];
    } catch (failure) {
      if (failure instanceof EapDiscard) return [{ kind: "ignored", reason: failure.reason }];
      if (failure instanceof EapFailure) return [this.#fail(failure, now)];
      throw failure;
    }
  }

  #step(input: EapInput, now: Mono): EapOutput | null {
    const state = this.#state;
    if (state.at === "ended") throw new EapDiscard("ended");
    switch (input.kind) {
      case "response":
        return this.#respond(input.packet, input.maxPacket, now);
      case "peer-accepted":
      case "peer-rejected":
        if (state.at !== "await-verification") throw new EapDiscard("not-awaited");
        return this.#advance(
          state.running,
          state.running.method.verified(input, this.#typeDataLimit, now),
        );
      case "proceed":
        if (state.at !== "await-word") throw new EapDiscard("not-awaited");
        return this.#advance(state.running, state.running.method.proceed(this.#typeDataLimit, now));
      case "admit":
        if (state.at !== "await-decision") throw new EapDiscard("not-awaited");
        return this.#succeed(state.running, now);
      case "refuse":
        if (state.at !== "await-decision" && state.at !== "await-word") {
          throw new EapDiscard("not-awaited");
        }
        throw new EapFailure("refused", input.reason);
      case "timeout":
        if (this.#deadline !== null && now < this.#deadline) return null;
        throw new EapFailure("timeout");
    }
  }

  #respond(packet: Uint8Array, maxPacket: number, now: Mono): EapOutput {
    const state = this.#state;
    switch (state.at) {
      case "start": {
        if (packet.length === 0) return this.#askIdentity();
        const response = parseResponse(packet);
        // The NAS asked for the name under an identifier of its own; ours go on from there.
        this.#identifier = response.identifier;
        // Whoever begins without a name is in the middle of a conversation that we do not have.
        if (response.type !== TYPE_IDENTITY) throw new EapFailure("no-identity");
        return this.#identify(response, packet, maxPacket);
      }
      case "await-identity": {
        const response = this.#expected(packet);
        if (response.type !== TYPE_IDENTITY) throw new EapDiscard("wrong-type");
        return this.#identify(response, packet, maxPacket);
      }
      case "await-response": {
        const { running, fresh } = state;
        const response = this.#expected(packet);
        const nak = fresh && response.type === TYPE_NAK;
        if (!nak && response.type !== running.row.type) throw new EapDiscard("wrong-type");
        this.#accept(packet, maxPacket);
        if (nak) return this.#propose(running.identity, running.proposed, typesWanted(response));
        const step = running.method.respond(response.typeData, this.#typeDataLimit, now);
        return this.#advance(running, step);
      }
      case "await-verification":
      case "await-word":
      case "await-decision":
      case "ended":
        throw new EapDiscard("not-awaited");
    }
  }

  #expected(packet: Uint8Array): EapResponse {
    const response = parseResponse(packet);
    if (response.identifier !== this.#identifier) throw new EapDiscard("wrong-identifier");
    return response;
  }

  /** From here on the packet counts: it is the answer to our last request, and its route sets the size of the next. */
  #accept(packet: Uint8Array, maxPacket: number): void {
    const limit = Math.min(maxPacket, this.#config.maxPacket, MAX_PACKET_LENGTH);
    this.#packetLimit = Math.max(limit, MIN_PACKET_LIMIT);
    const longest = Math.max(packet.length, this.#lastRequest?.length ?? 0);
    this.#shortRounds = longest < SHORT_PACKET_LENGTH ? this.#shortRounds + 1 : 0;
    if (this.#shortRounds > MAX_SHORT_ROUNDS) throw new EapFailure("too-many-short-rounds");
  }

  #askIdentity(): EapOutput {
    this.#identifier = this.#config.random(1)[0]!;
    this.#state = { at: "await-identity" };
    return this.#request(TYPE_IDENTITY, new Uint8Array(0));
  }

  #identify(response: EapResponse, packet: Uint8Array, maxPacket: number): EapOutput {
    this.#accept(packet, maxPacket);
    const identity = parseIdentity(response.typeData);
    if (identity === null) throw new EapFailure("bad-identity");
    return this.#propose(identity, [], null);
  }

  /** Starts the method we like best among those not proposed yet and, after a Nak, wanted. */
  #propose(
    identity: string,
    before: readonly MethodName[],
    wanted: readonly number[] | null,
  ): EapOutput {
    const name = this.#config.methods.find(
      (name) => !before.includes(name) && (wanted?.includes(METHODS[name].type) ?? true),
    );
    if (name === undefined) throw new EapFailure("no-common-method");
    const row = METHODS[name];
    const method = row.create(new TlsServer(this.#config.tls(name)));
    const packet = this.#request(row.type, method.start(this.#typeDataLimit));
    const running = { identity, row, method, proposed: [...before, name] };
    this.#state = { at: "await-response", running, fresh: true };
    return packet;
  }

  #advance(running: Running, step: MethodStep): EapOutput {
    switch (step.kind) {
      case "request":
        this.#state = { at: "await-response", running, fresh: false };
        return this.#request(running.row.type, step.typeData);
      case "verify-peer":
        this.#state = { at: "await-verification", running };
        return { kind: "verify-peer", method: running.row.name, chain: step.chain };
      case "proven":
        this.#state = { at: "await-word", running };
        return { kind: "proven", proof: proofIn(running, step.proof) };
      case "authenticated":
        this.#state = { at: "await-decision", running };
        return { kind: "authenticated", proof: proofIn(running, step.proof) };
    }
  }

  #request(type: number, typeData: Uint8Array): EapOutput {
    if (++this.#rounds > MAX_ROUNDS) throw new EapFailure("too-many-rounds");
    this.#identifier = (this.#identifier + 1) & 0xff;
    this.#lastRequest = encodeRequest(this.#identifier, type, typeData);
    return { kind: "request", packet: this.#lastRequest };
  }

  #succeed(running: Running, now: Mono): EapOutput {
    const keys = running.method.keys();
    const { resumption } = running.method;
    this.#end(now);
    const packet = encodeSuccess(this.#identifier);
    return { kind: "success", method: running.row.name, packet, keys, resumption };
  }

  #fail({ reason, detail }: EapFailure, now: Mono): EapOutput {
    this.#end(now);
    return { kind: "failure", packet: encodeFailure(this.#identifier), reason, detail };
  }

  #end(now: Mono): void {
    if ("running" in this.#state) this.#state.running.method.forget(now);
    this.#state = { at: "ended" };
  }

  get #typeDataLimit(): number {
    return this.#packetLimit - REQUEST_HEADER_LENGTH;
  }
}

function proofIn({ identity, row }: Running, proof: MethodProof): EapProof {
  return { method: row.name, identity, ...proof };
}
