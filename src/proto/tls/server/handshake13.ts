/**
 * The server's side of the TLS 1.3 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 8446 §2). The
 * ClientHello has been read, and TLS 1.3 chosen, by `handshake.ts`. In
 * brackets what depends on `clientCertificate`; behind * everything is
 * protected by handshake keys, behind ** by application keys.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                              <--------           (HelloRetryRequest, where no key fits)
 *      (ClientHello)           -------->           AwaitSecondClientHello
 *                                                  ServerHello
 *                                                * EncryptedExtensions
 *                                                * [CertificateRequest]
 *                                                * Certificate
 *                                                * CertificateVerify
 *                              <--------         * Finished
 *    * [Certificate]           -------->           AwaitClientCertificate
 *                                                  AwaitPeerVerification (our caller's)
 *    * [CertificateVerify]     -------->           AwaitCertificateVerify
 *    * Finished                -------->           AwaitFinished
 *   ** Application data        <------->        ** Established
 *   ** (KeyUpdate)             <------->        ** (KeyUpdate)
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { EcdhGroup, PublicKey } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  applicationSecrets,
  earlySecret,
  Exporter13,
  handshakeSecrets,
  kdf13,
  nextSecret,
  trafficKeys,
  verifyData13,
} from "../key-schedule13.ts";
import type { ApplicationSecrets, Kdf13, TrafficSecrets } from "../key-schedule13.ts";
import { logSecrets } from "../key-log.ts";
import { encodeFinished, parseCertificateVerify } from "../messages.ts";
import {
  encodeCertificate13,
  encodeCertificateRequest13,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeKeyUpdate,
  encodeServerHello13,
  parseCertificate13,
  parseFinished13,
  parseKeyUpdate,
  signedContent,
} from "../messages13.ts";
import type { EpochKeys } from "../record.ts";
import { exportedBinding, Session } from "../session.ts";
import { CLIENT_SCHEMES, fits13 } from "../suites.ts";
import type { Suite } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { ExtensionType, HandshakeType, RANDOM_LENGTH } from "../wire.ts";
import { checkPreSharedKey, negotiate13, secondShare } from "./negotiate13.ts";
import type { Agreement, Choice13 } from "./negotiate13.ts";
import { checkCookieField, readHello } from "./hello.ts";
import { cookieOf, repeatsFirst, retryOf, retryRequest, retryTranscript } from "./retry13.ts";
import type { Retry } from "./retry13.ts";

/** What our flight settled; it holds until the handshake is over. */
interface Agreed {
  readonly choice: Choice13;
  readonly kdf: Kdf13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly transcript: Transcript;
  /** The client's handshake traffic secret: its Finished is made with it. */
  readonly clientSecret: Uint8Array;
  readonly application: ApplicationSecrets;
  readonly main: Uint8Array;
}

/** A client whose chain was accepted, and which has yet to prove that the key is its own. */
interface Peer {
  readonly chain: readonly Uint8Array[];
  readonly publicKey: PublicKey;
}

interface AwaitSecondClientHello {
  readonly kind: "AwaitSecondClientHello";
  readonly retry: Retry;
  readonly choice: Choice13;
  readonly agreement: Agreement;
  readonly transcript: Transcript;
}
interface AwaitClientCertificate {
  readonly kind: "AwaitClientCertificate";
  readonly agreed: Agreed;
}
interface AwaitPeerVerification {
  readonly kind: "AwaitPeerVerification";
  readonly agreed: Agreed;
  readonly chain: readonly Uint8Array[];
}
interface AwaitCertificateVerify {
  readonly kind: "AwaitCertificateVerify";
  readonly agreed: Agreed;
  readonly peer: Peer;
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed;
  /** Proven to be the client's own; empty for a client without a certificate. */
  readonly chain: readonly Uint8Array[];
}
interface Established {
  readonly kind: "Established";
  readonly suite: Suite;
  readonly kdf: Kdf13;
  /** Those in use. */
  readonly secrets: TrafficSecrets;
  /** What the next keys of each direction are of. */
  readonly epochs: { readonly client: number; readonly server: number };
}

type State =
  | AwaitSecondClientHello
  | AwaitClientCertificate
  | AwaitPeerVerification
  | AwaitCertificateVerify
  | AwaitFinished
  | Established;

/** What the states work with. */
interface Connection {
  readonly config: TlsServerConfig;
  readonly channel: Channel;
}

/** @see RFC 9147 §6.1 */
const HANDSHAKE_EPOCH = 2;
const APPLICATION_EPOCH = 3;

export class ServerHandshake13 implements Handshake {
  readonly #connection: Connection;
  #state: State;
  #changeCipherSpecSeen = false;

