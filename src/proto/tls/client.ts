/** A TLS client over a stream, of either version. */
import type { Machine, Mono } from "../../base/machine.ts";
import { ClientHandshake } from "./client/handshake.ts";
import type { TlsClientConfig, TlsInput, TlsOutput } from "./connection.ts";
import { MAX_EXTERNAL_IDENTITY_LENGTH } from "./psk-import.ts";
import { StreamConnection } from "./stream.ts";
import {
  DEFAULT_GROUPS,
  DEFAULT_SUITES_13,
  DEFAULT_SUITES_CLIENT,
  DEFAULT_VERSIONS,
} from "./suites.ts";

export type {
  ClientTicket,
  TlsClientConfig,
  TlsInput,
  TlsOutput,
  TlsSession,
  TlsVersion,
} from "./connection.ts";

/**
 * One connection; its first input is `start`. After `failed` or `closed` every
 * input is ignored.
 *
 * What it insists on in TLS 1.2: extended master secret (RFC 7627) and secure
 * renegotiation (RFC 5746; renegotiation itself is refused). It never sends
 * early data, and gives no certificate after the handshake.
 *
 * @see RFC 5246, RFC 8422 (TLS 1.2); RFC 8446 (TLS 1.3); RFC 5077 (tickets),
 *   RFC 5489 and RFC 9258 (pre-shared keys), RFC 7250 (raw public keys), RFC
 *   7301 (ALPN), RFC 8449 (record size limit)
 */
export class TlsClient implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #connection: StreamConnection;

  /** @throws RangeError for a configuration that no server could be spoken to with. */
  constructor(config: TlsClientConfig) {
    checkClientConfig(config);
    this.#connection = new StreamConnection(
      "client",
      config,
      (channel) => new ClientHandshake(config, channel),
    );
  }

  /** @throws Error for an input that does not fit the state, such as `send` before `established`. */
  handle(input: TlsInput, now: Mono): TlsOutput[] {
    return this.#connection.handle(input, now);
  }
}

/** Octets of a DNS name at most (RFC 1035 §2.3.4). */
const MAX_SERVER_NAME_LENGTH = 255;
const MIN_PSK_LENGTH = 16;

/** @throws RangeError for a configuration that no server could be spoken to with. */
export function checkClientConfig(config: TlsClientConfig): void {
  const { suites = DEFAULT_SUITES_CLIENT, suites13 = DEFAULT_SUITES_13 } = config;
  const { versions = DEFAULT_VERSIONS, groups = DEFAULT_GROUPS } = config;
  const { serverName, credential, preSharedKey } = config;
  if (versions.length === 0) throw new RangeError("A TLS client needs at least one version.");
  if (suites.length === 0 || suites13.length === 0)
    throw new RangeError("A TLS client needs at least one cipher suite.");
  if (groups.length === 0) throw new RangeError("A TLS client needs at least one group.");
  if (config.serverCertificateTypes?.length === 0)
    throw new RangeError("A TLS client must take some type of certificate.");
  if (serverName !== null && !isHostName(serverName))
    throw new RangeError("The server's name must be a host name: give null to send none.");
  if (credential?.certificates.length === 0 && credential.publicKeyInfo === undefined)
    throw new RangeError("A credential needs a certificate or a bare key.");
  if (preSharedKey === undefined) return;
  const { identity, key } = preSharedKey;
  if (identity.length === 0 || identity.length > MAX_EXTERNAL_IDENTITY_LENGTH)
    throw new RangeError("A pre-shared key's identity has 1 to 65527 octets.");
  if (key.length < MIN_PSK_LENGTH)
    throw new RangeError("A pre-shared key has at least 16 octets: make a new one.");
}

/** ASCII without spaces and controls; internationalized names go as A-labels (RFC 6066 §3). */
function isHostName(name: string): boolean {
  return name.length <= MAX_SERVER_NAME_LENGTH && /^[!-~]+$/.test(name);
}
