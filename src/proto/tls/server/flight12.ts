/** The server's first flight of a full TLS 1.2 handshake, and what settled it. */
import { concat } from "../../../base/bytes.ts";
import type { EcdhKey } from "../../../base/crypto/crypto.ts";
import type { TlsServerConfig } from "../connection.ts";
import { answeredConnectionId } from "../datagram/connection-id.ts";
import type { Channel } from "../handshake.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateStatus,
  encodeEcdhParams,
  encodePskServerKeyExchange,
  encodeRawPublicKey,
  encodeServerHello,
  encodeServerHelloDone,
  encodeServerKeyExchange,
} from "../messages.ts";
import { DEFAULT_VERSIONS } from "../suites.ts";
import type { Transcript } from "../transcript.ts";
import { DOWNGRADE_TO_12, RANDOM_LENGTH } from "../wire.ts";
import type { Connection } from "./connection.ts";
import type { Choice, RecordSize } from "./negotiate12.ts";
import type { Proof } from "./proof.ts";

/** What the hellos settled; it holds until the handshake is over. */
export interface Agreed {
  readonly choice: Choice;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly transcript: Transcript;
  /** Whether ServerHello said that a ticket follows. */
  readonly givesTicket: boolean;
  /** The session's name for a client that knows no tickets, 32 octets; empty where it is to have none. */
  readonly sessionId: Uint8Array;
}

/** A server that would have spoken TLS 1.3 too says so where a man in the middle cannot change it (RFC 8446 §4.1.3). */
export function serverRandom({ random, versions = DEFAULT_VERSIONS }: TlsServerConfig): Uint8Array {
  const value = random(RANDOM_LENGTH);
  if (!versions.includes("TLS 1.3")) return value;
  const own = value.subarray(0, RANDOM_LENGTH - DOWNGRADE_TO_12.length);
  return concat(own, DOWNGRADE_TO_12);
}

export function limitRecords(recordSize: RecordSize, channel: Channel): void {
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

/** @returns whether the client was asked for a certificate */
export function sendServerFlight(
  agreed: Agreed,
  ephemeral: EcdhKey,
  { config, channel }: Connection,
): boolean {
  const { choice, randoms, transcript, givesTicket, sessionId } = agreed;
  const say = (message: Uint8Array): void => transcript.add(channel.send(message));
  const connectionId = answeredConnectionId(channel);
  const hello = { ...choice, random: randoms.server, sessionId, givesTicket, connectionId };
  say(encodeServerHello(hello, channel.transport));
  const { proof } = choice;
  if (proof === null) {
    say(encodePskServerKeyExchange(encodeEcdhParams(choice.group, ephemeral.publicKey)));
    say(encodeServerHelloDone());
    return false;
  }
  say(serverCertificate(proof, config));
  if (proof.ocspResponse !== null) say(encodeCertificateStatus(proof.ocspResponse));
  say(serverKeyExchange(agreed, proof, ephemeral, config));
  const asks = config.clientCertificate !== "none";
  if (asks) say(encodeCertificateRequest(config.authorities));
  say(encodeServerHelloDone());
  return asks;
}

function serverCertificate({ serverType }: Proof, config: TlsServerConfig): Uint8Array {
  // Settled only where there is one.
  if (serverType.type === "raw-public-key") return encodeRawPublicKey(config.publicKeyInfo!);
  return encodeCertificate(config.certificates);
}

/** @see RFC 8422 §5.4 */
function serverKeyExchange(
  { choice, randoms }: Agreed,
  { scheme }: Proof,
  ephemeral: EcdhKey,
  { key, random }: TlsServerConfig,
): Uint8Array {
  const params = encodeEcdhParams(choice.group, ephemeral.publicKey);
  const signed = concat(randoms.client, randoms.server, params);
  const signature = key.sign(scheme.scheme.hash, signed, random);
  return encodeServerKeyExchange(params, scheme.code, signature);
}
