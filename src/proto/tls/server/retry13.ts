/**
 * What a HelloRetryRequest leaves behind until the client comes again. A
 * server over a stream keeps it; one over datagrams sends it along in the
 * cookie, and knows nothing of the client until it has it back.
 *
 * @see RFC 8446 §4.1.4, §4.2.2; RFC 9147 §5.1
 */
import { Reader, sameBytes, Writer } from "../../../base/bytes.ts";
import type { Crypto, EcdhGroup } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { handshakeMessageOf } from "../handshake-joiner.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { encodeMessageHash, encodeRetryRequest } from "../messages13.ts";
import { DEFAULT_GROUPS, DEFAULT_SUITES_13, groupCode } from "../suites.ts";
import type { Suite } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { ExtensionType } from "../wire.ts";
import type { Transport } from "../wire.ts";
import { fixedPart, negotiate13 } from "./negotiate13.ts";

export interface Retry {
  readonly suite: Suite;
  /** Asked for; null where one of the keys that came would have done, and the cookie alone was new. */
  readonly group: EcdhGroup | null;
  /** Of the first ClientHello, by the suite's hash: all the transcript wants of it (RFC 8446 §4.4.1). */
  readonly firstHash: Uint8Array;
  /** SHA-256 of what the second ClientHello may not change. */
  readonly fixedHash: Uint8Array;
}

const FIXED_HASH = "sha256";
const FIXED_HASH_LENGTH = 32;
/** Stands for no group. */
const NO_GROUP = 0;

type Policy = Pick<TlsServerConfig, "suites13" | "groups">;

export function retryOf(
  crypto: Crypto,
  hello: ClientHello,
  first: HandshakeMessage,
  { suite, group }: Pick<Retry, "suite" | "group">,
): Retry {
  const firstHash = crypto.digest(suite.hash, first.whole);
  return { suite, group, firstHash, fixedHash: hashFixed(crypto, hello) };
}

/**
 * What a server without memory asks a new client for.
 *
 * @param first - The hello as TLS 1.3 hashes it.
 * @throws {@link TlsFailure} where a second hello would not help.
 */
export function negotiateRetry(
  config: TlsServerConfig,
  transport: Transport,
  hello: ClientHello,
  first: HandshakeMessage,
): Retry {
  const { choice, agreement } = negotiate13(hello, config, transport);
  const group = agreement.publicKey === null ? agreement.group : null;
  return retryOf(config.crypto, hello, first, { suite: choice.suite, group });
}

/** The cookie in a ClientHello; null without one. @throws {@link TlsFailure} @see RFC 8446 §4.2.2 */
export function cookieOf({ extensions }: Pick<ClientHello, "extensions">): Uint8Array | null {
  const body = extensions.get(ExtensionType.cookie);
  if (body === undefined) return null;
  const reader = new Reader(body, () => TlsFailure.because("malformed-message", "cookie"));
  const cookie = reader.vector16();
  if (cookie.length === 0 || reader.remaining > 0) {
    throw TlsFailure.because("malformed-message", "cookie");
  }
  return cookie;
}

/** Whether a second hello is the first with what was asked for. @see RFC 8446 §4.1.2 */
export function repeatsFirst(crypto: Crypto, retry: Retry, second: ClientHello): boolean {
  return sameBytes(hashFixed(crypto, second), retry.fixedHash);
}

/** The transcript as the HelloRetryRequest leaves it. */
export function retryTranscript(crypto: Crypto, retry: Retry, request: Uint8Array): Transcript {
  const transcript = new Transcript(crypto, retry.suite.hash);
  // Signatures are over the hash, so no message is kept.
  transcript.dropMessages();
  transcript.add(handshakeMessageOf(encodeMessageHash(retry.firstHash)));
  transcript.add(handshakeMessageOf(request));
  return transcript;
}

/**
 * The HelloRetryRequest, header and body: the same again for the same retry and cookie.
 *
 * @param sessionId - legacy_session_id_echo; empty over datagrams (RFC 9147 §5.4).
 */
export function retryRequest(
  { suite, group }: Retry,
  transport: Transport,
  sessionId: Uint8Array,
  cookie: Uint8Array | null,
): Uint8Array {
  return encodeRetryRequest({ sessionId, suite, group, cookie }, transport);
}

/** At most 84 octets, for a cookie that proves them ours. */
export function encodeRetry({ suite, group, firstHash, fixedHash }: Retry): Uint8Array {
  return new Writer()
    .u16(suite.code)
    .u16(group === null ? NO_GROUP : groupCode(group))
    .raw(fixedHash)
    .raw(firstHash)
    .bytes();
}

/** Reads what {@link encodeRetry} wrote under the same configuration; null for anything else. */
export function parseRetry(state: Uint8Array, config: Policy): Retry | null {
  if (state.length <= 4 + FIXED_HASH_LENGTH) return null;
  const reader = new Reader(state, () => new RangeError("cut short"));
  const suiteCode = reader.u16();
  const code = reader.u16();
  const suite = (config.suites13 ?? DEFAULT_SUITES_13).find((known) => known.code === suiteCode);
  const groups = config.groups ?? DEFAULT_GROUPS;
  const group = groups.find((known) => groupCode(known) === code) ?? null;
  if (suite === undefined || (group === null && code !== NO_GROUP)) return null;
  const fixedHash = reader.take(FIXED_HASH_LENGTH);
  return { suite, group, fixedHash, firstHash: reader.rest() };
}

function hashFixed(crypto: Crypto, hello: ClientHello): Uint8Array {
  return crypto.digest(FIXED_HASH, fixedPart(hello));
}
