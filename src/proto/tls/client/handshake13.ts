/**
 * The client's side of the TLS 1.3 handshake: one state per message waited for,
 * one function per state, each returning the next (RFC 8446 §2). The ServerHello
 * has been read, and TLS 1.3 settled, by `handshake.ts`. In brackets what the
 * server may leave out; behind * everything is protected by handshake keys,
 * behind ** by application keys.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                              <--------           [HelloRetryRequest]
 *      [ClientHello            -------->]
 *      AwaitServerHello        <--------           ServerHello
 *      AwaitEncryptedExtensions                  * EncryptedExtensions
 *      AwaitCertificate                          * [CertificateRequest]
 *                                                * [Certificate]       (none with a pre-shared key)
 *      AwaitPeerVerification (our caller's)
 *      AwaitCertificateVerify                    * [CertificateVerify]
 *      AwaitFinished           <--------         * Finished
 *    * [Certificate]
 *    * [CertificateVerify]
 *    * Finished                -------->
 *   ** Established             <------->        ** Application data
 *                              <--------        ** (NewSessionTicket)
 *   ** (KeyUpdate)             <------->        ** (KeyUpdate)
 */
import { concat, sameBytes } from "../../../base/bytes.ts";
import type { EcdhGroup, PublicKey } from "../../../base/crypto/crypto.ts";
import type { CertificateType, ResumableSession } from "../connection.ts";
import { checkAnswers } from "../extensions.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import { handshakeMessageOf } from "../handshake-joiner.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { logSecrets } from "../key-log.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  applicationSecrets,
  earlySecret,
  Exporter13,
  handshakeSecrets,
  kdf13,
  nextSecret,
  resumptionSecret,
  ticketKey,
  trafficKeys,
  verifyData13,
} from "../key-schedule13.ts";
import type { HandshakeSecrets, Kdf13, TrafficSecrets } from "../key-schedule13.ts";
import { encodeFinished, parseCertificateVerify } from "../messages.ts";
import {
  encodeCertificate13,
  encodeCertificateVerify,
  encodeKeyUpdate,
  encodeMessageHash,
  parseFinished13,
  parseKeyUpdate,
  signedContent,
} from "../messages13.ts";
import type { EpochKeys } from "../record.ts";
import {
  isRetryRequest,
  parseServerHello,
  retryWish,
  selectedIdentity,
  serverShare,
} from "../server-hello.ts";
import type { ServerHello } from "../server-hello.ts";
import type { Answers } from "../server-messages.ts";
import {
  parseCertificateRequest13,
  parseEncryptedExtensions,
  parseNewSessionTicket13,
  parseServerCertificate13,
} from "../server-messages13.ts";
import type { ServerCertificate } from "../server-messages13.ts";
import { exportedBinding, Session } from "../session.ts";
import { fits13, groupCode, SERVER_SCHEMES } from "../suites.ts";
import type { Suite } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import {
  ExtensionType,
  HandshakeType,
  MAX_PLAINTEXT,
  NULL_COMPRESSION,
  versionCodes,
} from "../wire.ts";
import { greet } from "./greeting.ts";
import type { Connection, Greeting } from "./greeting.ts";
import { FIRST } from "./hello.ts";
import type { Offer, OfferedPsk } from "./offer.ts";
import { proofFor } from "./proof.ts";
import type { Proof } from "./proof.ts";

/** What the hellos settled; it holds until the handshake is over. */
interface Agreed {
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly kdf: Kdf13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly transcript: Transcript;
  readonly secrets: HandshakeSecrets;
  /** The pre-shared key that the server took. */
  readonly psk: OfferedPsk | null;
}

/** What the server wants of us. */
interface Request {
  /** Signature schemes by number. */
  readonly schemes: readonly number[];
}

/** A server that has proved who it is. */
interface Peer {
  readonly chain: readonly Uint8Array[];
  readonly certificateType: CertificateType;
}

