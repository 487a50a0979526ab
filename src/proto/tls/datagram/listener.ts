/**
 * What a server hears from strangers. Nothing is remembered of any of them:
 * a hello is answered with a cookie, and one that brings its cookie back has
 * shown that it receives at its address.
 *
 *      Client                                   Server
 *
 *      ClientHello             -------->
 *                              <--------        HelloVerifyRequest (DTLS 1.2)
 *                                               or HelloRetryRequest (DTLS 1.3), with a cookie
 *      ClientHello with cookie -------->        an association begins
 *
 * A hello without a cookie is answered only if it came whole, in one record:
 * pieces would have to be kept, for anybody who sends any. Of one with a cookie
 * the first piece is enough, if the cookie stands in it: a hello that just fits
 * its path no longer does once the cookie is added, and behind the cookie there
 * is somebody to keep pieces for. In DTLS 1.2 the cookie stands near the front;
 * a client of DTLS 1.3 with a hello longer than its path leaves key shares for
 * the second one, or fails.
 *
 * @see RFC 6347 §4.2.1; RFC 9147 §5.1
 */
import { Reader, utf8 } from "../../../base/bytes.ts";
import type { Mono } from "../../../base/machine.ts";
import { encodeAlert } from "../alert.ts";
import type { AlertName } from "../alert.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { handshakeMessageOf } from "../handshake-joiner.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { chooseVersion } from "../server/handshake.ts";
import { readHello } from "../server/hello.ts";
import {
  cookieOf,
  encodeRetry,
  negotiateRetry,
  parseRetry,
  retryRequest,
} from "../server/retry13.ts";
import type { Retry } from "../server/retry13.ts";
import { ContentType, ExtensionType, HandshakeType, RANDOM_LENGTH } from "../wire.ts";
import type { Begun } from "./begun.ts";
import { CookieMint, encodeHelloVerify, splitCookie } from "./cookie.ts";
import type { CookieSubject } from "./cookie.ts";
import type { WireRecord } from "./cut.ts";
import { plainRecord } from "./epoch.ts";
import { encodeFragment, parseFragments, transcriptForm13 } from "./handshake-fragment.ts";
import type { HandshakeFragment } from "./handshake-fragment.ts";
import { DatagramHandshakeType, DTLS_1_0, DTLS_1_2 } from "./wire.ts";

/** The transport of all that happens here. */
const CHANNEL = { transport: "datagram" } as const;

/** Hellos of one client, from 0 on: a cookie that has expired costs it one more. */
export const MAX_HELLO_SEQUENCE = 3;

/** Octets of a hello without a cookie; the rest of a record cannot be a datagram's on any path. */
export const MAX_FIRST_HELLO: number = 2 ** 13;

/** Why a hello came to nothing. */
export type HelloDiscard =
  | "malformed-hello"
  | "bad-hello-sequence"
  | "hello-too-long"
  /** Without a good cookie, and not whole. */
  | "hello-in-pieces";

/** The first piece of a ClientHello, read no further than that it is one. */
export interface HeardHello {
  readonly fragment: HandshakeFragment;
  /** The record's number in epoch 0. */
  readonly recordSequence: number;
  /** 32 octets: they tell a client's new handshake from a repeat of its old one. */
  readonly random: Uint8Array;
}

export type Verdict =
  /** The address has been shown. `retry` belongs to the handshake, `begun` to the association. */
  | { readonly kind: "begin"; readonly begun: Begun; readonly retry: Retry | null }
  /** One datagram back, and nothing else. */
  | { readonly kind: "answer"; readonly datagram: Uint8Array; readonly says: Answer }
  | { readonly kind: "discarded"; readonly reason: HelloDiscard };

export type Answer = "hello-verify" | "hello-retry" | "alert";

/**
 * @returns What a record is, if it may begin an association: a ClientHello, or
 *   the first piece of one, in the clear. Null for all others.
 */
export function hearHello(record: WireRecord | undefined): HeardHello | null {
  if (record?.form !== "plain" || record.epoch !== 0) return null;
  const { type, sequence, fragment: content } = record;
  if (type !== ContentType.handshake || content[0] !== HandshakeType.clientHello) return null;
  const fragments = parseFragments(content);
  if (typeof fragments === "string") return null;
  const [fragment] = fragments;
  if (fragment === undefined || fragment.offset !== 0) return null;
  // A version of two octets, then the random.
  const random = fragment.bytes.subarray(2, 2 + RANDOM_LENGTH);
  if (random.length < RANDOM_LENGTH) return null;
  return { fragment, recordSequence: sequence, random };
}

export class Listener {
  readonly #config: TlsServerConfig;
  readonly #mint: CookieMint;
  readonly #cookies: "always" | "never";

  /** @param cookies - `never` begins with any hello: for tests. */
  constructor(config: TlsServerConfig, cookies: "always" | "never") {
    this.#config = config;
    this.#mint = new CookieMint(config.crypto, config.random);
    this.#cookies = cookies;
  }

