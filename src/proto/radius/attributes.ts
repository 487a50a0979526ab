/**
 * What attributes mean: one row per attribute HomeCA speaks. A row both builds
 * ({@link attribute}) and reads ({@link read}), so number and form stand in one
 * place. Attributes without a row pass through packets untouched: an unknown
 * attribute is never a reason to discard (RFC 2865 §5).
 */
import {
  type Form,
  ifid,
  integer,
  ipv4,
  ipv6,
  octets,
  type Tagged,
  taggedInteger,
  taggedText,
  text,
} from "./forms.ts";
import { type Attribute, MAX_VALUE_LENGTH } from "./packet.ts";

/** One attribute of the dictionary, with its IANA name and number. */
export interface AttributeRow<T> extends Form<T> {
  readonly type: number;
  readonly name: string;
}

const NAMES = new Map<number, string>();

function row<T>(type: number, name: string, form: Form<T>): AttributeRow<T> {
  NAMES.set(type, name);
  return { ...form, type, name };
}

// RFC 2865 §5
export const UserName: AttributeRow<string> = row(1, "User-Name", text);
export const UserPassword: AttributeRow<Uint8Array> = row(2, "User-Password", octets);
export const NasIpAddress: AttributeRow<string> = row(4, "NAS-IP-Address", ipv4);
export const NasPort: AttributeRow<number> = row(5, "NAS-Port", integer);
export const ServiceType: AttributeRow<number> = row(6, "Service-Type", integer);
export const FramedIpAddress: AttributeRow<string> = row(8, "Framed-IP-Address", ipv4);
export const FilterId: AttributeRow<string> = row(11, "Filter-Id", text);
export const FramedMtu: AttributeRow<number> = row(12, "Framed-MTU", integer);
export const ReplyMessage: AttributeRow<string> = row(18, "Reply-Message", text);
export const State: AttributeRow<Uint8Array> = row(24, "State", octets);
export const Class: AttributeRow<Uint8Array> = row(25, "Class", octets);
export const VendorSpecific: AttributeRow<Uint8Array> = row(26, "Vendor-Specific", octets);
export const SessionTimeout: AttributeRow<number> = row(27, "Session-Timeout", integer);
export const IdleTimeout: AttributeRow<number> = row(28, "Idle-Timeout", integer);
/** 0 ends the session when Session-Timeout is over, 1 (RADIUS-Request) authenticates again. */
export const TerminationAction: AttributeRow<number> = row(29, "Termination-Action", integer);
export const CalledStationId: AttributeRow<string> = row(30, "Called-Station-Id", text);
export const CallingStationId: AttributeRow<string> = row(31, "Calling-Station-Id", text);
export const NasIdentifier: AttributeRow<string> = row(32, "NAS-Identifier", text);
export const ProxyState: AttributeRow<Uint8Array> = row(33, "Proxy-State", octets);

// RFC 2866 §5, RFC 2869 §5
/** 1 Start, 2 Stop, 3 Interim-Update, 7 Accounting-On, 8 Accounting-Off. */
export const AcctStatusType: AttributeRow<number> = row(40, "Acct-Status-Type", integer);
export const AcctDelayTime: AttributeRow<number> = row(41, "Acct-Delay-Time", integer);
export const AcctInputOctets: AttributeRow<number> = row(42, "Acct-Input-Octets", integer);
export const AcctOutputOctets: AttributeRow<number> = row(43, "Acct-Output-Octets", integer);
export const AcctSessionId: AttributeRow<string> = row(44, "Acct-Session-Id", text);
export const AcctSessionTime: AttributeRow<number> = row(46, "Acct-Session-Time", integer);
export const AcctTerminateCause: AttributeRow<number> = row(49, "Acct-Terminate-Cause", integer);
export const AcctMultiSessionId: AttributeRow<string> = row(50, "Acct-Multi-Session-Id", text);
/** Unix seconds. */
export const EventTimestamp: AttributeRow<number> = row(55, "Event-Timestamp", integer);
/** 19 is wireless IEEE 802.11, 15 Ethernet. */
export const NasPortType: AttributeRow<number> = row(61, "NAS-Port-Type", integer);
export const ConnectInfo: AttributeRow<string> = row(77, "Connect-Info", text);
export const EapMessage: AttributeRow<Uint8Array> = row(79, "EAP-Message", octets);
export const MessageAuthenticator: AttributeRow<Uint8Array> = row(
  80,
  "Message-Authenticator",
  octets,
);
export const AcctInterimInterval: AttributeRow<number> = row(85, "Acct-Interim-Interval", integer);
export const NasPortId: AttributeRow<string> = row(87, "NAS-Port-Id", text);

