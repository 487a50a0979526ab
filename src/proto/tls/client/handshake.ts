/**
 * The client's first step: it sends the ClientHello, reads the ServerHello,
 * settles the version, and hands everything over to the handshake of that
 * version. In brackets what is of datagrams alone.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *      [AwaitServerHello       <--------           HelloVerifyRequest]
 *      [ClientHello            -------->]
 *      AwaitServerHello        <--------           ServerHello, HelloRetryRequest
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import type { TlsClientConfig, TlsVersion } from "../connection.ts";
import { parseHelloVerify } from "../datagram/cookie.ts";
import { TlsFailure } from "../failure.ts";
import { only } from "../handshake.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { parseServerHello } from "../server-hello.ts";
import type { ServerHello } from "../server-hello.ts";
import { DOWNGRADE_TO_11, DOWNGRADE_TO_12, HandshakeType, versionCodes } from "../wire.ts";
import { greet } from "./greeting.ts";
import type { Connection, Greeting } from "./greeting.ts";
import { ClientHandshake12 } from "./handshake12.ts";
import { ClientHandshake13 } from "./handshake13.ts";
import { FIRST } from "./hello.ts";
import { makeOffer } from "./offer.ts";
import type { Offer } from "./offer.ts";

/** HelloVerifyRequests that are followed: a cookie may have run out on the way. */
export const MAX_COOKIES = 2;

export class ClientHandshake implements Handshake {
  readonly #connection: Connection;
  #started = false;
  /** Null before the hello and once the handshake is over. */
  #greeting: Greeting | null = null;
  #cookies = 0;
  #chosen: Handshake | null = null;

  constructor(config: TlsClientConfig, channel: Channel) {
    this.#connection = { config, channel };
  }

  get phase(): Phase {
    return this.#chosen?.phase ?? "handshake";
  }

  get waitingFor(): string {
    return this.#chosen?.waitingFor ?? (this.#greeting === null ? "Start" : "AwaitServerHello");
  }

  /** Nothing stands behind a HelloVerifyRequest; behind a ServerHello of TLS 1.2 the flight goes on. */
  get endsFlight(): boolean {
    return this.#chosen?.endsFlight ?? false;
  }

  start(): void {
    if (this.#started) throw new Error("a handshake starts once");
    this.#started = true;
    const { config, channel } = this.#connection;
    this.#greeting = greet(makeOffer(config, channel.transport), this.#connection, FIRST);
  }

  onMessage(message: HandshakeMessage): void {
    if (this.#chosen !== null) {
      this.#chosen.onMessage(message);
      // An association may live for months, and needs no more of its hello.
      if (this.#chosen.phase === "established") this.#dropGreeting();
      return;
    }
    const greeting = this.#greeting;
    if (greeting === null) throw TlsFailure.because("unexpected-message", "before our hello");
    const { channel } = this.#connection;
    if (channel.transport === "datagram" && message.type === HandshakeType.helloVerifyRequest) {
      this.#sendCookie(greeting, message);
      return;
    }
    const hello = parseServerHello(only(HandshakeType.serverHello, message).body);
    const version = settledVersion(hello, greeting.offer, channel);
    // A server of DTLS 1.3 asks for its cookie in a HelloRetryRequest (RFC 9147 §5.1).
    if (version === "TLS 1.3" && this.#cookies > 0) throw TlsFailure.because("bad-version-choice");
    channel.settle(version);
    const Chosen = version === "TLS 1.3" ? ClientHandshake13 : ClientHandshake12;
    this.#chosen = new Chosen(this.#connection, greeting, hello, message);
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
    this.#dropGreeting();
  }

  #dropGreeting(): void {
    for (const { key, session } of this.#greeting?.offer.psks ?? []) {
      // A session's secret is its owner's.
      if (session === null) key.fill(0);
    }
    this.#greeting = null;
  }

  /** The same hello with the cookie; neither the first nor what asked for it is in the transcript (RFC 6347 §4.2.1). */
  #sendCookie({ offer }: Greeting, message: HandshakeMessage): void {
    if (++this.#cookies > MAX_COOKIES) {
      throw TlsFailure.because("unexpected-message", "one HelloVerifyRequest too many");
    }
    const legacyCookie = parseHelloVerify(message.body).slice();
    this.#greeting = greet(offer, this.#connection, { ...FIRST, legacyCookie });
  }
}

/** @throws {@link TlsFailure} @see RFC 8446 §4.1.3, §4.2.1, appendix D.1 */
function settledVersion(
  { version, random, selectedVersion }: ServerHello,
  { versions }: Offer,
  { transport }: Channel,
): TlsVersion {
  const { v12, v13 } = versionCodes(transport);
  if (selectedVersion !== null) {
    if (!versions.includes("TLS 1.3")) {
      throw TlsFailure.because("unsolicited-extension", "supported_versions");
    }
    if (selectedVersion !== v13 || version !== v12) throw TlsFailure.because("bad-version-choice");
    return "TLS 1.3";
  }
  if (version !== v12 || !versions.includes("TLS 1.2")) {
    throw TlsFailure.because("version-unsupported");
  }
  if (versions.includes("TLS 1.3") && isDowngraded(random)) throw TlsFailure.because("downgraded");
  return "TLS 1.2";
}

/** Whether a server that speaks TLS 1.3 says that it was not asked for it. @see RFC 8446 §4.1.3 */
function isDowngraded(random: Uint8Array): boolean {
  const end = random.subarray(random.length - DOWNGRADE_TO_12.length);
  return sameBytes(end, DOWNGRADE_TO_12) || sameBytes(end, DOWNGRADE_TO_11);
}
