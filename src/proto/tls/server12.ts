/**
 * A TLS 1.2 server as a machine: bytes of a stream in, records and events out.
 * It sorts records and inputs; the handshake's states are in `handshake12.ts`.
 *
 * It never reads a certificate and never asks the date: the client's chain
 * goes out as `verify-peer`, and the answer comes back as an input.
 */
import type { PublicKey } from "../../base/crypto/crypto.ts";
import type { Machine, Mono } from "../../base/machine.ts";
import { parseAlert } from "./alert.ts";
import type { TlsInput, TlsOutput, TlsServerConfig } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import { HandshakeJoiner } from "./handshake-joiner.ts";
import { endsFlight, onChangeCipherSpec, onMessage, onPeerAccepted } from "./handshake12.ts";
import type { AwaitPeerVerification, Connection, State } from "./handshake12.ts";
import { Outbox } from "./outbox.ts";
import { RecordReader } from "./record.ts";
import type { PlainRecord } from "./record.ts";
import { DEFAULT_GROUPS, DEFAULT_SUITES, DEFAULT_SUITES_13 } from "./suites.ts";
import { ContentType } from "./wire.ts";

export type { TlsInput, TlsOutput, TlsServerConfig, TlsSession } from "./connection.ts";

/** Octets of one handshake message's body, unless the configuration says otherwise. */
export const DEFAULT_MAX_HANDSHAKE_BYTES: number = 2 ** 16;

/** Octets kept while the peer's chain is being verified; a client's whole flight fits many times. */
export const MAX_EARLY_BYTES: number = 2 ** 15;

/** Records in a row that carry nothing: empty application data and warnings. */
export const MAX_IDLE_RECORDS = 32;

/**
 * One connection. After `failed` or `closed` every input is ignored.
 *
 * @see RFC 5246; RFC 7627 (extended master secret, required), RFC 5746
 *   (secure renegotiation, required; renegotiation itself is refused),
 *   RFC 8422 (elliptic curves)
 */
export class TlsServer12 implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #connection: Connection;
  readonly #joiner: HandshakeJoiner;
  #state: State = { kind: "AwaitClientHello" };
  #idleRecords = 0;

  /**
   * @param speaks13 - Whether whoever made it would have spoken TLS 1.3 too: the server random then says so.
   * @throws RangeError for a configuration that no client could be served with.
   */
  constructor(config: TlsServerConfig, speaks13 = false) {
    checkConfig(config);
    this.#connection = { config, reader: new RecordReader(), outbox: new Outbox(), speaks13 };
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
        if (endsFlight(this.#state) && this.#joiner.pending)
          throw TlsFailure.because("excess-message");
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

  #onRecord({ type, fragment }: PlainRecord): void {
    if (type !== ContentType.handshake && type !== ContentType.alert && this.#joiner.pending) {
      throw TlsFailure.because("interleaved-message", `record type ${type}`);
    }
    switch (type) {
      case ContentType.handshake:
        this.#requireContent(fragment);
        this.#idleRecords = 0;
        this.#joiner.push(fragment);
        return;
      case ContentType.alert:
        this.#requireContent(fragment);
        this.#onAlert(fragment);
        return;
      case ContentType.changeCipherSpec:
        this.#requireContent(fragment);
        if (fragment.length !== 1 || fragment[0] !== 1) {
          throw TlsFailure.because("malformed-change-cipher-spec");
        }
        this.#state = onChangeCipherSpec(this.#state, this.#connection);
        return;
      case ContentType.applicationData:
        this.#onApplicationData(fragment);
        return;
    }
  }

  /** Only application data may be empty (RFC 5246 §6.2.1). */
  #requireContent(fragment: Uint8Array): void {
    if (fragment.length === 0) throw TlsFailure.because("empty-record");
  }

  #onAlert(fragment: Uint8Array): void {
    const alert = parseAlert(fragment);
    if (alert === null) throw TlsFailure.because("malformed-alert");
    if (alert.name === null) throw TlsFailure.because("unknown-alert", `number ${fragment[1]}`);
    if (alert.name === "close_notify") {
      if (this.#state.kind !== "Established") throw TlsFailure.because("peer-closed");
      this.#close();
      return;
    }
    if (alert.level === "fatal") throw TlsFailure.alertReceived(alert.name);
    if (this.#joiner.pending) throw TlsFailure.because("interleaved-message", "warning");
    if (++this.#idleRecords > MAX_IDLE_RECORDS) throw TlsFailure.because("too-many-warnings");
  }

  #onApplicationData(fragment: Uint8Array): void {
    if (this.#state.kind !== "Established") {
      throw TlsFailure.because("unexpected-application-data", `in ${this.#state.kind}`);
    }
    if (fragment.length === 0) {
      // Some send an empty record against attacks on CBC; a stream of them is work for nothing.
      if (++this.#idleRecords > MAX_IDLE_RECORDS)
        throw TlsFailure.because("too-many-empty-records");
      return;
    }
    this.#idleRecords = 0;
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

  /** Both our own close and the answer to the peer's (RFC 5246 §7.2.1). */
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
    if ("keys" in this.#state) this.#state.keys.forget();
    this.#state = { kind: "Closed" };
    this.#joiner.clear();
    this.#connection.reader.clear();
    this.#connection.outbox.clear();
  }
}

/** @throws RangeError for a configuration that no client could be served with. */
export function checkConfig(config: TlsServerConfig): void {
  const { certificates, suites = DEFAULT_SUITES, groups = DEFAULT_GROUPS } = config;
  const { suites13 = DEFAULT_SUITES_13, versions = ["TLS 1.2"] } = config;
  if (certificates.length === 0) throw new RangeError("A TLS server needs its certificate.");
  if (versions.length === 0) throw new RangeError("A TLS server needs at least one version.");
  if (suites.length === 0 || suites13.length === 0)
    throw new RangeError("A TLS server needs at least one cipher suite.");
  if (groups.length === 0) throw new RangeError("A TLS server needs at least one group.");
}
