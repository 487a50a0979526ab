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
 * What the conclusion must be is the method's rule. A handshake that fails
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
  MethodStep,
  PeerAnswer,
  TlsServer,
} from "./method.ts";

/** What a method adds to the handshake. */
export interface TunnelRules {
  readonly type: number;
  /** The bits of the flags octet that name a version. */
  readonly versionBits: number;
  /** The exporter label of the method's keys with TLS 1.2; with 1.3 all methods share theirs. */
  readonly keyLabel: string;
  /** What we say in the tunnel once a TLS 1.3 handshake is over. */
  readonly lastWord13: Uint8Array | null;
  /**
   * Judges the peer's first message after the handshake.
   *
   * @param tunnelled - its plaintext; null for an empty message
   * @throws {@link EapFailure} where the method does not end so
   */
  readonly conclude: (tunnelled: Uint8Array | null) => InnerCredentials | null;
}

type Phase =
  | { readonly at: "handshake" }
  | { readonly at: "await-conclusion"; readonly session: TlsSession }
  | { readonly at: "alerted"; readonly failure: EapFailure }
  | { readonly at: "concluded"; readonly session: TlsSession };

const KEY_LENGTH = 64;

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
    if (this.#phase.at === "await-conclusion") return this.#conclude(this.#phase.session, null);
    throw new EapFailure("acknowledgement-unexpected");
  }

  verified(answer: PeerAnswer, limit: number, now: Mono): MethodStep {
    return this.#feed(answer, limit, now);
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
    if (before.at === "await-conclusion") return this.#conclude(before.session, tunnelled);
    if (session?.version === "TLS 1.3") return this.#established13(session, tunnelled, limit, now);
    // Before the peer has seen our Finished it cannot have meant these bytes for us.
    if (tunnelled.length > 0) throw new EapFailure("tunnel-bytes-unexpected");
    if (chain !== null) return { kind: "verify-peer", chain };
    if (session !== null) this.#phase = { at: "await-conclusion", session };
    // TLS may still miss a part of the peer's flight and say nothing; an empty request asks for it.
    return this.#send(flight, limit);
  }

  /** The peer has spoken last in the handshake, and may have gone on in the tunnel at once. */
  #established13(session: TlsSession, tunnelled: Uint8Array, limit: number, now: Mono): MethodStep {
    this.#phase = { at: "await-conclusion", session };
    if (tunnelled.length > 0) return this.#conclude(session, tunnelled);
    const { lastWord13 } = this.#rules;
    if (lastWord13 === null) return this.#send(new Uint8Array(0), limit);
    const { flight } = collect(this.#tls.handle({ kind: "send", bytes: lastWord13 }, now));
    return this.#send(flight, limit);
  }

  #failed(failure: EapFailure, alert: Uint8Array, limit: number): MethodStep {
    if (alert.length === 0) throw failure;
    this.#phase = { at: "alerted", failure };
    return this.#send(alert, limit);
  }

  #conclude(session: TlsSession, tunnelled: Uint8Array | null): MethodStep {
    const inner = this.#rules.conclude(tunnelled);
    this.#phase = { at: "concluded", session };
    const { version, suite, serverName, peerChain } = session;
    const chain = peerChain.length > 0 ? peerChain : null;
    const proof = { chain, inner, session: { version, suite: suite.name, serverName } };
    return { kind: "authenticated", proof };
  }

  #send(flight: Uint8Array, limit: number): MethodStep {
    this.#outgoing = new OutgoingMessage(flight);
    return request(this.#outgoing.next(limit));
  }
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
