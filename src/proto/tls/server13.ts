/**
 * A TLS 1.3 server as a machine: bytes of a stream in, records and events out.
 * It sorts records and inputs; the handshake's states are in `handshake13.ts`.
 *
 * The client's chain goes out as `verify-peer` and its answer comes back as an
 * input, as in TLS 1.2.
 */
import type { PublicKey } from "../../base/crypto/crypto.ts";
import type { Machine, Mono } from "../../base/machine.ts";
import { parseAlert } from "./alert.ts";
import type { TlsInput, TlsOutput, TlsServerConfig } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import { HandshakeJoiner } from "./handshake-joiner.ts";
import {
  changesKeys,
  forgetSecrets,
  onMessage,
  onPeerAccepted,
  passesChangeCipherSpec,
} from "./handshake13.ts";
import type { AwaitPeerVerification, Connection, State } from "./handshake13.ts";
import { Outbox } from "./outbox.ts";
import type { PlainRecord } from "./record.ts";
import { RecordReader13 } from "./record13.ts";
import {
  checkConfig,
  DEFAULT_MAX_HANDSHAKE_BYTES,
  MAX_EARLY_BYTES,
  MAX_IDLE_RECORDS,
} from "./server12.ts";
import { ContentType } from "./wire.ts";

/** KeyUpdates without application data between them; a stream of them is work for nothing. */
export const MAX_KEY_UPDATES = 32;

/**
 * One connection. After `failed` or `closed` every input is ignored. Without
 * early data, pre-shared keys, tickets and authentication after the handshake.
 *
 * @see RFC 8446; RFC 8449 (record size limit), RFC 7301 (ALPN)
 */
