/**
 * What is going to be multicast on one link, and what has been: answers wait
 * there for others to be joined with, and for the known answers of whoever has
 * more of them than fit one datagram.
 */
import { earliest, mono } from "../../base/machine.ts";
import type { Mono } from "../../base/machine.ts";
import type { Published } from "./published.ts";

/** Milliseconds between two multicasts of one record, and where a name is defended (RFC 6762 §6). */
export const REPEAT_MS = 1000;
export const DEFENCE_MS = 250;

/** How long an asker may go on telling what it knows. */
export const MAX_COLLECTING_MS = 2000;

/** Askers with more known answers to come that are waited for; the next ones are answered as if they had none. */
export const MAX_COLLECTING = 16;

interface Wanted {
  readonly published: Published;
  readonly at: Mono;
  readonly spacing: number;
}

interface Collecting {
  readonly at: Mono;
  /** Not put off beyond: who goes on for ever must not keep another's answer from it. */
  readonly last: Mono;
  readonly wanted: Map<string, Published>;
}

/** Bounded by the records there are, and by {@link MAX_COLLECTING}. */
export class AnswerQueue {
  readonly #wanted = new Map<string, Wanted>();
  readonly #collecting = new Map<string, Collecting>();
  readonly #multicast = new Map<string, Mono>();

  get wakeAt(): Mono | null {
    return earliest([...this.#wanted.values(), ...this.#collecting.values()].map(({ at }) => at));
  }

  /** Askers that are waited for. */
  get collecting(): number {
    return this.#collecting.size;
  }

  /** Wants a record to be multicast at a time; the earlier of two wishes holds. */
  want(published: Published, at: Mono, spacing: number = REPEAT_MS): void {
    const there = this.#wanted.get(published.key);
    const due = there !== undefined && there.at < at ? there.at : at;
    const gap = Math.min(spacing, there?.spacing ?? spacing);
    this.#wanted.set(published.key, { published, at: due, spacing: gap });
  }

  /** As `want`, for an asker who will go on telling what it knows. False where there are too many of those. */
  collect(asker: string, answers: readonly Published[], at: Mono, now: Mono): boolean {
    const there = this.#collecting.get(asker);
    if (there === undefined) {
      if (answers.length === 0) return true;
      if (this.#collecting.size >= MAX_COLLECTING) return false;
    }
    const wanted = there?.wanted ?? new Map<string, Published>();
    for (const each of answers) wanted.set(each.key, each);
    const last = there?.last ?? mono(now + MAX_COLLECTING_MS);
    this.#collecting.set(asker, { at: at < last ? at : last, last, wanted });
    return true;
  }

  /** More of what an asker knows already (RFC 6762 §7.2). */
  hear(asker: string, known: ReadonlySet<string>): void {
    const there = this.#collecting.get(asker);
    if (there === undefined) return;
    for (const key of known) there.wanted.delete(key);
    if (there.wanted.size === 0) this.#collecting.delete(asker);
  }

  /** What is due and has not been multicast just now. It counts as multicast. */
  take(now: Mono): Published[] {
    for (const [asker, { at, wanted }] of this.#collecting) {
      if (at > now) continue;
      this.#collecting.delete(asker);
      for (const each of wanted.values()) this.want(each, now);
    }
    const due = [...this.#wanted.values()].filter(({ at }) => at <= now);
    for (const { published } of due) this.#wanted.delete(published.key);
    const fresh = due.filter(({ published, spacing }) => this.isFree(published, now, spacing));
    const taken = fresh.map(({ published }) => published);
    this.noteMulticast(taken, now);
    return taken;
  }

  /** Whether a record may be multicast again. */
  isFree({ key }: Published, now: Mono, spacing: number = REPEAT_MS): boolean {
    const last = this.#multicast.get(key);
    return last === undefined || now - last >= spacing;
  }

  /** When a record may be multicast again, now at the earliest. */
  freeAt({ key }: Published, now: Mono): Mono {
    return mono(Math.max(now, (this.#multicast.get(key) ?? -Infinity) + REPEAT_MS));
  }

  /** Whether everyone on the link can be taken to have a record: multicast within a quarter of its TTL (RFC 6762 §5.4). */
  isWellKnown({ key, record }: Published, now: Mono): boolean {
    const last = this.#multicast.get(key);
    return last !== undefined && now - last < record.ttl * 250;
  }

  noteMulticast(records: readonly Published[], now: Mono): void {
    for (const { key } of records) this.#multicast.set(key, now);
  }
}
