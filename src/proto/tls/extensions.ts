/** Blocks of extensions, as every message has them that has any. @see RFC 8446 §4.2 */
import { Reader, Writer } from "../../base/bytes.ts";
import type { TruncatedFailure } from "../../base/bytes.ts";
import { TlsFailure } from "./failure.ts";

/** A block as it came: bodies by their type. */
export type Extensions = ReadonlyMap<number, Uint8Array>;

/** One to be sent. */
export type Extension = readonly [type: number, body: Uint8Array];

/** A block's octets, without the length in front of it. */
export function encodeExtensions(extensions: readonly Extension[]): Uint8Array {
  const block = new Writer();
  for (const [type, body] of extensions) block.u16(type).vector16(body);
  return block.bytes();
}

/**
 * A block's extensions by type; they borrow from it.
 *
 * @throws {@link TlsFailure} `duplicate-extension`, and what `truncated` makes.
 */
export function parseExtensions(block: Uint8Array, truncated: TruncatedFailure): Extensions {
  const reader = new Reader(block, truncated);
  const extensions = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    const type = reader.u16();
    const body = reader.vector16();
    if (extensions.has(type)) throw TlsFailure.because("duplicate-extension", `${type}`);
    extensions.set(type, body);
  }
  return extensions;
}

/** An extension's value, read to its last octet; null where the extension is absent. */
export function readExtension<T>(
  extensions: Extensions,
  type: number,
  truncated: TruncatedFailure,
  parse: (body: Reader) => T,
): T | null {
  const body = extensions.get(type);
  if (body === undefined) return null;
  const reader = new Reader(body, truncated);
  const value = parse(reader);
  if (reader.remaining > 0) throw truncated(reader.at);
  return value;
}

/** Passes over names of CAs, for nobody here has more than one certificate to choose from. @see RFC 8446 §4.2.4 */
export function readAuthorities(body: Reader, truncated: TruncatedFailure): void {
  const names = new Reader(body.vector16(), truncated);
  do if (names.vector16().length === 0) throw truncated(names.at);
  while (names.remaining > 0);
}

/** Whether an extension that says all by being there is. */
export function hasEmptyExtension(
  extensions: Extensions,
  type: number,
  truncated: TruncatedFailure,
): boolean {
  return readExtension(extensions, type, truncated, () => true) ?? false;
}

/**
 * Checks that an answer has nothing in it that was not offered, and nothing
 * that belongs into another message.
 *
 * @param places - The types that this message may have.
 * @throws {@link TlsFailure} `unsolicited-extension`, `misplaced-extension`
 * @see RFC 8446 §4.2
 */
export function checkAnswers(
  extensions: Extensions,
  offered: ReadonlySet<number>,
  places: readonly number[],
): void {
  for (const type of extensions.keys()) {
    if (!offered.has(type)) throw TlsFailure.because("unsolicited-extension", `${type}`);
    if (!places.includes(type)) throw TlsFailure.because("misplaced-extension", `${type}`);
  }
}
