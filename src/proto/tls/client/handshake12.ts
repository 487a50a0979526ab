/**
 * The client's side of the TLS 1.2 handshake: one state per message waited for,
 * one function per state, each returning the next (RFC 5246 §7.3). The
 * ServerHello has been read, and TLS 1.2 settled, by `handshake.ts`. In
 * brackets what the server may leave out.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                              <--------           ServerHello
 *      AwaitCertificate                            Certificate         (none with a pre-shared key)
 *      AwaitServerKeyExchange                      [CertificateStatus]
 *                                                  ServerKeyExchange
 *      AwaitServerHelloDone                        [CertificateRequest]
 *                              <--------           ServerHelloDone
 *      AwaitPeerVerification (our caller's)
 *      [Certificate]
 *      ClientKeyExchange
 *      [CertificateVerify]
 *      (ChangeCipherSpec)
 *      Finished                -------->
 *      AwaitNewSessionTicket                       [NewSessionTicket]
 *      AwaitChangeCipherSpec                       (ChangeCipherSpec)
 *      AwaitFinished           <--------           Finished
 *      Established             <------->           Application data
 *
 * With a session that is resumed (RFC 5077 §3.4):
 *
 *      ClientHello             -------->
 *                              <--------           ServerHello
 *      AwaitNewSessionTicket                       [NewSessionTicket]
 *      AwaitChangeCipherSpec                       (ChangeCipherSpec)
 *      AwaitFinished           <--------           Finished
 *      (ChangeCipherSpec)
 *      Finished                -------->
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import type { PeerCredential, ResumableSession } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { KeySchedule, randomsOf } from "../key-schedule.ts";
import { encodeFinished, parseCertificate, parseFinished, parseRawPublicKey } from "../messages.ts";
import { wipe } from "../record.ts";
import type { DirectionKeys } from "../record.ts";
import type { ServerHello } from "../server-hello.ts";
import {
  parseCertificateRequest12,
  parseCertificateStatus,
  parseEmpty,
  parseNewSessionTicket12,
  parsePskKeyExchange,
  parseServerKeyExchange,
} from "../server-messages12.ts";
import type { NewSessionTicket12 } from "../server-messages12.ts";
import { Session } from "../session.ts";
import { Transcript } from "../transcript.ts";
import { ClientCertificateType, HandshakeType } from "../wire.ts";
import { hearConnectionId } from "../datagram/connection-id.ts";
import { readChoice } from "./choice12.ts";
import { onPeerAccepted, PROTECTED_EPOCH, sendFlight } from "./flight12.ts";
import type { Agreed, AwaitPeerVerification, Exchange, Keyed, Request } from "./flight12.ts";
import type { Connection, Greeting } from "./greeting.ts";
import { proofFor } from "./proof.ts";

interface AwaitCertificate {
  readonly kind: "AwaitCertificate";
  readonly agreed: Agreed;
}
interface AwaitServerKeyExchange {
  readonly kind: "AwaitServerKeyExchange";
  readonly agreed: Agreed;
  /** Null with a pre-shared key. */
  readonly shown: PeerCredential | null;
}
interface AwaitServerHelloDone {
  readonly kind: "AwaitServerHelloDone";
  readonly agreed: Agreed;
  readonly exchange: Exchange;
  /** What the server wants a certificate for; null as long as it wants none. */
  readonly request: Request | null;
}
interface AwaitNewSessionTicket {
  readonly kind: "AwaitNewSessionTicket";
  readonly agreed: Agreed;
  readonly keyed: Keyed;
}
interface AwaitChangeCipherSpec {
  readonly kind: "AwaitChangeCipherSpec";
  readonly agreed: Agreed;
  readonly keyed: Keyed;
  readonly ticket: NewSessionTicket12 | null;
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed;
  readonly keyed: Keyed;
  readonly ticket: NewSessionTicket12 | null;
  /** What we write with once the server's Finished held; null where we write with it already. */
  readonly writing: DirectionKeys | null;
}
interface Established {
  readonly kind: "Established";
}

