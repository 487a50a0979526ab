/**
 * The TLS client of both versions with all its locks open: any octets of a
 * server's, however chunked, go as far as they can; see `open-conversation.ts`.
 * A ticket, a pre-shared key, bare keys and OCSP are among its settings.
 */
import { Choices } from "../choices.ts";
import { converse, OPEN_PSK, OPEN_TICKET, openSession, sevens } from "../open-conversation.ts";
import { openCrypto } from "../open-crypto.ts";
import { CLIENT_CERTIFICATE, clientConfig, clientKey, TlsClient } from "../tls.ts";
import type { TlsClientConfig } from "../tls.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const settings = choices.octet();
  const make = (): TlsClient => new TlsClient(configFrom(settings));
  converse(make, { role: "client", requiresPeer: true }, choices);
}

/** Two bits for the versions; then one for each thing more. */
export function configFrom(settings: number): TlsClientConfig {
  const bit = (at: number): boolean => ((settings >> at) & 1) === 1;
  const versions = ([["TLS 1.3", "TLS 1.2"], ["TLS 1.2"], ["TLS 1.3"]] as const)[settings & 3];
  const session = openSession(versions?.[0] === "TLS 1.2" ? "TLS 1.2" : "TLS 1.3", [
    CLIENT_CERTIFICATE,
  ]);
  const ticket = { ticket: OPEN_TICKET, session, lifetimeSeconds: 600, ageAdd: 0 };
  const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(openCrypto) };
  const bare = { publicKeyInfo: Uint8Array.of(1, 2, 3) };
  return clientConfig(openCrypto, {
    random: sevens,
    serverName: null,
    ...(versions === undefined ? {} : { versions }),
    credential: bit(2) ? { ...credential, ...(bit(6) ? bare : {}) } : null,
    ...(bit(3) ? { applicationProtocols: ["homeca", "h2"] } : {}),
    ...(bit(4) ? { resume: { ticket, ageMs: 1000 } } : {}),
    ...(bit(5) ? { preSharedKey: { identity: OPEN_PSK, key: new Uint8Array(16) } } : {}),
    ...(bit(6) ? { serverCertificateTypes: ["raw-public-key", "x509"] as const } : {}),
    asksOcsp: bit(7),
  });
}
