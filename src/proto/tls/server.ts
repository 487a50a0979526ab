/** A TLS server over a stream, of either version. */
import type { Machine, Mono } from "../../base/machine.ts";
import type { TlsInput, TlsOutput, TlsServerConfig } from "./connection.ts";
import { ServerHandshake } from "./server/handshake.ts";
import { StreamConnection } from "./stream.ts";
import { DEFAULT_GROUPS, DEFAULT_SUITES, DEFAULT_SUITES_13, DEFAULT_VERSIONS } from "./suites.ts";

export type {
  ChannelBinding,
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
  TlsVersion,
} from "./connection.ts";

/**
 * One connection. After `failed` or `closed` every input is ignored.
 *
 * @see RFC 5246 (TLS 1.2); RFC 7627 (extended master secret, required), RFC 5746
 *   (secure renegotiation, required; renegotiation itself is refused), RFC 8422
 *   (elliptic curves); RFC 8446 (TLS 1.3, without early data and authentication
 *   after the handshake); RFC 8449 (record size limit), RFC 7301 (ALPN); RFC 5077
 *   (tickets), RFC 5489 and RFC 9258 (pre-shared keys), RFC 7250 (raw public
 *   keys), RFC 6066 §8 (OCSP responses)
 */
export class TlsServer implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #connection: StreamConnection;

  /** @throws RangeError for a configuration that no client could be served with. */
  constructor(config: TlsServerConfig) {
    checkConfig(config);
    this.#connection = new StreamConnection(
      "server",
      config,
      (channel) => new ServerHandshake(config, channel),
    );
  }

  /** @throws Error for an input that does not fit the state, such as `send` before `established`. */
  handle(input: TlsInput, now: Mono): TlsOutput[] {
    return this.#connection.handle(input, now);
  }
}

/** @throws RangeError for a configuration that no client could be served with. */
export function checkConfig(config: TlsServerConfig): void {
  const { certificates, suites = DEFAULT_SUITES, groups = DEFAULT_GROUPS } = config;
  const { suites13 = DEFAULT_SUITES_13, versions = DEFAULT_VERSIONS } = config;
  if (certificates.length === 0 && config.publicKeyInfo === undefined) {
    throw new RangeError("A TLS server needs its certificate, or its bare key.");
  }
  if (versions.length === 0) throw new RangeError("A TLS server needs at least one version.");
  if (suites.length === 0 || suites13.length === 0)
    throw new RangeError("A TLS server needs at least one cipher suite.");
  if (groups.length === 0) throw new RangeError("A TLS server needs at least one group.");
}
