/** What the states of a server's handshake work with. */
import type { TlsServerConfig } from "../connection.ts";
import type { Channel } from "../handshake.ts";

export interface Connection {
  readonly config: TlsServerConfig;
  readonly channel: Channel;
}
