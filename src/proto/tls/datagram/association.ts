/**
 * One DTLS association: one peer, either role, DTLS 1.2 or 1.3. It takes
 * datagrams apart, sorts what is in them, and carries out what its handshake
 * asks for; which messages there are is the handshake's to know.
 *
 *     datagram -> records -> epoch's reader -> handshake fragments -> messages in order -> handshake
 *                                           -> alert, ACK, application data
 *     at the end of each turn: our flight, or the peer's repeated, or an ACK
 *
 * Until a record of the peer's was authentic there is nobody to tell it from,
 * and a fault in the clear ends the handshake as it would over a stream, a fatal
 * alert too: whoever can forge those could as well forge the hellos. From then
 * on what is in the clear is dropped, and what is not authentic always
 * (RFC 6347 §4.1.2.7, RFC 9147 §4.5.2).
 *
 * @see RFC 6347; RFC 9147
 */
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import { mono } from "../../../base/machine.ts";
import type { Machine, Mono } from "../../../base/machine.ts";
import { parseAlert } from "../alert.ts";
import type { Alert, AlertName } from "../alert.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import { ContentType, HandshakeType } from "../wire.ts";
import { parseAck } from "./ack.ts";
import { Acknowledging } from "./acknowledging.ts";
import type { Begun } from "./begun.ts";
import { DatagramChannel, FIRST_APPLICATION_EPOCH } from "./channel.ts";
import { cutDatagram } from "./cut.ts";
import type { WireRecord } from "./cut.ts";
import type { DatagramDiscard } from "./discard.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";
import type { EpochReader, OpenedRecord } from "./epoch.ts";
import { faultOf } from "./fault.ts";
import { transcriptForm13 } from "./handshake-fragment.ts";
import type { ReassembledMessage, Taken } from "./reassembly.ts";
import { endTurn12, endTurn13 } from "./turn.ts";
import type { Turn } from "./turn.ts";
import { DatagramContentType } from "./wire.ts";

export type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";

/**
 * How long the last flight, and the keys to recognise the peer's repeat of its
 * own, are kept since the last of these: twice the longest life of a segment
 * (RFC 6347 §4.2.4, RFC 9147 §5.8.1), four times the longest wait between two.
 */
export const LINGER_MS = 240_000;

/** Handshake messages after the handshake without application data between them: work for nothing. */
export const MAX_LATE_MESSAGES = 32;

/** Warnings without application data between them. */
export const MAX_WARNINGS = 32;

/** Records of application data kept that overtook the Finished of DTLS 1.2. */
export const MAX_EARLY_RECORDS = 8;

/** Our keys are changed once so few records are left to them, or half of all there were. */
const UPDATE_MARGIN = 1024;

/** After `failed` or `closed` every input is ignored. */
export class Association implements Machine<DtlsInput, DtlsOutput> {
  /** Records dropped, by reason: an association does not end over what it cannot tell to be its peer's. */
  readonly discards: Partial<Record<DatagramDiscard, number>> = {};
  readonly #role: "client" | "server";
  readonly #channel: DatagramChannel;
  readonly #handshake: Handshake;
  readonly #updateMargin: number;
  readonly #acknowledging = new Acknowledging();
  #dead = false;
  /** Whether a record of the peer's was authentic. */
  #peerHasKeys = false;
  #newest = false;
  /** Whether a ChangeCipherSpec of DTLS 1.2 has come and not been taken: it may overtake what stands before it. */
  #changeCipherSpec = false;
  #early: Uint8Array[] = [];
  #lateMessages = 0;
  #warnings = 0;
  #lingerUntil: Mono | null = null;
  #turn: Turn;

  /**
   * @param begin - Makes this side's handshake over the channel it is given.
   * @param begun - What a stateless exchange has used up; see {@link Begun}.
   */
  constructor(
    role: "client" | "server",
    config: DtlsConfig,
    begin: (channel: Channel) => Handshake,
    begun: Begun | null = null,
  ) {
    this.#role = role;
    this.#channel = new DatagramChannel(config, begun);
    this.#handshake = begin(this.#channel);
    this.#turn = newTurn(role, "handshake");
    this.#updateMargin = Math.min(UPDATE_MARGIN, (config.maxRecordsPerKey ?? Infinity) / 2);
  }

