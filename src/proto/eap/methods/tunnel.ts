/**
 * The part that EAP-TLS and EAP-TTLS share: a TLS handshake in messages. With
 * TLS 1.2:
 *
 *     server                                  peer
 *     Start                               ->
 *                                         <-  ClientHello
 *     ServerHello .. ServerHelloDone      ->
 *                                         <-  [Certificate,] ClientKeyExchange .. Finished
 *     ChangeCipherSpec, Finished          ->
 *                                         <-  the conclusion: nothing (TLS), AVPs in the tunnel (TTLS)
 *
 * and with TLS 1.3:
 *
 *     server                                  peer
 *     Start                               ->
 *                                         <-  ClientHello
 *     ServerHello .. Finished             ->
 *                                         <-  [Certificate, CertificateVerify,] Finished
 *     an octet 0 (TLS), nothing (TTLS)    ->
 *                                         <-  the conclusion; in TTLS it may come with Finished
 *
 * What the conclusion must be is the method's rule. The octet promises success
 * under the tunnel's protection, so the caller is asked before it goes out. A
 * session that is resumed shows the chain of the first one, to be judged anew;
 * with TLS 1.2 the peer's Finished concludes it, and TTLS has nothing inside.
 *
 * A handshake that fails
 * ends with our alert in one more request; the peer answers it before the
 * EAP-Failure, or it would never see the reason (RFC 5216 §2.1.3).
 *
 * @see RFC 5216 §2.1, RFC 5281 §7, RFC 9190 §2.1, RFC 9427 §2
 */
import { concat } from "../../../base/bytes.ts";
import type { Mono } from "../../../base/machine.ts";
import type { TlsInput, TlsOutput, TlsSession } from "../../tls/server.ts";
import { EapFailure } from "../failure.ts";
import {
  ACKNOWLEDGEMENT,
  IncomingMessage,
  isAcknowledgement,
  OutgoingMessage,
  parseFragment,
  START,
} from "../fragments.ts";
import type {
  EapKeys,
  EapMethod,
  InnerCredentials,
  MethodProof,
  MethodStep,
  PeerAnswer,
  Resumption,
  TlsServer,
} from "./method.ts";

/** What a method adds to the handshake. */
export interface TunnelRules {
  readonly type: number;
  /** The bits of the flags octet that name a version. */
  readonly versionBits: number;
  /** The exporter label of the method's keys with TLS 1.2; with 1.3 all methods share theirs. */
  readonly keyLabel: string;
  /** Whether a whole handshake is all there is to the method. */
  readonly endsWithHandshake: boolean;
  /**
   * Judges the peer's first message after the handshake.
   *
   * @param tunnelled - its plaintext; null for an empty message
   * @throws {@link EapFailure} where the method does not end so
   */
  readonly conclude: (tunnelled: Uint8Array | null) => InnerCredentials | null;
}

/** A handshake that is over: what TLS has to say yet, and what the peer has said in the tunnel already. */
interface Finished {
  readonly session: TlsSession;
  readonly flight: Uint8Array;
  readonly tunnelled: Uint8Array;
}

interface AwaitConclusion {
  readonly at: "await-conclusion";
  readonly session: TlsSession;
  /** What the peer said inside already; null where that is still to come, or there is none. */
  readonly inner: InnerCredentials | null;
}

type Phase =
  | { readonly at: "handshake" }
  /** Resumed: the chain of the first session is being judged. */
  | { readonly at: "reverifying"; readonly session: TlsSession; readonly finished: Finished }
  | {
      readonly at: "proven";
      readonly session: TlsSession;
      readonly finished: Finished;
      readonly inner: InnerCredentials | null;
    }
  | AwaitConclusion
  | { readonly at: "alerted"; readonly failure: EapFailure }
  | { readonly at: "concluded"; readonly session: TlsSession };

const KEY_LENGTH = 64;

/** What promises success under TLS 1.3 (RFC 9190 §2.5; in TTLS where it is resumed, RFC 9427 §2.1). */
const LAST_WORD = Uint8Array.of(0);

/** @see RFC 9190 §2.3, RFC 9427 §2.1 */
const KEY_LABEL_13 = "EXPORTER_EAP_TLS_Key_Material";
const METHOD_ID_LABEL_13 = "EXPORTER_EAP_TLS_Method-Id";
const METHOD_ID_LENGTH = 64;

