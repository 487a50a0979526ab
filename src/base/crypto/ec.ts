/**
 * What every provider decides alike about the NIST curves: which scalars and
 * points have the right form, how a scalar is drawn, and which octets are an
 * ECDSA signature. No curve arithmetic here.
 */
import { concat, hex } from "../bytes.ts";
import { integer, sequence } from "../der-write.ts";
import type { RandomSource } from "../machine.ts";
import type { EcCurve } from "./crypto.ts";

interface CurveForm {
  /** Octets of a scalar and of one coordinate. */
  readonly scalarLength: number;
  /** The group order n (SEC 2 §2.4.2, §2.5.1), big-endian. */
  readonly order: Uint8Array;
}

const FORMS: Readonly<Record<EcCurve, CurveForm>> = {
  "P-256": {
    scalarLength: 32,
    order: hex("ffffffff00000000ffffffffffffffff bce6faada7179e84f3b9cac2fc632551"),
  },
  "P-384": {
    scalarLength: 48,
    order: hex(`ffffffffffffffffffffffffffffffff ffffffffffffffffc7634d81f4372ddf
      581a0db248b0a77aecec196accc52973`),
  },
};

/**
 * Draws a scalar may take. One draw is refused with a chance below 2^-32, so a
 * source that is refused this often is broken (all zeros, all ones).
 */
const MAX_DRAWS = 4;

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** Octets of a scalar or coordinate: 32 or 48. */
export function scalarLength(curve: EcCurve): number {
  return FORMS[curve].scalarLength;
}

/** Whether `scalar` is of the curve's length and in [1, n-1]; time depends on the length only. */
export function isScalar(curve: EcCurve, scalar: Uint8Array): boolean {
  const { order } = FORMS[curve];
  if (scalar.length !== order.length) return false;
  let nonZero = 0;
  let borrow = 0;
  for (let at = order.length - 1; at >= 0; at--) {
    nonZero |= scalar[at]!;
    borrow = ((scalar[at]! - order[at]! - borrow) >> 8) & 1;
  }
  return nonZero !== 0 && borrow === 1;
}

/** Whether `point` has the form of an uncompressed point (SEC 1 §2.3.3); it may still be off the curve. */
export function isUncompressed(curve: EcCurve, point: Uint8Array): boolean {
  return point.length === 1 + 2 * FORMS[curve].scalarLength && point[0] === 4;
}

/**
 * A scalar uniform in [1, n-1] by testing candidates (FIPS 186-5 A.2.2); the
 * first draw that fits is the scalar as it stands.
 *
 * @throws RangeError when the source is broken.
 */
export function drawScalar(curve: EcCurve, random: RandomSource): Uint8Array {
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const candidate = draw(FORMS[curve].scalarLength, random);
    if (isScalar(curve, candidate)) return candidate;
  }
  throw new RangeError("The random source is broken: restart once the system has entropy.");
}

/** A copy of `length` octets from the source. @throws RangeError when it hands out another length. */
export function draw(length: number, random: RandomSource): Uint8Array {
  const bytes = random(length);
  if (bytes.length !== length) {
    throw new RangeError("The random source is broken: it gave octets of another length.");
  }
  return Uint8Array.from(bytes);
}

/**
 * Reads a DER `SEQUENCE { r INTEGER, s INTEGER }` and nothing else: minimal
 * lengths and integers, no octet behind it, both numbers in [1, n-1].
 *
 * @returns r and s at the curve's scalar length one after the other, or null.
 * @see RFC 3279 §2.2.3; X.690 §8.3.2, §10.1
 */
export function ecdsaScalars(curve: EcCurve, signature: Uint8Array): Uint8Array | null {
  // The longest good one has 102 octets inside, so the length is always one octet below 128.
  const longest = 2 * (2 + FORMS[curve].scalarLength + 1);
  const inside = signature.length - 2;
  if (inside > longest || signature[0] !== SEQUENCE || signature[1] !== inside) return null;

  const r = leadingInteger(signature.subarray(2));
  if (r === null) return null;
  const s = leadingInteger(r.rest);
  if (s === null || s.rest.length > 0) return null;

  const scalars = [r, s].map(({ magnitude }) => leftPadded(magnitude, FORMS[curve].scalarLength));
  if (!scalars.every((scalar) => isScalar(curve, scalar))) return null;
  return concat(...scalars);
}

/**
 * The DER signature of r and s, the way back from {@link ecdsaScalars}.
 *
 * @param scalars - r and s at the curve's scalar length, one after the other
 * @returns null for another length, and where one of them is outside [1, n-1]
 */
export function ecdsaSignature(curve: EcCurve, scalars: Uint8Array): Uint8Array | null {
  const length = FORMS[curve].scalarLength;
  if (scalars.length !== 2 * length) return null;
  const pair = [scalars.subarray(0, length), scalars.subarray(length)];
  if (!pair.every((scalar) => isScalar(curve, scalar))) return null;
  return sequence(...pair.map((scalar) => integer(scalar)));
}

interface LeadingInteger {
  readonly magnitude: Uint8Array;
  readonly rest: Uint8Array;
}

function leadingInteger(bytes: Uint8Array): LeadingInteger | null {
  const length = bytes[1];
  if (bytes[0] !== INTEGER || length === undefined || length === 0) return null;
  if (length > bytes.length - 2) return null;
  const content = bytes.subarray(2, 2 + length);
  const first = content[0]!;
  if (first >= 0x80) return null;
  if (first === 0 && length > 1 && content[1]! < 0x80) return null;
  return { magnitude: content.subarray(first === 0 ? 1 : 0), rest: bytes.subarray(2 + length) };
}

/** Longer numbers keep their length and so are no scalar. */
function leftPadded(magnitude: Uint8Array, length: number): Uint8Array {
  return concat(new Uint8Array(Math.max(0, length - magnitude.length)), magnitude);
}