export class TlsServer13 implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #connection: Connection;
  readonly #joiner: HandshakeJoiner;
  #state: State = { kind: "AwaitClientHello" };
  #changeCipherSpecSeen = false;
  #idleRecords = 0;
  #keyUpdates = 0;

  /** @throws RangeError for a configuration that no client could be served with. */
  constructor(config: TlsServerConfig) {
    checkConfig(config);
    this.#connection = { config, reader: new RecordReader13(), outbox: new Outbox() };
    this.#joiner = new HandshakeJoiner(config.maxHandshakeBytes ?? DEFAULT_MAX_HANDSHAKE_BYTES);
  }

  /**
   * @throws Error for an input that does not fit the state, such as `send`
   *   before `established`: a fault of the caller. The connection is dead then.
   */
  handle(input: TlsInput, _now: Mono): TlsOutput[] {
    if (this.#state.kind === "Closed") return [];
    try {
      this.#take(input);
    } catch (failure) {
      if (!(failure instanceof TlsFailure)) {
        this.#end();
        throw failure;
      }
      this.#fail(failure);
    }
    return this.#connection.outbox.drain();
  }

  #take(input: TlsInput): void {
    switch (input.kind) {
      case "bytes":
        this.#connection.reader.push(input.bytes);
        this.#pump();
        return;
      case "peer-accepted":
        this.#accept(input.publicKey);
        return;
      case "peer-rejected":
        this.#verifying();
        throw TlsFailure.peerRejected(input.alert, input.reason);
      case "send":
        if (this.#state.kind !== "Established") throw new Error("send comes after established");
        this.#connection.outbox.applicationData(input.bytes);
        return;
      case "close":
        this.#close();
        return;
    }
  }

  /** Works through what has been received until something is missing: a record, a message, an answer. */
  #pump(): void {
    while (this.#state.kind !== "Closed" && this.#state.kind !== "AwaitPeerVerification") {
      const message = this.#joiner.next();
      if (message !== null) {
        if (changesKeys(this.#state) && this.#joiner.pending) {
          throw TlsFailure.because("excess-message");
        }
        this.#countKeyUpdates();
        this.#state = onMessage(this.#state, message, this.#connection);
        continue;
      }
      const record = this.#connection.reader.next();
      if (record === null) return;
      this.#onRecord(record);
    }
    if (this.#connection.reader.buffered > MAX_EARLY_BYTES) {
      throw TlsFailure.because("too-many-early-bytes");
    }
  }

  /** After the handshake no other message is taken. */
  #countKeyUpdates(): void {
    if (this.#state.kind !== "Established") return;
    if (++this.#keyUpdates > MAX_KEY_UPDATES) throw TlsFailure.because("too-many-key-updates");
  }

  #onRecord({ type, fragment }: PlainRecord): void {
    if (type !== ContentType.handshake && this.#joiner.pending) {
      throw TlsFailure.because("interleaved-message", `record type ${type}`);
    }
    switch (type) {
      case ContentType.handshake:
        this.#requireContent(fragment);
        this.#joiner.push(fragment);
        return;
      case ContentType.alert:
        this.#requireContent(fragment);
        this.#onAlert(fragment);
        return;
      case ContentType.changeCipherSpec:
        this.#onChangeCipherSpec(fragment);
        return;
      case ContentType.applicationData:
        this.#onApplicationData(fragment);
        return;
    }
  }

  /** Only application data may be empty (RFC 8446 §5.1, §5.4). */
  #requireContent(fragment: Uint8Array): void {
    if (fragment.length === 0) throw TlsFailure.because("empty-record");
  }

  /** It changes nothing; it is there for boxes on the way (RFC 8446 appendix D.4). */
  #onChangeCipherSpec(fragment: Uint8Array): void {
    const good = fragment.length === 1 && fragment[0] === 1;
    if (!good || this.#changeCipherSpecSeen || !passesChangeCipherSpec(this.#state)) {
      throw TlsFailure.because("unexpected-change-cipher-spec", `in ${this.#state.kind}`);
    }
    this.#changeCipherSpecSeen = true;
  }

  /** Levels mean nothing any more; all but two alerts are fatal (RFC 8446 §6). */
  #onAlert(fragment: Uint8Array): void {
    const alert = parseAlert(fragment);
    if (alert === null) throw TlsFailure.because("malformed-alert");
    if (alert.name === null) throw TlsFailure.because("unknown-alert", `number ${fragment[1]}`);
    if (alert.name === "close_notify") {
      if (this.#state.kind !== "Established") throw TlsFailure.because("peer-closed");
      this.#close();
      return;
    }
    if (alert.name !== "user_canceled") throw TlsFailure.alertReceived(alert.name);
    if (++this.#idleRecords > MAX_IDLE_RECORDS) throw TlsFailure.because("too-many-warnings");
  }

  #onApplicationData(fragment: Uint8Array): void {
    if (this.#state.kind !== "Established") {
      throw TlsFailure.because("unexpected-application-data", `in ${this.#state.kind}`);
    }
    if (fragment.length === 0) {
      if (++this.#idleRecords > MAX_IDLE_RECORDS) {
        throw TlsFailure.because("too-many-empty-records");
      }
      return;
    }
    this.#idleRecords = 0;
    this.#keyUpdates = 0;
    this.#connection.outbox.emit({ kind: "data", bytes: fragment });
  }

  #accept(publicKey: PublicKey): void {
    this.#state = onPeerAccepted(this.#verifying(), publicKey);
    this.#pump();
  }

  #verifying(): AwaitPeerVerification {
    if (this.#state.kind !== "AwaitPeerVerification") {
      throw new Error("peer-accepted and peer-rejected answer verify-peer, once");
    }
    return this.#state;
  }

  /** Both our own close and the answer to the peer's: nobody here sends on after the peer has stopped. */
  #close(): void {
    this.#connection.outbox.alert("close_notify");
    this.#connection.outbox.emit({ kind: "closed" });
    this.#end();
  }

  #fail(failure: TlsFailure): void {
    if (failure.reason !== "peer-alert") this.#connection.outbox.alert(failure.alert);
    this.#connection.outbox.emit({ kind: "failed", failure });
    this.#end();
  }

  /** Drops and overwrites what the connection knew; the session's own secret is its owner's. */
  #end(): void {
    forgetSecrets(this.#state);
    this.#state = { kind: "Closed" };
    this.#joiner.clear();
    this.#connection.reader.clear();
    this.#connection.outbox.clear();
  }
}
