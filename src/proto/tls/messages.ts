/** The handshake messages of TLS 1.2 that follow the ClientHello, both ways. */
import { Reader, Writer } from "../../base/bytes.ts";
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import { TlsFailure } from "./failure.ts";
import type { IssuedTicket } from "./connection.ts";
import type { Terms } from "./server/negotiate12.ts";
import { certificateTypeCode } from "./server/proof.ts";
import type { Proof } from "./server/proof.ts";
import { CLIENT_SCHEMES, groupCode } from "./suites.ts";
import {
  ClientCertificateType,
  ExtensionType,
  HandshakeType,
  MAX_PLAINTEXT,
  NAMED_CURVE,
  NULL_COMPRESSION,
  OCSP_STATUS,
  UNCOMPRESSED_POINTS,
  VERIFY_DATA_LENGTH,
  versionCodes,
} from "./wire.ts";
import type { Transport } from "./wire.ts";

/** Certificates a client may send: its own, intermediates, and room for clients that send too much. */
export const MAX_CHAIN_LENGTH = 10;

/** A message with its header (RFC 5246 §7.4). */
export function handshakeMessage(type: HandshakeType, body: Uint8Array): Uint8Array {
  return new Writer().u8(type).vector24(body).bytes();
}

export interface ServerHello12 extends Terms {
  readonly random: Uint8Array;
  /** The client's where its ticket was taken, else empty: there is no session to come back to by an id. */
  readonly sessionId: Uint8Array;
  /** Null where no certificate follows. */
  readonly proof: Proof | null;
  /** Whether a NewSessionTicket follows. */
  readonly givesTicket: boolean;
  /** What the client is to call us by; null for no such extension (RFC 9146 §3). */
  readonly connectionId: Uint8Array | null;
}

/**
 * ServerHello, with those extensions only that the client sent (or, for
 * renegotiation_info, stood in for with the suite value).
 *
 * @see RFC 5246 §7.4.1.3
 */
export function encodeServerHello(
  answer: ServerHello12,
  transport: Transport = "stream",
): Uint8Array {
  const body = new Writer()
    .u16(versionCodes(transport).v12)
    .raw(answer.random)
    .vector8(answer.sessionId)
    .u16(answer.suite.code)
    .u8(NULL_COMPRESSION)
    .vector16(serverExtensions(answer));
  return handshakeMessage(HandshakeType.serverHello, body.bytes());
}

function serverExtensions(answer: ServerHello12): Uint8Array {
  const { alpn, recordSize, pointFormats, proof, givesTicket, connectionId } = answer;
  const block = new Writer();
  const add = (type: number, body: Writer): void => {
    block.u16(type).vector16(body.bytes());
  };
  add(ExtensionType.renegotiationInfo, new Writer().vector8(new Uint8Array()));
  add(ExtensionType.extendedMasterSecret, new Writer());
  if (pointFormats) {
    add(ExtensionType.ecPointFormats, new Writer().vector8(Uint8Array.of(UNCOMPRESSED_POINTS)));
  }
  if (alpn !== null) {
    const name = Uint8Array.from(alpn, (character) => character.charCodeAt(0));
    add(
      ExtensionType.applicationProtocols,
      new Writer().vector16(new Writer().vector8(name).bytes()),
    );
  }
  for (const [type, body] of typeAnswers(proof)) add(type, body);
  // It says that a response follows, and has none itself (RFC 6066 §8).
  if (proof !== null && proof.ocspResponse !== null) add(ExtensionType.statusRequest, new Writer());
  if (givesTicket) add(ExtensionType.sessionTicket, new Writer());
  if (connectionId !== null) add(ExtensionType.connectionId, new Writer().vector8(connectionId));
  switch (recordSize.kind) {
    case "default":
      break;
    case "fragment":
      add(ExtensionType.maxFragmentLength, new Writer().u8(Math.log2(recordSize.octets) - 8));
      break;
    case "limit":
      // What we take ourselves: whole records.
      add(ExtensionType.recordSizeLimit, new Writer().u16(MAX_PLAINTEXT));
      break;
  }
  return block.bytes();
}

/** What answers a client that spoke of certificate types: the one chosen (RFC 7250 §3). */
export function typeAnswers(proof: Proof | null): (readonly [type: number, body: Writer])[] {
  if (proof === null) return [];
  const { clientType, serverType } = proof;
  const sides = [
    [ExtensionType.clientCertificateType, clientType],
    [ExtensionType.serverCertificateType, serverType],
  ] as const;
  return sides.flatMap(([extension, { type, told }]) =>
    told ? [[extension, new Writer().u8(certificateTypeCode(type))]] : [],
  );
}

/** @param certificates - DER, the sender's own first. @see RFC 5246 §7.4.2 */
export function encodeCertificate(certificates: readonly Uint8Array[]): Uint8Array {
  const list = new Writer();
  for (const certificate of certificates) list.vector24(certificate);
  return handshakeMessage(HandshakeType.certificate, new Writer().vector24(list.bytes()).bytes());
}

/** A Certificate that is a key alone. @param publicKeyInfo - DER. @see RFC 7250 §3 */
export function encodeRawPublicKey(publicKeyInfo: Uint8Array): Uint8Array {
  return handshakeMessage(HandshakeType.certificate, new Writer().vector24(publicKeyInfo).bytes());
}

/** The body that carries an OCSP response, in a message of its own or an extension. @see RFC 6066 §8 */
export function certificateStatus(ocspResponse: Uint8Array): Writer {
  return new Writer().u8(OCSP_STATUS).vector24(ocspResponse);
}

