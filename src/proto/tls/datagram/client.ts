/** A DTLS client, of either version: one association, begun by us. */
import type { Machine, Mono } from "../../../base/machine.ts";
import { checkClientConfig } from "../client.ts";
import { ClientHandshake } from "../client/handshake.ts";
import type { TlsClientConfig } from "../connection.ts";
import { Association } from "./association.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";

export interface DtlsClientConfig extends DtlsConfig {
  readonly tls: TlsClientConfig;
}

/**
 * One association; its first input is `start`. After `failed` or `closed` every
 * input is ignored.
 *
 * @see RFC 6347 (DTLS 1.2), RFC 9147 (DTLS 1.3); what else is spoken stands at
 *   `TlsClient`
 */
export class DtlsClient implements Machine<DtlsInput, DtlsOutput> {
  readonly #association: Association;

  /** @throws RangeError for a configuration that no server could be spoken to with. */
  constructor(config: DtlsClientConfig) {
    const { tls } = config;
    checkClientConfig(tls);
    this.#association = new Association(
      "client",
      config,
      (channel) => new ClientHandshake(tls, channel),
    );
  }

  get wakeAt(): Mono | null {
    return this.#association.wakeAt;
  }

  /** Records dropped, by reason. */
  get discards(): Association["discards"] {
    return this.#association.discards;
  }

  /** Octets of application data that one datagram carries over the path as far as it is known. */
  get dataRoom(): number {
    return this.#association.dataRoom;
  }

  /** @throws Error for an input that does not fit the state, such as `send` before `established`. */
  handle(input: DtlsInput, now: Mono): DtlsOutput[] {
    return this.#association.handle(input, now);
  }
}
