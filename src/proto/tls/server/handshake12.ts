/**
 * The server's side of the TLS 1.2 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 5246 §7.3). In
 * brackets what depends on `clientCertificate`. The ClientHello has been read,
 * and TLS 1.2 chosen, by `handshake.ts`.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                                                  ServerHello
 *                                                  Certificate
 *                                                  ServerKeyExchange
 *                                                  [CertificateRequest]
 *                              <--------           ServerHelloDone
 *      [Certificate]           -------->           AwaitClientCertificate
 *                                                  AwaitPeerVerification (our caller's)
 *      ClientKeyExchange       -------->           AwaitClientKeyExchange
 *      [CertificateVerify]     -------->           AwaitCertificateVerify
 *      (ChangeCipherSpec)      -------->           AwaitChangeCipherSpec
 *      Finished                -------->           AwaitFinished
 *                                                  (ChangeCipherSpec)
 *                              <--------           Finished
 *      Application data        <------->           Established
 */
import { concat, sameBytes } from "../../../base/bytes.ts";
import type { EcdhKey, PublicKey } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { extendedMasterSecret, KeySchedule } from "../key-schedule.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  encodeCertificate,
  encodeCertificateRequest,
  encodeEcdhParams,
  encodeFinished,
  encodeServerHello,
  encodeServerHelloDone,
  encodeServerKeyExchange,
  parseCertificate,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
} from "../messages.ts";
import { wipe } from "../record.ts";
import type { DirectionKeys } from "../record.ts";
import { Session } from "../session.ts";
import { CLIENT_SCHEMES, DEFAULT_VERSIONS, fits } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { DOWNGRADE_TO_12, HandshakeType, RANDOM_LENGTH } from "../wire.ts";
import { negotiate } from "./negotiate12.ts";
import type { Choice } from "./negotiate12.ts";

/** What the hellos settled; it holds until the handshake is over. */
interface Agreed {
  readonly choice: Choice;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly transcript: Transcript;
}

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
  /** Proven to be the client's own; empty for a client without a certificate. */
  readonly chain: readonly Uint8Array[];
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed;
  readonly keys: KeySchedule;
  readonly chain: readonly Uint8Array[];
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
  | Established;

/** What the states work with. */
interface Connection {
  readonly config: TlsServerConfig;
  readonly channel: Channel;
}

/** DTLS 1.2 and TLS 1.2 have one epoch that is protected. */
const PROTECTED_EPOCH = 1;

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
    return this.#state.kind === "AwaitFinished";
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
    if ("keys" in this.#state) this.#state.keys.forget();
    if ("writing" in this.#state) wipe(this.#state.writing);
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
    case "Established":
      only(HandshakeType.clientHello, message);
      return refuseRenegotiation(state, connection);
    case "AwaitPeerVerification":
    case "AwaitChangeCipherSpec":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

function onClientHello(
  hello: ClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { config, channel } = connection;
  const choice = negotiate(hello, config, channel.transport);
  limitRecords(choice, channel);
  const { crypto, random } = config;
  const form = channel.transport === "stream" ? "tls" : "dtls12";
  const transcript = new Transcript(crypto, choice.suite.hash, form);
  transcript.add(message);
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = { client: hello.random.slice(), server: serverRandom(config) };
  const ephemeral = crypto.ecdhKey(choice.group, random);
  const agreed = { choice, randoms, serverName: hello.serverName, transcript };
  return sendServerFlight(agreed, ephemeral, connection);
}

/** A server that would have spoken TLS 1.3 too says so where a man in the middle cannot change it (RFC 8446 §4.1.3). */
function serverRandom({ random, versions = DEFAULT_VERSIONS }: TlsServerConfig): Uint8Array {
  const value = random(RANDOM_LENGTH);
  if (!versions.includes("TLS 1.3")) return value;
  const own = value.subarray(0, RANDOM_LENGTH - DOWNGRADE_TO_12.length);
  return concat(own, DOWNGRADE_TO_12);
}

function limitRecords({ recordSize }: Choice, channel: Channel): void {
  switch (recordSize.kind) {
    case "default":
      return;
    case "fragment":
      channel.limitRecords({ reading: recordSize.octets, writing: recordSize.octets });
      return;
    case "limit":
      channel.limitRecords({ writingProtected: recordSize.octets });
      return;
  }
}

function sendServerFlight(agreed: Agreed, ephemeral: EcdhKey, connection: Connection): State {
  const { config, channel } = connection;
  const asks = config.clientCertificate !== "none";
  const say = (message: Uint8Array): void => agreed.transcript.add(channel.send(message));
  say(encodeServerHello(agreed.randoms.server, agreed.choice, channel.transport));
  say(encodeCertificate(config.certificates));
  say(serverKeyExchange(agreed, ephemeral, config));
  if (asks) say(encodeCertificateRequest(config.authorities));
  say(encodeServerHelloDone());

  if (asks) return { kind: "AwaitClientCertificate", agreed, ephemeral };
  agreed.transcript.dropMessages();
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer: null };
}

/** @see RFC 8422 §5.4 */
function serverKeyExchange(
  { choice, randoms }: Agreed,
  ephemeral: EcdhKey,
  { key, random }: TlsServerConfig,
): Uint8Array {
  const params = encodeEcdhParams(choice.group, ephemeral.publicKey);
  const signed = concat(randoms.client, randoms.server, params);
  const signature = key.sign(choice.scheme.scheme.hash, signed, random);
  return encodeServerKeyExchange(params, choice.scheme.code, signature);
}

function onCertificate(
  state: AwaitClientCertificate,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { agreed, ephemeral } = state;
  const chain = parseCertificate(message.body);
  agreed.transcript.add(message);
  if (chain.length > 0) {
    channel.emit({ kind: "verify-peer", chain, certificateType: "x509", ocspResponse: null });
    return { kind: "AwaitPeerVerification", agreed, ephemeral, chain };
  }
  // TLS 1.2 has no alert of its own for this (RFC 5246 §7.4.6).
  if (config.clientCertificate === "required") {
    throw TlsFailure.because("client-certificate-missing");
  }
  agreed.transcript.dropMessages();
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer: null };
}

