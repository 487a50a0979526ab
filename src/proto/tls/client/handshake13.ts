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
import { sameBytes } from "../../../base/bytes.ts";
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import type { PeerCredential } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { only, phaseOf } from "../handshake.ts";
import type { Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { logSecrets } from "../key-log.ts";
import {
  applicationSecrets,
  Exporter13,
  resumptionSecret,
  verifyData13,
} from "../key-schedule13.ts";
import { encodeFinished, parseCertificateVerify } from "../messages.ts";
import {
  encodeCertificate13,
  encodeCertificateVerify,
  parseFinished13,
  signedContent,
} from "../messages13.ts";
import type { ServerHello } from "../server-hello.ts";
import type { Answers } from "../server-messages.ts";
import {
  parseCertificateRequest13,
  parseEncryptedExtensions,
  parseServerCertificate13,
} from "../server-messages13.ts";
import { Session } from "../session.ts";
import { fits13, SERVER_SCHEMES } from "../suites.ts";
import { HandshakeType, MAX_PLAINTEXT } from "../wire.ts";
import { epochKeys, onFirstServerHello, onSecondServerHello } from "./agree13.ts";
import type { Agreed, AwaitEncryptedExtensions, AwaitServerHello } from "./agree13.ts";
import {
  APPLICATION_EPOCH,
  MAX_TICKETS,
  onKeyUpdate,
  onNewSessionTicket,
  updateClientKeys,
} from "./established13.ts";
import type { Established, Peer } from "./established13.ts";
import type { Connection, Greeting } from "./greeting.ts";
import { proofFor } from "./proof.ts";
import type { Proof } from "./proof.ts";

/** What the server wants of us. */
interface Request {
  /** Signature schemes by number. */
  readonly schemes: readonly number[];
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
  readonly shown: PeerCredential;
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

type State =
  | AwaitServerHello
  | AwaitEncryptedExtensions
  | AwaitCertificate
  | AwaitPeerVerification
  | AwaitCertificateVerify
  | AwaitFinished
  | Established;

export class ClientHandshake13 implements Handshake {
  readonly #connection: Connection;
  #state: State;

  /** Reads on from the server's first hello; the channel's version is settled. @throws {@link TlsFailure} */
  constructor(
    connection: Connection,
    greeting: Greeting,
    hello: ServerHello,
    message: HandshakeMessage,
  ) {
    this.#connection = connection;
    this.#state = onFirstServerHello(greeting, hello, message, connection);
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
    this.#state = onMessage(this.#state, message, this.#connection);
  }

  /** It changes nothing; it is there for boxes on the way (RFC 8446 §5, appendix D.4), and never in datagrams (RFC 9147 §5). */
  onChangeCipherSpec(): void {
    const comes = this.#connection.channel.transport === "stream" && this.phase !== "established";
    if (!comes) {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.#state.kind}`);
    }
  }

  onPeerAccepted(publicKey: PublicKey): void {
    if (this.#state.kind !== "AwaitPeerVerification") throw new Error("no chain was asked about");
    const { agreed, answers, request, shown } = this.#state;
    const { chain, certificateType } = shown;
    const peer = { chain, certificateType };
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
  const { serverCertificateType: certificateType } = answers;
  if (certificateType === null) throw TlsFailure.because("certificate-type-not-offered");
  const read = parseServerCertificate13(message.body, agreed.greeting.types);
  if (certificateType === "raw-public-key" && read.chain.length > 1) {
    throw TlsFailure.because("malformed-message", "Certificate");
  }
  const shown = { ...read, certificateType };
  agreed.transcript.add(message);
  channel.emit({ kind: "verify-peer", ...shown });
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
    firstFinished: null,
  });
  channel.emit({ kind: "established", session });
  return {
    kind: "Established",
    ...{ suite, kdf, secrets: { client, server } },
    ...{ clientEpoch: APPLICATION_EPOCH, serverEpoch: APPLICATION_EPOCH },
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
