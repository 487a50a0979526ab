/** What a server answers in the same form in both versions: the values of its extensions. */
import type { Reader, TruncatedFailure } from "../../base/bytes.ts";
import type { CertificateType, TlsClientConfig } from "./connection.ts";
import { hasEmptyExtension, readExtension } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { TlsFailure } from "./failure.ts";
import { CertificateTypeCode, ExtensionType, OCSP_STATUS } from "./wire.ts";

/** A record size limit is at least this (RFC 8449 §4). */
const MIN_RECORD_SIZE_LIMIT = 64;

/** The answers that both versions have, in ServerHello and in EncryptedExtensions. */
export interface Answers {
  readonly alpn: string | null;
  /** Octets of a protected record the server takes; null where it sets no limit. */
  readonly recordSizeLimit: number | null;
  /** What our Certificate is to be, should one be asked for. */
  readonly clientCertificateType: CertificateType;
  /** What the server's Certificate is to be; null where one must not come, since we would take none of that kind. */
  readonly serverCertificateType: CertificateType | null;
}

/** What the answers are held against. */
export interface Asked extends Pick<TlsClientConfig, "applicationProtocols"> {
  readonly clientTypes: readonly CertificateType[];
  readonly serverTypes: readonly CertificateType[];
  /** The largest limit that means something: 2^14, and one more in TLS 1.3. */
  readonly maxRecordSize: number;
}

/** The types {@link readAnswers} reads. */
export const ANSWERED_IN_BOTH: readonly number[] = [
  ExtensionType.serverName,
  ExtensionType.applicationProtocols,
  ExtensionType.recordSizeLimit,
  ExtensionType.clientCertificateType,
  ExtensionType.serverCertificateType,
];

/**
 * @param extensions - Checked already to be answers to what was offered.
 * @throws {@link TlsFailure}
 */
export function readAnswers(
  extensions: Extensions,
  asked: Asked,
  truncated: TruncatedFailure,
): Answers {
  const { applicationProtocols = [], clientTypes, serverTypes, maxRecordSize } = asked;
  const read = <T>(type: number, parse: (body: Reader) => T): T | null =>
    readExtension(extensions, type, truncated, parse);
  hasEmptyExtension(extensions, ExtensionType.serverName, truncated);
  const alpn = read(ExtensionType.applicationProtocols, (body) => protocolName(body, truncated));
  if (alpn !== null && !applicationProtocols.includes(alpn)) {
    throw TlsFailure.because("protocol-not-offered");
  }
  const limit = read(ExtensionType.recordSizeLimit, (body) => body.u16());
  if (limit !== null && (limit < MIN_RECORD_SIZE_LIMIT || limit > maxRecordSize)) {
    throw TlsFailure.because("bad-record-size-limit");
  }
  const client = read(ExtensionType.clientCertificateType, (body) => body.u8());
  const server = read(ExtensionType.serverCertificateType, (body) => body.u8());
  return {
    alpn,
    recordSizeLimit: limit,
    // Unsaid wherever no certificate is asked for (RFC 7250 §4.2).
    clientCertificateType: chosenType(client, clientTypes) ?? "x509",
    serverCertificateType: chosenType(server, serverTypes),
  };
}

/** Exactly one name. @see RFC 7301 §3.1 */
function protocolName(body: Reader, truncated: TruncatedFailure): string {
  const octets = body.vector16();
  const length = octets[0] ?? 0;
  if (length === 0 || octets.length !== 1 + length) throw truncated(body.at);
  return Array.from(octets.subarray(1), (octet) => String.fromCharCode(octet)).join("");
}

/**
 * Without an answer certificates are meant, whatever was offered (RFC 7250
 * §4.2): null where they were not. That is no fault yet, for a session that is
 * resumed and a pre-shared key leave no Certificate to speak of.
 */
function chosenType(
  code: number | null,
  offered: readonly CertificateType[],
): CertificateType | null {
  if (code === null) return offered.includes("x509") ? "x509" : null;
  const type = code === CertificateTypeCode.rawPublicKey ? "raw-public-key" : "x509";
  const known = code === CertificateTypeCode.x509 || type === "raw-public-key";
  if (!known || !offered.includes(type)) {
    throw TlsFailure.because("certificate-type-not-offered");
  }
  return type;
}

/** The OCSPResponse of a CertificateStatus, in a buffer of its own. @see RFC 6066 §8 */
export function readCertificateStatus(body: Reader, truncated: TruncatedFailure): Uint8Array {
  if (body.u8() !== OCSP_STATUS) throw truncated(body.at);
  const response = body.vector24();
  if (response.length === 0) throw truncated(body.at);
  return response.slice();
}

/** Signature schemes by number: at least one. */
export function readSchemes(body: Reader, truncated: TruncatedFailure): number[] {
  const octets = body.vector16();
  if (octets.length === 0 || octets.length % 2 !== 0) throw truncated(body.at);
  return Array.from({ length: octets.length / 2 }, (_, at) => {
    return octets[2 * at]! * 256 + octets[2 * at + 1]!;
  });
}
