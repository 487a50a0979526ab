/** The one place from which fuzz targets take TLS. */
export { encodeAlert, parseAlert } from "../../src/proto/tls/alert.ts";
export { parseClientHello } from "../../src/proto/tls/client-hello.ts";
export { ClientHandshake } from "../../src/proto/tls/client/handshake.ts";
export { TlsClient } from "../../src/proto/tls/client.ts";
export type {
  ClientTicket,
  Credential,
  ResumableSession,
  SessionStore,
  TlsClientConfig,
  TlsSession,
  TlsVersion,
} from "../../src/proto/tls/connection.ts";
export { transcriptForm13 } from "../../src/proto/tls/datagram/handshake-fragment.ts";
export { TlsFailure } from "../../src/proto/tls/failure.ts";
export type { Channel } from "../../src/proto/tls/handshake.ts";
export { HandshakeJoiner, handshakeMessageOf } from "../../src/proto/tls/handshake-joiner.ts";
export type { HandshakeMessage } from "../../src/proto/tls/handshake-joiner.ts";
export {
  encodeCertificate,
  encodeFinished,
  handshakeMessage,
  parseCertificate,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
  parsePskClientKeyExchange,
  parseRawPublicKey,
} from "../../src/proto/tls/messages.ts";
export {
  encodeCertificate13,
  encodeCertificateVerify,
  parseCertificate13,
  parseFinished13,
  parseKeyUpdate,
} from "../../src/proto/tls/messages13.ts";
export { Reading12, RecordReader } from "../../src/proto/tls/record.ts";
export { Reading13 } from "../../src/proto/tls/record13.ts";
export { ServerHandshake } from "../../src/proto/tls/server/handshake.ts";
export { TlsServer } from "../../src/proto/tls/server.ts";
export type { TlsInput, TlsOutput, TlsServerConfig } from "../../src/proto/tls/server.ts";
export { MemorySessions } from "../../src/proto/tls/session-store.ts";
export { StreamConnection } from "../../src/proto/tls/stream.ts";
export { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
export { ContentType, ExtensionType, HandshakeType } from "../../src/proto/tls/wire.ts";
export {
  CLIENT_CERTIFICATE,
  clientKey,
  encodeHello,
  ScriptedClient,
  serverConfig,
  serverKey,
} from "../kit/tls-client.ts";
export { Wire13 } from "../kit/tls13-client.ts";
export { clientConfig } from "../kit/tls-pair.ts";
export { parseServerHello, retryWish } from "../../src/proto/tls/server-hello.ts";
export { cookieOf, encodeRetry, parseRetry } from "../../src/proto/tls/server/retry13.ts";
export { encodeImportedIdentity, parseImportedIdentity } from "../../src/proto/tls/psk-import.ts";
export { pskModes, pskOffer } from "../../src/proto/tls/psk-offer.ts";
export { selectedIdentity, serverShare } from "../../src/proto/tls/server-hello.ts";
export {
  parseCertificateRequest12,
  parseCertificateStatus,
  parseNewSessionTicket12,
  parsePskKeyExchange,
  parseServerKeyExchange,
} from "../../src/proto/tls/server-messages12.ts";
export {
  parseCertificateRequest13,
  parseEncryptedExtensions,
  parseNewSessionTicket13,
  parseServerCertificate13,
} from "../../src/proto/tls/server-messages13.ts";
