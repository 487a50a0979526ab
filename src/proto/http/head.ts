/**
 * The head of a request: its first line and its fields, and what they say of
 * the body and of the connection. Strict where readers have differed, for there
 * requests were smuggled.
 *
 * @see RFC 9112 §3 (request line), §5 (fields), §6 (body), §11.2 (smuggling); RFC 9110 §7.2 (Host)
 */
import { HttpFailure } from "./failure.ts";

/** Octets of the first line: RFC 9112 §3 recommends 8000, and our paths are short. */
export const MAX_REQUEST_LINE = 2048;
/** Octets of one field, and of all together. */
export const MAX_FIELD_LINE = 4096;
export const MAX_FIELDS_LENGTH = 8192;
export const MAX_FIELDS = 64;

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
// oxlint-disable-next-line no-control-regex -- TAB alone of the control characters may stand in a value (RFC 9110 §5.5)
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PATH = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9\-._~]{1,253})(?::[0-9]{0,5})?$/;

/** Fields that say one thing: twice they would say two. */
const SINGLE: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "expect",
  "host",
  "transfer-encoding",
]);

export interface RequestLine {
  /** As it came: methods are case-sensitive. */
  readonly method: string;
  /** Begins with `/`, percent-encoding as it came. */
  readonly path: string;
  /** What stands behind `?`, or null. */
  readonly query: string | null;
  /** Of version 1. */
  readonly minorVersion: number;
}

/** By name in lower case; the values of a repeated field joined by commas (RFC 9110 §5.3). */
export type Fields = ReadonlyMap<string, string>;

/** What is to be read behind the head. */
export type BodyLength =
  | { readonly kind: "octets"; readonly octets: number }
  | { readonly kind: "chunked" };

/** @throws HttpFailure */
export function parseRequestLine(line: string): RequestLine {
  const [method = "", target = "", version = "", ...more] = line.split(" ");
  if (more.length > 0 || !METHOD.test(method)) throw new HttpFailure("bad-request-line");
  const numbers = /^HTTP\/([0-9])\.([0-9])$/.exec(version);
  if (numbers === null) throw new HttpFailure("bad-request-line");
  if (numbers[1] !== "1") throw new HttpFailure("unsupported-version");
  return { method, ...parseTarget(target), minorVersion: Number(numbers[2]) };
}

/** The origin form, and the absolute form, which every server must take (RFC 9112 §3.2.1, §3.2.2). */
function parseTarget(target: string): Pick<RequestLine, "path" | "query"> {
  let origin = target;
  if (!target.startsWith("/")) {
    const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
    if (absolute === null || !AUTHORITY.test(absolute[1]!)) throw new HttpFailure("bad-target");
    origin = absolute[2]!.startsWith("/") ? absolute[2]! : `/${absolute[2]!}`;
  }
  const mark = origin.indexOf("?");
  const path = mark < 0 ? origin : origin.slice(0, mark);
  const query = mark < 0 ? null : origin.slice(mark + 1);
  if (!PATH.test(path) || (query !== null && !QUERY.test(query))) {
    throw new HttpFailure("bad-target");
  }
  return { path, query };
}

/** Collects the fields of a head, or of a trailer, line by line. */
export class FieldReader {
  readonly fields: Map<string, string> = new Map();
  #count = 0;
  #length = 0;

  /** @throws HttpFailure */
  add(line: string): void {
    this.#length += line.length + 2;
    if (++this.#count > MAX_FIELDS) throw new HttpFailure("too-many-fields");
    if (this.#length > MAX_FIELDS_LENGTH) throw new HttpFailure("fields-too-long");
    const colon = line.indexOf(":");
    // A name with a blank in it is a blank before the colon, or a line folded onto the one before (RFC 9112 §5.1, §5.2).
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = withoutBlanks(line.slice(colon + 1));
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) throw new HttpFailure("bad-field");
    const before = this.fields.get(name);
    if (before !== undefined && SINGLE.has(name)) throw new HttpFailure("repeated-field");
    this.fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
}

function withoutBlanks(text: string): string {
  const isBlank = (at: number): boolean => text[at] === " " || text[at] === "\t";
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start++;
  while (end > start && isBlank(end - 1)) end--;
  return text.slice(start, end);
}

/** Exactly one Host in HTTP/1.1, and a sound one wherever there is one (RFC 9112 §3.2). @throws HttpFailure */
export function checkHost(fields: Fields, { minorVersion }: RequestLine): void {
  const host = fields.get("host");
  if (host === undefined ? minorVersion > 0 : !AUTHORITY.test(host)) {
    throw new HttpFailure("bad-host");
  }
}

/**
 * How long the body is. The one transfer coding is `chunked`, and it never
 * stands beside a length.
 *
 * @throws HttpFailure
 * @see RFC 9112 §6.1 to §6.3
 */
export function bodyLength(
  fields: Fields,
  { minorVersion }: RequestLine,
  maxBytes: number,
): BodyLength {
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  if (coding !== undefined) {
    if (length !== undefined) throw new HttpFailure("two-lengths");
    // In HTTP/1.0 nobody need have read it.
    if (minorVersion === 0 || coding === "") throw new HttpFailure("bad-transfer-coding");
    const codings = coding.toLowerCase().split(",").map(withoutBlanks);
    if (codings.at(-1) !== "chunked" || codings.indexOf("chunked") < codings.length - 1) {
      throw new HttpFailure("bad-transfer-coding");
    }
    if (codings.length > 1) throw new HttpFailure("unknown-transfer-coding");
    return { kind: "chunked" };
  }
  if (length === undefined) return { kind: "octets", octets: 0 };
  if (!/^[0-9]+$/.test(length)) throw new HttpFailure("bad-content-length");
  // More digits than any length taken here has; leading zeros change nothing.
  const octets = length.length > 15 ? Number.POSITIVE_INFINITY : Number(length);
  if (octets > maxBytes) throw new HttpFailure("body-too-long");
  return { kind: "octets", octets };
}

/** Whether the client waits for a word before it sends the body (RFC 9110 §10.1.1). @throws HttpFailure */
export function expectsContinue(fields: Fields, { minorVersion }: RequestLine): boolean {
  const expectation = fields.get("expect");
  if (expectation === undefined) return false;
  if (expectation.toLowerCase() !== "100-continue") throw new HttpFailure("unknown-expectation");
  return minorVersion > 0;
}

/** Whether the connection ends with this request: as the client wishes, and always in HTTP/1.0. */
export function endsConnection(fields: Fields, { minorVersion }: RequestLine): boolean {
  const options = (fields.get("connection") ?? "").toLowerCase().split(",").map(withoutBlanks);
  return minorVersion === 0 || options.includes("close");
}

/** Octets of one chunk's line: its size, and extensions that nobody here reads. */
export const MAX_CHUNK_LINE = 128;

/** The size on a chunk's line. @throws HttpFailure @see RFC 9112 §7.1 */
export function parseChunkSize(line: string): number {
  const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$/.exec(line)?.[1];
  if (size === undefined) throw new HttpFailure("bad-chunk");
  return Number.parseInt(size, 16);
}
