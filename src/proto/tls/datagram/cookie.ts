/**
 * Cookies: a client shows that it receives at its address before anything is
 * remembered of it.
 *
 * @see RFC 6347 §4.2.1; RFC 9147 §5.1
 */
import { concat, Reader, sameBytes, Writer } from "../../../base/bytes.ts";
import type { Crypto, HmacKey } from "../../../base/crypto/crypto.ts";
import type { Mono, RandomSource } from "../../../base/machine.ts";
import { TlsFailure } from "../failure.ts";
import { MAX_SESSION_ID_LENGTH, RANDOM_LENGTH } from "../wire.ts";
import { DTLS_1_0 } from "./wire.ts";

/** How long one key makes cookies; as long again its cookies are taken. */
export const COOKIE_PERIOD_MS = 60_000;

const KEY_LENGTH = 32;
/** Octets in front of the state: the low octet of the period. */
const PERIOD_LENGTH = 1;
/** All that DTLS 1.0 allows (RFC 4347 §4.2.1), and GnuTLS takes from a HelloVerifyRequest. */
const MAX_PLAIN_COOKIE = 32;
/** Of HMAC-SHA256 as much as fits into a cookie without a state. */
const MAC_LENGTH: number = MAX_PLAIN_COOKIE - PERIOD_LENGTH;

/** Octets of state a cookie can carry: it has 255 at most. */
export const MAX_COOKIE_STATE: number = 255 - PERIOD_LENGTH - MAC_LENGTH;

/** Who came, and with what: both hellos of one client must give the same. */
export interface CookieSubject {
  /** Address and port, in whatever form the host has them. */
  readonly address: Uint8Array;
  /**
   * DTLS 1.2: the ClientHello without its cookie, see {@link splitCookie}.
   * DTLS 1.3: what the second hello repeats, such as random and session id.
   */
  readonly hello: Uint8Array;
}

/**
 * Makes cookies and knows them again. The keys are its own and change with
 * time, so a cookie lives for one to two {@link COOKIE_PERIOD_MS}.
 *
 *     cookie = period (1) | state | 31 octets of HMAC-SHA256(key of the period, state, address, hello)
 */
export class CookieMint {
  readonly #crypto: Crypto;
  readonly #random: RandomSource;
  #period = -1;
  #current: HmacKey | null = null;
  #previous: HmacKey | null = null;

  constructor(crypto: Crypto, random: RandomSource) {
    this.#crypto = crypto;
    this.#random = random;
  }

