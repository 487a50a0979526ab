/** A response as callers see it, and as options. */
import { utf8 } from "../../base/bytes.ts";
import { type Block, readBlock } from "./block.ts";
import { Code, isResponse } from "./codes.ts";
import type { CoapFailure } from "./failure.ts";
import type { Message, Option } from "./message.ts";
import {
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ETAG,
  KnownOptions,
  LOCATION_PATH,
  LOCATION_QUERY,
  MAX_AGE,
  OBSERVE,
  opaqueOption,
  SIZE1,
  SIZE2,
  stringOption,
  uintOption,
} from "./options.ts";

/** Seconds a response is fresh where it does not say (RFC 7252 §5.10.5). */
export const DEFAULT_MAX_AGE = 60;

/** One whole response, its body put together. */
export interface CoapResponse {
  /** One of {@link Code}, classes 2, 4 and 5; from a peer it may be any of classes 2 to 5. */
  readonly code: number;
  readonly contentFormat: number | null;
  /** Seconds; null is {@link DEFAULT_MAX_AGE}. */
  readonly maxAge: number | null;
  /** 1 to 8 octets. Where null and the body takes several blocks, the endpoint puts one of its own. */
  readonly etag: Uint8Array | null;
  readonly locationPath: readonly string[];
  readonly locationQuery: readonly string[];
  readonly payload: Uint8Array;
}

/** A response with what is not named left out. */
export function coapResponse(
  code: number,
  rest: Partial<Omit<CoapResponse, "code">> = {},
): CoapResponse {
  return {
    code,
    contentFormat: null,
    maxAge: null,
    etag: null,
    locationPath: [],
    locationQuery: [],
    payload: new Uint8Array(),
    ...rest,
  };
}

/** The answer to a request that the endpoint refuses by itself. */
export function failureResponse({ code, diagnostic }: CoapFailure): CoapResponse {
  return coapResponse(code, { payload: utf8(diagnostic) });
}

/** What a message with a response says beside it. */
export interface HeardResponse {
  readonly response: CoapResponse;
  readonly block1: Block | null;
  readonly block2: Block | null;
  /** Octets the whole body is said to have; of a 4.13 the most that a request body may have. */
  readonly size1: number | null;
  readonly size2: number | null;
  /** The order number of a notification, 24 bits; null where this is none. */
  readonly order: number | null;
}

/**
 * Reads a message of a response's code. Its payload is what this one message has.
 *
 * @throws {@link CoapFailure} `bad-option`, `bad-block`: the response cannot be understood.
 */
export function readResponse(message: Message): HeardResponse {
  const options = new KnownOptions(message.options, "response");
  const response: CoapResponse = {
    code: message.code,
    contentFormat: options.uint(CONTENT_FORMAT),
    maxAge: options.uint(MAX_AGE),
    etag: options.opaques(ETAG)[0] ?? null,
    locationPath: options.strings(LOCATION_PATH),
    locationQuery: options.strings(LOCATION_QUERY),
    payload: message.payload,
  };
  return {
    response,
    block1: readBlock(options.uint(BLOCK1)),
    block2: readBlock(options.uint(BLOCK2)),
    size1: options.uint(SIZE1),
    size2: options.uint(SIZE2),
    order: options.uint(OBSERVE),
  };
}

/** Options of a response without its observation and blocks. @throws RangeError for a value no option can hold. */
export function responseOptions(response: CoapResponse): readonly Option[] {
  const { code, contentFormat, maxAge, etag, locationPath, locationQuery } = response;
  if (!isResponse(code) || code === Code.CONTINUE) {
    throw new RangeError(`${code} is no code of a whole response`);
  }
  return [
    ...(etag === null ? [] : [opaqueOption(ETAG, etag)]),
    ...locationPath.map((segment) => stringOption(LOCATION_PATH, segment)),
    ...(contentFormat === null ? [] : [uintOption(CONTENT_FORMAT, contentFormat)]),
    ...(maxAge === null ? [] : [uintOption(MAX_AGE, maxAge)]),
    ...locationQuery.map((part) => stringOption(LOCATION_QUERY, part)),
  ];
}
