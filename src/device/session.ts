/**
 * A device's connection to a home: DTLS over one UDP socket, CoAP inside. What
 * it asks comes back as promises; everything that ends the connection rejects
 * what is still open.
 */
import type { PublicKey } from "../base/crypto/crypto.ts";
import { mono } from "../base/machine.ts";
import type { Mono } from "../base/machine.ts";
import type { Host, SocketAddress, Timer, UdpSocket } from "../host/host.ts";
import { CoapEndpoint } from "../proto/coap/endpoint.ts";
import type { CoapInput, CoapOutput, RequestId } from "../proto/coap/events.ts";
import type { CoapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import { bindingOf } from "../policy/devices/binding.ts";
import type { Credential, TlsSession } from "../proto/tls/connection.ts";
import { DtlsClient } from "../proto/tls/datagram/client.ts";
import type { DtlsInput, DtlsOutput } from "../proto/tls/datagram/dtls.ts";

export type SessionReason =
  /** Nobody answers at the address. */
  | "no-answer"
  /** More than one home searches for devices: the owner has to say which. */
  | "several-homes"
  /** The home's certificate is not the one expected, or no good one. */
  | "home-refused"
  /** The home ended the handshake, or the association. */
  | "refused-by-home"
  /** A request was not answered, or not in a way that can be understood. */
  | "request-failed"
  | "closed";

/** A connection that came to nothing. */
export class SessionFailure extends Error {
  override readonly name = "SessionFailure";
  readonly reason: SessionReason;
  /** More for the log: an alert's or a request's reason; never text of the peer's. */
  readonly detail: string;

  constructor(reason: SessionReason, detail = "") {
    super(detail === "" ? `session: ${reason}` : `session: ${reason} (${detail})`);
    this.reason = reason;
    this.detail = detail;
  }
}

export interface SessionOptions {
  readonly home: SocketAddress;
  readonly credential: Credential;
  /** The key of a chain that is believed; null refuses it. DER, the home's own first. */
  readonly judge: (chain: readonly Uint8Array[]) => PublicKey | null;
}

/** How long a handshake may take: six flights of one, two, four … seconds. */
const HANDSHAKE_MS = 60_000;

interface Open {
  readonly answered: (response: CoapResponse) => void;
  readonly failed: (failure: SessionFailure) => void;
}

export class HomeSession {
  readonly #host: Host;
  readonly #home: SocketAddress;
  readonly #judge: SessionOptions["judge"];
  readonly #socket: UdpSocket;
  readonly #dtls: DtlsClient;
  readonly #coap: CoapEndpoint;
  readonly #requests = new Map<RequestId, Open>();
  #nextId = 1;
  #timer: Timer | null = null;
  #deadline: Timer | null = null;
  #session: TlsSession | null = null;
  #binding: Uint8Array | null = null;
  #ended: SessionFailure | null = null;
  /** Why this end is about to end it, where it is. */
  #failure: SessionFailure | null = null;
  #settle: {
    readonly done: (session: HomeSession) => void;
    readonly failed: (failure: SessionFailure) => void;
  } | null = null;
  /** The chain that was believed. */
  homeChain: readonly Uint8Array[] = [];

  /** @throws HostFailure where no socket can be had; rejects with {@link SessionFailure} */
  static open(host: Host, options: SessionOptions): Promise<HomeSession> {
    const session = new HomeSession(host, options);
    return session.#begin();
  }

  private constructor(host: Host, { home, credential, judge }: SessionOptions) {
    this.#host = host;
    this.#home = home;
    this.#judge = judge;
    const { crypto, random } = host;
    this.#coap = new CoapEndpoint({ random });
    this.#dtls = new DtlsClient({
      tls: { crypto, random, serverName: null, credential, groups: ["X25519", "P-256"] },
      mtu: null,
      connectionId: new Uint8Array(),
    });
    const any = home.address.includes(":") ? "::" : "0.0.0.0";
    this.#socket = host.udp({ address: any, port: 0 }, (bytes, from) => this.#receive(bytes, from));
  }

  /** 32 octets that both ends of this very connection know, and nobody else: see {@link bindingOf}. */
  get channelBinding(): Uint8Array {
    if (this.#binding === null) throw new Error("the handshake is not over");
    return this.#binding;
  }

  get isOpen(): boolean {
    return this.#session !== null && this.#ended === null;
  }

  /** One request and its whole response, whatever its code. Rejects with {@link SessionFailure} */
  request(request: CoapRequest): Promise<CoapResponse> {
    return new Promise((answered, failed) => {
      this.#ask(request, { answered, failed });
    });
  }

  /** Asks to be told of changes: `told` gets the first answer and each that follows, `ended` that no more come. */
  observe(
    request: CoapRequest,
    told: (response: CoapResponse) => void,
    ended: (failure: SessionFailure) => void,
  ): void {
    const observed = { ...request, observe: "register" } as const;
    this.#ask(observed, { answered: told, failed: ended });
  }

  close(): void {
    if (this.#ended !== null) return;
    this.#failure = new SessionFailure("closed");
    if (this.#session !== null) this.#dtlsTakes({ kind: "close" });
    this.#end(this.#failure);
  }

  #begin(): Promise<HomeSession> {
    return new Promise((done, failed) => {
      this.#settle = { done, failed };
      this.#deadline = this.#host.setTimer(later(this.#host.mono(), HANDSHAKE_MS), () => {
        if (this.#session === null) this.#end(new SessionFailure("no-answer"));
      });
      this.#run(() => this.#dtlsTakes({ kind: "start" }));
    });
  }

  #ask(request: CoapRequest, open: Open): void {
    if (this.#ended !== null) return open.failed(this.#ended);
    const id = this.#nextId++;
    this.#requests.set(id, open);
    this.#run(() => this.#coapTakes({ kind: "request", id, request }));
  }

  #receive(bytes: Uint8Array, from: SocketAddress): void {
    if (this.#ended !== null) return;
    // Whoever else finds the port has nothing to say here.
    if (from.port !== this.#home.port || from.address !== this.#home.address) return;
    this.#run(() => this.#dtlsTakes({ kind: "datagram", bytes }));
  }

  /** Whatever happened, the timer follows. */
  #run(step: () => void): void {
    step();
    this.#plan();
  }

  #dtlsTakes(input: DtlsInput): void {
    for (const output of this.#dtls.handle(input, this.#host.mono())) this.#carryOut(output);
  }

  #carryOut(output: DtlsOutput): void {
    switch (output.kind) {
      case "datagram":
        return this.#socket.send(output.bytes, this.#home);
      case "verify-peer":
        return this.#answer(output.chain);
      case "established":
        this.#session = output.session;
        // Now, for a session that the home ends has forgotten its secrets when an answer is awaited no more.
        this.#binding = bindingOf(output.session);
        this.#deadline?.cancel();
        this.#settle?.done(this);
        return;
      case "data":
        return this.#coapTakes({ kind: "datagram", bytes: output.bytes });
      case "failed":
        return this.#end(new SessionFailure("refused-by-home", output.failure.reason));
      case "closed":
        return this.#end(new SessionFailure("refused-by-home", "closed"));
      case "ticket":
        return;
    }
  }

  #answer(chain: readonly Uint8Array[]): void {
    const publicKey = this.#judge(chain);
    if (publicKey === null) {
      // Before the engine says that the handshake failed: it failed for this.
      this.#failure = new SessionFailure("home-refused");
      return this.#dtlsTakes({
        kind: "peer-rejected",
        alert: "bad_certificate",
        reason: "not this home",
      });
    }
    this.homeChain = chain;
    this.#dtlsTakes({ kind: "peer-accepted", publicKey });
  }

  #coapTakes(input: CoapInput): void {
    for (const output of this.#coap.handle(input, this.#host.mono())) this.#carryOutCoap(output);
  }

  #carryOutCoap(output: CoapOutput): void {
    switch (output.kind) {
      case "send":
        return this.#dtlsTakes({ kind: "send", bytes: output.bytes });
      case "response":
      case "notification": {
        const open = this.#requests.get(output.id);
        if (output.kind === "response") this.#requests.delete(output.id);
        return open?.answered(output.response);
      }
      case "failed": {
        const open = this.#requests.get(output.id);
        this.#requests.delete(output.id);
        return open?.failed(new SessionFailure("request-failed", output.reason));
      }
      // A device that is client alone serves nothing.
      case "request":
      case "observation-ended":
      case "discarded":
        return;
    }
  }

  #end(last: SessionFailure): void {
    if (this.#ended !== null) return;
    const failure = this.#failure ?? last;
    this.#ended = failure;
    this.#timer?.cancel();
    this.#deadline?.cancel();
    this.#session?.forget();
    this.#socket.close();
    this.#settle?.failed(failure);
    for (const { failed } of this.#requests.values()) failed(failure);
    this.#requests.clear();
  }

  #plan(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#ended !== null) return;
    const times = [this.#dtls.wakeAt, this.#coap.wakeAt].filter((at) => at !== null);
    if (times.length === 0) return;
    const at = times.reduce((a, b) => (a < b ? a : b));
    this.#timer = this.#host.setTimer(at, () => {
      this.#run(() => {
        this.#dtlsTakes({ kind: "timeout" });
        if (this.#ended === null) this.#coapTakes({ kind: "timeout" });
      });
    });
  }
}

function later(now: Mono, milliseconds: number): Mono {
  return mono(now + milliseconds);
}
