/** The numbers of TLS as its standards assign them. What we chose ourselves stands beside its use. */

/** DTLS counts as the TLS it is made of: which of the two a connection speaks is its {@link Transport}. */
export type TlsVersion = "TLS 1.2" | "TLS 1.3";

/** What carries the records: TLS over a stream, DTLS over datagrams. */
export type Transport = "stream" | "datagram";

/** The version on the wire and in every record after the hellos (RFC 5246 §6.2.1). */
export const TLS_1_2 = 0x0303;

/** It stands in supported_versions alone (RFC 8446 §4.2.1). */
export const TLS_1_3 = 0x0304;

/** Versions of DTLS count downwards (RFC 6347 §4.1, RFC 9147 §5.3). */
export const DTLS_1_2 = 0xfefd;
export const DTLS_1_3 = 0xfefc;

/** The version numbers of a transport. */
export function versionCodes(transport: Transport): { readonly v12: number; readonly v13: number } {
  return transport === "stream" ? { v12: TLS_1_2, v13: TLS_1_3 } : { v12: DTLS_1_2, v13: DTLS_1_3 };
}

/** Octets of a record's plaintext at most (RFC 5246 §6.2.1). */
export const MAX_PLAINTEXT: number = 2 ** 14;

/** Octets in front of a record's fragment: type, version, length. */
export const RECORD_HEADER_LENGTH = 5;

/** Octets in front of a handshake message's body: type, length. */
export const HANDSHAKE_HEADER_LENGTH = 4;

/** Says that a client offers less than it could, for it has failed with more (RFC 7507 §2). */
export const FALLBACK_SCSV = 0x5600;

export const RANDOM_LENGTH = 32;
/** The end of the random in which a server of TLS 1.3 answers with TLS 1.2 (RFC 8446 §4.1.3). */
export const DOWNGRADE_TO_12: Uint8Array = Uint8Array.of(
  ...[0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01],
);
/** Likewise where it answers with a version before that. */
export const DOWNGRADE_TO_11: Uint8Array = Uint8Array.of(
  ...[0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x00],
);
export const MAX_SESSION_ID_LENGTH = 32;
export const MASTER_SECRET_LENGTH = 48;
/** Octets of verify_data (RFC 5246 §7.4.9); no suite here asks for more. */
export const VERIFY_DATA_LENGTH = 12;

/** @see RFC 5246 §6.2.1 */
export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;
export type ContentType = (typeof ContentType)[keyof typeof ContentType];

/** @see RFC 5246 §7.4 */
export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  /** RFC 6347 §4.2.1 */
  helloVerifyRequest: 3,
  /** RFC 8446 §4.6.1 */
  newSessionTicket: 4,
  /** RFC 8446 §4.3.1 */
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  /** RFC 6066 §8 */
  certificateStatus: 22,
  /** RFC 8446 §4.6.3 */
  keyUpdate: 24,
  /** Never sent: it stands for the first ClientHello in the transcript (RFC 8446 §4.4.1). */
  messageHash: 254,
} as const;
export type HandshakeType = (typeof HandshakeType)[keyof typeof HandshakeType];

/** The extensions we speak; all others of a ClientHello are ignored. */
export const ExtensionType = {
  /** RFC 6066 §3 */
  serverName: 0,
  /** RFC 6066 §4 */
  maxFragmentLength: 1,
  /** RFC 6066 §8 */
  statusRequest: 5,
  /** RFC 8422 §5.1.1 */
  supportedGroups: 10,
  /** RFC 8422 §5.1.2 */
  ecPointFormats: 11,
  /** RFC 5246 §7.4.1.4.1 */
  signatureAlgorithms: 13,
  /** RFC 7301 §3.1 */
  applicationProtocols: 16,
  /** RFC 7250 §3 */
  clientCertificateType: 19,
  serverCertificateType: 20,
  /** RFC 7627 §5.1 */
  extendedMasterSecret: 23,
  /** RFC 8449 §4 */
  recordSizeLimit: 28,
  /** RFC 5077 §3.2 */
  sessionTicket: 35,
  /** RFC 8446 §4.2.11 */
  preSharedKey: 41,
  /** RFC 8446 §4.2.10 */
  earlyData: 42,
  /** RFC 8446 §4.2.1 */
  supportedVersions: 43,
  /** RFC 8446 §4.2.2 */
  cookie: 44,
  /** RFC 8446 §4.2.9 */
  pskKeyExchangeModes: 45,
  /** RFC 8446 §4.2.4 */
  certificateAuthorities: 47,
  /** RFC 8446 §4.2.3 */
  signatureAlgorithmsCert: 50,
  /** RFC 8446 §4.2.8 */
  keyShare: 51,
  /** RFC 9146 §3 */
  connectionId: 54,
  /** RFC 5746 §3.2 */
  renegotiationInfo: 0xff01,
} as const;

/** The suite value that stands for an empty renegotiation_info (RFC 5746 §3.3). */
export const EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;

/** CertificateType (RFC 7250 §3, RFC 6091 §6); 1 was OpenPGP's. */
export const CertificateTypeCode = { x509: 0, rawPublicKey: 2 } as const;

/** CertificateStatusType (RFC 6066 §8). */
export const OCSP_STATUS = 1;

/** The one compression method (RFC 5246 §6.1) and the one point format (RFC 8422 §5.1.2): both are 0. */
export const NULL_COMPRESSION = 0;
export const UNCOMPRESSED_POINTS = 0;

/** ECCurveType.named_curve (RFC 8422 §5.4). */
export const NAMED_CURVE = 3;

/** ClientCertificateType (RFC 5246 §7.4.4, RFC 8422 §5.5). */
export const ClientCertificateType = { rsaSign: 1, ecdsaSign: 64 } as const;
