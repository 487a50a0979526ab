/**
 * The value of Block1 and Block2: which block, whether more follow, how large.
 *
 * @see RFC 7959 §2.2
 */
import { CoapFailure } from "./failure.ts";
import type { Option } from "./message.ts";
import { type OptionDefinition, uintOption } from "./options.ts";

/** Octets of a block, 2 to the power of SZX + 4. */
export type BlockSize = 16 | 32 | 64 | 128 | 256 | 512 | 1024;

export const BLOCK_SIZES: readonly BlockSize[] = [16, 32, 64, 128, 256, 512, 1024];

export interface Block {
  /** Counted in blocks of this size. */
  readonly number: number;
  readonly more: boolean;
  readonly size: BlockSize;
}

/**
 * @param value - The number an option holds; null where there is none.
 * @throws {@link CoapFailure} `bad-block` for SZX 7, which is reserved.
 */
export function readBlock(value: number | null): Block | null {
  if (value === null) return null;
  const size = BLOCK_SIZES[value & 7];
  if (size === undefined) throw new CoapFailure("bad-block", "SZX 7");
  return { number: value >> 4, more: (value & 8) !== 0, size };
}

/** The option, Block1 or Block2. @throws RangeError for a number above 20 bits. */
export function blockOption(definition: OptionDefinition, { number, more, size }: Block): Option {
  const szx = BLOCK_SIZES.indexOf(size);
  return uintOption(definition, number * 16 + (more ? 8 : 0) + szx);
}

/** The offset of a block's first octet in the body. */
export function offsetOf({ number, size }: Block): number {
  return number * size;
}

export function smaller(a: BlockSize, b: BlockSize): BlockSize {
  return a < b ? a : b;
}
