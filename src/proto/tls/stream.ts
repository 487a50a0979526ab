/**
 * A connection over a stream: it cuts records out of bytes, sorts them, and
 * carries out what its handshake asks for. What the messages mean is the
 * handshake's; which version rules the records is settled on the way.
 *
 * It never reads a certificate and never asks the date: the peer's chain goes
 * out as `verify-peer`, and the answer comes back as an input.
 */
import { concat } from "../../base/bytes.ts";
import type { PublicKey } from "../../base/crypto/crypto.ts";
import type { Machine, Mono } from "../../base/machine.ts";
import { encodeAlert, parseAlert } from "./alert.ts";
import type { Alert, AlertName } from "./alert.ts";
import type { TlsConfig, TlsInput, TlsOutput, TlsVersion } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import type { Channel, Handshake, RecordLimits } from "./handshake.ts";
import { HandshakeJoiner, handshakeMessageOf } from "./handshake-joiner.ts";
import type { HandshakeMessage } from "./handshake-joiner.ts";
import { Reading12, RecordProtection, RecordReader, RecordWriter, wipe } from "./record.ts";
import type { EpochKeys, PlainRecord } from "./record.ts";
import { Reading13, RecordProtection13 } from "./record13.ts";
import { ContentType } from "./wire.ts";

/** Octets of one handshake message's body, unless the configuration says otherwise. */
export const DEFAULT_MAX_HANDSHAKE_BYTES: number = 2 ** 16;

/** Octets kept while the peer's chain is being verified; a client's whole flight fits many times. */
export const MAX_EARLY_BYTES: number = 2 ** 15;

/** Records in a row that carry nothing: empty application data, warnings, and each ChangeCipherSpec of TLS 1.3. */
export const MAX_IDLE_RECORDS = 32;

/** Handshake messages after the handshake without application data between them: work for nothing. */
export const MAX_LATE_MESSAGES = 32;

/** One connection. After `failed` or `closed` every input is ignored. */
export class StreamConnection implements Machine<TlsInput, TlsOutput> {
  readonly wakeAt = null;
  readonly #channel: StreamChannel;
  readonly #joiner: HandshakeJoiner;
  readonly #handshake: Handshake;
  #dead = false;
  #idleRecords = 0;
  #lateMessages = 0;

  /** @param begin - Makes this side's handshake over the channel it is given. */
  constructor(
    role: "client" | "server",
    config: TlsConfig,
    begin: (channel: Channel) => Handshake,
  ) {
    this.#joiner = new HandshakeJoiner(config.maxHandshakeBytes ?? DEFAULT_MAX_HANDSHAKE_BYTES);
    this.#channel = new StreamChannel(role, config, this.#joiner);
    this.#handshake = begin(this.#channel);
  }

  /**
   * @throws Error for an input that does not fit the state, such as `send`
   *   before `established`: a fault of the caller. The connection is dead then.
   */
  handle(input: TlsInput, _now: Mono): TlsOutput[] {
    if (this.#dead) return [];
    try {
      this.#take(input);
    } catch (failure) {
      if (!(failure instanceof TlsFailure)) {
        this.#end();
        throw failure;
      }
      this.#fail(failure);
    }
    return this.#channel.drain();
  }

  #take(input: TlsInput): void {
    switch (input.kind) {
      case "start":
        this.#handshake.start();
        return;
      case "bytes":
        this.#channel.reader.push(input.bytes);
        this.#pump();
        return;
      case "peer-accepted":
        this.#accept(input.publicKey);
        return;
      case "peer-rejected":
        this.#requireVerifying();
        throw TlsFailure.peerRejected(input.alert, input.reason);
      case "send":
        this.#requireEstablished("send");
        this.#channel.applicationData(input.bytes);
        return;
      case "update-keys":
        this.#requireEstablished("update-keys");
        this.#handshake.updateKeys();
        return;
      case "close":
        this.#close();
        return;
    }
  }

