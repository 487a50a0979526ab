/**
 * A device as a server for other devices of its home: DTLS with its own
 * certificate, CoAP inside. A request is answered where all of this holds, and
 * refused otherwise:
 *
 *     chain under the home's root -> not on its list, and the list new enough
 *       -> a right in the asker's certificate for this device, path and method
 *
 * Rights are the asker's, as its home signed them; the groups that they may
 * name are this device's, as its home tells it.
 */
import { peerName, peerOf } from "../base/address.ts";
import type { Mono } from "../base/machine.ts";
import { earliest } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { ownGroups } from "../policy/rights/groups.ts";
import { rightsIn } from "../policy/rights/certified.ts";
import { localPart } from "../policy/rights/local-part.ts";
import { may } from "../policy/rights/may.ts";
import type { Right } from "../policy/rights/rights.ts";
import { Code, codeText } from "../proto/coap/codes.ts";
import type { Method } from "../proto/coap/codes.ts";
import { CoapEndpoint } from "../proto/coap/endpoint.ts";
import type { CoapInput, CoapOutput, ExchangeId } from "../proto/coap/events.ts";
import type { CoapRequest } from "../proto/coap/request.ts";
import { coapResponse } from "../proto/coap/response.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import type { Credential } from "../proto/tls/connection.ts";
import { DtlsServer } from "../proto/tls/datagram/server.ts";
import type { AssociationId, EndpointInput, EndpointOutput } from "../proto/tls/datagram/server.ts";
import { DEFAULT_SUITES_DATAGRAM } from "../proto/tls/suites.ts";
import type { VerifiedPeer } from "../proto/x509/path.ts";
import type { Host, SocketAddress, Timer, UdpSocket } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { memberCredential } from "./credentials.ts";
import { fellowOf, mayServe, ownId, presentTime } from "./fellow.ts";
import type { Listed } from "./fellow.ts";
import type { Resources, Serve } from "./resources.ts";
import { credentialOf } from "./state.ts";
import type { MemberKey, StateFile } from "./state.ts";

/** Where devices serve each other: CoAPs (RFC 7252 §12.7). */
export const DEVICE_PORT = 5684;

/** A device is small: so many others at once, and so many of them still in their handshake. */
export const MAX_ASSOCIATIONS = 32;
export const MAX_HANDSHAKES = 8;
/** An association that says nothing for so long is closed. */
export const IDLE_MS: number = 5 * 60_000;
/** Of one device: its oldest gives way, so that no device keeps the others out. */
export const MAX_PER_DEVICE = 4;
/** Requests that are being answered at once, whoever asks: each may be a program. */
export const MAX_RUNNING = 4;
/** Of one device. */
export const MAX_RUNNING_PER_DEVICE = 2;

/** What others asked, for whoever watches the device. */
export interface Asked {
  readonly kind: "asked";
  readonly device: string;
  readonly method: Method;
  /** Safe to show; null for options that name no resource. */
  readonly path: string | null;
  /** As standards write it, such as `2.05` or `4.03`. */
  readonly answer: string;
}

export interface ServerOptions {
  readonly file: StateFile;
  readonly listed: Listed;
  readonly resources: Resources;
  readonly listen: readonly SocketAddress[];
  readonly tell: (asked: Asked) => void;
}

interface Member {
  readonly peer: VerifiedPeer;
  readonly rights: readonly Right[];
  readonly coap: CoapEndpoint;
}

export class DeviceServer {
  readonly #host: Host;
  readonly #options: ServerOptions;
  #dtls: DtlsServer | null = null;
  /** Whom this home knew the device by when the server began. */
  #id: string | null = null;
  #sockets: UdpSocket[] = [];
  readonly #shown = new Map<AssociationId, VerifiedPeer>();
  readonly #members = new Map<AssociationId, Member>();
  /** How many requests of which device are being answered. */
  readonly #running = new Map<string, number>();
  #timer: Timer | null = null;

