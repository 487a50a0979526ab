/** What a server's association begins with when a stateless exchange went before it. */
import type { EcdhGroup } from "../../../base/crypto/crypto.ts";
import type { Suite } from "../suites.ts";

/**
 * Where a ClientHello stood that brought a good cookie. The association is
 * made with this, and is then given the whole datagram with the hello in it.
 */
export interface Begun {
  /**
   * message_seq of that hello, 0 or 1: the first message we take, and the number
   * of our own first one (RFC 6347 §4.2.2; RFC 9147 §5.2).
   */
  readonly messageSequence: number;
  /**
   * The record sequence number it came under, the first of our own in the clear:
   * a stateless answer repeats the number of what it answers, so ours do not
   * collide with those (RFC 6347 §4.2.1).
   */
  readonly recordSequence: number;
  /** In DTLS 1.3 the HelloRetryRequest that went out; null after a HelloVerifyRequest, and where nothing went out. */
  readonly retry: StatelessRetry | null;
}

/**
 * A HelloRetryRequest that nobody remembers but its cookie: what a handshake of
 * DTLS 1.3 needs to go on with the second hello alone. The association passes
 * it on to whoever makes the handshake.
 *
 * @see RFC 9147 §5.1; RFC 8446 §4.2.2 and §4.4.1
 */
export interface StatelessRetry {
  /** Of the first ClientHello, whole, by the suite's hash: it stands in the transcript for it. */
  readonly firstHelloHash: Uint8Array;
  /** The HelloRetryRequest made again, header of 4 octets and body. */
  readonly request: Uint8Array;
  /** What it asked for: the second hello must bring a key of that group, and this suite is chosen. */
  readonly suite: Suite;
  readonly group: EcdhGroup;
}
