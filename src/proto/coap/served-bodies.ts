/**
 * Bodies of our responses that are too long for one message, kept while the
 * peer fetches them block by block. The blocks of one body carry one ETag, so
 * that a peer notices when it has become another one.
 *
 * @see RFC 7959 §2.4, §3.3
 */
import { sameBytes } from "../../base/bytes.ts";
import { type Mono, mono, type RandomSource } from "../../base/machine.ts";
import { type Block, blockOption, type BlockSize, offsetOf } from "./block.ts";
import { CoapFailure } from "./failure.ts";
import type { Option } from "./message.ts";
import { BLOCK2, SIZE2, uintOption } from "./options.ts";
import { type HeardRequest, tagsOf, targetOf } from "./request.ts";
import { type CoapResponse, responseOptions } from "./response.ts";

/** Octets of an ETag of our own: two bodies never have the same. */
const ETAG_LENGTH = 8;

interface Served {
  readonly target: string;
  readonly tags: string;
  readonly response: CoapResponse;
  readonly expiresAt: Mono;
  /** Whether its last block has gone out: it makes room before the others. */
  readonly fetched: boolean;
}

export class ServedBodies {
  readonly #maxBodies: number;
  readonly #lifetimeMs: number;
  readonly #random: RandomSource;
  /** The last one used comes last. */
  #bodies: Served[] = [];

  constructor(maxBodies: number, lifetimeMs: number, random: RandomSource) {
    this.#maxBodies = maxBodies;
    this.#lifetimeMs = lifetimeMs;
    this.#random = random;
  }

  get size(): number {
    return this.#bodies.length;
  }

  get wakeAt(): Mono | null {
    const [first] = this.#bodies;
    return first?.expiresAt ?? null;
  }

  /**
   * Keeps a response for the blocks that follow its first, in place of what there
   * was for the same request. The same body again keeps its ETag.
   */
  keep(heard: HeardRequest, response: CoapResponse, now: Mono): CoapResponse {
    const target = targetOf(heard);
    const tags = tagsOf(heard);
    const older = this.#bodies.find((body) => body.target === target && body.tags === tags);
    this.#bodies = this.#bodies.filter((body) => body !== older);
    const etag = response.etag ?? this.#etagOf(older?.response, response);
    const kept = { ...response, etag };
    const expiresAt = mono(now + this.#lifetimeMs);
    if (this.#bodies.length >= this.#maxBodies) this.#makeRoom();
    this.#bodies.push({ target, tags, response: kept, expiresAt, fetched: false });
    return kept;
  }

  #makeRoom(): void {
    const fetched = this.#bodies.findIndex((body) => body.fetched);
    this.#bodies.splice(Math.max(0, fetched), 1);
  }

  /** The response whose further block this request is after, or null. */
  find(heard: HeardRequest, block: Block, now: Mono): CoapResponse | null {
    const target = targetOf(heard);
    const tags = tagsOf(heard);
    const candidates = this.#bodies.filter((body) => body.target === target);
    // Request-Tags belong to the blocks of the request; some peers leave them out of what follows.
    const found = candidates.find((body) => body.tags === tags) ?? candidates.at(-1);
    if (found === undefined) return null;
    this.#bodies = this.#bodies.filter((body) => body !== found);
    const expiresAt = mono(now + this.#lifetimeMs);
    const last = offsetOf(block) + block.size >= found.response.payload.length;
    this.#bodies.push({ ...found, expiresAt, fetched: found.fetched || last });
    return found.response;
  }

  /** What was kept for a request is no longer so. */
  drop(heard: HeardRequest): void {
    const target = targetOf(heard);
    this.#bodies = this.#bodies.filter((body) => body.target !== target);
  }

  expire(now: Mono): void {
    this.#bodies = this.#bodies.filter(({ expiresAt }) => expiresAt > now);
  }

  #etagOf(older: CoapResponse | undefined, response: CoapResponse): Uint8Array {
    const same = older !== undefined && sameBytes(older.payload, response.payload);
    return (same ? older.etag : null) ?? this.#random(ETAG_LENGTH);
  }
}

/**
 * One block of a response.
 *
 * @throws {@link CoapFailure} `bad-block` for one behind the end.
 */
export function responseBlock(
  response: CoapResponse,
  number: number,
  size: BlockSize,
): { readonly options: readonly Option[]; readonly payload: Uint8Array } {
  const { payload } = response;
  const from = offsetOf({ number, size, more: false });
  if (from > 0 && from >= payload.length) throw new CoapFailure("bad-block");
  const block: Block = { number, size, more: from + size < payload.length };
  const options = [...responseOptions(response), blockOption(BLOCK2, block)];
  if (number === 0) options.push(uintOption(SIZE2, payload.length));
  return { options, payload: payload.subarray(from, from + size) };
}
