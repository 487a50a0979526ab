/**
 * Whose a name is: what a probe says, and what contradicts us.
 *
 * @see RFC 6762 §8.1, §8.2, §9
 */
import { encodeMessage, NO_MESSAGE, rawContent } from "./message.ts";
import type { Message } from "./message.ts";
import type { PublishedRecords } from "./published.ts";
import { typeOf } from "./record.ts";
import type { ResourceRecord } from "./record.ts";
import { ANY, CLASS_IN } from "./wire.ts";

/** A probe for all names of ours, with what we are going to say of them. `unicast` where answers by unicast reach us (QU). */
export function probe(records: PublishedRecords, unicast: boolean): Uint8Array {
  const questions = [...records.owned.values()].map((name) => ({
    name,
    type: ANY,
    class: CLASS_IN,
    unicast,
  }));
  // The cache-flush bit is for answers: nothing in a query may clear a cache (RFC 6762 §10.2).
  const authorities = records.all
    .filter(({ shared }) => !shared)
    .map(({ record }) => ({ ...record, flush: false }));
  return encodeMessage({ ...NO_MESSAGE, questions, authorities });
}

/**
 * Whether someone who probes for one of our names at the same time goes first.
 * What says the same as one of our own links does is no rival but our own echo.
 *
 * @param ours - by link, the one that the probe came in on first
 */
export function losesTo(probing: Message, ours: readonly PublishedRecords[]): boolean {
  const names = ours[0]?.owned ?? new Map<string, never>();
  for (const name of names.values()) {
    const theirs = probing.authorities.filter((record) => record.name.is(name));
    if (theirs.length === 0) continue;
    const orders = ours.map((records) => {
      const own = records.at(name).map(({ record }) => record);
      return compareSets(own, theirs);
    });
    if (orders[0]! < 0 && !orders.includes(0)) return true;
  }
  return false;
}

/** Below zero where `a` is lexicographically earlier, and so gives way (RFC 6762 §8.2.1). */
export function compareSets(a: readonly ResourceRecord[], b: readonly ResourceRecord[]): number {
  const left = a.map((record) => comparable(record)).sort(compareOctets);
  const right = b.map((record) => comparable(record)).sort(compareOctets);
  for (let at = 0; at < left.length && at < right.length; at++) {
    const order = compareOctets(left[at]!, right[at]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Class without the cache-flush bit, type, contents with their names whole. */
function comparable({ class: number, content }: ResourceRecord): Uint8Array {
  const type = typeOf(content);
  return Uint8Array.of(number >> 8, number & 255, type >> 8, type & 255, ...rawContent(content));
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] !== b[at]) return a[at]! - b[at]!;
  }
  return a.length - b.length;
}

/**
 * Whether a response has a record that cannot be beside ours: one of an owned
 * name that we do not have ourselves, on any link. While we only probe, any such
 * record says that the name is taken (§8.1); once it is ours, one of a type that
 * we have contradicts us (§9).
 *
 * @param ours - by link; a record of any of them is our own echo
 */
export function contradicts(
  record: ResourceRecord,
  ours: readonly PublishedRecords[],
  probing: boolean,
): boolean {
  if (record.class !== CLASS_IN || record.ttl === 0) return false;
  if (!ours.some((records) => records.owned.has(record.name.key))) return false;
  const type = typeOf(record.content);
  let sameType = false;
  for (const records of ours) {
    if (records.find(record) !== null || records.isNothingElse(record)) return false;
    sameType ||= records.at(record.name).some((own) => typeOf(own.record.content) === type);
  }
  return probing || sameType;
}
