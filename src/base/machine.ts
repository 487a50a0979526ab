/**
 * The one shape of every protocol engine: inputs and the time go in, outputs
 * come out, and nothing else is touched. Which clock a number belongs to is
 * part of its type.
 */

/** Milliseconds on a clock that never steps back: for timers only, never for validity dates ({@link Unix}). */
export type Mono = number & { readonly unit: "mono-ms" };

/** Seconds since 1970-01-01T00:00:00Z without leap seconds: for validity dates only, never for timers. */
export type Unix = number & { readonly unit: "unix-s" };

/** A {@link Mono} reading from a bare number of milliseconds. */
export function mono(milliseconds: number): Mono {
  // The brand exists for the compiler only; this is the one place that applies it.
  return milliseconds as Mono;
}

/** A {@link Unix} time from a bare number of seconds. */
export function unix(seconds: number): Unix {
  // The brand exists for the compiler only; this is the one place that applies it.
  return seconds as Unix;
}

/** The earliest of times, of which some are never. */
export function earliest(times: Iterable<Mono | null>): Mono | null {
  let first: Mono | null = null;
  for (const time of times) if (time !== null && (first === null || time < first)) first = time;
  return first;
}

/** `length` fresh, unpredictable bytes. Pure code has no random source of its own: its caller lends one. */
export type RandomSource = (length: number) => Uint8Array;

/** A protocol engine without socket, clock, timer, file or random source. */
export interface Machine<Input, Output> {
  /** Takes one input, returns all it causes, in the order to carry it out. Never throws for what a peer sent. */
  handle(input: Input, now: Mono): Output[];
  /** When `handle({ kind: "timeout" }, now)` is due at the latest; null while nothing is pending. */
  readonly wakeAt: Mono | null;
}
