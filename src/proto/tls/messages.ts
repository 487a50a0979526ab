/** The handshake messages of TLS 1.2 that follow the ClientHello, both ways. */
import { Reader, Writer } from "../../base/bytes.ts";
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import { TlsFailure } from "./failure.ts";
import type { Choice } from "./server/negotiate12.ts";
import { CLIENT_SCHEMES, groupCode } from "./suites.ts";
import {
  ClientCertificateType,
  ExtensionType,
  HandshakeType,
  MAX_PLAINTEXT,
  NAMED_CURVE,
  NULL_COMPRESSION,
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

/**
 * ServerHello: no session id, for there is no session to come back to, and
 * those extensions only that the client sent (or, for renegotiation_info,
 * stood in for with the suite value).
 *
 * @see RFC 5246 §7.4.1.3
 */
export function encodeServerHello(
  random: Uint8Array,
  choice: Choice,
  transport: Transport = "stream",
): Uint8Array {
  const body = new Writer()
    .u16(versionCodes(transport).v12)
    .raw(random)
    .vector8(new Uint8Array())
    .u16(choice.suite.code)
    .u8(NULL_COMPRESSION)
    .vector16(serverExtensions(choice));
  return handshakeMessage(HandshakeType.serverHello, body.bytes());
}

function serverExtensions({ alpn, recordSize, pointFormats }: Choice): Uint8Array {
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

/** @param certificates - DER, the sender's own first. @see RFC 5246 §7.4.2 */
export function encodeCertificate(certificates: readonly Uint8Array[]): Uint8Array {
  const list = new Writer();
  for (const certificate of certificates) list.vector24(certificate);
  return handshakeMessage(HandshakeType.certificate, new Writer().vector24(list.bytes()).bytes());
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

/** The client's public key as it stands on the wire. @throws {@link TlsFailure} @see RFC 8422 §5.7 */
export function parseClientKeyExchange(body: Uint8Array): Uint8Array {
  return whole(body, malformed("ClientKeyExchange"), (message) => message.vector8());
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
