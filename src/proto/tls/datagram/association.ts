/**
 * One DTLS association: one peer, either role, DTLS 1.2 or 1.3. It takes
 * datagrams apart, sorts what is in them, and carries out what its handshake
 * asks for; which messages there are is the handshake's to know.
 *
 *     datagram -> records -> epoch's reader -> handshake fragments -> messages in order -> handshake
 *                                           -> alert, ACK, application data
 *     at the end of each turn: our flight, or the peer's repeated, or an ACK
 *
 * @see RFC 6347; RFC 9147
 */
import type { PublicKey } from "../../../base/crypto/crypto.ts";
import { earliest, mono } from "../../../base/machine.ts";
import type { Machine, Mono } from "../../../base/machine.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel, Handshake, Phase } from "../handshake.ts";
import { ContentType } from "../wire.ts";
import { Acknowledging } from "./acknowledging.ts";
import type { Begun } from "./begun.ts";
import { DatagramChannel } from "./channel.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";
import { Receiving } from "./receiving.ts";
import type { Discards } from "./receiving.ts";
import { endTurn12, endTurn13 } from "./turn.ts";
import type { Turn } from "./turn.ts";

export type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";

/**
 * How long the last flight, and the keys to recognise the peer's repeat of its
 * own, are kept since the last of these: twice the longest life of a segment
 * (RFC 6347 §4.2.4, RFC 9147 §5.8.1), four times the longest wait between two.
 */
export const LINGER_MS = 240_000;

/** Our keys are changed once so few records are left to them, or half of all there were. */
const UPDATE_MARGIN = 1024;

/** After `failed` or `closed` every input is ignored. */
export class Association implements Machine<DtlsInput, DtlsOutput> {
  readonly #role: "client" | "server";
  readonly #channel: DatagramChannel;
  readonly #handshake: Handshake;
  readonly #receiving: Receiving;
  readonly #acknowledging = new Acknowledging();
  readonly #updateMargin: number;
  #dead = false;
  #lingerUntil: Mono | null = null;

  /**
   * @param begin - Makes this side's handshake over the channel it is given.
   * @param begun - What a stateless exchange has used up; see {@link Begun}.
   * @param connectionId - Of this association alone, where one configuration serves many.
   */
  constructor(
    role: "client" | "server",
    config: DtlsConfig,
    begin: (channel: Channel) => Handshake,
    begun: Begun | null = null,
    connectionId: Uint8Array | null = config.connectionId ?? null,
  ) {
    this.#role = role;
    this.#channel = new DatagramChannel(config, begun, connectionId);
    this.#handshake = begin(this.#channel);
    this.#receiving = new Receiving(this.#channel, this.#handshake, this.#acknowledging);
    this.#updateMargin = Math.min(UPDATE_MARGIN, (config.maxRecordsPerKey ?? Infinity) / 2);
  }

  get wakeAt(): Mono | null {
    if (this.#dead) return null;
    const { flights } = this.#channel;
    return earliest([flights.wakeAt, this.#acknowledging.wakeAt, this.#lingerUntil]);
  }

  /** Records dropped, by reason: an association does not end over what it cannot tell to be its peer's. */
  get discards(): Discards {
    return this.#receiving.discards;
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
    return this.#receiving.sawNewest;
  }

  /** Whether the peer may call us by an id. */
  get hasConnectionId(): boolean {
    return this.#channel.connectionId !== null;
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
    const turn = newTurn(this.#role, this.#handshake.phase);
    try {
      this.#take(input, turn, now);
      if (this.#receiving.closed) this.#close();
      if (!this.#dead) this.#endTurn(turn, now);
    } catch (failure) {
      if (!(failure instanceof TlsFailure)) {
        this.#end();
        throw failure;
      }
      this.#fail(failure, now);
    }
    return this.#channel.drain();
  }

  #take(input: DtlsInput, turn: Turn, now: Mono): void {
    switch (input.kind) {
      case "start":
        this.#handshake.start();
        return;
      case "datagram":
        this.#receiving.onDatagram(input.bytes, turn, now);
        return;
      case "timeout":
        this.#onTimeout(now);
        return;
      case "peer-accepted":
        this.#accept(input.publicKey, turn, now);
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

  /** @see turn.ts */
  #endTurn(turn: Turn, now: Mono): void {
    const { version, flights } = this.#channel;
    turn.ended = this.#handshake.phase === "established" ? "established" : "handshake";
    if (version === "TLS 1.3") endTurn13(turn, flights, this.#acknowledging, now);
    else endTurn12(turn, flights, now);
    if (turn.began === "handshake" && turn.ended === "established") this.#onEstablished(now);
    else this.#linger(turn, now);
  }

  #onEstablished(now: Mono): void {
    const { version, flights, reading } = this.#channel;
    reading.dropHeld();
    this.#channel.dropUnusedConnectionId();
    this.#receiving.deliverEarly();
    if (version === "TLS 1.2") this.#acknowledging.clear();
    const mayHaveToRepeat = version === "TLS 1.2" ? flights.isAnswerOut : this.#role === "server";
    if (mayHaveToRepeat) this.#lingerUntil = mono(now + LINGER_MS);
  }

  /** What the peer repeats it may repeat again; keys just replaced may have been used for what is on its way. */
  #linger(turn: Turn, now: Mono): void {
    if (turn.began !== "established") return;
    const begins = this.#lingerUntil === null && this.#channel.reading.hasSpent;
    const goesOn = this.#lingerUntil !== null && turn.repeated;
    if (begins || goesOn) this.#lingerUntil = mono(now + LINGER_MS);
  }

  /** Nobody repeats the handshake any more. */
  #endLingering(now: Mono): void {
    const { version, flights, reading } = this.#channel;
    this.#lingerUntil = null;
    if (version === "TLS 1.3") reading.dropSpent();
    else flights.answered(now);
  }

  #accept(publicKey: PublicKey, turn: Turn, now: Mono): void {
    this.#requireVerifying();
    this.#handshake.onPeerAccepted(publicKey);
    this.#receiving.pump(turn, now);
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
