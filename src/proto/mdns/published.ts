/**
 * The records that one link is told of a service: which of them answer a
 * question, and what goes along with them.
 *
 *     _services._dns-sd._udp.local   PTR  _homeca._udp.local              shared
 *     _homeca._udp.local             PTR  LABEL._homeca._udp.local        shared
 *     _lamp._sub._homeca._udp.local  PTR  LABEL._homeca._udp.local        shared
 *     LABEL._homeca._udp.local       SRV  0 0 5684 HOST.local             ours alone
 *                                    TXT                                  ours alone
 *     HOST.local                     A, AAAA                              ours alone
 *
 * @see RFC 6762 §6 (answers), §6.1 (NSEC); RFC 6763 §4, §7.1, §9, §12
 */
import { parseIpv4, parseIpv6 } from "../../base/address.ts";
import { utf8 } from "../../base/bytes.ts";
import type { Question } from "./message.ts";
import { DomainName } from "./name.ts";
import { internet, recordKey, typeOf } from "./record.ts";
import type { RecordContent, ResourceRecord } from "./record.ts";
import { ANY, CLASS_ANY, CLASS_IN, HOST_TTL, OTHER_TTL } from "./wire.ts";
import type { LinkInterface } from "./wire.ts";

/** All a service needs in one datagram, with room for the tunnel it may be in. */
export const MAX_SUBTYPES = 6;
export const MAX_TXT_LENGTH = 160;
/** Addresses of one family that are told. */
export const MAX_ADDRESSES = 3;

export type Transport = "udp" | "tcp";

/** One service of ours. */
export interface Service {
  readonly transport: Transport;
  readonly port: number;
  /** `key=value` texts in the order to send them, {@link MAX_TXT_LENGTH} octets at most; none is sent as one empty string. */
  readonly txt: readonly string[];
  /** What devices are wanted, 1 to 16 of a-z, 0-9 and hyphen each: `lamp` becomes `_lamp._sub._homeca._udp.local`. */
  readonly subtypes: readonly string[];
}

/** A record of ours and what tells it from all others. */
export interface Published {
  readonly record: ResourceRecord;
  readonly key: string;
  /** Others may have records of this name and type too: not probed for, answered late, never flushed. */
  readonly shared: boolean;
}

/** `_homeca._udp.local` or `_homeca._tcp.local`. */
export function serviceName(transport: Transport): DomainName {
  return DomainName.of(`_homeca._${transport}.local`);
}

/** The name to ask for where only a HomeCA that waits for this type of device shall answer. */
export function subtypeName(subtype: string, transport: Transport): DomainName {
  if (!/^[a-z0-9-]{1,16}$/.test(subtype)) throw new RangeError(`subtype ${subtype}`);
  return DomainName.of(`_${subtype}`, `_sub._homeca._${transport}.local`);
}

const SERVICES = DomainName.of("_services._dns-sd._udp.local");

/**
 * What is published for a service instance on one interface.
 *
 * @param label - of the instance; `host` is the first label of the target.
 * @throws RangeError for a service that could not be told in one datagram.
 */
export function serviceRecords(
  label: string,
  host: string,
  services: readonly Service[],
  on: LinkInterface,
): ResourceRecord[] {
  const target = DomainName.of(host, "local");
  const pointers: ResourceRecord[] = [];
  const owned: ResourceRecord[] = [];
  for (const { transport, port, txt, subtypes } of services) {
    const service = serviceName(transport);
    const instance = DomainName.of(label, `_homeca._${transport}.local`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`port ${port}`);
    if (subtypes.length > MAX_SUBTYPES) throw new RangeError(`${subtypes.length} subtypes`);
    pointers.push(pointer(SERVICES, service), pointer(service, instance));
    pointers.push(...subtypes.map((each) => pointer(subtypeName(each, transport), instance)));
    owned.push(...instanceRecords(instance, port, txt, target));
  }
  return [...pointers, ...owned, ...hostRecords(target, on)];
}

/** SRV and TXT of an instance; `txtTtl` is shorter for a name that is gone within the hour. */
export function instanceRecords(
  instance: DomainName,
  port: number,
  txt: readonly string[],
  target: DomainName,
  txtTtl: number = OTHER_TTL,
): ResourceRecord[] {
  const strings = txt.length === 0 ? [new Uint8Array()] : txt.map((text) => utf8(text));
  const length = strings.reduce((sum, string) => sum + 1 + string.length, 0);
  if (length > MAX_TXT_LENGTH) throw new RangeError(`${length} octets of TXT`);
  return [
    internet(instance, HOST_TTL, true, { kind: "SRV", priority: 0, weight: 0, port, target }),
    internet(instance, txtTtl, true, { kind: "TXT", strings }),
  ];
}

