/**
 * Arithmetic of scalars of P-256, big-endian octets in and out, modulo the
 * group order n. BigInt takes a time that depends on the numbers: these serve
 * a handful of operations in a device's life, never one per message.
 */
import { hex } from "../bytes.ts";
import { requireLength } from "./lengths.ts";

/** Octets of a scalar. */
export const SCALAR_LENGTH = 32;

/**
 * Octets that are reduced to one scalar: 128 bits more than n has, so that no
 * scalar is likelier than another by more than 2^-128.
 * @see RFC 9380 §5 (L for P-256)
 */
export const WIDE_LENGTH = 48;

/** The group order n (SEC 2 §2.4.2). */
const ORDER = numberOf(hex("ffffffff00000000ffffffffffffffff bce6faada7179e84f3b9cac2fc632551"));

/**
 * Octets of a hash or a key derivation as a scalar: their number modulo n.
 *
 * @param wide - {@link WIDE_LENGTH} octets
 * @returns 32 octets, in [0, n-1]: zero is possible, however unlikely.
 * @throws RangeError for another length
 */
export function reduceWide(wide: Uint8Array): Uint8Array {
  requireLength("a number to reduce", wide, WIDE_LENGTH);
  return octetsOf(numberOf(wide) % ORDER);
}

/**
 * factor·scalar + addend mod n.
 *
 * @param factor - 32 octets each; a number from n on is taken modulo n.
 * @returns 32 octets, in [0, n-1]: the sum may well be zero, which is no key.
 * @throws RangeError for another length
 */
export function multiplyAdd(
  factor: Uint8Array,
  scalar: Uint8Array,
  addend: Uint8Array,
): Uint8Array {
  for (const number of [factor, scalar, addend]) {
    requireLength("a scalar", number, SCALAR_LENGTH);
  }
  return octetsOf((numberOf(factor) * numberOf(scalar) + numberOf(addend)) % ORDER);
}

/** Whether the octets are a private key: a number in [1, n-1]. */
export function isScalar(octets: Uint8Array): boolean {
  requireLength("a scalar", octets, SCALAR_LENGTH);
  const number = numberOf(octets);
  return number > 0n && number < ORDER;
}

/** Whether the scalar is 0, 1 or n-1, which change no key but for its sign, or end it. */
export function isTrivialScalar(scalar: Uint8Array): boolean {
  requireLength("a scalar", scalar, SCALAR_LENGTH);
  const number = numberOf(scalar) % ORDER;
  return number <= 1n || number === ORDER - 1n;
}

function numberOf(octets: Uint8Array): bigint {
  let number = 0n;
  for (const octet of octets) number = (number << 8n) | BigInt(octet);
  return number;
}

function octetsOf(number: bigint): Uint8Array {
  const octets = new Uint8Array(SCALAR_LENGTH);
  let rest = number;
  for (let at = SCALAR_LENGTH; at-- > 0; rest >>= 8n) octets[at] = Number(rest & 0xffn);
  return octets;
}
