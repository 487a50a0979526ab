/**
 * Bodies of requests that come in blocks, put together.
 *
 * @see RFC 7959 §2.3, §2.5, §2.9; RFC 9175 §3
 */
import { concat } from "../../base/bytes.ts";
import { type Mono, mono } from "../../base/machine.ts";
import { type Block, type BlockSize, offsetOf, smaller } from "./block.ts";
import { CoapFailure } from "./failure.ts";
import { bodyOf, type HeardRequest } from "./request.ts";

/** Blocks that follow one another, up to a bound. */
export class Assembly {
  readonly #maxOctets: number;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  /** Octets so far: where the next block has to begin. */
  get length(): number {
    return this.#length;
  }

  /**
   * @param payload - Is copied: a few octets must not keep their datagram.
   * @throws {@link CoapFailure} `incomplete` for a block that does not follow, `bad-block` for one
   *   that is not full though more follow, or longer than its size, `too-large`
   */
  add(block: Block, payload: Uint8Array): void {
    if (offsetOf(block) !== this.#length) throw new CoapFailure("incomplete");
    const fits = block.more ? payload.length === block.size : payload.length <= block.size;
    if (!fits) throw new CoapFailure("bad-block");
    if (this.#length + payload.length > this.#maxOctets) throw new CoapFailure("too-large");
    this.#parts.push(payload.slice());
    this.#length += payload.length;
  }

  whole(): Uint8Array {
    return concat(...this.#parts);
  }
}

interface Body {
  readonly assembly: Assembly;
  /** Of the last block that came. */
  readonly at: Mono;
}

export interface BodyLimits {
  readonly maxBodies: number;
  readonly maxBodyOctets: number;
}

/** What became of a block: more are wanted, in this size, or it was the last. */
export type Taken =
  | { readonly kind: "continue"; readonly size: BlockSize }
  | { readonly kind: "whole"; readonly payload: Uint8Array };

export class RequestBodies {
  readonly #limits: BodyLimits;
  readonly #lifetimeMs: number;
  readonly #blockSize: BlockSize;
  /** In the order of their last blocks. */
  readonly #bodies = new Map<string, Body>();

  constructor(limits: BodyLimits, lifetimeMs: number, blockSize: BlockSize) {
    this.#limits = limits;
    this.#lifetimeMs = lifetimeMs;
    this.#blockSize = blockSize;
  }

  /** Bodies that are not whole yet. */
  get size(): number {
    return this.#bodies.size;
  }

  get wakeAt(): Mono | null {
    for (const { at } of this.#bodies.values()) return mono(at + this.#lifetimeMs);
    return null;
  }

  /**
   * Takes one block. The first one begins anew; where there is no room, the body
   * that was left alone longest makes it.
   *
   * @throws {@link CoapFailure} as {@link Assembly.add}; the body is forgotten then.
   */
  take(heard: HeardRequest, block: Block, now: Mono): Taken {
    const { maxBodies, maxBodyOctets } = this.#limits;
    const name = bodyOf(heard);
    const known = this.#bodies.get(name);
    this.#bodies.delete(name);
    if (block.number === 0 && (heard.size1 ?? 0) > maxBodyOctets) {
      throw new CoapFailure("too-large");
    }
    const assembly = block.number === 0 ? new Assembly(maxBodyOctets) : known?.assembly;
    if (assembly === undefined) throw new CoapFailure("incomplete");
    assembly.add(block, heard.request.payload);
    if (!block.more) return { kind: "whole", payload: assembly.whole() };

    for (const oldest of this.#bodies.keys()) {
      if (this.#bodies.size < maxBodies) break;
      this.#bodies.delete(oldest);
    }
    this.#bodies.set(name, { assembly, at: now });
    return { kind: "continue", size: smaller(block.size, this.#blockSize) };
  }

  expire(now: Mono): void {
    for (const [name, { at }] of this.#bodies) {
      if (at + this.#lifetimeMs > now) break;
      this.#bodies.delete(name);
    }
  }
}
