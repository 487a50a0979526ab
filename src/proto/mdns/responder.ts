/**
 * Tells the link that a home is here, while its adoption window is open, and
 * says nothing at any other time.
 *
 *     closed ──open──> probing ──3 probes, nobody objects──> open ──close──> leaving ──1 s──> closed
 *                       ^   │ taken: another label            │
 *                       │   │ simultaneous: 1 s later         │ contradicted, or other addresses
 *                       └───┴─────────────────────────────────┘
 *
 * Each window has a label of its own, drawn anew, and the host of its addresses
 * has the same: nothing links two windows. Names that are not ours are never
 * answered for, so umdns or avahi may run on the same router.
 *
 * Left out: duplicate answer suppression (RFC 6762 §7.4), for who answers in our
 * place first could silence us; reverse mapping, which is the router's own; and
 * direct unicast queries (§5.5), which do not reach a socket bound to the group.
 *
 * @see RFC 6762 §6, §8, §9, §10; RFC 6763
 */
import { toBase32 } from "../../base/bytes.ts";
import { earliest, mono } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { LinkAnswers, MAX_UNICAST_PER_SECOND, response } from "./answering.ts";
import { within } from "./chance.ts";
import { MdnsDiscard } from "./failure.ts";
import type { MdnsDiscardReason } from "./failure.ts";
import { parseMessage } from "./message.ts";
import type { Message } from "./message.ts";
import { contradicts, losesTo, probe } from "./probing.ts";
import { PublishedRecords, serviceRecords } from "./published.ts";
import type { Published, Service } from "./published.ts";
import { PerSecond } from "./rate.ts";
import { linkKey, linksOf, MDNS_PORT } from "./wire.ts";
import type { Link, LinkDatagram, LinkInterface, LinkSend } from "./wire.ts";

/** RFC 6762 §8.1: a wait before the first probe of up to, the time between two, and how many. */
export const PROBE_WAIT_MS = 250;
export const PROBE_COUNT = 3;
/** RFC 6762 §8.2: how long who was earlier in the alphabet waits. */
export const DEFER_MS = 1000;
/** RFC 6762 §8.1: so many conflicts in so long, and each further attempt waits. */
export const MAX_CONFLICTS = 15;
export const CONFLICTS_MS = 10_000;
export const CONFLICT_PAUSE_MS = 5000;
/** RFC 6762 §8.3: announcements, and the time between them. */
export const ANNOUNCE_COUNT = 2;
export const ANNOUNCE_MS = 1000;
/** The goodbye is said twice: one lost datagram must not leave the home in a cache for an hour. */
export const GOODBYE_MS = 1000;

export interface ResponderConfig {
  readonly random: RandomSource;
  /**
   * Whether unicast to port 5353 reaches this machine. False where another
   * responder may be on the host: it would get the answers to our probes
   * (RFC 6762 §15.1), so they are asked for by multicast.
   */
  readonly unicast: boolean;
}

export type ResponderInput =
  | LinkDatagram
  /** A window opens: what is told in it. Open already: what is told from now on. */
  | {
      readonly kind: "open";
      readonly services: readonly Service[];
      readonly interfaces: readonly LinkInterface[];
    }
  /** Other interfaces, or other addresses on them. */
  | { readonly kind: "interfaces"; readonly interfaces: readonly LinkInterface[] }
  | { readonly kind: "close" }
  | { readonly kind: "timeout" };

export type ResponderOutput =
  | LinkSend
  /** The instance is told for the first time, or again after it had to be probed for. */
  | { readonly kind: "announced"; readonly label: string }
  /** The label was taken. */
  | { readonly kind: "renamed"; readonly label: string; readonly taken: string }
  | { readonly kind: "discarded"; readonly reason: MdnsDiscardReason; readonly from: string };

/** What is told under one label, link by link. */
interface Presence {
  readonly label: string;
  readonly services: readonly Service[];
  readonly interfaces: readonly LinkInterface[];
  readonly answers: ReadonlyMap<string, LinkAnswers>;
}

interface Probing {
  readonly kind: "probing";
  readonly presence: Presence;
  /** Under the presence's label or one before it: to be taken back where it is given up. */
  readonly announced: Presence | null;
  readonly sent: number;
  readonly at: Mono;
}

interface Open {
  readonly kind: "open";
  readonly presence: Presence;
  /** Announcements to come. */
  readonly announcements: number;
  readonly at: Mono | null;
}

type State =
  | { readonly kind: "closed" }
  | Probing
  | Open
  | { readonly kind: "leaving"; readonly goodbyes: readonly LinkSend[]; readonly at: Mono };

export class Responder implements Machine<ResponderInput, ResponderOutput> {
  readonly #config: ResponderConfig;
  readonly #unicasts = new PerSecond(MAX_UNICAST_PER_SECOND);
  #state: State = { kind: "closed" };
  /** When the last conflicts were, {@link MAX_CONFLICTS} at most. */
  #conflicts: Mono[] = [];

