/** A finished TLS 1.3 handshake, as its user sees it. */
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import type { ChannelBinding, TlsSession } from "./connection.ts";
import type { Randoms } from "./key-schedule.ts";
import type { Exporter13 } from "./key-schedule13.ts";
import type { Choice13 } from "./negotiate13.ts";
import type { Suite } from "./suites.ts";

/** What the handshake hands over; the session owns the exporter from here on. */
export interface Outcome13 {
  readonly choice: Choice13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly chain: readonly Uint8Array[];
  readonly exporter: Exporter13;
}

/** @see RFC 9266 §2 */
const BINDING_LABEL = "EXPORTER-Channel-Binding";
const BINDING_LENGTH = 32;

export class Session13 implements TlsSession {
  readonly version = "TLS 1.3";
  readonly suite: Suite;
  readonly group: EcdhGroup;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly serverName: string | null;
  readonly alpn: string | null;
  readonly clientChain: readonly Uint8Array[];
  readonly channelBinding: ChannelBinding;
  readonly #exporter: Exporter13;

  constructor({ choice, group, randoms, serverName, chain, exporter }: Outcome13) {
    this.suite = choice.suite;
    this.group = group;
    this.clientRandom = randoms.client;
    this.serverRandom = randoms.server;
    this.serverName = serverName;
    this.alpn = choice.alpn;
    this.clientChain = chain;
    const bytes = exporter.exportKey(BINDING_LABEL, null, BINDING_LENGTH);
    this.channelBinding = { kind: "tls-exporter", bytes };
    this.#exporter = exporter;
  }

  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#exporter.exportKey(label, context, length);
  }

  forget(): void {
    this.#exporter.forget();
  }
}
