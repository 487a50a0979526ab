/**
 * The record layer over a stream: a reader that cuts records out of any
 * chunking, a writer that fragments, and the AEAD protection of TLS 1.2; that
 * of TLS 1.3 is in `record13.ts`. Which record may come when is not its question.
 *
 * @see RFC 5246 §6.2; RFC 5288 §3 (GCM), RFC 6655 §3 (CCM), RFC 7905 §2 (ChaCha20-Poly1305)
 */
import { concat, Writer } from "../../base/bytes.ts";
import type { Aead, Crypto } from "../../base/crypto/crypto.ts";
import { ByteQueue } from "./byte-queue.ts";
import { TlsFailure } from "./failure.ts";
import type { Suite } from "./suites.ts";
import { ContentType, MAX_PLAINTEXT, RECORD_HEADER_LENGTH, TLS_1_2 } from "./wire.ts";
import type { TlsVersion } from "./wire.ts";

/** Octets of the explicit part of a nonce, where a suite has one. */
const EXPLICIT_NONCE_LENGTH = 8;

/** A record without its protection. */
export interface PlainRecord {
  readonly type: ContentType;
  readonly fragment: Uint8Array;
}

/** The keys of one direction; the AEAD keeps copies, so the caller may overwrite these. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  /** 4 or 12 bytes, as the suite says. */
  readonly iv: Uint8Array;
  /** As long as the key: hides record numbers, in DTLS 1.3 alone (RFC 9147 §4.2.3). */
  readonly sn?: Uint8Array;
}

/** All that protects one direction from one change of keys to the next. */
export interface EpochKeys {
  readonly version: TlsVersion;
  readonly suite: Suite;
  readonly keys: DirectionKeys;
  /** Where datagrams say under which keys they are: 1 in DTLS 1.2; 2 and from 3 on in DTLS 1.3 (RFC 9147 §6.1). */
  readonly epoch: number;
}

/** Overwrites keys once their AEAD has copies. */
export function wipe({ key, iv, sn }: DirectionKeys): void {
  key.fill(0);
  iv.fill(0);
  sn?.fill(0);
}

/** What protects the records we write. */
export interface WriteProtection {
  /** The type all protected records show, null where each shows its own. */
  readonly shownType: ContentType | null;
  /** @throws {@link TlsFailure} where the key has protected as many records as it may. */
  seal(type: ContentType, plaintext: Uint8Array): Uint8Array;
}

/** A sequence number as 8 octets. */
export function sequenceOctets(sequence: number): Uint8Array {
  return new Writer()
    .u32(Math.floor(sequence / 2 ** 32))
    .u32(sequence % 2 ** 32)
    .bytes();
}

/** The nonce of a record: the sequence number over the end of the IV (RFC 7905 §2, RFC 8446 §5.3). */
export function xoredNonce(iv: Uint8Array, sequence: Uint8Array): Uint8Array {
  const nonce = iv.slice();
  const from = nonce.length - sequence.length;
  for (let at = 0; at < sequence.length; at++) nonce[from + at]! ^= sequence[at]!;
  return nonce;
}

/** One direction's AEAD with its sequence number. */
export class RecordProtection implements WriteProtection {
  readonly shownType = null;
  /** Octets that protection adds to a plaintext. */
  readonly overhead: number;
  readonly #aead: Aead;
  readonly #iv: Uint8Array;
  readonly #explicitNonce: boolean;
  readonly #maxRecords: number;
  #sequence = 0;

