/**
 * Reads a ClientHello. It checks form, and what is wrong whoever the server
 * is; what is chosen from it is `negotiate.ts`.
 *
 * @see RFC 5246 §7.4.1.2
 */
import { Reader } from "../../base/bytes.ts";
import { readAuthorities } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { TlsFailure } from "./failure.ts";
import { pskModes, pskOffer } from "./psk-offer.ts";
import type { PskOffer } from "./psk-offer.ts";
import {
  CertificateTypeCode,
  EMPTY_RENEGOTIATION_INFO_SCSV,
  ExtensionType,
  MAX_PLAINTEXT,
  MAX_SESSION_ID_LENGTH,
  NULL_COMPRESSION,
  OCSP_STATUS,
  RANDOM_LENGTH,
  UNCOMPRESSED_POINTS,
} from "./wire.ts";

/** A client's offer; null where an extension is absent. */
export interface ClientHello {
  /** The legacy version field: the highest the client speaks up to TLS 1.2. */
  readonly version: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  /** legacy_session_id, 0 to 32 bytes; TLS 1.3 sends it back. */
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly compressions: Uint8Array;
  readonly serverName: string | null;
  readonly supportedVersions: readonly number[] | null;
  readonly groups: readonly number[] | null;
  readonly pointFormats: boolean;
  readonly signatureSchemes: readonly number[] | null;
  /** One character per octet. */
  readonly applicationProtocols: readonly string[] | null;
  /** Octets of plaintext per record in both directions: 512, 1024, 2048 or 4096. */
  readonly maxFragmentLength: number | null;
  /** Octets of plaintext per protected record that the client takes: 64 to 2^14. */
  readonly recordSizeLimit: number | null;
  readonly extendedMasterSecret: boolean;
  /** Whether the client knows secure renegotiation, by extension or by suite value. */
  readonly secureRenegotiation: boolean;
  readonly keyShares: readonly KeyShare[] | null;
  /** Whether the client wants an OCSP response with our certificate (RFC 6066 §8). */
  readonly asksOcsp: boolean;
  /** Types of certificate by number, in the client's order: of its own, and of ours (RFC 7250 §3). */
  readonly clientCertificateTypes: readonly number[] | null;
  readonly serverCertificateTypes: readonly number[] | null;
  /** A ticket of TLS 1.2; empty where the client has none but takes one (RFC 5077 §3.2). */
  readonly sessionTicket: Uint8Array | null;
  readonly preSharedKeys: PskOffer | null;
  /** How the client uses pre-shared keys, by number (RFC 8446 §4.2.9). */
  readonly pskModes: readonly number[] | null;
  /** All of them by type, in the order they came in: TLS 1.3 compares two hellos. */
  readonly extensions: Extensions;
}

/** @see RFC 8446 §4.2.8 */
export interface KeyShare {
  readonly group: number;
  readonly publicKey: Uint8Array;
}

/** Octets of a DNS name at most (RFC 1035 §2.3.4). */
const MAX_SERVER_NAME_LENGTH = 255;
const HOST_NAME = 0;

/** @see RFC 8449 §4 */
const MIN_RECORD_SIZE_LIMIT = 64;

export type { Extensions } from "./extensions.ts";

const malformed = (): TlsFailure => TlsFailure.because("malformed-message", "ClientHello");

/**
 * @param body - The message without its header. The result borrows from it.
 * @throws {@link TlsFailure}
 */
export function parseClientHello(body: Uint8Array): ClientHello {
  const hello = new Reader(body, malformed);
  const version = hello.u16();
  const random = hello.take(RANDOM_LENGTH);
  const sessionId = hello.vector8();
  if (sessionId.length > MAX_SESSION_ID_LENGTH) throw TlsFailure.because("session-id-too-long");
  const suites = numbers16(hello.vector16());
  const compressions = hello.vector8();
  const extensions = parseExtensions(hello);
  read(extensions, ExtensionType.certificateAuthorities, (field) => {
    readAuthorities(field, malformed);
  });
  if (!compressions.includes(NULL_COMPRESSION))
    throw TlsFailure.because("null-compression-missing");

  return {
    version,
    random,
    sessionId,
    suites,
    compressions,
    serverName: read(extensions, ExtensionType.serverName, serverName),
    supportedVersions: read(extensions, ExtensionType.supportedVersions, supportedVersions),
    groups: read(extensions, ExtensionType.supportedGroups, numberList),
    pointFormats: read(extensions, ExtensionType.ecPointFormats, pointFormats) ?? false,
    signatureSchemes: read(extensions, ExtensionType.signatureAlgorithms, numberList),
    applicationProtocols: read(extensions, ExtensionType.applicationProtocols, protocolNames),
    maxFragmentLength: read(extensions, ExtensionType.maxFragmentLength, maxFragmentLength),
    recordSizeLimit: read(extensions, ExtensionType.recordSizeLimit, recordSizeLimit),
    extendedMasterSecret:
      read(extensions, ExtensionType.extendedMasterSecret, (field) => {
        if (field.remaining > 0) throw malformed();
        return true;
      }) ?? false,
    secureRenegotiation:
      read(extensions, ExtensionType.renegotiationInfo, renegotiationInfo) ??
      suites.includes(EMPTY_RENEGOTIATION_INFO_SCSV),
    keyShares: read(extensions, ExtensionType.keyShare, keyShares),
    asksOcsp: read(extensions, ExtensionType.statusRequest, statusRequest) ?? false,
    clientCertificateTypes: read(extensions, ExtensionType.clientCertificateType, certificateTypes),
    serverCertificateTypes: read(extensions, ExtensionType.serverCertificateType, certificateTypes),
    sessionTicket: extensions.get(ExtensionType.sessionTicket) ?? null,
    preSharedKeys: read(extensions, ExtensionType.preSharedKey, pskOffer),
    pskModes: read(extensions, ExtensionType.pskKeyExchangeModes, pskModes),
    extensions,
  };
}

