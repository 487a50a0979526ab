/** What follows from a window: how often a device reports, how long its certificate holds, when it may look for a new home. */
import type { RandomSource } from "../../base/machine.ts";
import { clamp } from "./home.ts";
import { MAX_DAYS } from "./churn.ts";

const HOUR = 3600;
const DAY: number = 24 * HOUR;

/** A device reports eight times in its window, so that some failures do not make it dormant. */
const REPORTS_PER_WINDOW = 8;
const MIN_LIVENESS_SECONDS: number = HOUR;
const MAX_LIVENESS_SECONDS: number = DAY;

/** Devices that were switched on together shall not report together: a tenth more or less. */
const JITTER = 0.1;

/** Reports that fail in a row before a device looks for its home anew. */
const MAX_FAILED_REPORTS = 3;

const MIN_CERTIFICATE_DAYS = 30;
const MAX_CERTIFICATE_DAYS = 90;

/** Bounds of T_rel. The paper's example is a week (its section 4.3). */
export const MIN_RELEASE_DAYS = 7;
export const MAX_RELEASE_DAYS: number = 2 * MAX_DAYS;

/** T_rel of a device that was told none yet: twice the first window, so that no router's outage below it frees a home. */
export const INITIAL_RELEASE_DAYS = 20;

/** Seconds between a device's reports: clamp(t/8, 1 h, 24 h). */
export function livenessSeconds(windowDays: number): number {
  const eighth = (windowDays * DAY) / REPORTS_PER_WINDOW;
  return clamp(eighth, MIN_LIVENESS_SECONDS, MAX_LIVENESS_SECONDS);
}

/** The period with a tenth of it more or less, from two random octets. */
export function jittered(seconds: number, random: RandomSource): number {
  const [high, low] = random(2);
  const fraction = (high! * 256 + low!) / 0xffff;
  return seconds * (1 - JITTER + 2 * JITTER * fraction);
}

/** Whether a device has failed to report so often, in a row, that its home may have another address by now. */
export function looksAnew(failedReports: number): boolean {
  return failedReports >= MAX_FAILED_REPORTS;
}

/** Seconds that a device's certificate holds: max(30 d, 2t), 90 d at most. */
export function certificateSeconds(windowDays: number): number {
  return clamp(2 * windowDays, MIN_CERTIFICATE_DAYS, MAX_CERTIFICATE_DAYS) * DAY;
}

/** T_rel in days: max(7 d, 2t) with t the device's own. */
export function releaseDays(windowDays: number): number {
  return Math.max(MIN_RELEASE_DAYS, 2 * windowDays);
}
