/**
 * The options we know, and reading them: what is unknown or ill-formed is
 * skipped where it is elective and refused where it is critical.
 *
 * @see RFC 7252 §5.4 and §5.10; RFC 7641 §2; RFC 7959 §2.1 and §4; RFC 7967 §2; RFC 9175 §2.2 and §3.2
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { CoapFailure } from "./failure.ts";
import type { Option } from "./message.ts";

type OptionFormat = "empty" | "opaque" | "uint" | "string";
type Direction = "request" | "response";

/** One row of the registry; odd numbers are critical (RFC 7252 §5.4.6). */
export interface OptionDefinition {
  readonly number: number;
  readonly format: OptionFormat;
  /** Octets, first and last allowed length. */
  readonly lengths: readonly [number, number];
  readonly repeatable: boolean;
  readonly in: readonly Direction[];
}

const REQUEST: readonly Direction[] = ["request"];
const RESPONSE: readonly Direction[] = ["response"];
const BOTH: readonly Direction[] = ["request", "response"];

function once(
  number: number,
  format: OptionFormat,
  lengths: readonly [number, number],
  where: readonly Direction[],
): OptionDefinition {
  return { number, format, lengths, repeatable: false, in: where };
}

function repeatable(
  number: number,
  format: OptionFormat,
  lengths: readonly [number, number],
  where: readonly Direction[],
): OptionDefinition {
  return { number, format, lengths, repeatable: true, in: where };
}

export const IF_MATCH: OptionDefinition = repeatable(1, "opaque", [0, 8], REQUEST);
export const URI_HOST: OptionDefinition = once(3, "string", [1, 255], REQUEST);
/** In a response there is one at most; more are skipped, for it is elective. */
export const ETAG: OptionDefinition = repeatable(4, "opaque", [1, 8], BOTH);
export const IF_NONE_MATCH: OptionDefinition = once(5, "empty", [0, 0], REQUEST);
export const OBSERVE: OptionDefinition = once(6, "uint", [0, 3], BOTH);
export const URI_PORT: OptionDefinition = once(7, "uint", [0, 2], REQUEST);
export const LOCATION_PATH: OptionDefinition = repeatable(8, "string", [0, 255], RESPONSE);
export const URI_PATH: OptionDefinition = repeatable(11, "string", [0, 255], REQUEST);
export const CONTENT_FORMAT: OptionDefinition = once(12, "uint", [0, 2], BOTH);
export const MAX_AGE: OptionDefinition = once(14, "uint", [0, 4], RESPONSE);
export const URI_QUERY: OptionDefinition = repeatable(15, "string", [0, 255], REQUEST);
export const ACCEPT: OptionDefinition = once(17, "uint", [0, 2], REQUEST);
export const LOCATION_QUERY: OptionDefinition = repeatable(20, "string", [0, 255], RESPONSE);
export const BLOCK2: OptionDefinition = once(23, "uint", [0, 3], BOTH);
export const BLOCK1: OptionDefinition = once(27, "uint", [0, 3], BOTH);
export const SIZE2: OptionDefinition = once(28, "uint", [0, 4], BOTH);
export const PROXY_URI: OptionDefinition = once(35, "string", [1, 1034], REQUEST);
export const PROXY_SCHEME: OptionDefinition = once(39, "string", [1, 255], REQUEST);
export const SIZE1: OptionDefinition = once(60, "uint", [0, 4], BOTH);
export const ECHO: OptionDefinition = once(252, "opaque", [1, 40], BOTH);
export const NO_RESPONSE: OptionDefinition = once(258, "uint", [0, 1], REQUEST);
export const REQUEST_TAG: OptionDefinition = repeatable(292, "opaque", [0, 8], REQUEST);

const KNOWN: ReadonlyMap<number, OptionDefinition> = new Map(
  [
    IF_MATCH,
    URI_HOST,
    ETAG,
    IF_NONE_MATCH,
    OBSERVE,
    URI_PORT,
    LOCATION_PATH,
    URI_PATH,
    CONTENT_FORMAT,
    MAX_AGE,
    URI_QUERY,
    ACCEPT,
    LOCATION_QUERY,
    BLOCK2,
    BLOCK1,
    SIZE2,
    PROXY_URI,
    PROXY_SCHEME,
    SIZE1,
    ECHO,
    NO_RESPONSE,
    REQUEST_TAG,
  ].map((definition) => [definition.number, definition]),
);

/** Whether an option that is not understood must not be passed over (RFC 7252 §5.4.1). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/** Whether a proxy must not forward what it does not know (RFC 7252 §5.4.2). */
export function isUnsafe(number: number): boolean {
  return (number & 2) === 2;
}

/** Whether the option says nothing about which representation is meant (RFC 7252 §5.4.2). */
export function isNoCacheKey(number: number): boolean {
  return (number & 0x1e) === 0x1c;
}

/** The options of one message that we understand. */
export class KnownOptions {
  readonly #values = new Map<number, Uint8Array[]>();

  /**
   * @throws {@link CoapFailure} `bad-option` for a critical option that is unknown, has a length
   *   outside its range, is no UTF-8 where it is text, or stands more often than it may.
   */
  constructor(options: readonly Option[], direction: Direction) {
    for (const option of options) {
      const { number, value } = option;
      const definition = KNOWN.get(number);
      const values = this.#values.get(number) ?? [];
      const understood =
        definition !== undefined &&
        definition.in.includes(direction) &&
        isWellFormed(definition, value) &&
        (definition.repeatable || values.length === 0);
      if (understood) this.#values.set(number, [...values, value]);
      else if (isCritical(number)) throw new CoapFailure("bad-option", `option ${number}`);
    }
  }

  has({ number }: OptionDefinition): boolean {
    return this.#values.has(number);
  }

  /** The number an option holds, or null where it is absent. */
  uint({ number }: OptionDefinition): number | null {
    const value = this.#values.get(number)?.[0];
    return value === undefined ? null : value.reduce((sum, octet) => sum * 256 + octet, 0);
  }

  /** All values of an option, in wire order, borrowed from the message. */
  opaques({ number }: OptionDefinition): readonly Uint8Array[] {
    return this.#values.get(number) ?? [];
  }

  strings(definition: OptionDefinition): readonly string[] {
    // Only well-formed text was kept.
    return this.opaques(definition).map((value) => fromUtf8(value) ?? "");
  }
}

function isWellFormed({ format, lengths: [least, most] }: OptionDefinition, value: Uint8Array) {
  if (value.length < least || value.length > most) return false;
  return format !== "string" || fromUtf8(value) !== null;
}

/** An option of text. @throws RangeError for a length outside its range: a fault of the caller. */
export function stringOption(definition: OptionDefinition, text: string): Option {
  return opaqueOption(definition, utf8(text));
}

/** @throws RangeError for a length outside its range: a fault of the caller. */
export function opaqueOption(definition: OptionDefinition, value: Uint8Array): Option {
  const { number, lengths } = definition;
  const [least, most] = lengths;
  if (value.length < least || value.length > most) {
    throw new RangeError(`option ${number} cannot have ${value.length} octets`);
  }
  return { number, value };
}

/** A number in the fewest octets, 0 in none (RFC 7252 §3.2). @throws RangeError where it needs more than the option has. */
export function uintOption(definition: OptionDefinition, value: number): Option {
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`${value} is no option value`);
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return opaqueOption(definition, Uint8Array.from(octets));
}

export function emptyOption({ number }: OptionDefinition): Option {
  return { number, value: new Uint8Array() };
}