  /** What to do about a hello from `from`. Nothing of it stays here. */
  judge(heard: HeardHello, from: string, now: Mono): Verdict {
    const { fragment, recordSequence } = heard;
    if (fragment.seq > MAX_HELLO_SEQUENCE) return discarded("bad-hello-sequence");
    const begun = { messageSequence: fragment.seq, recordSequence };
    if (this.#cookies === "never") return { kind: "begin", begun, retry: null };
    try {
      const proof = this.#proofOf(fragment.bytes, from, now);
      if (proof !== null) return { kind: "begin", begun, retry: proof.retry };
      if (fragment.bytes.length < fragment.length) return discarded("hello-in-pieces");
      if (fragment.length > MAX_FIRST_HELLO) return discarded("hello-too-long");
      return this.#answer(heard, from, now);
    } catch (failure) {
      if (!(failure instanceof TlsFailure)) throw failure;
      return discarded("malformed-hello");
    }
  }

  /** What a good cookie of either version proves; null without one. @throws {@link TlsFailure} */
  #proofOf(piece: Uint8Array, from: string, now: Mono): { retry: Retry | null } | null {
    const { cookie } = splitCookie(piece);
    const subject = subjectOf(piece, from);
    if (cookie.length > 0) {
      const state = this.#mint.check(now, cookie, subject);
      return state?.length === 0 ? { retry: null } : null;
    }
    const extension = findCookieExtension(piece);
    if (extension === null) return null;
    const state = this.#mint.check(now, extension, subject);
    const retry = state === null ? null : parseRetry(state, this.#config);
    return retry === null ? null : { retry };
  }

  /** To a whole hello without a good cookie. @throws {@link TlsFailure} */
  #answer(heard: HeardHello, from: string, now: Mono): Verdict {
    const { type, bytes: body } = heard.fragment;
    const message = handshakeMessageOf(transcriptForm13({ type, body }));
    const hello = readHello(message, CHANNEL.transport);
    if (chooseVersion(hello, this.#config, CHANNEL) === "TLS 1.3") {
      return this.#retry(hello, message, heard, from, now);
    }
    const cookie = this.#mint.make(now, subjectOf(body, from));
    const { helloVerifyRequest } = DatagramHandshakeType;
    // The version says nothing and some clients take no other (RFC 6347 §4.2.1).
    const content = answerMessage(helloVerifyRequest, encodeHelloVerify(cookie), heard);
    return answer("hello-verify", ContentType.handshake, DTLS_1_0, content, heard);
  }

  #retry(
    hello: ClientHello,
    message: HandshakeMessage,
    heard: HeardHello,
    from: string,
    now: Mono,
  ): Verdict {
    // A second HelloRetryRequest would end the client's handshake too, but not tell why (RFC 9147 §5.1).
    if (cookieOf(hello) !== null) return refuse("illegal_parameter", heard);
    const retry = this.#negotiate(hello, message);
    if (retry instanceof TlsFailure) return refuse(retry.alert, heard);
    const cookie = this.#mint.make(now, subjectOf(message.body, from), encodeRetry(retry));
    const request = retryRequest(retry, CHANNEL.transport, new Uint8Array(), cookie);
    const { type, body } = handshakeMessageOf(request);
    const content = answerMessage(type, body, heard);
    return answer("hello-retry", ContentType.handshake, DTLS_1_2, content, heard);
  }

  #negotiate(hello: ClientHello, message: HandshakeMessage): Retry | TlsFailure {
    try {
      return negotiateRetry(this.#config, CHANNEL.transport, hello, message);
    } catch (failure) {
      if (failure instanceof TlsFailure) return failure;
      throw failure;
    }
  }
}

function discarded(reason: HelloDiscard): Verdict {
  return { kind: "discarded", reason };
}

/**
 * Version, random and session id: what stands in front of the cookie, so that
 * the first piece of a hello has it. RFC 6347 §4.2.1 would have suites and
 * compression in it too; nothing hangs on those, for the handshake of DTLS 1.2
 * begins with the second hello, and in DTLS 1.3 the cookie has a hash of them.
 */
function subjectOf(piece: Uint8Array, from: string): CookieSubject {
  const at = 2 + RANDOM_LENGTH;
  const sessionIdLength = piece[at] ?? 0;
  return { address: utf8(from), hello: piece.subarray(0, at + 1 + sessionIdLength) };
}

class PieceEnds extends Error {}

/** The cookie extension, as far as the piece goes; null where it is not there. */
function findCookieExtension(piece: Uint8Array): Uint8Array | null {
  const reader = new Reader(piece, () => new PieceEnds());
  try {
    reader.take(2 + RANDOM_LENGTH);
    reader.vector8();
    reader.vector8();
    reader.vector16();
    reader.vector8();
    reader.u16();
    while (reader.remaining > 0) {
      const type = reader.u16();
      const body = reader.vector16();
      if (type !== ExtensionType.cookie) continue;
      return new Reader(body, () => new PieceEnds()).vector16();
    }
    return null;
  } catch (failure) {
    if (failure instanceof PieceEnds) return null;
    throw failure;
  }
}

/** The number of the hello it answers: each answer is new to the client, and no two have to be counted. */
function answerMessage(type: number, body: Uint8Array, { fragment }: HeardHello): Uint8Array {
  return encodeFragment({ type, seq: fragment.seq, body }, 0, body.length);
}

function answer(
  says: Answer,
  type: number,
  version: number,
  content: Uint8Array,
  { recordSequence }: HeardHello,
): Verdict {
  const number = { epoch: 0, sequence: recordSequence };
  return { kind: "answer", datagram: plainRecord(type, version, number, content), says };
}

/** It is shorter than any hello, and whoever forges the hello could as well forge the alert. */
function refuse(name: AlertName, heard: HeardHello): Verdict {
  return answer("alert", ContentType.alert, DTLS_1_2, encodeAlert(name), heard);
}
