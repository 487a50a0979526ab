/**
 * Looks for homes whose adoption window is open: asks, asks again at growing
 * intervals, and keeps what it hears for as long as that holds.
 *
 * More than one home answering is told as interference, and so is a home of
 * which two senders say different things. Neither is a reason to refuse: in a
 * block of flats it is the rule. It is a reason to let the owner pick by code,
 * and one home alone is no proof of anything: an attacker alone is quiet.
 *
 * @see RFC 6762 §5, §7.1, §10; RFC 6763 §4, §6
 */
import { earliest, mono } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { Heard } from "./cache.ts";
import { within } from "./chance.ts";
import { MdnsDiscard } from "./failure.ts";
import type { MdnsDiscardReason } from "./failure.ts";
import { Instance } from "./instance.ts";
import type { FoundInstance } from "./instance.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "./message.ts";
import type { Message, Question } from "./message.ts";
import { DomainName } from "./name.ts";
import type { ResourceRecord } from "./record.ts";
import { CLASS_IN, MDNS_PORT, RecordType } from "./wire.ts";
import type { Link, LinkDatagram, LinkSend } from "./wire.ts";

export type { FoundInstance } from "./instance.ts";

/** Before the first question (RFC 6762 §5.2). */
export const START_WITHIN_MS = [20, 120] as const;
/** The waits between questions: the first, doubled each time, up to the last (RFC 6762 §5.2). */
export const FIRST_WAIT_MS = 1000;
export const LAST_WAIT_MS = 3_600_000;

/** Instances that are kept: their PTR records as known answers fit one datagram. Further ones are only counted. */
export const MAX_INSTANCES = 16;

export interface QuerierConfig {
  readonly random: RandomSource;
  /** What to look for: `serviceName("udp")`, or `subtypeName(type, "udp")` for homes that wait for such a device. */
  readonly service: DomainName;
  readonly links: readonly Link[];
}

export type QuerierInput =
  | LinkDatagram
  | { readonly kind: "start" }
  | { readonly kind: "stop" }
  | { readonly kind: "timeout" };

export type QuerierOutput =
  | LinkSend
  /** All is known of an instance: where it is and what it says. Again whenever that changes. */
  | { readonly kind: "found"; readonly instance: FoundInstance }
  /** An instance that was found said goodbye, or was not heard of for too long. */
  | { readonly kind: "lost"; readonly label: string }
  | {
      readonly kind: "interference";
      /** Two instances or more; or one of which another sender says something else. */
      readonly reason: "several" | "contradiction";
      readonly labels: readonly string[];
    }
  | { readonly kind: "discarded"; readonly reason: MdnsDiscardReason; readonly from: string };

export class Querier implements Machine<QuerierInput, QuerierOutput> {
  readonly #config: QuerierConfig;
  /** What instances are named under: the service, whatever subtype is asked for (RFC 6763 §7.1). */
  readonly #parent: DomainName;
  readonly #instances = new Map<string, Instance>();
  /** The next question for instances; null while not searching. */
  #nextAt: Mono | null = null;
  #wait = FIRST_WAIT_MS;
  #ignored = 0;
  /** Instances told of in the last word on interference. */
  #told = 1;

  constructor(config: QuerierConfig) {
    this.#config = config;
    const { labels } = config.service;
    this.#parent = new DomainName(labels[1] === "_sub" ? labels.slice(2) : labels);
  }

