/**
 * Concise problem details: what is in the body of an error.
 *
 *     { -1: "Not yet", -2: "The owner has not decided.", "urn:uuid:…": { 1: 7 } }
 *
 * Keys of our own must be a registered number or a URI, with a map behind it
 * (RFC 9290 §3.2), so the code stands under {@link PROBLEM_DETAILS_KEY}.
 *
 * @see RFC 9290 §2
 */
import { CborFailure, parseCbor } from "../../base/cbor.ts";
import type { CborItem } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
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

const TITLE = -1;
const DETAIL = -2;
const CODE = 1;

const MAX_CODE = 65_535;

/** Octets of problem details that are read. */
export const MAX_PROBLEM_OCTETS = 1024;

/** The map in deterministic encoding. @throws RangeError for a code above 65535 */
export function encodeProblem({ title, detail, code }: Problem): Uint8Array {
  if (code !== null && (code < 0 || code > MAX_CODE)) throw new RangeError(`code ${code}`);
  return cbor.map(
    [TITLE, cbor.text(title)],
    [DETAIL, detail === null ? null : cbor.text(detail)],
    [PROBLEM_DETAILS_KEY, code === null ? null : cbor.map([CODE, cbor.integer(code)])],
  );
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

/**
 * Reads title, detail and our own code; what others add beside is passed over
 * (RFC 9290 §2, "MUST be ignored").
 *
 * @returns null for anything else; the response code still says what it says.
 */
export function parseProblem(bytes: Uint8Array): Problem | null {
  try {
    const map = parseCbor(bytes, MAX_PROBLEM_OCTETS).map();
    return {
      title: map.required(TITLE).text(),
      detail: map.optional(DETAIL)?.text() ?? null,
      code: codeOf(map.optional(PROBLEM_DETAILS_KEY)),
    };
  } catch (failure) {
    if (failure instanceof CborFailure) return null;
    throw failure;
  }
}

function codeOf(own: CborItem | null): number | null {
  return own === null ? null : own.map().required(CODE).unsigned(MAX_CODE);
}
