/** What has been heard of one service instance, and what is still missing. */
import { formatIpv4, formatIpv6 } from "../../base/address.ts";
import { earliest, mono } from "../../base/machine.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import { Heard, LINGER_MS } from "./cache.ts";
import { within } from "./chance.ts";
import type { DomainName } from "./name.ts";
import { contentKey, typeOf } from "./record.ts";
import type { RecordContent, ResourceRecord } from "./record.ts";
import { parseTxt } from "./txt.ts";
import { linkKey, RecordType } from "./wire.ts";
import type { LinkDatagram } from "./wire.ts";

/** Addresses of an instance that are kept. */
export const MAX_INSTANCE_ADDRESSES = 6;
/** Questions for what is missing of an instance; the waits between them double. */
export const MAX_MISSING_QUESTIONS = 4;
const MISSING_WITHIN_MS = [20, 120] as const;
const MISSING_WAIT_MS = 1000;
/** Links on which is remembered who speaks for an instance. */
const MAX_SENDERS = 8;

/** An instance that all is known of. */
export interface FoundInstance {
  /** From outside: to be shown through `visible` only. Octets that are no UTF-8 make it empty. */
  readonly label: string;
  /** The interface that it was first heard of on. */
  readonly interface: string;
  readonly port: number;
  /** Keys in lower case, as {@link parseTxt} reads them. */
  readonly txt: ReadonlyMap<string, string>;
  /** One at least, as text. */
  readonly addresses: readonly string[];
}

export interface Wanted {
  readonly name: DomainName;
  readonly type: number;
}

type Kept = "SRV" | "TXT";

export class Instance {
  readonly name: DomainName;
  pointer: Heard;
  readonly #random: RandomSource;
  #srv: Heard | null = null;
  #txt: Heard | null = null;
  #addresses: Heard[] = [];
  /** Who speaks for it, by link: one home has an address of each family. */
  readonly #senders = new Map<string, string>();
  #interface: string | null = null;
  /** What `found` told last; null while it is not found. */
  #told: string | null = null;
  #asked = 0;
  #askAt: Mono | null;

  constructor(name: DomainName, pointer: Heard, random: RandomSource, now: Mono) {
    this.name = name;
    this.pointer = pointer;
    this.#random = random;
    this.#askAt = within(random, now, ...MISSING_WITHIN_MS);
  }

  get label(): string {
    return this.name.firstText ?? "";
  }

  get isFound(): boolean {
    return this.#told !== null;
  }

