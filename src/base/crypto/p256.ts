/**
 * The group of P-256 over the noble curves, for every provider: node:crypto
 * multiplies, but shows no more than an x coordinate, and adds nothing.
 */
import { normalizeZ } from "@noble/curves/abstract/curve.js";
import { p256 } from "@noble/curves/nist.js";
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { toHex } from "../bytes.ts";
import type { PointArithmetic } from "./crypto.ts";
import { isScalar, isUncompressed } from "./ec.ts";

type Point = WeierstrassPoint<bigint>;

const { BASE, ZERO } = p256.Point;

/** See {@link PointArithmetic}. */
export const pointArithmetic: PointArithmetic = {
  base: (scalar) => BASE.multiply(numberOf(scalar)).toBytes(false),

  multiply(point, scalar) {
    const factor = numberOf(scalar);
    return pointOf(point)?.multiply(factor).toBytes(false) ?? null;
  },

  add(a, b) {
    const [left, right] = [pointOf(a), pointOf(b)];
    const sum = left === null || right === null ? ZERO : left.add(right);
    return sum.is0() ? null : sum.toBytes(false);
  },

  isSmallMultiple,
};

/** @throws RangeError for what is no scalar in [1, n-1] */
function numberOf(scalar: Uint8Array): bigint {
  if (!isScalar("P-256", scalar)) throw new RangeError("a scalar lies in [1, n-1]");
  return BigInt(`0x${toHex(scalar)}`);
}

/** Null for what is no uncompressed point of the curve; infinity has no such form. */
function pointOf(octets: Uint8Array): Point | null {
  if (!isUncompressed("P-256", octets)) return null;
  try {
    return p256.Point.fromBytes(octets);
  } catch {
    return null;
  }
}

/** Multiples that are written down before the walk begins: half the additions are theirs at 2^16. */
const NEAR = 256;

/**
 * Baby steps and giant steps: with x(i·G) for 1 ≤ i ≤ 256 at hand, which
 * stands for i and -i alike, every step of the walk looks at 513 multiples.
 */
function isSmallMultiple(point: Uint8Array, bound: number): boolean {
  const from = pointOf(point);
  if (from === null) return false;
  const near = new Set(multiples(BASE, NEAR).map(xOf));
  const steps = Math.ceil(Math.max(0, bound - NEAR) / (2 * NEAR + 1));
  const stride = BASE.multiplyUnsafe(BigInt(2 * NEAR + 1));
  const walk = [from, ...walked(from, stride, steps), ...walked(from, stride.negate(), steps)];
  // Infinity, where a step has met j·G itself, cannot be normalized with the others.
  if (walk.some((place) => place.is0())) return true;
  return normalizeZ(p256.Point, walk).some((place) => near.has(xOf(place)));
}

function multiples(point: Point, count: number): Point[] {
  return normalizeZ(p256.Point, [point, ...walked(point, point, count - 1)]);
}

/** `from` + i·stride for 1 ≤ i ≤ steps. */
function walked(from: Point, stride: Point, steps: number): Point[] {
  const places: Point[] = [];
  for (let place = from; places.length < steps;) places.push((place = place.add(stride)));
  return places;
}

/** As text: QuickJS finds text in a set at once, and big numbers one after another. */
function xOf(point: Point): string {
  return point.x.toString(36);
}
