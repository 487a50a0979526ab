/**
 * One epoch of one direction: what opens its records, and what writes them.
 * Three kinds exist: epoch 0 in the clear (here), the protection of DTLS 1.2
 * (`record12.ts`) and that of DTLS 1.3 (`record13.ts`).
 */
import { Writer } from "../../../base/bytes.ts";
import type { AeadName } from "../../../base/crypto/crypto.ts";
import { TlsFailure } from "../failure.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import type { WireRecord } from "./cut.ts";
import type { Discarded } from "./discard.ts";
import { discarded } from "./discard.ts";
import { DTLS_1_2, DTLS_RECORD_HEADER_LENGTH, MAX_SEQUENCE } from "./wire.ts";
import type { RecordNumber } from "./wire.ts";

/** A record without its protection. */
export interface OpenedRecord {
  readonly kind: "record";
  /** The true content type, from inside the protection where it stands there. */
  readonly type: number;
  readonly number: RecordNumber;
  readonly content: Uint8Array;
  /**
   * Whether it was sent after every record opened before it in this epoch:
   * with an authentic record, half of what may move the peer's address
   * (RFC 9146 §6).
   */
  readonly newest: boolean;
}

export type OpenResult = OpenedRecord | Discarded;

export interface EpochReader {
  readonly epoch: number;
  /** Forgeries that the key still bears; at 0 nothing is opened any more (RFC 9147 §4.5.3). */
  readonly failuresLeft: number;
  /** Opens a record of this epoch. Never throws; a discarded record has changed no state but a counter. */
  open(record: WireRecord): OpenResult;
}

export interface SealedRecord {
  readonly record: Uint8Array;
  readonly number: RecordNumber;
}

export interface EpochWriter {
  readonly epoch: number;
  /** Octets a record has beyond its content. */
  readonly overhead: number;
  /** Records the key may still protect. */
  readonly recordsLeft: number;
  /**
   * A whole record, header and all, under the next sequence number.
   *
   * @param content - At most 2^14 octets.
   * @throws {@link TlsFailure} `too-many-records`; alerts alone pass that limit.
   */
  seal(type: number, content: Uint8Array): SealedRecord;
}

/**
 * Forgeries one key bears. Above 2^36 for GCM and ChaCha20-Poly1305, 2^23.5 for
 * CCM (RFC 9147 §4.5.3). For CCM_8 the RFC has no number: one chance in 2^64
 * per attempt makes 2^-44 of these, and fewer would hand any stranger who knows
 * the address a cheap way to end the association.
 */
export function maxFailures(aead: AeadName): number {
  switch (aead) {
    case "aes-128-gcm":
    case "aes-256-gcm":
    case "chacha20-poly1305":
      return 2 ** 36;
    case "aes-128-ccm":
    case "aes-256-ccm":
      return Math.floor(2 ** 23.5);
    case "aes-128-ccm-8":
    case "aes-256-ccm-8":
      return 2 ** 20;
  }
}

/** Hands out the sequence numbers of one key. */
export class SequenceCounter {
  #next: number;
  readonly #max: number;

  /**
   * @param maxRecords - Numbers there are, at most 2^48.
   * @param first - The first of them to be used.
   */
  constructor(maxRecords: number, first = 0) {
    this.#next = first;
    this.#max = Math.min(maxRecords, MAX_SEQUENCE + 1);
  }

  get left(): number {
    return Math.max(0, this.#max - this.#next);
  }

  /** @throws {@link TlsFailure} */
  next(type: number): number {
    // Alerts are few by themselves, and the last one says why the association ends.
    const max = type === ContentType.alert ? MAX_SEQUENCE + 1 : this.#max;
    if (this.#next >= max) throw TlsFailure.because("too-many-records");
    return this.#next++;
  }
}

/** The header in front of a length (RFC 6347 §4.1). */
export function plainHeader(type: number, version: number, number: RecordNumber): Writer {
  return new Writer()
    .u8(type)
    .u16(version)
    .u16(number.epoch)
    .u16(Math.floor(number.sequence / 2 ** 32))
    .u32(number.sequence % 2 ** 32);
}

/**
 * Epoch 0: nothing is authentic, so nothing is counted and there is no window
 * that a forged number could shut. Repeats show in message_seq.
 */
export class PlainEpochReader implements EpochReader {
  readonly epoch = 0;
  readonly failuresLeft: number = Infinity;

  open(record: WireRecord): OpenResult {
    if (record.form !== "plain") return discarded("wrong-record-form");
    if (record.epoch !== 0) return discarded("other-epoch");
    if (record.fragment.length > MAX_PLAINTEXT) return discarded("plaintext-too-long");
    const { type, sequence, fragment } = record;
    return {
      kind: "record",
      type,
      number: { epoch: 0, sequence },
      content: fragment,
      newest: false,
    };
  }
}

/** Writes epoch 0. */
export class PlainEpochWriter implements EpochWriter {
  readonly epoch = 0;
  readonly overhead: number = DTLS_RECORD_HEADER_LENGTH;
  readonly #version: number;
  readonly #sequence: SequenceCounter;

  /**
   * @param version - In the header: {@link DTLS_1_2}, or DTLS_1_0 in a first ClientHello for old servers' sake.
   * @param first - The first sequence number: others may have been used in a stateless exchange.
   */
  constructor(version: number = DTLS_1_2, first = 0) {
    this.#version = version;
    this.#sequence = new SequenceCounter(MAX_SEQUENCE + 1, first);
  }

  get recordsLeft(): number {
    return this.#sequence.left;
  }

  seal(type: number, content: Uint8Array): SealedRecord {
    const number = { epoch: 0, sequence: this.#sequence.next(type) };
    return { record: plainRecord(type, this.#version, number, content), number };
  }
}

/**
 * A record in the clear without any state: a stateless answer takes the number
 * of the record it answers (RFC 6347 §4.2.1).
 *
 * @param content - At most 2^14 octets.
 */
export function plainRecord(
  type: number,
  version: number,
  number: RecordNumber,
  content: Uint8Array,
): Uint8Array {
  return plainHeader(type, version, number).vector16(content).bytes();
}
