/** The one place from which fuzz targets take TLS. */
export { encodeAlert, parseAlert } from "../../src/proto/tls/alert.ts";
export { parseClientHello } from "../../src/proto/tls/client-hello.ts";
export { TlsFailure } from "../../src/proto/tls/failure.ts";
export { HandshakeJoiner } from "../../src/proto/tls/handshake-joiner.ts";
export {
  encodeCertificate,
  encodeFinished,
  handshakeMessage,
  parseCertificate,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
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
export { TlsServer } from "../../src/proto/tls/server.ts";
export type { TlsInput, TlsOutput, TlsServerConfig } from "../../src/proto/tls/server.ts";
export { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
export { ContentType, HandshakeType } from "../../src/proto/tls/wire.ts";
export {
  CLIENT_CERTIFICATE,
  clientKey,
  encodeHello,
  ScriptedClient,
  serverConfig,
} from "../kit/tls-client.ts";
export { Wire13 } from "../kit/tls13-client.ts";
