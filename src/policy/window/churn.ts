/**
 * How fast a home's devices come and go: a Gamma-Poisson estimate that forgets.
 * It begins with what an average home is taken to be, one event in 180
 * device-days, and believes what it sees the more the more device-days it has
 * seen. Days are days of counted hours, see `home.ts`.
 */

/** Days after which an event, or a device-day, counts half. */
export const HALF_LIFE_DAYS = 30;

/** The prior: two events in 360 device-days (alpha0, beta0). */
export const PRIOR_EVENTS = 2;
export const PRIOR_DEVICE_DAYS = 360;

/** The window of a home that churns as the prior says; the paper's initial value (its section 3.3). */
export const INITIAL_DAYS = 10;

/** Bounds of the window. */
export const MIN_DAYS = 3;
export const MAX_DAYS = 60;

/** Most devices that an estimate counts; a home's registry has fewer. */
export const MAX_DEVICES = 4096;

/** What has been seen, as it counts by now. */
export interface Churn {
  /** K: joins and leaves. */
  readonly events: number;
  /** E: days times active devices. */
  readonly deviceDays: number;
}

/** A home that has seen nothing. */
export const NO_CHURN: Churn = { events: 0, deviceDays: 0 };

/** More device-days than an estimate can reach, {@link MAX_DEVICES} for ever, however it was rounded on the way. */
export const MAX_DEVICE_DAYS: number = Math.ceil((MAX_DEVICES * HALF_LIFE_DAYS) / Math.LN2) + 1;

/** What is left of an observation after so many days: w = 2^(-a/Hl). */
export function weightAfter(days: number): number {
  return 2 ** (-days / HALF_LIFE_DAYS);
}

/**
 * The estimate after `days` with `devices` active: K w and E w + N (Hl/ln 2)(1 - w).
 * Two steps are as good as one of their sum.
 */
export function aged(churn: Churn, days: number, devices: number): Churn {
  const weight = weightAfter(days);
  const added = devices * (HALF_LIFE_DAYS / Math.LN2) * (1 - weight);
  return { events: churn.events * weight, deviceDays: churn.deviceDays * weight + added };
}

/** Events per device-day: rho = (alpha0 + K) / (beta0 + E). */
export function churnRate(churn: Churn): number {
  return (PRIOR_EVENTS + churn.events) / (PRIOR_DEVICE_DAYS + churn.deviceDays);
}

/** Where the window tends to, in days and unbounded: 10 d times the square root of the prior's rate over this home's. */
export function wantedDays(churn: Churn): number {
  return INITIAL_DAYS * Math.sqrt(PRIOR_EVENTS / PRIOR_DEVICE_DAYS / churnRate(churn));
}
