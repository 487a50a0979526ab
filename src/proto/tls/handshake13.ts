/**
 * The server's side of the TLS 1.3 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 8446 §2). In
 * brackets what depends on `clientCertificate`; behind * everything is
 * protected by handshake keys, behind ** by application keys.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->           AwaitClientHello
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
import { sameBytes, toHex } from "../../base/bytes.ts";
import type { EcdhGroup, PublicKey } from "../../base/crypto/crypto.ts";
import { parseClientHello } from "./client-hello.ts";
import type { ClientHello } from "./client-hello.ts";
import type { TlsServerConfig } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import type { HandshakeMessage } from "./handshake-joiner.ts";
import type { Randoms } from "./key-schedule.ts";
import {
  applicationSecrets,
  Exporter13,
  handshakeSecrets,
  nextSecret,
  trafficKeys,
  verifyData13,
} from "./key-schedule13.ts";
import type { ApplicationSecrets, TrafficSecrets } from "./key-schedule13.ts";
import { encodeFinished, parseCertificateVerify } from "./messages.ts";
import {
  encodeCertificate13,
  encodeCertificateRequest13,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeKeyUpdate,
  encodeMessageHash,
  encodeRetryRequest,
  encodeServerHello13,
  parseCertificate13,
  parseFinished13,
  parseKeyUpdate,
  signedContent,
} from "./messages13.ts";
import { negotiate13, secondShare } from "./negotiate13.ts";
import type { Choice13 } from "./negotiate13.ts";
import type { Outbox } from "./outbox.ts";
import { RecordProtection13 } from "./record13.ts";
import type { RecordReader13 } from "./record13.ts";
import { Session13 } from "./session13.ts";
import { CLIENT_SCHEMES, fits13 } from "./suites.ts";
import type { Suite } from "./suites.ts";
import { Transcript } from "./transcript.ts";
import { ExtensionType, HandshakeType, RANDOM_LENGTH } from "./wire.ts";

/** What our flight settled; it holds until the handshake is over. */
interface Agreed {
  readonly choice: Choice13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly transcript: Transcript;
  /** The client's handshake traffic secret: its Finished is made with it. */
  readonly clientSecret: Uint8Array;
  readonly application: ApplicationSecrets;
}

/** A client whose chain was accepted, and which has yet to prove that the key is its own. */
interface Peer {
  readonly chain: readonly Uint8Array[];
  readonly publicKey: PublicKey;
}

export interface AwaitClientHello {
  readonly kind: "AwaitClientHello";
}
interface AwaitSecondClientHello {
  readonly kind: "AwaitSecondClientHello";
  readonly first: ClientHello;
  readonly choice: Choice13;
  readonly group: EcdhGroup;
  readonly transcript: Transcript;
}
interface AwaitClientCertificate {
  readonly kind: "AwaitClientCertificate";
  readonly agreed: Agreed;
}
export interface AwaitPeerVerification {
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
  /** Those in use. */
  readonly secrets: TrafficSecrets;
}
interface Closed {
  readonly kind: "Closed";
}

export type State =
  | AwaitClientHello
  | AwaitSecondClientHello
  | AwaitClientCertificate
  | AwaitPeerVerification
  | AwaitCertificateVerify
  | AwaitFinished
  | Established
  | Closed;

/** What the states work with. */
export interface Connection {
  readonly config: TlsServerConfig;
  readonly reader: RecordReader13;
  readonly outbox: Outbox;
}

/** Takes one handshake message. @throws {@link TlsFailure} */
export function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitClientHello":
      return onClientHello(only(HandshakeType.clientHello, message), connection);
    case "AwaitSecondClientHello":
      return onSecondHello(state, only(HandshakeType.clientHello, message), connection);
    case "AwaitClientCertificate":
      return onCertificate(state, only(HandshakeType.certificate, message), connection);
    case "AwaitCertificateVerify":
      return onCertificateVerify(state, only(HandshakeType.certificateVerify, message), connection);
    case "AwaitFinished":
      return onFinished(state, only(HandshakeType.finished, message), connection);
    case "Established":
      return onKeyUpdate(state, only(HandshakeType.keyUpdate, message), connection);
    case "AwaitPeerVerification":
    case "Closed":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

/** Whether the client's keys change after the next message, so that nothing may stand behind it (RFC 8446 §5.1). */
export function changesKeys({ kind }: State): boolean {
  const isHello = kind === "AwaitClientHello" || kind === "AwaitSecondClientHello";
  return isHello || kind === "AwaitFinished" || kind === "Established";
}

