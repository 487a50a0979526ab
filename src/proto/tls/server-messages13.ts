/** Reads the messages that only a server of TLS 1.3 sends. */
import { Reader } from "../../base/bytes.ts";
import { checkAnswers, parseExtensions, readAuthorities, readExtension } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { TlsFailure } from "./failure.ts";
import { MAX_CHAIN_LENGTH } from "./messages.ts";
import {
  ANSWERED_IN_BOTH,
  readAnswers,
  readCertificateStatus,
  readSchemes,
} from "./server-messages.ts";
import type { Answers, Asked } from "./server-messages.ts";
import { ExtensionType } from "./wire.ts";

const malformed =
  (message: string): (() => TlsFailure) =>
  () =>
    TlsFailure.because("malformed-message", message);

/** @throws {@link TlsFailure} @see RFC 8446 §4.3.1 */
export function parseEncryptedExtensions(
  body: Uint8Array,
  offered: ReadonlySet<number>,
  asked: Asked,
): Answers {
  const truncated = malformed("EncryptedExtensions");
  const message = new Reader(body, truncated);
  const extensions = parseExtensions(message.vector16(), truncated);
  if (message.remaining > 0) throw truncated();
  // The server's groups are a hint for other connections (RFC 8446 §4.2.7).
  checkAnswers(extensions, offered, [...ANSWERED_IN_BOTH, ExtensionType.supportedGroups]);
  return readAnswers(extensions, asked, truncated);
}

/** Those that we know and that have no place in a CertificateRequest; what we do not know is ignored. */
const NOT_OF_REQUESTS: readonly number[] = [
  ExtensionType.serverName,
  ExtensionType.maxFragmentLength,
  ExtensionType.supportedGroups,
  ExtensionType.applicationProtocols,
  ExtensionType.clientCertificateType,
  ExtensionType.serverCertificateType,
  ExtensionType.recordSizeLimit,
  ExtensionType.preSharedKey,
  ExtensionType.earlyData,
  ExtensionType.supportedVersions,
  ExtensionType.cookie,
  ExtensionType.pskKeyExchangeModes,
  ExtensionType.keyShare,
];

/**
 * The signature schemes by number that the server takes from us.
 *
 * @throws {@link TlsFailure}
 * @see RFC 8446 §4.3.2
 */
export function parseCertificateRequest13(body: Uint8Array): number[] {
  const truncated = malformed("CertificateRequest");
  const message = new Reader(body, truncated);
  const context = message.vector8();
  const extensions = parseExtensions(message.vector16(), truncated);
  if (message.remaining > 0) throw truncated();
  // One that is not empty belongs to authentication after the handshake.
  if (context.length > 0) throw TlsFailure.because("certificate-context-not-empty");
  const misplaced = NOT_OF_REQUESTS.find((type) => extensions.has(type));
  if (misplaced !== undefined) throw TlsFailure.because("misplaced-extension", `${misplaced}`);
  const { signatureAlgorithms, certificateAuthorities } = ExtensionType;
  readExtension(extensions, certificateAuthorities, truncated, (field) => {
    readAuthorities(field, truncated);
  });
  const schemes = readExtension(extensions, signatureAlgorithms, truncated, (field) =>
    readSchemes(field, truncated),
  );
  if (schemes === null) throw TlsFailure.because("missing-extension", "signature_algorithms");
  return schemes;
}

/** What a server shows of itself, in buffers of its own. */
export interface ServerCertificate {
  /** DER certificates, the server's own first; one SubjectPublicKeyInfo for a raw public key. Never empty. */
  readonly chain: readonly Uint8Array[];
  readonly ocspResponse: Uint8Array | null;
}

/** @throws {@link TlsFailure} @see RFC 8446 §4.4.2 */
export function parseServerCertificate13(
  body: Uint8Array,
  offered: ReadonlySet<number>,
): ServerCertificate {
  const truncated = malformed("Certificate");
  const message = new Reader(body, truncated);
  const context = message.vector8();
  const entries = new Reader(message.vector24(), truncated);
  if (message.remaining > 0) throw truncated();
  if (context.length > 0) throw TlsFailure.because("certificate-context-not-empty");
  const chain: Uint8Array[] = [];
  let ocspResponse: Uint8Array | null = null;
  while (entries.remaining > 0) {
    const certificate = entries.vector24();
    const extensions = parseExtensions(entries.vector16(), truncated);
    if (certificate.length === 0) throw truncated();
    if (chain.length === MAX_CHAIN_LENGTH) throw TlsFailure.because("chain-too-long");
    checkAnswers(extensions, offered, [ExtensionType.statusRequest]);
    const status = certificateStatus(extensions, truncated);
    // Those of the CAs above are nothing to us.
    if (chain.length === 0) ocspResponse = status;
    chain.push(certificate.slice());
  }
  if (chain.length === 0) throw TlsFailure.because("server-certificate-missing");
  return { chain, ocspResponse };
}

function certificateStatus(extensions: Extensions, truncated: () => TlsFailure): Uint8Array | null {
  return readExtension(extensions, ExtensionType.statusRequest, truncated, (field) =>
    readCertificateStatus(field, truncated),
  );
}

/** @see RFC 8446 §4.6.1 */
export interface NewSessionTicket13 {
  readonly lifetimeSeconds: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  /** At least one octet. */
  readonly ticket: Uint8Array;
}

/** Seven days (RFC 8446 §4.6.1). */
const MAX_LIFETIME_SECONDS = 604_800;

/** In buffers of its own. @throws {@link TlsFailure} */
export function parseNewSessionTicket13(body: Uint8Array): NewSessionTicket13 {
  const truncated = malformed("NewSessionTicket");
  const message = new Reader(body, truncated);
  const lifetimeSeconds = message.u32();
  const ageAdd = message.u32();
  const nonce = message.vector8().slice();
  const ticket = message.vector16().slice();
  // Early data, should the server offer any, is not for us; other extensions are ignored.
  parseExtensions(message.vector16(), truncated);
  if (message.remaining > 0 || ticket.length === 0) throw truncated();
  if (lifetimeSeconds > MAX_LIFETIME_SECONDS) {
    throw TlsFailure.because("bad-ticket", "it would live for more than seven days");
  }
  return { lifetimeSeconds, ageAdd, nonce, ticket };
}