  constructor(
    crypto: Crypto,
    suite: Suite,
    keys: DirectionKeys,
    maxRecords: number = suite.maxRecords,
  ) {
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#iv = keys.iv.slice();
    this.#explicitNonce = suite.fixedIvLength === 4;
    this.#maxRecords = maxRecords;
    this.overhead = suite.tagLength + (this.#explicitNonce ? EXPLICIT_NONCE_LENGTH : 0);
  }

  /** @throws {@link TlsFailure} where the key has protected as many records as it may. */
  seal(type: ContentType, plaintext: Uint8Array): Uint8Array {
    // Alerts are few by themselves, and the last one says why the connection ends.
    const limit = type === ContentType.alert ? Infinity : this.#maxRecords;
    const sequence = this.#next(limit);
    const nonce = this.#explicitNonce ? concat(this.#iv, sequence) : xoredNonce(this.#iv, sequence);
    const associated = associatedData(sequence, type, plaintext.length);
    const sealed = this.#aead.seal(nonce, associated, plaintext);
    return this.#explicitNonce ? concat(sequence, sealed) : sealed;
  }

  /** @throws {@link TlsFailure} where the tag does not hold or the key has served as long as it may. */
  open(type: ContentType, fragment: Uint8Array): Uint8Array {
    const sequence = this.#next(this.#maxRecords);
    const plaintextLength = fragment.length - this.overhead;
    if (plaintextLength < 0) throw TlsFailure.because("record-not-authentic", "shorter than a tag");

    const explicit = this.#explicitNonce ? EXPLICIT_NONCE_LENGTH : 0;
    const nonce = this.#explicitNonce
      ? concat(this.#iv, fragment.subarray(0, explicit))
      : xoredNonce(this.#iv, sequence);
    const associated = associatedData(sequence, type, plaintextLength);
    const plaintext = this.#aead.open(nonce, associated, fragment.subarray(explicit));
    if (plaintext === null) throw TlsFailure.because("record-not-authentic");
    return plaintext;
  }

  /** The next sequence number as 8 octets. */
  #next(limit: number): Uint8Array {
    if (this.#sequence >= limit) throw TlsFailure.because("too-many-records");
    return sequenceOctets(this.#sequence++);
  }
}

/** seq_num, type, version and the plaintext's length (RFC 5246 §6.2.3.3). */
function associatedData(sequence: Uint8Array, type: ContentType, length: number): Uint8Array {
  return new Writer().raw(sequence).u8(type).u16(TLS_1_2).u16(length).bytes();
}

/** A record's header, its type known. */
export interface RecordHeader {
  readonly type: ContentType;
  readonly version: number;
  /** Octets behind the header. */
  readonly length: number;
}

/** What a version asks of the records of the other side. */
export interface ReadingRules {
  /** Judges a header before its body is waited for. @throws {@link TlsFailure} */
  check(header: RecordHeader): void;
  /** Takes the protection off; null for a record to be passed over. @throws {@link TlsFailure} */
  open(type: ContentType, body: Uint8Array): PlainRecord | null;
  /** From here on every record must be protected by these keys. */
  protect(crypto: Crypto, keys: EpochKeys): void;
  /** Octets of plaintext the peer may put into one record from here on. */
  limitPlaintext(octets: number): void;
}

/** Before the hellos have settled the version: in the clear, and any {03,xx} is good (RFC 5246 appendix E.1). */
class ReadingHellos implements ReadingRules {
  check({ version, length }: RecordHeader): void {
    if (version >> 8 !== TLS_1_2 >> 8) throw TlsFailure.because("bad-record-version");
    if (length > MAX_PLAINTEXT) throw TlsFailure.because("record-too-long");
  }

  open(type: ContentType, fragment: Uint8Array): PlainRecord {
    return { type, fragment };
  }

  protect(): never {
    throw new Error("keys come after the version is settled");
  }

  limitPlaintext(): never {
    throw new Error("limits come after the version is settled");
  }
}

/** @see RFC 5246 §6.2 */
export class Reading12 implements ReadingRules {
  #protection: RecordProtection | null = null;
  #maxPlaintext = MAX_PLAINTEXT;

  check({ version, length }: RecordHeader): void {
    if (version !== TLS_1_2) throw TlsFailure.because("bad-record-version");
    const overhead = this.#protection?.overhead ?? 0;
    if (length > this.#maxPlaintext + overhead) throw TlsFailure.because("record-too-long");
  }

  open(type: ContentType, body: Uint8Array): PlainRecord {
    return { type, fragment: this.#protection?.open(type, body) ?? body };
  }

  protect(crypto: Crypto, { suite, keys }: EpochKeys): void {
    this.#protection = new RecordProtection(crypto, suite, keys);
  }

  limitPlaintext(octets: number): void {
    this.#maxPlaintext = octets;
  }
}

/** Cuts records out of a byte stream and opens them. */
export class RecordReader {
  readonly #received = new ByteQueue();
  #rules: ReadingRules = new ReadingHellos();

  /** Octets received and not read yet. */
  get buffered(): number {
    return this.#received.length;
  }

  /** The rules in force. */
  get rules(): ReadingRules {
    return this.#rules;
  }

  push(bytes: Uint8Array): void {
    this.#received.push(bytes);
  }

  /**
   * The next record, or null while it is not whole. Header faults are found as
   * soon as the header is there, before the body is waited for.
   *
   * @throws {@link TlsFailure}
   */
  next(): PlainRecord | null {
    while (this.#received.length >= RECORD_HEADER_LENGTH) {
      const header = this.#received.peek(RECORD_HEADER_LENGTH);
      const type = contentType(header[0]!);
      const version = header[1]! * 256 + header[2]!;
      const length = header[3]! * 256 + header[4]!;
      this.#rules.check({ type, version, length });
      if (this.#received.length < RECORD_HEADER_LENGTH + length) return null;
      const whole = this.#received.take(RECORD_HEADER_LENGTH + length);
      const record = this.#rules.open(type, whole.subarray(RECORD_HEADER_LENGTH));
      if (record !== null) return record;
    }
    return null;
  }

  /** From here on these rules hold: the hellos have settled the version. */
  follow(rules: ReadingRules): void {
    this.#rules = rules;
  }

  /** Drops keys and bytes. */
  clear(): void {
    this.#rules = new ReadingHellos();
    this.#received.clear();
  }
}

export function contentType(value: number): ContentType {
  switch (value) {
    case ContentType.changeCipherSpec:
    case ContentType.alert:
    case ContentType.handshake:
    case ContentType.applicationData:
      return value;
    default:
      throw TlsFailure.because("unknown-record-type");
  }
}

/** Fragments and protects what is sent. */
export class RecordWriter {
  #protection: WriteProtection | null = null;
  #maxPlaintext = MAX_PLAINTEXT;
  #maxProtectedPlaintext = MAX_PLAINTEXT;

  /** The records that carry `content`, one after another; none for no content. */
  write(type: ContentType, content: Uint8Array): Uint8Array {
    const records = new Writer();
    const max = this.#protection === null ? this.#maxPlaintext : this.#maxProtectedPlaintext;
    for (let at = 0; at < content.length; at += max) {
      const plaintext = content.subarray(at, at + max);
      const fragment = this.#protection?.seal(type, plaintext) ?? plaintext;
      const shown = this.#protection?.shownType ?? type;
      records.u8(shown).u16(TLS_1_2).vector16(fragment);
    }
    return records.bytes();
  }

  /** From here on every record is protected by these keys. */
  protect(protection: WriteProtection): void {
    this.#protection = protection;
  }

  /** Octets of plaintext in one record from here on, protected or not (RFC 6066 §4). */
  limitPlaintext(maxPlaintext: number): void {
    this.#maxPlaintext = maxPlaintext;
    this.#maxProtectedPlaintext = maxPlaintext;
  }

  /** Octets of plaintext in one protected record; those in the clear have no such limit (RFC 8449 §4). */
  limitProtectedPlaintext(maxPlaintext: number): void {
    this.#maxProtectedPlaintext = maxPlaintext;
  }

  /** Drops the keys. */
  clear(): void {
    this.#protection = null;
  }
}
