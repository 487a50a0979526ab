/** One end of a cell, ours or a peer's, as the driver sees it. */
import type { Cell, Role } from "./cell.ts";
import type { Identities } from "./identities.ts";

/** What one end says of one connection; undefined is what it cannot tell. */
export interface Report {
  readonly version?: string;
  /** As IANA spells it. */
  readonly suite?: string;
  readonly group?: string;
  readonly resumed?: boolean;
  /** Of {@link EXPORTER}, in hexadecimal. */
  readonly exported?: string;
  /** What the other side proved itself with in this connection. */
  readonly peer?: "nothing" | "certificate" | "raw public key";
  /** The application data that came. */
  readonly heard?: string;
}

/** What both ends export: label, no context, 32 octets. */
export const EXPORTER = { label: "EXPORTER-homeca-interop", length: 32 } as const;

/** `lines`: the client says a line, the server says it back in either case. `coap`: GET and its answer. */
export type Application = "lines" | "coap";

/** The client's line in its n-th connection, from 1. It begins with no letter that s_server or s_client obeys. */
export const lineOf = (connection: number): string => `echo ${connection}`;

/** What CoAP servers of ours answer with. */
export const COAP_ANSWER = "coap answer of ours";

export interface Serving {
  readonly port: number;
  /** One for each connection; fulfilled once the last has been served. */
  readonly reports: Promise<readonly Report[]>;
  stop(): Promise<void>;
}

export interface End {
  readonly name: string;
  readonly application: Application;
  /** What it is and its version; null where this machine has it not. */
  readonly is: string | null;
  /** What to install for it. */
  readonly from: string;
  /** Null where it can play the role in the cell, otherwise why it cannot: a clause. */
  cannot(cell: Cell, role: Role): string | null;
  /** Serves on 127.0.0.1 as many connections as the flow takes. */
  serve(cell: Cell, identities: Identities, application: Application): Promise<Serving>;
  /** Connects as often as the flow takes. */
  connect(
    cell: Cell,
    identities: Identities,
    port: number,
    application: Application,
  ): Promise<readonly Report[]>;
}
