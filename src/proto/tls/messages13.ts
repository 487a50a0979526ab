/** The handshake messages of TLS 1.3 that follow the ClientHello, both ways. */
import { hex, Reader, utf8, Writer } from "../../base/bytes.ts";
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import type { IssuedTicket } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import { certificateStatus, handshakeMessage, MAX_CHAIN_LENGTH, typeAnswers } from "./messages.ts";
import type { Choice13 } from "./server/negotiate13.ts";
import type { Proof } from "./server/proof.ts";
import { CLIENT_SCHEMES, groupCode } from "./suites.ts";
import type { Suite } from "./suites.ts";
import {
  ExtensionType,
  HandshakeType,
  MAX_PLAINTEXT,
  NULL_COMPRESSION,
  versionCodes,
} from "./wire.ts";
import type { Transport } from "./wire.ts";

/** The random of a ServerHello that is a HelloRetryRequest: SHA-256 of its name (RFC 8446 §4.1.3). */
export const RETRY_RANDOM: Uint8Array = hex(
  "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c",
);

export interface ServerHello13 {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: Suite;
  readonly group: EcdhGroup;
  readonly publicKey: Uint8Array;
  /** The place in the client's list of the key that is taken; null without one (RFC 8446 §4.2.11). */
  readonly psk: number | null;
  /** What the client is to call us by; null for no such extension (RFC 9147 §9). */
  readonly connectionId: Uint8Array | null;
}

/** @see RFC 8446 §4.1.3 */
export function encodeServerHello13(
  { random, sessionId, suite, group, publicKey, psk, connectionId }: ServerHello13,
  transport: Transport = "stream",
): Uint8Array {
  const share = new Writer().u16(groupCode(group)).vector16(publicKey);
  const more = new Writer();
  addExtension(more, ExtensionType.keyShare, share);
  if (psk !== null) addExtension(more, ExtensionType.preSharedKey, new Writer().u16(psk));
  if (connectionId !== null) {
    addExtension(more, ExtensionType.connectionId, new Writer().vector8(connectionId));
  }
  return serverHello(random, sessionId, suite, more, transport);
}

/** What a HelloRetryRequest asks for: at least one of group and cookie. */
export interface RetryRequest {
  readonly sessionId: Uint8Array;
  readonly suite: Suite;
  /** Null where a key that came will do. */
  readonly group: EcdhGroup | null;
  /** Null where the state stays here. */
  readonly cookie: Uint8Array | null;
}

/** @see RFC 8446 §4.1.4 */
export function encodeRetryRequest(
  { sessionId, suite, group, cookie }: RetryRequest,
  transport: Transport = "stream",
): Uint8Array {
  const wanted = new Writer();
  if (group !== null) {
    addExtension(wanted, ExtensionType.keyShare, new Writer().u16(groupCode(group)));
  }
  if (cookie !== null) {
    addExtension(wanted, ExtensionType.cookie, new Writer().vector16(cookie));
  }
  return serverHello(RETRY_RANDOM, sessionId, suite, wanted, transport);
}

function serverHello(
  random: Uint8Array,
  sessionId: Uint8Array,
  suite: Suite,
  more: Writer,
  transport: Transport,
): Uint8Array {
  const { v12, v13 } = versionCodes(transport);
  const extensions = new Writer();
  addExtension(extensions, ExtensionType.supportedVersions, new Writer().u16(v13));
  extensions.raw(more.bytes());
  const body = new Writer()
    .u16(v12)
    .raw(random)
    .vector8(sessionId)
    .u16(suite.code)
    .u8(NULL_COMPRESSION)
    .vector16(extensions.bytes());
  return handshakeMessage(HandshakeType.serverHello, body.bytes());
}

/** The stand-in for a first ClientHello that was answered by a HelloRetryRequest. @see RFC 8446 §4.4.1 */
export function encodeMessageHash(hash: Uint8Array): Uint8Array {
  return handshakeMessage(HandshakeType.messageHash, hash);
}

/** @param proof - Null with a pre-shared key. @see RFC 8446 §4.3.1 */
export function encodeEncryptedExtensions(
  { alpn, recordSize }: Choice13,
  proof: Proof | null,
): Uint8Array {
  const extensions = new Writer();
  for (const [type, body] of typeAnswers(proof)) addExtension(extensions, type, body);
  if (alpn !== null) {
    const name = Uint8Array.from(alpn, (character) => character.charCodeAt(0));
    const list = new Writer().vector8(name).bytes();
    addExtension(extensions, ExtensionType.applicationProtocols, new Writer().vector16(list));
  }
  switch (recordSize.kind) {
    case "default":
      break;
    case "fragment": {
      const code = new Writer().u8(Math.log2(recordSize.octets) - 8);
      addExtension(extensions, ExtensionType.maxFragmentLength, code);
      break;
    }
    case "limit": {
      // What we take ourselves: whole records, and here the type octet counts (RFC 8449 §4).
      const limit = new Writer().u16(MAX_PLAINTEXT + 1);
      addExtension(extensions, ExtensionType.recordSizeLimit, limit);
      break;
    }
  }
  const body = new Writer().vector16(extensions.bytes());
  return handshakeMessage(HandshakeType.encryptedExtensions, body.bytes());
}

