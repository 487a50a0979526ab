/** What a DTLS association is told, what it says, and how it is set up: the seam of this folder. */
import type { TlsConfig, TlsInput, TlsOutput } from "../connection.ts";

export type DtlsInput =
  | Exclude<TlsInput, { readonly kind: "bytes" }>
  /** One datagram from the peer, whole. */
  | { readonly kind: "datagram"; readonly bytes: Uint8Array }
  /** `wakeAt` has come. */
  | { readonly kind: "timeout" };

export type DtlsOutput =
  | Exclude<TlsOutput, { readonly kind: "send" }>
  /** One datagram for the peer. */
  | { readonly kind: "datagram"; readonly bytes: Uint8Array };

/** What the datagrams of one association go by. */
export interface DtlsConfig {
  readonly tls: Pick<TlsConfig, "crypto" | "maxHandshakeBytes">;
  /**
   * Octets of UDP payload that pass the path, where somebody knows. Null begins
   * with `INITIAL_MTU` and halves it when flights are lost. Handshake messages
   * are cut to it; application data is sent as it comes.
   */
  readonly mtu: number | null;
  /**
   * What the peer is asked to call us by, at most 255 octets; empty where it
   * need not, but may ask to be called by one of its own. Left out: connection
   * ids are not spoken (RFC 9146 §3, RFC 9147 §9).
   */
  readonly connectionId?: Uint8Array;
  /** Milliseconds until a flight is sent again, at first; default `INITIAL_TIMEOUT_MS`. */
  readonly initialMs?: number;
  /** Whether a wait lengthened by losses holds for the next flight; default true, see `FlightTimerOptions`. */
  readonly keepBackoff?: boolean;
  /**
   * Whether an ACK always waits for what may come with it. Default false: it
   * goes at once where something is missing, or messages came behind the
   * handshake. Both are allowed (RFC 9147 §7.1).
   */
  readonly gatherAcks?: boolean;
  /** Of DTLS 1.3; default `MAX_RECORDS_PER_TRANSMISSION`. */
  readonly maxRecordsPerTransmission?: number;
  /** Records one key protects, where they are to be fewer than the suite's: for tests. */
  readonly maxRecordsPerKey?: number;
  /** Forgeries one key bears, where they are to be fewer than the suite's: for tests. */
  readonly maxForgeriesPerKey?: number;
}
