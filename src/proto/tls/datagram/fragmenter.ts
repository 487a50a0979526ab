/**
 * Packs a flight into datagrams that fit a path: messages are cut where a
 * datagram ends, records are shared by messages of one epoch, datagrams by
 * records of several.
 *
 * @see RFC 6347 §4.1.1 and §4.2.3; RFC 9147 §4.3, §4.4, §5.5 and §5.8.3
 */
import { concat } from "../../../base/bytes.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import type { EpochWriter } from "./epoch.ts";
import type { CarriedPart, Flight } from "./flight.ts";
import { encodeFragment } from "./handshake-fragment.ts";
import { DTLS_HANDSHAKE_HEADER_LENGTH } from "./wire.ts";

/** Records in one transmission of DTLS 1.3, as there is no congestion control (RFC 9147 §5.8.3). */
export const MAX_RECORDS_PER_TRANSMISSION = 10;

/**
 * Octets of content the first record of a datagram has room for, even where the
 * path says less: the peer chooses its connection id, and may leave none.
 */
export const LEAST_ROOM: number = DTLS_HANDSHAKE_HEADER_LENGTH + 32;

/** A record before it is sealed. */
export interface PlannedRecord {
  readonly epoch: number;
  readonly type: number;
  readonly content: Uint8Array;
  readonly carries: readonly CarriedPart[];
}

export type PlannedDatagram = readonly PlannedRecord[];

export interface PackOptions {
  /** Octets of UDP payload that pass the path. */
  readonly mtu: number;
  /** {@link EpochWriter.overhead} of an epoch. */
  readonly overhead: (epoch: number) => number;
  /** Octets of plaintext in one record, where the peer asked for fewer than 2^14. */
  readonly maxPlaintext?: number;
  /** Plan no more records than these; the rest waits for an ACK or the timer. Null for all, as in DTLS 1.2. */
  readonly maxRecords: number | null;
}

/** What of `flight` the peer may lack, as datagrams of at most `mtu` octets, but for {@link LEAST_ROOM}. */
export function packFlight(flight: Flight, options: PackOptions): PlannedDatagram[] {
  const packing = new Packing(options);
  for (const [index, piece] of flight.pieces.entries()) {
    if (piece.kind === "record") packing.addWhole(piece.epoch, piece.type, piece.content);
    for (const part of flight.remaining(index)) packing.addPart(flight, part);
  }
  return packing.finish();
}

/**
 * Seals the records of one planned datagram and remembers in `flight` which
 * carried what.
 */
export function sealDatagram(
  datagram: PlannedDatagram,
  flight: Flight,
  writerOf: (epoch: number) => EpochWriter,
): Uint8Array {
  const records = datagram.map(({ epoch, type, content, carries }) => {
    const { record, number } = writerOf(epoch).seal(type, content);
    flight.recordSent(number, carries);
    return record;
  });
  return concat(...records);
}

/** A handshake record that still takes fragments. */
interface OpenRecord {
  readonly epoch: number;
  readonly fragments: Uint8Array[];
  readonly carries: CarriedPart[];
  /** Octets of content so far. */
  length: number;
}

class Packing {
  readonly #options: PackOptions;
  readonly #maxPlaintext: number;
  readonly #datagrams: PlannedRecord[][] = [[]];
  #open: OpenRecord | null = null;
  /** Octets of the last datagram, without the open record. */
  #used = 0;
  #records = 0;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#maxPlaintext = Math.min(options.maxPlaintext ?? MAX_PLAINTEXT, MAX_PLAINTEXT);
  }

  addWhole(epoch: number, type: number, content: Uint8Array): void {
    this.#closeRecord();
    if (this.#isFull) return;
    if (this.#roomFor(epoch) < content.length) this.#nextDatagram();
    this.#place({ epoch, type, content, carries: [] });
  }

  addPart(flight: Flight, part: CarriedPart): void {
    const piece = flight.pieces[part.piece];
    if (piece?.kind !== "message") return;
    const { epoch, message } = piece;
    let from = part.from;
    do {
      const room = this.#roomForFragment(epoch, part.to - from);
      if (room === null) return;
      const to = Math.min(part.to, from + room);
      const fragment = encodeFragment(message, from, to);
      this.#open!.fragments.push(fragment);
      this.#open!.carries.push({ piece: part.piece, from, to });
      this.#open!.length += fragment.length;
      from = to;
    } while (from < part.to);
    // In the clear each message has a record of its own: some old peers read no further than the first.
    if (epoch === 0) this.#closeRecord();
  }

  finish(): PlannedDatagram[] {
    this.#closeRecord();
    return this.#datagrams.filter((datagram) => datagram.length > 0);
  }

  get #isFull(): boolean {
    return this.#records >= (this.#options.maxRecords ?? Infinity);
  }

  /** Octets of body the open record takes, which is opened where it must; null where no more records may be. */
  #roomForFragment(epoch: number, wanted: number): number | null {
    // A header alone would help nobody, but for a message that has no more.
    const least = DTLS_HANDSHAKE_HEADER_LENGTH + Math.min(wanted, 1);
    if (this.#open !== null) {
      const room = this.#roomFor(epoch) - this.#open.length;
      if (this.#open.epoch === epoch && room >= least) return room - DTLS_HANDSHAKE_HEADER_LENGTH;
      this.#closeRecord();
    }
    if (this.#isFull) return null;
    if (this.#roomFor(epoch) < least) this.#nextDatagram();
    this.#open = { epoch, fragments: [], carries: [], length: 0 };
    return this.#roomFor(epoch) - DTLS_HANDSHAKE_HEADER_LENGTH;
  }

  /** Octets of content that a record of `epoch` may have in what is left of the datagram. */
  #roomFor(epoch: number): number {
    const left = this.#options.mtu - this.#used - this.#options.overhead(epoch);
    return Math.min(this.#used === 0 ? Math.max(left, LEAST_ROOM) : left, this.#maxPlaintext);
  }

  #closeRecord(): void {
    if (this.#open === null) return;
    const { epoch, fragments, carries } = this.#open;
    this.#open = null;
    this.#place({ epoch, type: ContentType.handshake, content: concat(...fragments), carries });
  }

  #place(record: PlannedRecord): void {
    this.#datagrams.at(-1)!.push(record);
    this.#used += this.#options.overhead(record.epoch) + record.content.length;
    this.#records++;
  }

  #nextDatagram(): void {
    this.#datagrams.push([]);
    this.#used = 0;
  }
}
