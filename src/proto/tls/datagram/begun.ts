/** What a server's association begins with when a stateless exchange went before it. */

/**
 * Where a ClientHello stood that brought a good cookie. The association is
 * made with this, and is then given the whole datagram with the hello in it.
 * What a HelloRetryRequest left in the cookie is for the handshake alone: whoever
 * makes both hands it over (`Retry` of `server/retry13.ts`).
 */
export interface Begun {
  /**
   * message_seq of that hello, at most `MAX_HELLO_SEQUENCE`: the first message we take, and the number
   * of our own first one (RFC 6347 §4.2.2; RFC 9147 §5.2).
   */
  readonly messageSequence: number;
  /**
   * The record sequence number it came under, the first of our own in the clear:
   * a stateless answer repeats the number of what it answers, so ours do not
   * collide with those (RFC 6347 §4.2.1).
   */
  readonly recordSequence: number;
}
