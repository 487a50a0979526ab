/** A client of TLS 1.3 once the handshake is over: tickets come, keys change. */
import type { CertificateType, ResumableSession } from "../connection.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { nextSecret, ticketKey } from "../key-schedule13.ts";
import type { Kdf13, TrafficSecrets } from "../key-schedule13.ts";
import { encodeKeyUpdate, parseKeyUpdate } from "../messages13.ts";
import { parseNewSessionTicket13 } from "../server-messages13.ts";
import type { Suite } from "../suites.ts";
import { epochKeys } from "./agree13.ts";
import type { Connection } from "./greeting.ts";

/** A server that has proved who it is. */
export interface Peer {
  readonly chain: readonly Uint8Array[];
  readonly certificateType: CertificateType;
}

export interface Established {
  readonly kind: "Established";
  readonly suite: Suite;
  readonly kdf: Kdf13;
  /** Those in use. */
  readonly secrets: TrafficSecrets;
  /** Of the keys in use of each direction. */
  readonly clientEpoch: number;
  readonly serverEpoch: number;
  readonly tickets: Tickets;
}

/** What tickets are made of. */
interface Tickets {
  readonly resumption: Uint8Array;
  readonly alpn: string | null;
  readonly peer: Peer;
  /** How many more are taken. */
  readonly left: number;
}

/** Tickets of one connection that are handed out; the server may send more. */
export const MAX_TICKETS = 4;

/** @see RFC 9147 §6.1 */
export const APPLICATION_EPOCH = 3;

/** A ticket goes out as it comes, up to {@link MAX_TICKETS}. @see RFC 8446 §4.6.1 */
export function onNewSessionTicket(
  state: Established,
  message: HandshakeMessage,
  { config, channel }: Connection,
): Established {
  const { suite, kdf, tickets } = state;
  const { lifetimeSeconds, ageAdd, nonce, ticket } = parseNewSessionTicket13(message.body);
  if (tickets.left === 0 || lifetimeSeconds === 0) return state;
  const session: ResumableSession = {
    version: "TLS 1.3",
    suite,
    secret: ticketKey(kdf, tickets.resumption, nonce),
    serverName: config.serverName,
    alpn: tickets.alpn,
    peerChain: tickets.peer.chain,
    peerCertificateType: tickets.peer.certificateType,
    until: null,
  };
  channel.emit({ kind: "ticket", ticket: { ticket, session, lifetimeSeconds, ageAdd } });
  return { ...state, tickets: { ...tickets, left: tickets.left - 1 } };
}

/** @see RFC 8446 §4.6.3 */
export function onKeyUpdate(
  state: Established,
  message: HandshakeMessage,
  connection: Connection,
): Established {
  const { suite, kdf } = state;
  const wanted = parseKeyUpdate(message.body);
  const server = nextSecret(kdf, state.secrets.server);
  const serverEpoch = state.serverEpoch + 1;
  connection.channel.readUnder(epochKeys(kdf, suite, server, serverEpoch));
  const next: Established = { ...state, secrets: { ...state.secrets, server }, serverEpoch };
  return wanted ? updateClientKeys(next, false, connection) : next;
}

/** @param ask - Whether the server is to change its keys too. */
export function updateClientKeys(
  state: Established,
  ask: boolean,
  { channel }: Connection,
): Established {
  const { suite, kdf } = state;
  channel.send(encodeKeyUpdate(ask));
  const client = nextSecret(kdf, state.secrets.client);
  const clientEpoch = state.clientEpoch + 1;
  channel.writeUnder(epochKeys(kdf, suite, client, clientEpoch));
  return { ...state, secrets: { ...state.secrets, client }, clientEpoch };
}
