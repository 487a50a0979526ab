/** The server's flight of a TLS 1.3 handshake, from ServerHello to Finished, and what settled it. */
import type { EcdhGroup } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { answeredConnectionId } from "../datagram/connection-id.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { randomsOf } from "../key-schedule.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  applicationSecrets,
  handshakeSecrets,
  kdf13,
  trafficKeys,
  verifyData13,
} from "../key-schedule13.ts";
import type { ApplicationSecrets, Kdf13 } from "../key-schedule13.ts";
import { logSecrets } from "../key-log.ts";
import { encodeFinished } from "../messages.ts";
import {
  encodeCertificate13,
  encodeCertificateRequest13,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeServerHello13,
  signedContent,
} from "../messages13.ts";
import type { EpochKeys } from "../record.ts";
import type { Suite } from "../suites.ts";
import type { Transcript } from "../transcript.ts";
import { RANDOM_LENGTH } from "../wire.ts";
import type { Connection } from "./connection.ts";
import { chooseProof13 } from "./negotiate13.ts";
import type { Choice13 } from "./negotiate13.ts";
import type { Proof } from "./proof.ts";
import { choosePreSharedKey, takesTickets } from "./psk13.ts";
import type { KeyOrigin } from "./psk13.ts";

/** What our flight settled; it holds until the handshake is over. */
export interface Agreed13 {
  readonly choice: Choice13;
  readonly kdf: Kdf13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly transcript: Transcript;
  /** How both sides prove themselves: by certificates, or by a key they share. */
  readonly means: Means;
  /** Whether the client can use a ticket. */
  readonly takesTicket: boolean;
  /** The client's handshake traffic secret: its Finished is made with it. */
  readonly clientSecret: Uint8Array;
  readonly application: ApplicationSecrets;
  readonly main: Uint8Array;
}

export type Means = { readonly kind: "certificates"; readonly proof: Proof } | KeyOrigin;

/** A ClientHello that can be answered. */
export interface Offer {
  readonly hello: ClientHello;
  readonly message: HandshakeMessage;
  readonly choice: Choice13;
  readonly group: EcdhGroup;
  /** The client's. */
  readonly publicKey: Uint8Array;
  /** Up to this ClientHello. */
  readonly transcript: Transcript;
  /** Whether a HelloRetryRequest went before. */
  readonly retried: boolean;
}

/** @see RFC 9147 §6.1 */
export const HANDSHAKE_EPOCH = 2;
export const APPLICATION_EPOCH = 3;

export function sendServerFlight(offer: Offer, connection: Connection): Agreed13 {
  const { hello, choice, group, transcript } = offer;
  const { config, channel } = connection;
  const { crypto, random } = config;
  const { suite } = choice;
  const kdf = kdf13(crypto, suite.hash, channel.transport);
  const { means, index, early } = chooseMeans(offer, kdf, connection);
  // The order of these draws is part of the interface: replay depends on it.
  const randoms = randomsOf(hello.random, random(RANDOM_LENGTH));
  const ephemeral = crypto.ecdhKey(group, random);
  const shared = ephemeral.agree(offer.publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");

  const sessionId = echoed(hello, channel);
  const { publicKey } = ephemeral;
  const connectionId = answeredConnectionId(channel);
  const answer = {
    ...{ random: randoms.server, sessionId, suite, group, publicKey, psk: index },
    connectionId,
  };
  transcript.add(channel.send(encodeServerHello13(answer, channel.transport)));
  // A client that sent a session id wants the look of a resumed TLS 1.2 (RFC 8446 appendix D.4).
  if (sessionId.length > 0 && !offer.retried) channel.changeCipherSpec();

  const secrets = handshakeSecrets(kdf, early, shared, transcript.hash());
  logSecrets(config, randoms, "HANDSHAKE_TRAFFIC_SECRET", secrets);
  channel.readUnder(epochKeys(kdf, suite, secrets.client, HANDSHAKE_EPOCH));
  channel.writeUnder(epochKeys(kdf, suite, secrets.server, HANDSHAKE_EPOCH));
  limitRecords(choice, channel);
  const say = (message: Uint8Array): void => transcript.add(channel.send(message));
  const proof = means.kind === "certificates" ? means.proof : null;
  say(encodeEncryptedExtensions(choice, proof));
  if (proof !== null) sendProof(proof, transcript, connection);
  say(encodeFinished(verifyData13(kdf, secrets.server, transcript.hash())));
  secrets.server.fill(0);

  const { main, client: clientSecret } = secrets;
  const application = applicationSecrets(kdf, main, transcript.hash());
  logSecrets(config, randoms, "TRAFFIC_SECRET_0", application);
  channel.writeUnder(epochKeys(kdf, suite, application.server, APPLICATION_EPOCH));
  const { serverName } = hello;
  return {
    ...{ choice, kdf, group, randoms, serverName, transcript, clientSecret, application, main },
    ...{ means, takesTicket: takesTickets(hello) },
  };
}

interface ChosenMeans {
  readonly means: Means;
  /** The key's place in the client's list; null with certificates. */
  readonly index: number | null;
  /** Of the key. */
  readonly early: Uint8Array | null;
}

/** A pre-shared key that fits goes before certificates. The hello joins the transcript here. */
function chooseMeans(
  { hello, message, transcript }: Offer,
  kdf: Kdf13,
  connection: Connection,
): ChosenMeans {
  const bound = transcript.addBefore(message, hello.preSharedKeys?.bindersLength ?? 0);
  const chosen = choosePreSharedKey(hello, kdf, bound, connection);
  if (chosen !== null) {
    return { means: chosen.origin, index: chosen.index, early: chosen.early };
  }
  const proof = chooseProof13(hello, connection.config);
  return { means: { kind: "certificates", proof }, index: null, early: null };
}

/** legacy_session_id_echo; DTLS has none (RFC 9147 §5.4). */
export function echoed({ sessionId }: ClientHello, { transport }: Channel): Uint8Array {
  return transport === "stream" ? sessionId : new Uint8Array();
}

export function epochKeys(kdf: Kdf13, suite: Suite, secret: Uint8Array, epoch: number): EpochKeys {
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

/** What is asked of the client, and our own key shown and proved. */
function sendProof(proof: Proof, transcript: Transcript, { config, channel }: Connection): void {
  const { authorities, clientCertificate, key, random } = config;
  const say = (message: Uint8Array): void => transcript.add(channel.send(message));
  if (clientCertificate !== "none") say(encodeCertificateRequest13(authorities));
  say(encodeCertificate13(shownBy(proof, config), proof.ocspResponse));
  const { code, scheme } = proof.scheme;
  const signature = key.sign(scheme.hash, signedContent("server", transcript.hash()), random);
  say(encodeCertificateVerify(code, signature));
}

function shownBy({ serverType }: Proof, config: TlsServerConfig): readonly Uint8Array[] {
  // Settled only where there is one.
  return serverType.type === "x509" ? config.certificates : [config.publicKeyInfo!];
}
