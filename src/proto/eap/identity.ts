/**
 * Names that peers give themselves: the outer identity and the inner User-Name.
 * A name is routing and a label for people, never a right (RFC 9190 §5.6).
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { isHostile } from "../../base/text.ts";

/** RADIUS cannot carry a longer User-Name (RFC 2865 §5.1, RFC 7542 §2.3). In octets. */
export const MAX_IDENTITY_LENGTH = 253;

/**
 * The text of an outer identity: a NAI, an anonymous one (`@realm`), or nothing,
 * which RFC 3748 §5.1 has a peer send that knows no name.
 *
 * @returns null for more than 253 octets, malformed UTF-8 or hostile characters
 */
export function parseIdentity(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_IDENTITY_LENGTH) return null;
  const text = fromUtf8(bytes);
  return text === null || isHostile(text) ? null : text;
}
