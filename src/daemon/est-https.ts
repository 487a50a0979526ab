/**
 * Enrolment over HTTPS (RFC 7030) on a port of its own, and links that open once. A connection is TLS
 * around HTTP around one question at a time; who asks is settled by the
 * handshake, and what the home says of them is asked again for each question.
 */
import { earliest, mono } from "../base/machine.ts";
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import type { ProfileFile } from "../policy/profiles/facts.ts";
import { deviceByKey } from "../policy/registry/registry.ts";
import { HttpServer } from "../proto/http/server.ts";
import type { HttpInput, HttpOutput, HttpRequest } from "../proto/http/server.ts";
import { TlsServer } from "../proto/tls/server.ts";
import { MAX_EARLY_BYTES } from "../proto/tls/stream.ts";
import type { TlsInput, TlsOutput, TlsSession } from "../proto/tls/server.ts";
import type { SocketAddress, StreamConnection, StreamHandlers, TcpListener } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { shown } from "./answers.ts";
import { dated, estResponse, readEstRequest } from "./est-http.ts";
import { askerOf, bindingsOf } from "./est.ts";
import type { EstDesk } from "./est.ts";
import type { House } from "./house.ts";
import { answerLink } from "./link-http.ts";
import { judgeChain } from "./peer.ts";
import type { Peer } from "./peer.ts";
import { recordOf } from "./proof.ts";

/** Connections at once; one more is reset. */
export const MAX_CONNECTIONS = 32;
/** Of them from one address, so that nobody alone takes every place. */
export const MAX_PER_ADDRESS = 8;

/** Octets of responses that may wait for one client to read them; it gets no more, and is reset. */
export const MAX_UNREAD_BYTES = 65_536;

/** How long the handshake may take, and the whole connection whatever it does. */
export const HANDSHAKE_MS = 10_000;
export const CONNECTION_MS = 120_000;
/** How long the client has to end its half after us; what we sent last might be lost if we were gone before. */
export const LINGER_MS = 2000;

/** Whose first contacts are counted here; no access point has a name with blanks. */
const LIMITS_NAME = "EST over HTTPS";

export class EstHttps {
  readonly #house: House;
  readonly #desk: EstDesk;
  readonly #plan: () => void;
  readonly #connections = new Set<EstConnection>();
  #listeners: TcpListener[] = [];
  /** Where listening failed: the port may become free, the interface may come up. */
  #unopened: SocketAddress[] = [];

  /** @param plan - called when {@link wakeAt} may have changed */
  constructor(house: House, desk: EstDesk, plan: () => void) {
    this.#house = house;
    this.#desk = desk;
    this.#plan = plan;
  }

  /** Listens where the configuration says, if it says so; a change of that takes a restart. */
  open(): void {
    const { enabled, listen, port } = this.#house.configuration.est;
    this.#unopened = enabled ? listen.map((address) => ({ address, port })) : [];
    this.retry();
  }

  /** Tries again what could not be opened. */
  retry(): void {
    this.#unopened = this.#unopened.filter((bind) => !this.#openOne(bind));
  }

  /** Where it listens. */
  get addresses(): readonly SocketAddress[] {
    return this.#listeners.map(({ local }) => local);
  }

  get connections(): number {
    return this.#connections.size;
  }

