/** A finished handshake, as its user sees it. */
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import type { ChannelBinding, TlsSession, TlsVersion } from "./connection.ts";
import type { Randoms } from "./key-schedule.ts";
import type { Suite } from "./suites.ts";

/** @see RFC 9266 §2 */
const BINDING_LABEL = "EXPORTER-Channel-Binding";
const BINDING_LENGTH = 32;

/** What keys are exported from: the schedule of TLS 1.2, or the exporter of TLS 1.3. */
interface KeySource {
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array;
  forget(): void;
}

/** What the handshake hands over; the session owns the key source from here on. */
export interface Outcome {
  readonly version: TlsVersion;
  readonly suite: Suite;
  readonly group: EcdhGroup | null;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly alpn: string | null;
  readonly peerChain: readonly Uint8Array[];
  readonly resumed: boolean;
  readonly issuedTicket: Uint8Array | null;
  /** Where a key that both sides were given made the handshake. */
  readonly pskIdentity?: Uint8Array | null;
  /** The first Finished of TLS 1.2 (RFC 5929 §3.1); null for TLS 1.3, whose binding is exported. */
  readonly firstFinished: Uint8Array | null;
  readonly keys: KeySource;
}

export class Session implements TlsSession {
  readonly version: TlsVersion;
  readonly suite: Suite;
  readonly group: EcdhGroup | null;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly serverName: string | null;
  readonly alpn: string | null;
  readonly peerChain: readonly Uint8Array[];
  readonly resumed: boolean;
  readonly issuedTicket: Uint8Array | null;
  readonly pskIdentity: Uint8Array | null;
  #binding: Uint8Array | null;
  readonly #keys: KeySource;

  constructor(outcome: Outcome) {
    this.version = outcome.version;
    this.suite = outcome.suite;
    this.group = outcome.group;
    this.clientRandom = outcome.randoms.client;
    this.serverRandom = outcome.randoms.server;
    this.serverName = outcome.serverName;
    this.alpn = outcome.alpn;
    this.peerChain = outcome.peerChain;
    this.resumed = outcome.resumed;
    this.issuedTicket = outcome.issuedTicket;
    this.pskIdentity = outcome.pskIdentity ?? null;
    this.#binding = outcome.firstFinished;
    this.#keys = outcome.keys;
  }

  /** In TLS 1.3 computed when it is first asked for. @throws RangeError where the secret was forgotten before. */
  get channelBinding(): ChannelBinding {
    this.#binding ??= this.#keys.exportKey(BINDING_LABEL, null, BINDING_LENGTH);
    return {
      kind: this.version === "TLS 1.2" ? "tls-unique" : "tls-exporter",
      bytes: this.#binding,
    };
  }

  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#keys.exportKey(label, context, length);
  }

  forget(): void {
    this.#keys.forget();
  }
}
