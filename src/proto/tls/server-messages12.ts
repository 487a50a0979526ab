/** Reads the messages that only a server of TLS 1.2 sends. */
import { Reader } from "../../base/bytes.ts";
import { TlsFailure } from "./failure.ts";
import { readCertificateStatus, readSchemes } from "./server-messages.ts";
import { NAMED_CURVE } from "./wire.ts";

const malformed =
  (message: string): (() => TlsFailure) =>
  () =>
    TlsFailure.because("malformed-message", message);

/** @see RFC 5246 §7.4.4 */
export interface CertificateRequest12 {
  /** ClientCertificateType by number. */
  readonly types: readonly number[];
  /** By number. */
  readonly schemes: readonly number[];
}

/** The names of CAs are for whoever has several certificates. @throws {@link TlsFailure} */
export function parseCertificateRequest12(body: Uint8Array): CertificateRequest12 {
  const truncated = malformed("CertificateRequest");
  const message = new Reader(body, truncated);
  const types = [...message.vector8()];
  const schemes = readSchemes(message, truncated);
  const names = new Reader(message.vector16(), truncated);
  if (message.remaining > 0 || types.length === 0) throw truncated();
  while (names.remaining > 0) if (names.vector16().length === 0) throw truncated();
  return { types, schemes };
}

/** ServerECDHParams; the parts borrow from the message. @see RFC 8422 §5.4 */
export interface EcdhParams {
  /** NamedGroup by number. */
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** As they stand there: what is signed. */
  readonly octets: Uint8Array;
}

export interface SignedKeyExchange {
  readonly params: EcdhParams;
  readonly schemeCode: number;
  readonly signature: Uint8Array;
}

/** @throws {@link TlsFailure} @see RFC 8422 §5.4 */
export function parseServerKeyExchange(body: Uint8Array): SignedKeyExchange {
  const truncated = malformed("ServerKeyExchange");
  const message = new Reader(body, truncated);
  const params = ecdhParams(message, body);
  const schemeCode = message.u16();
  const signature = message.vector16();
  if (message.remaining > 0) throw truncated();
  return { params, schemeCode, signature };
}

/** The hint is for clients with several keys. @throws {@link TlsFailure} @see RFC 5489 §2 */
export function parsePskKeyExchange(body: Uint8Array): EcdhParams {
  const truncated = malformed("ServerKeyExchange");
  const message = new Reader(body, truncated);
  message.vector16();
  const params = ecdhParams(message, body);
  if (message.remaining > 0) throw truncated();
  return params;
}

function ecdhParams(message: Reader, body: Uint8Array): EcdhParams {
  const from = message.at;
  // Curves without a name went with RFC 8422 §5.4.
  if (message.u8() !== NAMED_CURVE) throw TlsFailure.because("group-not-offered", "no named curve");
  const group = message.u16();
  const publicKey = message.vector8();
  return { group, publicKey, octets: body.subarray(from, message.at) };
}

/** The OCSPResponse, in a buffer of its own. @throws {@link TlsFailure} @see RFC 6066 §8 */
export function parseCertificateStatus(body: Uint8Array): Uint8Array {
  const truncated = malformed("CertificateStatus");
  const message = new Reader(body, truncated);
  const response = readCertificateStatus(message, truncated);
  if (message.remaining > 0) throw truncated();
  return response;
}

/** @see RFC 5077 §3.3 */
export interface NewSessionTicket12 {
  /** A hint; 0 says nothing about it. */
  readonly lifetimeSeconds: number;
  /** In a buffer of its own; empty where the server has thought better of it. */
  readonly ticket: Uint8Array;
}

/** @throws {@link TlsFailure} */
export function parseNewSessionTicket12(body: Uint8Array): NewSessionTicket12 {
  const truncated = malformed("NewSessionTicket");
  const message = new Reader(body, truncated);
  const lifetimeSeconds = message.u32();
  const ticket = message.vector16().slice();
  if (message.remaining > 0) throw truncated();
  return { lifetimeSeconds, ticket };
}

/** @throws {@link TlsFailure} */
export function parseEmpty(name: string, body: Uint8Array): void {
  if (body.length > 0) throw malformed(name)();
}