  constructor(host: Host, options: ServerOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Follows what the device is by now: it serves while it has a certificate that lets it, always with the newest. */
  refresh(): void {
    const key = this.#key;
    if (key === null) return this.stop();
    const id = ownId(key.owner);
    // Under another name it is in another home, or there anew: who knew the last one begins again.
    if (this.#dtls === null || this.#id !== id) {
      this.stop();
      this.#id = id;
      this.#start();
    } else if (this.#sockets.length === 0) this.#open();
  }

  stop(): void {
    for (const association of this.#members.keys()) this.#takes({ kind: "close", association });
    this.#timer?.cancel();
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
    this.#dtls = null;
    this.#id = null;
    this.#shown.clear();
    this.#members.clear();
  }

  /** Where it listens. */
  get addresses(): readonly SocketAddress[] {
    return this.#sockets.map(({ local }) => local);
  }

  /** Associations, and requests that are being answered; for tests of the bounds. */
  get holdings(): { readonly associations: number; readonly running: number } {
    return { associations: this.#dtls?.associations ?? 0, running: this.#runningNow };
  }

  /** As it is now: certificate, groups and time change while the server stands. Null where it may not serve. */
  get #key(): MemberKey | null {
    const key = credentialOf(this.#options.file.state);
    return key !== null && mayServe(key.owner) ? key : null;
  }

  #start(): void {
    const { crypto, random } = this.#host;
    let shown = this.#key;
    const credential = (): Credential => {
      // One that has just gone leaves the handshakes under way with the last one.
      shown = this.#key ?? shown;
      return memberCredential(crypto, shown!.scalar, shown!.owner);
    };
    this.#dtls = new DtlsServer({
      tls: {
        crypto,
        random,
        // Read at each handshake: the certificate is renewed while the server stands.
        get certificates() {
          return credential().certificates;
        },
        get key() {
          return credential().key;
        },
        clientCertificate: "required",
        authorities: [],
        groups: ["X25519", "P-256"],
        suites: DEFAULT_SUITES_DATAGRAM,
      },
      mtu: null,
      idleMs: IDLE_MS,
      maxAssociations: MAX_ASSOCIATIONS,
      maxHandshakes: MAX_HANDSHAKES,
    });
    this.#open();
  }

  /** What cannot be opened is tried again at the next {@link refresh}. */
  #open(): void {
    for (const bind of this.#options.listen) {
      try {
        const via = this.#sockets.length;
        const receive = (bytes: Uint8Array, peer: SocketAddress): void => {
          const from = peerName(via, peer);
          this.#run(() => this.#takes({ kind: "datagram", from, bytes }));
        };
        this.#sockets.push(this.#host.udp(bind, receive));
      } catch (failure) {
        if (!(failure instanceof HostFailure)) throw failure;
        const where = `${bind.address} port ${bind.port}`;
        this.#host.log("warning", `Other devices cannot reach ${where} (${failure.errno}).`);
      }
    }
  }

  #takes(input: EndpointInput): void {
    for (const output of this.#dtls?.handle(input, this.#host.mono()) ?? []) this.#carryOut(output);
  }