interface AwaitServerHello {
  readonly kind: "AwaitServerHello";
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly transcript: Transcript;
}
interface AwaitEncryptedExtensions {
  readonly kind: "AwaitEncryptedExtensions";
  readonly agreed: Agreed;
}
interface AwaitCertificate {
  readonly kind: "AwaitCertificate";
  readonly agreed: Agreed;
  readonly answers: Answers;
  readonly request: Request | null;
}
interface AwaitPeerVerification {
  readonly kind: "AwaitPeerVerification";
  readonly agreed: Agreed;
  readonly answers: Answers;
  readonly request: Request | null;
  readonly shown: ServerCertificate;
}
interface AwaitCertificateVerify {
  readonly kind: "AwaitCertificateVerify";
  readonly agreed: Agreed;
  readonly answers: Answers;
  readonly request: Request | null;
  readonly peer: Peer;
  /** Of the chain's first certificate, as our caller found it. */
  readonly publicKey: PublicKey;
}
interface AwaitFinished {
  readonly kind: "AwaitFinished";
  readonly agreed: Agreed;
  readonly answers: Answers;
  readonly request: Request | null;
  readonly peer: Peer;
}
interface Established {
  readonly kind: "Established";
  readonly suite: Suite;
  readonly kdf: Kdf13;
  /** Those in use. */
  readonly secrets: TrafficSecrets;
  /** What the next keys of each direction are of. */
  readonly epochs: { readonly client: number; readonly server: number };
  readonly tickets: Tickets;
}

/** What tickets are made of. */
interface Tickets {
  readonly resumption: Uint8Array;
  readonly alpn: string | null;
  readonly peer: Peer;
  /** How many more are taken. */
  readonly left: number;
}

type State =
  | AwaitServerHello
  | AwaitEncryptedExtensions
  | AwaitCertificate
  | AwaitPeerVerification
  | AwaitCertificateVerify
  | AwaitFinished
  | Established;

/** @see RFC 9147 §6.1 */
const HANDSHAKE_EPOCH = 2;
const APPLICATION_EPOCH = 3;

/** Tickets of one connection that are handed out; the server may send more. */
export const MAX_TICKETS = 4;

export class ClientHandshake13 implements Handshake {
  readonly #connection: Connection;
  #state: State;
  /** One for each of the server's hellos: it sends one behind the first, whatever that was. */
  #changeCipherSpecsLeft = 1;

  /** Reads on from the server's first hello; the channel's version is settled. @throws {@link TlsFailure} */
  constructor(
    connection: Connection,
    greeting: Greeting,
    hello: ServerHello,
    message: HandshakeMessage,
  ) {
    this.#connection = connection;
    const suite = chosenSuite(hello, greeting, connection.channel);
    this.#state = isRetryRequest(hello)
      ? onRetryRequest(greeting, suite, hello, message, connection)
      : onServerHello(firstTranscript(greeting, suite, connection), hello, message, connection);
  }

