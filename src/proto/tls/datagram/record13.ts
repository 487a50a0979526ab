/**
 * The record protection of DTLS 1.3: one epoch of one direction. The header
 * says little and its number is encrypted, so a reader first finds out which
 * record it has, then opens it.
 *
 *     received header --mask of the ciphertext--> header with the number in the clear
 *     low 8 or 16 bits, closest to what is expected --> sequence number --> nonce
 *     header with the number in the clear = associated data
 *
 * @see RFC 9147 §4, §4.2, §4.5
 */
import { sameBytes, Writer } from "../../../base/bytes.ts";
import type {
  Aead,
  AeadName,
  Crypto,
  RecordNumberCipher,
  RecordNumberCipherName,
} from "../../../base/crypto/crypto.ts";
import { RecordNonces } from "../record13.ts";
import type { DirectionKeys } from "../record.ts";
import type { Suite } from "../suites.ts";
import { ContentType } from "../wire.ts";
import { unifiedFlags } from "./cut.ts";
import type { UnifiedForm, WireRecord } from "./cut.ts";
import { discarded } from "./discard.ts";
import { maxFailures, SequenceCounter } from "./epoch.ts";
import type { EpochReader, EpochWriter, OpenResult, SealedRecord } from "./epoch.ts";
import { unwrapInner, wrapInner } from "./inner.ts";
import { ReplayWindow } from "./replay-window.ts";
import { DatagramContentType, MAX_SEQUENCE } from "./wire.ts";

/** Octets of ciphertext the mask is made from; no record has fewer (RFC 9147 §4.2.3). */
const SAMPLE_LENGTH = 16;

/** Flags, a number of two octets, the length. */
const HEADER_LENGTH = 5;

const NO_CID = new Uint8Array();
const NO_CIDS: readonly Uint8Array[] = [];

/** Keys under one traffic secret. */
export interface DatagramKeys extends DirectionKeys {
  /** `sn_key`, as long as the AEAD's key. */
  readonly recordNumberKey: Uint8Array;
}

/**
 * @param expand - HKDF-Expand-Label over the traffic secret with an empty
 *   context, under the prefix "dtls13" (RFC 9147 §5.9).
 * @see RFC 8446 §7.3; RFC 9147 §4.2.3
 */
export function datagramKeys(
  suite: Suite,
  expand: (label: string, length: number) => Uint8Array,
): DatagramKeys {
  return {
    key: expand("key", suite.keyLength),
    iv: expand("iv", suite.fixedIvLength),
    recordNumberKey: expand("sn", suite.keyLength),
  };
}

/** The cipher for record numbers beside an AEAD. */
export function recordNumberCipherOf(aead: AeadName): RecordNumberCipherName {
  switch (aead) {
    case "aes-128-gcm":
    case "aes-128-ccm":
    case "aes-128-ccm-8":
      return "aes-128";
    case "aes-256-gcm":
    case "aes-256-ccm":
    case "aes-256-ccm-8":
      return "aes-256";
    case "chacha20-poly1305":
      return "chacha20";
  }
}

export interface Epoch13Options {
  readonly suite: Suite;
  /** The protection keeps copies. */
  readonly keys: DatagramKeys;
  /** 2 for the handshake, 3 for the first application keys, one more per KeyUpdate (RFC 9147 §6.1). */
  readonly epoch: number;
  /** What the receiver asked to be called by, kept as it is; empty for none. */
  readonly cid?: Uint8Array;
  /** Fewer than the suite's, for tests. */
  readonly maxRecords?: number;
  readonly maxFailures?: number;
}

/**
 * The sequence number with these low bits that is closest to `expected`.
 *
 * @param modulus - 2^8 or 2^16.
 * @see RFC 9147 §4.2.2
 */
export function closestSequence(expected: number, low: number, modulus: number): number {
  const near = expected - (expected % modulus) + low;
  const half = modulus / 2;
  if (near > expected + half && near >= modulus) return near - modulus;
  if (near + half < expected && near + modulus <= MAX_SEQUENCE) return near + modulus;
  return near;
}

/** Opens one epoch of DTLS 1.3. */
export class EpochReader13 implements EpochReader {
  readonly epoch: number;
  readonly #aead: Aead;
  readonly #nonces: RecordNonces;
  readonly #numbers: RecordNumberCipher;
  readonly #window = new ReplayWindow();
  #cids: readonly Uint8Array[];
  #failuresLeft: number;