function onClientKeyExchange(
  state: AwaitClientKeyExchange,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { agreed, ephemeral, peer } = state;
  const premaster = ephemeral.agree(parseClientKeyExchange(message.body));
  if (premaster === null) throw TlsFailure.because("bad-key-share");
  agreed.transcript.add(message);

  const { crypto } = config;
  const { hash } = agreed.choice.suite;
  const master = extendedMasterSecret(crypto, hash, premaster, agreed.transcript.hash());
  const keys = new KeySchedule(crypto, hash, agreed.randoms, master);
  config.keyLog?.(keys.keyLogLine());
  if (peer === null) return { kind: "AwaitChangeCipherSpec", agreed, keys, chain: [] };
  return { kind: "AwaitCertificateVerify", agreed, keys, peer };
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
  return { kind: "AwaitChangeCipherSpec", agreed, keys, chain: peer.chain };
}

/** From here on the client's records are protected. */
function onChangeCipherSpec(state: State, { channel }: Connection): State {
  if (state.kind !== "AwaitChangeCipherSpec") {
    throw TlsFailure.because("unexpected-change-cipher-spec", `in ${state.kind}`);
  }
  const { agreed, keys, chain } = state;
  const { suite } = agreed.choice;
  const { client, server } = keys.recordKeys(suite);
  channel.readUnder({ version: "TLS 1.2", suite, keys: client, epoch: PROTECTED_EPOCH });
  return { kind: "AwaitFinished", agreed, keys, chain, writing: server };
}

function onFinished(
  state: AwaitFinished,
  message: HandshakeMessage,
  { channel }: Connection,
): State {
  const { agreed, keys, chain, writing } = state;
  const { transcript } = agreed;
  const verifyData = parseFinished(message.body);
  if (!sameBytes(verifyData, keys.verifyData("client", transcript.hash()))) {
    throw TlsFailure.because("bad-finished");
  }
  transcript.add(message);
  const { choice, randoms, serverName } = agreed;
  const { suite, group, alpn } = choice;
  channel.changeCipherSpec();
  channel.writeUnder({ version: "TLS 1.2", suite, keys: writing, epoch: PROTECTED_EPOCH });
  channel.send(encodeFinished(keys.verifyData("server", transcript.hash())));

  const session = new Session({
    ...{ version: "TLS 1.2", suite, group, randoms, serverName, alpn, peerChain: chain, keys },
    resumed: false,
    issuedTicket: null,
    channelBinding: { kind: "tls-unique", bytes: verifyData.slice() },
  });
  channel.emit({ kind: "established", session });
  return { kind: "Established", refusals: 0 };
}

/** @see RFC 5246 §7.4.1.1, RFC 5746 §4.4 */
function refuseRenegotiation(state: Established, { channel }: Connection): State {
  const refusals = state.refusals + 1;
  if (refusals > MAX_REFUSED_RENEGOTIATIONS) throw TlsFailure.because("too-many-renegotiations");
  channel.warn("no_renegotiation");
  return { kind: "Established", refusals };
}
