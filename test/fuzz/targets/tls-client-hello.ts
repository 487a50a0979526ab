/** A ClientHello's body: its fields or a TlsFailure, and nothing of it is left unread. */
import { hold, leavesNothing, valueOf } from "../expect.ts";
import { parseClientHello, TlsFailure } from "../tls.ts";

export function fuzz(bytes: Uint8Array): void {
  const hello = valueOf(() => parseClientHello(bytes), [TlsFailure]);
  if (hello === null) return;
  leavesNothing(parseClientHello, bytes, [TlsFailure]);
  hold(hello.random.length === 32 && hello.sessionId.length <= 32, "lengths of the standard");
  hold(hello.suites.length > 0 && hello.compressions.includes(0), "what every hello has");
  const { recordSizeLimit: limit, serverName, keyShares } = hello;
  hold(limit === null || (limit >= 64 && limit <= 2 ** 14), "record_size_limit");
  hold(serverName === null || /^[\x21-\x7e]{1,255}$/.test(serverName), "server_name");
  hold(keyShares?.every(({ publicKey }) => publicKey.length > 0) ?? true, "key shares hold a key");
}
