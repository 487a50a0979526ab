/**
 * Concise problem details: what is in the body of an error.
 *
 *     { -1: "Not yet", -2: "The owner has not decided.", "urn:uuid:…": { 1: 7 } }
 *
 * Keys of our own must be a registered number or a URI, with a map behind it
 * (RFC 9290 §3.2), so the code stands under {@link PROBLEM_DETAILS_KEY}.
 *
 * @see RFC 9290 §2; RFC 8949 §4.2.1 for the order of keys
 */
import { fromUtf8, Reader, utf8, Writer } from "../../base/bytes.ts";
import { ContentFormat } from "./codes.ts";
import { type CoapResponse, coapResponse } from "./response.ts";

/** Whose details these are. It means nothing but itself (RFC 9562). */
export const PROBLEM_DETAILS_KEY = "urn:uuid:1017a64b-c946-4704-910a-61618d1ab498";

export interface Problem {
  /** The same for every occurrence of this problem. */
  readonly title: string;
  /** Of this occurrence; null where there is nothing to add. */
  readonly detail: string | null;
  /** Tells a device what is wrong, 0 to 65535; null where the response code says it all. */
  readonly code: number | null;
}

const UNSIGNED = 0;
const NEGATIVE = 1;
const TEXT = 3;
const MAP = 5;

/** Argument in the next octet, in the next two. */
const IN_ONE = 24;
const IN_TWO = 25;

const TITLE = -1;
const DETAIL = -2;
const CODE = 1;

/** Octets of problem details that are read. */
export const MAX_PROBLEM_OCTETS = 1024;

/** The map in deterministic encoding. @throws RangeError for a code or a text above 65535 */
export function encodeProblem({ title, detail, code }: Problem): Uint8Array {
  const out = new Writer(64);
  head(out, MAP, 1 + (detail === null ? 0 : 1) + (code === null ? 0 : 1));
  integer(out, TITLE);
  text(out, title);
  if (detail !== null) {
    integer(out, DETAIL);
    text(out, detail);
  }
  if (code !== null) {
    text(out, PROBLEM_DETAILS_KEY);
    head(out, MAP, 1);
    integer(out, CODE);
    integer(out, code);
  }
  return out.bytes();
}

/** An error with its reason in the body. */
export function problemResponse(
  code: number,
  problem: Problem,
  maxAge: number | null = null,
): CoapResponse {
  const contentFormat = ContentFormat.CONCISE_PROBLEM_DETAILS;
  return coapResponse(code, { contentFormat, maxAge, payload: encodeProblem(problem) });
}

function head(out: Writer, major: number, argument: number): void {
  const first = major << 5;
  if (argument < IN_ONE) out.u8(first | argument);
  else if (argument < 0x100) out.u8(first | IN_ONE).u8(argument);
  else out.u8(first | IN_TWO).u16(argument);
}

function integer(out: Writer, value: number): void {
  if (value < 0) head(out, NEGATIVE, -1 - value);
  else head(out, UNSIGNED, value);
}

function text(out: Writer, value: string): void {
  const bytes = utf8(value);
  head(out, TEXT, bytes.length);
  out.raw(bytes);
}

/**
 * Reads what {@link encodeProblem} writes, and nothing else: details of others have other shapes.
 *
 * @returns null for anything else; the response code still says what it says.
 */
export function parseProblem(bytes: Uint8Array): Problem | null {
  if (bytes.length > MAX_PROBLEM_OCTETS) return null;
  try {
    return readProblem(new Reader(bytes, () => new UnknownShape()));
  } catch (failure) {
    if (failure instanceof UnknownShape) return null;
    throw failure;
  }
}

/** Stays in this file: to a caller it is a null. */
class UnknownShape extends Error {
  override readonly name = "UnknownShape";
}

function readProblem(reader: Reader): Problem {
  let left = argumentOf(reader, MAP) - 1;
  if (argumentOf(reader, NEGATIVE) !== -1 - TITLE) throw new UnknownShape();
  const title = textOf(reader);
  let detail: string | null = null;
  let code: number | null = null;
  if (left > 0) {
    const { major, argument } = headOf(reader);
    if (major === NEGATIVE && argument === -1 - DETAIL) {
      detail = textOf(reader);
      left--;
      if (left > 0) code = codeOf(reader, argumentOf(reader, TEXT));
    } else if (major === TEXT) code = codeOf(reader, argument);
    else throw new UnknownShape();
  }
  if (left > 1 || reader.remaining > 0) throw new UnknownShape();
  return { title, detail, code };
}

/** The map under our key, whose length has been read. */
function codeOf(reader: Reader, keyLength: number): number {
  const isOurs = fromUtf8(reader.take(keyLength)) === PROBLEM_DETAILS_KEY;
  if (!isOurs || argumentOf(reader, MAP) !== 1 || argumentOf(reader, UNSIGNED) !== CODE) {
    throw new UnknownShape();
  }
  return argumentOf(reader, UNSIGNED);
}

function textOf(reader: Reader): string {
  const value = fromUtf8(reader.take(argumentOf(reader, TEXT)));
  if (value === null) throw new UnknownShape();
  return value;
}

function argumentOf(reader: Reader, major: number): number {
  const head = headOf(reader);
  if (head.major !== major) throw new UnknownShape();
  return head.argument;
}

/** In the fewest octets alone, as deterministic encoding has it. */
function headOf(reader: Reader): { readonly major: number; readonly argument: number } {
  const first = reader.u8();
  const major = first >> 5;
  const short = first & 31;
  if (short < IN_ONE) return { major, argument: short };
  const argument = short === IN_ONE ? reader.u8() : short === IN_TWO ? reader.u16() : 0;
  if (argument < (short === IN_ONE ? IN_ONE : 0x100)) throw new UnknownShape();
  return { major, argument };
}
