/**
 * DNS messages as multicast DNS sends them. Form only: who may say what is the
 * machines' affair.
 *
 * @see RFC 1035 §4; RFC 6762 §18; RFC 2782 (SRV); RFC 3596 (AAAA); RFC 4034 §4 (NSEC)
 */
import { Reader, Writer } from "../../base/bytes.ts";
import { MdnsDiscard } from "./failure.ts";
import { DomainName, MAX_LABEL_LENGTH, MAX_NAME_LENGTH } from "./name.ts";
import { typeOf } from "./record.ts";
import type { RecordContent, ResourceRecord } from "./record.ts";
import { MAX_MESSAGE_LENGTH, RecordType } from "./wire.ts";

const HEADER_LENGTH = 12;
const RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
/** Opcode and response code: both zero in all that is listened to. */
const CODES = 0x780f;
/** The top bit of a class: unicast response wanted in a question, cache flush in a record. */
const TOP_BIT = 0x8000;

/** Questions and records of one message together. 1500 octets hold some sixty, and each costs time that anyone can ask for. */
export const MAX_ENTRIES = 200;
/** Pointers in a row that have not been followed before: as many as a name can have labels. */
export const MAX_POINTERS = 127;
/** A pointer has 14 bits. */
const MAX_POINTER = 0x3fff;

export interface Question {
  readonly name: DomainName;
  /** A record type, or ANY. */
  readonly type: number;
  /** 15 bits. */
  readonly class: number;
  /** QU: the answer may come by unicast (RFC 6762 §5.4). */
  readonly unicast: boolean;
}

export interface Message {
  /** Zero but for resolvers that know no multicast (RFC 6762 §18.1). */
  readonly id: number;
  readonly response: boolean;
  /** More known answers follow in the next datagram (RFC 6762 §7.2). */
  readonly truncated: boolean;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** A query without id, records or known answers. */
export const NO_MESSAGE: Message = {
  id: 0,
  response: false,
  truncated: false,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
};

/**
 * Reads one message from one datagram.
 *
 * @param datagram - At most 9000 octets. Addresses, TXT strings and opaque
 *   contents of the result borrow from it; names do not.
 * @throws {@link MdnsDiscard}, also for an opcode or response code that is not
 *   zero and for octets behind the last record.
 */
export function parseMessage(datagram: Uint8Array): Message {
  if (datagram.length > MAX_MESSAGE_LENGTH) throw new MdnsDiscard("too-long", MAX_MESSAGE_LENGTH);
  const reader = new Reader(datagram, (at) => new MdnsDiscard("truncated", at));
  const id = reader.u16();
  const flags = reader.u16();
  if ((flags & CODES) !== 0) throw new MdnsDiscard("unexpected-code", 2);
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  if (counts.reduce((sum, count) => sum + count, 0) > MAX_ENTRIES) {
    throw new MdnsDiscard("too-many-entries", 4);
  }
  const names = new NameReader(datagram);
  const records = (count: number): ResourceRecord[] =>
    times(count, () => readRecord(datagram, reader, names));
  const message = {
    id,
    response: (flags & RESPONSE) !== 0,
    truncated: (flags & TRUNCATED) !== 0,
    questions: times(counts[0], () => readQuestion(reader, names)),
    answers: records(counts[1]),
    authorities: records(counts[2]),
    additionals: records(counts[3]),
  };
  if (reader.remaining > 0) throw new MdnsDiscard("trailing-octets", reader.at);
  return message;
}

function times<Entry>(count: number, read: () => Entry): Entry[] {
  const entries: Entry[] = [];
  while (entries.length < count) entries.push(read());
  return entries;
}

function readQuestion(reader: Reader, names: NameReader): Question {
  const name = names.read(reader);
  const type = reader.u16();
  const wire = reader.u16();
  return { name, type, class: wire & ~TOP_BIT, unicast: (wire & TOP_BIT) !== 0 };
}

function readRecord(datagram: Uint8Array, reader: Reader, names: NameReader): ResourceRecord {
  const name = names.read(reader);
  const type = reader.u16();
  const wire = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  const start = reader.at;
  reader.take(length);
  const content = readContent(datagram, names, type, start, start + length);
  return { name, class: wire & ~TOP_BIT, flush: (wire & TOP_BIT) !== 0, ttl, content };
}

function readContent(
  datagram: Uint8Array,
  names: NameReader,
  type: number,
  start: number,
  end: number,
): RecordContent {
  // What ends early is wrong about itself: the record, not the message, is cut.
  const bytes = datagram.subarray(start, end);
  const reader = new Reader(bytes, (at) => new MdnsDiscard("bad-record", start + at));
  const nameToEnd = (): DomainName => {
    const found = names.at(start + reader.at);
    if (found.end !== end) throw new MdnsDiscard("bad-record", start);
    return found.name;
  };
  switch (type) {
    case RecordType.A:
    case RecordType.AAAA: {
      const ipv4 = type === RecordType.A;
      if (bytes.length !== (ipv4 ? 4 : 16)) throw new MdnsDiscard("bad-record", start);
      return { kind: ipv4 ? "A" : "AAAA", address: bytes };
    }
    case RecordType.PTR:
      return { kind: "PTR", target: nameToEnd() };
    case RecordType.SRV: {
      const [priority, weight, port] = [reader.u16(), reader.u16(), reader.u16()];
      return { kind: "SRV", priority, weight, port, target: nameToEnd() };
    }
    case RecordType.TXT: {
      const strings: Uint8Array[] = [];
      while (reader.remaining > 0) strings.push(reader.vector8());
      // None at all is to be read as one that is empty (RFC 6763 §6.1).
      return { kind: "TXT", strings: strings.length > 0 ? strings : [new Uint8Array()] };
    }
    case RecordType.NSEC:
      return readNsec(datagram, names, start, end) ?? { kind: "opaque", type, bytes };
    default:
      return { kind: "opaque", type, bytes };
  }
}

/** Null for any form but that of RFC 6762 §6.1: one block, number 0, of 1 to 32 octets. Such a record is to be ignored. */
function readNsec(
  datagram: Uint8Array,
  names: NameReader,
  start: number,
  end: number,
): RecordContent | null {
  const { name: next, end: at } = names.at(start);
  const length = datagram[at + 1] ?? 0;
  if (at + 2 + length !== end || datagram[at] !== 0 || length === 0 || length > 32) return null;
  const types: number[] = [];
  for (let type = 0; type < length * 8; type++) {
    if ((datagram[at + 2 + (type >> 3)]! & (0x80 >> (type & 7))) !== 0) types.push(type);
  }
  return { kind: "NSEC", next, types };
}

/** What stands at one offset of a name: labels, and the end or a pointer behind them. */
interface Chunk {
  readonly start: number;
  readonly labels: readonly string[];
  /** Where the octets behind it begin. */
  readonly end: number;
  /** Null where the name ends here. */
  readonly target: number | null;
}

/**
 * The names of one message. Each place is read once, however many names point
 * there: else 9000 octets could ask for half a million.
 */
class NameReader {
  readonly #datagram: Uint8Array;
  /** By the offset that a pointer has. */
  readonly #read = new Map<number, DomainName>();

