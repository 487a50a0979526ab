/** The one place from which fuzz targets take DTLS, beside what it shares with TLS. */
export { encodeAck, parseAck } from "../../src/proto/tls/datagram/ack.ts";
export { Association } from "../../src/proto/tls/datagram/association.ts";
export type { DtlsConfig, DtlsInput, DtlsOutput } from "../../src/proto/tls/datagram/dtls.ts";
export {
  encodeConnectionIdExtension,
  encodeNewConnectionId,
  encodeRequestConnectionId,
  parseConnectionIdExtension,
  parseNewConnectionId,
  parseRequestConnectionId,
} from "../../src/proto/tls/datagram/connection-id.ts";
export {
  addCookieField,
  encodeHelloVerify,
  parseHelloVerify,
  splitCookie,
  withCookie,
} from "../../src/proto/tls/datagram/cookie.ts";
export { connectionIdOf, cutDatagram } from "../../src/proto/tls/datagram/cut.ts";
export type { WireRecord } from "../../src/proto/tls/datagram/cut.ts";
export { PlainEpochReader } from "../../src/proto/tls/datagram/epoch.ts";
export type { EpochReader, EpochWriter } from "../../src/proto/tls/datagram/epoch.ts";
export { encodeFragment, parseFragments } from "../../src/proto/tls/datagram/handshake-fragment.ts";
export {
  MAX_MESSAGES_HELD,
  MAX_OCTETS_AHEAD,
  Reassembler,
} from "../../src/proto/tls/datagram/reassembly.ts";
export { EpochReader12, EpochWriter12 } from "../../src/proto/tls/datagram/record12.ts";
export { EpochReader13, EpochWriter13 } from "../../src/proto/tls/datagram/record13.ts";
export { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
export type { EndpointInput, EndpointOutput } from "../../src/proto/tls/datagram/endpoint.ts";
export { DtlsServer } from "../../src/proto/tls/datagram/server.ts";
