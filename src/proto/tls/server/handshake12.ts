/**
 * The server's side of the TLS 1.2 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 5246 §7.3). In
 * brackets what depends on the configuration. The ClientHello has been read, and
 * TLS 1.2 chosen, by `handshake.ts`. With a pre-shared key both sides send no
 * certificate and sign nothing; a session that is resumed takes the shorter way
 * of `resume12.ts`.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                                                  ServerHello
 *                                                  Certificate
 *                                                  [CertificateStatus]
 *                                                  ServerKeyExchange
 *                                                  [CertificateRequest]
 *                              <--------           ServerHelloDone
 *      [Certificate]           -------->           AwaitClientCertificate
 *                                                  AwaitPeerVerification (our caller's)
 *      ClientKeyExchange       -------->           AwaitClientKeyExchange
 *      [CertificateVerify]     -------->           AwaitCertificateVerify
 *      (ChangeCipherSpec)      -------->           AwaitChangeCipherSpec
 *      Finished                -------->           AwaitFinished
 *                                                  [NewSessionTicket]
 *                                                  (ChangeCipherSpec)
 *                              <--------           Finished
 *      Application data        <------->           Established
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { EcdhKey, PublicKey } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { CertificateType, TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { extendedMasterSecret, KeySchedule, pskPremaster, randomsOf } from "../key-schedule.ts";
import {
  encodeFinished,
  encodeNewSessionTicket,
  parseCertificate,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
  parsePskClientKeyExchange,
  parseRawPublicKey,
} from "../messages.ts";
import { wipe } from "../record.ts";
import type { DirectionKeys } from "../record.ts";
import { Session } from "../session.ts";
import { CLIENT_SCHEMES, fits } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { HandshakeType, MAX_SESSION_ID_LENGTH } from "../wire.ts";
import { limitRecords, sendServerFlight, serverRandom } from "./flight12.ts";
import type { Agreed } from "./flight12.ts";
import type { Connection } from "./connection.ts";
import { checkHello12, negotiate } from "./negotiate12.ts";
import { preSharedKeyOf } from "./psk.ts";
import {
  chooseResumption,
  forgetResumed,
  onResumedChangeCipherSpec,
  onResumedFinished,
  PROTECTED_EPOCH,
  sendAbbreviatedFlight,
} from "./resume12.ts";
import type { AwaitResumedChangeCipherSpec, AwaitResumedFinished } from "./resume12.ts";
import { keepSession, NOBODY } from "./tickets.ts";
import type { Proven } from "./tickets.ts";

/** A client whose chain was accepted, and which has yet to prove that the key is its own. */
interface Peer {
  readonly chain: readonly Uint8Array[];
  readonly publicKey: PublicKey;
}

interface AwaitClientCertificate {
  readonly kind: "AwaitClientCertificate";
  readonly agreed: Agreed;
  readonly ephemeral: EcdhKey;
}
interface AwaitPeerVerification {
  readonly kind: "AwaitPeerVerification";
  readonly agreed: Agreed;
  readonly ephemeral: EcdhKey;
  readonly chain: readonly Uint8Array[];
}
interface AwaitClientKeyExchange {
  readonly kind: "AwaitClientKeyExchange";
  readonly agreed: Agreed;
  readonly ephemeral: EcdhKey;
  readonly peer: Peer | null;
}
interface AwaitCertificateVerify {
  readonly kind: "AwaitCertificateVerify";
  readonly agreed: Agreed;
  readonly keys: KeySchedule;
  readonly peer: Peer;
}
interface AwaitChangeCipherSpec {
  readonly kind: "AwaitChangeCipherSpec";
  readonly agreed: Agreed;
  readonly keys: KeySchedule;
  readonly client: Proven;
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed;
  readonly keys: KeySchedule;
  readonly client: Proven;
  /** What we write with once the client's Finished held. */
  readonly writing: DirectionKeys;
}
interface Established {
  readonly kind: "Established";
  /** Renegotiations the client asked for and did not get. */
  readonly refusals: number;
}

type State =
  | AwaitClientCertificate
  | AwaitPeerVerification
  | AwaitClientKeyExchange
  | AwaitCertificateVerify
  | AwaitChangeCipherSpec
  | AwaitFinished
  | AwaitResumedChangeCipherSpec
  | AwaitResumedFinished
  | Established;

/** Renegotiations that are refused with a warning; the next one ends the connection. */
export const MAX_REFUSED_RENEGOTIATIONS = 4;

export class ServerHandshake12 implements Handshake {
  readonly #connection: Connection;
  #state: State;

  /** Answers the ClientHello; the channel's version is settled. @throws {@link TlsFailure} */
  constructor(
    config: TlsServerConfig,
    channel: Channel,
    hello: ClientHello,
    message: HandshakeMessage,
  ) {
    this.#connection = { config, channel };
    this.#state = onClientHello(hello, message, this.#connection);
  }

