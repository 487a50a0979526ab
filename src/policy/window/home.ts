/**
 * The window t: how long a device may stay silent before its certificate is
 * withdrawn. It follows how fast this home's devices come and go, slowly and
 * between bounds, so that one busy afternoon makes nobody dormant.
 *
 * Time is counted in hours that this home has lived through: running, with a
 * clock that can be believed and its radio on. A power cut of two weeks, a
 * restored backup or a clock that jumped age nobody.
 *
 * @see the paper, section 3.3: ten days at first, adapted to the rate at which devices come and go
 */
import { Fields } from "../registry/fields.ts";
import { aged, INITIAL_DAYS, MAX_DAYS, MAX_DEVICE_DAYS, MAX_DEVICES, MIN_DAYS } from "./churn.ts";
import { NO_CHURN, wantedDays, weightAfter } from "./churn.ts";
import type { Churn } from "./churn.ts";

export const HOURS_PER_DAY = 24;

/** How much the window may grow or shrink in a day: a tenth of itself. */
export const MAX_GROWTH_PER_DAY = 1.1;
export const MAX_SHRINKAGE_PER_DAY = 0.9;

/** Hours for which a longer window still holds after it has shrunk. */
export const GRACE_HOURS = 24;

/** Hours that one tick may bring; who slept longer did not run. */
export const MAX_TICK_HOURS = 24;

/** Events that count at once; many more in a month than a home has devices. */
export const MAX_EVENTS = 65_536;

/** Hours that are counted at most: five hundred years. */
export const MAX_HOURS = 4_383_000;

/** What counts as a device coming or going, and for how much. */
export const CHURN_EVENTS = { adoption: 1, release: 1, dormancy: 1, removal: 1 } as const;
export type ChurnEvent = keyof typeof CHURN_EVENTS;

export interface HomeWindow {
  /** Counted since the home began. */
  readonly hours: number;
  readonly churn: Churn;
  /** t, from {@link MIN_DAYS} to {@link MAX_DAYS}. */
  readonly days: number;
  /** Windows that were longer less than {@link GRACE_HOURS} ago, the longest first. */
  readonly longer: readonly PastWindow[];
}

/** A window that this home had. */
export interface PastWindow {
  /** The hour in which it shrank. */
  readonly until: number;
  readonly days: number;
}

/** A home that has just begun: its window is ten days exactly. */
export const NEW_HOME: HomeWindow = { hours: 0, churn: NO_CHURN, days: INITIAL_DAYS, longer: [] };

/** What an hour was like. */
export interface HourAtHome {
  /** Whether the clock was believed throughout. */
  readonly clockKnown: boolean;
  /** Whether devices could have reached us: radio, bridge and RADIUS. */
  readonly reachable: boolean;
  /** Devices in state `active`. */
  readonly devices: number;
}

/** The window after a device came or went. Where it leads is seen at the next tick. */
export function observe(window: HomeWindow, event: ChurnEvent): HomeWindow {
  const events = Math.min(MAX_EVENTS, window.churn.events + CHURN_EVENTS[event]);
  return { ...window, churn: { ...window.churn, events } };
}

/** Takes a dormancy back that was counted `hoursAgo`: what is left of it by now, and nothing below zero. */
export function unobserve(window: HomeWindow, hoursAgo: number): HomeWindow {
  const left = weightAfter(hoursAgo / HOURS_PER_DAY);
  const events = Math.max(0, window.churn.events - left);
  return { ...window, churn: { ...window.churn, events } };
}

/**
 * The window after some hours. Hours in which a device could not have been
 * seen, or nobody knew the time, are not counted.
 *
 * @param hours - 1 to {@link MAX_TICK_HOURS}, whole. @throws RangeError
 */
export function tick(window: HomeWindow, hours: number, home: HourAtHome): HomeWindow {
  if (!Number.isInteger(hours) || hours < 1 || hours > MAX_TICK_HOURS) {
    throw new RangeError("a tick is 1 to 24 whole hours");
  }
  if (!home.clockKnown || !home.reachable || window.hours + hours > MAX_HOURS) return window;
  const elapsed = hours / HOURS_PER_DAY;
  const churn = aged(window.churn, elapsed, Math.min(MAX_DEVICES, Math.max(0, home.devices)));
  const days = slewed(window.days, wantedDays(churn), elapsed);
  const now = window.hours + hours;
  return { hours: now, churn, days, longer: stillLonger(window, days, now) };
}

/** From `days` towards `wanted`, a tenth of itself in a day at most, within the bounds. */
export function slewed(days: number, wanted: number, elapsedDays: number): number {
  const most = days * MAX_GROWTH_PER_DAY ** elapsedDays;
  const least = days * MAX_SHRINKAGE_PER_DAY ** elapsedDays;
  return clamp(clamp(wanted, least, most), MIN_DAYS, MAX_DAYS);
}

/**
 * The window that silence is measured by: the longest of the last day. So a
 * device that a shrinking window leaves behind has a day more.
 */
export function forgivingDays(window: HomeWindow): number {
  return window.longer.reduce((most, { days }) => Math.max(most, days), window.days);
}

/** A window counts as long as it was the longest of a day: shorter ones before it cannot matter any more. */
function stillLonger(before: HomeWindow, days: number, now: number): readonly PastWindow[] {
  const past = [...before.longer, { until: now, days: before.days }];
  return past.filter(
    (one, at) =>
      one.days > days &&
      now - one.until < GRACE_HOURS &&
      past.slice(at + 1).every((later) => later.days < one.days),
  );
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** A window from its JSON. @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds. */
export function parseHomeWindow(json: unknown): HomeWindow {
  const fields = new Fields(json, "window");
  const hours = fields.whole("hours", 0, MAX_HOURS);
  const window: HomeWindow = {
    hours,
    churn: parseChurn(fields.raw("churn")),
    days: fields.real("days", MIN_DAYS, MAX_DAYS),
    longer: fields.list("longer", GRACE_HOURS, (value, where) => parsePast(value, where, hours)),
  };
  fields.end();
  return window;
}

function parseChurn(json: unknown): Churn {
  const fields = new Fields(json, "churn");
  const churn = {
    events: fields.real("events", 0, MAX_EVENTS),
    deviceDays: fields.real("deviceDays", 0, MAX_DEVICE_DAYS),
  };
  fields.end();
  return churn;
}

function parsePast(json: unknown, where: string, hours: number): PastWindow {
  const fields = new Fields(json, where);
  const past = {
    until: fields.whole("until", 0, hours),
    days: fields.real("days", MIN_DAYS, MAX_DAYS),
  };
  fields.end();
  return past;
}