  get wakeAt(): Mono | null {
    if (this.#nextAt === null) return null;
    const all = [...this.#instances.values()];
    return earliest([this.#nextAt, ...all.map(({ wakeAt }) => wakeAt)]);
  }

  /** Instances kept. */
  get size(): number {
    return this.#instances.size;
  }

  /** Instances heard of while {@link MAX_INSTANCES} were kept. */
  get ignored(): number {
    return this.#ignored;
  }

  handle(input: QuerierInput, now: Mono): QuerierOutput[] {
    switch (input.kind) {
      case "start":
        this.#nextAt = within(this.#config.random, now, ...START_WITHIN_MS);
        this.#wait = FIRST_WAIT_MS;
        return [];
      case "stop":
        this.#nextAt = null;
        this.#instances.clear();
        this.#told = 1;
        return [];
      case "timeout":
        return this.#nextAt === null ? [] : this.#timeout(this.#nextAt, now);
      case "datagram":
        return this.#nextAt === null ? [] : this.#datagram(input, now);
    }
  }

  // ---- Asking

  #timeout(nextAt: Mono, now: Mono): QuerierOutput[] {
    const lost = this.#expire(now);
    const questions: Question[] = [];
    const browsing = nextAt <= now;
    if (browsing) {
      questions.push(ask(this.#config.service, RecordType.PTR));
      this.#nextAt = mono(now + this.#wait);
      this.#wait = Math.min(this.#wait * 2, LAST_WAIT_MS);
    }
    for (const instance of this.#instances.values()) {
      for (const { name, type } of instance.wanted(now)) {
        const repeated = questions.some((each) => each.name.is(name) && each.type === type);
        if (!repeated) questions.push(ask(name, type));
      }
    }
    return questions.length === 0 ? lost : [...lost, ...this.#sendAll(questions, now)];
  }

  #sendAll(questions: readonly Question[], now: Mono): QuerierOutput[] {
    const browsing = questions.some(({ name }) => name.is(this.#config.service));
    const answers = browsing ? this.#knownAnswers(now) : [];
    const bytes = encodeMessage({ ...NO_MESSAGE, questions, answers });
    return this.#config.links.map((link) => ({ kind: "send", ...link, to: "multicast", bytes }));
  }

  /** What need not be answered: it holds for half its life yet (RFC 6762 §7.1). */
  #knownAnswers(now: Mono): ResourceRecord[] {
    return [...this.#instances.values()].flatMap(({ pointer }) => {
      const left = pointer.left(now);
      return left * 2 < pointer.record.ttl ? [] : [{ ...pointer.record, flush: false, ttl: left }];
    });
  }

  // ---- Hearing

  #datagram(datagram: LinkDatagram, now: Mono): QuerierOutput[] {
    const { from, port, bytes } = datagram;
    try {
      const message = parseMessage(bytes);
      if (!message.response) return [];
      if (port !== MDNS_PORT) throw new MdnsDiscard("foreign-port", 0);
      return this.#response(message, datagram, now);
    } catch (failure) {
      if (!(failure instanceof MdnsDiscard)) throw failure;
      return [{ kind: "discarded", reason: failure.reason, from }];
    }
  }

  #response(message: Message, datagram: LinkDatagram, now: Mono): QuerierOutput[] {
    const records = [...message.answers, ...message.additionals].filter(
      (record) => record.class === CLASS_IN,
    );
    for (const record of records) this.#takePointer(record, now);
    const contradicted: string[] = [];
    for (const instance of this.#instances.values()) {
      if (instance.take(records, datagram, now)) contradicted.push(instance.label);
    }
    const outputs = this.#expire(now);
    for (const instance of this.#instances.values()) {
      const found = instance.news(now);
      if (found !== null) outputs.push({ kind: "found", instance: found });
    }
    if (contradicted.length > 0) {
      outputs.push({ kind: "interference", reason: "contradiction", labels: contradicted });
    }
    return [...outputs, ...this.#several()];
  }

  #takePointer(record: ResourceRecord, now: Mono): void {
    const { name, content, ttl } = record;
    if (content.kind !== "PTR" || !name.is(this.#config.service)) return;
    const { target } = content;
    // Also what keeps questions short: names of others' choice have 63 octets of it, not 255.
    if (!target.isChildOf(this.#parent)) return;
    const there = this.#instances.get(target.key);
    if (ttl === 0) {
      there?.pointer.end(now);
      return;
    }
    const pointer = new Heard(record, now, this.#config.random);
    if (there !== undefined) there.pointer = pointer;
    else if (this.#instances.size >= MAX_INSTANCES) this.#ignored++;
    else this.#instances.set(target.key, new Instance(target, pointer, this.#config.random, now));
  }

  #several(): QuerierOutput[] {
    const found = [...this.#instances.values()].filter(({ isFound }) => isFound);
    const grown = found.length > this.#told;
    this.#told = Math.max(1, found.length);
    if (!grown) return [];
    const labels = found.map(({ label }) => label);
    return [{ kind: "interference", reason: "several", labels }];
  }

  #expire(now: Mono): QuerierOutput[] {
    const outputs: QuerierOutput[] = [];
    for (const [key, instance] of this.#instances) {
      instance.expire(now);
      const gone = instance.pointer.until <= now;
      if (gone) this.#instances.delete(key);
      if (instance.isLost(gone)) outputs.push({ kind: "lost", label: instance.label });
    }
    return outputs;
  }
}

const ask = (name: DomainName, type: number): Question => ({
  name,
  type,
  class: CLASS_IN,
  unicast: false,
});