  get phase(): Phase {
    return phaseOf(this.#state.kind);
  }

  get waitingFor(): string {
    return this.#state.kind;
  }

  get endsFlight(): boolean {
    const { kind } = this.#state;
    return kind === "AwaitFinished" || kind === "AwaitResumedFinished";
  }

  start(): never {
    throw new Error("a server waits for its client");
  }

  onMessage(message: HandshakeMessage): void {
    this.#state = onMessage(this.#state, message, this.#connection);
  }

  onChangeCipherSpec(): void {
    this.#state = onChangeCipherSpec(this.#state, this.#connection);
  }

  onPeerAccepted(publicKey: PublicKey): void {
    if (this.#state.kind !== "AwaitPeerVerification") throw new Error("no chain was asked about");
    const { agreed, ephemeral, chain } = this.#state;
    const peer = { chain, publicKey };
    this.#state = { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer };
  }

  updateKeys(): never {
    throw new Error("TLS 1.2 has no KeyUpdate");
  }

  forget(): void {
    const state = this.#state;
    if ("resumed" in state) forgetResumed(state, this.#connection);
    if ("keys" in state) state.keys.forget();
    if ("writing" in state) wipe(state.writing);
  }
}

function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitClientCertificate":
      return onCertificate(state, only(HandshakeType.certificate, message), connection);
    case "AwaitClientKeyExchange":
      return onClientKeyExchange(state, only(HandshakeType.clientKeyExchange, message), connection);
    case "AwaitCertificateVerify":
      return onCertificateVerify(state, only(HandshakeType.certificateVerify, message), connection);
    case "AwaitFinished":
      return onFinished(state, only(HandshakeType.finished, message), connection);
    case "AwaitResumedFinished":
      onResumedFinished(state, only(HandshakeType.finished, message), connection);
      return { kind: "Established", refusals: 0 };
    case "Established":
      only(HandshakeType.clientHello, message);
      return refuseRenegotiation(state, connection);
    case "AwaitPeerVerification":
    case "AwaitChangeCipherSpec":
    case "AwaitResumedChangeCipherSpec":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

function onClientHello(
  hello: ClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { config, channel } = connection;
  checkHello12(hello, channel.transport);
  const resumption = chooseResumption(hello, connection);
  if (resumption !== null) return sendAbbreviatedFlight(resumption, hello, message, connection);

  const choice = negotiate(hello, config, channel.transport);
  limitRecords(choice.recordSize, channel);
  const { crypto, random } = config;
  const form = channel.transport === "stream" ? "tls" : "dtls12";
  const transcript = new Transcript(crypto, choice.suite.hash, form);
  transcript.add(message);
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = randomsOf(hello.random, serverRandom(config));
  const ephemeral = crypto.ecdhKey(choice.group, random);
  const keeps = config.sessions !== undefined && choice.proof !== null;
  const givesTicket = keeps && hello.sessionTicket !== null;
  const sessionId = keeps && !givesTicket ? random(MAX_SESSION_ID_LENGTH) : new Uint8Array();
  const { serverName } = hello;
  const agreed = { choice, randoms, serverName, transcript, givesTicket, sessionId };
  if (sendServerFlight(agreed, ephemeral, connection)) {
    return { kind: "AwaitClientCertificate", agreed, ephemeral };
  }
  transcript.dropMessages();
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer: null };
}

function onCertificate(
  state: AwaitClientCertificate,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { agreed, ephemeral } = state;
  const certificateType = clientTypeOf(agreed);
  const parse = certificateType === "x509" ? parseCertificate : parseRawPublicKey;
  const chain = parse(message.body);
  agreed.transcript.add(message);
  if (chain.length > 0) {
    channel.emit({ kind: "verify-peer", chain, certificateType, ocspResponse: null });
    return { kind: "AwaitPeerVerification", agreed, ephemeral, chain };
  }
  // TLS 1.2 has no alert of its own for this (RFC 5246 §7.4.6).
  if (config.clientCertificate === "required") {
    throw TlsFailure.because("client-certificate-missing");
  }
  agreed.transcript.dropMessages();
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer: null };
}

function clientTypeOf({ choice }: Agreed): CertificateType {
  return choice.proof?.clientType.type ?? "x509";
}

function onClientKeyExchange(
  state: AwaitClientKeyExchange,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { agreed, ephemeral, peer } = state;
  const { premaster, pskIdentity } = premasterOf(agreed, ephemeral, message, config);
  agreed.transcript.add(message);

  const { crypto } = config;
  const { hash } = agreed.choice.suite;
  const master = extendedMasterSecret(crypto, hash, premaster, agreed.transcript.hash());
  const keys = new KeySchedule(crypto, hash, agreed.randoms, master);
  config.keyLog?.(keys.keyLogLine());
  if (peer !== null) return { kind: "AwaitCertificateVerify", agreed, keys, peer };
  return { kind: "AwaitChangeCipherSpec", agreed, keys, client: { ...NOBODY, pskIdentity } };
}

interface Premaster {
  readonly premaster: Uint8Array;
  readonly pskIdentity: Uint8Array | null;
}

function premasterOf(
  { choice }: Agreed,
  ephemeral: EcdhKey,
  { body }: HandshakeMessage,
  config: TlsServerConfig,
): Premaster {
  const agree = (share: Uint8Array): Uint8Array => {
    const shared = ephemeral.agree(share);
    if (shared === null) throw TlsFailure.because("bad-key-share");
    return shared;
  };
  if (choice.suite.keyExchange === "ecdhe-ecdsa") {
    return { premaster: agree(parseClientKeyExchange(body)), pskIdentity: null };
  }
  const { identity, publicKey } = parsePskClientKeyExchange(body);
  const premaster = pskPremaster(agree(publicKey), preSharedKeyOf(identity, config));
  return { premaster, pskIdentity: identity.slice() };
}

function onCertificateVerify(
  state: AwaitCertificateVerify,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { agreed, keys, peer } = state;
  const { schemeCode, signature } = parseCertificateVerify(message.body);
  const offered = CLIENT_SCHEMES.find(({ code }) => code === schemeCode);
  if (offered === undefined) throw TlsFailure.because("signature-scheme-not-offered");
  if (!fits(offered.scheme, peer.publicKey)) throw TlsFailure.because("signature-scheme-unfit");

  const signed = agreed.transcript.signed();
  if (!config.crypto.verify(offered.scheme, peer.publicKey, signed, signature)) {
    throw TlsFailure.because("bad-signature");
  }
  agreed.transcript.add(message);
  agreed.transcript.dropMessages();
  const client = { ...NOBODY, chain: peer.chain, certificateType: clientTypeOf(agreed) };
  return { kind: "AwaitChangeCipherSpec", agreed, keys, client };
}

/** From here on the client's records are protected. */
function onChangeCipherSpec(state: State, connection: Connection): State {
  if (state.kind === "AwaitResumedChangeCipherSpec") {
    return onResumedChangeCipherSpec(state, connection);
  }
  if (state.kind !== "AwaitChangeCipherSpec") {
    throw TlsFailure.because("unexpected-change-cipher-spec", `in ${state.kind}`);
  }
  const { agreed, keys, client } = state;
  const { suite } = agreed.choice;
  const { client: reading, server: writing } = keys.recordKeys(suite);
  const { channel } = connection;
  channel.readUnder({ version: "TLS 1.2", suite, keys: reading, epoch: PROTECTED_EPOCH });
  return { kind: "AwaitFinished", agreed, keys, client, writing };
}

function onFinished(
  state: AwaitFinished,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { agreed, keys, client, writing } = state;
  const { transcript } = agreed;
  const { channel } = connection;
  const verifyData = parseFinished(message.body);
  if (!sameBytes(verifyData, keys.verifyData("client", transcript.hash()))) {
    throw TlsFailure.because("bad-finished");
  }
  transcript.add(message);
  const issuedTicket = issueTicket(state, connection);
  const { choice, randoms, serverName } = agreed;
  const { suite, group, alpn } = choice;
  channel.changeCipherSpec();
  channel.writeUnder({ version: "TLS 1.2", suite, keys: writing, epoch: PROTECTED_EPOCH });
  channel.send(encodeFinished(keys.verifyData("server", transcript.hash())));

  const { chain: peerChain, pskIdentity } = client;
  keys.settle();
  const session = new Session({
    ...{ version: "TLS 1.2", suite, group, randoms, serverName, alpn, peerChain, keys },
    ...{ resumed: false, issuedTicket, pskIdentity },
    firstFinished: verifyData.slice(),
  });
  channel.emit({ kind: "established", session });
  return { kind: "Established", refusals: 0 };
}

/** Keeps the session. A ticket stands in front of our ChangeCipherSpec (RFC 5077 §3.3). */
function issueTicket(
  { agreed, keys, client }: AwaitFinished,
  { config, channel }: Connection,
): Uint8Array | null {
  const { choice, serverName, transcript, givesTicket, sessionId } = agreed;
  if (!givesTicket && sessionId.length === 0) return null;
  const { suite, alpn } = choice;
  const secret = keys.masterSecret();
  const kept = { version: "TLS 1.2", suite, secret, serverName, alpn, until: null } as const;
  const issued = keepSession(kept, client, config, givesTicket ? null : sessionId);
  if (givesTicket) transcript.add(channel.send(encodeNewSessionTicket(issued)));
  return issued?.ticket ?? null;
}

/** @see RFC 5246 §7.4.1.1, RFC 5746 §4.4 */
function refuseRenegotiation(state: Established, { channel }: Connection): State {
  const refusals = state.refusals + 1;
  if (refusals > MAX_REFUSED_RENEGOTIATIONS) throw TlsFailure.because("too-many-renegotiations");
  channel.warn("no_renegotiation");
  return { kind: "Established", refusals };
}
