/** What was said before the server answered. */
import type { TlsClientConfig } from "../connection.ts";
import type { Channel } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { encodeClientHello } from "./hello.ts";
import type { Repeat } from "./hello.ts";
import type { Offer } from "./offer.ts";

/** What the states of a handshake work with. */
export interface Connection {
  readonly config: TlsClientConfig;
  readonly channel: Channel;
}

export interface Greeting {
  readonly offer: Offer;
  /** The ClientHello as it stands in the transcript. */
  readonly message: HandshakeMessage;
  /** The types of its extensions. */
  readonly types: ReadonlySet<number>;
}

/** Sends a ClientHello. */
export function greet(offer: Offer, { config, channel }: Connection, repeat: Repeat): Greeting {
  const { transport, connectionId } = channel;
  const { message, types } = encodeClientHello(offer, { config, transport, connectionId }, repeat);
  return { offer, message: channel.send(message), types };
}
