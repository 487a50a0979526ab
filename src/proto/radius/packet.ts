/**
 * The RADIUS packet: header and attributes, form only. Who may speak, and
 * whether anything in it holds, is decided by `endpoint.ts` and `das.ts`.
 */
import { Reader, Writer } from "../../base/bytes.ts";
import { RadiusDiscard } from "./failure.ts";

export const ACCESS_REQUEST = 1;
export const ACCESS_ACCEPT = 2;
export const ACCESS_REJECT = 3;
export const ACCOUNTING_REQUEST = 4;
export const ACCOUNTING_RESPONSE = 5;
export const ACCESS_CHALLENGE = 11;
export const STATUS_SERVER = 12;
export const DISCONNECT_REQUEST = 40;
export const DISCONNECT_ACK = 41;
export const DISCONNECT_NAK = 42;

/** Octets of Code, Identifier, Length and Authenticator. */
export const HEADER_LENGTH = 20;
/** The longest packet (RFC 2865 §3). */
export const MAX_PACKET_LENGTH = 4096;
/** The longest value of one attribute: 255 less its type and length octets (RFC 2865 §5). */
export const MAX_VALUE_LENGTH = 253;

/** One attribute as it travels: `value` is at most 253 octets and may be empty. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface Packet {
  readonly code: number;
  readonly identifier: number;
  /** Request or Response Authenticator, 16 octets. */
  readonly authenticator: Uint8Array;
  readonly attributes: readonly Attribute[];
}

/** A packet that arrived, with the octets that its authenticators cover. */
export interface ReceivedPacket extends Packet {
  /** The packet without the padding behind it, 20 to 4096 octets. */
  readonly bytes: Uint8Array;
}

/**
 * Reads one packet from one UDP datagram.
 *
 * @param datagram - One packet; octets after its own Length are padding and are
 *   ignored. The result borrows from this buffer.
 * @returns Attributes in wire order, repeats kept: EAP-Message (79) is split
 *   over several of them and only its order makes it whole.
 * @throws {@link RadiusDiscard} `truncated`, `bad-length` or `bad-attribute`. A bad
 *   attribute length too, where RFC 2865 §5 would rather reject: what cannot be
 *   walked cannot be authenticated, so it gets no answer.
 * @see RFC 2865 §3 (packet), §5 (attributes)
 */
export function parsePacket(datagram: Uint8Array): ReceivedPacket {
  const header = new Reader(datagram, (at) => new RadiusDiscard("truncated", at));
  const code = header.u8();
  const identifier = header.u8();
  const length = header.u16();
  if (length < HEADER_LENGTH || length > MAX_PACKET_LENGTH)
    throw new RadiusDiscard("bad-length", 2);
  const authenticator = header.take(16);

  const attributes = parseAttributes(header.take(length - HEADER_LENGTH));
  return { code, identifier, authenticator, attributes, bytes: datagram.subarray(0, length) };
}

function parseAttributes(body: Uint8Array): readonly Attribute[] {
  const attributes: Attribute[] = [];
  const fields = new Reader(body, (at) => new RadiusDiscard("bad-attribute", HEADER_LENGTH + at));
  while (fields.remaining > 0) {
    const start = fields.at;
    const type = fields.u8();
    const length = fields.u8();
    if (length < 2) throw new RadiusDiscard("bad-attribute", HEADER_LENGTH + start);
    attributes.push({ type, value: fields.take(length - 2) });
  }
  return attributes;
}

/**
 * The octets of a packet, its authenticator taken as it is.
 *
 * @throws RangeError for a value above 253 octets or a packet above 4096: both
 *   are faults of the caller.
 */
export function encodePacket(packet: Packet): Uint8Array {
  const length = HEADER_LENGTH + encodedLength(packet.attributes);
  if (length > MAX_PACKET_LENGTH) {
    throw new RangeError(`a RADIUS packet of ${length} octets is above ${MAX_PACKET_LENGTH}`);
  }
  if (packet.authenticator.length !== 16) throw new RangeError("an authenticator has 16 octets");

  const out = new Writer(length).u8(packet.code).u8(packet.identifier).u16(length);
  out.raw(packet.authenticator);
  for (const { type, value } of packet.attributes) {
    if (value.length > MAX_VALUE_LENGTH) {
      throw new RangeError(
        `attribute ${type} has ${value.length} octets, above ${MAX_VALUE_LENGTH}`,
      );
    }
    out
      .u8(type)
      .u8(value.length + 2)
      .raw(value);
  }
  return out.bytes();
}

/** Octets these attributes take on the wire. */
export function encodedLength(attributes: readonly Attribute[]): number {
  return attributes.reduce((length, { value }) => length + 2 + value.length, 0);
}