  #carryOut(output: EndpointOutput): void {
    switch (output.kind) {
      case "datagram":
        return this.#send(output.to, output.bytes);
      case "verify-peer":
        return this.#judge(output.association, output.chain);
      case "established":
        return this.#establish(output.association);
      case "data":
        return this.#coapTakes(output.association, { kind: "datagram", bytes: output.bytes });
      case "failed":
      case "closed":
      case "dropped":
        this.#shown.delete(output.association);
        this.#members.delete(output.association);
        return;
      case "moved":
      case "ticket":
        return;
    }
  }

  #send(name: string, bytes: Uint8Array): void {
    const { via, to } = peerOf(name);
    this.#sockets[via]?.send(bytes, to);
  }

  #judge(association: AssociationId, chain: readonly Uint8Array[]): void {
    const key = this.#key;
    if (key === null) return this.#takes({ kind: "close", association });
    const { owner } = key;
    const now = presentTime(this.#host, owner);
    const peer = fellowOf(this.#host.crypto, chain, owner, "clientAuth", now);
    // Who may not even read is not let in: it is on the list, or the list is of no use.
    if (peer === null || !this.#options.listed.serves(peer.serial, "GET", now)) {
      const alert = peer === null ? "unknown_ca" : "certificate_revoked";
      const reason = "no device of this home";
      return this.#takes({ kind: "peer-rejected", association, alert, reason });
    }
    this.#shown.set(association, peer);
    this.#takes({ kind: "peer-accepted", association, publicKey: peer.publicKey });
  }

  #establish(association: AssociationId): void {
    const peer = this.#shown.get(association);
    this.#shown.delete(association);
    if (peer === undefined) return this.#takes({ kind: "close", association });
    const { random } = this.#host;
    const rights = rightsIn(peer.leaf);
    const others = [...this.#members].filter(
      ([, member]) => member.peer.deviceId === peer.deviceId,
    );
    const [oldest] = others;
    if (oldest !== undefined && others.length >= MAX_PER_DEVICE) {
      this.#members.delete(oldest[0]);
      this.#takes({ kind: "close", association: oldest[0] });
    }
    this.#members.set(association, { peer, rights, coap: new CoapEndpoint({ random }) });
  }

  #coapTakes(association: AssociationId, input: CoapInput): void {
    const member = this.#members.get(association);
    if (member === undefined) return;
    for (const output of member.coap.handle(input, this.#host.mono())) {
      this.#carryOutCoap(association, member, output);
    }
  }

  #carryOutCoap(association: AssociationId, member: Member, output: CoapOutput): void {
    switch (output.kind) {
      case "send":
        return this.#takes({ kind: "send", association, bytes: output.bytes });
      case "request":
        return this.#answer(association, member, output.exchange, output.request);
      // It asks nothing, and what it serves is not observed.
      case "response":
      case "notification":
      case "failed":
      case "observation-ended":
      case "discarded":
        return;
    }
  }

  #answer(
    association: AssociationId,
    member: Member,
    exchange: ExchangeId,
    request: CoapRequest,
  ): void {
    const respond = (response: CoapResponse): void => {
      this.#options.tell(askedOf(member, request, response));
      this.#coapTakes(association, { kind: "respond", exchange, response });
    };
    const serve = this.#serveFor(member, request);
    if (typeof serve === "number") return respond(coapResponse(serve));
    const device = member.peer.deviceId!;
    const own = this.#running.get(device) ?? 0;
    if (this.#runningNow >= MAX_RUNNING || own >= MAX_RUNNING_PER_DEVICE) {
      return respond(coapResponse(Code.SERVICE_UNAVAILABLE, { maxAge: 1 }));
    }
    this.#running.set(device, own + 1);
    const { method, payload: body, contentFormat } = request;
    const served = { method, device, body, contentFormat };
    const done = (response: CoapResponse): void => {
      const left = this.#running.get(device)! - 1;
      if (left === 0) this.#running.delete(device);
      else this.#running.set(device, left);
      this.#run(() => respond(response));
    };
    Promise.resolve()
      .then(() => serve(served))
      .then(done, () => done(coapResponse(Code.INTERNAL_SERVER_ERROR)));
  }

  get #runningNow(): number {
    return [...this.#running.values()].reduce((sum, one) => sum + one, 0);
  }

  /** Who answers this request; a code where nobody does. What there is here is told to those alone who may ask it. */
  #serveFor({ peer, rights }: Member, request: CoapRequest): Serve | number {
    const key = this.#key;
    if (key === null) return Code.FORBIDDEN;
    const { owner } = key;
    const { method } = request;
    const now = presentTime(this.#host, owner);
    const hasEnded = now !== "unknown" && now > peer.leaf.notAfter;
    if (hasEnded || !this.#options.listed.serves(peer.serial, method, now)) return Code.FORBIDDEN;
    const id = ownId(owner);
    const path = localPart(request.path, request.query);
    if (id === null || path === null) return Code.FORBIDDEN;
    if (!may(rights, ownGroups(id, owner.groups), id, { path, method })) return Code.FORBIDDEN;
    const resource = this.#options.resources.get(path);
    if (resource === undefined) return Code.NOT_FOUND;
    return resource[method] ?? Code.METHOD_NOT_ALLOWED;
  }

  /** Whatever happened, the timer follows. */
  #run(step: () => void): void {
    step();
    this.#plan();
  }

  #plan(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const at = this.#wakeAt;
    if (at === null) return;
    this.#timer = this.#host.setTimer(at, () => this.#run(() => this.#timeout()));
  }

  get #wakeAt(): Mono | null {
    const members = [...this.#members.values()].map(({ coap }) => coap.wakeAt);
    return earliest([this.#dtls?.wakeAt ?? null, ...members]);
  }

  #timeout(): void {
    this.#takes({ kind: "timeout" });
    for (const [association, { coap }] of this.#members) {
      const { wakeAt } = coap;
      if (wakeAt !== null && wakeAt <= this.#host.mono()) {
        this.#coapTakes(association, { kind: "timeout" });
      }
    }
  }
}

function askedOf({ peer }: Member, request: CoapRequest, { code }: CoapResponse): Asked {
  const path = localPart(request.path, request.query);
  return {
    kind: "asked",
    device: peer.deviceId!,
    method: request.method,
    path: path === null ? null : visible(path),
    answer: codeText(code),
  };
}
