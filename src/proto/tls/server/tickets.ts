/** What a server keeps of a session and finds again, alike in both versions. */
import type {
  CertificateType,
  IssuedTicket,
  ResumableSession,
  TlsServerConfig,
  TlsVersion,
} from "../connection.ts";
import { wouldAccept } from "./proof.ts";

/** What the client has proved itself with. */
export interface Proven {
  /** Empty for a client without a certificate. */
  readonly chain: readonly Uint8Array[];
  readonly certificateType: CertificateType;
  readonly pskIdentity: Uint8Array | null;
}

/** A client that has proved nothing. */
export const NOBODY: Proven = { chain: [], certificateType: "x509", pskIdentity: null };

export function provenBy({ peerChain, peerCertificateType }: ResumableSession): Proven {
  return { chain: peerChain, certificateType: peerCertificateType, pskIdentity: null };
}

/** Octets of a ticket; what is shorter or longer is none of ours and costs no search. */
const MIN_TICKET_LENGTH = 16;
const MAX_TICKET_LENGTH = 255;

/** Seven days (RFC 8446 §4.6.1). */
const MAX_LIFETIME_SECONDS = 604800;

/** What the hello says now must be what the session was made for. */
export interface Return {
  readonly ticket: Uint8Array;
  readonly version: TlsVersion;
  readonly serverName: string | null;
}

/**
 * The session of a ticket, where the store stands by it and it is one for this
 * server, this version and this name. Anything else is no fault of the
 * client's: it gets a full handshake (RFC 5077 §3.4, RFC 6066 §3).
 */
export function findSession(
  { ticket, version, serverName }: Return,
  config: TlsServerConfig,
): ResumableSession | null {
  if (ticket.length < MIN_TICKET_LENGTH || ticket.length > MAX_TICKET_LENGTH) return null;
  const session = config.sessions?.find(ticket) ?? null;
  if (session === null || session.version !== version) return null;
  if (session.serverName !== serverName) return null;
  return wouldAccept(session.peerChain, session.peerCertificateType, config) ? session : null;
}

/** What of the connection itself makes a session. */
export type Kept = Omit<ResumableSession, "peerChain" | "peerCertificateType">;

/**
 * Gives the session to the store, which owns its secret from here on; null
 * where there is no store, or it wants no such session. A session under a
 * pre-shared key is never kept: it would not say whose it is.
 */
export function keepSession(
  kept: Kept,
  { chain, certificateType, pskIdentity }: Proven,
  { sessions }: TlsServerConfig,
  id: Uint8Array | null = null,
): IssuedTicket | null {
  const session = { ...kept, peerChain: chain, peerCertificateType: certificateType };
  const issued = pskIdentity === null ? (sessions?.keep(session, id) ?? null) : null;
  if (issued === null) {
    kept.secret.fill(0);
    return null;
  }
  const lifetimeSeconds = Math.min(issued.lifetimeSeconds, MAX_LIFETIME_SECONDS);
  return { ticket: issued.ticket, lifetimeSeconds };
}
