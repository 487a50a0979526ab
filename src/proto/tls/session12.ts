/** A finished TLS 1.2 handshake, as its user sees it. */
import type { EcdhGroup } from "../../base/crypto/crypto.ts";
import type { ChannelBinding, TlsSession } from "./connection.ts";
import type { KeySchedule, Randoms } from "./key-schedule.ts";
import type { Choice } from "./negotiate.ts";
import type { Suite } from "./suites.ts";

/** What the handshake hands over; the session owns the keys from here on. */
export interface Outcome {
  readonly choice: Choice;
  readonly randoms: Randoms;
  readonly serverName: string | null;
  readonly chain: readonly Uint8Array[];
  /** The client's verify_data. */
  readonly tlsUnique: Uint8Array;
  readonly keys: KeySchedule;
}

export class Session12 implements TlsSession {
  readonly version = "TLS 1.2";
  readonly suite: Suite;
  readonly group: EcdhGroup;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly serverName: string | null;
  readonly alpn: string | null;
  readonly clientChain: readonly Uint8Array[];
  readonly channelBinding: ChannelBinding;
  readonly #keys: KeySchedule;

  constructor({ choice, randoms, serverName, chain, tlsUnique, keys }: Outcome) {
    this.suite = choice.suite;
    this.group = choice.group;
    this.clientRandom = randoms.client;
    this.serverRandom = randoms.server;
    this.serverName = serverName;
    this.alpn = choice.alpn;
    this.clientChain = chain;
    this.channelBinding = { kind: "tls-unique", bytes: tlsUnique };
    this.#keys = keys;
  }

  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#keys.exportKey(label, context, length);
  }

  forget(): void {
    this.#keys.forget();
  }
}
