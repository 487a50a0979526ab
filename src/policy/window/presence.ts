/**
 * One device's contact with this home, and how long its silence is taken: the
 * home's window, or more for a device that is known to stay away. Hours are
 * counted hours of `home.ts`.
 */
import { Fields } from "../registry/fields.ts";
import { MAX_DAYS, MIN_DAYS } from "./churn.ts";
import { forgivingDays, GRACE_HOURS, HOURS_PER_DAY, MAX_HOURS, observe } from "./home.ts";
import { unobserve } from "./home.ts";
import type { HomeWindow } from "./home.ts";
import { MAX_RELEASE_DAYS, MIN_RELEASE_DAYS, releaseDays } from "./periods.ts";

/** Gaps between contacts that are remembered of one device. */
export const MAX_GAPS = 20;

/** How much longer than its longest gap a device may be away. */
export const GAP_FACTOR = 1.5;

/** A device that comes back so soon after it was given up was given up wrongly. */
export const FALSE_ALARM_HOURS: number = 7 * HOURS_PER_DAY;

/** What a wrongly given up device's longest gap is multiplied by. */
export const FALSE_ALARM_FACTOR = 1.25;

/** Longer gaps say no more: no device waits longer than this. */
const MAX_GAP_HOURS: number = MAX_DAYS * HOURS_PER_DAY;

/** A dormant device is remembered for a year. */
const FORGOTTEN_HOURS: number = 365 * HOURS_PER_DAY;

/** Before the device is free by its own clock, this home has withdrawn its certificate. */
const LEAD_DAYS = 1;

export interface Presence {
  /** The counted hour of the last contact. */
  readonly lastContact: number;
  /** The home's window at the last contact, in days: what the device was told still holds. */
  readonly daysThen: number;
  /** T_rel as told in the last authenticated `/h/live`, in days; null for a device that never releases by time. */
  readonly releaseDays: number | null;
  /** The longest gap of each of the last {@link MAX_GAPS} days with contact, in hours, newest last. */
  readonly gaps: readonly number[];
  /** The hour in which the day of the newest gap began. */
  readonly gapDay: number;
  /** The owner's word, in days, instead of all of it. */
  readonly pinnedDays: number | null;
  /** Not dormant before this hour, whatever the window: the owner shortened it. */
  readonly notBefore: number;
  /** The hour in which the device became dormant; null while it is not. */
  readonly dormantSince: number | null;
}

/** A device and its home: a contact may teach both. */
export interface Met {
  readonly presence: Presence;
  readonly window: HomeWindow;
}

/**
 * A device that makes contact for the first time.
 *
 * @param told - T_rel that it holds, in days: {@link INITIAL_RELEASE_DAYS} where it was told none, null where it never releases by time.
 */
export function firstContact(window: HomeWindow, told: number | null): Presence {
  return {
    lastContact: window.hours,
    daysThen: window.days,
    releaseDays: told,
    gaps: [],
    gapDay: window.hours,
    pinnedDays: null,
    notBefore: 0,
    dormantSince: null,
  };
}

/**
 * A contact: the device proved its key. Out of dormancy within seven days it
 * was a false alarm; the home takes the dormancy back and waits longer for
 * this device from now on.
 */
export function contact(presence: Presence, window: HomeWindow): Met {
  const dormant = dormantHours(presence, window);
  const wrongly = dormant !== null && dormant <= FALSE_ALARM_HOURS;
  const gap = silentHours(presence, window);
  const learnt = wrongly ? FALSE_ALARM_FACTOR * Math.max(gap, longestGap(presence)) : gap;
  return {
    presence: {
      ...withGap(presence, Math.min(MAX_GAP_HOURS, learnt), window.hours),
      lastContact: window.hours,
      daysThen: window.days,
      dormantSince: null,
    },
    window: wrongly ? unobserve(window, dormant) : window,
  };
}

/** The device was told its T_rel, as of {@link releaseDaysFor}, in an authenticated answer. */
export function withRelease(presence: Presence, days: number | null): Presence {
  return { ...presence, releaseDays: days };
}

/** The device was given up: it is dormant, and its home counts that. */
export function fellSilent(presence: Presence, window: HomeWindow): Met {
  return {
    presence: { ...presence, dormantSince: window.hours },
    window: observe(window, "dormancy"),
  };
}

/**
 * The owner sets how long this device's silence is taken, or with null takes
 * that back. However short, the device has a day from now.
 *
 * @param days - 3 to 60. @throws RangeError
 */