  /** Works through what has been received until something is missing: a record, a message, an answer. */
  #pump(): void {
    const { reader } = this.#channel;
    while (!this.#dead && this.#handshake.phase !== "verifying") {
      const message = this.#joiner.next();
      if (message !== null) {
        this.#onMessage(message);
        continue;
      }
      const record = reader.next();
      if (record === null) return;
      this.#onRecord(record);
    }
    if (reader.buffered > MAX_EARLY_BYTES) throw TlsFailure.because("too-many-early-bytes");
  }

  #onMessage(message: HandshakeMessage): void {
    if (this.#handshake.endsFlight && this.#joiner.pending) {
      throw TlsFailure.because("excess-message");
    }
    const late = this.#isEstablished();
    if (late && ++this.#lateMessages > MAX_LATE_MESSAGES) {
      throw TlsFailure.because("too-many-late-messages");
    }
    this.#handshake.onMessage(message);
    // What stood between the messages of the handshake is no part of the conversation.
    if (!late && this.#isEstablished()) this.#idleRecords = 0;
  }

  #isEstablished(): boolean {
    return this.#handshake.phase === "established";
  }

  #onRecord({ type, fragment }: PlainRecord): void {
    const { version } = this.#channel;
    // TLS 1.2 lets an alert stand between the fragments of a message; a warning not (below).
    const passes = version !== "TLS 1.3" && type === ContentType.alert;
    if (type !== ContentType.handshake && !passes && this.#joiner.pending) {
      throw TlsFailure.because("interleaved-message", `record type ${type}`);
    }
    // Only application data may be empty (RFC 5246 §6.2.1, RFC 8446 §5.1, §5.4).
    if (type !== ContentType.applicationData && fragment.length === 0) {
      throw TlsFailure.because("empty-record");
    }
    switch (type) {
      case ContentType.handshake:
        if (version !== "TLS 1.3") this.#idleRecords = 0;
        this.#joiner.push(fragment);
        return;
      case ContentType.alert:
        this.#onAlert(fragment);
        return;
      case ContentType.changeCipherSpec:
        this.#checkChangeCipherSpec(fragment);
        this.#handshake.onChangeCipherSpec();
        // In TLS 1.3 it carries nothing, and may come more than once (RFC 8446 §5).
        if (version === "TLS 1.3") this.#countIdle();
        return;
      case ContentType.applicationData:
        this.#onApplicationData(fragment);
        return;
    }
  }

  /** @see RFC 5246 §7.1, RFC 8446 §5 */
  #checkChangeCipherSpec(fragment: Uint8Array): void {
    if (fragment.length === 1 && fragment[0] === 1) return;
    const is13 = this.#channel.version === "TLS 1.3";
    throw TlsFailure.because(
      is13 ? "unexpected-change-cipher-spec" : "malformed-change-cipher-spec",
    );
  }

  #onAlert(fragment: Uint8Array): void {
    const alert = parseAlert(fragment);
    if (alert === null) throw TlsFailure.because("malformed-alert");
    if (alert.name === null) throw TlsFailure.because("unknown-alert", `number ${fragment[1]}`);
    if (alert.name === "close_notify") {
      if (this.#handshake.phase !== "established") throw TlsFailure.because("peer-closed");
      this.#close();
      return;
    }
    if (this.#isFatal(alert.level, alert.name)) throw TlsFailure.alertReceived(alert.name);
    if (this.#joiner.pending) throw TlsFailure.because("interleaved-message", "warning");
    if (++this.#idleRecords > MAX_IDLE_RECORDS) throw TlsFailure.because("too-many-warnings");
  }

  /** In TLS 1.3 levels mean nothing any more, and all but two alerts are fatal (RFC 8446 §6). */
  #isFatal(level: Alert["level"], name: AlertName): boolean {
    return this.#channel.version === "TLS 1.3" ? name !== "user_canceled" : level === "fatal";
  }

  #onApplicationData(fragment: Uint8Array): void {
    if (this.#handshake.phase !== "established") {
      const { waitingFor } = this.#handshake;
      throw TlsFailure.because("unexpected-application-data", `in ${waitingFor}`);
    }
    if (fragment.length === 0) {
      // Some send an empty record against attacks on CBC.
      this.#countIdle();
      return;
    }
    this.#idleRecords = 0;
    this.#lateMessages = 0;
    this.#channel.emit({ kind: "data", bytes: fragment });
  }

  /** A stream of them is work for nothing. */
  #countIdle(): void {
    if (++this.#idleRecords > MAX_IDLE_RECORDS) {
      throw TlsFailure.because("too-many-empty-records");
    }
  }

  #accept(publicKey: PublicKey): void {
    this.#requireVerifying();
    this.#handshake.onPeerAccepted(publicKey);
    this.#pump();
  }

  #requireVerifying(): void {
    if (this.#handshake.phase !== "verifying") {
      throw new Error("peer-accepted and peer-rejected answer verify-peer, once");
    }
  }

  #requireEstablished(input: string): void {
    if (this.#handshake.phase !== "established")
      throw new Error(`${input} comes after established`);
  }

  /** Both our own close and the answer to the peer's: nobody here sends on after the peer has stopped. */
  #close(): void {
    this.#channel.alert("close_notify");
    this.#channel.emit({ kind: "closed" });
    this.#end();
  }

  #fail(failure: TlsFailure): void {
    if (failure.reason !== "peer-alert") this.#channel.alert(failure.alert);
    this.#channel.emit({ kind: "failed", failure });
    this.#end();
  }

  /** Drops and overwrites what the connection knew; the session's own secret is its owner's. */
  #end(): void {
    this.#dead = true;
    this.#handshake.forget();
    this.#joiner.clear();
    this.#channel.clear();
  }
}