export class TunnelMethod implements EapMethod {
  readonly #rules: TunnelRules;
  readonly #tls: TlsServer;
  readonly #incoming = new IncomingMessage();
  #outgoing = new OutgoingMessage(new Uint8Array(0));
  #phase: Phase = { at: "handshake" };

  constructor(rules: TunnelRules, tls: TlsServer) {
    this.#rules = rules;
    this.#tls = tls;
  }

  get hasProvedKey(): boolean {
    return "session" in this.#phase && this.#phase.session.peerChain.length > 0;
  }

  start(): Uint8Array {
    return START;
  }

  respond(typeData: Uint8Array, limit: number, now: Mono): MethodStep {
    // Whatever answers an alert, the conversation is over.
    if (this.#phase.at === "alerted" && this.#outgoing.sent) throw this.#phase.failure;
    const fragment = parseFragment(typeData, this.#rules.versionBits);
    if (!this.#outgoing.sent) {
      if (!isAcknowledgement(fragment)) throw new EapFailure("acknowledgement-missing");
      return request(this.#outgoing.next(limit));
    }
    const message = this.#incoming.add(fragment);
    if (message === null) return request(ACKNOWLEDGEMENT);
    if (message.length > 0) return this.#feed({ kind: "bytes", bytes: message }, limit, now);
    if (this.#phase.at === "await-conclusion") return this.#conclude(this.#phase, null);
    throw new EapFailure("acknowledgement-unexpected");
  }

  verified(answer: PeerAnswer, limit: number, now: Mono): MethodStep {
    if (this.#phase.at !== "reverifying") return this.#feed(answer, limit, now);
    const { finished } = this.#phase;
    if (answer.kind === "peer-accepted") return this.#afterHandshake(finished, limit);
    throw new EapFailure("tls", `resumption refused: ${answer.reason}`);
  }

  proceed(limit: number, now: Mono): MethodStep {
    if (this.#phase.at !== "proven") throw new RangeError("nothing waits to be said");
    const { finished, inner } = this.#phase;
    const { session, flight } = finished;
    this.#phase = { at: "await-conclusion", session, inner };
    if (inner !== null) return this.#send(flight, limit);
    const word = collect(this.#tls.handle({ kind: "send", bytes: LAST_WORD }, now)).flight;
    return this.#send(concat(flight, word), limit);
  }

  get resumption(): Resumption {
    if (this.#phase.at !== "concluded") throw new RangeError("asked before the end of the method");
    const { resumed, issuedTicket } = this.#phase.session;
    return { resumed, ticket: issuedTicket };
  }

  keys(): EapKeys {
    if (this.#phase.at !== "concluded") throw new RangeError("keys before the end of the method");
    const { session } = this.#phase;
    const material = this.#keyMaterial(session);
    return {
      msk: material.slice(0, KEY_LENGTH),
      emsk: material.slice(KEY_LENGTH),
      sessionId: concat(Uint8Array.of(this.#rules.type), this.#methodId(session)),
    };
  }

  #keyMaterial(session: TlsSession): Uint8Array {
    const { type, keyLabel } = this.#rules;
    switch (session.version) {
      case "TLS 1.2":
        return session.exportKey(keyLabel, null, 2 * KEY_LENGTH);
      case "TLS 1.3":
        return session.exportKey(KEY_LABEL_13, Uint8Array.of(type), 2 * KEY_LENGTH);
    }
  }

  #methodId(session: TlsSession): Uint8Array {
    switch (session.version) {
      case "TLS 1.2":
        return concat(session.clientRandom, session.serverRandom);
      case "TLS 1.3": {
        const context = Uint8Array.of(this.#rules.type);
        return session.exportKey(METHOD_ID_LABEL_13, context, METHOD_ID_LENGTH);
      }
    }
  }

  forget(now: Mono): void {
    this.#tls.handle({ kind: "close" }, now);
    if ("session" in this.#phase) this.#phase.session.forget();
  }

  #feed(input: TlsInput, limit: number, now: Mono): MethodStep {
    const before = this.#phase;
    const { flight, tunnelled, chain, session, failure } = collect(this.#tls.handle(input, now));
    if (failure !== null) return this.#failed(failure, flight, limit);
    if (before.at === "await-conclusion") return this.#conclude(before, tunnelled);
    if (session !== null) {
      const finished = { session, flight, tunnelled };
      if (!session.resumed) return this.#afterHandshake(finished, limit);
      this.#phase = { at: "reverifying", session, finished };
      return { kind: "verify-peer", chain: session.peerChain };
    }
    // Before the peer has seen our Finished it cannot have meant these bytes for us.
    if (tunnelled.length > 0) throw new EapFailure("tunnel-bytes-unexpected");
    if (chain !== null) return { kind: "verify-peer", chain };
    // TLS may still miss a part of the peer's flight and say nothing; an empty request asks for it.
    return this.#send(flight, limit);
  }

  #afterHandshake(finished: Finished, limit: number): MethodStep {
    const { session, flight, tunnelled } = finished;
    switch (session.version) {
      case "TLS 1.2":
        if (tunnelled.length > 0) throw new EapFailure("tunnel-bytes-unexpected");
        // The peer spoke last, and there is nothing to answer (RFC 5216 §2.1.2).
        if (session.resumed) return this.#concluded(session, null);
        this.#phase = { at: "await-conclusion", session, inner: null };
        return this.#send(flight, limit);
      case "TLS 1.3":
        return this.#afterHandshake13(finished, limit);
    }
  }

  /** The peer has spoken last in the handshake, and may have gone on in the tunnel at once. */
  #afterHandshake13(finished: Finished, limit: number): MethodStep {
    const { session, flight, tunnelled } = finished;
    const inner = tunnelled.length > 0 ? this.#rules.conclude(tunnelled) : null;
    const waits = inner === null && !this.#rules.endsWithHandshake && !session.resumed;
    if (waits) {
      this.#phase = { at: "await-conclusion", session, inner: null };
      return this.#send(flight, limit);
    }
    // A ticket behind the inner method says, under protection, that it was right (RFC 9427 §2.4).
    if (inner !== null && flight.length === 0) return this.#concluded(session, inner);
    this.#phase = { at: "proven", session, finished, inner };
    return { kind: "proven", proof: proofOf(session, inner) };
  }

  #failed(failure: EapFailure, alert: Uint8Array, limit: number): MethodStep {
    if (alert.length === 0) throw failure;
    this.#phase = { at: "alerted", failure };
    return this.#send(alert, limit);
  }

  #conclude({ session, inner }: AwaitConclusion, tunnelled: Uint8Array | null): MethodStep {
    if (inner !== null && tunnelled !== null) throw new EapFailure("tunnel-bytes-unexpected");
    const ended = inner !== null || (session.resumed && tunnelled === null);
    return this.#concluded(session, ended ? inner : this.#rules.conclude(tunnelled));
  }

  #concluded(session: TlsSession, inner: InnerCredentials | null): MethodStep {
    this.#phase = { at: "concluded", session };
    return { kind: "authenticated", proof: proofOf(session, inner) };
  }

  #send(flight: Uint8Array, limit: number): MethodStep {
    this.#outgoing = new OutgoingMessage(flight);
    return request(this.#outgoing.next(limit));
  }
}

function proofOf(session: TlsSession, inner: InnerCredentials | null): MethodProof {
  const { version, suite, serverName, peerChain } = session;
  const chain = peerChain.length > 0 ? peerChain : null;
  return { chain, inner, session: { version, suite: suite.name, serverName } };
}

function request(typeData: Uint8Array): MethodStep {
  return { kind: "request", typeData };
}

/** What TLS said to one input, sorted: its bytes for the peer joined, the rest by kind. */
interface TlsReply {
  readonly flight: Uint8Array;
  readonly tunnelled: Uint8Array;
  readonly chain: readonly Uint8Array[] | null;
  readonly session: TlsSession | null;
  readonly failure: EapFailure | null;
}

function collect(outputs: readonly TlsOutput[]): TlsReply {
  const flight: Uint8Array[] = [];
  const tunnelled: Uint8Array[] = [];
  let chain: readonly Uint8Array[] | null = null;
  let session: TlsSession | null = null;
  let failure: EapFailure | null = null;
  for (const output of outputs) {
    switch (output.kind) {
      case "send":
        flight.push(output.bytes);
        break;
      case "data":
        tunnelled.push(output.bytes);
        break;
      case "verify-peer":
        chain = output.chain;
        break;
      case "established":
        session = output.session;
        break;
      case "failed":
        failure = new EapFailure("tls", output.failure.message);
        break;
      case "ticket":
        throw new Error("a server gets no ticket");
      case "closed":
        // The close_notify that answers the peer's would tell it nothing.
        throw new EapFailure("tunnel-closed");
    }
  }
  return { flight: concat(...flight), tunnelled: concat(...tunnelled), chain, session, failure };
}