function parseExtensions(hello: Reader): Extensions {
  const extensions = new Map<number, Uint8Array>();
  if (hello.remaining === 0) return extensions;
  const block = new Reader(hello.vector16(), malformed);
  if (hello.remaining > 0) throw malformed();
  while (block.remaining > 0) {
    const type = block.u16();
    const body = block.vector16();
    if (extensions.has(type)) throw TlsFailure.because("duplicate-extension", `${type}`);
    extensions.set(type, body);
  }
  return extensions;
}

/** An extension's value, read to its last octet; null where the extension is absent. */
function read<T>(extensions: Extensions, type: number, parse: (body: Reader) => T): T | null {
  const body = extensions.get(type);
  if (body === undefined) return null;
  const field = new Reader(body, malformed);
  const value = parse(field);
  if (field.remaining > 0) throw malformed();
  return value;
}

/** One or more 16-bit numbers. */
function numbers16(bytes: Uint8Array): number[] {
  const list = new Reader(bytes, malformed);
  const numbers: number[] = [];
  do numbers.push(list.u16());
  while (list.remaining > 0);
  return numbers;
}

function numberList(body: Reader): number[] {
  return numbers16(body.vector16());
}

/** One or more octets, each a number. */
function octetList(body: Reader): number[] {
  const list = body.vector8();
  if (list.length === 0) throw malformed();
  return [...list];
}

/** One that names certificates alone says what is meant without it, and must not be sent. @see RFC 7250 §4.1 */
function certificateTypes(body: Reader): number[] {
  const types = octetList(body);
  if (types.length === 1 && types[0] === CertificateTypeCode.x509) {
    throw TlsFailure.because("bad-certificate-types");
  }
  return types;
}

/** Only responses of OCSP are known; another type has a form of its own. @see RFC 6066 §8 */
function statusRequest(body: Reader): boolean {
  if (body.u8() !== OCSP_STATUS) {
    body.rest();
    return false;
  }
  // Responders and extensions are hints: there is one response, or none.
  body.vector16();
  body.vector16();
  return true;
}

function supportedVersions(body: Reader): number[] {
  return numbers16(body.vector8());
}

/** @see RFC 8446 §4.2.8; an empty list asks for a HelloRetryRequest */
function keyShares(body: Reader): KeyShare[] {
  const list = new Reader(body.vector16(), malformed);
  const shares: KeyShare[] = [];
  while (list.remaining > 0) {
    const group = list.u16();
    const publicKey = list.vector16();
    if (publicKey.length === 0) throw malformed();
    shares.push({ group, publicKey });
  }
  return shares;
}

/** @see RFC 6066 §3 */
function serverName(body: Reader): string | null {
  const list = new Reader(body.vector16(), malformed);
  let name: string | null = null;
  do {
    const type = list.u8();
    const value = list.vector16();
    // Other types of name have the same form (RFC 6066 §3) and mean nothing to us.
    if (type !== HOST_NAME) continue;
    if (name !== null) throw TlsFailure.because("bad-server-name", "two host names");
    name = hostName(value);
  } while (list.remaining > 0);
  return name;
}

function hostName(value: Uint8Array): string {
  if (value.length === 0) throw malformed();
  // Names are ASCII, internationalized ones as A-labels: a space, a control or an octet above is none of a name's.
  const good =
    value.length <= MAX_SERVER_NAME_LENGTH && value.every((octet) => octet > 0x20 && octet < 0x7f);
  if (!good) throw TlsFailure.because("bad-server-name");
  return octetText(value).toLowerCase();
}

/** @see RFC 8422 §5.1.2 */
function pointFormats(body: Reader): true {
  const formats = body.vector8();
  if (formats.length === 0) throw malformed();
  if (!formats.includes(UNCOMPRESSED_POINTS)) {
    throw TlsFailure.because("uncompressed-points-missing");
  }
  return true;
}

/** @see RFC 7301 §3.1 */
function protocolNames(body: Reader): string[] {
  const list = new Reader(body.vector16(), malformed);
  const names: string[] = [];
  do {
    const name = list.vector8();
    if (name.length === 0) throw malformed();
    names.push(octetText(name));
  } while (list.remaining > 0);
  return names;
}

/** @see RFC 6066 §4 */
function maxFragmentLength(body: Reader): number {
  const code = body.u8();
  if (code < 1 || code > 4) throw TlsFailure.because("bad-max-fragment-length");
  return 2 ** (8 + code);
}

/** A limit above the protocol's own is one for another version or extension, not a fault (RFC 8449 §4). */
function recordSizeLimit(body: Reader): number {
  const limit = body.u16();
  if (limit < MIN_RECORD_SIZE_LIMIT) throw TlsFailure.because("bad-record-size-limit");
  return Math.min(limit, MAX_PLAINTEXT);
}

/** Nothing was negotiated before, so nothing can be repeated (RFC 5746 §3.6). */
function renegotiationInfo(body: Reader): true {
  if (body.vector8().length > 0) throw TlsFailure.because("renegotiation-info-not-empty");
  return true;
}

function octetText(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => String.fromCharCode(octet)).join("");
}
