/**
 * The TLS server of both versions with all its locks open: any octets, however
 * chunked, go as far as they can; see `open-conversation.ts`. Tickets, pre-shared
 * keys, bare keys and OCSP responses are among its settings.
 */
import { Choices } from "../choices.ts";
import { converse, OPEN_PSK, openSession, OpenStore, sevens } from "../open-conversation.ts";
import { openCrypto } from "../open-crypto.ts";
import { CLIENT_CERTIFICATE, serverConfig, TlsServer } from "../tls.ts";
import type { TlsServerConfig } from "../tls.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const settings = choices.octet();
  const requiresPeer = configFrom(settings).clientCertificate === "required";
  const make = (): TlsServer => new TlsServer(configFrom(settings));
  converse(make, { role: "server", requiresPeer }, choices);
}

/** Two bits each: which versions, and what is asked of the client; then one for each thing more. */
export function configFrom(settings: number): TlsServerConfig {
  const bit = (at: number): boolean => ((settings >> at) & 1) === 1;
  const versions = ([["TLS 1.3", "TLS 1.2"], ["TLS 1.2"], ["TLS 1.3"]] as const)[settings & 3];
  const clientCertificate = (["required", "asked", "none"] as const)[(settings >> 2) & 3];
  const chain = clientCertificate === "none" ? [] : [CLIENT_CERTIFICATE];
  const version = versions?.[0] === "TLS 1.2" ? "TLS 1.2" : "TLS 1.3";
  return serverConfig(openCrypto, {
    random: sevens,
    ...(versions === undefined ? {} : { versions }),
    clientCertificate: clientCertificate ?? "required",
    ...(bit(4) ? { applicationProtocols: ["homeca", "h2"] } : {}),
    ...(bit(5) ? { sessions: new OpenStore(openSession(version, chain)) } : {}),
    ...(bit(6) ? { preSharedKey: (identity) => keyOf(identity) } : {}),
    ...(bit(7)
      ? {
          publicKeyInfo: Uint8Array.of(1, 2, 3),
          clientCertificateTypes: ["raw-public-key", "x509"] as const,
          ocspResponse: () => Uint8Array.of(4, 5, 6),
        }
      : {}),
  });
}

function keyOf(identity: Uint8Array): Uint8Array | null {
  return identity[0] === OPEN_PSK[0] ? new Uint8Array(16) : null;
}
