/**
 * ACKs of DTLS 1.3: the message, and the list of records to put into it. What
 * an ACK means for our own flight is `flight.ts`.
 *
 * @see RFC 9147 §7
 */
import { Reader, Writer } from "../../../base/bytes.ts";
import { FIRST_APPLICATION_EPOCH } from "./reading.ts";
import { compareRecordNumbers } from "./wire.ts";
import type { RecordNumber } from "./wire.ts";

/** Octets of one number: epoch and sequence, 64 bits each. */
const NUMBER_LENGTH = 16;

/** Records of a flight we remember to acknowledge; of more the peer repeats the oldest. */
export const MAX_ACKNOWLEDGED = 64;

/** What is wrong with an ACK, of which {@link parseAck} speaks; it is authentic, so the peer is at fault. */
export type AckFault =
  /** decode_error */
  | "malformed"
  /** A record of an epoch beyond the ACK's own: illegal_parameter; see {@link reach}. */
  | "future-epoch";

class Malformed extends Error {}

/**
 * The latest epoch that an ACK may speak of. During the handshake it is the
 * ACK's own; behind it each direction changes its keys by itself, and an ACK has
 * no later epoch to go in (RFC 9147 §7).
 */
function reach(epoch: number): number {
  return epoch < FIRST_APPLICATION_EPOCH ? epoch : Infinity;
}

/**
 * @param epoch - The one the ACK came in.
 * @returns Numbers in the order of the message. Those above 2^53 are rounded:
 *   no record of ours has them.
 */
export function parseAck(content: Uint8Array, epoch: number): RecordNumber[] | AckFault {
  const reader = new Reader(content, () => new Malformed());
  try {
    const list = reader.vector16();
    if (reader.remaining > 0 || list.length % NUMBER_LENGTH !== 0) return "malformed";
    return parseNumbers(list, epoch);
  } catch (failure) {
    if (failure instanceof Malformed) return "malformed";
    throw failure;
  }
}

function parseNumbers(list: Uint8Array, epoch: number): RecordNumber[] | AckFault {
  const numbers: RecordNumber[] = [];
  const reader = new Reader(list, () => new Malformed());
  while (reader.remaining > 0) {
    const number = { epoch: u64(reader), sequence: u64(reader) };
    if (number.epoch > reach(epoch)) return "future-epoch";
    numbers.push(number);
  }
  return numbers;
}

function u64(reader: Reader): number {
  return reader.u32() * 2 ** 32 + reader.u32();
}

/** @param numbers - In any order; they go out in ascending order. At most 4095. */
export function encodeAck(numbers: readonly RecordNumber[]): Uint8Array {
  const list = new Writer();
  for (const { epoch, sequence } of numbers.toSorted(compareRecordNumbers)) {
    writeU64(list, epoch);
    writeU64(list, sequence);
  }
  return new Writer().vector16(list.bytes()).bytes();
}

function writeU64(to: Writer, value: number): void {
  to.u32(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
}

const NO_NUMBERS: readonly RecordNumber[] = [];

/**
 * The records of the flight that is coming in, to be acknowledged. Only records
 * whose every fragment was kept belong here; see `Taken.acknowledgeable`.
 */
export class ReceivedRecords {
  #numbers: readonly RecordNumber[] = NO_NUMBERS;

  get isEmpty(): boolean {
    return this.#numbers.length === 0;
  }

  add(number: RecordNumber): void {
    if (this.#numbers.some((known) => compareRecordNumbers(known, number) === 0)) return;
    this.#numbers = [...this.#numbers, number].slice(-MAX_ACKNOWLEDGED);
  }

  /**
   * The body of an ACK for them.
   *
   * @param epoch - The one it is sent in.
   * @param maxOctets - What a record has room for; the latest records win.
   */
  encode(epoch: number, maxOctets: number): Uint8Array {
    const room = Math.max(0, Math.floor((maxOctets - 2) / NUMBER_LENGTH));
    const tellable = this.#numbers.filter((number) => number.epoch <= reach(epoch));
    return encodeAck(tellable.slice(Math.max(0, tellable.length - room)));
  }

  /** The flight was answered, or the next one begins. */
  clear(): void {
    this.#numbers = NO_NUMBERS;
  }
}
