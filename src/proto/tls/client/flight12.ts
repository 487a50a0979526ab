/** The client's flight of a full TLS 1.2 handshake, and what it is made of. */
import { concat, Writer } from "../../../base/bytes.ts";
import type { EcdhGroup, EcdhKey, PublicKey } from "../../../base/crypto/crypto.ts";
import type { PeerCredential, ResumableSession } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { extendedMasterSecret, KeySchedule } from "../key-schedule.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  encodeCertificate,
  encodeFinished,
  encodeRawPublicKey,
  handshakeMessage,
} from "../messages.ts";
import { encodeCertificateVerify } from "../messages13.ts";
import { wipe } from "../record.ts";
import type { EcdhParams, SignedKeyExchange } from "../server-messages12.ts";
import { fits, groupCode, SERVER_SCHEMES } from "../suites.ts";
import type { Transcript } from "../transcript.ts";
import { HandshakeType } from "../wire.ts";
import type { Choice } from "./choice12.ts";
import type { Connection, Greeting } from "./greeting.ts";
import type { Proof } from "./proof.ts";

/** What the hellos settled; it holds until the handshake is over. */
export interface Agreed {
  readonly greeting: Greeting;
  readonly choice: Choice;
  readonly randoms: Randoms;
  readonly transcript: Transcript;
}

/** The server's half of the key agreement: signed where it has shown a certificate. */
export type Exchange =
  | { readonly kind: "signed"; readonly shown: PeerCredential; readonly signed: SignedKeyExchange }
  | { readonly kind: "pre-shared"; readonly params: EcdhParams };

/** The server wants a certificate: null where we have none that it takes. */
export interface Request {
  readonly proof: Proof | null;
}

/** The keys of a handshake whose flight of ours is made. */
export interface Keyed {
  readonly keys: KeySchedule;
  /** For a ticket. Secret. */
  readonly master: Uint8Array;
  readonly group: EcdhGroup | null;
  readonly peer: Pick<ResumableSession, "peerChain" | "peerCertificateType">;
  /** Our own Finished; null in a session that is resumed, where the server's comes first. */
  readonly ownFinished: Uint8Array | null;
  readonly pskIdentity: Uint8Array | null;
}

/** Our caller judges the chain. */
export interface AwaitPeerVerification {
  readonly kind: "AwaitPeerVerification";
  readonly agreed: Agreed;
  readonly exchange: Exchange & { readonly kind: "signed" };
  readonly request: Request | null;
}

/** DTLS 1.2 and TLS 1.2 have one epoch that is protected. */
export const PROTECTED_EPOCH = 1;

/** The chain is good: its key must have signed the server's share. @see RFC 8422 §5.4 */
export function onPeerAccepted(
  { agreed, exchange, request }: AwaitPeerVerification,
  publicKey: PublicKey,
  connection: Connection,
): Keyed {
  const { randoms } = agreed;
  const { params, schemeCode, signature } = exchange.signed;
  checkKey(publicKey, agreed);
  const offered = SERVER_SCHEMES.find(({ code }) => code === schemeCode);
  if (offered === undefined) throw TlsFailure.because("signature-scheme-not-offered");
  if (!fits(offered.scheme, publicKey)) throw TlsFailure.because("signature-scheme-unfit");
  const signed = concat(randoms.client, randoms.server, params.octets);
  if (!connection.config.crypto.verify(offered.scheme, publicKey, signed, signature)) {
    throw TlsFailure.because("bad-signature");
  }
  const { chain: peerChain, certificateType: peerCertificateType } = exchange.shown;
  const peer = { peerChain, peerCertificateType };
  return sendFlight(agreed, params, request, peer, connection);
}

/** The suite says what kind of key the server has, our groups on which curves (RFC 8422 §5.3). */
function checkKey(key: PublicKey, { greeting, choice }: Agreed): void {
  const isRsa = choice.suite.keyExchange === "ecdhe-rsa";
  if (isRsa !== (key.kind === "rsa")) {
    throw TlsFailure.because("signature-scheme-unfit", "a key of another kind than the suite's");
  }
  if (key.kind === "ec" && !greeting.offer.groups.includes(key.curve)) {
    throw TlsFailure.because("group-not-offered", "the certificate's curve");
  }
}

/** From our Certificate to our Finished. */
export function sendFlight(
  agreed: Agreed,
  params: EcdhParams,
  request: Request | null,
  peer: Keyed["peer"],
  { config, channel }: Connection,
): Keyed {
  const { choice, randoms, transcript, greeting } = agreed;
  const { crypto, random } = config;
  const { suite } = choice;
  const say = (message: Uint8Array): void => transcript.add(channel.send(message));
  const group = greeting.offer.groups.find((candidate) => groupCode(candidate) === params.group);
  if (group === undefined) throw TlsFailure.because("group-not-offered");
  const ephemeral = crypto.ecdhKey(group, random);
  const shared = ephemeral.agree(params.publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");

  if (request !== null) say(clientCertificate(request.proof));
  const psk = suite.keyExchange === "ecdhe-psk" ? greeting.offer.preSharedKey : null;
  say(clientKeyExchange(ephemeral, psk?.identity ?? null));
  const premaster = psk === null ? shared : pskPremaster(shared, psk.key);
  const master = extendedMasterSecret(crypto, suite.hash, premaster, transcript.hash());
  const keys = new KeySchedule(crypto, suite.hash, randoms, master.slice());
  config.keyLog?.(keys.keyLogLine());
  const proof = request?.proof ?? null;
  if (proof !== null) {
    const { key, scheme } = proof;
    const signature = key.sign(scheme.scheme.hash, transcript.signed(), random);
    say(encodeCertificateVerify(scheme.code, signature));
  }
  transcript.dropMessages();

  channel.changeCipherSpec();
  const { client, server } = keys.recordKeys(suite);
  wipe(server);
  channel.writeUnder({ version: "TLS 1.2", suite, keys: client, epoch: PROTECTED_EPOCH });
  const ownFinished = keys.verifyData("client", transcript.hash());
  say(encodeFinished(ownFinished));
  const pskIdentity = psk?.identity ?? null;
  return { keys, master, group, peer, ownFinished, pskIdentity };
}

function clientCertificate(proof: Proof | null): Uint8Array {
  if (proof?.certificateType !== "raw-public-key") return encodeCertificate(proof?.chain ?? []);
  return encodeRawPublicKey(concat(...proof.chain));
}

/** @see RFC 8422 §5.7, RFC 5489 §2 */
function clientKeyExchange({ publicKey }: EcdhKey, identity: Uint8Array | null): Uint8Array {
  const body = new Writer();
  if (identity !== null) body.vector16(identity);
  return handshakeMessage(HandshakeType.clientKeyExchange, body.vector8(publicKey).bytes());
}

/** @param shared - Overwritten here. @see RFC 5489 §2 */
function pskPremaster(shared: Uint8Array, key: Uint8Array): Uint8Array {
  const premaster = new Writer(4 + shared.length + key.length).vector16(shared).vector16(key);
  shared.fill(0);
  return premaster.bytes();
}
