/**
 * Cuts a datagram into records by their headers alone, whichever version each
 * belongs to: what is inside, and whether it is authentic, is asked per epoch
 * (`record12.ts`, `record13.ts`).
 *
 *     first octet   20-23, 26    plain header          DTLS 1.2, and epoch 0 of 1.3
 *                   25           plain header and id   DTLS 1.2 with a connection id
 *                   32-63        unified header        DTLS 1.3
 *
 * @see RFC 6347 §4.1; RFC 9146 §4; RFC 9147 §4 and §4.1
 */
import { Reader } from "../../../base/bytes.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import type { DatagramDiscard } from "./discard.ts";
import { DatagramContentType } from "./wire.ts";

/** A record with a header of 13 octets: DTLS 1.2, and what DTLS 1.3 sends in the clear. */
export interface PlainForm {
  readonly form: "plain";
  /** 20 to 23 or 26. */
  readonly type: number;
  /** 0xfe in front, not checked further. */
  readonly version: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly fragment: Uint8Array;
}

/** A protected record of DTLS 1.2 with a connection id; the type is inside. */
export interface CidForm {
  readonly form: "cid";
  readonly version: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly cid: Uint8Array;
  readonly fragment: Uint8Array;
}

/** A protected record of DTLS 1.3, its number still encrypted. */
export interface UnifiedForm {
  readonly form: "unified";
  /** The header as received. */
  readonly header: Uint8Array;
  /** Where in the header the encrypted number starts, and its octets: 1 or 2. */
  readonly sequenceAt: number;
  readonly sequenceLength: 1 | 2;
  /** The low two bits of the epoch. */
  readonly epochBits: number;
  /** Its own, or the one of a record before it: each datagram must have it, not each record. Null for none. */
  readonly cid: Uint8Array | null;
  readonly ciphertext: Uint8Array;
}

export type WireRecord = PlainForm | CidForm | UnifiedForm;

export interface CutDatagram {
  /** In the order of the datagram; they borrow from it. */
  readonly records: readonly WireRecord[];
  /** Records dropped by their header, one reason each; behind some the rest of the datagram is lost. */
  readonly discards: readonly DatagramDiscard[];
}

/** What DTLS 1.2 protection may add to 2^14 octets (RFC 5246 §6.2.3), and DTLS 1.3 protection (RFC 8446 §5.2). */
const MAX_FRAGMENT_12: number = MAX_PLAINTEXT + 2048;
const MAX_FRAGMENT_13: number = MAX_PLAINTEXT + 256;

/** Bits of the first octet of a unified header: 001CSLEE. */
const UNIFIED_MASK = 0xe0;
const UNIFIED = 0x20;
const HAS_CID = 0x10;
const LONG_SEQUENCE = 0x08;
const HAS_LENGTH = 0x04;
const EPOCH_BITS = 0x03;

class CutShort extends Error {}

/**
 * @param cidLength - Octets of the connection ids we hand out; 0 where we hand
 *   out none. Records do not tell (RFC 9146 §3).
 */
export function cutDatagram(datagram: Uint8Array, cidLength: number): CutDatagram {
  const records: WireRecord[] = [];
  const discards: DatagramDiscard[] = [];
  const reader = new Reader(datagram, () => new CutShort());
  while (reader.remaining > 0) {
    const record = cutRecord(datagram, reader, cidLength);
    if (record === "bad-record-version" || record === "record-too-long") discards.push(record);
    else if (typeof record === "string") return { records, discards: [...discards, record] };
    else records.push(inheritConnectionId(record, records.at(-1)));
  }
  return { records, discards };
}

function inheritConnectionId(record: WireRecord, before: WireRecord | undefined): WireRecord {
  if (record.form !== "unified" || record.cid !== null) return record;
  return before?.form === "unified" ? { ...record, cid: before.cid } : record;
}

type HeaderDiscard = Extract<
  DatagramDiscard,
  | "cut-short"
  | "unknown-record-type"
  | "unexpected-connection-id"
  | "bad-record-version"
  | "record-too-long"
>;

function cutRecord(
  datagram: Uint8Array,
  reader: Reader,
  cidLength: number,
): WireRecord | HeaderDiscard {
  const from = reader.at;
  try {
    const first = reader.u8();
    if ((first & UNIFIED_MASK) === UNIFIED) {
      return cutUnified(datagram, from, first, reader, cidLength);
    }
    return hasPlainHeader(first) ? cutPlain(first, reader, cidLength) : "unknown-record-type";
  } catch (failure) {
    if (failure instanceof CutShort) return "cut-short";
    throw failure;
  }
}

function hasPlainHeader(first: number): boolean {
  switch (first) {
    case ContentType.changeCipherSpec:
    case ContentType.alert:
    case ContentType.handshake:
    case ContentType.applicationData:
    case DatagramContentType.tls12Cid:
    case DatagramContentType.ack:
      return true;
    default:
      return false;
  }
}

function cutPlain(type: number, reader: Reader, cidLength: number): WireRecord | HeaderDiscard {
  const isCid = type === DatagramContentType.tls12Cid;
  // Without its length nobody can tell where the record ends (RFC 9146 §4: at least one octet).
  if (isCid && cidLength === 0) return "unexpected-connection-id";
  const version = reader.u16();
  const epoch = reader.u16();
  const sequence = reader.u16() * 2 ** 32 + reader.u32();
  const cid = reader.take(isCid ? cidLength : 0);
  const fragment = reader.vector16();
  // Of a first hello and its answer any {254, x} is good; epochs with keys ask for more.
  if (version >> 8 !== 0xfe) return "bad-record-version";
  if (fragment.length > MAX_FRAGMENT_12) return "record-too-long";
  return isCid
    ? { form: "cid", version, epoch, sequence, cid, fragment }
    : { form: "plain", type, version, epoch, sequence, fragment };
}

function cutUnified(
  datagram: Uint8Array,
  from: number,
  first: number,
  reader: Reader,
  cidLength: number,
): WireRecord | HeaderDiscard {
  const hasCid = (first & HAS_CID) !== 0;
  if (hasCid && cidLength === 0) return "unexpected-connection-id";
  const cid = hasCid ? reader.take(cidLength) : null;
  const sequenceAt = reader.at - from;
  const sequenceLength = (first & LONG_SEQUENCE) === 0 ? 1 : 2;
  reader.take(sequenceLength);
  const length = (first & HAS_LENGTH) === 0 ? reader.remaining : reader.u16();
  const header = datagram.subarray(from, reader.at);
  const ciphertext = reader.take(length);
  if (ciphertext.length > MAX_FRAGMENT_13) return "record-too-long";
  const epochBits = first & EPOCH_BITS;
  return { form: "unified", header, sequenceAt, sequenceLength, epochBits, cid, ciphertext };
}

/**
 * The connection id by which a datagram's association is found; null where its
 * records have none, and the address has to do. That all of them name the same
 * one is checked where they are opened.
 *
 * @see RFC 9146 §3; RFC 9147 §4
 */
export function connectionIdOf({ records }: CutDatagram): Uint8Array | null {
  for (const record of records) {
    if (record.form !== "plain" && record.cid !== null) return record.cid;
  }
  return null;
}

/** The first octet of the headers we write: always a number of two octets, and always the length. */
export function unifiedFlags(epoch: number, hasCid: boolean): number {
  return UNIFIED | (hasCid ? HAS_CID : 0) | LONG_SEQUENCE | HAS_LENGTH | (epoch & EPOCH_BITS);
}
