/** The plaintext of records whose type is protected with their content: DTLS 1.2 with a connection id, and DTLS 1.3. */
import { MAX_PLAINTEXT } from "../wire.ts";
import type { DatagramDiscard } from "./discard.ts";

export interface InnerPlaintext {
  readonly type: number;
  readonly content: Uint8Array;
}

/**
 * Content, its type, and zeros up to `minLength` octets: as many as the sample
 * for a record number needs, else none. Other lengths say little here.
 */
export function wrapInner(type: number, content: Uint8Array, minLength = 0): Uint8Array {
  const inner = new Uint8Array(Math.max(content.length + 1, minLength));
  inner.set(content);
  inner[content.length] = type;
  return inner;
}

/** Content and type from in front of the padding, or why there is none. @see RFC 9146 §4; RFC 8446 §5.4 */
export function unwrapInner(inner: Uint8Array): InnerPlaintext | DatagramDiscard {
  if (inner.length > MAX_PLAINTEXT + 1) return "plaintext-too-long";
  let at = inner.length - 1;
  while (at >= 0 && inner[at] === 0) at--;
  return at < 0 ? "no-content-type" : { type: inner[at]!, content: inner.subarray(0, at) };
}
