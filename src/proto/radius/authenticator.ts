/**
 * The Authenticator of the header where it is computed: MD5 over the packet and
 * the shared secret, in responses and in requests that are not Access-Requests.
 *
 * @see RFC 2865 §3 (responses), RFC 2866 §3 (Accounting-Request), RFC 5176 §2.3
 */
import { concat, sameBytes } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import {
  EMPTY_MESSAGE_AUTHENTICATOR,
  signFirstAttribute,
  ZERO_AUTHENTICATOR,
} from "./message-authenticator.ts";
import { encodePacket, type Packet, type ReceivedPacket } from "./packet.ts";

/** Whether Message-Authenticator becomes the first attribute. */
export type Signing = "message-authenticator" | "authenticator-only";

/**
 * A response, complete.
 *
 * @param response - Its `authenticator` is that of the request; its attributes
 *   hold no Message-Authenticator. First in the packet is where that belongs:
 *   a chosen-prefix collision then has nothing known to start from.
 * @throws RangeError above 4096 octets.
 */
export function sealResponse(
  crypto: Crypto,
  secret: Uint8Array,
  response: Packet,
  signing: Signing,
): Uint8Array {
  const bytes = encodeSigned(crypto, secret, response, signing);
  bytes.set(digest(crypto, secret, bytes, response.authenticator), 4);
  return bytes;
}

/** Whether a response was made from the request with this authenticator. */
export function responseHolds(
  crypto: Crypto,
  secret: Uint8Array,
  response: ReceivedPacket,
  requestAuthenticator: Uint8Array,
): boolean {
  return sameBytes(
    digest(crypto, secret, response.bytes, requestAuthenticator),
    response.authenticator,
  );
}

/**
 * A request whose authenticator is computed: Accounting-Request or
 * Disconnect-Request. Its `authenticator` is ignored.
 */
export function sealRequest(
  crypto: Crypto,
  secret: Uint8Array,
  request: Packet,
  signing: Signing,
): Uint8Array {
  return sealResponse(crypto, secret, { ...request, authenticator: ZERO_AUTHENTICATOR }, signing);
}

/** Whether the authenticator of an Accounting- or Disconnect-Request holds. */
export function requestHolds(crypto: Crypto, secret: Uint8Array, request: ReceivedPacket): boolean {
  return responseHolds(crypto, secret, request, ZERO_AUTHENTICATOR);
}

/** An Access-Request or Status-Server, Message-Authenticator first, its authenticator taken as it is. */
export function sealAccessRequest(crypto: Crypto, secret: Uint8Array, request: Packet): Uint8Array {
  return encodeSigned(crypto, secret, request, "message-authenticator");
}

function encodeSigned(
  crypto: Crypto,
  secret: Uint8Array,
  packet: Packet,
  signing: Signing,
): Uint8Array {
  if (signing === "authenticator-only") return encodePacket(packet);
  const attributes = [EMPTY_MESSAGE_AUTHENTICATOR, ...packet.attributes];
  const bytes = encodePacket({ ...packet, attributes });
  signFirstAttribute(crypto, secret, bytes);
  return bytes;
}

function digest(
  crypto: Crypto,
  secret: Uint8Array,
  bytes: Uint8Array,
  authenticator: Uint8Array,
): Uint8Array {
  const covered = concat(bytes, secret);
  covered.set(authenticator, 4);
  return crypto.digest("md5", covered);
}