  /**
   * Answers the ClientHello; the channel's version is settled.
   *
   * @param retry - What its cookie carried: then it is the second one, and
   *   whoever answered the first has kept nothing else.
   * @throws {@link TlsFailure}
   */
  constructor(
    config: TlsServerConfig,
    channel: Channel,
    hello: ClientHello,
    message: HandshakeMessage,
    retry: Retry | null = null,
  ) {
    this.#connection = { config, channel };
    this.#state =
      retry === null
        ? onClientHello(hello, message, this.#connection)
        : resumeFromCookie(retry, hello, message, this.#connection);
  }

  get phase(): Phase {
    return phaseOf(this.#state.kind);
  }

  get waitingFor(): string {
    return this.#state.kind;
  }

  /** @see RFC 8446 §5.1 */
  get endsFlight(): boolean {
    const { kind } = this.#state;
    return kind === "AwaitSecondClientHello" || kind === "AwaitFinished" || kind === "Established";
  }

  start(): never {
    throw new Error("a server waits for its client");
  }

  onMessage(message: HandshakeMessage): void {
    this.#state = onMessage(this.#state, message, this.#connection);
  }

  /** It changes nothing; it is there for boxes on the way, once and before Finished (RFC 8446 §5, appendix D.4). */
  onChangeCipherSpec(): void {
    if (this.#changeCipherSpecSeen || this.#state.kind === "Established") {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.#state.kind}`);
    }
    this.#changeCipherSpecSeen = true;
  }

  onPeerAccepted(publicKey: PublicKey): void {
    if (this.#state.kind !== "AwaitPeerVerification") throw new Error("no chain was asked about");
    const { agreed, chain } = this.#state;
    this.#state = { kind: "AwaitCertificateVerify", agreed, peer: { chain, publicKey } };
  }

  updateKeys(): void {
    if (this.#state.kind !== "Established") throw new Error("keys change after the handshake");
    this.#state = updateServerKeys(this.#state, true, this.#connection);
  }

  /** The exporter's secret is the session's once there is one. */
  forget(): void {
    const state = this.#state;
    if ("agreed" in state) {
      const { clientSecret, application, main } = state.agreed;
      const { client, server, exporter } = application;
      for (const secret of [clientSecret, client, server, exporter, main]) secret.fill(0);
    }
    if (state.kind === "Established") {
      state.secrets.client.fill(0);
      state.secrets.server.fill(0);
    }
  }
}

function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitSecondClientHello":
      return onUnaidedSecondHello(state, only(HandshakeType.clientHello, message), connection);
    case "AwaitClientCertificate":
      return onCertificate(state, only(HandshakeType.certificate, message), connection);
    case "AwaitCertificateVerify":
      return onCertificateVerify(state, only(HandshakeType.certificateVerify, message), connection);
    case "AwaitFinished":
      return onFinished(state, only(HandshakeType.finished, message), connection);
    case "Established":
      return onKeyUpdate(state, only(HandshakeType.keyUpdate, message), connection);
    case "AwaitPeerVerification":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

function onClientHello(
  hello: ClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { config, channel } = connection;
  const { choice, agreement } = negotiate13(hello, config, channel.transport);
  const { group, publicKey } = agreement;
  if (hello.extensions.has(ExtensionType.earlyData)) channel.skipEarlyData();
  if (publicKey !== null) {
    const transcript = startTranscript(choice, message, connection);
    const offer = { hello, choice, group, publicKey, transcript, retried: false };
    return sendServerFlight(offer, connection);
  }
  const { crypto } = config;
  const retry = retryOf(crypto, hello, message, { suite: choice.suite, group });
  const sessionId = echoed(hello, channel);
  const request = retryRequest(retry, channel.transport, sessionId, null);
  const transcript = retryTranscript(crypto, retry, request);
  channel.send(request);
  if (sessionId.length > 0) channel.changeCipherSpec();
  return { kind: "AwaitSecondClientHello", retry, choice, agreement, transcript };
}

/** Goes on where a HelloRetryRequest with this cookie left off. @see RFC 8446 §4.2.2, RFC 9147 §5.1 */
function resumeFromCookie(
  retry: Retry,
  hello: ClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { config, channel } = connection;
  const { choice, agreement } = negotiate13(hello, config, channel.transport);
  if (choice.suite !== retry.suite) throw TlsFailure.because("second-hello-differs", "suites");
  const { group } = retry;
  const cookie = cookieOf(hello);
  const request = retryRequest(retry, channel.transport, echoed(hello, channel), cookie);
  const state: AwaitSecondClientHello = {
    kind: "AwaitSecondClientHello",
    retry,
    choice,
    agreement: group === null ? agreement : { group, publicKey: null },
    transcript: retryTranscript(config.crypto, retry, request),
  };
  return onSecondHello(state, hello, message, connection);
}

/** legacy_session_id_echo; DTLS has none (RFC 9147 §5.4). */
function echoed({ sessionId }: ClientHello, { transport }: Channel): Uint8Array {
  return transport === "stream" ? sessionId : new Uint8Array();
}

/** We sent no cookie, so there is none to give back. */
function onUnaidedSecondHello(
  state: AwaitSecondClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { transport } = connection.channel;
  const hello = readHello(message, transport);
  checkCookieField(message, transport, "TLS 1.3");
  if (hello.extensions.has(ExtensionType.cookie)) {
    throw TlsFailure.because("second-hello-differs", "cookie");
  }
  return onSecondHello(state, hello, message, connection);
}

function onSecondHello(
  { retry, choice, agreement, transcript }: AwaitSecondClientHello,
  hello: ClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  checkPreSharedKey(hello);
  if (!repeatsFirst(connection.config.crypto, retry, hello)) {
    throw TlsFailure.because("second-hello-differs");
  }
  if (hello.extensions.has(ExtensionType.earlyData)) {
    throw TlsFailure.because("bad-early-data", "after a HelloRetryRequest");
  }
  const { group } = agreement;
  const publicKey = agreement.publicKey ?? secondShare(hello, group);
  connection.channel.endSkipping();
  transcript.add(message);
  const offer = { hello, choice, group, publicKey, transcript, retried: true };
  return sendServerFlight(offer, connection);
}

/** Signatures here are over the hash, so no message is kept. */
function startTranscript(
  { suite }: Choice13,
  message: HandshakeMessage,
  { config }: Connection,
): Transcript {
  const transcript = new Transcript(config.crypto, suite.hash);
  transcript.dropMessages();
  transcript.add(message);
  return transcript;
}

interface Offer {
  readonly hello: ClientHello;
  readonly choice: Choice13;
  readonly group: EcdhGroup;
  /** The client's. */
  readonly publicKey: Uint8Array;
  readonly transcript: Transcript;
  /** Whether a HelloRetryRequest went before. */
  readonly retried: boolean;
}

function sendServerFlight(offer: Offer, connection: Connection): State {
  const { hello, choice, group, transcript } = offer;
  const { config, channel } = connection;
  const { crypto, random } = config;
  const { suite } = choice;
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = { client: hello.random.slice(), server: random(RANDOM_LENGTH) };
  const ephemeral = crypto.ecdhKey(group, random);
  const shared = ephemeral.agree(offer.publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");

  const sessionId = echoed(hello, channel);
  const { publicKey } = ephemeral;
  const answer = { random: randoms.server, sessionId, suite, group, publicKey };
  transcript.add(channel.send(encodeServerHello13(answer, channel.transport)));
  // A client that sent a session id wants the look of a resumed TLS 1.2 (RFC 8446 appendix D.4).
  if (sessionId.length > 0 && !offer.retried) channel.changeCipherSpec();

  const kdf = kdf13(crypto, suite.hash, channel.transport);
  const secrets = handshakeSecrets(kdf, earlySecret(kdf, null), shared, transcript.hash());
  logSecrets(config, randoms, "HANDSHAKE_TRAFFIC_SECRET", secrets);
  channel.readUnder(epochKeys(kdf, suite, secrets.client, HANDSHAKE_EPOCH));
  channel.writeUnder(epochKeys(kdf, suite, secrets.server, HANDSHAKE_EPOCH));
  limitRecords(choice, channel);
  sendProtectedFlight(choice, kdf, transcript, secrets.server, connection);
  secrets.server.fill(0);

  const { main, client: clientSecret } = secrets;
  const application = applicationSecrets(kdf, main, transcript.hash());
  logSecrets(config, randoms, "TRAFFIC_SECRET_0", application);
  channel.writeUnder(epochKeys(kdf, suite, application.server, APPLICATION_EPOCH));
  const { serverName } = hello;
  const agreed = {
    ...{ choice, kdf, group, randoms, serverName, transcript, clientSecret, application, main },
  };
  if (config.clientCertificate === "none") return { kind: "AwaitFinished", agreed, chain: [] };
  return { kind: "AwaitClientCertificate", agreed };
}

function epochKeys(kdf: Kdf13, suite: Suite, secret: Uint8Array, epoch: number): EpochKeys {
  return { version: "TLS 1.3", suite, keys: trafficKeys(kdf, suite, secret), epoch };
}

function limitRecords({ recordSize }: Choice13, channel: Channel): void {
  switch (recordSize.kind) {
    case "default":
      return;
    case "fragment":
      channel.limitRecords({ reading: recordSize.octets, writing: recordSize.octets });
      return;
    case "limit":
      // The limit counts the type octet too (RFC 8449 §4).
      channel.limitRecords({ writingProtected: recordSize.octets - 1 });
      return;
  }
}

/** EncryptedExtensions to Finished, as one run of messages. */
function sendProtectedFlight(
  choice: Choice13,
  kdf: Kdf13,
  transcript: Transcript,
  serverSecret: Uint8Array,
  { config, channel }: Connection,
): void {
  const { certificates, authorities, clientCertificate, key, random } = config;
  const say = (message: Uint8Array): void => transcript.add(channel.send(message));
  say(encodeEncryptedExtensions(choice));
  if (clientCertificate !== "none") say(encodeCertificateRequest13(authorities));
  say(encodeCertificate13(certificates));
  const { code, scheme } = choice.scheme;
  const signature = key.sign(scheme.hash, signedContent("server", transcript.hash()), random);
  say(encodeCertificateVerify(code, signature));
  say(encodeFinished(verifyData13(kdf, serverSecret, transcript.hash())));
}

function onCertificate(
  { agreed }: AwaitClientCertificate,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const chain = parseCertificate13(message.body);
  agreed.transcript.add(message);
  if (chain.length > 0) {
    channel.emit({ kind: "verify-peer", chain, certificateType: "x509", ocspResponse: null });
    return { kind: "AwaitPeerVerification", agreed, chain };
  }
  if (config.clientCertificate === "required") throw TlsFailure.because("certificate-required");
  return { kind: "AwaitFinished", agreed, chain };
}

function onCertificateVerify(
  { agreed, peer }: AwaitCertificateVerify,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { schemeCode, signature } = parseCertificateVerify(message.body);
  const offered = CLIENT_SCHEMES.find(({ code }) => code === schemeCode);
  if (offered === undefined) throw TlsFailure.because("signature-scheme-not-offered");
  if (!fits13(offered.scheme, peer.publicKey)) throw TlsFailure.because("signature-scheme-unfit");

  const signed = signedContent("client", agreed.transcript.hash());
  if (!config.crypto.verify(offered.scheme, peer.publicKey, signed, signature)) {
    throw TlsFailure.because("bad-signature");
  }
  agreed.transcript.add(message);
  return { kind: "AwaitFinished", agreed, chain: peer.chain };
}

function onFinished(
  { agreed, chain }: AwaitFinished,
  message: HandshakeMessage,
  { channel }: Connection,
): State {
  const { choice, kdf, group, randoms, serverName, transcript, clientSecret } = agreed;
  const { suite, alpn } = choice;
  const expected = verifyData13(kdf, clientSecret, transcript.hash());
  const verifyData = parseFinished13(message.body, expected.length);
  if (!sameBytes(verifyData, expected)) throw TlsFailure.because("bad-finished");

  const { client, server, exporter } = agreed.application;
  clientSecret.fill(0);
  agreed.main.fill(0);
  channel.readUnder(epochKeys(kdf, suite, client, APPLICATION_EPOCH));
  const keys = new Exporter13(kdf, exporter);
  const session = new Session({
    ...{ version: "TLS 1.3", suite, group, randoms, serverName, alpn, peerChain: chain, keys },
    resumed: false,
    issuedTicket: null,
    channelBinding: exportedBinding(keys),
  });
  channel.emit({ kind: "established", session });
  const epochs = { client: APPLICATION_EPOCH, server: APPLICATION_EPOCH };
  return { kind: "Established", suite, kdf, secrets: { client, server }, epochs };
}

/** @see RFC 8446 §4.6.3 */
function onKeyUpdate(state: Established, message: HandshakeMessage, connection: Connection): State {
  const { suite, kdf } = state;
  const wanted = parseKeyUpdate(message.body);
  const client = nextSecret(kdf, state.secrets.client);
  const epochs = { ...state.epochs, client: state.epochs.client + 1 };
  connection.channel.readUnder(epochKeys(kdf, suite, client, epochs.client));
  const next: Established = { ...state, secrets: { ...state.secrets, client }, epochs };
  return wanted ? updateServerKeys(next, false, connection) : next;
}

/** @param ask - Whether the client is to change its keys too. */
function updateServerKeys(state: Established, ask: boolean, { channel }: Connection): Established {
  const { suite, kdf } = state;
  channel.send(encodeKeyUpdate(ask));
  const server = nextSecret(kdf, state.secrets.server);
  const epochs = { ...state.epochs, server: state.epochs.server + 1 };
  channel.writeUnder(epochKeys(kdf, suite, server, epochs.server));
  return { ...state, secrets: { ...state.secrets, server }, epochs };
}