  constructor(datagram: Uint8Array) {
    this.#datagram = datagram;
  }

  read(reader: Reader): DomainName {
    const { name, end } = this.at(reader.at);
    reader.take(end - reader.at);
    return name;
  }

  /** The name at an offset, and where what stands behind it begins. */
  at(start: number): { readonly name: DomainName; readonly end: number } {
    const first = this.#chunk(start);
    const chunks = [first];
    let tail: DomainName | null = null;
    for (let { target } = first; target !== null;) {
      tail = this.#read.get(target) ?? null;
      if (tail !== null) break;
      // Each pointer goes further back than the one before, so this ends; not too late, either.
      if (chunks.length > MAX_POINTERS) throw new MdnsDiscard("bad-pointer", target);
      const next = this.#chunk(target);
      chunks.push(next);
      target = next.target;
    }
    for (const { start: offset, labels } of chunks.toReversed()) {
      const octets = labels.reduce((sum, label) => sum + 1 + label.length, 1);
      if (octets + (tail?.key.length ?? 0) > MAX_NAME_LENGTH) {
        throw new MdnsDiscard("long-name", offset);
      }
      tail = tail !== null && labels.length === 0 ? tail : new DomainName(labels, tail);
      this.#read.set(offset, tail);
    }
    return { name: tail ?? new DomainName([]), end: first.end };
  }