export function pinned(presence: Presence, window: HomeWindow, days: number | null): Presence {
  if (days !== null && !(days >= MIN_DAYS && days <= MAX_DAYS)) {
    throw new RangeError("a device is waited for 3 to 60 days");
  }
  return { ...presence, pinnedDays: days, notBefore: window.hours + GRACE_HOURS };
}

/** q_i: the longest gap that is remembered, in hours; 0 before the first. */
export function longestGap(presence: Presence): number {
  return presence.gaps.reduce((most, gap) => Math.max(most, gap), 0);
}

/** Counted hours since the last contact. A record that is ahead of the home's clock is not silent. */
export function silentHours(presence: Presence, window: HomeWindow): number {
  return Math.max(0, window.hours - presence.lastContact);
}

/**
 * t_i: how long this device's silence is taken, in days. What the owner pinned;
 * else min(60 d, max(t, 1.5 q_i)), with t the longest of the last day and of
 * the last contact. Never so long that the device is free by its own clock
 * before this home has withdrawn its certificate.
 */
export function patienceDays(presence: Presence, window: HomeWindow): number {
  const byGaps = (GAP_FACTOR * longestGap(presence)) / HOURS_PER_DAY;
  const byHome = Math.max(forgivingDays(window), presence.daysThen, byGaps);
  const wanted = Math.min(MAX_DAYS, presence.pinnedDays ?? byHome);
  const told = presence.releaseDays;
  return told === null ? wanted : Math.min(wanted, told - LEAD_DAYS);
}

/**
 * T_rel to tell this device now, in days: longer than its own t_i, not the
 * home's alone. Null, which is never, for one that its owner has theft-locked.
 */
export function releaseDaysFor(
  presence: Presence,
  window: HomeWindow,
  theftLock: boolean,
): number | null {
  return theftLock ? null : releaseDays(patienceDays(withRelease(presence, null), window));
}

/** Whether the device has been silent for its window and is to become dormant. */
export function isOverdue(presence: Presence, window: HomeWindow): boolean {
  return presence.dormantSince === null && hoursLeft(presence, window) <= 0;
}

/** Whether a dormant device has been away for so long that its record may go: no certificate of it holds any more. */
export function isLongGone(presence: Presence, window: HomeWindow): boolean {
  const dormant = dormantHours(presence, window);
  return dormant !== null && dormant >= FORGOTTEN_HOURS;
}

/** Counted hours until the device is overdue, if nothing changes; 0 or less once it is. */
export function hoursLeft(presence: Presence, window: HomeWindow): number {
  const patience = patienceDays(presence, window) * HOURS_PER_DAY;
  return Math.max(patience - silentHours(presence, window), presence.notBefore - window.hours);
}

/** Counted hours since the device became dormant; null while it is not. As in {@link silentHours}, never below 0. */
function dormantHours({ dormantSince }: Presence, window: HomeWindow): number | null {
  return dormantSince === null ? null : Math.max(0, window.hours - dormantSince);
}

/** Gaps of one day are one: a device that comes hourly would have forgotten its holidays in a day. */
function withGap(presence: Presence, gap: number, now: number): Presence {
  const { gaps, gapDay } = presence;
  const newest = gaps[gaps.length - 1];
  if (newest !== undefined && now - gapDay < HOURS_PER_DAY) {
    return { ...presence, gaps: [...gaps.slice(0, -1), Math.max(newest, gap)] };
  }
  return { ...presence, gaps: [...gaps, gap].slice(-MAX_GAPS), gapDay: now };
}

/** A presence from its JSON. @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds. */
export function parsePresence(json: unknown): Presence {
  const fields = new Fields(json, "presence");
  const hour = (name: string): number => fields.whole(name, 0, MAX_HOURS);
  const presence: Presence = {
    lastContact: hour("lastContact"),
    daysThen: fields.real("daysThen", MIN_DAYS, MAX_DAYS),
    releaseDays: fields.nullable("releaseDays", () =>
      fields.real("releaseDays", MIN_RELEASE_DAYS, MAX_RELEASE_DAYS),
    ),
    gaps: fields.list("gaps", MAX_GAPS, (value, where) =>
      new Fields({ gap: value }, where).real("gap", 0, MAX_GAP_HOURS),
    ),
    gapDay: hour("gapDay"),
    pinnedDays: fields.nullable("pinnedDays", () => fields.real("pinnedDays", MIN_DAYS, MAX_DAYS)),
    notBefore: fields.whole("notBefore", 0, MAX_HOURS + GRACE_HOURS),
    dormantSince: fields.nullable("dormantSince", () => hour("dormantSince")),
  };
  fields.end();
  return presence;
}
