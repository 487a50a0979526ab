/**
 * The server's side of the TLS 1.2 handshake: one state per message waited
 * for, one function per state, each returning the next (RFC 5246 §7.3). In
 * brackets what depends on `clientCertificate`.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->           AwaitClientHello
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
import { concat, sameBytes } from "../../base/bytes.ts";
import type { EcdhKey, PublicKey } from "../../base/crypto/crypto.ts";
import { parseClientHello } from "./client-hello.ts";
import type { TlsServerConfig } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import type { HandshakeMessage } from "./handshake-joiner.ts";
import { KeySchedule, wipe } from "./key-schedule.ts";
import type { Randoms } from "./key-schedule.ts";
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
} from "./messages.ts";
import { negotiate } from "./negotiate.ts";
import type { Choice } from "./negotiate.ts";
import type { Outbox } from "./outbox.ts";
import { RecordProtection } from "./record.ts";
import type { RecordReader } from "./record.ts";
import { Session12 } from "./session12.ts";
import { CLIENT_SCHEMES, fits } from "./suites.ts";
import { Transcript } from "./transcript.ts";
import { DOWNGRADE_TO_12, HandshakeType, RANDOM_LENGTH } from "./wire.ts";

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

export interface AwaitClientHello {
  readonly kind: "AwaitClientHello";
}
interface AwaitClientCertificate {
  readonly kind: "AwaitClientCertificate";
  readonly agreed: Agreed;
  readonly ephemeral: EcdhKey;
}
export interface AwaitPeerVerification {
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
  readonly writing: RecordProtection;
}
interface Established {
  readonly kind: "Established";
  /** Renegotiations the client asked for and did not get. */
  readonly refusals: number;
}
interface Closed {
  readonly kind: "Closed";
}

export type State =
  | AwaitClientHello
  | AwaitClientCertificate
  | AwaitPeerVerification
  | AwaitClientKeyExchange
  | AwaitCertificateVerify
  | AwaitChangeCipherSpec
  | AwaitFinished
  | Established
  | Closed;

/** What the states work with. */
export interface Connection {
  readonly config: TlsServerConfig;
  readonly reader: RecordReader;
  readonly outbox: Outbox;
  /** Whether we would have spoken TLS 1.3 too, and say so where a man in the middle cannot change it. */
  readonly speaks13: boolean;
}

/** Renegotiations that are refused with a warning; the next one ends the connection. */
export const MAX_REFUSED_RENEGOTIATIONS = 4;

/** Takes one handshake message. @throws {@link TlsFailure} */
export function onMessage(state: State, message: HandshakeMessage, connection: Connection): State {
  switch (state.kind) {
    case "AwaitClientHello":
      return onClientHello(only(HandshakeType.clientHello, message), connection);
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
    case "Closed":
      throw TlsFailure.because("unexpected-message", `type ${message.type} in ${state.kind}`);
  }
}

/** Whether the next message ends the client's flight, so that nothing may stand behind it yet. */
export function endsFlight(state: State): boolean {
  return state.kind === "AwaitClientHello" || state.kind === "AwaitFinished";
}

function only(type: HandshakeType, message: HandshakeMessage): HandshakeMessage {
  if (message.type === type) return message;
  throw TlsFailure.because("unexpected-message", `type ${message.type} instead of ${type}`);
}

function onClientHello(message: HandshakeMessage, connection: Connection): State {
  const hello = parseClientHello(message.body);
  const choice = negotiate(hello, connection.config);
  limitRecords(choice, connection);
  connection.reader.settleVersion();

  const { crypto, random } = connection.config;
  const transcript = new Transcript(crypto, choice.suite.hash);
  transcript.add(message.whole);
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = { client: hello.random.slice(), server: serverRandom(connection) };
  const ephemeral = crypto.ecdhKey(choice.group, random);
  const agreed = { choice, randoms, serverName: hello.serverName, transcript };
  return sendServerFlight(agreed, ephemeral, connection);
}

/** @see RFC 8446 §4.1.3 */
function serverRandom({ config, speaks13 }: Connection): Uint8Array {
  const value = config.random(RANDOM_LENGTH);
  if (!speaks13) return value;
  const own = value.subarray(0, RANDOM_LENGTH - DOWNGRADE_TO_12.length);
  return concat(own, DOWNGRADE_TO_12);
}

