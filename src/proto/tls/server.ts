/**
 * A TLS server of either version. It reads the ClientHello for one thing, the
 * versions offered, and hands everything over to the server of the highest one
 * that both speak; that one judges the hello for itself.
 */
import type { Machine, Mono } from "../../base/machine.ts";
import { ByteQueue } from "./byte-queue.ts";
import { parseClientHello } from "./client-hello.ts";
import type { TlsInput, TlsOutput, TlsServerConfig, TlsVersion } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import { HandshakeJoiner } from "./handshake-joiner.ts";
import { RecordReader } from "./record.ts";
import { checkConfig, DEFAULT_MAX_HANDSHAKE_BYTES, TlsServer12 } from "./server12.ts";
import { TlsServer13 } from "./server13.ts";
import { ContentType, HandshakeType, TLS_1_3 } from "./wire.ts";

export type { TlsInput, TlsOutput, TlsServerConfig, TlsSession, TlsVersion } from "./connection.ts";

export const DEFAULT_VERSIONS: readonly TlsVersion[] = ["TLS 1.3", "TLS 1.2"];

/**
 * One connection. A stream that does not begin with a ClientHello goes to the
 * lowest version spoken, whose alerts everyone understands.
 *
 * @see RFC 8446 §4.2.1, appendix D.2
 */
export class TlsServer implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #config: TlsServerConfig;
  readonly #versions: readonly TlsVersion[];
  /** Reads ahead; the same bytes wait in `#received` for whom they are meant. */
  readonly #reader = new RecordReader();
  readonly #joiner: HandshakeJoiner;
  readonly #received = new ByteQueue();
  #chosen: Machine<TlsInput, TlsOutput> | null = null;

  /** @throws RangeError for a configuration that no client could be served with. */
  constructor(config: TlsServerConfig) {
    checkConfig(config);
    this.#config = config;
    this.#versions = config.versions ?? DEFAULT_VERSIONS;
    this.#joiner = new HandshakeJoiner(config.maxHandshakeBytes ?? DEFAULT_MAX_HANDSHAKE_BYTES);
  }

  /** @throws Error as the server chosen does, for an input that does not fit its state. */
  handle(input: TlsInput, now: Mono): TlsOutput[] {
    if (this.#chosen !== null) return this.#chosen.handle(input, now);
    // Before the hello there is nothing else that a server could be told but to close.
    if (input.kind !== "bytes") return this.#choose(this.#lowest).handle(input, now);
    this.#received.push(input.bytes);
    const version = this.#look(input.bytes);
    if (version === null) return [];
    const bytes = this.#received.take(this.#received.length);
    return this.#choose(version).handle({ kind: "bytes", bytes }, now);
  }

  /** Null while the ClientHello is not whole. */
  #look(bytes: Uint8Array): TlsVersion | null {
    if (this.#versions.length === 1) return this.#lowest;
    try {
      this.#reader.push(bytes);
      for (;;) {
        const message = this.#joiner.next();
        if (message !== null) return this.#highest(message.type, message.body);
        const record = this.#reader.next();
        if (record === null) return null;
        const good = record.type === ContentType.handshake && record.fragment.length > 0;
        if (!good) return this.#lowest;
        this.#joiner.push(record.fragment);
      }
    } catch (fault) {
      if (fault instanceof TlsFailure) return this.#lowest;
      throw fault;
    }
  }

  /** Only supported_versions can offer TLS 1.3, and where it does we take it (RFC 8446 §4.2.1). */
  #highest(type: number, body: Uint8Array): TlsVersion {
    if (type !== HandshakeType.clientHello) return this.#lowest;
    const { supportedVersions } = parseClientHello(body);
    return supportedVersions?.includes(TLS_1_3) === true ? "TLS 1.3" : this.#lowest;
  }

  get #lowest(): TlsVersion {
    return this.#versions.includes("TLS 1.2") ? "TLS 1.2" : "TLS 1.3";
  }

  #choose(version: TlsVersion): Machine<TlsInput, TlsOutput> {
    this.#reader.clear();
    this.#joiner.clear();
    const speaks13 = this.#versions.includes("TLS 1.3");
    this.#chosen =
      version === "TLS 1.3"
        ? new TlsServer13(this.#config)
        : new TlsServer12(this.#config, speaks13);
    return this.#chosen;
  }
}
