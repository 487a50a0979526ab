/**
 * What a device does with the revocation lists of its home: only a newer one
 * takes the place of the one it holds, and who withholds the newest gains
 * nothing by it, for with an old one the device lets others do less and less.
 */
import type { Unix } from "../../base/machine.ts";
import { Fields } from "../registry/fields.ts";
import type { Method } from "./aif.ts";

/** How long after nextUpdate others may still read: by then a certificate of 30 days has ended too. */
export const HARD_AGE_SECONDS: number = 30 * 86_400;

/** Of a list that this home signed. Lists are numbered by the second of their issue, and always upwards (RFC 5280 §5.2.3). */
export interface ListHeld {
  readonly number: number;
  /** Not to be relied on after this second. */
  readonly nextUpdate: Unix;
}

const MAX_LIST_NUMBER = 2 ** 48 - 1;

/** What becomes of a list that is offered. */
export type Taking = "taken" | "same" | "older";

/** Whether a verified list takes the place of the one held. One of the same number is the same list, or a lie. */
export function takes(held: ListHeld | null, offered: ListHeld): Taking {
  if (held === null || offered.number > held.number) return "taken";
  return offered.number === held.number ? "same" : "older";
}

/**
 * - `current`: up to nextUpdate.
 * - `stale`: later, or where the time is not known.
 * - `useless`: {@link HARD_AGE_SECONDS} later, or there is no list.
 */
export type Freshness = "current" | "stale" | "useless";

/** @param now - the later of the device's clock and the newest time its home has proved, or that nobody knows the time */
export function freshness(held: ListHeld | null, now: Unix | "unknown"): Freshness {
  if (held === null) return "useless";
  if (now === "unknown") return "stale";
  if (now <= held.nextUpdate) return "current";
  return now <= held.nextUpdate + HARD_AGE_SECONDS ? "stale" : "useless";
}

/**
 * Whether others may use a method at all, whatever their rights: with a stale
 * list they read and change nothing, without one they do neither. The home
 * itself is not asked for here: a device always talks to its home.
 */
export function stillServed(list: Freshness, method: Method): boolean {
  switch (list) {
    case "current":
      return true;
    case "stale":
      return READS[method];
    case "useless":
      return false;
  }
}

/** The methods that change nothing (RFC 7252 §5.8.1, RFC 8132 §2.1). */
const READS: Readonly<Record<Method, boolean>> = {
  GET: true,
  POST: false,
  PUT: false,
  DELETE: false,
  FETCH: true,
  PATCH: false,
  iPATCH: false,
};

/** From the device's own JSON. @throws RegistryFailure `bad-form` */
export function parseListHeld(json: unknown): ListHeld {
  const fields = new Fields(json, "revocation list");
  const held = {
    number: fields.whole("number", 1, MAX_LIST_NUMBER),
    nextUpdate: fields.time("nextUpdate"),
  };
  fields.end();
  return held;
}