function limitRecords({ recordSize }: Choice, { reader, outbox }: Connection): void {
  switch (recordSize.kind) {
    case "default":
      return;
    case "fragment":
      reader.limitPlaintext(recordSize.octets);
      outbox.limitPlaintext(recordSize.octets);
      return;
    case "limit":
      outbox.limitProtectedPlaintext(recordSize.octets);
      return;
  }
}

function sendServerFlight(agreed: Agreed, ephemeral: EcdhKey, connection: Connection): State {
  const { config, outbox } = connection;
  const asks = config.clientCertificate !== "none";
  const flight = [
    encodeServerHello(agreed.randoms.server, agreed.choice),
    encodeCertificate(config.certificates),
    serverKeyExchange(agreed, ephemeral, config),
    ...(asks ? [encodeCertificateRequest(config.authorities)] : []),
    encodeServerHelloDone(),
  ];
  for (const message of flight) agreed.transcript.add(message);
  outbox.handshake(...flight);

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
  { config, outbox }: Connection,
): State {
  const { agreed, ephemeral } = state;
  const chain = parseCertificate(message.body);
  agreed.transcript.add(message.whole);
  if (chain.length > 0) {
    outbox.emit({ kind: "verify-peer", chain });
    return { kind: "AwaitPeerVerification", agreed, ephemeral, chain };
  }
  // TLS 1.2 has no alert of its own for this (RFC 5246 §7.4.6).
  if (config.clientCertificate === "required") {
    throw TlsFailure.because("client-certificate-missing");
  }
  agreed.transcript.dropMessages();
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer: null };
}

/** Goes on with a client whose chain was accepted. */
export function onPeerAccepted(state: AwaitPeerVerification, publicKey: PublicKey): State {
  const { agreed, ephemeral, chain } = state;
  const peer = { chain, publicKey };
  return { kind: "AwaitClientKeyExchange", agreed, ephemeral, peer };
}

function onClientKeyExchange(
  state: AwaitClientKeyExchange,
  message: HandshakeMessage,
  { config }: Connection,
): State {
  const { agreed, ephemeral, peer } = state;
  const premaster = ephemeral.agree(parseClientKeyExchange(message.body));
  if (premaster === null) throw TlsFailure.because("bad-key-share");
  agreed.transcript.add(message.whole);

  const sessionHash = agreed.transcript.hash();
  const { hash } = agreed.choice.suite;
  const keys = new KeySchedule(config.crypto, hash, agreed.randoms, premaster, sessionHash);
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
  agreed.transcript.add(message.whole);
  agreed.transcript.dropMessages();
  return { kind: "AwaitChangeCipherSpec", agreed, keys, chain: peer.chain };
}

/** Takes a ChangeCipherSpec: from here on the client's records are protected. @throws {@link TlsFailure} */
export function onChangeCipherSpec(state: State, { config, reader }: Connection): State {
  if (state.kind !== "AwaitChangeCipherSpec") {
    throw TlsFailure.because("unexpected-change-cipher-spec", `in ${state.kind}`);
  }
  const { agreed, keys, chain } = state;
  const { suite } = agreed.choice;
  const recordKeys = keys.recordKeys(suite);
  reader.protect(new RecordProtection(config.crypto, suite, recordKeys.client));
  const writing = new RecordProtection(config.crypto, suite, recordKeys.server);
  wipe(recordKeys);
  return { kind: "AwaitFinished", agreed, keys, chain, writing };
}

function onFinished(
  state: AwaitFinished,
  message: HandshakeMessage,
  { outbox }: Connection,
): State {
  const { agreed, keys, chain, writing } = state;
  const { transcript } = agreed;
  const verifyData = parseFinished(message.body);
  if (!sameBytes(verifyData, keys.verifyData("client", transcript.hash()))) {
    throw TlsFailure.because("bad-finished");
  }
  transcript.add(message.whole);
  outbox.changeCipherSpec(writing);
  outbox.handshake(encodeFinished(keys.verifyData("server", transcript.hash())));

  const { choice, randoms, serverName } = agreed;
  const tlsUnique = verifyData.slice();
  const session = new Session12({ choice, randoms, serverName, chain, tlsUnique, keys });
  outbox.emit({ kind: "established", session });
  return { kind: "Established", refusals: 0 };
}

/** @see RFC 5246 §7.4.1.1, RFC 5746 §4.4 */
function refuseRenegotiation(state: Established, { outbox }: Connection): State {
  const refusals = state.refusals + 1;
  if (refusals > MAX_REFUSED_RENEGOTIATIONS) throw TlsFailure.because("too-many-renegotiations");
  outbox.alert("no_renegotiation");
  return { kind: "Established", refusals };
}
