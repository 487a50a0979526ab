/** What a TLS server is told, what it says, and what it leaves behind: the seam of this folder. */
import type { Crypto, EcdhGroup, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import type { AlertName } from "./alert.ts";
import type { TlsFailure } from "./failure.ts";
import type { Suite } from "./suites.ts";

export interface TlsServerConfig {
  readonly crypto: Crypto;
  /** Drawn from in a fixed order: server random, ephemeral key, signature. */
  readonly random: RandomSource;
  /** DER, the server's own first; at least one. */
  readonly certificates: readonly Uint8Array[];
  /** The private key of the first certificate. */
  readonly key: SigningKey;
  /** `asked`: a client without a certificate goes on without one. `required`: it is refused. */
  readonly clientCertificate: "none" | "asked" | "required";
  /** DER names of the CAs a client certificate may come from; empty means any. */
  readonly authorities: readonly Uint8Array[];
  /** What `TlsServer` speaks; of what a client offers it takes the highest. Default both. */
  readonly versions?: readonly TlsVersion[];
  /** Of TLS 1.2, in order of preference; the server's order decides. Default `DEFAULT_SUITES`. */
  readonly suites?: readonly Suite[];
  /** Of TLS 1.3, likewise. Default `DEFAULT_SUITES_13`. */
  readonly suites13?: readonly Suite[];
  /** In order of preference; the server's order decides. Default `DEFAULT_GROUPS`. */
  readonly groups?: readonly EcdhGroup[];
  /**
   * Application protocols (ALPN) in order of preference, one character per
   * octet. With a list a client that offers none of them is refused; without
   * one its offer is ignored (RFC 7301 §3.2).
   */
  readonly applicationProtocols?: readonly string[];
  /** Octets in the body of one handshake message, at most; default 65536. */
  readonly maxHandshakeBytes?: number;
  /** Gets the secrets as lines in the NSS key log format. For debugging only: whoever reads it reads everything. */
  readonly keyLog?: (line: string) => void;
}

export type TlsVersion = "TLS 1.2" | "TLS 1.3";

export type TlsInput =
  /** From the peer, in any chunking. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Answers `verify-peer`: the chain is good, this is the key of its first certificate. */
  | { readonly kind: "peer-accepted"; readonly publicKey: PublicKey }
  /** Answers `verify-peer`: the chain is refused with this alert; the reason goes to the log. */
  | { readonly kind: "peer-rejected"; readonly alert: AlertName; readonly reason: string }
  /** Application data for the peer; only after `established`. */
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** Ends the connection in order, with close_notify. */
  | { readonly kind: "close" };

export type TlsOutput =
  /** Whole records for the peer. */
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** DER certificates, the peer's own first. The machine waits for `peer-accepted` or `peer-rejected`. */
  | { readonly kind: "verify-peer"; readonly chain: readonly Uint8Array[] }
  | { readonly kind: "established"; readonly session: TlsSession }
  /** Application data from the peer. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
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
  readonly group: EcdhGroup;
  /** 32 bytes each. */
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  /** The name the client asked for (SNI), in lower case. */
  readonly serverName: string | null;
  /** The application protocol chosen. */
  readonly alpn: string | null;
  /** What `peer-accepted` answered, or empty for a client without a certificate. */
  readonly clientChain: readonly Uint8Array[];
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