  #chunk(start: number): Chunk {
    const labels: string[] = [];
    for (let at = start, octets = 1; ;) {
      const length = this.#octet(at);
      if (length === 0) return { start, labels, end: at + 1, target: null };
      if (length >= 0xc0) {
        const target = (length & 0x3f) * 256 + this.#octet(at + 1);
        if (target < HEADER_LENGTH || target >= start) throw new MdnsDiscard("bad-pointer", at);
        return { start, labels, end: at + 2, target };
      }
      if (length > MAX_LABEL_LENGTH) throw new MdnsDiscard("bad-label", at);
      octets += 1 + length;
      if (octets > MAX_NAME_LENGTH) throw new MdnsDiscard("long-name", at);
      this.#octet(at + length);
      labels.push(String.fromCharCode(...this.#datagram.subarray(at + 1, at + 1 + length)));
      at += 1 + length;
    }
  }

  #octet(at: number): number {
    const octet = this.#datagram[at];
    if (octet === undefined) throw new MdnsDiscard("truncated", this.#datagram.length);
    return octet;
  }
}

/** How names may be shortened. SRV targets stay whole for resolvers that know no multicast (RFC 6762 §18.14). */
export type Compression = "everywhere" | "not-in-srv";

/**
 * A message in octets, its names compressed. Responses are authoritative, as
 * all of multicast DNS are (RFC 6762 §18.4).
 *
 * @throws RangeError for a message that would not be read: more than 9000
 *   octets or {@link MAX_ENTRIES}, a TXT string of more than 255 octets, a type in NSEC
 *   above 255.
 */
export function encodeMessage(
  message: Message,
  compression: Compression = "everywhere",
): Uint8Array {
  const { questions, answers, authorities, additionals } = message;
  const sections = [answers, authorities, additionals] as const;
  const entries = sections.reduce((sum, records) => sum + records.length, questions.length);
  if (entries > MAX_ENTRIES) throw new RangeError(`${entries} entries in one mDNS message`);
  const writer = new MessageWriter(compression);
  const out = writer.out;
  out.u16(message.id);
  out.u16((message.response ? RESPONSE | AUTHORITATIVE : 0) | (message.truncated ? TRUNCATED : 0));
  for (const section of [questions, ...sections]) out.u16(section.length);
  for (const question of questions) writer.question(question);
  for (const records of sections) for (const record of records) writer.record(record);
  if (out.length > MAX_MESSAGE_LENGTH) {
    throw new RangeError(`${out.length} octets in one mDNS message`);
  }
  return out.bytes();
}

/** A record's contents as they are compared in simultaneous probes: names whole (RFC 6762 §8.2). */
export function rawContent(content: RecordContent): Uint8Array {
  const out = new Writer();
  new MessageWriter("nowhere").content(content, out, 0);
  return out.bytes();
}

class MessageWriter {
  readonly out: Writer = new Writer(512);
  readonly #compression: Compression | "nowhere";
  /** Where a name's tail stands in full. Case counts here: a pointer must not change what its owner wrote. */
  readonly #tails = new Map<string, number>();

  constructor(compression: Compression | "nowhere") {
    this.#compression = compression;
  }

  question({ name, type, class: number, unicast }: Question): void {
    this.#name(name, this.out, 0);
    this.out.u16(type).u16(number | (unicast ? TOP_BIT : 0));
  }

  record({ name, class: number, flush, ttl, content }: ResourceRecord): void {
    this.#name(name, this.out, 0);
    this.out.u16(typeOf(content));
    this.out.u16(number | (flush ? TOP_BIT : 0)).u32(ttl);
    const body = new Writer();
    this.content(content, body, this.out.length + 2);
    this.out.vector16(body.bytes());
  }

  /** @param base - The offset in the message of what `out` begins with. */
  content(content: RecordContent, out: Writer, base: number): void {
    switch (content.kind) {
      case "A":
      case "AAAA":
        out.raw(content.address);
        return;
      case "PTR":
        this.#name(content.target, out, base);
        return;
      case "SRV":
        out.u16(content.priority).u16(content.weight).u16(content.port);
        this.#name(content.target, out, base, this.#compression === "everywhere");
        return;
      case "TXT":
        for (const string of content.strings) out.vector8(string);
        return;
      case "NSEC":
        this.#name(content.next, out, base);
        out.u8(0).vector8(typeBits(content.types));
        return;
      case "opaque":
        out.raw(content.bytes);
    }
  }

  #name(
    { labels }: DomainName,
    out: Writer,
    base: number,
    compressed: boolean = this.#compression !== "nowhere",
  ): void {
    for (let first = 0; first < labels.length; first++) {
      const tail = labels
        .slice(first)
        .map((label) => String.fromCharCode(label.length) + label)
        .join("");
      const known = this.#tails.get(tail);
      if (compressed && known !== undefined) {
        out.u16(0xc000 | known);
        return;
      }
      const at = base + out.length;
      if (at <= MAX_POINTER && known === undefined) this.#tails.set(tail, at);
      out.vector8(Uint8Array.from(labels[first]!, (octet) => octet.charCodeAt(0)));
    }
    out.u8(0);
  }
}

/** Window block 0 of an NSEC, no longer than its last type (RFC 4034 §4.1.2). */
function typeBits(types: readonly number[]): Uint8Array {
  const last = Math.max(0, ...types);
  if (last > 255) throw new RangeError(`type ${last} in an mDNS NSEC record`);
  const bits = new Uint8Array((last >> 3) + 1);
  for (const type of types) bits[type >> 3]! |= 0x80 >> (type & 7);
  return bits;
}
