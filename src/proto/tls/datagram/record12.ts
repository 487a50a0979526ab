/**
 * The record protection of DTLS 1.2: one epoch of one direction under the AEAD
 * suites, with and without a connection id.
 *
 * @see RFC 6347 §4.1.2; RFC 9146 §4 and §5; nonces RFC 5288 §3, RFC 6655 §3, RFC 7905 §2
 */
import { concat, sameBytes, Writer } from "../../../base/bytes.ts";
import type { Aead, Crypto } from "../../../base/crypto/crypto.ts";
import { xoredNonce } from "../record.ts";
import type { DirectionKeys } from "../record.ts";
import type { Suite } from "../suites.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import type { CidForm, PlainForm, WireRecord } from "./cut.ts";
import { discarded } from "./discard.ts";
import { maxFailures, plainHeader, SequenceCounter } from "./epoch.ts";
import type { EpochReader, EpochWriter, OpenResult, SealedRecord } from "./epoch.ts";
import { unwrapInner, wrapInner } from "./inner.ts";
import { ReplayWindow } from "./replay-window.ts";
import { DatagramContentType, DTLS_1_2, DTLS_RECORD_HEADER_LENGTH } from "./wire.ts";
import type { RecordNumber } from "./wire.ts";

/** Octets of the explicit part of a nonce, where a suite has one. */
const EXPLICIT_NONCE_LENGTH = 8;

const SEQUENCE_PLACEHOLDER = new Uint8Array(8).fill(0xff);

export interface Epoch12Options {
  readonly suite: Suite;
  /** The protection keeps copies. */
  readonly keys: DirectionKeys;
  /** 1 for all that follows the one ChangeCipherSpec. */
  readonly epoch: number;
  /** What the receiver asked to be called by, kept as it is; empty for the records of RFC 6347. */
  readonly cid?: Uint8Array;
  /** Fewer than the suite's, for tests. */
  readonly maxRecords?: number;
  readonly maxFailures?: number;
}

/** The AEAD of one direction and epoch, and how it makes nonces. */
class Protection {
  /** Octets it adds. */
  readonly overhead: number;
  readonly #aead: Aead;
  readonly #iv: Uint8Array;
  readonly #explicit: number;

  constructor(crypto: Crypto, { suite, keys }: Epoch12Options) {
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#iv = keys.iv.slice();
    this.#explicit = suite.fixedIvLength === 4 ? EXPLICIT_NONCE_LENGTH : 0;
    this.overhead = suite.tagLength + this.#explicit;
  }

