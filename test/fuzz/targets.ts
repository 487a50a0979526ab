/**
 * Every fuzz target by name. To add one: a file in `targets/` with `fuzz`, a row
 * here, seeds in `seeds.ts` or by hand in `corpus/NAME/`, and what a run finds.
 */
import * as aif from "./targets/aif.ts";
import * as certificate from "./targets/certificate.ts";
import * as change from "./targets/change.ts";
import * as coapEndpoint from "./targets/coap-endpoint.ts";
import * as coapMessage from "./targets/coap-message.ts";
import * as cms from "./targets/cms.ts";
import * as crl from "./targets/crl.ts";
import * as der from "./targets/der.ts";
import * as dtlsAssociation from "./targets/dtls-association.ts";
import * as dtlsEndpoint from "./targets/dtls-endpoint.ts";
import * as dtlsMessages from "./targets/dtls-messages.ts";
import * as dtlsRecords from "./targets/dtls-records.ts";
import * as eapPacket from "./targets/eap-packet.ts";
import * as eapPeer from "./targets/eap-peer.ts";
import * as eapServer from "./targets/eap-server.ts";
import * as httpServer from "./targets/http-server.ts";
import * as imported from "./targets/import.ts";
import * as journal from "./targets/journal.ts";
import * as nft from "./targets/nft.ts";
import * as ocsp from "./targets/ocsp.ts";
import * as path from "./targets/path.ts";
import * as pkcs12 from "./targets/pkcs12.ts";
import * as privateKey from "./targets/private-key.ts";
import * as radiusDisconnect from "./targets/radius-disconnect.ts";
import * as radiusEndpoint from "./targets/radius-endpoint.ts";
import * as radiusPacket from "./targets/radius-packet.ts";
import * as rawKey from "./targets/raw-key.ts";
import * as release from "./targets/release.ts";
import * as request from "./targets/request.ts";
import * as textForms from "./targets/text-forms.ts";
import * as tlsClient from "./targets/tls-client.ts";
import * as tlsClientHello from "./targets/tls-client-hello.ts";
import * as tlsClientOpen from "./targets/tls-client-open.ts";
import * as tlsJoiner from "./targets/tls-joiner.ts";
import * as tlsMessages from "./targets/tls-messages.ts";
import * as tlsPeer12 from "./targets/tls-peer12.ts";
import * as tlsPeer13 from "./targets/tls-peer13.ts";
import * as tlsRecords from "./targets/tls-records.ts";
import * as tlsResumption from "./targets/tls-resumption.ts";
import * as tlsRetry from "./targets/tls-retry.ts";
import * as tlsServer from "./targets/tls-server.ts";
import * as tlsServerMessages from "./targets/tls-server-messages.ts";
import * as ubusConnection from "./targets/ubus-connection.ts";
import * as uci from "./targets/uci.ts";

/** Breaks a promise or returns, for any bytes; it may keep nothing between two calls. */
export type Target = (bytes: Uint8Array) => void;

export const TARGETS: Readonly<Record<string, Target>> = {
  aif: aif.fuzz,
  certificate: certificate.fuzz,
  change: change.fuzz,
  "coap-endpoint": coapEndpoint.fuzz,
  "coap-message": coapMessage.fuzz,
  cms: cms.fuzz,
  crl: crl.fuzz,
  der: der.fuzz,
  "dtls-association": dtlsAssociation.fuzz,
  "dtls-endpoint": dtlsEndpoint.fuzz,
  "dtls-messages": dtlsMessages.fuzz,
  "dtls-records": dtlsRecords.fuzz,
  "eap-packet": eapPacket.fuzz,
  "eap-peer": eapPeer.fuzz,
  "eap-server": eapServer.fuzz,
  "http-server": httpServer.fuzz,
  import: imported.fuzz,
  journal: journal.fuzz,
  nft: nft.fuzz,
  ocsp: ocsp.fuzz,
  path: path.fuzz,
  pkcs12: pkcs12.fuzz,
  "private-key": privateKey.fuzz,
  "radius-disconnect": radiusDisconnect.fuzz,
  "radius-endpoint": radiusEndpoint.fuzz,
  "radius-packet": radiusPacket.fuzz,
  "raw-key": rawKey.fuzz,
  release: release.fuzz,
  request: request.fuzz,
  "text-forms": textForms.fuzz,
  "tls-client": tlsClient.fuzz,
  "tls-client-hello": tlsClientHello.fuzz,
  "tls-client-open": tlsClientOpen.fuzz,
  "tls-joiner": tlsJoiner.fuzz,
  "tls-messages": tlsMessages.fuzz,
  "tls-peer12": tlsPeer12.fuzz,
  "tls-peer13": tlsPeer13.fuzz,
  "tls-records": tlsRecords.fuzz,
  "tls-resumption": tlsResumption.fuzz,
  "tls-retry": tlsRetry.fuzz,
  "tls-server": tlsServer.fuzz,
  "tls-server-messages": tlsServerMessages.fuzz,
  "ubus-connection": ubusConnection.fuzz,
  uci: uci.fuzz,
};
