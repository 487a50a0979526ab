/**
 * Answers those who call us by a label that only they and we can know, and
 * nobody else: a home its devices, a device its home. Nothing is announced,
 * nothing probed for (80 bits of a MAC are nobody else's by accident), and a
 * name that is not in the table meets silence, NSEC included.
 *
 *     SRV or TXT  L._homeca._udp.local  ->  SRV HOST.local, TXT empty, A, AAAA
 *     A or AAAA   HOST.local            ->  A, AAAA, for this interval's host and the last one's
 *
 * HOST is 12 random hex digits, others in each interval.
 */
import type { Crypto } from "../../base/crypto/crypto.ts";
import { mono, unix } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource, Unix } from "../../base/machine.ts";
import { toHex } from "../../base/bytes.ts";
import { legacyResponse, MAX_UNICAST_PER_SECOND, response } from "./answering.ts";
import { REPEAT_MS } from "./answer-queue.ts";
import { within } from "./chance.ts";
import { MdnsDiscard } from "./failure.ts";
import type { MdnsDiscardReason } from "./failure.ts";
import { parseMessage } from "./message.ts";
import type { Message, Question } from "./message.ts";
import { DomainName } from "./name.ts";
import {
  CLOCKLESS_LABEL_LENGTH,
  ClocklessDesk,
  INTERVAL_SECONDS,
  LABEL_LENGTH,
  LabelTable,
} from "./private.ts";
import type { Role } from "./private.ts";
import { hostRecords, instanceRecords, PublishedRecords, serviceName } from "./published.ts";
import type { Published } from "./published.ts";
import { PerSecond } from "./rate.ts";
import { ANY, HOST_TTL, linkKey, linksOf, MDNS_PORT, RecordType } from "./wire.ts";
import type { LinkDatagram, LinkInterface, LinkSend } from "./wire.ts";

/** Questions of one message that are looked at. */
export const MAX_QUESTIONS = 8;
/** The host's name changes within so long after the interval does, so that not all of a street do at once. */
export const CHANGE_WITHIN_MS = 2000;
const HOST_LENGTH = 6;

export interface PrivateResponderConfig {
  readonly crypto: Pick<Crypto, "hmac">;
  readonly random: RandomSource;
  /** `H` for a home, `D` for a device. Only a home hears who has no clock. */
  readonly role: Role;
  /** Where DTLS is spoken. */
  readonly port: number;
}

export type PrivateResponderInput =
  | LinkDatagram
  /** The keys shared with each device, by its id, or with the home; all there are. */
  | { readonly kind: "keys"; readonly keys: ReadonlyMap<string, Uint8Array> }
  /** The time, as soon as it is known and whenever it was set; null while it is not. */
  | { readonly kind: "clock"; readonly time: Unix | null }
  | { readonly kind: "interfaces"; readonly interfaces: readonly LinkInterface[] }
  | { readonly kind: "timeout" };

export type PrivateResponderOutput =
  | LinkSend
  /** Someone who has the key asked, or someone who repeats what was overheard: not proof of anything yet. */
  | {
      readonly kind: "recognised";
      readonly id: string;
      readonly by: "interval" | "nonce";
      readonly interface: string;
      readonly from: string;
    }
  | { readonly kind: "discarded"; readonly reason: MdnsDiscardReason; readonly from: string };

const SERVICE = serviceName("udp");

export class PrivateResponder implements Machine<PrivateResponderInput, PrivateResponderOutput> {
  readonly #config: PrivateResponderConfig;
  readonly #table: LabelTable;
  readonly #clockless: ClocklessDesk;
  readonly #unicasts = new PerSecond(MAX_UNICAST_PER_SECOND);
  #isEmpty = true;
  #clock: { readonly time: Unix; readonly at: Mono } | null = null;
  #interfaces = new Map<string, LinkInterface>();
  #host: DomainName;
  #lastHost: DomainName | null = null;
  #changeAt: Mono | null = null;
  /** Records multicast within the last second, link by link: the answers to {@link LabelTable.size} labels at most. */
  readonly #multicast = new Map<string, Mono>();

  constructor(config: PrivateResponderConfig) {
    this.#config = config;
    this.#table = new LabelTable(config.crypto, config.role);
    this.#clockless = new ClocklessDesk(config.crypto);
    this.#host = this.#drawHost();
  }

  /** The next change of the host's name. */
  get wakeAt(): Mono | null {
    return this.#changeAt;
  }

  /** @throws RangeError for keys or addresses that are none: a fault of the caller. */
  handle(input: PrivateResponderInput, now: Mono): PrivateResponderOutput[] {
    if (this.#changeAt === null || this.#changeAt <= now) this.#changeHost(now);
    switch (input.kind) {
      case "keys":
        this.#table.setKeys(input.keys);
        this.#clockless.setKeys(input.keys);
        this.#isEmpty = input.keys.size === 0;
        return [];
      case "clock":
        this.#clock = input.time === null ? null : { time: input.time, at: now };
        this.#changeAt = this.#nextChange(now);
        return [];
      case "interfaces":
        this.#interfaces = new Map(
          input.interfaces.flatMap((on) => linksOf([on]).map((link) => [linkKey(link), on])),
        );
        return [];
      case "timeout":
        return [];
      case "datagram":
        return this.#datagram(input, now);
    }
  }

  #datagram(datagram: LinkDatagram, now: Mono): PrivateResponderOutput[] {
    const on = this.#interfaces.get(linkKey(datagram));
    if (on === undefined || this.#isEmpty) return [];
    try {
      const message = parseMessage(datagram.bytes);
      return message.response ? [] : this.#query(datagram, message, on, now);
    } catch (failure) {
      if (!(failure instanceof MdnsDiscard)) throw failure;
      return [{ kind: "discarded", reason: failure.reason, from: datagram.from }];
    }
  }