  constructor(config: ResponderConfig) {
    this.#config = config;
  }

  get wakeAt(): Mono | null {
    const state = this.#state;
    switch (state.kind) {
      case "closed":
        return null;
      case "probing":
      case "leaving":
        return state.at;
      case "open":
        return earliest([
          state.at,
          ...[...state.presence.answers.values()].map(({ wakeAt }) => wakeAt),
        ]);
    }
  }

  /** The label in use or probed for; null while closed. */
  get label(): string | null {
    const state = this.#state;
    return state.kind === "probing" || state.kind === "open" ? state.presence.label : null;
  }

  /** @throws RangeError for services or addresses that cannot be told: a fault of the caller. */
  handle(input: ResponderInput, now: Mono): ResponderOutput[] {
    switch (input.kind) {
      case "open":
        return this.#open(input.services, input.interfaces, now);
      case "interfaces":
        return this.#changeInterfaces(input.interfaces, now);
      case "close":
        return this.#close(now);
      case "timeout":
        return this.#timeout(now);
      case "datagram":
        return this.#datagram(input, now);
    }
  }

  // ---- The window

  #open(
    services: readonly Service[],
    interfaces: readonly LinkInterface[],
    now: Mono,
  ): ResponderOutput[] {
    const label = this.label ?? this.#drawLabel();
    // A window that opens within a second of the last one's end: its goodbye is said once more at once.
    const left = this.#state.kind === "leaving" ? this.#state.goodbyes : [];
    return [...left, ...this.#tell(this.#presence(label, services, interfaces), now)];
  }

  #changeInterfaces(interfaces: readonly LinkInterface[], now: Mono): ResponderOutput[] {
    const state = this.#state;
    if (state.kind !== "probing" && state.kind !== "open") return [];
    const { label, services } = state.presence;
    return this.#tell(this.#presence(label, services, interfaces), now);
  }

  /** Probes for what is to be told from now on, and takes back what is no longer true. */
  #tell(presence: Presence, now: Mono): ResponderOutput[] {
    const before = this.#announced();
    this.#probe(presence, before === null ? null : presence, now);
    if (before === null) return [];
    return goodbye(before, ({ key }, link) => {
      const still = presence.answers.get(linkKey(link));
      return still?.records.all.every((each) => each.key !== key) ?? true;
    });
  }

  #close(now: Mono): ResponderOutput[] {
    const announced = this.#announced();
    if (this.#state.kind === "leaving") return [];
    const goodbyes = announced === null ? [] : goodbye(announced, () => true);
    this.#state =
      goodbyes.length === 0
        ? { kind: "closed" }
        : { kind: "leaving", goodbyes, at: mono(now + GOODBYE_MS) };
    return goodbyes;
  }

  /** What caches on the link may have of us. */
  #announced(): Presence | null {
    const state = this.#state;
    if (state.kind === "probing") return state.announced;
    return state.kind === "open" ? state.presence : null;
  }

  #presence(
    label: string,
    services: readonly Service[],
    interfaces: readonly LinkInterface[],
  ): Presence {
    const answers = new Map<string, LinkAnswers>();
    for (const on of interfaces) {
      const records = new PublishedRecords(serviceRecords(label, label, services, on));
      for (const link of linksOf([on])) {
        const { random } = this.#config;
        answers.set(linkKey(link), new LinkAnswers(link, records, random, this.#unicasts));
      }
    }
    return { label, services, interfaces, answers };
  }

  /** 20 bits: enough for the homes of a street, and nobody's name. */
  #drawLabel(): string {
    return `HomeCA-${toBase32(this.#config.random(3)).slice(0, 4)}`;
  }

  // ---- Time

  #probe(presence: Presence, announced: Presence | null, now: Mono): void {
    const at = within(this.#config.random, now, 0, PROBE_WAIT_MS);
    this.#state = { kind: "probing", presence, announced, sent: 0, at };
  }

  #timeout(now: Mono): ResponderOutput[] {
    const state = this.#state;
    switch (state.kind) {
      case "closed":
        return [];
      case "probing":
        return state.at > now ? [] : this.#nextProbe(state, now);
      case "open":
        return this.#whileOpen(state, now);
      case "leaving":
        if (state.at > now) return [];
        this.#state = { kind: "closed" };
        return [...state.goodbyes];
    }
  }

  #nextProbe(state: Probing, now: Mono): ResponderOutput[] {
    const { presence, sent } = state;
    if (sent === PROBE_COUNT) {
      const open: Open = { kind: "open", presence, announcements: ANNOUNCE_COUNT, at: now };
      this.#state = open;
      return [{ kind: "announced", label: presence.label }, ...this.#whileOpen(open, now)];
    }
    this.#state = { ...state, sent: sent + 1, at: mono(now + PROBE_WAIT_MS) };
    return all(presence).map(({ link, records }): LinkSend => {
      const bytes = probe(records, this.#config.unicast);
      return { kind: "send", ...link, to: "multicast", bytes };
    });
  }

  #whileOpen(state: Open, now: Mono): ResponderOutput[] {
    const { presence, announcements, at } = state;
    if (at !== null && at <= now) {
      const left = announcements - 1;
      this.#state = {
        ...state,
        announcements: left,
        at: left > 0 ? mono(now + ANNOUNCE_MS) : null,
      };
      return all(presence).map((answers) => answers.announce(now));
    }
    return all(presence).flatMap((answers) => answers.due(now));
  }

  // ---- Datagrams

  #datagram(datagram: LinkDatagram, now: Mono): ResponderOutput[] {
    const state = this.#state;
    // Cheapest first: a closed window reads nothing at all.
    if (state.kind !== "probing" && state.kind !== "open") return [];
    const answers = state.presence.answers.get(linkKey(datagram));
    if (answers === undefined) return [];
    try {
      const message = parseMessage(datagram.bytes);
      if (message.response) return this.#response(datagram, message, answers, state, now);
      if (state.kind === "open") return answers.query(datagram, message, now);
      return this.#probeOfOthers(message, answers, state, now);
    } catch (failure) {
      if (!(failure instanceof MdnsDiscard)) throw failure;
      return [{ kind: "discarded", reason: failure.reason, from: datagram.from }];
    }
  }

  #response(
    { port }: LinkDatagram,
    { answers, authorities, additionals }: Message,
    heardBy: LinkAnswers,
    state: Probing | Open,
    now: Mono,
  ): ResponderOutput[] {
    if (port !== MDNS_PORT) throw new MdnsDiscard("foreign-port", 0);
    const ours = recordsFirst(heardBy, state.presence);
    const theirs = [...answers, ...authorities, ...additionals];
    const probing = state.kind === "probing";
    if (theirs.some((record) => contradicts(record, ours, probing))) {
      return this.#conflict(state, now);
    }
    if (probing) return [];
    for (const record of theirs) {
      const own = heardBy.records.find(record);
      if (own !== null && record.ttl * 2 < own.record.ttl) heardBy.restate(own, now);
    }
    return heardBy.due(now);
  }

  #probeOfOthers(
    message: Message,
    heardBy: LinkAnswers,
    state: Probing,
    now: Mono,
  ): ResponderOutput[] {
    if (state.sent > 0 && losesTo(message, recordsFirst(heardBy, state.presence))) {
      this.#state = { ...state, sent: 0, at: mono(now + DEFER_MS) };
    }
    return [];
  }

  /** A name that is only probed for is given up; one that was ours is probed for again (RFC 6762 §8.1, §9). */
  #conflict(state: Probing | Open, now: Mono): ResponderOutput[] {
    this.#conflicts = this.#conflicts.filter((at) => now - at < CONFLICTS_MS);
    if (this.#conflicts.length === MAX_CONFLICTS) this.#conflicts.shift();
    this.#conflicts.push(now);
    if (state.kind === "open") {
      this.#probe(state.presence, state.presence, now);
      this.#pause(now);
      return [];
    }
    const { presence, announced } = state;
    const label = this.#drawLabel();
    const { services, interfaces } = presence;
    this.#probe(this.#presence(label, services, interfaces), null, now);
    this.#pause(now);
    // The records of the name are its new owner's; what pointed to it from shared names was ours.
    const goodbyes = announced === null ? [] : goodbye(announced, ({ shared }) => shared);
    return [...goodbyes, { kind: "renamed", label, taken: presence.label }];
  }

  #pause(now: Mono): void {
    if (this.#conflicts.length < MAX_CONFLICTS || this.#state.kind !== "probing") return;
    this.#state = { ...this.#state, at: mono(now + CONFLICT_PAUSE_MS) };
  }
}

const all = ({ answers }: Presence): LinkAnswers[] => [...answers.values()];

/** What is told on each link, that of one first. */
function recordsFirst(first: LinkAnswers, presence: Presence): PublishedRecords[] {
  const others = all(presence).filter((answers) => answers !== first);
  return [first, ...others].map(({ records }) => records);
}

/** Takes records back on every link (RFC 6762 §10.1). */
function goodbye(presence: Presence, which: (each: Published, link: Link) => boolean): LinkSend[] {
  return all(presence).flatMap(({ link, records }): LinkSend[] => {
    const last = records.all
      .filter((each) => which(each, link))
      .map((each) => ({ ...each, record: { ...each.record, ttl: 0 } }));
    if (last.length === 0) return [];
    return [{ kind: "send", ...link, to: "multicast", bytes: response(last, []) }];
  });
}