/** Whether a ChangeCipherSpec is let pass: between the hello and the client's Finished (RFC 8446 §5). */
export function passesChangeCipherSpec({ kind }: State): boolean {
  return kind !== "AwaitClientHello" && kind !== "Established" && kind !== "Closed";
}

function only(type: HandshakeType, message: HandshakeMessage): HandshakeMessage {
  if (message.type === type) return message;
  throw TlsFailure.because("unexpected-message", `type ${message.type} instead of ${type}`);
}

function onClientHello(message: HandshakeMessage, connection: Connection): State {
  const { config, outbox, reader } = connection;
  const hello = parseClientHello(message.body);
  const { choice, agreement } = negotiate13(hello, config);
  const { group, publicKey } = agreement;
  if (hello.extensions.has(ExtensionType.earlyData)) reader.skipEarlyData();
  if (publicKey !== null) {
    const transcript = startTranscript(choice, message.whole, connection);
    const offer = { hello, choice, group, publicKey, transcript, retried: false };
    return sendServerFlight(offer, connection);
  }
  const firstHash = config.crypto.digest(choice.suite.hash, message.whole);
  const transcript = startTranscript(choice, encodeMessageHash(firstHash), connection);
  const retry = encodeRetryRequest(hello.sessionId, choice.suite, group);
  transcript.add(retry);
  outbox.handshake(retry);
  if (hello.sessionId.length > 0) outbox.compatibilityRecord();
  return { kind: "AwaitSecondClientHello", first: hello, choice, group, transcript };
}

function onSecondHello(
  state: AwaitSecondClientHello,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { first, choice, group, transcript } = state;
  const hello = parseClientHello(message.body);
  const publicKey = secondShare(first, hello, group);
  connection.reader.endSkipping();
  transcript.add(message.whole);
  const offer = { hello, choice, group, publicKey, transcript, retried: true };
  return sendServerFlight(offer, connection);
}