/** Reads and writes records, and collects what one input causes: what leaves together is one `send`. */
class StreamChannel implements Channel {
  readonly transport = "stream";
  readonly connectionId = null;
  readonly peerConnectionId = null;
  readonly reader = new RecordReader();
  readonly #role: "client" | "server";
  readonly #config: TlsConfig;
  readonly #joiner: HandshakeJoiner;
  readonly #writer = new RecordWriter();
  #version: TlsVersion | null = null;
  #outputs: TlsOutput[] = [];
  /** Handshake messages that may still share a record. */
  #messages: Uint8Array[] = [];
  #unsent: Uint8Array[] = [];

  constructor(role: "client" | "server", config: TlsConfig, joiner: HandshakeJoiner) {
    this.#role = role;
    this.#config = config;
    this.#joiner = joiner;
  }

  /** Null until it is settled. */
  get version(): TlsVersion | null {
    return this.#version;
  }

  settle(version: TlsVersion): void {
    this.#version = version;
    const reading =
      version === "TLS 1.2" ? new Reading12() : new Reading13(this.#role === "server");
    this.reader.follow(reading);
  }

  send(message: Uint8Array): HandshakeMessage {
    this.#messages.push(message);
    return handshakeMessageOf(message);
  }

  changeCipherSpec(): void {
    this.#write(ContentType.changeCipherSpec, Uint8Array.of(1));
  }

  alert(name: AlertName): void {
    this.#write(ContentType.alert, encodeAlert(name));
  }

  warn(name: "no_renegotiation"): void {
    this.alert(name);
  }

  applicationData(bytes: Uint8Array): void {
    this.#write(ContentType.applicationData, bytes);
  }

  readUnder(epoch: EpochKeys): void {
    // No message goes over a change of keys (RFC 8446 §5.1).
    if (this.#joiner.pending) throw TlsFailure.because("excess-message");
    this.reader.rules.protect(this.#config.crypto, epoch);
    wipe(epoch.keys);
  }

  writeUnder({ version, suite, keys }: EpochKeys): void {
    this.#packMessages();
    const { crypto } = this.#config;
    const Protection = version === "TLS 1.2" ? RecordProtection : RecordProtection13;
    this.#writer.protect(new Protection(crypto, suite, keys));
    wipe(keys);
  }

  limitRecords({ reading, writing, writingProtected }: RecordLimits): void {
    if (reading !== undefined) this.reader.rules.limitPlaintext(reading);
    if (writing !== undefined) this.#writer.limitPlaintext(writing);
    if (writingProtected !== undefined) this.#writer.limitProtectedPlaintext(writingProtected);
  }

  skipEarlyData(): void {
    if (this.reader.rules instanceof Reading13) this.reader.rules.skipEarlyData();
  }

  /** Offered by nobody, and so answered by nobody. */
  callPeer(): void {}

  endSkipping(): void {
    if (this.reader.rules instanceof Reading13) this.reader.rules.endSkipping();
  }

  /** It keeps its place among the records. */
  emit(output: Exclude<TlsOutput, { kind: "send" }>): void {
    this.#flush();
    this.#outputs.push(output);
  }

  /** Everything since the last call, in order. */
  drain(): TlsOutput[] {
    this.#flush();
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Drops keys and what was received; what was written stays to be drained. */
  clear(): void {
    this.#packMessages();
    this.#writer.clear();
    this.reader.clear();
  }

  #write(type: ContentType, content: Uint8Array): void {
    this.#packMessages();
    this.#unsent.push(this.#writer.write(type, content));
  }

  #packMessages(): void {
    if (this.#messages.length === 0) return;
    const content = concat(...this.#messages);
    this.#messages = [];
    this.#unsent.push(this.#writer.write(ContentType.handshake, content));
  }

  #flush(): void {
    this.#packMessages();
    const bytes = concat(...this.#unsent);
    this.#unsent = [];
    if (bytes.length > 0) this.#outputs.push({ kind: "send", bytes });
  }
}
