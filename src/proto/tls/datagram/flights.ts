/**
 * What we send of the handshake, one flight at a time, until the other side is
 * known to have it. What tells us so is the versions' affair: in DTLS 1.2 the
 * whole of the peer's next flight, in DTLS 1.3 an ACK or any of that flight.
 *
 *     message, changeCipherSpec, writeUnder --> put together --flush--> out, under a timer
 *         out --timeout--> sent again     --answered--> forgotten
 *         out --acknowledge--> what remains is sent again, or forgotten
 *     after the handshake of DTLS 1.3: a queue; the next flight waits for the ACK of the one
 *     before it, and so do the keys behind a KeyUpdate
 *
 * @see RFC 6347 §4.2.4; RFC 9147 §5.8 and §8
 */
import type { Mono } from "../../../base/machine.ts";
import { TlsFailure } from "../failure.ts";
import { handshakeMessageOf } from "../handshake-joiner.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import { PlainEpochWriter } from "./epoch.ts";
import type { EpochWriter } from "./epoch.ts";
import { Flight } from "./flight.ts";
import type { FlightPiece } from "./flight.ts";
import { MAX_RECORDS_PER_TRANSMISSION, packFlight, sealDatagram } from "./fragmenter.ts";
import type { DatagramMessage } from "./handshake-fragment.ts";
import { EpochWriter13 } from "./record13.ts";
import { FlightTimer, PathMtu } from "./retransmission.ts";
import type { DtlsConfig } from "./dtls.ts";
import type { RecordNumber } from "./wire.ts";

/** Messages and keys that wait for an ACK, after the handshake. */
export const MAX_QUEUED = 32;

/** How we learn that a flight was heard. */
type Hearing =
  /** By the peer's next flight. */
  | "awaits-answer"
  /** By an ACK alone. */
  | "awaits-ack"
  /** Not at all: DTLS 1.2 ends like this. It is kept in case the peer repeats what it answers. */
  | "last";

type Queued =
  | { readonly kind: "message"; readonly message: DatagramMessage }
  | { readonly kind: "keys"; readonly writer: EpochWriter };

/** What waits for nothing: one for all associations, most of which are idle most of the time. */
const NONE: readonly never[] = [];

export class Flights {
  /** See `DtlsConfig`. */
  readonly gatherAcks: boolean;
  readonly #maxRecords: number;
  readonly #timer: FlightTimer;
  readonly #mtu: PathMtu;
  /** One for an epoch. */
  #writers: readonly EpochWriter[];
  #epoch = 0;
  #messageSequence: number;
  #maxPlaintext = MAX_PLAINTEXT;
  /** Whether the peer acknowledges: DTLS 1.3. */
  #acknowledged = false;
  /** Whether the handshake is over, and messages go out one flight after another. */
  #late = false;
  #pieces: readonly FlightPiece[] = NONE;
  #queue: readonly Queued[] = NONE;
  #flight: Flight | null = null;
  #hearing: Hearing = "awaits-answer";
  #sentAt: Mono | null = null;
  #datagrams: readonly Uint8Array[] = NONE;