/** Signatures here are over the hash, so no message is kept. */
function startTranscript(
  { suite }: Choice13,
  message: Uint8Array,
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
  const { config, outbox, reader } = connection;
  const { crypto, random } = config;
  const { suite } = choice;
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = { client: hello.random.slice(), server: random(RANDOM_LENGTH) };
  const ephemeral = crypto.ecdhKey(group, random);
  const shared = ephemeral.agree(offer.publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");

  const { sessionId } = hello;
  const answer = encodeServerHello13(randoms.server, sessionId, suite, group, ephemeral.publicKey);
  transcript.add(answer);
  outbox.handshake(answer);
  // A client that sent a session id wants the look of a resumed TLS 1.2 (RFC 8446 appendix D.4).
  if (sessionId.length > 0 && !offer.retried) outbox.compatibilityRecord();

  const secrets = handshakeSecrets(crypto, suite.hash, shared, transcript.hash());
  logSecrets(config, randoms, "HANDSHAKE_TRAFFIC_SECRET", secrets);
  reader.protect(protection(connection, suite, secrets.client));
  outbox.protect(protection(connection, suite, secrets.server));
  limitRecords(choice, connection);
  sendProtectedFlight(choice, transcript, secrets.server, connection);
  secrets.server.fill(0);

  const application = applicationSecrets(crypto, suite.hash, secrets.main, transcript.hash());
  logSecrets(config, randoms, "TRAFFIC_SECRET_0", application);
  outbox.protect(protection(connection, suite, application.server));
  const { serverName } = hello;
  const clientSecret = secrets.client;
  const agreed = { choice, group, randoms, serverName, transcript, clientSecret, application };
  if (config.clientCertificate === "none") return { kind: "AwaitFinished", agreed, chain: [] };
  return { kind: "AwaitClientCertificate", agreed };
}

function protection({ config }: Connection, suite: Suite, secret: Uint8Array): RecordProtection13 {
  const keys = trafficKeys(config.crypto, suite, secret);
  const made = new RecordProtection13(config.crypto, suite, keys);
  // The AEAD has copies.
  keys.key.fill(0);
  keys.iv.fill(0);
  return made;
}

function limitRecords({ recordSize }: Choice13, { reader, outbox }: Connection): void {
  switch (recordSize.kind) {
    case "default":
      return;
    case "fragment":
      reader.limitPlaintext(recordSize.octets);
      outbox.limitPlaintext(recordSize.octets);
      return;
    case "limit":
      // The limit counts the type octet too (RFC 8449 §4).
      outbox.limitProtectedPlaintext(recordSize.octets - 1);
      return;
  }
}

/** EncryptedExtensions to Finished, as one run of messages. */
function sendProtectedFlight(
  choice: Choice13,
  transcript: Transcript,
  serverSecret: Uint8Array,
  { config, outbox }: Connection,
): void {
  const { crypto, certificates, authorities, clientCertificate, key, random } = config;
  const flight: Uint8Array[] = [];
  const say = (message: Uint8Array): void => {
    transcript.add(message);
    flight.push(message);
  };
  say(encodeEncryptedExtensions(choice));
  if (clientCertificate !== "none") say(encodeCertificateRequest13(authorities));
  say(encodeCertificate13(certificates));
  const { code, scheme } = choice.scheme;
  const signature = key.sign(scheme.hash, signedContent("server", transcript.hash()), random);
  say(encodeCertificateVerify(code, signature));
  const { hash } = choice.suite;
  say(encodeFinished(verifyData13(crypto, hash, serverSecret, transcript.hash())));
  outbox.handshake(...flight);
}

function onCertificate(
  { agreed }: AwaitClientCertificate,
  message: HandshakeMessage,
  { config, outbox }: Connection,
): State {
  const chain = parseCertificate13(message.body);
  agreed.transcript.add(message.whole);
  if (chain.length > 0) {
    outbox.emit({ kind: "verify-peer", chain });
    return { kind: "AwaitPeerVerification", agreed, chain };
  }
  if (config.clientCertificate === "required") throw TlsFailure.because("certificate-required");
  return { kind: "AwaitFinished", agreed, chain };
}

/** Goes on with a client whose chain was accepted. */
export function onPeerAccepted(state: AwaitPeerVerification, publicKey: PublicKey): State {
  const { agreed, chain } = state;
  return { kind: "AwaitCertificateVerify", agreed, peer: { chain, publicKey } };
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
  agreed.transcript.add(message.whole);
  return { kind: "AwaitFinished", agreed, chain: peer.chain };
}

function onFinished(
  { agreed, chain }: AwaitFinished,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const { choice, group, randoms, serverName, transcript, clientSecret, application } = agreed;
  const { crypto } = connection.config;
  const { suite } = choice;
  const expected = verifyData13(crypto, suite.hash, clientSecret, transcript.hash());
  const verifyData = parseFinished13(message.body, expected.length);
  if (!sameBytes(verifyData, expected)) throw TlsFailure.because("bad-finished");

  clientSecret.fill(0);
  connection.reader.protect(protection(connection, suite, application.client));
  const exporter = new Exporter13(crypto, suite.hash, application.exporter);
  const session = new Session13({ choice, group, randoms, serverName, chain, exporter });
  connection.outbox.emit({ kind: "established", session });
  const { client, server } = application;
  return { kind: "Established", suite, secrets: { client, server } };
}

/** @see RFC 8446 §4.6.3 */
function onKeyUpdate(
  { suite, secrets }: Established,
  message: HandshakeMessage,
  connection: Connection,
): State {
  const wanted = parseKeyUpdate(message.body);
  const { config, outbox, reader } = connection;
  const client = nextSecret(config.crypto, suite.hash, secrets.client);
  reader.protect(protection(connection, suite, client));
  if (!wanted) return { kind: "Established", suite, secrets: { ...secrets, client } };

  outbox.handshake(encodeKeyUpdate());
  const server = nextSecret(config.crypto, suite.hash, secrets.server);
  outbox.protect(protection(connection, suite, server));
  return { kind: "Established", suite, secrets: { client, server } };
}

/** Overwrites what a state knows; the exporter's secret is the session's once there is one. */
export function forgetSecrets(state: State): void {
  if ("agreed" in state) {
    const { clientSecret, application } = state.agreed;
    for (const secret of [
      clientSecret,
      application.client,
      application.server,
      application.exporter,
    ]) {
      secret.fill(0);
    }
  }
  if (state.kind === "Established") {
    state.secrets.client.fill(0);
    state.secrets.server.fill(0);
  }
}

/** Lines of the NSS key log format; tshark and others know them by these names. */
function logSecrets(
  { keyLog }: TlsServerConfig,
  randoms: Randoms,
  name: string,
  secrets: TrafficSecrets | ApplicationSecrets,
): void {
  if (keyLog === undefined) return;
  const random = toHex(randoms.client);
  keyLog(`CLIENT_${name} ${random} ${toHex(secrets.client)}`);
  keyLog(`SERVER_${name} ${random} ${toHex(secrets.server)}`);
  if ("exporter" in secrets) keyLog(`EXPORTER_SECRET ${random} ${toHex(secrets.exporter)}`);
}
