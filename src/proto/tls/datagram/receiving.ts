/**
 * What comes in: datagrams are cut, records opened, and what is in them handed
 * to where it belongs. What is said in return is `turn.ts` and `association.ts`.
 *
 * Until a record of the peer's was authentic there is nobody to tell it from,
 * and a fault in the clear ends the handshake as it would over a stream, a fatal
 * alert too: whoever can forge those could as well forge the hellos. From then
 * on what is in the clear is dropped, and what is not authentic always
 * (RFC 6347 §4.1.2.7, RFC 9147 §4.5.2).
 */
import type { Mono } from "../../../base/machine.ts";
import { parseAlert } from "../alert.ts";
import type { Alert, AlertName } from "../alert.ts";
import { TlsFailure } from "../failure.ts";
import type { Handshake } from "../handshake.ts";
import { ContentType, HandshakeType } from "../wire.ts";
import { parseAck } from "./ack.ts";
import type { Acknowledging } from "./acknowledging.ts";
import type { DatagramChannel } from "./channel.ts";
import { parseNewConnectionId, parseRequestConnectionId } from "./connection-id.ts";
import { cutDatagram } from "./cut.ts";
import type { WireRecord } from "./cut.ts";
import type { DatagramDiscard } from "./discard.ts";
import type { EpochReader, OpenedRecord } from "./epoch.ts";
import { faultOf } from "./fault.ts";
import { transcriptForm13 } from "./handshake-fragment.ts";
import { FIRST_APPLICATION_EPOCH } from "./reading.ts";
import type { ReassembledMessage, Taken } from "./reassembly.ts";
import type { Turn } from "./turn.ts";
import { DatagramContentType, DatagramHandshakeType } from "./wire.ts";

/** Handshake messages after the handshake without application data between them: work for nothing. */
export const MAX_LATE_MESSAGES = 32;

/** Warnings without application data between them. */
export const MAX_WARNINGS = 32;

/** Records of application data kept that overtook the Finished of DTLS 1.2. */
export const MAX_EARLY_RECORDS = 8;

/** How often which thing has happened. */
export type Discards = Readonly<Partial<Record<DatagramDiscard, number>>>;

/** Of all associations that nothing has happened to. */
const NO_DISCARDS: Discards = {};
const NOTHING_EARLY: readonly Uint8Array[] = [];

/** The receiving half of an association. Its methods throw {@link TlsFailure} for what the peer did. */
export class Receiving {
  #discards: Discards = NO_DISCARDS;
  readonly #channel: DatagramChannel;
  readonly #handshake: Handshake;
  readonly #acknowledging: Acknowledging;
  /** Whether a ChangeCipherSpec of DTLS 1.2 has come and not been taken: it may overtake what stands before it. */
  #changeCipherSpec = false;
  #early: readonly Uint8Array[] = NOTHING_EARLY;
  #lateMessages = 0;
  #warnings = 0;
  #newest = false;
  #closed = false;

  constructor(channel: DatagramChannel, handshake: Handshake, acknowledging: Acknowledging) {
    this.#channel = channel;
    this.#handshake = handshake;
    this.#acknowledging = acknowledging;
  }

  get discards(): Discards {
    return this.#discards;
  }

  /** Whether the last datagram had an authentic record that was sent after all before it. */
  get sawNewest(): boolean {
    return this.#newest;
  }

  /** Whether the peer has said that it sends no more; nothing is taken any more then. */
  get closed(): boolean {
    return this.#closed;
  }

  onDatagram(bytes: Uint8Array, turn: Turn, now: Mono): void {
    this.#newest = false;
    const { records, discards } = cutDatagram(bytes, this.#channel.connectionId?.length ?? 0);
    for (const reason of discards) this.#discard(reason);
    for (const record of records) {
      this.#onWireRecord(record, turn, now);
      if (this.#closed) return;
    }
    this.pump(turn, now);
  }

  #onWireRecord(record: WireRecord, turn: Turn, now: Mono): void {
    const { reading } = this.#channel;
    const reader = reading.of(record);
    if (reader === null) {
      if (reading.hold(record)) return;
      const inClear = record.form === "plain" && record.epoch === 0;
      this.#discard(inClear ? "clear-after-keys" : "no-keys-yet");
      return;
    }
    this.#open(record, reader, turn, now);
    this.pump(turn, now);
  }

  #open(record: WireRecord, reader: EpochReader, turn: Turn, now: Mono): void {
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
    if (reader.epoch > 0) this.#channel.reading.confirm(reader.epoch);
    if (result.content.length > this.#channel.maxReading) {
      this.#discard("plaintext-too-long", reader.epoch > 0);
      return;
    }
    this.#onRecord(result, turn, now);
  }