  /**
   * @param messageSequence - message_seq of our first message.
   * @param recordSequence - Of our first record in the clear.
   */
  constructor(config: DtlsConfig, messageSequence: number, recordSequence: number) {
    const { mtu, initialMs, keepBackoff, maxRecordsPerTransmission } = config;
    this.#maxRecords = maxRecordsPerTransmission ?? MAX_RECORDS_PER_TRANSMISSION;
    this.#timer = new FlightTimer({
      ...(initialMs === undefined ? {} : { initialMs }),
      ...(keepBackoff === undefined ? {} : { keepBackoff }),
    });
    this.#mtu = new PathMtu(mtu);
    this.gatherAcks = config.gatherAcks ?? false;
    this.#messageSequence = messageSequence;
    this.#writers = [new PlainEpochWriter(undefined, recordSequence)];
  }

  get wakeAt(): Mono | null {
    return this.#timer.wakeAt;
  }

  /** How long the rest of the peer's flight may take before it is worth an ACK. */
  get ackDelayMs(): number {
    return this.#timer.ackDelayMs;
  }

  /** What everything but flights is written with. */
  get writer(): EpochWriter {
    return this.#writerOf(this.#epoch);
  }

  /** Octets of UDP payload in one datagram. */
  get mtu(): number {
    return this.#mtu.octets;
  }

  /** Whether a flight is out that answers one of the peer's. */
  get isAnswerOut(): boolean {
    return this.#flight !== null && this.#hearing !== "awaits-ack";
  }

  /** Whether messages wait to be flushed. */
  get isPending(): boolean {
    return this.#pieces.length > 0;
  }

  /** Whether new keys of ours wait for an ACK. */
  get keysWait(): boolean {
    return this.#queue.some(({ kind }) => kind === "keys");
  }

  /** Octets of plaintext in one of our records. */
  get maxPlaintext(): number {
    return this.#maxPlaintext;
  }

  /** Octets of plaintext in one record that has a datagram for itself, as far as the path is known. */
  get recordRoom(): number {
    return Math.max(0, Math.min(this.mtu - this.writer.overhead, this.#maxPlaintext));
  }

  /** The peer acknowledges what it gets: DTLS 1.3 was settled. */
  expectAcknowledgements(): void {
    this.#acknowledged = true;
  }

  limitPlaintext(octets: number): void {
    this.#maxPlaintext = Math.min(this.#maxPlaintext, octets);
  }

  /** @param whole - Header of 4 octets and body. @throws {@link TlsFailure} where too many wait. */
  message(whole: Uint8Array): HandshakeMessage {
    const message = handshakeMessageOf(whole, this.#messageSequence++);
    const { type, sequence, body } = message;
    const piece = { type, seq: sequence, body };
    if (this.#late && this.#acknowledged) this.#enqueue({ kind: "message", message: piece });
    else this.#add({ kind: "message", epoch: this.#epoch, message: piece });
    return message;
  }

  changeCipherSpec(): void {
    const { changeCipherSpec: type } = ContentType;
    this.#add({ kind: "record", epoch: this.#epoch, type, content: Uint8Array.of(1) });
  }

  /** Keys after a KeyUpdate wait until that is acknowledged (RFC 9147 §8); all others are in use at once. */
  writeUnder(writer: EpochWriter): void {
    if (this.#queue.length > 0) return this.#enqueue({ kind: "keys", writer });
    this.#use(writer);
  }

  /** Keys in use take another connection id from here on (RFC 9147 §9). */
  callPeer(connectionId: Uint8Array): void {
    const waiting = this.#queue.flatMap((entry) => (entry.kind === "keys" ? [entry.writer] : []));
    for (const writer of [...this.#writers, ...waiting]) {
      if (writer instanceof EpochWriter13) writer.useConnectionId(connectionId);
    }
  }

  /** The handshake is over: what follows is sent flight by flight. */
  becomeLate(): void {
    this.#late = true;
  }

  /** Sends what was put together. */
  flush(now: Mono, hearing: Hearing): void {
    if (this.#pieces.length > 0) {
      const pieces = this.#pieces;
      this.#pieces = NONE;
      this.#timer.answered(now);
      this.#start(pieces, hearing, now);
    }
    this.#startQueued(now);
  }

  /** The timer may be due. @throws {@link TlsFailure} where nobody has answered for too long. */
  onTimeout(now: Mono): void {
    switch (this.#timer.expire(now)) {
      case "not-due":
        return;
      case "give-up":
        throw TlsFailure.because("no-answer");
      case "retransmit":
        this.#mtu.flightLost(this.#timer.retransmissions);
        this.#transmit(now);
    }
  }

  /**
   * The peer repeats the flight that ours answers: it lacks ours. While the
   * timer runs a repeat soon after we sent is only the network's doubling, or
   * the other half of what we have answered.
   */
  onRepeat(now: Mono): void {
    if (this.#flight === null) return;
    const isTimed = this.#timer.wakeAt !== null;
    if (isTimed && this.#sentAt !== null && now - this.#sentAt < this.ackDelayMs) return;
    this.#transmit(now);
    this.#timer.restart(now);
  }

  /** @returns Whether the peer has now got all of the flight that was out. */
  acknowledge(numbers: readonly RecordNumber[], now: Mono): boolean {
    const flight = this.#flight;
    if (flight === null || !flight.acknowledge(numbers)) return false;
    if (!flight.acknowledged) {
      this.#transmit(now);
      this.#timer.restart(now);
      return false;
    }
    this.answered(now);
    this.#startQueued(now);
    return true;
  }

  /** The peer has shown that it got the flight: it is forgotten. */
  answered(now: Mono): void {
    this.#timer.answered(now);
    this.#flight = null;
    this.#forgetWriters();
  }

  /** Drops messages and all keys but those of alerts. */
  clear(): void {
    this.#timer.stop();
    this.#flight = null;
    this.#pieces = NONE;
    this.#queue = NONE;
    this.#forgetWriters();
  }

  /** Whole datagrams since the last call. */
  drain(): readonly Uint8Array[] {
    const datagrams = this.#datagrams;
    this.#datagrams = NONE;
    return datagrams;
  }

  /** A record of its own, in a datagram of its own. */
  record(type: number, content: Uint8Array): void {
    this.#datagrams = [...this.#datagrams, this.writer.seal(type, content).record];
  }

  #enqueue(entry: Queued): void {
    if (this.#queue.length >= MAX_QUEUED) throw TlsFailure.because("too-many-late-messages");
    this.#queue = [...this.#queue, entry];
  }

  #add(piece: FlightPiece): void {
    this.#pieces = [...this.#pieces, piece];
  }

  /** There is one for every epoch that something is to be written in. */
  #writerOf(epoch: number): EpochWriter {
    return this.#writers.find((writer) => writer.epoch === epoch)!;
  }

  #use(writer: EpochWriter): void {
    this.#writers = [...this.#writers.filter(({ epoch }) => epoch !== writer.epoch), writer];
    this.#epoch = writer.epoch;
    this.#forgetWriters();
  }

  /** Up to the next change of keys, which its own message's ACK lets happen. */
  #startQueued(now: Mono): void {
    const pieces: FlightPiece[] = [];
    while (this.#flight === null) {
      const entry = this.#queue[0];
      if (entry === undefined || (entry.kind === "keys" && pieces.length > 0)) break;
      this.#queue = this.#queue.slice(1);
      if (entry.kind === "keys") this.#use(entry.writer);
      else pieces.push({ kind: "message", epoch: this.#epoch, message: entry.message });
    }
    if (pieces.length > 0) this.#start(pieces, "awaits-ack", now);
  }

  #start(pieces: readonly FlightPiece[], hearing: Hearing, now: Mono): void {
    this.#flight = new Flight(pieces);
    this.#hearing = hearing;
    this.#forgetWriters();
    if (hearing !== "last") this.#timer.start(now);
    this.#transmit(now);
  }

  #transmit(now: Mono): void {
    const flight = this.#flight;
    if (flight === null) return;
    this.#sentAt = now;
    const writerOf = (epoch: number): EpochWriter => this.#writerOf(epoch);
    const datagrams = packFlight(flight, {
      mtu: this.mtu,
      overhead: (epoch) => writerOf(epoch).overhead,
      maxPlaintext: this.#maxPlaintext,
      maxRecords: this.#acknowledged ? this.#maxRecords : null,
    });
    const sealed = datagrams.map((datagram) => sealDatagram(datagram, flight, writerOf));
    this.#datagrams = [...this.#datagrams, ...sealed];
  }

  /** Keys live as long as a flight may have to be sent again under them. */
  #forgetWriters(): void {
    const pieces = [...this.#pieces, ...(this.#flight?.pieces ?? NONE)];
    const needed = new Set([this.#epoch, ...pieces.map(({ epoch }) => epoch)]);
    this.#writers = this.#writers.filter(({ epoch }) => needed.has(epoch));
  }
}
