/** What the server behind a datagram socket is told, what it says, and how it is set up. */
import type { TlsServerConfig } from "../connection.ts";
import type { DatagramDiscard } from "./discard.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";
import type { HelloDiscard } from "./listener.ts";
import type { AssociationId } from "./table.ts";

export type { AssociationId } from "./table.ts";

/** Characters of the name the caller has for an address. */
export const MAX_ADDRESS_LENGTH = 64;

export const DEFAULT_MAX_ASSOCIATIONS = 256;
export const DEFAULT_MAX_HANDSHAKES = 64;

/**
 * Octets that may go to an address nobody has been shown to receive at, for
 * each octet that came from there.
 *
 * @see RFC 9147 §5.1
 */
export const UNSHOWN_ADDRESS_FACTOR = 3;

export interface EndpointConfig extends Omit<DtlsConfig, "tls" | "connectionId"> {
  readonly tls: TlsServerConfig;
  /** Default {@link DEFAULT_MAX_ASSOCIATIONS}. */
  readonly maxAssociations?: number;
  /** Of them in a handshake; default {@link DEFAULT_MAX_HANDSHAKES}. */
  readonly maxHandshakes?: number;
  /** Milliseconds without anything authentic after which an association is closed. Null never closes one. */
  readonly idleMs: number | null;
  /**
   * Whether clients that can are asked to call us by an id, so that they are
   * known at another address too. Default true.
   */
  readonly connectionIds?: boolean;
  /** `never` remembers every client at its first word: for tests, and where no address can be forged. Default `always`. */
  readonly cookies?: "always" | "never";
}

type Of<T> = T & { readonly association: AssociationId };
type Each<T> = T extends unknown ? Of<T> : never;

export type EndpointInput =
  /** @property from - At most {@link MAX_ADDRESS_LENGTH} characters: the same for the same address and port, and for no other. */
  | { readonly kind: "datagram"; readonly from: string; readonly bytes: Uint8Array }
  | { readonly kind: "timeout" }
  /**
   * The caller knows that the peer receives where its datagrams come from, such
   * as by an Echo of CoAP (RFC 9175 §2): what goes there is limited no longer.
   */
  | Of<{ readonly kind: "address-shown" }>
  /** For an association that is no more nothing happens: it may have ended while the caller thought. */
  | Each<Exclude<DtlsInput, { readonly kind: "datagram" | "timeout" | "start" }>>;

/** Why an association went that neither side had ended. */
export type DropReason =
  /** Its handshake was the oldest that had not come to its end, and another one needed the room. */
  | "evicted"
  /** The client has begun, or completed, another handshake from its address. */
  | "replaced"
  | "idle";

export type EndpointOutput =
  | { readonly kind: "datagram"; readonly to: string; readonly bytes: Uint8Array }
  | Each<Exclude<DtlsOutput, { readonly kind: "datagram" | "established" }>>
  | Each<
      Extract<DtlsOutput, { readonly kind: "established" }> & {
        readonly from: string;
      }
    >
  /** Its datagrams come from, and go to, another address from here on; see `address-shown`. */
  | Of<{ readonly kind: "moved"; readonly to: string }>
  | Of<{ readonly kind: "dropped"; readonly reason: DropReason }>;

/** Why a datagram, or what we would have sent, came to nothing. */
export type EndpointDiscard =
  | HelloDiscard
  /** Not even a record could be cut out of it. */
  | DatagramDiscard
  | "empty-datagram"
  | "address-too-long"
  /** A connection id that is none of ours. */
  | "unknown-connection-id"
  /** Nothing is known of the address, and it is no hello. */
  | "no-association"
  /** Every place is taken by an association that is established. */
  | "table-full"
  /** Not sent: more than {@link UNSHOWN_ADDRESS_FACTOR} times what came. */
  | "address-not-shown";

/** How often which thing has happened. */
export type Counts<Name extends string> = Readonly<Partial<Record<Name, number>>>;