  get wakeAt(): Mono | null {
    const times = this.#all().flatMap(({ until, refreshAt }) => [until, refreshAt]);
    return earliest([this.#isComplete() ? null : this.#askAt, ...times]);
  }

  /**
   * Takes what a response says of this instance.
   *
   * @returns Whether someone else said something else of it on this link before.
   */
  take(records: readonly ResourceRecord[], datagram: LinkDatagram, now: Mono): boolean {
    let contradicted = false;
    for (const record of records) {
      const { kind } = record.content;
      if ((kind === "SRV" || kind === "TXT") && record.name.is(this.name)) {
        if (this.#takeOwn(kind, record, datagram, now)) contradicted = true;
      }
    }
    const host = this.#host();
    if (host === null) return contradicted;
    const addresses = records.filter(({ name, content }) => isAddress(content) && name.is(host));
    for (const record of addresses) this.#takeAddress(record, now);
    return contradicted;
  }

  /** What to ask for now: what is missing, and what is about to run out. It counts as asked. */
  wanted(now: Mono): Wanted[] {
    const wanted: Wanted[] = [];
    if (!this.#isComplete() && this.#askAt !== null && this.#askAt <= now) {
      wanted.push(...this.#missing());
      this.#asked++;
      const wait = MISSING_WAIT_MS * 2 ** (this.#asked - 1);
      this.#askAt = this.#asked < MAX_MISSING_QUESTIONS ? mono(now + wait) : null;
    }
    for (const heard of this.#all()) {
      if (heard.refreshAt === null || heard.refreshAt > now) continue;
      heard.noteRefresh();
      wanted.push({ name: heard.record.name, type: typeOf(heard.record.content) });
    }
    return wanted;
  }

  /** Drops what no longer holds. */
  expire(now: Mono): void {
    const before = this.#isComplete();
    if (this.#srv !== null && this.#srv.until <= now) this.#srv = null;
    if (this.#txt !== null && this.#txt.until <= now) this.#txt = null;
    this.#addresses = this.#addresses.filter(({ until }) => until > now);
    if (!before || this.#isComplete()) return;
    this.#asked = 0;
    this.#askAt = within(this.#random, now, ...MISSING_WITHIN_MS);
  }

  /** The instance, where all is known of it and something has changed since it was last told. */
  news(now: Mono): FoundInstance | null {
    const found = this.#view(now);
    if (found === null) return null;
    const text = JSON.stringify({ ...found, txt: [...found.txt] });
    if (text === this.#told) return null;
    this.#told = text;
    return found;
  }

  /** Whether it had been found and is no longer there: once. */
  isLost(gone: boolean): boolean {
    if (this.#told === null || (!gone && this.#isComplete())) return false;
    this.#told = null;
    return true;
  }

  #takeOwn(kind: Kept, record: ResourceRecord, datagram: LinkDatagram, now: Mono): boolean {
    const known = kind === "SRV" ? this.#srv : this.#txt;
    const link = linkKey(datagram);
    const sender = this.#senders.get(link);
    const other = sender !== undefined && sender !== datagram.from;
    const changed =
      known !== null && contentKey(known.record.content) !== contentKey(record.content);
    if (record.ttl === 0) {
      if (!changed) known?.end(now);
      return false;
    }
    // What was heard first stays, for as long as its sender does not say otherwise.
    if (other && changed) return true;
    if (sender === undefined && this.#senders.size < MAX_SENDERS) {
      this.#senders.set(link, datagram.from);
    }
    this.#interface ??= datagram.interface;
    const heard = new Heard(record, now, this.#random);
    const before = this.#host();
    if (kind === "SRV") this.#srv = heard;
    else this.#txt = heard;
    // Another host has addresses of its own.
    if (before !== null && this.#host()?.is(before) === false) this.#addresses = [];
    return false;
  }

  #takeAddress(record: ResourceRecord, now: Mono): void {
    const key = contentKey(record.content);
    const at = this.#addresses.findIndex(({ record: { content } }) => contentKey(content) === key);
    if (record.ttl === 0) {
      this.#addresses[at]?.end(now);
      return;
    }
    // The cache-flush bit: what came more than a second ago is none any more (RFC 6762 §10.2).
    for (const each of record.flush ? this.#addresses : []) {
      const sameKind = each.record.content.kind === record.content.kind;
      if (sameKind && now - each.at > LINGER_MS) each.end(now);
    }
    const heard = new Heard(record, now, this.#random);
    if (at >= 0) this.#addresses[at] = heard;
    else if (this.#addresses.length < MAX_INSTANCE_ADDRESSES) this.#addresses.push(heard);
  }

  #view(now: Mono): FoundInstance | null {
    const srv = this.#srv?.record.content;
    const txt = this.#txt?.record.content;
    if (srv?.kind !== "SRV" || txt?.kind !== "TXT" || this.#interface === null) return null;
    const current = this.#addresses.filter(({ until }) => until > now);
    const addresses = current.flatMap(({ record: { content } }) => {
      if (content.kind === "A") return [formatIpv4(content.address)];
      return content.kind === "AAAA" ? [formatIpv6(content.address)] : [];
    });
    if (addresses.length === 0) return null;
    const { label } = this;
    const { port } = srv;
    return { label, interface: this.#interface, port, txt: parseTxt(txt.strings), addresses };
  }

  #missing(): Wanted[] {
    const wanted: Wanted[] = [];
    if (this.#srv === null) wanted.push({ name: this.name, type: RecordType.SRV });
    if (this.#txt === null) wanted.push({ name: this.name, type: RecordType.TXT });
    const host = this.#host();
    if (host !== null && this.#addresses.length === 0) {
      wanted.push({ name: host, type: RecordType.A }, { name: host, type: RecordType.AAAA });
    }
    return wanted;
  }

  #isComplete(): boolean {
    return this.#srv !== null && this.#txt !== null && this.#addresses.length > 0;
  }

  #host(): DomainName | null {
    const content = this.#srv?.record.content;
    return content?.kind === "SRV" ? content.target : null;
  }

  #all(): Heard[] {
    const own = [this.#srv, this.#txt].filter((heard) => heard !== null);
    return [this.pointer, ...own, ...this.#addresses];
  }
}

const isAddress = (content: RecordContent): boolean =>
  content.kind === "A" || content.kind === "AAAA";