  seal(number: RecordNumber, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const octets = numberOctets(number);
    if (this.#explicit === 0) {
      return this.#aead.seal(xoredNonce(this.#iv, octets), associated, plaintext);
    }
    // The record's own number never repeats, so it serves as the explicit part.
    return concat(octets, this.#aead.seal(concat(this.#iv, octets), associated, plaintext));
  }

  /** @param fragment - At least {@link overhead} octets. Whatever explicit part the sender chose is good. */
  open(number: RecordNumber, associated: Uint8Array, fragment: Uint8Array): Uint8Array | null {
    const nonce =
      this.#explicit === 0
        ? xoredNonce(this.#iv, numberOctets(number))
        : concat(this.#iv, fragment.subarray(0, this.#explicit));
    return this.#aead.open(nonce, associated, fragment.subarray(this.#explicit));
  }
}

/** Epoch and sequence number as the 8 octets that TLS calls seq_num (RFC 6347 §4.1.2.1). */
function numberOctets({ epoch, sequence }: RecordNumber): Uint8Array {
  return new Writer()
    .u16(epoch)
    .u16(Math.floor(sequence / 2 ** 32))
    .u32(sequence % 2 ** 32)
    .bytes();
}

/** @see RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1 */
function associatedData(type: number, number: RecordNumber, length: number): Uint8Array {
  return new Writer().raw(numberOctets(number)).u8(type).u16(DTLS_1_2).u16(length).bytes();
}

/** @see RFC 9146 §5.3 */
function cidAssociatedData(cid: Uint8Array, number: RecordNumber, innerLength: number): Uint8Array {
  const { tls12Cid } = DatagramContentType;
  return new Writer()
    .raw(SEQUENCE_PLACEHOLDER)
    .u8(tls12Cid)
    .u8(cid.length)
    .u8(tls12Cid)
    .u16(DTLS_1_2)
    .raw(numberOctets(number))
    .raw(cid)
    .u16(innerLength)
    .bytes();
}

const NO_CID = new Uint8Array();

function ownCid({ cid }: Epoch12Options): Uint8Array {
  return cid === undefined || cid.length === 0 ? NO_CID : cid;
}

/** Opens one epoch of DTLS 1.2. */
export class EpochReader12 implements EpochReader {
  readonly epoch: number;
  readonly #protection: Protection;
  readonly #window = new ReplayWindow();
  readonly #cid: Uint8Array;
  #failuresLeft: number;

  constructor(crypto: Crypto, options: Epoch12Options) {
    this.epoch = options.epoch;
    this.#protection = new Protection(crypto, options);
    this.#cid = ownCid(options);
    this.#failuresLeft = options.maxFailures ?? maxFailures(options.suite.aead);
  }

  get failuresLeft(): number {
    return this.#failuresLeft;
  }

  open(record: WireRecord): OpenResult {
    if (record.form === "unified") return discarded("wrong-record-form");
    if (record.epoch !== this.epoch) return discarded("other-epoch");
    if (record.version !== DTLS_1_2) return discarded("bad-record-version");
    if (record.form === "plain") {
      // Whoever asked for an id takes no protected record without it (RFC 9146 §3).
      if (this.#cid.length > 0) return discarded("connection-id-missing");
    } else if (this.#cid.length === 0) return discarded("unexpected-connection-id");
    else if (!sameBytes(record.cid, this.#cid)) return discarded("other-connection-id");

    const innerLength = record.fragment.length - this.#protection.overhead;
    if (innerLength < 0) return discarded("ciphertext-too-short");
    // Before the tag: it costs nothing and the number is in the clear anyway (RFC 6347 §4.1.2.6).
    if (!this.#window.isFresh(record.sequence)) return discarded("repeated-record");
    if (this.#failuresLeft <= 0) return discarded("key-worn-out");
    return this.#openFresh(record, innerLength);
  }

  #openFresh(record: PlainForm | CidForm, innerLength: number): OpenResult {
    const number = { epoch: this.epoch, sequence: record.sequence };
    const associated =
      record.form === "cid"
        ? cidAssociatedData(this.#cid, number, innerLength)
        : associatedData(record.type, number, innerLength);
    const plaintext = this.#protection.open(number, associated, record.fragment);
    if (plaintext === null) {
      this.#failuresLeft--;
      return discarded("not-authentic");
    }
    const newest = number.sequence > this.#window.highest;
    this.#window.mark(number.sequence);

    const inner =
      record.form === "cid" ? unwrapInner(plaintext) : { type: record.type, content: plaintext };
    if (typeof inner === "string") return discarded(inner, true);
    if (inner.content.length > MAX_PLAINTEXT) return discarded("plaintext-too-long", true);
    if (!isInnerType12(inner.type)) return discarded("bad-inner-type", true);
    return { kind: "record", type: inner.type, number, content: inner.content, newest };
  }
}

function isInnerType12(type: number): boolean {
  switch (type) {
    case ContentType.changeCipherSpec:
    case ContentType.alert:
    case ContentType.handshake:
    case ContentType.applicationData:
      return true;
    default:
      return false;
  }
}

/** Writes one epoch of DTLS 1.2. */
export class EpochWriter12 implements EpochWriter {
  readonly epoch: number;
  readonly overhead: number;
  readonly #protection: Protection;
  readonly #sequence: SequenceCounter;
  readonly #cid: Uint8Array;

  constructor(crypto: Crypto, options: Epoch12Options) {
    this.epoch = options.epoch;
    this.#protection = new Protection(crypto, options);
    this.#cid = ownCid(options);
    this.#sequence = new SequenceCounter(options.maxRecords ?? options.suite.maxRecords);
    const forCid = this.#cid.length === 0 ? 0 : this.#cid.length + 1;
    this.overhead = DTLS_RECORD_HEADER_LENGTH + this.#protection.overhead + forCid;
  }

  get recordsLeft(): number {
    return this.#sequence.left;
  }

  seal(type: number, content: Uint8Array): SealedRecord {
    const number = { epoch: this.epoch, sequence: this.#sequence.next(type) };
    return {
      record:
        this.#cid.length === 0
          ? this.#seal(type, number, content)
          : this.#sealWithCid(type, number, content),
      number,
    };
  }

  #seal(type: number, number: RecordNumber, content: Uint8Array): Uint8Array {
    const associated = associatedData(type, number, content.length);
    const fragment = this.#protection.seal(number, associated, content);
    return plainHeader(type, DTLS_1_2, number).vector16(fragment).bytes();
  }

  #sealWithCid(type: number, number: RecordNumber, content: Uint8Array): Uint8Array {
    const inner = wrapInner(type, content);
    const associated = cidAssociatedData(this.#cid, number, inner.length);
    const fragment = this.#protection.seal(number, associated, inner);
    const header = plainHeader(DatagramContentType.tls12Cid, DTLS_1_2, number);
    return header.raw(this.#cid).vector16(fragment).bytes();
  }
}