  get wakeAt(): Mono | null {
    if (this.#dead) return null;
    const times = [this.#channel.flights.wakeAt, this.#acknowledging.wakeAt, this.#lingerUntil];
    const pending = times.filter((time) => time !== null);
    return pending.length === 0 ? null : mono(Math.min(...pending));
  }

  /** Whether the handshake is over and the association lives. */
  get established(): boolean {
    return !this.#dead && this.#handshake.phase === "established";
  }

  /**
   * Whether the last datagram had an authentic record that was sent after all
   * before it: only then may the peer's address become the one it came from.
   *
   * @see RFC 9146 §6; RFC 9147 §9
   */
  get sawNewest(): boolean {
    return this.#newest;
  }

  /** Octets of application data that one datagram carries over the path as far as it is known. */
  get dataRoom(): number {
    return this.#channel.flights.recordRoom;
  }

  /**
   * @throws Error for an input that does not fit the state, such as `send`
   *   before `established`, and RangeError for data longer than a record: faults
   *   of the caller. The association is dead then.
   */
  handle(input: DtlsInput, now: Mono): DtlsOutput[] {
    if (this.#dead) return [];
    this.#turn = newTurn(this.#role, this.#handshake.phase);
    try {
      this.#take(input, now);
      if (!this.#dead) this.#endTurn(now);
    } catch (failure) {
      if (!(failure instanceof TlsFailure)) {
        this.#end();
        throw failure;
      }
      this.#fail(failure, now);
    }
    return this.#channel.drain();
  }

  #take(input: DtlsInput, now: Mono): void {
    switch (input.kind) {
      case "start":
        this.#handshake.start();
        return;
      case "datagram":
        this.#onDatagram(input.bytes, now);
        return;
      case "timeout":
        this.#onTimeout(now);
        return;
      case "peer-accepted":
        this.#accept(input.publicKey, now);
        return;
      case "peer-rejected":
        this.#requireVerifying();
        throw TlsFailure.peerRejected(input.alert, input.reason);
      case "send":
        this.#requireEstablished("send");
        this.#send(input.bytes);
        return;
      case "update-keys":
        this.#requireEstablished("update-keys");
        // One at a time: those that wait already will do for this one too (RFC 9147 §8).
        if (!this.#channel.flights.keysWait) this.#handshake.updateKeys();
        return;
      case "close":
        this.#close();
        return;
    }
  }

  #onTimeout(now: Mono): void {
    if (this.#lingerUntil !== null && now >= this.#lingerUntil) this.#endLingering(now);
    this.#channel.flights.onTimeout(now);
  }

  #onDatagram(bytes: Uint8Array, now: Mono): void {
    this.#newest = false;
    const { records, discards } = cutDatagram(bytes, 0);
    for (const reason of discards) this.#discard(reason);
    for (const record of records) {
      this.#onWireRecord(record, now);
      if (this.#dead) return;
    }
    this.#pump(now);
  }

  #onWireRecord(record: WireRecord, now: Mono): void {
    const { reading } = this.#channel;
    const reader = reading.of(record);
    if (reader === null) {
      if (reading.hold(record)) return;
      const inClear = record.form === "plain" && record.epoch === 0;
      this.#discard(inClear ? "clear-after-keys" : "no-keys-yet");
      return;
    }
    this.#open(record, reader, now);
    this.#pump(now);
  }

  #open(record: WireRecord, reader: EpochReader, now: Mono): void {
    const result = reader.open(record);
    if (result.kind === "discarded") {
      this.#discard(result.reason, result.authentic);
      // Old keys may wear out; nobody depends on them any more.
      if (reader.failuresLeft <= 0 && reader.epoch === this.#channel.reading.top) {
        throw TlsFailure.because("too-many-forgeries");
      }
      return;
    }
    this.#newest ||= result.newest;
    if (reader.epoch > 0) this.#onAuthentic(reader.epoch);
    if (result.content.length > this.#channel.maxReading) {
      this.#discard("plaintext-too-long", reader.epoch > 0);
      return;
    }
    this.#onRecord(result, now);
  }

  /** The peer has these keys, so it has no use for those before, but for what it may have to repeat. */
  #onAuthentic(epoch: number): void {
    const { reading } = this.#channel;
    if (!this.#peerHasKeys) {
      this.#peerHasKeys = true;
      reading.dropBelow(1);
    }
    if (epoch > FIRST_APPLICATION_EPOCH && epoch === reading.top) reading.dropBelow(epoch);
  }

  #onRecord(record: OpenedRecord, now: Mono): void {
    switch (record.type) {
      case ContentType.handshake:
        this.#onHandshakeRecord(record);
        return;
      case ContentType.alert:
        this.#onAlert(record);
        return;
      case ContentType.changeCipherSpec:
        this.#onChangeCipherSpec(record);
        return;
      case ContentType.applicationData:
        this.#onApplicationData(record);
        return;
      case DatagramContentType.ack:
        this.#onAck(record, now);
        return;
    }
  }

