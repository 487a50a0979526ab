/**
 * The four messages of a key update, deterministic CBOR: maps with small
 * integer keys and nothing besides. Two are bodies of requests (`/h/ku/c`,
 * `/h/ku/r`), two of their answers.
 *
 * ```
 * device                               HomeCA
 *   {1: C}                        ->                  commitment
 *                                 <-   {1: E_h, 2: N_h}    share
 *   {1: E_d, 2: N_d, 3: tag, ? 4: R} ->                   reveal
 *                                 <-   {1: tag}            confirmation
 * ```
 */
import { CborFailure, parseCbor } from "../../base/cbor.ts";
import type { CborMap } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import { KeyUpdateFailure } from "./failure.ts";

/** Octets of a point, SEC 1 uncompressed. */
export const POINT_LENGTH = 65;
/** Octets of nonces, commitments, confirmations: SHA-256 has as many. */
export const HASH_LENGTH = 32;

/** Octets a message may have; the longest, the reveal with a share of the key, has 207. */
export const MAX_MESSAGE_LENGTH = 256;

/** HomeCA's half of the agreement. */
export interface Share {
  readonly point: Uint8Array;
  readonly nonce: Uint8Array;
}

/** What the device committed to, and proof that it knows what came of it. */
export interface Reveal extends Share {
  /** R = r·G; null for a device without a random source that works ("paper mode"). */
  readonly keyShare: Uint8Array | null;
  /** HMAC over the transcript hash. */
  readonly confirmation: Uint8Array;
}

/** @throws KeyUpdateFailure `malformed`, as from every parser here */
export function parseCommitment(body: Uint8Array): Uint8Array {
  return parse(body, (fields) => fields.required(1).bytes(HASH_LENGTH));
}

export function encodeCommitment(commitment: Uint8Array): Uint8Array {
  return cbor.map([1, cbor.bytes(commitment)]);
}

/** Length of the point only; whether it is one of the curve's is {@link checkShare}. */
export function parseShare(body: Uint8Array): Share {
  return parse(body, readShare);
}

export function encodeShare({ point, nonce }: Share): Uint8Array {
  return cbor.map([1, cbor.bytes(point)], [2, cbor.bytes(nonce)]);
}

export function parseReveal(body: Uint8Array): Reveal {
  return parse(body, (fields) => ({
    ...readShare(fields),
    confirmation: fields.required(3).bytes(HASH_LENGTH),
    keyShare: fields.optional(4)?.bytes(POINT_LENGTH) ?? null,
  }));
}

export function encodeReveal({ point, nonce, confirmation, keyShare }: Reveal): Uint8Array {
  return cbor.map(
    [1, cbor.bytes(point)],
    [2, cbor.bytes(nonce)],
    [3, cbor.bytes(confirmation)],
    [4, keyShare === null ? null : cbor.bytes(keyShare)],
  );
}

export function parseConfirmation(body: Uint8Array): Uint8Array {
  return parse(body, (fields) => fields.required(1).bytes(HASH_LENGTH));
}

export function encodeConfirmation(confirmation: Uint8Array): Uint8Array {
  return cbor.map([1, cbor.bytes(confirmation)]);
}

function readShare(fields: CborMap): Share {
  return {
    point: fields.required(1).bytes(POINT_LENGTH),
    nonce: fields.required(2).bytes(HASH_LENGTH),
  };
}

/** What a message has, copied: its buffer is the connection's, and what is kept outlives it. */
function parse<T>(body: Uint8Array, read: (fields: CborMap) => T): T {
  try {
    const fields = parseCbor(Uint8Array.from(body), MAX_MESSAGE_LENGTH).map();
    const message = read(fields);
    fields.end();
    return message;
  } catch (failure) {
    if (failure instanceof CborFailure) throw new KeyUpdateFailure("malformed");
    throw failure;
  }
}
