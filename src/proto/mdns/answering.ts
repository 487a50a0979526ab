/**
 * Answers queries on one link from the records published there: by multicast
 * after the waits of RFC 6762 §6, by unicast where the asker wants it (§5.4) or
 * knows no multicast (§6.7).
 */
import type { Mono, RandomSource } from "../../base/machine.ts";
import { AnswerQueue, DEFENCE_MS, REPEAT_MS } from "./answer-queue.ts";
import { within } from "./chance.ts";
import { MdnsDiscard } from "./failure.ts";
import { encodeMessage, NO_MESSAGE } from "./message.ts";
import type { Message, Question } from "./message.ts";
import type { Published, PublishedRecords } from "./published.ts";
import type { PerSecond } from "./rate.ts";
import type { ResourceRecord } from "./record.ts";
import { LEGACY_TTL, MDNS_PORT } from "./wire.ts";
import type { Link, LinkDatagram, LinkSend } from "./wire.ts";

/** Unicast answers in a second, all links together: whoever asks under another's address gets no more onto it. */
export const MAX_UNICAST_PER_SECOND = 20;

/** Milliseconds before an answer that others may give as well (RFC 6762 §6), and before one to a query that goes on (§7.2). */
export const SHARED_DELAY_MS = [20, 120] as const;
export const TRUNCATED_DELAY_MS = [400, 500] as const;

export class LinkAnswers {
  readonly link: Link;
  readonly records: PublishedRecords;
  readonly #random: RandomSource;
  readonly #unicasts: PerSecond;
  readonly #queue = new AnswerQueue();

  constructor(link: Link, records: PublishedRecords, random: RandomSource, unicasts: PerSecond) {
    this.link = link;
    this.records = records;
    this.#random = random;
    this.#unicasts = unicasts;
  }

  get wakeAt(): Mono | null {
    return this.#queue.wakeAt;
  }

  /** Askers whose further known answers are waited for. */
  get collecting(): number {
    return this.#queue.collecting;
  }

  /** @throws {@link MdnsDiscard} `overloaded` for an answer by unicast that would be one too many. */
  query({ from, port }: LinkDatagram, message: Message, now: Mono): LinkSend[] {
    if (port !== MDNS_PORT) return this.#answerLegacy(from, port, message, now);
    const known = this.#known(message.answers);
    this.#queue.hear(from, known);
    const direct: Published[] = [];
    const common: Published[] = [];
    for (const question of message.questions) {
      for (const each of this.records.answers(question)) {
        if (known.has(each.key)) continue;
        // What has not been multicast for long is, though asked for by unicast: others' caches need it (§5.4).
        const unicast = question.unicast && this.#queue.isWellKnown(each, now);
        (unicast ? direct : common).push(each);
      }
    }
    this.#wantAll(from, message, common, now);
    return [...this.#answerDirectly(from, direct, known, now), ...this.due(now)];
  }

  /** Someone else takes one of our records back, or has it for less than half its life: it is told anew (RFC 6762 §6.6, §10.1). */
  restate(published: Published, now: Mono): void {
    this.#queue.want(published, this.#queue.freeAt(published, now));
  }

  /** All records at once, whatever has been multicast: an announcement (RFC 6762 §8.3). */
  announce(now: Mono): LinkSend {
    this.#queue.noteMulticast(this.records.all, now);
    return this.#multicast(this.records.all, []);
  }

  /** The answers whose time has come, in one message. */
  due(now: Mono): LinkSend[] {
    const answers = this.#queue.take(now);
    if (answers.length === 0) return [];
    const additionals = this.records
      .additionals(answers)
      .filter((each) => this.#queue.isFree(each, now));
    this.#queue.noteMulticast(additionals, now);
    return [this.#multicast(answers, additionals)];
  }

  #wantAll(from: string, message: Message, answers: readonly Published[], now: Mono): void {
    if (message.truncated) {
      const at = within(this.#random, now, ...TRUNCATED_DELAY_MS);
      if (this.#queue.collect(from, answers, at, now)) return;
    }
    // A probe for a name of ours is answered at once and more often (§6); what is ours alone at once too.
    const defending = message.authorities.some(({ name }) => this.records.owned.has(name.key));
    const late = !defending && answers.some(({ shared }) => shared);
    const at = late ? within(this.#random, now, ...SHARED_DELAY_MS) : now;
    for (const each of answers) this.#queue.want(each, at, defending ? DEFENCE_MS : REPEAT_MS);
  }

  #answerDirectly(
    address: string,
    answers: readonly Published[],
    known: ReadonlySet<string>,
    now: Mono,
  ): LinkSend[] {
    if (answers.length === 0) return [];
    this.#takeUnicast(now);
    const more = this.records.additionals(answers).filter(({ key }) => !known.has(key));
    const bytes = response(answers, more);
    return [{ kind: "send", ...this.link, to: { address, port: MDNS_PORT }, bytes }];
  }

  #answerLegacy(address: string, port: number, message: Message, now: Mono): LinkSend[] {
    const [question, ...others] = message.questions;
    if (question === undefined || others.length > 0) return [];
    const answers = this.records.answers(question);
    if (answers.length === 0) return [];
    this.#takeUnicast(now);
    const bytes = legacyResponse(message.id, question, answers, this.records.additionals(answers));
    return [{ kind: "send", ...this.link, to: { address, port }, bytes }];
  }

  /** Which of our records an asker knows for at least half their life (RFC 6762 §7.1). */
  #known(answers: readonly ResourceRecord[]): ReadonlySet<string> {
    const known = new Set<string>();
    for (const answer of answers) {
      const ours = this.records.find(answer);
      if (ours !== null && answer.ttl * 2 >= ours.record.ttl) known.add(ours.key);
    }
    return known;
  }

  #takeUnicast(now: Mono): void {
    if (!this.#unicasts.take(now)) throw new MdnsDiscard("overloaded", 0);
  }

  #multicast(answers: readonly Published[], additionals: readonly Published[]): LinkSend {
    return { kind: "send", ...this.link, to: "multicast", bytes: response(answers, additionals) };
  }
}

/** A response to all: id 0 and no questions (RFC 6762 §6, §18.1). */
export function response(
  answers: readonly Published[],
  additionals: readonly Published[],
): Uint8Array {
  const records = (all: readonly Published[]): ResourceRecord[] => all.map(({ record }) => record);
  return encodeMessage({
    ...NO_MESSAGE,
    response: true,
    answers: records(answers),
    additionals: records(additionals),
  });
}

/** A response as a resolver expects it that knows nothing of multicast (RFC 6762 §6.7). */
export function legacyResponse(
  id: number,
  question: Question,
  answers: readonly Published[],
  additionals: readonly Published[],
): Uint8Array {
  const short = (all: readonly Published[]): ResourceRecord[] =>
    all.map(({ record }) => ({ ...record, flush: false, ttl: Math.min(record.ttl, LEGACY_TTL) }));
  return encodeMessage(
    {
      ...NO_MESSAGE,
      id,
      response: true,
      questions: [{ ...question, unicast: false }],
      answers: short(answers),
      additionals: short(additionals),
    },
    "not-in-srv",
  );
}
