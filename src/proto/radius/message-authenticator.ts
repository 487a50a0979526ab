/**
 * Message-Authenticator (80): an HMAC-MD5 over the whole packet under the shared
 * secret. It is what makes a RADIUS packet authentic at all: the MD5 of the
 * header field alone can be forged (CVE-2024-3596).
 *
 * @see RFC 3579 §3.2; RFC 5176 §3.4 (requests whose authenticator is computed)
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { RadiusDiscard } from "./failure.ts";
import { HEADER_LENGTH, type Attribute, type Packet, type ReceivedPacket } from "./packet.ts";

export const MESSAGE_AUTHENTICATOR = 80;
const VALUE_LENGTH = 16;

/** In place of an authenticator that is itself computed over the packet later. */
export const ZERO_AUTHENTICATOR: Uint8Array = new Uint8Array(16);

/** The attribute before its value is known: what the HMAC is computed over. */
export const EMPTY_MESSAGE_AUTHENTICATOR: Attribute = {
  type: MESSAGE_AUTHENTICATOR,
  value: new Uint8Array(VALUE_LENGTH),
};

/**
 * Offset of the Message-Authenticator's value in the packet, or null where there
 * is none. It may stand anywhere: only the sender gains from putting it first.
 *
 * @throws {@link RadiusDiscard} `malformed-message-authenticator` for a second
 *   one or a value that is not 16 octets.
 */
export function messageAuthenticatorAt(packet: Packet): number | null {
  let found: number | null = null;
  let at = HEADER_LENGTH;
  for (const { type, value } of packet.attributes) {
    if (type === MESSAGE_AUTHENTICATOR) {
      if (found !== null || value.length !== VALUE_LENGTH) {
        throw new RadiusDiscard("malformed-message-authenticator", at);
      }
      found = at + 2;
    }
    at += 2 + value.length;
  }
  return found;
}

/**
 * Whether the Message-Authenticator whose value starts at `at` holds.
 *
 * @param authenticator - 16 octets that stand in the header while the HMAC is
 *   computed: the packet's own in an Access-Request or Status-Server, the request's
 *   in a response, zeros in an Accounting- or Disconnect-Request.
 */
export function messageAuthenticatorHolds(
  crypto: Crypto,
  secret: Uint8Array,
  packet: ReceivedPacket,
  at: number,
  authenticator: Uint8Array,
): boolean {
  const covered = packet.bytes.slice();
  covered.set(authenticator, 4);
  covered.fill(0, at, at + VALUE_LENGTH);
  const expected = crypto.hmac("md5", secret, covered);
  return sameBytes(expected, packet.bytes.subarray(at, at + VALUE_LENGTH));
}

/**
 * Fills in the value of a Message-Authenticator that is the first attribute of
 * an encoded packet, whose header carries the authenticator the HMAC is to cover.
 */
export function signFirstAttribute(crypto: Crypto, secret: Uint8Array, bytes: Uint8Array): void {
  bytes.set(crypto.hmac("md5", secret, bytes), HEADER_LENGTH + 2);
}
