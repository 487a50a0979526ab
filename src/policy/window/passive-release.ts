/**
 * The device's own end of a lost home: after a long search that found nothing
 * it may be paired anew, by whoever holds it in their hands. Time frees no
 * device: it opens a door that proof of presence goes through, so a thief who
 * waits, a jammer or a router on holiday gains nothing (the paper's passive
 * release, section 4.3, as a policy and not as a timer).
 *
 * It counts hours in which the device had power and was looking for its home,
 * and no date: a device without a clock counts as well as any, and nobody can
 * set a clock forward for it.
 */
import { Fields } from "../registry/fields.ts";
import { INITIAL_RELEASE_DAYS, MAX_RELEASE_DAYS, MIN_RELEASE_DAYS } from "./periods.ts";

const HOURS_PER_DAY = 24;

/** Distinct days on which the search must have failed. A day is 24 hours of searching. */
export const MIN_SEARCH_DAYS = 10;

/** Hours that one report may bring. */
export const MAX_SEARCH_HOURS = 24;

/** Where the count stops: nothing changes behind it. */
const MAX_COUNTED_HOURS: number = 2 * MAX_RELEASE_DAYS * HOURS_PER_DAY;
const MAX_COUNTED_DAYS: number = MAX_COUNTED_HOURS / HOURS_PER_DAY + 1;

export interface Search {
  /** T_rel as told in the last authenticated `/h/live`, in days; null is theft-locked: never by time. */
  readonly releaseDays: number | null;
  /** Hours with power, searching, since the home last proved itself. */
  readonly hours: number;
  /** Distinct days among them on which a search failed. */
  readonly failedDays: number;
  /** The number of the last of these days; null before the first. */
  readonly lastFailed: number | null;
}

/** How somebody shows that they have the device in their hands. */
export type PresenceProof = "setup-code" | "button";

/** Whether the device may be paired with a home that is not its own, and if not why. */
export type Pairing =
  | { readonly kind: "open"; readonly by: PresenceProof }
  | { readonly kind: "closed"; readonly reason: PairingReason };
export type PairingReason = "home-not-lost" | "theft-locked" | "nobody-present";

/** The search of a device that has just come to its home and was told no T_rel yet. */
export function newSearch(theftLocked: boolean): Search {
  return foundHome(theftLocked ? null : INITIAL_RELEASE_DAYS);
}

/**
 * The home proved itself: the search begins anew, with the T_rel it told.
 *
 * @param releaseDays - null for a device that its owner has theft-locked. Out of
 *   its bounds it is brought into them: a home's slip must not free a device early.
 */
export function foundHome(releaseDays: number | null): Search {
  return { releaseDays: bounded(releaseDays), hours: 0, failedDays: 0, lastFailed: null };
}

/**
 * Some hours with power in which the device looked for its home.
 *
 * @param failed - whether it searched to the end and found no home; hours without a finished search count as hours alone.
 * @param hours - 0 to {@link MAX_SEARCH_HOURS}, whole. @throws RangeError
 */
export function searched(search: Search, hours: number, failed: boolean): Search {
  if (!Number.isInteger(hours) || hours < 0 || hours > MAX_SEARCH_HOURS) {
    throw new RangeError("a search brings 0 to 24 whole hours");
  }
  const now = Math.min(MAX_COUNTED_HOURS, search.hours + hours);
  const day = Math.floor(now / HOURS_PER_DAY);
  const counts = failed && (search.lastFailed === null || day > search.lastFailed);
  return {
    ...search,
    hours: now,
    failedDays: search.failedDays + (counts ? 1 : 0),
    lastFailed: counts ? day : search.lastFailed,
  };
}

/** Whether the home is lost: T_rel is over and the search failed on ten days. Never of a theft-locked device. */
export function isHomeLost(search: Search): boolean {
  if (search.releaseDays === null) return false;
  const overdue = search.hours >= search.releaseDays * HOURS_PER_DAY;
  return overdue && search.failedDays >= MIN_SEARCH_DAYS;
}

/**
 * Whether a home that is not the device's own may pair with it now. There is no
 * answer that lets it do so without somebody being there.
 *
 * @param presence - what was shown and verified; null for nothing.
 */
export function pairing(search: Search, presence: PresenceProof | null): Pairing {
  if (search.releaseDays === null) return { kind: "closed", reason: "theft-locked" };
  if (!isHomeLost(search)) return { kind: "closed", reason: "home-not-lost" };
  if (presence === null) return { kind: "closed", reason: "nobody-present" };
  return { kind: "open", by: presence };
}

function bounded(releaseDays: number | null): number | null {
  if (releaseDays === null) return null;
  // Written so that what is no number at all becomes the longest.
  if (!(releaseDays <= MAX_RELEASE_DAYS)) return MAX_RELEASE_DAYS;
  return Math.max(MIN_RELEASE_DAYS, releaseDays);
}

/** A search from its JSON. @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds. */
export function parseSearch(json: unknown): Search {
  const fields = new Fields(json, "search");
  const search: Search = {
    releaseDays: fields.nullable("releaseDays", () =>
      fields.real("releaseDays", MIN_RELEASE_DAYS, MAX_RELEASE_DAYS),
    ),
    hours: fields.whole("hours", 0, MAX_COUNTED_HOURS),
    failedDays: fields.whole("failedDays", 0, MAX_COUNTED_DAYS),
    lastFailed: fields.nullable("lastFailed", () =>
      fields.whole("lastFailed", 0, MAX_COUNTED_DAYS),
    ),
  };
  fields.end();
  return search;
}
