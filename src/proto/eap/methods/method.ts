/** What every EAP method is to the server machine: a row in the table, and one step for each thing that happens. */
import type { Machine, Mono } from "../../../base/machine.ts";
import type { TlsInput, TlsOutput } from "../../tls/server.ts";

export type MethodName = "tls" | "ttls";

/** The TLS end that a method runs: made by the server machine, so that a method never sees a private key. */
export type TlsServer = Machine<TlsInput, TlsOutput>;

/** What the peer said inside a tunnel. The name is text as {@link parseIdentity} lets it pass. */
export interface InnerCredentials {
  readonly userName: string;
  /** Without its zero padding, 0 to 128 bytes. Secret. */
  readonly password: Uint8Array;
}

/** What the conversation ran over, for the record and the log. */
export interface SessionFacts {
  readonly version: string;
  readonly suite: string;
  /** The name the peer asked for (SNI), null where it asked for none. */
  readonly serverName: string | null;
}

/** What a method has proved about its peer. */
export interface MethodProof {
  /** The certificates the caller accepted, the peer's own first, DER; its key is proven. Null where it sent none. */
  readonly chain: readonly Uint8Array[] | null;
  readonly inner: InnerCredentials | null;
  readonly session: SessionFacts;
}

/** What a method that is over leaves behind for a later conversation. */
export interface Resumption {
  /** Whether this conversation took up an earlier one. */
  readonly resumed: boolean;
  /** The ticket issued in it; worth nothing until its store is told for whom it is. */
  readonly ticket: Uint8Array | null;
}

/** Keys of one conversation. Secret but for the session's name. */
export interface EapKeys {
  /** Master Session Key, 64 bytes: the NAS gets it in halves (RFC 5216 §2.3). */
  readonly msk: Uint8Array;
  /** Extended Master Session Key, 64 bytes; it never leaves this machine. */
  readonly emsk: Uint8Array;
  /** Type, client random, server random (RFC 5247 §1.4), or with TLS 1.3 type and Method-Id (RFC 9190 §2.3): 65 bytes. */
  readonly sessionId: Uint8Array;
}

/** What a method wants next. A method that has failed throws an EapFailure instead. */
export type MethodStep =
  | { readonly kind: "request"; readonly typeData: Uint8Array }
  | { readonly kind: "verify-peer"; readonly chain: readonly Uint8Array[] }
  /** All is proven, and our next word would tell the peer that it may come in: `proceed` says it. */
  | { readonly kind: "proven"; readonly proof: MethodProof }
  | { readonly kind: "authenticated"; readonly proof: MethodProof };

/** The answer to a step `verify-peer`. */
export type PeerAnswer = Extract<TlsInput, { kind: "peer-accepted" | "peer-rejected" }>;

/** One run of a method. `limit` is the most type-data, in bytes, that a request may carry at the time. */
export interface EapMethod {
  /** Whether the peer has shown a chain and proved that it has the key of its first certificate. */
  readonly hasProvedKey: boolean;
  /** The type-data of the first request. */
  start(limit: number): Uint8Array;
  /** Takes the type-data of a response. @throws {@link EapFailure} */
  respond(typeData: Uint8Array, limit: number, now: Mono): MethodStep;
  /** Goes on after `verify-peer`. @throws {@link EapFailure} */
  verified(answer: PeerAnswer, limit: number, now: Mono): MethodStep;
  /** Goes on after `proven`. @throws {@link EapFailure} */
  proceed(limit: number, now: Mono): MethodStep;
  /** To be asked for after the step `authenticated` only. */
  keys(): EapKeys;
  /** Likewise. */
  readonly resumption: Resumption;
  /** Overwrites the secrets of a run that is over; nothing may be asked of it afterwards. */
  forget(now: Mono): void;
}

/** A method in the table. */
export interface MethodRow {
  readonly name: MethodName;
  /** Its number in the packet's Type field. */
  readonly type: number;
  readonly create: (tls: TlsServer) => EapMethod;
}
