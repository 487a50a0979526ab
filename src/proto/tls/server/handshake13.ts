/**
 * The server's side of the TLS 1.3 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 8446 §2). The
 * ClientHello has been read, and TLS 1.3 chosen, by `handshake.ts`. In
 * brackets what depends on `clientCertificate`; behind * everything is
 * protected by handshake keys, behind ** by application keys. With a pre-shared
 * key, a session's or one given to both sides, nobody sends what is marked +.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                              <--------           (HelloRetryRequest, where no key fits)
 *      (ClientHello)           -------->           AwaitSecondClientHello
 *                                                  ServerHello
 *                                                * EncryptedExtensions
 *                                                *+[CertificateRequest]
 *                                                *+Certificate
 *                                                *+CertificateVerify
 *                              <--------         * Finished
 *    *+[Certificate]           -------->           AwaitClientCertificate
 *                                                  AwaitPeerVerification (our caller's)
 *    *+[CertificateVerify]     -------->           AwaitCertificateVerify
 *    * Finished                -------->           AwaitFinished
 *                              <--------        ** [NewSessionTicket]
 *   ** Application data        <------->        ** Established
 *   ** (KeyUpdate)             <------->        ** (KeyUpdate)
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { CertificateType, TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import {
  Exporter13,
  nextSecret,
  resumptionSecret,
  ticketKey,
  verifyData13,
} from "../key-schedule13.ts";
import type { Kdf13, TrafficSecrets } from "../key-schedule13.ts";
import { parseCertificateVerify } from "../messages.ts";
import {
  encodeKeyUpdate,
  encodeNewSessionTicket13,
  parseCertificate13,
  parseFinished13,
  parseKeyUpdate,
  signedContent,
  TICKET_AGE_ADD_LENGTH,
} from "../messages13.ts";
import { Session } from "../session.ts";
import { CLIENT_SCHEMES, fits13 } from "../suites.ts";
import type { Suite } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { ExtensionType, HandshakeType } from "../wire.ts";
import type { Connection } from "./connection.ts";
import { APPLICATION_EPOCH, echoed, epochKeys, sendServerFlight } from "./flight13.ts";
import type { Agreed13, Offer } from "./flight13.ts";
import { checkCookieField, readHello } from "./hello.ts";
import { negotiate13, secondShare } from "./negotiate13.ts";
import type { Agreement, Choice13 } from "./negotiate13.ts";
import { checkPreSharedKey } from "./psk13.ts";
import { cookieOf, repeatsFirst, retryOf, retryRequest, retryTranscript } from "./retry13.ts";
import type { Retry } from "./retry13.ts";
import { keepSession, NOBODY, provenBy } from "./tickets.ts";
import type { Proven } from "./tickets.ts";

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
  readonly agreed: Agreed13;
}
interface AwaitPeerVerification {
  readonly kind: "AwaitPeerVerification";
  readonly agreed: Agreed13;
  readonly chain: readonly Uint8Array[];
}
interface AwaitCertificateVerify {
  readonly kind: "AwaitCertificateVerify";
  readonly agreed: Agreed13;
  readonly peer: Peer;
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed13;
  readonly client: Proven;
}
interface Established {
  readonly kind: "Established";
  readonly suite: Suite;
  readonly kdf: Kdf13;
  /** Those in use. */
  readonly secrets: TrafficSecrets;
  /** Of the keys in use of each direction. */
  readonly clientEpoch: number;
  readonly serverEpoch: number;
}

type State =
  | AwaitSecondClientHello
  | AwaitClientCertificate
  | AwaitPeerVerification
  | AwaitCertificateVerify
  | AwaitFinished
  | Established;

export class ServerHandshake13 implements Handshake {
  readonly #connection: Connection;
  #state: State;

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

