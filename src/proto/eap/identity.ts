/**
 * Names that peers give themselves: the outer identity and the inner User-Name.
 * A name is routing and a label for people, never a right (RFC 9190 §5.6).
 */
import { fromUtf8 } from "../../base/bytes.ts";

/** RADIUS cannot carry a longer User-Name (RFC 2865 §5.1, RFC 7542 §2.3). In octets. */
export const MAX_IDENTITY_LENGTH = 253;

/**
 * What may not stand in a name or a log line: controls (C0, DEL, C1), line and
 * paragraph separators, and what is invisible or reorders its neighbours (zero
 * width, bidirectional controls, byte order mark, tags, non-characters).
 */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\u{e0000}-\u{e0fff}]/u;

/**
 * The text of an outer identity: a NAI, an anonymous one (`@realm`), or nothing,
 * which RFC 3748 §5.1 has a peer send that knows no name.
 *
 * @returns null for more than 253 octets, malformed UTF-8 or unprintable characters
 */
export function parseIdentity(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_IDENTITY_LENGTH) return null;
  const text = fromUtf8(bytes);
  return text === null || UNPRINTABLE.test(text) ? null : text;
}

/**
 * Any bytes as one line that is safe to log: printable text stands as it is,
 * a backslash is doubled and every other octet becomes `\xHH`. Cut at 253 octets,
 * an ellipsis then ends the line.
 */
export function printable(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, MAX_IDENTITY_LENGTH);
  let line = "";
  for (let at = 0; at < shown.length;) {
    const length = sequenceLength(shown[at]!);
    const octets = shown.subarray(at, at + length);
    const character = octets.length === length ? fromUtf8(octets) : null;
    if (character === null || UNPRINTABLE.test(character)) {
      line += `\\x${shown[at]!.toString(16).padStart(2, "0")}`;
      at += 1;
    } else {
      line += character === "\\" ? "\\\\" : character;
      at += length;
    }
  }
  return bytes.length > shown.length ? `${line}…` : line;
}

/** How many octets a UTF-8 sequence that starts so claims to have. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