type State =
  | AwaitCertificate
  | AwaitServerKeyExchange
  | AwaitServerHelloDone
  | AwaitPeerVerification
  | AwaitNewSessionTicket
  | AwaitChangeCipherSpec
  | AwaitFinished
  | Established;

/** Renegotiations that are refused with a warning, or passed over while one is going on; the next one ends the connection. */
export const MAX_HELLO_REQUESTS = 4;

export class ClientHandshake12 implements Handshake {
  readonly #connection: Connection;
  #state: State;
  #helloRequests = 0;

  /** Reads on from the ServerHello; the channel's version is settled. @throws {@link TlsFailure} */
  constructor(
    connection: Connection,
    greeting: Greeting,
    hello: ServerHello,
    message: HandshakeMessage,
  ) {
    this.#connection = connection;
    this.#state = onServerHello(greeting, hello, message, connection);
  }

  get phase(): Phase {
    return phaseOf(this.#state.kind);
  }

  get waitingFor(): string {
    return this.#state.kind;
  }

  get endsFlight(): boolean {
    return this.#state.kind === "AwaitFinished";
  }

  start(): never {
    throw new Error("a handshake starts once");
  }

  onMessage(message: HandshakeMessage): void {
    if (message.type === HandshakeType.helloRequest) return this.#onHelloRequest(message);
    this.#state = onMessage(this.#state, message, this.#connection);
  }

  onChangeCipherSpec(): void {
    this.#state = onChangeCipherSpec(this.#state, this.#connection);
  }

  onPeerAccepted(publicKey: PublicKey): void {
    if (this.#state.kind !== "AwaitPeerVerification") throw new Error("no chain was asked about");
    const keyed = onPeerAccepted(this.#state, publicKey, this.#connection);
    this.#state = awaitTheirFinished(this.#state.agreed, keyed);
  }

  updateKeys(): never {
    throw new Error("TLS 1.2 has no KeyUpdate");
  }

  forget(): void {
    const state = this.#state;
    if ("keyed" in state) {
      state.keyed.keys.forget();
      state.keyed.master.fill(0);
    }
    if ("writing" in state && state.writing !== null) wipe(state.writing);
  }

  /** It is in no transcript, and while a handshake goes on it says nothing new. @see RFC 5246 §7.4.1.1, RFC 5746 §4.2 */
  #onHelloRequest({ body }: HandshakeMessage): void {
    parseEmpty("HelloRequest", body);
    if (this.#state.kind === "AwaitFinished") {
      throw TlsFailure.because("unexpected-message", "HelloRequest in front of Finished");
    }
    if (++this.#helloRequests > MAX_HELLO_REQUESTS) {
      throw TlsFailure.because("too-many-renegotiations");
    }
    if (this.#state.kind === "Established") this.#connection.channel.warn("no_renegotiation");
  }
}

function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitCertificate":
      return onCertificate(state, only(HandshakeType.certificate, message));
    case "AwaitServerKeyExchange":
      if (message.type === HandshakeType.certificateStatus) {
        return onCertificateStatus(state, message);
      }
      return onServerKeyExchange(state, only(HandshakeType.serverKeyExchange, message));
    case "AwaitServerHelloDone":
      if (message.type === HandshakeType.certificateRequest) {
        return onCertificateRequest(state, message, connection);
      }
      return onServerHelloDone(state, only(HandshakeType.serverHelloDone, message), connection);
    case "AwaitNewSessionTicket":
      return onNewSessionTicket(state, only(HandshakeType.newSessionTicket, message));
    case "AwaitFinished":
      return onFinished(state, only(HandshakeType.finished, message), connection);
    case "AwaitPeerVerification":
    case "AwaitChangeCipherSpec":
    case "Established":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

function onServerHello(
  greeting: Greeting,
  hello: ServerHello,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { offer } = greeting;
  const choice = readChoice(hello, greeting, config);
  hearConnectionId(hello.extensions, channel);
  if (choice.recordSizeLimit !== null) {
    channel.limitRecords({ writingProtected: choice.recordSizeLimit });
  }
  const form = channel.transport === "stream" ? "tls" : "dtls12";
  const transcript = new Transcript(config.crypto, choice.suite.hash, form);
  transcript.add(greeting.message);
  transcript.add(message);
  const randoms = randomsOf(offer.random, hello.random);
  const agreed: Agreed = { greeting, choice, randoms, transcript };
  if (choice.resumed === null) {
    if (choice.suite.keyExchange !== "ecdhe-psk") return { kind: "AwaitCertificate", agreed };
    return { kind: "AwaitServerKeyExchange", agreed, shown: null };
  }
  transcript.dropMessages();
  const { secret } = choice.resumed;
  const keys = new KeySchedule(config.crypto, choice.suite.hash, randoms, secret.slice());
  config.keyLog?.(keys.keyLogLine());
  const keyed: Keyed = {
    ...{ keys, master: secret.slice(), group: null, peer: choice.resumed },
    ...{ ownFinished: null, pskIdentity: null },
  };
  return awaitTheirFinished(agreed, keyed);
}

function awaitTheirFinished(agreed: Agreed, keyed: Keyed): State {
  if (agreed.choice.givesTicket) return { kind: "AwaitNewSessionTicket", agreed, keyed };
  return { kind: "AwaitChangeCipherSpec", agreed, keyed, ticket: null };
}

function onCertificate({ agreed }: AwaitCertificate, message: HandshakeMessage): State {
  const { serverCertificateType: certificateType } = agreed.choice;
  if (certificateType === null) throw TlsFailure.because("certificate-type-not-offered");
  const bare = certificateType === "raw-public-key";
  const chain = bare ? parseRawPublicKey(message.body) : parseCertificate(message.body);
  if (chain.length === 0) throw TlsFailure.because("server-certificate-missing");
  agreed.transcript.add(message);
  const shown = { chain, certificateType, ocspResponse: null };
  return { kind: "AwaitServerKeyExchange", agreed, shown };
}

/** A server that announced one may leave it out all the same (RFC 6066 §8). */
function onCertificateStatus(
  { agreed, shown }: AwaitServerKeyExchange,
  message: HandshakeMessage,
): State {
  if (!agreed.choice.givesOcsp || shown === null || shown.ocspResponse !== null) {
    throw TlsFailure.because("unexpected-message", "CertificateStatus");
  }
  const ocspResponse = parseCertificateStatus(message.body);
  agreed.transcript.add(message);
  return { kind: "AwaitServerKeyExchange", agreed, shown: { ...shown, ocspResponse } };
}

function onServerKeyExchange(
  { agreed, shown }: AwaitServerKeyExchange,
  message: HandshakeMessage,
): State {
  const exchange: Exchange =
    shown === null
      ? { kind: "pre-shared", params: parsePskKeyExchange(message.body) }
      : { kind: "signed", shown, signed: parseServerKeyExchange(message.body) };
  agreed.transcript.add(message);
  return { kind: "AwaitServerHelloDone", agreed, exchange, request: null };
}

function onCertificateRequest(
  state: AwaitServerHelloDone,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { agreed, exchange, request } = state;
  // A server that shows no certificate may ask for none (RFC 4279 §2).
  if (request !== null || exchange.kind === "pre-shared") {
    throw TlsFailure.because("unexpected-message", "CertificateRequest");
  }
  const { types, schemes } = parseCertificateRequest12(message.body);
  agreed.transcript.add(message);
  const takesEcdsa = types.includes(ClientCertificateType.ecdsaSign);
  const { clientCertificateType } = agreed.choice;
  const proof = takesEcdsa ? proofFor(config.credential, clientCertificateType, schemes) : null;
  return { ...state, request: { proof } };
}

function onServerHelloDone(
  { agreed, exchange, request }: AwaitServerHelloDone,
  message: HandshakeMessage,
  connection: Connection,
): State {
  parseEmpty("ServerHelloDone", message.body);
  agreed.transcript.add(message);
  if (exchange.kind === "pre-shared") {
    const keyed = sendFlight(agreed, exchange.params, null, NOBODY, connection);
    return awaitTheirFinished(agreed, keyed);
  }
  connection.channel.emit({ kind: "verify-peer", ...exchange.shown });
  return { kind: "AwaitPeerVerification", agreed, exchange, request };
}

/** Whom a pre-shared key stands for: both sides know, and no certificate says it. */
const NOBODY = { peerChain: [], peerCertificateType: "x509" } as const;

function onNewSessionTicket(
  { agreed, keyed }: AwaitNewSessionTicket,
  message: HandshakeMessage,
): State {
  const ticket = parseNewSessionTicket12(message.body);
  agreed.transcript.add(message);
  return { kind: "AwaitChangeCipherSpec", agreed, keyed, ticket };
}

/** From here on the server's records are protected. */
function onChangeCipherSpec(state: State, { channel }: Connection): State {
  if (state.kind !== "AwaitChangeCipherSpec") {
    throw TlsFailure.because("unexpected-change-cipher-spec", `in ${state.kind}`);
  }
  const { agreed, keyed, ticket } = state;
  const { suite } = agreed.choice;
  const { client, server } = keyed.keys.recordKeys(suite);
  channel.readUnder({ version: "TLS 1.2", suite, keys: server, epoch: PROTECTED_EPOCH });
  if (keyed.ownFinished === null) {
    return { kind: "AwaitFinished", agreed, keyed, ticket, writing: client };
  }
  wipe(client);
  return { kind: "AwaitFinished", agreed, keyed, ticket, writing: null };
}

function onFinished(
  { agreed, keyed, ticket, writing }: AwaitFinished,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { choice, randoms, transcript } = agreed;
  const { keys, master, group, peer, ownFinished, pskIdentity } = keyed;
  const { suite, alpn } = choice;
  const verifyData = parseFinished(message.body);
  if (!sameBytes(verifyData, keys.verifyData("server", transcript.hash()))) {
    throw TlsFailure.because("bad-finished");
  }
  transcript.add(message);
  if (writing !== null) {
    channel.changeCipherSpec();
    channel.writeUnder({ version: "TLS 1.2", suite, keys: writing, epoch: PROTECTED_EPOCH });
    channel.send(encodeFinished(keys.verifyData("client", transcript.hash())));
  }
  const { serverName } = config;
  keys.settle();
  const session = new Session({
    ...{ version: "TLS 1.2", suite, group, randoms, serverName, alpn, keys, pskIdentity },
    peerChain: peer.peerChain,
    resumed: choice.resumed !== null,
    issuedTicket: null,
    // The first Finished of the two (RFC 5929 §3.1).
    firstFinished: ownFinished ?? verifyData.slice(),
  });
  channel.emit({ kind: "established", session });
  if (ticket !== null && ticket.ticket.length > 0 && pskIdentity === null) {
    const { peerChain, peerCertificateType } = peer;
    const kept: ResumableSession = {
      ...{ version: "TLS 1.2", suite, secret: master, serverName, alpn },
      ...{ peerChain, peerCertificateType, until: null },
    };
    const lifetimeSeconds = ticket.lifetimeSeconds || DEFAULT_LIFETIME_SECONDS;
    const { ticket: name } = ticket;
    channel.emit({
      kind: "ticket",
      ticket: { ticket: name, session: kept, lifetimeSeconds, ageAdd: 0 },
    });
  } else master.fill(0);
  return { kind: "Established" };
}

/** How long a ticket is kept whose server gave no hint: a day (RFC 5246 §F.1.4). */
const DEFAULT_LIFETIME_SECONDS = 86_400;