/** A and AAAA of a host, the first few of each. */
export function hostRecords(host: DomainName, on: LinkInterface): ResourceRecord[] {
  const address = (kind: "A" | "AAAA", text: string): RecordContent => {
    const octets = kind === "A" ? parseIpv4(text) : parseIpv6(text);
    if (octets === null) throw new RangeError(`not an address: ${text}`);
    return { kind, address: octets };
  };
  return [
    ...on.ipv4.slice(0, MAX_ADDRESSES).map((text) => address("A", text)),
    ...on.ipv6.slice(0, MAX_ADDRESSES).map((text) => address("AAAA", text)),
  ].map((content) => internet(host, HOST_TTL, true, content));
}

function pointer(name: DomainName, target: DomainName): ResourceRecord {
  return internet(name, OTHER_TTL, false, { kind: "PTR", target });
}

/** The records of one link. */
export class PublishedRecords {
  readonly all: readonly Published[];
  /** The names that are ours alone. */
  readonly owned: ReadonlyMap<string, DomainName>;
  readonly #byName = new Map<string, Published[]>();
  /** What an owned name does not have, said with the one record that says so. */
  readonly #nothingElse = new Map<string, Published>();

  constructor(records: readonly ResourceRecord[]) {
    this.all = records.map((record) => published(record));
    const owned = new Map<string, DomainName>();
    for (const each of this.all) {
      const { name } = each.record;
      const there = this.#byName.get(name.key);
      if (there === undefined) this.#byName.set(name.key, [each]);
      else there.push(each);
      if (!each.shared) owned.set(name.key, name);
    }
    this.owned = owned;
    for (const [key, name] of owned)
      this.#nothingElse.set(key, published(nsec(name, this.at(name))));
  }

  /** The records of a name, none for a name that is not ours. */
  at(name: DomainName): readonly Published[] {
    return this.#byName.get(name.key) ?? [];
  }

  /** Our record that another one equals in all but TTL and cache-flush bit; null where there is none. */
  find(record: ResourceRecord): Published | null {
    const candidates = this.at(record.name);
    if (candidates.length === 0) return null;
    const key = recordKey(record);
    return candidates.find((each) => each.key === key) ?? null;
  }

  /** The NSEC record of an owned name; null for any other. */
  nothingElseAt(name: DomainName): Published | null {
    return this.#nothingElse.get(name.key) ?? null;
  }

  /** Whether a record is our own word on what a name does not have. */
  isNothingElse(record: ResourceRecord): boolean {
    return this.nothingElseAt(record.name)?.key === recordKey(record);
  }

  /** The answers to a question: none where the name is not ours, NSEC where it is but has no such record. */
  answers({ name, type, class: number }: Question): readonly Published[] {
    if (number !== CLASS_IN && number !== CLASS_ANY) return [];
    const found = this.at(name).filter(
      ({ record }) => type === ANY || typeOf(record.content) === type,
    );
    if (found.length > 0) return found;
    const nothing = this.nothingElseAt(name);
    return nothing === null ? [] : [nothing];
  }

  /** What the asker is going to ask next: behind PTR the instance, behind SRV the host, beside an address the others (RFC 6763 §12). */
  additionals(answers: readonly Published[]): Published[] {
    const taken = new Set(answers.map(({ key }) => key));
    const more: Published[] = [];
    const add = (each: Published): void => {
      if (taken.has(each.key)) return;
      taken.add(each.key);
      more.push(each);
    };
    for (const { record } of answers) for (const each of this.#behind(record)) add(each);
    // What was added leads on: a PTR to its SRV, that to the host.
    for (const { record } of more) for (const each of this.#behind(record)) add(each);
    return more;
  }

  #behind({ name, content }: ResourceRecord): readonly Published[] {
    switch (content.kind) {
      case "PTR":
        return this.owned.has(content.target.key) ? this.at(content.target) : [];
      case "SRV":
        return this.#addresses(content.target);
      case "A":
      case "AAAA":
        return this.#addresses(name);
      case "TXT":
      case "NSEC":
      case "opaque":
        return [];
    }
  }

  /** All addresses of a host; where one family has none, NSEC says so at once (RFC 6762 §6.2). */
  #addresses(host: DomainName): readonly Published[] {
    const all = this.at(host);
    const kinds = new Set(all.map(({ record }) => record.content.kind));
    const nothing = this.nothingElseAt(host);
    return kinds.size === 2 || nothing === null ? all : [...all, nothing];
  }
}

function published(record: ResourceRecord): Published {
  return { record, key: recordKey(record), shared: !record.flush };
}

/** The bit of NSEC itself stays clear: nobody shall take the record for one of DNSSEC's (RFC 6762 §6.1). */
function nsec(name: DomainName, records: readonly Published[]): ResourceRecord {
  const types = [...new Set(records.map(({ record }) => typeOf(record.content)))].sort(
    (a, b) => a - b,
  );
  const ttl = Math.min(...records.map(({ record }) => record.ttl));
  return internet(name, ttl, true, { kind: "NSEC", next: name, types });
}
