/** A request as callers see it, and as options. */
import { toHex } from "../../base/bytes.ts";
import { type Block, readBlock } from "./block.ts";
import { codeOfMethod, type Method, methodOf } from "./codes.ts";
import { CoapFailure } from "./failure.ts";
import type { Message, Option } from "./message.ts";
import {
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  emptyOption,
  ETAG,
  IF_MATCH,
  IF_NONE_MATCH,
  KnownOptions,
  NO_RESPONSE,
  OBSERVE,
  opaqueOption,
  PROXY_SCHEME,
  PROXY_URI,
  REQUEST_TAG,
  SIZE1,
  SIZE2,
  stringOption,
  uintOption,
  URI_HOST,
  URI_PATH,
  URI_QUERY,
} from "./options.ts";

/** What a GET asks of observation; `deregister` comes from peers only, and is a GET that wants its answer. */
export type ObserveWish = "register" | "deregister";

/** One whole request, its body put together. Bytes borrow from the datagram they came in. */
export interface CoapRequest {
  readonly method: Method;
  /** Segments, none for `/`; none is `.` or `..`. */
  readonly path: readonly string[];
  /** Uri-Query options, usually `name=value`. */
  readonly query: readonly string[];
  /** Uri-Host; null where the peer did not say, which inside DTLS is the rule. */
  readonly host: string | null;
  readonly contentFormat: number | null;
  readonly accept: number | null;
  /** Representations the client has, for a 2.03 Valid; 1 to 8 octets each. */
  readonly etags: readonly Uint8Array[];
  /** The request holds if one of these is the present ETag; an empty one if anything is there at all. */
  readonly ifMatch: readonly Uint8Array[];
  /** The request holds if nothing is there yet. */
  readonly ifNoneMatch: boolean;
  /** Of a GET only. */
  readonly observe: ObserveWish | null;
  /** Empty where there is none. */
  readonly payload: Uint8Array;
}

type Rest = Partial<Omit<CoapRequest, "method" | "path">>;

/** A request with what is not named left out. */
export function coapRequest(method: Method, path: readonly string[], rest: Rest = {}): CoapRequest {
  return {
    method,
    path,
    query: [],
    host: null,
    contentFormat: null,
    accept: null,
    etags: [],
    ifMatch: [],
    ifNoneMatch: false,
    observe: null,
    payload: new Uint8Array(),
    ...rest,
  };
}

/** What a message with a request says beside it: blocks, and which answers are wanted. */
export interface HeardRequest {
  readonly request: CoapRequest;
  readonly block1: Block | null;
  readonly block2: Block | null;
  /** Octets the whole body is said to have. */
  readonly size1: number | null;
  /** Classes 2, 4 and 5 as bits 2, 8 and 16 where no response is wanted (RFC 7967 §2.1). */
  readonly noResponse: number;
  /** The message it came in, for the names below. */
  readonly message: Message;
}

/**
 * Reads a message of code class 0. Its payload is what this one message has.
 *
 * @throws {@link CoapFailure} `unknown-method`, `bad-option`, `no-proxy`, `bad-block`
 */
export function readRequest(message: Message): HeardRequest {
  const method = methodOf(message.code);
  if (method === null) throw new CoapFailure("unknown-method");
  const options = new KnownOptions(message.options, "request");
  if (options.has(PROXY_URI) || options.has(PROXY_SCHEME)) throw new CoapFailure("no-proxy");
  const path = pathOf(options);
  const block1 = readBlock(options.uint(BLOCK1));
  const block2 = readBlock(options.uint(BLOCK2));

  const request: CoapRequest = {
    method,
    path,
    query: options.strings(URI_QUERY),
    host: options.strings(URI_HOST)[0] ?? null,
    contentFormat: options.uint(CONTENT_FORMAT),
    accept: options.uint(ACCEPT),
    etags: options.opaques(ETAG),
    ifMatch: options.opaques(IF_MATCH),
    ifNoneMatch: options.has(IF_NONE_MATCH),
    observe: method === "GET" ? wishOf(options.uint(OBSERVE)) : null,
    payload: message.payload,
  };
  const noResponse = options.uint(NO_RESPONSE) ?? 0;
  const size1 = options.uint(SIZE1);
  return { request, block1, block2, size1, noResponse, message };
}

/** RFC 7252 §5.10.1 forbids the segments that a URI would have resolved. */
function pathOf(options: KnownOptions): readonly string[] {
  const path = options.strings(URI_PATH);
  if (path.includes(".") || path.includes("..")) throw new CoapFailure("bad-option", "option 11");
  // The one empty segment that some write for the root; elsewhere an empty segment is one.
  return path.length === 1 && path[0] === "" ? [] : path;
}

function wishOf(value: number | null): ObserveWish | null {
  if (value === 0) return "register";
  return value === 1 ? "deregister" : null;
}

/** Options of the resource and its representation. */
const TARGET: readonly number[] = [URI_HOST, URI_PATH, URI_QUERY, ACCEPT].map(
  ({ number }) => number,
);
/** Options in which the blocks of one request may differ. */
const PER_BLOCK: readonly number[] = [OBSERVE, BLOCK1, BLOCK2, SIZE1, SIZE2, NO_RESPONSE].map(
  ({ number }) => number,
);

/** Names the resource: equal for requests that differ only in their bodies and blocks. */
export function targetOf({ message }: HeardRequest): string {
  return nameOf(message, (number) => TARGET.includes(number));
}

/** Names the body that is sent: equal for its blocks alone (RFC 7959 §2.5, RFC 9175 §3.3). */
export function bodyOf({ message }: HeardRequest): string {
  return nameOf(message, (number) => !PER_BLOCK.includes(number));
}

/** Names the Request-Tags, which tell bodies for the same resource apart. */
export function tagsOf({ message }: HeardRequest): string {
  return nameOf(message, (number) => number === REQUEST_TAG.number);
}

/** Equal only where the code and these options are. */
function nameOf({ code, options }: Message, belongs: (number: number) => boolean): string {
  const named = options.filter(({ number }) => belongs(number));
  return [`${code}`, ...named.map(({ number, value }) => `${number}:${toHex(value)}`)].join(" ");
}

/** Options of a request without its observation, blocks and payload. @throws RangeError for a value no option can hold. */
export function requestOptions(request: CoapRequest): readonly Option[] {
  const { path, query, host, contentFormat, accept, etags, ifMatch, ifNoneMatch } = request;
  return [
    ...ifMatch.map((etag) => opaqueOption(IF_MATCH, etag)),
    ...(host === null ? [] : [stringOption(URI_HOST, host)]),
    ...etags.map((etag) => opaqueOption(ETAG, etag)),
    ...(ifNoneMatch ? [emptyOption(IF_NONE_MATCH)] : []),
    ...path.map((segment) => stringOption(URI_PATH, segment)),
    ...(contentFormat === null ? [] : [uintOption(CONTENT_FORMAT, contentFormat)]),
    ...query.map((part) => stringOption(URI_QUERY, part)),
    ...(accept === null ? [] : [uintOption(ACCEPT, accept)]),
  ];
}

export function requestCode({ method }: CoapRequest): number {
  return codeOfMethod(method);
}

export function observeOption(wish: ObserveWish): Option {
  return uintOption(OBSERVE, wish === "register" ? 0 : 1);
}
