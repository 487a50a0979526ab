/**
 * One authenticated request as it is handed up: the packet with the attributes
 * that HomeCA asks about. Values are read when they are asked for; a missing or
 * malformed one is null.
 */
import {
  AcctSessionId,
  AcctStatusType,
  type AttributeRow,
  CalledStationId,
  CallingStationId,
  Class,
  FramedMtu,
  NasIdentifier,
  NasIpAddress,
  NasPortType,
  read,
  ServiceType,
  State,
  UserName,
  UserPassword,
} from "./attributes.ts";
import type { RadiusClient } from "./clients.ts";
import { eapMessage } from "./eap-message.ts";
import { RadiusDiscard } from "./failure.ts";
import { openUserPassword, type Sealing } from "./hidden.ts";
import type { Attribute, Packet } from "./packet.ts";

/** The socket a datagram belongs to: port 1812 or 1813. */
export type RadiusService = "auth" | "acct";

/** An IP address in text without brackets or zone, and a UDP port. */
export interface RadiusPeer {
  readonly address: string;
  readonly port: number;
  /** The caller's name for the socket a datagram came in at; it comes back with the answer, which must leave there. */
  readonly via?: string;
}

export class RadiusRequest {
  /** Unique in its server's life: Identifiers come round, this does not. */
  readonly id: number;
  /** Access-Request (1) or Accounting-Request (4). */
  readonly code: number;
  readonly service: RadiusService;
  readonly from: RadiusPeer;
  /** The client's name in the table of clients. */
  readonly client: Pick<RadiusClient, "name">;
  readonly identifier: number;
  /** Request Authenticator, 16 octets. */
  readonly authenticator: Uint8Array;
  /** In wire order; they borrow from the datagram. */
  readonly attributes: readonly Attribute[];
  /** The EAP packet, empty for EAP-Start, null where the request carries no EAP. */
  readonly eap: Uint8Array | null;
  /** What our last Access-Challenge carried, octet for octet. */
  readonly state: Uint8Array | null;
  readonly #sealing: Sealing;

  /** @throws {@link RadiusDiscard} `scattered-eap-message` or `repeated-state`. */
  constructor(
    origin: {
      readonly id: number;
      readonly service: RadiusService;
      readonly from: RadiusPeer;
      readonly client: RadiusClient;
    },
    packet: Packet,
    sealing: Sealing,
  ) {
    this.id = origin.id;
    this.service = origin.service;
    this.from = origin.from;
    this.client = { name: origin.client.name };
    this.code = packet.code;
    this.identifier = packet.identifier;
    this.authenticator = packet.authenticator;
    this.attributes = packet.attributes;
    this.#sealing = sealing;
    this.eap = eapMessage(packet.attributes);
    this.state = read(packet.attributes, State);
    if (packet.attributes.filter(({ type }) => type === State.type).length > 1) {
      throw new RadiusDiscard("repeated-state", 0);
    }
  }

  /** The outer identity under EAP: routing, never authorization (RFC 9190 §5.6). */
  get userName(): string | null {
    return this.#read(UserName);
  }

  /** User-Password with the secret taken off (RFC 2865 §5.2). Under a wrong secret it is noise, not null. */
  get userPassword(): Uint8Array | null {
    const sealed = this.#read(UserPassword);
    return sealed === null ? null : openUserPassword(this.#sealing, sealed);
  }

  /** `AA-BB-CC-DD-EE-FF` of the supplicant, as most NASes write it (RFC 3580 §3.21). */
  get callingStationId(): string | null {
    return this.#read(CallingStationId);
  }

  /** `AA-BB-CC-DD-EE-FF:SSID` of the access point (RFC 3580 §3.20). */
  get calledStationId(): string | null {
    return this.#read(CalledStationId);
  }

  get nasIdentifier(): string | null {
    return this.#read(NasIdentifier);
  }

  get nasIpAddress(): string | null {
    return this.#read(NasIpAddress);
  }

  /** 19 wireless, 15 Ethernet. */
  get nasPortType(): number | null {
    return this.#read(NasPortType);
  }

  /** 2 Framed, 10 Call Check (MAC authentication). */
  get serviceType(): number | null {
    return this.#read(ServiceType);
  }

  /** Octets of a frame on the link; an EAP packet on 802.1X may have 4 less (RFC 3579 §2.4). */
  get framedMtu(): number | null {
    return this.#read(FramedMtu);
  }

  /** 1 Start, 2 Stop, 3 Interim-Update, 7 Accounting-On, 8 Accounting-Off (RFC 2866 §5.1). */
  get acctStatusType(): number | null {
    return this.#read(AcctStatusType);
  }

  get acctSessionId(): string | null {
    return this.#read(AcctSessionId);
  }

  /** What our Access-Accept put into Class. */
  get class(): Uint8Array | null {
    return this.#read(Class);
  }

  /** Whether the NAS asks for an attribute by sending it with one NUL octet (RFC 7268 §2.2, RFC 4372 §2.2). */
  asksFor(row: AttributeRow<Uint8Array>): boolean {
    const value = this.#read(row);
    return value !== null && value.length === 1 && value[0] === 0;
  }

  #read<T>(row: AttributeRow<T>): T | null {
    return read(this.attributes, row);
  }
}
