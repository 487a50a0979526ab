/**
 * One request of ours and its response, each in as many blocks as it takes.
 *
 *     upload: block, 2.31, block, ... --last block--> response, whole or its first block
 *     download: block, block, ... --last block--> response
 *
 * @see RFC 7959 §2.4, §2.5, §3; RFC 9175 §3.4
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Mono } from "../../base/machine.ts";
import { type Block, blockOption, type BlockSize, offsetOf, smaller } from "./block.ts";
import { Code, isSuccess } from "./codes.ts";
import type { RequestFailureReason } from "./events.ts";
import { CoapFailure } from "./failure.ts";
import type { Option } from "./message.ts";
import { BLOCK1, BLOCK2, ETAG, opaqueOption, REQUEST_TAG, SIZE1, uintOption } from "./options.ts";
import { type CoapRequest, requestCode, requestOptions } from "./request.ts";
import { Assembly } from "./request-bodies.ts";
import type { CoapResponse, HeardResponse } from "./response.ts";

/** Times a body may turn out to have changed before it is given up. */
export const MAX_RESTARTS = 3;

/** What a message of a transfer has beside its token. */
export interface TransferMessage {
  readonly code: number;
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

/** What is to be done after a response: send the next message, or it is over. */
export type Step =
  | { readonly kind: "next" }
  | { readonly kind: "whole"; readonly response: CoapResponse }
  | { readonly kind: "failed"; readonly reason: RequestFailureReason };

const NEXT: Step = { kind: "next" };

export interface TransferBounds {
  readonly blockSize: BlockSize;
  readonly maxBodyOctets: number;
}

interface Download {
  /** The response as its first block said it. */
  readonly first: CoapResponse;
  readonly assembly: Assembly;
  readonly size: BlockSize;
}

export class Transfer {
  /** When a response has to be there; null while its request is not acknowledged. */
  answerBy: Mono | null = null;
  readonly request: CoapRequest;
  readonly #bounds: TransferBounds;
  /** Tells the blocks of this body from those of any other for the same resource. */
  readonly #tag: Uint8Array;
  /** The size of our blocks; null where the request needs none. */
  #uploadSize: BlockSize | null;
  /** Octets of the request's body that the peer has. */
  #uploaded = 0;
  #download: Download | null = null;
  #restarts = 0;

  constructor(request: CoapRequest, tag: Uint8Array, bounds: TransferBounds) {
    this.request = request;
    this.#tag = tag;
    this.#bounds = bounds;
    this.#uploadSize = request.payload.length > bounds.blockSize ? bounds.blockSize : null;
  }

  /** Whether a body of ours has more blocks than were acknowledged. */
  get #uploading(): boolean {
    return this.#uploadSize !== null && this.#uploaded < this.request.payload.length;
  }

  /** The first message, or the one that goes on. @throws RangeError for a request that no message can hold. */
  message(): TransferMessage {
    const code = requestCode(this.request);
    const options = requestOptions(this.request);
    const tag = opaqueOption(REQUEST_TAG, this.#tag);
    const block = this.#uploading ? this.#block() : null;
    if (block !== null) {
      const { payload } = this.request;
      const size1 = block.number === 0 ? [uintOption(SIZE1, payload.length)] : [];
      const from = offsetOf(block);
      return {
        code,
        options: [...options, blockOption(BLOCK1, block), ...size1, tag],
        payload: payload.subarray(from, from + block.size),
      };
    }
    if (this.#download === null) return { code, options, payload: this.request.payload };

    const { assembly, size } = this.#download;
    const number = assembly.length / size;
    const wanted = blockOption(BLOCK2, { number, more: false, size });
    // A 2.03 would be no block.
    const rest = options.filter((each) => each.number !== ETAG.number);
    // In the second half of such an exchange the Request-Tag still says which body it was.
    const tags = this.#uploadSize === null ? [] : [tag];
    return { code, options: [...rest, wanted, ...tags], payload: new Uint8Array() };
  }

  /** The block of our body that is next. */
  #block(): Block | null {
    const size = this.#uploadSize;
    if (size === null) return null;
    const more = this.#uploaded + size < this.request.payload.length;
    return { number: this.#uploaded / size, more, size };
  }

  /** Takes the response to the last message. */
  answered(heard: HeardResponse): Step {
    const step = this.#uploading ? this.#answeredBlock(heard) : null;
    if (step !== null) return step;
    if (heard.response.code === Code.CONTINUE) return failed("bad-response");
    return this.#downloaded(heard);
  }

  /** Goes on with the body of ours, or null where this is the response to all of it. */
  #answeredBlock({ response, block1 }: HeardResponse): Step | null {
    const sent = this.#block();
    if (sent === null) return null;
    const { code } = response;
    if (code === Code.REQUEST_ENTITY_TOO_LARGE && sent.number === 0 && block1 !== null) {
      if (block1.size >= sent.size) return null;
      this.#uploadSize = block1.size;
      return NEXT;
    }
    // A server may work on each block by itself and say so with M = 0: then more of them follow all the same.
    const acknowledged = isSuccess(code) && block1 !== null && block1.number === sent.number;
    if (!acknowledged && code !== Code.CONTINUE) {
      this.#uploaded = this.request.payload.length;
      return null;
    }
    if (!acknowledged || (code === Code.CONTINUE && !sent.more)) return failed("bad-response");
    this.#uploaded += sent.size;
    this.#uploadSize = smaller(sent.size, block1.size);
    return sent.more ? NEXT : null;
  }

  #downloaded({ response, block2, size2 }: HeardResponse): Step {
    const download = this.#download;
    const isBlock = block2 !== null && (block2.number > 0 || block2.more);
    if (download === null) {
      if (!isBlock) return { kind: "whole", response };
      if (block2.number > 0) return failed("bad-response");
      if ((size2 ?? 0) > this.#bounds.maxBodyOctets) return failed("too-large");
      const assembly = new Assembly(this.#bounds.maxBodyOctets);
      this.#download = { first: response, assembly, size: block2.size };
      return this.#add(block2, response);
    }
    // An error in between, or all of it in one message after all.
    if (!isBlock || !isSuccess(response.code)) return { kind: "whole", response };
    if (!isSameBody(download.first, response)) return this.#restart();
    return this.#add(block2, response);
  }

  #add(block: Block, { payload }: CoapResponse): Step {
    const download = this.#download;
    if (download === null) return failed("bad-response");
    try {
      download.assembly.add(block, payload);
    } catch (failure) {
      if (!(failure instanceof CoapFailure)) throw failure;
      return failed(failure.reason === "too-large" ? "too-large" : "bad-response");
    }
    const { first, assembly } = download;
    if (!block.more) return { kind: "whole", response: { ...first, payload: assembly.whole() } };
    this.#download = { first, assembly, size: smaller(block.size, this.#bounds.blockSize) };
    return NEXT;
  }

  /** What is safe is fetched anew; anything else must not be done twice. */
  #restart(): Step {
    this.#download = null;
    this.#restarts++;
    const again = this.request.method === "GET" && this.#restarts <= MAX_RESTARTS;
    return again ? NEXT : failed("changed");
  }
}

function failed(reason: RequestFailureReason): Step {
  return { kind: "failed", reason };
}

function isSameBody(first: CoapResponse, later: CoapResponse): boolean {
  if (first.code !== later.code || first.contentFormat !== later.contentFormat) return false;
  if (first.etag === null || later.etag === null) return first.etag === later.etag;
  return sameBytes(first.etag, later.etag);
}
