/** A ClientHello off either transport: that of DTLS has one field more. */
import { parseClientHello } from "../client-hello.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsVersion } from "../connection.ts";
import { splitCookie } from "../datagram/cookie.ts";
import { TlsFailure } from "../failure.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import type { Transport } from "../wire.ts";

/** @throws {@link TlsFailure} @see RFC 6347 §4.2.1 */
export function readHello({ body }: HandshakeMessage, transport: Transport): ClientHello {
  return parseClientHello(transport === "stream" ? body : splitCookie(body).withoutField);
}

/** The field is DTLS 1.2's alone; DTLS 1.3 has an extension for it (RFC 9147 §5.3). @throws {@link TlsFailure} */
export function checkCookieField(
  { body }: HandshakeMessage,
  transport: Transport,
  version: TlsVersion,
): void {
  if (transport === "stream" || version !== "TLS 1.3") return;
  if (splitCookie(body).cookie.length > 0) throw TlsFailure.because("bad-cookie");
}
