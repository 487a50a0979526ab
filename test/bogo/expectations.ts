/** What the runner wants to hold of a finished handshake, held against what the engine says of it. */
import { sameBytes, toHex } from "../../src/base/bytes.ts";
import type { TlsSession } from "../../src/proto/tls/connection.ts";
import { groupCode } from "../../src/proto/tls/suites.ts";
import { readChain } from "./credentials.ts";
import type { Settings } from "./flags.ts";

/** The connection is not as the runner expects it, or it died; the text goes to the runner. */
export class Failed extends Error {
  override readonly name = "Failed";
}

const VERSION_CODES: Readonly<Record<TlsSession["version"], number>> = {
  "TLS 1.2": 0x0303,
  "TLS 1.3": 0x0304,
};

/** @throws {@link Failed} at the first difference. */
export function checkSession(settings: Settings, session: TlsSession, wire: ServerHellos): void {
  same("version", VERSION_CODES[session.version], settings.expectVersion);
  same("cipher suite", session.suite.code, settings.expectCipher);
  if (settings.expectCurve !== 0) {
    same("group", session.group === null ? 0 : groupCode(session.group), settings.expectCurve);
  }
  if (settings.expectServerName !== null && session.serverName !== settings.expectServerName) {
    throw new Failed(`server name ${session.serverName}, expected ${settings.expectServerName}`);
  }
  if (settings.expectNoServerName && session.serverName !== null) {
    throw new Failed(`server name ${session.serverName}, expected none`);
  }
  const protocol = settings.declineAlpn ? null : settings.selectAlpn;
  if (session.alpn !== protocol) {
    throw new Failed(`application protocol ${session.alpn}, expected ${protocol}`);
  }
  checkChain(settings, session.peerChain);
  if (
    settings.expectHelloRetryRequest !== null &&
    settings.expectHelloRetryRequest !== wire.retried
  ) {
    throw new Failed(`HelloRetryRequest ${wire.retried}, expected the opposite`);
  }
}

/** Zero means that the flag was not given. */
function same(what: string, seen: number, expected: number): void {
  if (expected !== 0 && seen !== expected) {
    throw new Failed(`${what} ${seen}, expected ${expected}`);
  }
}

function checkChain(settings: Settings, chain: readonly Uint8Array[]): void {
  if (settings.expectNoPeerCertificate && chain.length > 0) {
    throw new Failed("a certificate from the peer, expected none");
  }
  if (settings.expectPeerCertificateFile === null) return;
  const expected = readChain(settings.expectPeerCertificateFile);
  const equal =
    chain.length === expected.length &&
    chain.every((certificate, at) => sameBytes(certificate, expected[at]!));
  if (!equal) throw new Failed("another chain than the file's");
}

/** The random that makes a ServerHello a HelloRetryRequest: SHA-256 of its name (RFC 8446 §4.1.3). */
const RETRY_RANDOM = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
/** Octets before it in a stream: record header, handshake header, version. */
const RANDOM_AT = 5 + 4 + 2;
const RANDOM_LENGTH = 32;

/** Reads along what the server says, to know what the engine does not tell: whether it asked for another hello. */
export class ServerHellos {
  #start = new Uint8Array();

  push(bytes: Uint8Array): void {
    const missing = RANDOM_AT + RANDOM_LENGTH - this.#start.length;
    if (missing <= 0) return;
    const more = bytes.subarray(0, missing);
    const joined = new Uint8Array(this.#start.length + more.length);
    joined.set(this.#start);
    joined.set(more, this.#start.length);
    this.#start = joined;
  }

  get retried(): boolean {
    return toHex(this.#start.subarray(RANDOM_AT)) === RETRY_RANDOM;
  }
}