  /** It changes nothing; it is there for boxes on the way, before Finished (RFC 8446 §5, appendix D.4). */
  onChangeCipherSpec(): void {
    if (this.#state.kind === "Established") {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.#state.kind}`);
    }
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
    const transcript = new Transcript(config.crypto, choice.suite.hash);
    // Signatures here are over the hash, so no message is kept.
    transcript.dropMessages();
    const offer = { hello, message, choice, group, publicKey, transcript, retried: false };
    return answer(offer, connection);
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
  const offer = { hello, message, choice, group, publicKey, transcript, retried: true };
  return answer(offer, connection);
}

/** Our flight, and whom it waits for. */
function answer(offer: Offer, connection: Connection): State {
  const agreed = sendServerFlight(offer, connection);
  const { means } = agreed;
  switch (means.kind) {
    case "certificates":
      if (connection.config.clientCertificate !== "none") {
        return { kind: "AwaitClientCertificate", agreed };
      }
      return { kind: "AwaitFinished", agreed, client: NOBODY };
    case "ticket":
      return { kind: "AwaitFinished", agreed, client: provenBy(means.session) };
    case "given":
      return {
        kind: "AwaitFinished",
        agreed,
        client: { ...NOBODY, pskIdentity: means.identity },
      };
  }
}

function onCertificate(
  { agreed }: AwaitClientCertificate,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const chain = parseCertificate13(message.body);
  const certificateType = clientTypeOf(agreed);
  // A bare key has nothing to stand in front of (RFC 8446 §4.4.2).
  if (certificateType === "raw-public-key" && chain.length > 1) {
    throw TlsFailure.because("chain-too-long", "more than one raw public key");
  }
  agreed.transcript.add(message);
  if (chain.length > 0) {
    channel.emit({ kind: "verify-peer", chain, certificateType, ocspResponse: null });
    return { kind: "AwaitPeerVerification", agreed, chain };
  }
  if (config.clientCertificate === "required") throw TlsFailure.because("certificate-required");
  return { kind: "AwaitFinished", agreed, client: NOBODY };
}

function clientTypeOf({ means }: Agreed13): CertificateType {
  return means.kind === "certificates" ? means.proof.clientType.type : "x509";
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
  const client = { ...NOBODY, chain: peer.chain, certificateType: clientTypeOf(agreed) };
  return { kind: "AwaitFinished", agreed, client };
}

function onFinished(
  state: AwaitFinished,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { agreed, client } = state;
  const { channel, config } = connection;
  const { choice, kdf, group, randoms, serverName, transcript, clientSecret, means } = agreed;
  const { suite, alpn } = choice;
  const expected = verifyData13(kdf, clientSecret, transcript.hash());
  const verifyData = parseFinished13(message.body, expected.length);
  if (!sameBytes(verifyData, expected)) throw TlsFailure.because("bad-finished");
  transcript.add(message);

  // Not at the binder: whoever repeats a hello that it saw gets past that one, and would take the
  // ticket from its owner. Nothing before this depends on its being used once: we take no early data.
  if (means.kind === "ticket") config.sessions?.spend(means.ticket);
  const secrets = { client: agreed.application.client, server: agreed.application.server };
  clientSecret.fill(0);
  channel.readUnder(epochKeys(kdf, suite, secrets.client, APPLICATION_EPOCH));
  const issuedTicket = issueTicket(state, connection);
  agreed.main.fill(0);
  const keys = new Exporter13(kdf, agreed.application.exporter);
  const { chain: peerChain, pskIdentity } = client;
  const session = new Session({
    ...{ version: "TLS 1.3", suite, group, randoms, serverName, alpn, peerChain, keys },
    ...{ resumed: means.kind === "ticket", issuedTicket, pskIdentity },
    firstFinished: null,
  });
  channel.emit({ kind: "established", session });
  const [clientEpoch, serverEpoch] = [APPLICATION_EPOCH, APPLICATION_EPOCH];
  return { kind: "Established", suite, kdf, secrets, clientEpoch, serverEpoch };
}

/** One ticket for a connection, so that one nonce will do. @see RFC 8446 §4.6.1 */
function issueTicket(
  { agreed, client }: AwaitFinished,
  { config, channel }: Connection,
): Uint8Array | null {
  if (!agreed.takesTicket || config.sessions === undefined) return null;
  const { kdf, main, transcript, choice, serverName, means } = agreed;
  const { suite, alpn } = choice;
  const nonce = Uint8Array.of(0);
  const resumption = resumptionSecret(kdf, main, transcript.hash());
  const secret = ticketKey(kdf, resumption, nonce);
  resumption.fill(0);
  const until = means.kind === "ticket" ? means.session.until : null;
  const kept = { version: "TLS 1.3", suite, secret, serverName, alpn, until } as const;
  const issued = keepSession(kept, client, config, null);
  if (issued === null) return null;
  const ageAdd = config.random(TICKET_AGE_ADD_LENGTH);
  channel.send(encodeNewSessionTicket13(issued, ageAdd, nonce));
  return issued.ticket;
}

/** @see RFC 8446 §4.6.3 */
function onKeyUpdate(state: Established, message: HandshakeMessage, connection: Connection): State {
  const { suite, kdf } = state;
  const wanted = parseKeyUpdate(message.body);
  const client = nextSecret(kdf, state.secrets.client);
  const clientEpoch = state.clientEpoch + 1;
  connection.channel.readUnder(epochKeys(kdf, suite, client, clientEpoch));
  const next: Established = { ...state, secrets: { ...state.secrets, client }, clientEpoch };
  return wanted ? updateServerKeys(next, false, connection) : next;
}

/** @param ask - Whether the client is to change its keys too. */
function updateServerKeys(state: Established, ask: boolean, { channel }: Connection): Established {
  const { suite, kdf } = state;
  channel.send(encodeKeyUpdate(ask));
  const server = nextSecret(kdf, state.secrets.server);
  const serverEpoch = state.serverEpoch + 1;
  channel.writeUnder(epochKeys(kdf, suite, server, serverEpoch));
  return { ...state, secrets: { ...state.secrets, server }, serverEpoch };
}
