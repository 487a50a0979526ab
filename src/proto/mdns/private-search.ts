/**
 * Looks for the one we share a key with: a device for its home, a home for a
 * device. It asks for the SRV record of the label that only the other one can
 * answer to, five times over half a minute; beside each question goes one for a
 * label that is nobody's, so that counting questions does not count devices.
 *
 * Everyone on the link hears the label, so anyone can answer to it, and first:
 * each answer is handed out, and the caller stops the search once DTLS has shown
 * who is who. Sent from a port of its own this is a one-shot query (RFC 6762
 * §5.1), whose answer comes whoever else has port 5353 on this machine.
 */
import { formatIpv4, formatIpv6 } from "../../base/address.ts";
import { toBase32 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { earliest, mono, unix } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource, Unix } from "../../base/machine.ts";
import { within } from "./chance.ts";
import { MdnsDiscard } from "./failure.ts";
import type { MdnsDiscardReason } from "./failure.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "./message.ts";
import type { Message } from "./message.ts";
import { DomainName } from "./name.ts";
import {
  CLOCKLESS_LABEL_LENGTH,
  clocklessLabel,
  INTERVAL_SECONDS,
  intervalLabel,
  intervalOf,
  LABEL_LENGTH,
  NONCE_LENGTH,
} from "./private.ts";
import type { Role } from "./private.ts";
import { serviceName } from "./published.ts";
import type { ResourceRecord } from "./record.ts";
import { CLASS_IN, MDNS_PORT, RecordType } from "./wire.ts";
import type { Link, LinkDatagram, LinkSend } from "./wire.ts";

/** Questions are asked so often, each wait twice as long as the one before (RFC 6762 §5.2). */
export const TRANSMISSIONS = 5;
export const FIRST_WAIT_MS = 1000;
/** Before the first question: of the usual, and where the interval has just changed. */
export const START_WITHIN_MS = [20, 120] as const;
export const CHANGE_WITHIN_MS = 2000;
/** A question and its decoy go out within so long, in no order. */
export const DECOY_WITHIN_MS = 250;
/** Answers that are handed out, and the addresses of each. */
export const MAX_FOUND = 4;
export const MAX_FOUND_ADDRESSES = 6;

export interface PrivateSearchConfig {
  readonly crypto: Pick<Crypto, "hmac">;
  readonly random: RandomSource;
  /** K_disc, 32 octets. */
  readonly key: Uint8Array;
  /** Whom to look for. */
  readonly seeks: Role;
  readonly links: readonly Link[];
  /** False where there is nobody to hide among. */
  readonly decoys: boolean;
}

export type PrivateSearchInput =
  | LinkDatagram
  /** `time` is null where it is not known: then only a home can be looked for. */
  | { readonly kind: "start"; readonly time: Unix | null }
  | { readonly kind: "stop" }
  | { readonly kind: "timeout" };

export type PrivateSearchOutput =
  | LinkSend
  /** Whoever answered has the key, or heard the question: DTLS will tell. `addresses` has one at least. */
  | {
      readonly kind: "found";
      readonly interface: string;
      readonly port: number;
      readonly addresses: readonly string[];
    }
  /** Nobody else is waited for. */
  | { readonly kind: "over"; readonly found: number }
  | { readonly kind: "discarded"; readonly reason: MdnsDiscardReason; readonly from: string };

interface Waiting {
  readonly at: Mono;
  readonly link: Link;
  readonly bytes: Uint8Array;
}

interface Target {
  readonly host: DomainName;
  readonly port: number;
  found: boolean;
}

interface Searching {
  readonly clock: { readonly time: Unix; readonly at: Mono } | null;
  /** Names asked for so far: one for each transmission, and without a clock for each link. */
  readonly asked: DomainName[];
  sent: number;
  nextAt: Mono;
  waiting: Waiting[];
  /** What was answered, {@link MAX_FOUND} at most; addresses that did not come along are asked for. */
  readonly targets: Target[];
}

const SERVICE = serviceName("udp");

export class PrivateSearch implements Machine<PrivateSearchInput, PrivateSearchOutput> {
  readonly #config: PrivateSearchConfig;
  #search: Searching | null = null;

  constructor(config: PrivateSearchConfig) {
    this.#config = config;
  }