  #onHandshakeRecord({ number, content }: OpenedRecord): void {
    const { reassembler } = this.#channel;
    const last = reassembler.nextSeq - 1;
    const taken: Taken = reassembler.push(number.epoch, content);
    for (const reason of taken.discards) this.#discard(reason, this.#isTrusted(number.epoch));
    if (taken.acknowledgeable) this.#acknowledging.add(number);
    this.#turn.heard = true;
    this.#turn.progressed ||= taken.progressed;
    this.#turn.disrupted ||= taken.outOfOrder;
    this.#turn.repeated ||= taken.repeated === last;
  }

  /** Whether what comes in an epoch counts as the peer's own; see the head of this file. */
  #isTrusted(epoch: number): boolean {
    return epoch > 0 || !this.#peerHasKeys;
  }

  /** Works through what has been received until something is missing: a record, a message, an answer. */
  #pump(now: Mono): void {
    const { reading, reassembler } = this.#channel;
    while (!this.#dead && this.#handshake.phase !== "verifying") {
      if (this.#takeChangeCipherSpec()) continue;
      const message = reassembler.next();
      if (message !== null) {
        this.#onMessage(message);
        continue;
      }
      const held = reading.takeHeld();
      const reader = held === null ? null : reading.of(held);
      if (held === null || reader === null) return;
      this.#open(held, reader, now);
    }
  }

  /** It has no place among the messages, so it waits for the one behind which it belongs. */
  #takeChangeCipherSpec(): boolean {
    if (!this.#changeCipherSpec) return false;
    if (this.#handshake.waitingFor !== "AwaitChangeCipherSpec") return false;
    this.#changeCipherSpec = false;
    this.#handshake.onChangeCipherSpec();
    return true;
  }

  #onMessage(message: ReassembledMessage): void {
    if (this.#handshake.phase === "established") this.#checkLate(message);
    const { type, seq: sequence, body } = message;
    this.#handshake.onMessage({ type, body, whole: transcriptForm13(message), sequence });
  }

  #checkLate({ type, epoch }: ReassembledMessage): void {
    if (++this.#lateMessages > MAX_LATE_MESSAGES) {
      throw TlsFailure.because("too-many-late-messages");
    }
    // A second one before our ACK of the first could have come only in between (RFC 9147 §8).
    if (type === HandshakeType.keyUpdate && epoch !== this.#channel.reading.top) {
      throw TlsFailure.because("unexpected-message", "KeyUpdate under old keys");
    }
  }

  #onChangeCipherSpec({ number, content }: OpenedRecord): void {
    if (number.epoch > 0) throw TlsFailure.because("unexpected-change-cipher-spec");
    if (this.#channel.version === "TLS 1.3") {
      this.#discard("unexpected-record");
      return;
    }
    if (content.length !== 1 || content[0] !== 1) {
      throw TlsFailure.because("malformed-change-cipher-spec");
    }
    // One that comes behind the keys is a repeat.
    if (this.#channel.reading.top === 0) this.#changeCipherSpec = true;
  }

  #onAlert({ number, content }: OpenedRecord): void {
    const alert = parseAlert(content);
    if (alert === null) throw TlsFailure.because("malformed-alert");
    if (alert.name === null) throw TlsFailure.because("unknown-alert", `number ${content[1]}`);
    if (alert.name === "close_notify") {
      if (this.#handshake.phase !== "established") throw TlsFailure.because("peer-closed");
      this.#close();
      return;
    }
    if (this.#isFatal(alert.level, alert.name)) throw TlsFailure.alertReceived(alert.name);
    // In the clear anybody could make up the number.
    if (number.epoch > 0 && ++this.#warnings > MAX_WARNINGS) {
      throw TlsFailure.because("too-many-warnings");
    }
  }

  /** In TLS 1.3 levels mean nothing any more, and all but two alerts are fatal (RFC 8446 §6). */
  #isFatal(level: Alert["level"], name: AlertName): boolean {
    return this.#channel.version === "TLS 1.3" ? name !== "user_canceled" : level === "fatal";
  }

  #onApplicationData({ number, content }: OpenedRecord): void {
    if (number.epoch === 0) {
      this.#discard("unexpected-record");
      return;
    }
    if (this.#channel.version === "TLS 1.3" && number.epoch < FIRST_APPLICATION_EPOCH) {
      const { waitingFor } = this.#handshake;
      throw TlsFailure.because("unexpected-application-data", `in ${waitingFor}`);
    }
    if (this.#handshake.phase === "established") this.#deliver(content);
    else if (this.#early.length < MAX_EARLY_RECORDS) this.#early.push(content);
    else this.#discard("data-too-early");
  }

  #deliver(content: Uint8Array): void {
    this.#lateMessages = 0;
    this.#warnings = 0;
    if (content.length > 0) this.#channel.emit({ kind: "data", bytes: content });
  }

  #onAck({ number, content }: OpenedRecord, now: Mono): void {
    if (this.#channel.version !== "TLS 1.3") {
      this.#discard("unexpected-record");
      return;
    }
    const numbers = parseAck(content, number.epoch);
    if (numbers === "malformed") throw TlsFailure.because("malformed-ack");
    if (numbers === "future-epoch") throw TlsFailure.because("bad-ack", numbers);
    const whole = this.#channel.flights.acknowledge(numbers, now);
    // The server has our Finished, and so nothing of its handshake to repeat.
    if (whole && this.#role === "client" && this.#handshake.phase === "established") {
      this.#channel.reading.dropBelow(FIRST_APPLICATION_EPOCH);
    }
  }

  #discard(reason: DatagramDiscard, authentic = false): void {
    this.discards[reason] = (this.discards[reason] ?? 0) + 1;
    const fault = authentic ? faultOf(reason) : null;
    if (fault !== null) throw fault;
  }

  /** @see turn.ts */
  #endTurn(now: Mono): void {
    const turn = this.#turn;
    const { version, flights } = this.#channel;
    turn.ended = this.#handshake.phase === "established" ? "established" : "handshake";
    if (version === "TLS 1.3") endTurn13(turn, flights, this.#acknowledging, now);
    else endTurn12(turn, flights, now);
    if (turn.began === "handshake" && turn.ended === "established") this.#onEstablished(now);
    else if (this.#lingerUntil !== null && turn.repeated) this.#lingerUntil = mono(now + LINGER_MS);
  }

  #onEstablished(now: Mono): void {
    const { version, flights, reading } = this.#channel;
    reading.dropHeld();
    for (const content of this.#early) this.#deliver(content);
    this.#early = [];
    if (version === "TLS 1.2") this.#acknowledging.clear();
    const mayHaveToRepeat = version === "TLS 1.2" ? flights.isAnswerOut : this.#role === "server";
    if (mayHaveToRepeat) this.#lingerUntil = mono(now + LINGER_MS);
  }

  /** Nobody repeats the handshake any more. */
  #endLingering(now: Mono): void {
    const { version, flights, reading } = this.#channel;
    this.#lingerUntil = null;
    if (version === "TLS 1.3") reading.dropBelow(FIRST_APPLICATION_EPOCH);
    else flights.answered(now);
  }

  #accept(publicKey: PublicKey, now: Mono): void {
    this.#requireVerifying();
    this.#handshake.onPeerAccepted(publicKey);
    this.#pump(now);
  }

  #send(bytes: Uint8Array): void {
    const { version, flights } = this.#channel;
    if (bytes.length > flights.maxPlaintext) {
      throw new RangeError(
        `One datagram to this peer holds ${flights.maxPlaintext} octets at most.`,
      );
    }
    flights.record(ContentType.applicationData, bytes);
    if (version !== "TLS 1.3" || flights.keysWait) return;
    if (flights.writer.recordsLeft < this.#updateMargin) this.#handshake.updateKeys();
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

  #fail(failure: TlsFailure, now: Mono): void {
    // The alert is under keys that the peer gets from what was to go out.
    this.#channel.flights.flush(now, "last");
    if (failure.reason !== "peer-alert") this.#channel.alert(failure.alert);
    this.#channel.emit({ kind: "failed", failure });
    this.#end();
  }

  /** Drops and overwrites what the association knew; the session's own secret is its owner's. */
  #end(): void {
    this.#dead = true;
    this.#handshake.forget();
    this.#acknowledging.clear();
    this.#early = [];
    this.#channel.clear();
  }
}

function newTurn(role: "client" | "server", phase: Phase): Turn {
  const began = phase === "established" ? "established" : "handshake";
  return {
    ...{ role, began, ended: began },
    ...{ heard: false, progressed: false, disrupted: false, repeated: false },
  };
}