  /**
   * @param state - What a stateless server of DTLS 1.3 wants back with the
   *   second hello: the hash of the first, suite and group. At most
   *   {@link MAX_COOKIE_STATE} octets; the client can read it.
   */
  make(now: Mono, subject: CookieSubject, state: Uint8Array = new Uint8Array()): Uint8Array {
    if (state.length > MAX_COOKIE_STATE) throw new RangeError("a cookie has at most 255 octets");
    const key = this.#turn(now);
    const head = concat(Uint8Array.of(this.#period % 256), state);
    return concat(head, this.#mac(key, head, subject));
  }

  /** The state in a cookie of ours for this subject, empty where it has none; null for any other cookie. */
  check(now: Mono, cookie: Uint8Array, subject: CookieSubject): Uint8Array | null {
    if (cookie.length < PERIOD_LENGTH + MAC_LENGTH) return null;
    this.#turn(now);
    const key = this.#keyOf(cookie[0]!);
    if (key === null) return null;
    const head = cookie.subarray(0, cookie.length - MAC_LENGTH);
    const mac = cookie.subarray(head.length);
    if (!sameBytes(mac, this.#mac(key, head, subject))) return null;
    return head.slice(PERIOD_LENGTH);
  }

  #keyOf(period: number): HmacKey | null {
    if (period === this.#period % 256) return this.#current;
    return period === (this.#period + 255) % 256 ? this.#previous : null;
  }

  #mac(key: HmacKey, head: Uint8Array, { address, hello }: CookieSubject): Uint8Array {
    const message = new Writer().vector8(head).vector16(address).raw(hello).bytes();
    return key.mac(message).subarray(0, MAC_LENGTH);
  }

  /** The key of the time that it is. */
  #turn(now: Mono): HmacKey {
    const period = Math.floor(now / COOKIE_PERIOD_MS);
    if (this.#current !== null && period <= this.#period) return this.#current;
    this.#previous = period === this.#period + 1 ? this.#current : null;
    this.#current = this.#crypto.hmacKey("sha256", this.#random(KEY_LENGTH));
    this.#period = period;
    return this.#current;
  }
}

/** A ClientHello and the cookie that was in it. */
export interface SplitHello {
  readonly cookie: Uint8Array;
  /** The body with an empty cookie. */
  readonly withoutCookie: Uint8Array;
  /** The body without the field: what a ClientHello of TLS is, and can be parsed as. */
  readonly withoutField: Uint8Array;
}

/**
 * Takes the cookie out of the body of a ClientHello; nothing behind it is read.
 *
 * @throws {@link TlsFailure} `malformed-message`, `session-id-too-long`
 * @see RFC 6347 §4.2.1
 */
export function splitCookie(body: Uint8Array): SplitHello {
  const { at, cookie, rest } = findCookie(body);
  const front = body.subarray(0, at);
  return {
    cookie,
    withoutCookie: concat(front, Uint8Array.of(0), rest),
    withoutField: concat(front, rest),
  };
}

/**
 * The body of a ClientHello with this cookie in place of the one it has.
 *
 * @param cookie - At most 255 octets.
 */
export function withCookie(body: Uint8Array, cookie: Uint8Array): Uint8Array {
  const { at, rest } = findCookie(body);
  return new Writer().raw(body.subarray(0, at)).vector8(cookie).raw(rest).bytes();
}

/** The body of a ClientHello of DTLS from that of one of TLS, which lacks the field. */
export function addCookieField(body: Uint8Array, cookie: Uint8Array): Uint8Array {
  const reader = helloReader(body);
  skipToCookie(reader);
  return new Writer().raw(body.subarray(0, reader.at)).vector8(cookie).raw(reader.rest()).bytes();
}

interface FoundCookie {
  readonly at: number;
  readonly cookie: Uint8Array;
  readonly rest: Uint8Array;
}

function findCookie(body: Uint8Array): FoundCookie {
  const reader = helloReader(body);
  skipToCookie(reader);
  const at = reader.at;
  return { at, cookie: reader.vector8(), rest: reader.rest() };
}

function helloReader(body: Uint8Array): Reader {
  return new Reader(body, () => TlsFailure.because("malformed-message", "cut short"));
}

function skipToCookie(reader: Reader): void {
  reader.u16();
  reader.take(RANDOM_LENGTH);
  if (reader.vector8().length > MAX_SESSION_ID_LENGTH) {
    throw TlsFailure.because("session-id-too-long");
  }
}

/**
 * The body of a HelloVerifyRequest. It says DTLS 1.0 whatever is spoken later,
 * and tells the client nothing by it.
 *
 * @see RFC 6347 §4.2.1
 */
export function encodeHelloVerify(cookie: Uint8Array): Uint8Array {
  return new Writer().u16(DTLS_1_0).vector8(cookie).bytes();
}

/**
 * The cookie in a HelloVerifyRequest.
 *
 * @throws {@link TlsFailure} `malformed-message`, `version-unsupported` for what is no DTLS.
 */
export function parseHelloVerify(body: Uint8Array): Uint8Array {
  const reader = helloReader(body);
  if (reader.u16() >> 8 !== DTLS_1_0 >> 8) throw TlsFailure.because("version-unsupported");
  const cookie = reader.vector8();
  if (reader.remaining > 0) throw TlsFailure.because("malformed-message", "trailing octets");
  return cookie;
}