export function encodeCertificateStatus(ocspResponse: Uint8Array): Uint8Array {
  return handshakeMessage(HandshakeType.certificateStatus, certificateStatus(ocspResponse).bytes());
}

/** ServerECDHParams, the part that is signed (RFC 8422 §5.4). */
export function encodeEcdhParams(group: EcdhGroup, publicKey: Uint8Array): Uint8Array {
  return new Writer().u8(NAMED_CURVE).u16(groupCode(group)).vector8(publicKey).bytes();
}

/** @see RFC 8422 §5.4 */
export function encodeServerKeyExchange(
  params: Uint8Array,
  schemeCode: number,
  signature: Uint8Array,
): Uint8Array {
  const body = new Writer().raw(params).u16(schemeCode).vector16(signature);
  return handshakeMessage(HandshakeType.serverKeyExchange, body.bytes());
}

/** Without a hint which key is meant, and without a signature: the key proves the server. @see RFC 5489 §2 */
export function encodePskServerKeyExchange(params: Uint8Array): Uint8Array {
  const body = new Writer().vector16(new Uint8Array()).raw(params);
  return handshakeMessage(HandshakeType.serverKeyExchange, body.bytes());
}

/** @param issued - Null where it was promised, and there is none after all. @see RFC 5077 §3.3 */
export function encodeNewSessionTicket(issued: IssuedTicket | null): Uint8Array {
  const body = new Writer()
    .u32(issued?.lifetimeSeconds ?? 0)
    .vector16(issued?.ticket ?? new Uint8Array());
  return handshakeMessage(HandshakeType.newSessionTicket, body.bytes());
}

/** @param authorities - DER names; none means any. @see RFC 5246 §7.4.4 */
export function encodeCertificateRequest(authorities: readonly Uint8Array[]): Uint8Array {
  const schemes = new Writer();
  for (const { code } of CLIENT_SCHEMES) schemes.u16(code);
  const names = new Writer();
  for (const name of authorities) names.vector16(name);
  const body = new Writer()
    .vector8(Uint8Array.of(ClientCertificateType.ecdsaSign, ClientCertificateType.rsaSign))
    .vector16(schemes.bytes())
    .vector16(names.bytes());
  return handshakeMessage(HandshakeType.certificateRequest, body.bytes());
}

export function encodeServerHelloDone(): Uint8Array {
  return handshakeMessage(HandshakeType.serverHelloDone, new Uint8Array());
}

export function encodeFinished(verifyData: Uint8Array): Uint8Array {
  return handshakeMessage(HandshakeType.finished, verifyData);
}

/**
 * The chain of a client, in buffers of its own; empty where it has none.
 *
 * @throws {@link TlsFailure}
 * @see RFC 5246 §7.4.6
 */
export function parseCertificate(body: Uint8Array): Uint8Array[] {
  const truncated = malformed("Certificate");
  const list = whole(body, truncated, (message) => message.vector24());
  const certificates = new Reader(list, truncated);
  const chain: Uint8Array[] = [];
  while (certificates.remaining > 0) {
    const certificate = certificates.vector24();
    if (certificate.length === 0) throw truncated();
    if (chain.length === MAX_CHAIN_LENGTH) throw TlsFailure.because("chain-too-long");
    chain.push(certificate.slice());
  }
  return chain;
}

/**
 * A client's bare key in a buffer of its own, as a chain of one; empty where it
 * has none.
 *
 * @throws {@link TlsFailure}
 * @see RFC 7250 §3
 */
export function parseRawPublicKey(body: Uint8Array): Uint8Array[] {
  const key = whole(body, malformed("Certificate"), (message) => message.vector24());
  return key.length === 0 ? [] : [key.slice()];
}

/** The client's public key as it stands on the wire. @throws {@link TlsFailure} @see RFC 8422 §5.7 */
export function parseClientKeyExchange(body: Uint8Array): Uint8Array {
  return whole(body, malformed("ClientKeyExchange"), (message) => message.vector8());
}

export interface PskKeyExchange {
  readonly identity: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** @throws {@link TlsFailure} @see RFC 5489 §2 */
export function parsePskClientKeyExchange(body: Uint8Array): PskKeyExchange {
  return whole(body, malformed("ClientKeyExchange"), (message) => ({
    identity: message.vector16(),
    publicKey: message.vector8(),
  }));
}

export interface SignedWith {
  readonly schemeCode: number;
  readonly signature: Uint8Array;
}

/** @throws {@link TlsFailure} @see RFC 5246 §7.4.8 */
export function parseCertificateVerify(body: Uint8Array): SignedWith {
  return whole(body, malformed("CertificateVerify"), (message) => ({
    schemeCode: message.u16(),
    signature: message.vector16(),
  }));
}

/** verify_data, 12 bytes. @throws {@link TlsFailure} @see RFC 5246 §7.4.9 */
export function parseFinished(body: Uint8Array): Uint8Array {
  return whole(body, malformed("Finished"), (message) => message.take(VERIFY_DATA_LENGTH));
}

function malformed(message: string): () => TlsFailure {
  return () => TlsFailure.because("malformed-message", message);
}

/** What `parse` reads from `body`, which must end there. */
function whole<T>(body: Uint8Array, truncated: () => TlsFailure, parse: (message: Reader) => T): T {
  const message = new Reader(body, truncated);
  const value = parse(message);
  if (message.remaining > 0) throw truncated();
  return value;
}
