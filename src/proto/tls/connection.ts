/** What a TLS connection is told, what it says, and what it leaves behind: the seam of this folder. */
import type { Crypto, EcdhGroup, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import type { AlertName } from "./alert.ts";
import type { TlsFailure } from "./failure.ts";
import type { Suite } from "./suites.ts";
import type { TlsVersion } from "./wire.ts";

export type { TlsVersion } from "./wire.ts";

/** How a side shows its key: in a certificate, or bare (RFC 7250). */
export type CertificateType = "x509" | "raw-public-key";

/** What both roles are configured with. */
export interface TlsConfig {
  readonly crypto: Crypto;
  /** Drawn from in a fixed order: our random, ephemeral key, signature. */
  readonly random: RandomSource;
  /** Of what both sides speak the highest is taken. Default both. */
  readonly versions?: readonly TlsVersion[];
  /** Of TLS 1.2, in order of preference; the server's order decides. Default `DEFAULT_SUITES`. */
  readonly suites?: readonly Suite[];
  /** Of TLS 1.3, likewise. Default `DEFAULT_SUITES_13`. */
  readonly suites13?: readonly Suite[];
  /** In order of preference; the server's order decides. Default `DEFAULT_GROUPS`. */
  readonly groups?: readonly EcdhGroup[];
  /**
   * Application protocols (ALPN) in order of preference, one character per
   * octet. With a list, a peer that shares none of them is refused; without one
   * its offer is ignored (RFC 7301 §3.2).
   */
  readonly applicationProtocols?: readonly string[];
  /** Octets in the body of one handshake message, at most; default 65536. */
  readonly maxHandshakeBytes?: number;
  /** Gets the secrets as lines in the NSS key log format. For debugging only: whoever reads it reads everything. */
  readonly keyLog?: (line: string) => void;
}

/** What a side proves itself with. */
export interface Credential {
  /** DER, the side's own first; at least one, unless `publicKeyInfo` stands for it. */
  readonly certificates: readonly Uint8Array[];
  /** The private key of the first certificate, and of `publicKeyInfo`. */
  readonly key: SigningKey;
  /** The same key bare, as a DER SubjectPublicKeyInfo, for peers that want no certificate (RFC 7250). */
  readonly publicKeyInfo?: Uint8Array;
}

/** A key that both sides were given beforehand. Secret. */
export interface PreSharedKey {
  /** 1 to 65535 octets; what the client calls the key on the wire. */
  readonly identity: Uint8Array;
  /** At least 16 octets. TLS 1.3 imports it with SHA-256 and an empty context (RFC 9258). */
  readonly key: Uint8Array;
}

/** What one session leaves for a later one. Secret: it belongs into a store and nowhere else. */
export interface ResumableSession {
  readonly version: TlsVersion;
  readonly suite: Suite;
  /** The master secret (48 octets) of TLS 1.2, or the ticket's own key of TLS 1.3 (as long as the suite's hash). */
  readonly secret: Uint8Array;
  readonly serverName: string | null;
  readonly alpn: string | null;
  /** What the peer proved in the handshake that began it all. */
  readonly peerChain: readonly Uint8Array[];
  readonly peerCertificateType: CertificateType;
  /**
   * Until when it may be resumed, by the clock of the store, however often it
   * is: a peer proves its key again in time. Null before a store has kept it.
   */
  readonly until: Mono | null;
}

/** A ticket, or session id, as a server hands it out: a random name for a session that stays with the server. */
export interface IssuedTicket {
  /** 16 to 255 octets that nobody can guess. */
  readonly ticket: Uint8Array;
  /** At most 604800 (RFC 8446 §4.6.1). */
  readonly lifetimeSeconds: number;
}

/**
 * Where a server keeps sessions. The store's owner decides at each call anew:
 * a session whose peer has been revoked since is not found (RFC 9190 §5.7).
 */
export interface SessionStore {
  /**
   * Null where the owner wants no session kept. From here on the secret is the store's.
   *
   * @param id - The session id that names it on the wire already, 32 octets; null: the store draws a ticket.
   */
  keep(session: ResumableSession, id: Uint8Array | null): IssuedTicket | null;
  /** The session of a ticket that the owner still stands by. It stays until it is spent. */
  find(ticket: Uint8Array): ResumableSession | null;
  /** The peer has proved that it holds the session's secret: the ticket is worth nothing any more. */
  spend(ticket: Uint8Array): void;
}

/** A ticket as a client keeps it, with all it needs to come back. Secret. */
export interface ClientTicket {
  readonly ticket: Uint8Array;
  readonly session: ResumableSession;
  readonly lifetimeSeconds: number;
  /** What hides the ticket's age in TLS 1.3, 32 bits; 0 in TLS 1.2. */
  readonly ageAdd: number;
}

export interface TlsServerConfig extends TlsConfig, Credential {
  /** `asked`: a client without a certificate goes on without one. `required`: it is refused. */
  readonly clientCertificate: "none" | "asked" | "required";
  /** DER names of the CAs a client certificate may come from; empty means any. */
  readonly authorities: readonly Uint8Array[];
  /** How a client may show its key, in order of preference. Default certificates only. */
  readonly clientCertificateTypes?: readonly CertificateType[];
  /** Without one there is no resumption, and no ticket. */
  readonly sessions?: SessionStore;
  /** The key of that identity, or null. With it the suites and modes of pre-shared keys are spoken too, always with ECDHE. */
  readonly preSharedKey?: (identity: Uint8Array) => Uint8Array | null;
  /** A DER OCSPResponse for the first certificate, for clients that ask (RFC 6066 §8); null where there is none. */
  readonly ocspResponse?: () => Uint8Array | null;
}

export interface TlsClientConfig extends TlsConfig {
  /** The name sent as SNI; null sends none. Whether the certificate carries it is for whoever answers `verify-peer`. */
  readonly serverName: string | null;
  /** What to answer a CertificateRequest with; null sends an empty Certificate. */
  readonly credential: Credential | null;
  /** How the server may show its key, in order of preference. Default certificates only. */
  readonly serverCertificateTypes?: readonly CertificateType[];
  /** A session to come back to, `ageMs` milliseconds after its ticket came; the server may decline. */
  readonly resume?: { readonly ticket: ClientTicket; readonly ageMs: number };
  /** Offered beside, or (`suites` allowing) in place of, certificates. */
  readonly preSharedKey?: PreSharedKey;
  /** Ask for an OCSP response with the certificate; it comes with `verify-peer`. Default false. */
  readonly asksOcsp?: boolean;
}

export type TlsInput =
  /** Begins a client's handshake. A server waits for its client and takes no such input. */
  | { readonly kind: "start" }
  /** From the peer, in any chunking. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Answers `verify-peer`: the chain is good, this is the key of its first certificate. */
  | { readonly kind: "peer-accepted"; readonly publicKey: PublicKey }
  /** Answers `verify-peer`: the chain is refused with this alert; the reason goes to the log. */
  | { readonly kind: "peer-rejected"; readonly alert: AlertName; readonly reason: string }
  /** Application data for the peer; only after `established`. */
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** Changes our keys and asks the peer to change its own; only after `established`, and in TLS 1.3. */
  | { readonly kind: "update-keys" }
  /** Ends the connection in order, with close_notify. */
  | { readonly kind: "close" };

/** What a peer has shown, before anybody has judged it. */
export interface PeerCredential {
  /** DER certificates, the peer's own first; one SubjectPublicKeyInfo for a raw public key. */
  readonly chain: readonly Uint8Array[];
  readonly certificateType: CertificateType;
  /** The DER OCSPResponse that came with the peer's own certificate. */
  readonly ocspResponse: Uint8Array | null;
}

export type TlsOutput =
  /** Whole records for the peer. */
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** The machine waits for `peer-accepted` or `peer-rejected`. */
  | ({ readonly kind: "verify-peer" } & PeerCredential)
  | { readonly kind: "established"; readonly session: TlsSession }
  /** Application data from the peer. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** To a client alone, after `established`: a session to come back to. */
  | { readonly kind: "ticket"; readonly ticket: ClientTicket }
  /** The connection is dead; the alert, if there is one to send, went out just before. */
  | { readonly kind: "failed"; readonly failure: TlsFailure }
  /** The connection ended in order. */
  | { readonly kind: "closed" };

/** What ties a protocol inside the connection to it: RFC 5929 §3 (12 bytes) or RFC 9266 (32 bytes). */
export interface ChannelBinding {
  readonly kind: "tls-unique" | "tls-exporter";
  readonly bytes: Uint8Array;
}

/** What both sides agree on once the handshake is over. It outlives the connection. */
export interface TlsSession {
  readonly version: TlsVersion;
  readonly suite: Suite;
  /** Null where no keys were agreed on in this handshake: a session of TLS 1.2 that was resumed. */
  readonly group: EcdhGroup | null;
  /** 32 bytes each. */
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  /** The name the client asked for (SNI), in lower case. */
  readonly serverName: string | null;
  /** The application protocol chosen. */
  readonly alpn: string | null;
  /** What `peer-accepted` answered, then or in the session resumed; empty for a client without a certificate. */
  readonly peerChain: readonly Uint8Array[];
  /** Whether the keys come from an earlier session, and nobody proved a certificate's key in this one. */
  readonly resumed: boolean;
  /** The ticket that the server issued in this handshake; null on the client's side. */
  readonly issuedTicket: Uint8Array | null;
  /** Which pre-shared key both sides have proved to hold; null without one. Such a session leaves no ticket: it is short anyway. */
  readonly pskIdentity: Uint8Array | null;
  readonly channelBinding: ChannelBinding;
  /**
   * Keying material for a use of its own (RFC 5705 §4, RFC 8446 §7.5). `context`
   * null and `context` empty give different bytes in TLS 1.2, the same in TLS
   * 1.3; there in turn other bytes come for another length.
   *
   * @param label - ASCII; those of TLS 1.2 itself are refused there.
   * @param context - At most 65535 bytes.
   * @throws RangeError for such a label or context, and after {@link forget}.
   */
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array;
  /** Overwrites the secret that keys are exported from. */
  forget(): void;
}
