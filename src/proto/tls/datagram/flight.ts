/**
 * One flight of ours: the messages in it, what the peer has of them, and which
 * record carried what. In DTLS 1.2 nothing is ever acknowledged, and a
 * retransmission is the whole flight; in DTLS 1.3 it is what remains.
 *
 * @see RFC 6347 §4.2.4; RFC 9147 §5.8.1 and §7.2
 */
import type { DatagramMessage } from "./handshake-fragment.ts";
import type { RecordNumber } from "./wire.ts";

/** What a flight is made of, in the order to send it. */
export type FlightPiece =
  | { readonly kind: "message"; readonly epoch: number; readonly message: DatagramMessage }
  /** Never fragmented and never acknowledged: a ChangeCipherSpec of DTLS 1.2. */
  | {
      readonly kind: "record";
      readonly epoch: number;
      readonly type: number;
      readonly content: Uint8Array;
    };

/** Octets `from` to before `to` of the message at `piece`. Without octets it stands for its header. */
export interface CarriedPart {
  readonly piece: number;
  readonly from: number;
  readonly to: number;
}

/** Records remembered until they are acknowledged: the oldest is forgotten, and its parts are sent once more. */
export const MAX_SENT_RECORDS = 128;

interface SentRecord extends RecordNumber {
  readonly carries: readonly CarriedPart[];
}

interface Range {
  readonly from: number;
  readonly to: number;
}

export class Flight {
  readonly pieces: readonly FlightPiece[];
  /** Per piece what the peer has of it, in order and apart from each other. */
  readonly #acknowledged: Range[][];
  readonly #maxSent: number;
  #sent: SentRecord[] = [];

  constructor(pieces: readonly FlightPiece[], maxSentRecords: number = MAX_SENT_RECORDS) {
    this.pieces = pieces;
    this.#acknowledged = pieces.map(() => []);
    this.#maxSent = maxSentRecords;
  }

  /** Whether the peer has every message of it. */
  get acknowledged(): boolean {
    return this.pieces.every(
      (piece, index) => piece.kind === "record" || this.remaining(index).length === 0,
    );
  }

  /** Whether the peer has any part of any message of it. */
  get partlyAcknowledged(): boolean {
    return this.#acknowledged.some((ranges) => ranges.length > 0);
  }

  /** The parts of a message that the peer may lack; for one without octets its header, `from` 0 `to` 0. */
  remaining(index: number): CarriedPart[] {
    const piece = this.pieces[index];
    if (piece === undefined || piece.kind === "record") return [];
    const { length } = piece.message.body;
    const have = this.#acknowledged[index]!;
    if (length === 0) return have.length > 0 ? [] : [{ piece: index, from: 0, to: 0 }];
    const parts: CarriedPart[] = [];
    let from = 0;
    for (const range of have) {
      if (range.from > from) parts.push({ piece: index, from, to: range.from });
      from = range.to;
    }
    if (from < length) parts.push({ piece: index, from, to: length });
    return parts;
  }

  /** Remembers what a record carried. */
  recordSent(number: RecordNumber, carries: readonly CarriedPart[]): void {
    if (carries.length === 0) return;
    const { epoch, sequence } = number;
    this.#sent.push({ epoch, sequence, carries });
    if (this.#sent.length > this.#maxSent) this.#sent.shift();
  }

  /**
   * Takes the numbers of an ACK. Numbers that are not, or no longer, known are
   * passed over: they may be from an earlier flight.
   *
   * @returns Whether the peer has more than was known before.
   */
  acknowledge(numbers: readonly RecordNumber[]): boolean {
    let more = false;
    for (const { epoch, sequence } of numbers) {
      const index = this.#sent.findIndex(
        (record) => record.epoch === epoch && record.sequence === sequence,
      );
      if (index < 0) continue;
      const [record] = this.#sent.splice(index, 1);
      for (const part of record!.carries) more = this.#add(part) || more;
    }
    return more;
  }

  #add({ piece, from, to }: CarriedPart): boolean {
    const before = this.#acknowledged[piece]!;
    if (before.some((range) => range.from <= from && to <= range.to)) return false;
    const apart = before.filter((range) => range.to < from || range.from > to);
    const touching = before.filter((range) => range.to >= from && range.from <= to);
    const merged = {
      from: Math.min(from, ...touching.map((range) => range.from)),
      to: Math.max(to, ...touching.map((range) => range.to)),
    };
    this.#acknowledged[piece] = [...apart, merged].toSorted((a, b) => a.from - b.from);
    return true;
  }
}