/** @param authorities - DER names; none means any. @see RFC 8446 §4.3.2 */
export function encodeCertificateRequest13(authorities: readonly Uint8Array[]): Uint8Array {
  const schemes = new Writer();
  for (const { code } of CLIENT_SCHEMES) schemes.u16(code);
  const extensions = new Writer();
  const list = new Writer().vector16(schemes.bytes());
  addExtension(extensions, ExtensionType.signatureAlgorithms, list);
  if (authorities.length > 0) {
    const names = new Writer();
    for (const name of authorities) names.vector16(name);
    const field = new Writer().vector16(names.bytes());
    addExtension(extensions, ExtensionType.certificateAuthorities, field);
  }
  const body = new Writer().vector8(new Uint8Array()).vector16(extensions.bytes());
  return handshakeMessage(HandshakeType.certificateRequest, body.bytes());
}

/**
 * @param certificates - DER, the sender's own first; or one bare key.
 * @param ocspResponse - For the first of them, where the peer asked (RFC 8446 §4.4.2.1).
 * @see RFC 8446 §4.4.2
 */
export function encodeCertificate13(
  certificates: readonly Uint8Array[],
  ocspResponse: Uint8Array | null = null,
): Uint8Array {
  const list = new Writer();
  for (const [at, certificate] of certificates.entries()) {
    const extensions = new Writer();
    if (at === 0 && ocspResponse !== null) {
      addExtension(extensions, ExtensionType.statusRequest, certificateStatus(ocspResponse));
    }
    list.vector24(certificate).vector16(extensions.bytes());
  }
  const body = new Writer().vector8(new Uint8Array()).vector24(list.bytes());
  return handshakeMessage(HandshakeType.certificate, body.bytes());
}

/** @see RFC 8446 §4.4.3 */
export function encodeCertificateVerify(schemeCode: number, signature: Uint8Array): Uint8Array {
  const body = new Writer().u16(schemeCode).vector16(signature);
  return handshakeMessage(HandshakeType.certificateVerify, body.bytes());
}

/** What a CertificateVerify signs: padding, the signer's role, and the transcript's hash. @see RFC 8446 §4.4.3 */
export function signedContent(role: "client" | "server", transcriptHash: Uint8Array): Uint8Array {
  return new Writer()
    .raw(new Uint8Array(64).fill(0x20))
    .raw(utf8(`TLS 1.3, ${role} CertificateVerify`))
    .u8(0)
    .raw(transcriptHash)
    .bytes();
}

/** Octets of ticket_age_add. */
export const TICKET_AGE_ADD_LENGTH = 4;

/** @param ageAdd - 4 random octets. @param nonce - None twice in a connection. @see RFC 8446 §4.6.1 */
export function encodeNewSessionTicket13(
  { ticket, lifetimeSeconds }: IssuedTicket,
  ageAdd: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const body = new Writer()
    .u32(lifetimeSeconds)
    .raw(ageAdd)
    .vector8(nonce)
    .vector16(ticket)
    .vector16(new Uint8Array());
  return handshakeMessage(HandshakeType.newSessionTicket, body.bytes());
}

/** @param ask - Whether the peer is to change its keys too. @see RFC 8446 §4.6.3 */
export function encodeKeyUpdate(ask: boolean): Uint8Array {
  return handshakeMessage(HandshakeType.keyUpdate, Uint8Array.of(ask ? 1 : 0));
}

/** Whether the peer wants our keys changed too. @throws {@link TlsFailure} @see RFC 8446 §4.6.3 */
export function parseKeyUpdate(body: Uint8Array): boolean {
  if (body.length !== 1) throw malformed("KeyUpdate")();
  if (body[0]! > 1) throw TlsFailure.because("bad-key-update");
  return body[0] === 1;
}

/**
 * The chain of a client, in buffers of its own; empty where it has none.
 *
 * @throws {@link TlsFailure}
 * @see RFC 8446 §4.4.2
 */
export function parseCertificate13(body: Uint8Array): Uint8Array[] {
  const truncated = malformed("Certificate");
  const message = new Reader(body, truncated);
  const context = message.vector8();
  const certificates = new Reader(message.vector24(), truncated);
  if (message.remaining > 0) throw truncated();
  if (context.length > 0) throw TlsFailure.because("certificate-context-not-empty");
  const chain: Uint8Array[] = [];
  while (certificates.remaining > 0) {
    const certificate = certificates.vector24();
    const extensions = certificates.vector16();
    if (certificate.length === 0) throw truncated();
    // Ours asks for none, and an answer to nothing is a fault (RFC 8446 §4.2).
    if (extensions.length > 0) throw TlsFailure.because("unsolicited-extension", "Certificate");
    if (chain.length === MAX_CHAIN_LENGTH) throw TlsFailure.because("chain-too-long");
    chain.push(certificate.slice());
  }
  return chain;
}

/** verify_data of `length` bytes. @throws {@link TlsFailure} @see RFC 8446 §4.4.4 */
export function parseFinished13(body: Uint8Array, length: number): Uint8Array {
  if (body.length !== length) throw malformed("Finished")();
  return body;
}

function addExtension(block: Writer, type: number, body: Writer): void {
  block.u16(type).vector16(body.bytes());
}

function malformed(message: string): () => TlsFailure {
  return () => TlsFailure.because("malformed-message", message);
}
