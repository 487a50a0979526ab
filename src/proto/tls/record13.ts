/**
 * The record layer of TLS 1.3 over a stream: the protection of one direction,
 * and the rules of reading. Protected records all look like application data; what they
 * are stands behind the plaintext, under the seal.
 *
 * @see RFC 8446 §5
 */
import { concat, Writer } from "../../base/bytes.ts";
import type { Aead, Crypto } from "../../base/crypto/crypto.ts";
import { TlsFailure } from "./failure.ts";
import { contentType } from "./record.ts";
import type {
  DirectionKeys,
  EpochKeys,
  PlainRecord,
  ReadingRules,
  RecordHeader,
  WriteProtection,
} from "./record.ts";
import type { Suite } from "./suites.ts";
import { ContentType, MAX_PLAINTEXT, TLS_1_2 } from "./wire.ts";

/** Octets a protected record may have above its plaintext: type, padding and tag (RFC 8446 §5.2). */
const MAX_EXPANSION = 256;

/** Octets of early data we did not ask for that are passed over; another server's ticket let the client send them. */
export const MAX_SKIPPED_BYTES: number = 2 ** 15;

/**
 * The nonces of one key: its IV with the sequence number over the end of it. As
 * numbers the IV takes less room than octets do, and every connection keeps two.
 *
 * @see RFC 8446 §5.3
 */
export class RecordNonces {
  readonly #first: number;
  readonly #high: number;
  readonly #low: number;

  /** @param iv - 12 bytes. */
  constructor(iv: Uint8Array) {
    const view = new DataView(iv.buffer, iv.byteOffset, iv.length);
    this.#first = view.getUint32(0);
    this.#high = view.getUint32(4);
    this.#low = view.getUint32(8);
  }

  of(sequence: number): Uint8Array {
    return new Writer(12)
      .u32(this.#first)
      .u32((this.#high ^ Math.floor(sequence / 2 ** 32)) >>> 0)
      .u32((this.#low ^ (sequence % 2 ** 32)) >>> 0)
      .bytes();
  }
}

/** One direction's AEAD with its sequence number. */
export class RecordProtection13 implements WriteProtection {
  readonly shownType: ContentType = ContentType.applicationData;
  readonly #aead: Aead;
  readonly #nonces: RecordNonces;
  readonly #maxRecords: number;
  readonly #tagLength: number;
  #sequence = 0;

  constructor(
    crypto: Crypto,
    suite: Suite,
    keys: DirectionKeys,
    maxRecords: number = suite.maxRecords,
  ) {
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#nonces = new RecordNonces(keys.iv);
    this.#maxRecords = maxRecords;
    this.#tagLength = suite.tagLength;
  }

  /** Without padding: the lengths of a handshake say nothing new, and what we send besides is little. */
  seal(type: ContentType, plaintext: Uint8Array): Uint8Array {
    // Alerts are few by themselves, and the last one says why the connection ends.
    if (this.#sequence >= this.#maxRecords && type !== ContentType.alert) {
      throw TlsFailure.because("too-many-records");
    }
    const nonce = this.#nonces.of(this.#sequence++);
    const inner = concat(plaintext, Uint8Array.of(type));
    return this.#aead.seal(nonce, header(inner.length + this.#tagLength), inner);
  }

  /** Null where the tag does not hold: then the number is not used up. @throws {@link TlsFailure} */
  open(sealed: Uint8Array): PlainRecord | null {
    if (this.#sequence >= this.#maxRecords) throw TlsFailure.because("too-many-records");
    if (sealed.length < this.#tagLength) return null;
    const nonce = this.#nonces.of(this.#sequence);
    const inner = this.#aead.open(nonce, header(sealed.length), sealed);
    if (inner === null) return null;
    this.#sequence++;
    return unpad(inner);
  }
}

/** The header of a protected record, which is its associated data too (RFC 8446 §5.2). */
function header(length: number): Uint8Array {
  return new Writer().u8(ContentType.applicationData).u16(TLS_1_2).u16(length).bytes();
}

/** Plaintext and type from in front of the padding. @see RFC 8446 §5.4 */
function unpad(inner: Uint8Array): PlainRecord {
  let at = inner.length - 1;
  while (at >= 0 && inner[at] === 0) at--;
  if (at < 0) throw TlsFailure.because("no-content-type");
  if (inner.length > MAX_PLAINTEXT + 1) throw TlsFailure.because("record-too-long");
  const type = contentType(inner[at]!);
  // A ChangeCipherSpec is never protected (RFC 8446 §5).
  if (type === ContentType.changeCipherSpec) {
    throw TlsFailure.because("unexpected-change-cipher-spec", "protected");
  }
  return { type, fragment: inner.subarray(0, at) };
}

/** What TLS 1.3 asks of the records of the other side. A ChangeCipherSpec comes through as it is. */
export class Reading13 implements ReadingRules {
  #protection: RecordProtection13 | null = null;
  #maxPlaintext = MAX_PLAINTEXT;
  /** Whether the peer may have no keys yet to protect an alert with. */
  #maySpeakClear: boolean;
  /** Octets that may still be passed over. */
  #skippable = 0;

  /**
   * @param fromClient - A client that refuses our flight may have no keys to say
   *   so with: OpenSSL's alert is in the clear then. A server always has them.
   */
  constructor(fromClient: boolean) {
    this.#maySpeakClear = fromClient;
  }

  check({ type, version, length }: RecordHeader): void {
    // The rest of the version means nothing any more (RFC 8446 §5.1).
    if (version >> 8 !== TLS_1_2 >> 8) throw TlsFailure.because("bad-record-version");
    const sealed = type === ContentType.applicationData;
    if (length > (sealed ? MAX_PLAINTEXT + MAX_EXPANSION : this.#maxPlaintext)) {
      throw TlsFailure.because("record-too-long");
    }
    if (sealed && this.#protection === null && this.#skippable === 0) {
      throw TlsFailure.because("unexpected-application-data", "before the keys");
    }
    if (!sealed && this.#protection !== null && !this.#inTheClear(type)) {
      throw TlsFailure.because("unprotected-record", `type ${type}`);
    }
  }

  open(type: ContentType, body: Uint8Array): PlainRecord | null {
    if (type !== ContentType.applicationData) return { type, fragment: body };
    const record = this.#protection?.open(body) ?? null;
    if (record === null) {
      if (body.length > this.#skippable) throw TlsFailure.because("record-not-authentic");
      // An empty one counts too, or the stream of them would have no end.
      this.#skippable -= Math.max(body.length, 1);
      return null;
    }
    this.endSkipping();
    this.#maySpeakClear = false;
    if (record.fragment.length > this.#maxPlaintext) throw TlsFailure.because("record-too-long");
    return record;
  }

  protect(crypto: Crypto, { suite, keys }: EpochKeys): void {
    this.#protection = new RecordProtection13(crypto, suite, keys);
  }

  limitPlaintext(octets: number): void {
    this.#maxPlaintext = octets;
  }

  /** Passes over the early data that the client announced, up to {@link MAX_SKIPPED_BYTES}. @see RFC 8446 §4.2.10 */
  skipEarlyData(): void {
    this.#skippable = MAX_SKIPPED_BYTES;
  }

  /** Nothing is passed over any more. */
  endSkipping(): void {
    this.#skippable = 0;
  }

  #inTheClear(type: ContentType): boolean {
    if (type === ContentType.changeCipherSpec) return true;
    return type === ContentType.alert && this.#maySpeakClear;
  }
}