  constructor(crypto: Crypto, { suite, keys, epoch, cid, ...limits }: Epoch13Options) {
    this.epoch = epoch;
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#nonces = new RecordNonces(keys.iv);
    this.#numbers = crypto.recordNumberCipher(
      recordNumberCipherOf(suite.aead),
      keys.recordNumberKey,
    );
    this.#cids = cid === undefined || cid.length === 0 ? NO_CIDS : [cid];
    this.#failuresLeft = limits.maxFailures ?? maxFailures(suite.aead);
  }

  get failuresLeft(): number {
    return this.#failuresLeft;
  }

  /** From here on the peer may call us by any of these (RFC 9147 §9); all have one length. */
  acceptConnectionIds(cids: readonly Uint8Array[]): void {
    this.#cids = cids.map((cid) => cid.slice());
  }

  open(record: WireRecord): OpenResult {
    if (record.form !== "unified") return discarded("wrong-record-form");
    if (record.epochBits !== this.epoch % 4) return discarded("other-epoch");
    if (record.cid === null) {
      if (this.#cids.length > 0) return discarded("connection-id-missing");
    } else {
      const { cid } = record;
      if (this.#cids.length === 0) return discarded("unexpected-connection-id");
      if (!this.#cids.some((own) => sameBytes(own, cid))) return discarded("other-connection-id");
    }
    if (record.ciphertext.length < Math.max(SAMPLE_LENGTH, this.#aead.tagLength + 1)) {
      return discarded("ciphertext-too-short");
    }
    if (this.#failuresLeft <= 0) return discarded("key-worn-out");
    return this.#open(record);
  }

  #open({ header, sequenceAt, sequenceLength, ciphertext }: UnifiedForm): OpenResult {
    const mask = this.#numbers.mask(ciphertext.subarray(0, SAMPLE_LENGTH));
    const clear = header.slice();
    let low = 0;
    for (let at = 0; at < sequenceLength; at++) {
      clear[sequenceAt + at]! ^= mask[at]!;
      low = low * 256 + clear[sequenceAt + at]!;
    }
    const expected = this.#window.highest + 1;
    const sequence = closestSequence(expected, low, 256 ** sequenceLength);
    const nonce = this.#nonces.of(sequence);
    const plaintext = this.#aead.open(nonce, clear, ciphertext);
    if (plaintext === null) {
      this.#failuresLeft--;
      return discarded("not-authentic");
    }
    // Behind the tag, or the time to an answer would tell the number (RFC 9147 §4.5.1).
    if (!this.#window.isFresh(sequence)) return discarded("repeated-record");
    const newest = sequence > this.#window.highest;
    this.#window.mark(sequence);

    const inner = unwrapInner(plaintext);
    if (typeof inner === "string") return discarded(inner, true);
    if (!isInnerType13(inner.type)) return discarded("bad-inner-type", true);
    const number = { epoch: this.epoch, sequence };
    return { kind: "record", type: inner.type, number, content: inner.content, newest };
  }
}

/** A ChangeCipherSpec does not exist in DTLS 1.3. @see RFC 9147 §4.1 */
function isInnerType13(type: number): boolean {
  switch (type) {
    case ContentType.alert:
    case ContentType.handshake:
    case ContentType.applicationData:
    case DatagramContentType.ack:
      return true;
    default:
      return false;
  }
}

/** Writes one epoch of DTLS 1.3: numbers of two octets, and always the length. */
export class EpochWriter13 implements EpochWriter {
  readonly epoch: number;
  readonly #aead: Aead;
  readonly #nonces: RecordNonces;
  readonly #numbers: RecordNumberCipher;
  readonly #sequence: SequenceCounter;
  #cid: Uint8Array;

  constructor(crypto: Crypto, { suite, keys, epoch, cid, maxRecords }: Epoch13Options) {
    this.epoch = epoch;
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#nonces = new RecordNonces(keys.iv);
    this.#numbers = crypto.recordNumberCipher(
      recordNumberCipherOf(suite.aead),
      keys.recordNumberKey,
    );
    this.#sequence = new SequenceCounter(maxRecords ?? suite.maxRecords);
    this.#cid = cid === undefined || cid.length === 0 ? NO_CID : cid;
  }

  get overhead(): number {
    return HEADER_LENGTH + this.#cid.length + 1 + this.#aead.tagLength;
  }

  get recordsLeft(): number {
    return this.#sequence.left;
  }

  /** From here on the peer is called by this id (RFC 9147 §9). */
  useConnectionId(cid: Uint8Array): void {
    this.#cid = cid.slice();
  }

  seal(type: number, content: Uint8Array): SealedRecord {
    const sequence = this.#sequence.next(type);
    const { tagLength } = this.#aead;
    const inner = wrapInner(type, content, SAMPLE_LENGTH - tagLength);
    const header = new Writer()
      .u8(unifiedFlags(this.epoch, this.#cid.length > 0))
      .raw(this.#cid)
      .u16(sequence % 2 ** 16)
      .u16(inner.length + tagLength)
      .bytes();
    const nonce = this.#nonces.of(sequence);
    const ciphertext = this.#aead.seal(nonce, header, inner);
    const mask = this.#numbers.mask(ciphertext.subarray(0, SAMPLE_LENGTH));
    const record = new Uint8Array(header.length + ciphertext.length);
    record.set(header);
    record.set(ciphertext, header.length);
    const sequenceAt = 1 + this.#cid.length;
    record[sequenceAt]! ^= mask[0]!;
    record[sequenceAt + 1]! ^= mask[1]!;
    return { record, number: { epoch: this.epoch, sequence } };
  }
}