// RFC 2868 §3
export const TunnelType: AttributeRow<Tagged<number>> = row(64, "Tunnel-Type", taggedInteger);
export const TunnelMediumType: AttributeRow<Tagged<number>> = row(
  65,
  "Tunnel-Medium-Type",
  taggedInteger,
);
/** Tag, salt and ciphertext; `hidden.ts` seals and opens it. */
export const TunnelPassword: AttributeRow<Uint8Array> = row(69, "Tunnel-Password", octets);
export const TunnelPrivateGroupId: AttributeRow<Tagged<string>> = row(
  81,
  "Tunnel-Private-Group-ID",
  taggedText,
);

// RFC 4372 §2, RFC 3162 §2, RFC 5176 §3.5, RFC 7268 §2
export const ChargeableUserIdentity: AttributeRow<Uint8Array> = row(
  89,
  "Chargeable-User-Identity",
  octets,
);
export const NasIpv6Address: AttributeRow<string> = row(95, "NAS-IPv6-Address", ipv6);
export const FramedInterfaceId: AttributeRow<string> = row(96, "Framed-Interface-Id", ifid);
export const ErrorCause: AttributeRow<number> = row(101, "Error-Cause", integer);
export const EapKeyName: AttributeRow<Uint8Array> = row(102, "EAP-Key-Name", octets);
/** RSN suite selector, OUI and number (RFC 7268 §2.15). */
export const WlanAkmSuite: AttributeRow<number> = row(188, "WLAN-AKM-Suite", integer);

/** The IANA name of an attribute of the dictionary; for logs. */
export function attributeName(type: number): string | null {
  return NAMES.get(type) ?? null;
}

/** One attribute with this value. @throws RangeError for a value without such a form or above 253 octets. */
export function attribute<T>(row: AttributeRow<T>, value: T): Attribute {
  const encoded = row.encode(value);
  if (encoded.length > MAX_VALUE_LENGTH) {
    throw new RangeError(`${row.name} takes ${MAX_VALUE_LENGTH} octets, not ${encoded.length}`);
  }
  return { type: row.type, value: encoded };
}

/** The first value of this attribute, or null where it is absent or malformed. */
export function read<T>(attributes: readonly Attribute[], row: AttributeRow<T>): T | null {
  const first = attributes.find(({ type }) => type === row.type);
  return first === undefined ? null : row.decode(first.value);
}

/** All attributes of one type, in wire order. */
export function all(
  attributes: readonly Attribute[],
  row: AttributeRow<never>,
): readonly Attribute[] {
  return attributes.filter(({ type }) => type === row.type);
}

/** Tunnel-Type VLAN and Tunnel-Medium-Type IEEE 802 (RFC 3580 §3.31). */
const TUNNEL_TYPE_VLAN = 13;
const TUNNEL_MEDIUM_802 = 6;

/**
 * The three attributes that put a port into a VLAN, with tag 0.
 *
 * @param id - 1 to 4094 (IEEE 802.1Q).
 * @throws RangeError outside of that.
 * @see RFC 3580 §3.31
 */
export function vlanAttributes(id: number): readonly Attribute[] {
  if (!Number.isInteger(id) || id < 1 || id > 4094) {
    throw new RangeError(`VLAN ${id} does not exist: use 1 to 4094`);
  }
  return [
    attribute(TunnelType, { tag: 0, value: TUNNEL_TYPE_VLAN }),
    attribute(TunnelMediumType, { tag: 0, value: TUNNEL_MEDIUM_802 }),
    attribute(TunnelPrivateGroupId, { tag: 0, value: String(id) }),
  ];
}