  #onRecord(record: OpenedRecord, turn: Turn, now: Mono): void {
    switch (record.type) {
      case ContentType.handshake:
        this.#onHandshakeRecord(record, turn);
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
        this.#onAck(record, turn, now);
        return;
    }
  }

  #onHandshakeRecord({ number, content }: OpenedRecord, turn: Turn): void {
    const { reassembler } = this.#channel;
    const last = reassembler.nextSeq - 1;
    const taken: Taken = reassembler.push(number.epoch, content);
    for (const reason of taken.discards) this.#discard(reason, this.#isTrusted(number.epoch));
    if (taken.acknowledgeable) this.#acknowledging.add(number);
    turn.heard = true;
    turn.progressed ||= taken.progressed;
    turn.disrupted ||= taken.outOfOrder;
    turn.repeated ||= taken.repeated === last;
  }

  /** Whether what comes in an epoch counts as the peer's own; see the head of this file. */
  #isTrusted(epoch: number): boolean {
    return epoch > 0 || !this.#channel.reading.isConfirmed;
  }

  /** Works through what has been received until something is missing: a record, a message, an answer. */
  pump(turn: Turn, now: Mono): void {
    const { reading, reassembler } = this.#channel;
    while (!this.#closed && this.#handshake.phase !== "verifying") {
      if (this.#takeChangeCipherSpec()) continue;
      const message = reassembler.next();
      if (message !== null) {
        this.#onMessage(message);
        continue;
      }
      const held = reading.takeHeld();
      const reader = held === null ? null : reading.of(held);
      if (held === null || reader === null) return;
      this.#open(held, reader, turn, now);
    }
  }

  /** It has no place among the messages, so it waits for the one behind which it belongs. */
  #takeChangeCipherSpec(): boolean {
    if (!this.#changeCipherSpec) return false;
    // A session that is resumed waits for it in a state of its own.
    if (!this.#handshake.waitingFor.endsWith("ChangeCipherSpec")) return false;
    this.#changeCipherSpec = false;
    this.#handshake.onChangeCipherSpec();
    return true;
  }

  #onMessage(message: ReassembledMessage): void {
    if (this.#handshake.phase === "established") this.#checkLate(message);
    const { type, seq: sequence, body } = message;
    if (this.#takeConnectionIdMessage(type, body)) return;
    this.#handshake.onMessage({ type, body, whole: transcriptForm13(message), sequence });
  }

  /**
   * The messages about connection ids are the association's own. A new id is
   * used where it must be; spare ones are passed over, and so are requests for
   * ours, which may be had once: both are for peers that hide where they move.
   *
   * @see RFC 9147 §9
   */
  #takeConnectionIdMessage(type: number, body: Uint8Array): boolean {
    const { newConnectionId, requestConnectionId } = DatagramHandshakeType;
    if (type !== newConnectionId && type !== requestConnectionId) return false;
    const { version, connectionId: own, peerConnectionId: theirs } = this.#channel;
    const named = type === newConnectionId ? theirs : own;
    const isLate = this.#handshake.phase === "established" && version === "TLS 1.3";
    if (!isLate || theirs === null || named === null || named.length === 0) {
      throw TlsFailure.because("unexpected-message", "about connection ids");
    }
    if (type === requestConnectionId) parseRequestConnectionId(body);
    else {
      const { cids, immediate } = parseNewConnectionId(body);
      if (immediate) this.#channel.callPeer(cids[0]!.slice());
    }
    return true;
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
      this.#closed = true;
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
    else if (this.#early.length < MAX_EARLY_RECORDS) this.#early = [...this.#early, content];
    else this.#discard("data-too-early");
  }

  /** The handshake is over: what overtook its end is due. */
  deliverEarly(): void {
    for (const content of this.#early) this.#deliver(content);
    this.#early = NOTHING_EARLY;
  }

  #deliver(content: Uint8Array): void {
    this.#lateMessages = 0;
    this.#warnings = 0;
    if (content.length > 0) this.#channel.emit({ kind: "data", bytes: content });
  }

  #onAck({ number, content }: OpenedRecord, { role }: Turn, now: Mono): void {
    if (this.#channel.version !== "TLS 1.3") {
      this.#discard("unexpected-record");
      return;
    }
    const numbers = parseAck(content, number.epoch);
    if (numbers === "malformed") throw TlsFailure.because("malformed-ack");
    if (numbers === "future-epoch") throw TlsFailure.because("bad-ack", numbers);
    const whole = this.#channel.flights.acknowledge(numbers, now);
    // The server has our Finished, and so nothing of its handshake to repeat.
    if (whole && role === "client" && this.#handshake.phase === "established") {
      this.#channel.reading.dropBelow(FIRST_APPLICATION_EPOCH);
    }
  }

  #discard(reason: DatagramDiscard, authentic = false): void {
    this.#discards = { ...this.#discards, [reason]: (this.#discards[reason] ?? 0) + 1 };
    const fault = authentic ? faultOf(reason) : null;
    if (fault !== null) throw fault;
  }
}
