/** What the runner wants to hold of a connection, held against what the engine says of it. */
import { sameBytes } from "../../src/base/bytes.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type { PeerCredential, TlsSession } from "../../src/proto/tls/connection.ts";
import { groupCode } from "../../src/proto/tls/suites.ts";
import { CERTIFICATE_TYPES } from "./configuration.ts";
import { readChain } from "./credentials.ts";
import type { Settings } from "./settings.ts";

/** The connection is not as the runner expects it, or it died; the text goes to the runner. */
export class Failed extends Error {
  override readonly name = "Failed";
}

/** Wire numbers, as the runner writes them for streams and for datagrams. */
const VERSION_CODES: Readonly<Record<TlsSession["version"], readonly number[]>> = {
  "TLS 1.2": [0x0303, 0xfefd],
  "TLS 1.3": [0x0304, 0xfefc],
};

/** @throws {@link Failed} at the first difference. */
export function checkSession(settings: Settings, session: TlsSession, isReturn: boolean): void {
  const { expectVersion, expectSessionMiss, expectServerName } = settings;
  if (expectVersion !== 0 && !VERSION_CODES[session.version].includes(expectVersion)) {
    throw new Failed(`${session.version}, expected ${expectVersion}`);
  }
  if (session.resumed !== (isReturn && !expectSessionMiss)) {
    throw new Failed(`resumed ${session.resumed}, expected the opposite`);
  }
  same("cipher suite", session.suite.code, settings.expectCipher);
  // A session of TLS 1.2 that was resumed has none.
  if (session.group !== null) same("group", groupCode(session.group), settings.expectCurve);
  if (expectServerName !== null && session.serverName !== expectServerName) {
    throw new Failed(`server name ${session.serverName}, expected ${expectServerName}`);
  }
  if (settings.expectNoServerName && session.serverName !== null) {
    throw new Failed(`server name ${session.serverName}, expected none`);
  }
  const protocol = expectedProtocol(settings);
  if (session.alpn !== protocol) {
    throw new Failed(`application protocol ${session.alpn}, expected ${protocol}`);
  }
}

function expectedProtocol(settings: Settings): string | null {
  if (!settings.server) return settings.expectAlpn;
  return settings.declineAlpn ? null : settings.selectAlpn;
}

/** Zero means that the flag was not given. */
function same(what: string, seen: number, expected: number): void {
  if (expected !== 0 && seen !== expected) {
    throw new Failed(`${what} ${seen}, expected ${expected}`);
  }
}

/**
 * @param shown - What the peer has shown in this handshake; null in one that was resumed.
 * @throws {@link Failed}
 */
export function checkPeer(
  settings: Settings,
  { peerChain }: TlsSession,
  shown: PeerCredential | null,
): void {
  checkChain(settings, peerChain);
  checkKey(settings, peerChain);
  if (shown === null) return;
  const { expectPeerCertificateType: code, expectOcspResponse } = settings;
  if (code !== null && CERTIFICATE_TYPES.get(code) !== shown.certificateType) {
    throw new Failed(`certificate type ${shown.certificateType}, expected ${code}`);
  }
  if (expectOcspResponse === null) return;
  if (shown.ocspResponse === null || !sameBytes(shown.ocspResponse, expectOcspResponse)) {
    throw new Failed("another OCSP response, or none");
  }
}

function checkChain(settings: Settings, chain: readonly Uint8Array[]): void {
  const { server, clientCertificate, preSharedKey, expectNoPeerCertificate } = settings;
  if (expectNoPeerCertificate && chain.length > 0) {
    throw new Failed("a certificate from the peer, expected none");
  }
  const mustBe = server ? clientCertificate === "required" : preSharedKey === null;
  if (mustBe && !expectNoPeerCertificate && chain.length === 0) {
    throw new Failed("no certificate from the peer");
  }
  if (settings.expectPeerCertificateFile === null) return;
  const expected = readChain(settings.expectPeerCertificateFile);
  const equal =
    chain.length === expected.length &&
    chain.every((certificate, at) => sameBytes(certificate, expected[at]!));
  if (!equal) throw new Failed("another chain than the file's");
}

function checkKey({ expectPeerKeyHash }: Settings, [key]: readonly Uint8Array[]): void {
  if (expectPeerKeyHash === null) return;
  const equal = key !== undefined && sameBytes(nodeCrypto.digest("sha256", key), expectPeerKeyHash);
  if (!equal) throw new Failed("another bare key");
}

/** A client's at the end of a connection. @throws {@link Failed} */
export function checkTickets(
  { server, shimShutsDown, expectNoSession, expectTicketRenewal }: Settings,
  { version, resumed }: TlsSession,
  gotTicket: boolean,
): void {
  if (server || (version === "TLS 1.3" && shimShutsDown)) return;
  if (expectNoSession && gotTicket) throw new Failed("a ticket, expected none");
  // In TLS 1.2 the runner means session ids too, which come to nothing here.
  const expects = version === "TLS 1.3" ? !expectNoSession : resumed && expectTicketRenewal;
  if (expects && !gotTicket) throw new Failed("no ticket");
}