  get wakeAt(): Mono | null {
    if (this.#search === null) return null;
    return earliest([this.#search.nextAt, ...this.#search.waiting.map(({ at }) => at)]);
  }

  /** @throws RangeError for a key that is none, and for looking for a device without knowing the time. */
  handle(input: PrivateSearchInput, now: Mono): PrivateSearchOutput[] {
    switch (input.kind) {
      case "start":
        this.#start(input.time, now);
        return [];
      case "stop":
        this.#search = null;
        return [];
      case "timeout":
        return this.#search === null ? [] : this.#timeout(this.#search, now);
      case "datagram":
        return this.#search === null ? [] : this.#datagram(input, this.#search, now);
    }
  }

  #start(time: Unix | null, now: Mono): void {
    const { random, seeks } = this.#config;
    if (time === null && seeks === "D") throw new RangeError("a device cannot be sought by nonce");
    // Everyone's labels change at one instant: who asks then would be seen to belong together.
    const changed = time !== null && (time % INTERVAL_SECONDS) * 1000 < CHANGE_WITHIN_MS;
    const nextAt = changed
      ? within(random, now, 0, CHANGE_WITHIN_MS)
      : within(random, now, ...START_WITHIN_MS);
    const clock = time === null ? null : { time, at: now };
    this.#search = { clock, asked: [], sent: 0, nextAt, waiting: [], targets: [] };
  }

  #timeout(search: Searching, now: Mono): PrivateSearchOutput[] {
    if (search.nextAt <= now) {
      if (search.sent === TRANSMISSIONS) {
        this.#search = null;
        return [{ kind: "over", found: search.targets.filter(({ found }) => found).length }];
      }
      this.#ask(search, now);
      search.nextAt = mono(now + FIRST_WAIT_MS * 2 ** search.sent);
      search.sent++;
    }
    const due = search.waiting.filter(({ at }) => at <= now);
    search.waiting = search.waiting.filter(({ at }) => at > now);
    return due.map(({ link, bytes }) => ({ kind: "send", ...link, to: "multicast", bytes }));
  }

  #ask(search: Searching, now: Mono): void {
    const { random, decoys, links } = this.#config;
    const open = search.targets.filter(({ found }) => !found);
    if (search.targets.length > 0) {
      for (const { host } of open) {
        const bytes = addressQuestion(host);
        search.waiting.push(...links.map((link) => ({ at: now, link, bytes })));
      }
      return;
    }
    const at = (): Mono => (decoys ? within(random, now, 0, DECOY_WITHIN_MS) : now);
    const decoyLength = search.clock === null ? CLOCKLESS_LABEL_LENGTH : LABEL_LENGTH;
    const decoy = decoys ? question(nameOf(this.#drawLabel(decoyLength))) : null;
    const common = search.clock === null ? null : this.#nameAt(search.clock, now);
    for (const link of links) {
      // A nonce is answered once, so each link has one of its own.
      const name = common ?? this.#drawClockless();
      if (!search.asked.some((asked) => asked.is(name))) search.asked.push(name);
      search.waiting.push({ at: at(), link, bytes: question(name) });
      if (decoy !== null) search.waiting.push({ at: at(), link, bytes: decoy });
    }
  }

  #nameAt({ time, at }: { readonly time: Unix; readonly at: Mono }, now: Mono): DomainName {
    const { crypto, key, seeks } = this.#config;
    const interval = intervalOf(unix(time + Math.floor((now - at) / 1000)));
    return nameOf(intervalLabel(crypto, key, seeks, interval));
  }

  #drawClockless(): DomainName {
    const { crypto, key, random } = this.#config;
    return nameOf(clocklessLabel(crypto, key, random(NONCE_LENGTH)));
  }

  #drawLabel(length: number): string {
    return toBase32(this.#config.random((length * 5) / 8));
  }

  #datagram(datagram: LinkDatagram, search: Searching, now: Mono): PrivateSearchOutput[] {
    try {
      const message = parseMessage(datagram.bytes);
      if (!message.response) return [];
      if (datagram.port !== MDNS_PORT) throw new MdnsDiscard("foreign-port", 0);
      return this.#response(message, datagram.interface, search, now);
    } catch (failure) {
      if (!(failure instanceof MdnsDiscard)) throw failure;
      return [{ kind: "discarded", reason: failure.reason, from: datagram.from }];
    }
  }

  #response(
    { answers, additionals }: Message,
    interfaceName: string,
    search: Searching,
    now: Mono,
  ): PrivateSearchOutput[] {
    const records = [...answers, ...additionals].filter(
      (record) => record.class === CLASS_IN && record.ttl > 0,
    );
    const before = search.targets.length;
    for (const target of targetsIn(records, search.asked)) takeTarget(search.targets, target);
    const found = search.targets.flatMap((target): PrivateSearchOutput[] => {
      const addresses = addressesOf(target.host, records).slice(0, MAX_FOUND_ADDRESSES);
      if (target.found || addresses.length === 0) return [];
      target.found = true;
      return [{ kind: "found", interface: interfaceName, port: target.port, addresses }];
    });
    if (search.targets.length === before) return found;
    // The label is not asked for again; what came without addresses is, from the first wait on.
    search.waiting = [];
    search.sent = 0;
    search.nextAt = search.targets.every((target) => target.found)
      ? mono(now + FIRST_WAIT_MS)
      : now;
    return [...found, ...this.#timeout(search, now)];
  }
}

const nameOf = (label: string): DomainName => DomainName.of(label, "_homeca._udp.local");

function question(name: DomainName): Uint8Array {
  const asked = { name, type: RecordType.SRV, class: CLASS_IN, unicast: false };
  return encodeMessage({ ...NO_MESSAGE, questions: [asked] });
}

function addressQuestion(name: DomainName): Uint8Array {
  const ask = { name, class: CLASS_IN, unicast: false };
  const questions = [
    { ...ask, type: RecordType.A },
    { ...ask, type: RecordType.AAAA },
  ];
  return encodeMessage({ ...NO_MESSAGE, questions });
}

function targetsIn(records: readonly ResourceRecord[], asked: readonly DomainName[]): Target[] {
  return records.flatMap(({ name, content }) => {
    if (content.kind !== "SRV" || content.port === 0 || !name.isChildOf(SERVICE)) return [];
    if (!asked.some((each) => each.is(name))) return [];
    return [{ host: content.target, port: content.port, found: false }];
  });
}

function takeTarget(targets: Target[], target: Target): void {
  const same = (each: Target): boolean => each.host.is(target.host) && each.port === target.port;
  if (targets.length < MAX_FOUND && !targets.some(same)) targets.push(target);
}

/** The addresses of a host as text, in the order they came, each once. */
export function addressesOf(host: DomainName, records: readonly ResourceRecord[]): string[] {
  const texts = records.flatMap(({ name, content }) => {
    if (!name.is(host)) return [];
    if (content.kind === "A") return [formatIpv4(content.address)];
    return content.kind === "AAAA" ? [formatIpv6(content.address)] : [];
  });
  return [...new Set(texts)];
}