  get phase(): Phase {
    return phaseOf(this.#state.kind);
  }

  get waitingFor(): string {
    return this.#state.kind;
  }

  /** Behind a KeyUpdate nothing may stand either, which shows when the keys change. @see RFC 8446 §5.1 */
  get endsFlight(): boolean {
    const { kind } = this.#state;
    return kind === "AwaitServerHello" || kind === "AwaitFinished";
  }

  start(): never {
    throw new Error("a handshake starts once");
  }

  onMessage(message: HandshakeMessage): void {
    const before = this.#state.kind;
    this.#state = onMessage(this.#state, message, this.#connection);
    if (before === "AwaitServerHello") this.#changeCipherSpecsLeft++;
  }

  /** It changes nothing; it is there for boxes on the way (RFC 8446 §5, appendix D.4), and never in datagrams (RFC 9147 §5). */
  onChangeCipherSpec(): void {
    const comes = this.#connection.channel.transport === "stream" && this.phase !== "established";
    if (!comes || this.#changeCipherSpecsLeft-- === 0) {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.#state.kind}`);
    }
  }

  onPeerAccepted(publicKey: PublicKey): void {
    if (this.#state.kind !== "AwaitPeerVerification") throw new Error("no chain was asked about");
    const { agreed, answers, request, shown } = this.#state;
    const peer = { chain: shown.chain, certificateType: answers.serverCertificateType };
    this.#state = { kind: "AwaitCertificateVerify", agreed, answers, request, peer, publicKey };
  }

  updateKeys(): void {
    if (this.#state.kind !== "Established") throw new Error("keys change after the handshake");
    this.#state = updateClientKeys(this.#state, true, this.#connection);
  }

  /** The exporter's secret is the session's. */
  forget(): void {
    const state = this.#state;
    if ("agreed" in state) {
      const { client, server, main } = state.agreed.secrets;
      for (const secret of [client, server, main]) secret.fill(0);
    }
    if (state.kind === "Established") {
      const { client, server } = state.secrets;
      for (const secret of [client, server, state.tickets.resumption]) secret.fill(0);
    }
  }
}

function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitServerHello":
      return onSecondServerHello(state, only(HandshakeType.serverHello, message), connection);
    case "AwaitEncryptedExtensions":
      return onEncryptedExtensions(
        state,
        only(HandshakeType.encryptedExtensions, message),
        connection,
      );
    case "AwaitCertificate":
      if (message.type === HandshakeType.certificateRequest && state.request === null) {
        return onCertificateRequest(state, message);
      }
      return onCertificate(state, only(HandshakeType.certificate, message), connection);
    case "AwaitCertificateVerify":
      return onCertificateVerify(state, only(HandshakeType.certificateVerify, message), connection);
    case "AwaitFinished":
      return onFinished(state, only(HandshakeType.finished, message), connection);
    case "Established":
      if (message.type === HandshakeType.newSessionTicket) {
        return onNewSessionTicket(state, message, connection);
      }
      return onKeyUpdate(state, only(HandshakeType.keyUpdate, message), connection);
    case "AwaitPeerVerification":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

/** What both hellos of a server must keep to. @see RFC 8446 §4.1.3 */
function chosenSuite(hello: ServerHello, { offer }: Greeting, { transport }: Channel): Suite {
  const echo = transport === "stream" ? offer.sessionId : new Uint8Array();
  if (!sameBytes(hello.sessionId, echo)) throw TlsFailure.because("bad-session-id");
  if (hello.compression !== NULL_COMPRESSION) throw TlsFailure.because("bad-compression");
  const suite = offer.suites13.find(({ code }) => code === hello.suite);
  if (suite === undefined) throw TlsFailure.because("suite-not-offered");
  return suite;
}

/** What a ServerHello is read with. */
interface Begun {
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly transcript: Transcript;
  /** Whether a HelloRetryRequest went before. */
  readonly retried: boolean;
}

/** Signatures here are over the hash, so no message is kept. */
function newTranscript({ config }: Connection, { hash }: Suite): Transcript {
  const transcript = new Transcript(config.crypto, hash);
  transcript.dropMessages();
  return transcript;
}

function firstTranscript(greeting: Greeting, suite: Suite, connection: Connection): Begun {
  const transcript = newTranscript(connection, suite);
  transcript.add(greeting.message);
  return { greeting, suite, transcript, retried: false };
}

/** Extensions of a HelloRetryRequest; the cookie alone comes without having been offered (RFC 8446 §4.2.2). */
const PLACES_RETRY: readonly number[] = [
  ExtensionType.supportedVersions,
  ExtensionType.keyShare,
  ExtensionType.cookie,
];

/** @see RFC 8446 §4.1.2, §4.1.4 */
function onRetryRequest(
  { offer, message: firstHello, types }: Greeting,
  suite: Suite,
  hello: ServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitServerHello {
  const { config, channel } = connection;
  checkAnswers(hello.extensions, new Set([...types, ExtensionType.cookie]), PLACES_RETRY);
  const { group, cookie } = retryWish(hello);
  if (group === null && cookie === null) {
    throw TlsFailure.because("bad-retry-request", "it changes nothing");
  }
  const firstHash = config.crypto.digest(suite.hash, firstHello.whole);
  const standIn = handshakeMessageOf(encodeMessageHash(firstHash));
  const transcript = newTranscript(connection, suite);
  transcript.add(standIn);
  transcript.add(message);

  const second: Offer = {
    ...offer,
    share: group === null ? offer.share : anotherShare(offer, group, connection),
    // The others could never be used with the suite that is chosen now.
    psks: offer.psks.filter(({ hash }) => hash === suite.hash),
  };
  lookResumed(offer, channel);
  const before = concat(standIn.whole, message.whole);
  const greeting = greet(second, connection, { ...FIRST, cookie: cookie?.slice() ?? null, before });
  transcript.add(greeting.message);
  return { kind: "AwaitServerHello", greeting, suite, transcript };
}

/** Once, in front of what follows our first hello. @see RFC 8446 appendix D.4 */
function lookResumed({ sessionId }: Offer, channel: Channel): void {
  if (sessionId.length > 0 && channel.transport === "stream") channel.changeCipherSpec();
}

function anotherShare(
  { groups, share }: Offer,
  wanted: number,
  { config }: Connection,
): Offer["share"] {
  const group = groups.find((candidate) => groupCode(candidate) === wanted);
  if (group === undefined) throw TlsFailure.because("bad-retry-request", "group not offered");
  if (group === share?.group) throw TlsFailure.because("bad-retry-request", "group already shared");
  return { group, key: config.crypto.ecdhKey(group, config.random) };
}

function onSecondServerHello(
  { greeting, suite, transcript }: AwaitServerHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const hello = parseServerHello(message.body);
  const { v12, v13 } = versionCodes(connection.channel.transport);
  if (hello.version !== v12 || hello.selectedVersion !== v13) {
    throw TlsFailure.because("bad-version-choice", "another than in the HelloRetryRequest");
  }
  if (isRetryRequest(hello)) throw TlsFailure.because("unexpected-message", "a second retry");
  if (chosenSuite(hello, greeting, connection.channel) !== suite) {
    throw TlsFailure.because("bad-retry-request", "another suite than in the ServerHello");
  }
  return onServerHello({ greeting, suite, transcript, retried: true }, hello, message, connection);
}

const PLACES_HELLO: readonly number[] = [
  ExtensionType.supportedVersions,
  ExtensionType.keyShare,
  ExtensionType.preSharedKey,
];

function onServerHello(
  { greeting, suite, transcript, retried }: Begun,
  hello: ServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitEncryptedExtensions {
  const { config, channel } = connection;
  const { offer } = greeting;
  checkAnswers(hello.extensions, greeting.types, PLACES_HELLO);
  const psk = chosenPsk(hello, offer, suite);
  const { group, publicKey } = serverShare(hello);
  const own = offer.share;
  if (own === null || groupCode(own.group) !== group) {
    throw TlsFailure.because("bad-key-share", "group not shared");
  }
  const shared = own.key.agree(publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");
  transcript.add(message);

  const kdf = kdf13(config.crypto, suite.hash, channel.transport);
  const early = earlySecret(kdf, psk?.key ?? null);
  const secrets = handshakeSecrets(kdf, early, shared, transcript.hash());
  const randoms = { client: offer.random, server: hello.random.slice() };
  logSecrets(config, randoms, "HANDSHAKE_TRAFFIC_SECRET", secrets);
  channel.readUnder(epochKeys(kdf, suite, secrets.server, HANDSHAKE_EPOCH));
  if (!retried) lookResumed(offer, channel);
  channel.writeUnder(epochKeys(kdf, suite, secrets.client, HANDSHAKE_EPOCH));
  const agreed: Agreed = {
    ...{ greeting, suite, kdf, group: own.group, randoms, transcript, secrets, psk },
  };
  return { kind: "AwaitEncryptedExtensions", agreed };
}

function chosenPsk(hello: ServerHello, { psks }: Offer, suite: Suite): OfferedPsk | null {
  const at = selectedIdentity(hello);
  if (at === null) return null;
  const psk = psks[at];
  if (psk === undefined) throw TlsFailure.because("bad-pre-shared-key-choice", "no such identity");
  if (psk.hash !== suite.hash) {
    throw TlsFailure.because("bad-pre-shared-key-choice", "of another hash than the suite's");
  }
  return psk;
}

function epochKeys(kdf: Kdf13, suite: Suite, secret: Uint8Array, epoch: number): EpochKeys {
  return { version: "TLS 1.3", suite, keys: trafficKeys(kdf, suite, secret), epoch };
}

function onEncryptedExtensions(
  { agreed }: AwaitEncryptedExtensions,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { greeting, transcript, psk } = agreed;
  const { clientTypes, serverTypes } = greeting.offer;
  // The type octet counts (RFC 8449 §4).
  const asked = { ...config, clientTypes, serverTypes, maxRecordSize: MAX_PLAINTEXT + 1 };
  const answers = parseEncryptedExtensions(message.body, greeting.types, asked);
  transcript.add(message);
  if (answers.recordSizeLimit !== null) {
    channel.limitRecords({ writingProtected: answers.recordSizeLimit - 1 });
  }
  if (psk === null) return { kind: "AwaitCertificate", agreed, answers, request: null };
  const { peerChain: chain, peerCertificateType: certificateType } = psk.session ?? NOBODY;
  const peer = { chain, certificateType };
  return { kind: "AwaitFinished", agreed, answers, request: null, peer };
}

/** Whom an imported key stands for: both sides know, and no certificate says it. */
const NOBODY = { peerChain: [], peerCertificateType: "x509" } as const;

function onCertificateRequest(state: AwaitCertificate, message: HandshakeMessage): State {
  const schemes = parseCertificateRequest13(message.body);
  state.agreed.transcript.add(message);
  return { ...state, request: { schemes } };
}

function onCertificate(
  { agreed, answers, request }: AwaitCertificate,
  message: HandshakeMessage,
  { channel }: Connection,
): State {
  const shown = parseServerCertificate13(message.body, agreed.greeting.types);
  const certificateType = answers.serverCertificateType;
  if (certificateType === "raw-public-key" && shown.chain.length > 1) {
    throw TlsFailure.because("malformed-message", "Certificate");
  }
  agreed.transcript.add(message);
  channel.emit({ kind: "verify-peer", ...shown, certificateType });
  return { kind: "AwaitPeerVerification", agreed, answers, request, shown };
}

function onCertificateVerify(
  { agreed, answers, request, peer, publicKey }: AwaitCertificateVerify,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { schemeCode, signature } = parseCertificateVerify(message.body);
  const offered = SERVER_SCHEMES.find(({ code }) => code === schemeCode);
  if (offered === undefined) throw TlsFailure.because("signature-scheme-not-offered");
  if (!fits13(offered.scheme, publicKey)) throw TlsFailure.because("signature-scheme-unfit");

  const signed = signedContent("server", agreed.transcript.hash());
  if (!config.crypto.verify(offered.scheme, publicKey, signed, signature)) {
    throw TlsFailure.because("bad-signature");
  }
  agreed.transcript.add(message);
  return { kind: "AwaitFinished", agreed, answers, request, peer };
}

function onFinished(
  state: AwaitFinished,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { agreed, answers, request, peer } = state;
  const { config, channel } = connection;
  const { suite, kdf, group, randoms, transcript, secrets, psk } = agreed;
  const expected = verifyData13(kdf, secrets.server, transcript.hash());
  if (!sameBytes(parseFinished13(message.body, expected.length), expected)) {
    throw TlsFailure.because("bad-finished");
  }
  transcript.add(message);
  const application = applicationSecrets(kdf, secrets.main, transcript.hash());
  const { client, server, exporter } = application;
  logSecrets(config, randoms, "TRAFFIC_SECRET_0", application);
  channel.readUnder(epochKeys(kdf, suite, server, APPLICATION_EPOCH));

  if (request !== null) {
    sendProof(
      proofFor(config.credential, answers.clientCertificateType, request.schemes),
      agreed,
      connection,
    );
  }
  const verifyData = verifyData13(kdf, secrets.client, transcript.hash());
  transcript.add(channel.send(encodeFinished(verifyData)));
  channel.writeUnder(epochKeys(kdf, suite, client, APPLICATION_EPOCH));

  const resumption = resumptionSecret(kdf, secrets.main, transcript.hash());
  for (const secret of [secrets.client, secrets.server, secrets.main]) secret.fill(0);
  const keys = new Exporter13(kdf, exporter);
  const { serverName } = config;
  const { alpn } = answers;
  const imported = psk !== null && psk.session === null;
  const session = new Session({
    ...{ version: "TLS 1.3", suite, group, randoms, serverName, alpn, keys },
    peerChain: peer.chain,
    resumed: psk !== null && psk.session !== null,
    issuedTicket: null,
    pskIdentity: imported ? (config.preSharedKey?.identity ?? null) : null,
    channelBinding: exportedBinding(keys),
  });
  channel.emit({ kind: "established", session });
  return {
    kind: "Established",
    ...{ suite, kdf, secrets: { client, server } },
    epochs: { client: APPLICATION_EPOCH, server: APPLICATION_EPOCH },
    tickets: { resumption, alpn, peer, left: imported ? 0 : MAX_TICKETS },
  };
}

/** @param proof - Null where an empty Certificate has to do. @see RFC 8446 §4.4.2, §4.4.3 */
function sendProof(
  proof: Proof | null,
  { transcript }: Agreed,
  { config, channel }: Connection,
): void {
  transcript.add(channel.send(encodeCertificate13(proof?.chain ?? [])));
  if (proof === null) return;
  const { key, scheme } = proof;
  const signed = signedContent("client", transcript.hash());
  const signature = key.sign(scheme.scheme.hash, signed, config.random);
  transcript.add(channel.send(encodeCertificateVerify(scheme.code, signature)));
}

/** @see RFC 8446 §4.6.1 */
function onNewSessionTicket(
  state: Established,
  message: HandshakeMessage,
  { config, channel }: Connection,
): State {
  const { suite, kdf, tickets } = state;
  const { lifetimeSeconds, ageAdd, nonce, ticket } = parseNewSessionTicket13(message.body);
  if (tickets.left === 0 || lifetimeSeconds === 0) return state;
  const session: ResumableSession = {
    version: "TLS 1.3",
    suite,
    secret: ticketKey(kdf, tickets.resumption, nonce),
    serverName: config.serverName,
    alpn: tickets.alpn,
    peerChain: tickets.peer.chain,
    peerCertificateType: tickets.peer.certificateType,
  };
  channel.emit({ kind: "ticket", ticket: { ticket, session, lifetimeSeconds, ageAdd } });
  return { ...state, tickets: { ...tickets, left: tickets.left - 1 } };
}

/** @see RFC 8446 §4.6.3 */
function onKeyUpdate(state: Established, message: HandshakeMessage, connection: Connection): State {
  const { suite, kdf } = state;
  const wanted = parseKeyUpdate(message.body);
  const server = nextSecret(kdf, state.secrets.server);
  const epochs = { ...state.epochs, server: state.epochs.server + 1 };
  connection.channel.readUnder(epochKeys(kdf, suite, server, epochs.server));
  const next: Established = { ...state, secrets: { ...state.secrets, server }, epochs };
  return wanted ? updateClientKeys(next, false, connection) : next;
}

/** @param ask - Whether the server is to change its keys too. */
function updateClientKeys(state: Established, ask: boolean, { channel }: Connection): Established {
  const { suite, kdf } = state;
  channel.send(encodeKeyUpdate(ask));
  const client = nextSecret(kdf, state.secrets.client);
  const epochs = { ...state.epochs, client: state.epochs.client + 1 };
  channel.writeUnder(epochKeys(kdf, suite, client, epochs.client));
  return { ...state, secrets: { ...state.secrets, client }, epochs };
}