  get wakeAt(): Mono | null {
    const connections = Array.from(this.#connections, ({ wakeAt }) => wakeAt);
    return earliest([...connections, this.#house.links.wakeAt]);
  }

  timeout(now: Mono): void {
    for (const connection of this.#connections) connection.timeout(now);
    this.#house.links.sweep();
  }

  /** Ends the connections of a device: the owner has withdrawn it. */
  endOf(device: string): void {
    for (const connection of this.#connections) if (connection.isOf(device)) connection.reset();
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#unopened = [];
  }

  #openOne(bind: SocketAddress): boolean {
    const { host, log } = this.#house;
    const where = `${bind.address} port ${bind.port}`;
    try {
      this.#listeners.push(host.listenTcp(bind, (stream, from) => this.#accept(stream, from)));
      log.notice(`HomeCA listens at ${where} (EST) now.`);
      return true;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      log.limited(
        "est",
        "error",
        `Nobody can enrol at ${where} (${failure.errno}): give option 'port' in section 'est' a free port, or take the address out of its 'listen'.`,
      );
      return false;
    }
  }

  #accept(stream: StreamConnection, { address }: SocketAddress): StreamHandlers {
    const fromThere = [...this.#connections].filter((one) => one.address === address).length;
    if (this.#connections.size >= MAX_CONNECTIONS || fromThere >= MAX_PER_ADDRESS) {
      this.#house.counters.add("est-turned-away");
      stream.reset();
      return { onBytes: () => {}, onEnd: () => {}, onDrained: () => {}, onClose: () => {} };
    }
    const connection = new EstConnection(this.#house, this.#desk, stream, address);
    this.#connections.add(connection);
    this.#plan();
    return {
      onBytes: (bytes) => {
        connection.take(bytes);
        this.#plan();
      },
      onEnd: () => connection.peerEnded(),
      onDrained: () => {},
      onClose: () => {
        this.#connections.delete(connection);
        this.#plan();
      },
    };
  }
}

/** Octets that TLS is given at once: it keeps half a record, and what came before the verdict on a chain. */
const PART: number = MAX_EARLY_BYTES / 2;

/** One connection, from its first octet to its last. */
class EstConnection {
  readonly address: string;
  readonly #house: House;
  readonly #desk: EstDesk;
  readonly #stream: StreamConnection;
  readonly #tls: TlsServer;
  readonly #end: Mono;
  /** What is waited for at most until then, beside what HTTP waits for: the handshake, or the client's own end. */
  #limit: Mono;
  #peer: Peer | null = null;
  #session: TlsSession | null = null;
  #http: HttpServer | null = null;
  #state: "open" | "lingering" | "over" = "open";

  constructor(house: House, desk: EstDesk, stream: StreamConnection, address: string) {
    const now = house.host.mono();
    this.address = address;
    this.#house = house;
    this.#desk = desk;
    this.#stream = stream;
    this.#tls = new TlsServer(house.estTlsConfig());
    this.#end = mono(now + CONNECTION_MS);
    this.#limit = mono(now + HANDSHAKE_MS);
  }

  get wakeAt(): Mono | null {
    if (this.#state === "over") return null;
    return mono(Math.min(this.#limit, this.#http?.wakeAt ?? this.#limit));
  }

  isOf(device: string): boolean {
    const record = this.#peer === null ? null : recordOf(this.#house.registry, this.#peer);
    return record?.id === device;
  }

  /** In parts: who sends its request right behind its certificate has more on the way than may wait for our verdict. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#state === "open"; at += PART) {
      const part = bytes.subarray(at, at + PART);
      this.#attempt(() => this.#tell({ kind: "bytes", bytes: part }));
    }
  }

  timeout(now: Mono): void {
    if (this.#state === "over") return;
    if (now >= this.#limit) return this.reset();
    this.#attempt(() => this.#ask({ kind: "timeout" }, now));
  }

  /** Nothing more comes. What was asked is answered by now, so there is nothing to wait for. */
  peerEnded(): void {
    this.#linger(this.#house.host.mono());
    this.#stream.close();
  }

  reset(): void {
    this.#state = "over";
    this.#forget();
    this.#stream.reset();
  }

  /** A fault of ours ends this connection and no other. */
  #attempt(body: () => void): void {
    try {
      body();
    } catch (fault) {
      this.#house.fault("an enrolment's connection", fault);
      this.reset();
    }
  }

  #tell(input: TlsInput): void {
    const now = this.#house.host.mono();
    for (const output of this.#tls.handle(input, now)) this.#carryOut(output, now);
  }

  #carryOut(output: TlsOutput, now: Mono): void {
    switch (output.kind) {
      case "send":
        return this.#stream.send(output.bytes);
      case "verify-peer":
        return this.#tell(this.#judge(output.chain, now));
      case "established":
        this.#session = output.session;
        this.#http = new HttpServer({}, now);
        this.#limit = this.#end;
        return;
      case "data":
        return this.#ask({ kind: "bytes", bytes: output.bytes }, now);
      case "failed": {
        const { reason } = output.failure;
        this.#house.counters.add(`est-tls ${reason}`);
        this.#house.log.limited(
          "est",
          "info",
          `EST: a handshake with ${this.address} ended (${reason}).`,
        );
        return this.#linger(now);
      }
      case "closed":
        return this.#linger(now);
      case "ticket":
        return;
    }
  }

  #judge(chain: readonly Uint8Array[], now: Mono): TlsInput {
    const { registry, limits } = this.#house;
    const verdict = judgeChain(chain, this.#house.peerRules());
    if (verdict.kind === "rejected") {
      return { kind: "peer-rejected", alert: verdict.alert, reason: verdict.reason };
    }
    const { peer, publicKey } = verdict;
    const isStranger =
      peer.kind === "self-signed" && deviceByKey(registry, peer.peer.spkiHash) === null;
    // Strangers get nothing here: the rest of the handshake would be work for them alone.
    if (isStranger && !limits.begin(LIMITS_NAME, now)) {
      return { kind: "peer-rejected", alert: "access_denied", reason: "too-many-strangers" };
    }
    this.#peer = peer;
    return { kind: "peer-accepted", publicKey };
  }

  #ask(input: HttpInput, now: Mono): void {
    for (const output of this.#http?.handle(input, now) ?? []) this.#answer(output, now);
  }

  #answer(output: HttpOutput, now: Mono): void {
    switch (output.kind) {
      case "send":
        return this.#tell({ kind: "send", bytes: output.bytes });
      case "request":
        if (this.#stream.unsent > MAX_UNREAD_BYTES) return this.reset();
        return this.#ask({ kind: "response", response: this.#respond(output.request) }, now);
      case "refused":
        this.#house.counters.add(`est-http ${output.reason}`);
        return;
      case "close":
        return this.#tell({ kind: "close" });
    }
  }

  #respond(request: HttpRequest): ReturnType<typeof estResponse> {
    const { clock, configuration } = this.#house;
    const linked = answerLink(request, (token) => this.#takeLink(token));
    if (linked !== null) return dated(linked, clock.now());
    const asked = readEstRequest(request);
    if ("response" in asked) return dated(asked.response, clock.now());
    const outcome = this.#desk.answer(
      {
        ...asked,
        asker: this.#peer === null ? { kind: "nobody" } : askerOf(this.#peer),
        bindings: this.#session === null ? [] : bindingsOf(this.#session),
        linking: configuration.est.linking,
      },
      visible(this.address, 64),
    );
    return dated(estResponse(outcome), clock.now());
  }

  #takeLink(token: string): ProfileFile | null {
    const { links, registry } = this.#house;
    const linked = links.take(token);
    const record = linked === null ? undefined : registry.devices.get(linked.device);
    if (linked === null || record === undefined) return null;
    const from = visible(this.address, 64);
    const text = `The link to the profile of ${shown(record)} was opened from ${from}.`;
    this.#house.recorded("authority", [{ device: record.id, text }]);
    return linked.file;
  }

  /** Our half ends; the client has a moment to take what was sent and to end its own. */
  #linger(now: Mono): void {
    if (this.#state !== "open") return;
    this.#state = "lingering";
    this.#forget();
    this.#limit = mono(now + LINGER_MS);
    this.#stream.end();
  }

  #forget(): void {
    this.#session?.forget();
    this.#session = null;
    this.#http = null;
  }
}
