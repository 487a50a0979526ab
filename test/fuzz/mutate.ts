/** Ways to spoil what was honest, each chosen by a seeded die: a case is its seed and its number, nothing else. */
import { concat, Writer } from "../../src/base/bytes.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import type { Attribute } from "../../src/proto/radius/packet.ts";
import { seeded } from "../kit/random.ts";

export class Die {
  readonly #random: RandomSource;

  constructor(seed: string) {
    this.#random = seeded(seed);
  }

  /** 0 to `sides` - 1. */
  below(sides: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#random(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % sides;
  }

  /** True in so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    // Callers have something to choose from.
    return choices[this.below(choices.length)]!;
  }

  bytes(length: number): Uint8Array {
    return this.#random(length);
  }
}

/** One fault in a string of octets. */
export function spoilBytes(bytes: Uint8Array, die: Die): Uint8Array {
  if (bytes.length === 0) return die.bytes(1 + die.below(32));
  const at = die.below(bytes.length);
  const run = 1 + die.below(Math.min(32, bytes.length - at));
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + run)];
  switch (die.below(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concat(bytes, die.bytes(1 + die.below(64)));
    case 2:
      return concat(before, after);
    case 3:
      return concat(before, bytes.subarray(at, at + run), bytes.subarray(at));
    case 4:
      return concat(before, die.bytes(run), after);
    case 5: {
      const edges = [0x00, 0x01, 0x7f, 0x80, 0xff];
      return concat(before, new Uint8Array(run).fill(die.pick(edges)), after);
    }
    default: {
      const spoilt = bytes.slice();
      for (let flips = 1 + die.below(4); flips > 0; flips--) {
        const octet = die.below(spoilt.length);
        spoilt[octet] = spoilt[octet]! ^ (1 << die.below(8));
      }
      return spoilt;
    }
  }
}

/** One fault in an EAP packet whose Length, mostly, is right again afterwards. */
export function spoilEap(packet: Uint8Array, die: Die): Uint8Array {
  const spoilt = packet.slice();
  switch (die.below(6)) {
    case 0:
      // Code, Identifier, Length, Type: the four fields of the header.
      spoilt[die.below(5)] = die.below(256);
      return spoilt;
    case 1:
      // The flags of a TLS method, and what would be the total length.
      if (spoilt.length > 5) spoilt[5] = die.below(256);
      return spoilt;
    case 2:
      return withTotalLength(spoilt, die);
    default:
      return withLength(concat(spoilt.subarray(0, 5), spoilBytes(spoilt.subarray(5), die)));
  }
}

function withTotalLength(packet: Uint8Array, die: Die): Uint8Array {
  if (packet.length < 6) return packet;
  const claimed = die.pick([0, 1, packet.length - 6, 0xffff, 0x10000, 0x10001, 0xffffffff]);
  const flags = packet[5]! | 0x80 | (die.chance(50) ? 0x40 : 0);
  const head = new Writer().raw(packet.subarray(0, 5)).u8(flags).u32(claimed);
  return withLength(head.raw(packet.subarray(6)).bytes());
}

function withLength(packet: Uint8Array): Uint8Array {
  const spoilt = packet.slice();
  if (spoilt.length >= 4) {
    spoilt[2] = spoilt.length >> 8;
    spoilt[3] = spoilt.length & 0xff;
  }
  return spoilt;
}

/** Faults in the list of attributes: twice, gone, moved, other types and lengths. At most 4096 octets come of it. */
export function spoilAttributes(attributes: readonly Attribute[], die: Die): readonly Attribute[] {
  let spoilt = [...attributes];
  for (let faults = 1 + die.below(3); faults > 0 && spoilt.length > 0; faults--) {
    const at = die.below(spoilt.length);
    const one = spoilt[at]!;
    switch (die.below(6)) {
      case 0:
        spoilt.splice(at, 0, one);
        break;
      case 1:
        spoilt.splice(at, 1);
        break;
      case 2:
        spoilt.splice(die.below(spoilt.length), 0, ...spoilt.splice(at, 1));
        break;
      case 3:
        spoilt[at] = { type: one.type, value: spoilBytes(one.value, die).slice(0, 253) };
        break;
      case 4:
        spoilt[at] = { type: 1 + die.below(255), value: one.value };
        break;
      default:
        spoilt.splice(at, 0, { type: 1 + die.below(255), value: die.bytes(1 + die.below(253)) });
    }
  }
  // An attribute has a value: an empty one is for the cases that spoil octets.
  spoilt = spoilt.map(({ type, value }) => {
    return { type, value: value.length === 0 ? Uint8Array.of(0) : value };
  });
  let room = 4000;
  return spoilt.filter(({ value }) => (room -= value.length + 2) >= 0);
}