  #query(
    datagram: LinkDatagram,
    message: Message,
    on: LinkInterface,
    now: Mono,
  ): PrivateResponderOutput[] {
    const legacy = datagram.port !== MDNS_PORT;
    if (legacy && message.questions.length !== 1) return [];
    return message.questions.slice(0, MAX_QUESTIONS).flatMap((question) => {
      const told = this.#tell(question, datagram, on, now);
      if (told === null) return [];
      const { records, outputs } = told;
      const known = message.answers.flatMap((answer) => {
        const ours = records.find(answer);
        return ours !== null && answer.ttl * 2 >= ours.record.ttl ? [ours.key] : [];
      });
      const answers = records.answers(question).filter(({ key }) => !known.includes(key));
      return [...outputs, ...this.#send(datagram, message, question, records, answers, now)];
    });
  }

  /** The records that a question is about, or null where it is none of ours to answer. */
  #tell(
    { name, type, class: number }: Question,
    { interface: interfaceName, from }: LinkDatagram,
    on: LinkInterface,
    now: Mono,
  ): { records: PublishedRecords; outputs: PrivateResponderOutput[] } | null {
    if (name.is(this.#host) || (this.#lastHost?.is(name) ?? false)) {
      const records = new PublishedRecords(hostRecords(name, on));
      // No NSEC: what there is not, is not told.
      const has = records.answers({ name, type, class: number, unicast: false });
      return has.some(({ record }) => record.content.kind !== "NSEC")
        ? { records, outputs: [] }
        : null;
    }
    const asked = type === RecordType.SRV || type === RecordType.TXT || type === ANY;
    if (!asked || !name.isChildOf(SERVICE)) return null;
    const who = this.#recognise(name.first, type, now);
    if (who === null) return null;
    const records = new PublishedRecords([
      ...instanceRecords(name, this.#config.port, [], this.#host, HOST_TTL),
      ...hostRecords(this.#host, on),
    ]);
    return { records, outputs: [{ kind: "recognised", ...who, interface: interfaceName, from }] };
  }

  #recognise(
    label: string,
    type: number,
    now: Mono,
  ): { id: string; by: "interval" | "nonce" } | null {
    if (label.length === LABEL_LENGTH && this.#clock !== null) {
      const id = this.#table.find(label, this.#timeAt(this.#clock, now));
      return id === null ? null : { id, by: "interval" };
    }
    // A nonce is answered once: with the address, not with an empty TXT.
    if (label.length !== CLOCKLESS_LABEL_LENGTH || type === RecordType.TXT) return null;
    if (this.#config.role !== "H") return null;
    const result = this.#clockless.recognise(label, now);
    if (result.kind === "overloaded") throw new MdnsDiscard("overloaded", 0);
    return result.kind === "known" ? { id: result.id, by: "nonce" } : null;
  }

  #send(
    { interface: name, family, from, port }: LinkDatagram,
    message: Message,
    question: Question,
    records: PublishedRecords,
    answers: readonly Published[],
    now: Mono,
  ): LinkSend[] {
    const link = { interface: name, family };
    const more = (): Published[] =>
      records.additionals(answers).filter(({ record }) => record.content.kind !== "NSEC");
    if (answers.length === 0) return [];
    if (port !== MDNS_PORT || question.unicast) {
      if (!this.#unicasts.take(now)) throw new MdnsDiscard("overloaded", 0);
      const bytes =
        port === MDNS_PORT
          ? response(answers, more())
          : legacyResponse(message.id, question, answers, more());
      return [{ kind: "send", ...link, to: { address: from, port }, bytes }];
    }
    const fresh = this.#notJustSent(linkKey(link), answers, now);
    if (fresh.length === 0) return [];
    const additionals = this.#notJustSent(linkKey(link), more(), now);
    return [{ kind: "send", ...link, to: "multicast", bytes: response(fresh, additionals) }];
  }

  /** What has not been multicast within a second; it counts as multicast from now on (RFC 6762 §6). */
  #notJustSent(link: string, records: readonly Published[], now: Mono): Published[] {
    for (const [key, at] of this.#multicast) {
      if (now - at < REPEAT_MS) break;
      this.#multicast.delete(key);
    }
    return records.filter(({ key }) => {
      const name = `${link} ${key}`;
      if (this.#multicast.has(name)) return false;
      this.#multicast.set(name, now);
      return true;
    });
  }

  // ---- The host's name

  #timeAt({ time, at }: { readonly time: Unix; readonly at: Mono }, now: Mono): Unix {
    return unix(time + Math.floor((now - at) / 1000));
  }

  #changeHost(now: Mono): void {
    if (this.#changeAt !== null) {
      this.#lastHost = this.#host;
      this.#host = this.#drawHost();
    }
    this.#changeAt = this.#nextChange(now);
  }

  /** With the interval, where it is known; as often, where it is not. */
  #nextChange(now: Mono): Mono {
    const into = this.#clock === null ? 0 : this.#timeAt(this.#clock, now) % INTERVAL_SECONDS;
    const interval = mono(now + (INTERVAL_SECONDS - into) * 1000);
    return within(this.#config.random, interval, 0, CHANGE_WITHIN_MS);
  }

  #drawHost(): DomainName {
    return DomainName.of(`${toHex(this.#config.random(HOST_LENGTH))}.local`);
  }
}
