/**
 * The server's first step: it reads the ClientHello, settles the version, and
 * hands everything over to the handshake of that version.
 */
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig, TlsVersion } from "../connection.ts";
import { hearConnectionId } from "../datagram/connection-id.ts";
import { TlsFailure } from "../failure.ts";
import { only } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { DEFAULT_VERSIONS } from "../suites.ts";
import { FALLBACK_SCSV, HandshakeType, versionCodes } from "../wire.ts";
import { ServerHandshake12 } from "./handshake12.ts";
import { ServerHandshake13 } from "./handshake13.ts";
import { checkCookieField, readHello } from "./hello.ts";
import type { Retry } from "./retry13.ts";

export class ServerHandshake implements Handshake {
  readonly #config: TlsServerConfig;
  readonly #channel: Channel;
  #retry: Retry | null;
  #chosen: Handshake | null = null;

  /** @param retry - See {@link ServerHandshake13}: TLS 1.3 was settled then. */
  constructor(config: TlsServerConfig, channel: Channel, retry: Retry | null = null) {
    this.#config = config;
    this.#channel = channel;
    this.#retry = retry;
  }

  get phase(): Phase {
    return this.#chosen?.phase ?? "handshake";
  }

  get waitingFor(): string {
    return this.#chosen?.waitingFor ?? "AwaitClientHello";
  }

  get endsFlight(): boolean {
    return this.#chosen?.endsFlight ?? true;
  }

  start(): never {
    throw new Error("a server waits for its client");
  }

  onMessage(message: HandshakeMessage): void {
    if (this.#chosen !== null) return this.#chosen.onMessage(message);
    const { transport } = this.#channel;
    const hello = readHello(only(HandshakeType.clientHello, message), transport);
    checkFallback(hello, this.#config, this.#channel);
    const version = chooseVersion(hello, this.#config, this.#channel);
    checkCookieField(message, transport, version);
    if (this.#retry !== null && version !== "TLS 1.3") {
      throw TlsFailure.because("second-hello-differs", "version");
    }
    this.#channel.settle(version);
    hearConnectionId(hello.extensions, this.#channel);
    this.#chosen =
      version === "TLS 1.3"
        ? new ServerHandshake13(this.#config, this.#channel, hello, message, this.#retry)
        : new ServerHandshake12(this.#config, this.#channel, hello, message);
    this.#retry = null;
  }

  onChangeCipherSpec(): void {
    if (this.#chosen === null) {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.waitingFor}`);
    }
    this.#chosen.onChangeCipherSpec();
  }

  onPeerAccepted(publicKey: PublicKey): void {
    this.#chosen?.onPeerAccepted(publicKey);
  }

  updateKeys(): void {
    this.#chosen?.updateKeys();
  }

  forget(): void {
    this.#chosen?.forget();
  }
}

/** A client that says it offers less than it could has been told wrong, where we speak more. @see RFC 7507 §3 */
function checkFallback(
  { suites, version, supportedVersions }: ClientHello,
  { versions = DEFAULT_VERSIONS }: TlsServerConfig,
  { transport }: Channel,
): void {
  if (!suites.includes(FALLBACK_SCSV)) return;
  const { v12, v13 } = versionCodes(transport);
  // Numbers of datagrams count down.
  const speaks12 = transport === "stream" ? version >= v12 : version <= v12;
  const offered = supportedVersions ?? (speaks12 ? [v12] : []);
  const highest = versions.includes("TLS 1.3") ? v13 : v12;
  if (!offered.includes(highest) && !offered.includes(v13)) {
    throw TlsFailure.because("inappropriate-fallback");
  }
}

/**
 * Only supported_versions can offer TLS 1.3, and where it does we take it. What
 * is left is judged by the rules of TLS 1.2, where we speak that.
 *
 * @see RFC 8446 §4.2.1, appendix D.2
 */
export function chooseVersion(
  { supportedVersions }: ClientHello,
  { versions = DEFAULT_VERSIONS }: Pick<TlsServerConfig, "versions">,
  { transport }: Pick<Channel, "transport">,
): TlsVersion {
  if (!versions.includes("TLS 1.2")) return "TLS 1.3";
  const offers13 = supportedVersions?.includes(versionCodes(transport).v13) === true;
  return offers13 && versions.includes("TLS 1.3") ? "TLS 1.3" : "TLS 1.2";
}
