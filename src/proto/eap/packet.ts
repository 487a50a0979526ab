/**
 * EAP packets: responses in, requests and results out. Form only; which
 * identifier and type are due is the server machine's question.
 *
 * @see RFC 3748 §4 (packet), §5 (types)
 */
import { Reader, Writer } from "../../base/bytes.ts";
import { EapDiscard, EapFailure } from "./failure.ts";

const CODE_REQUEST = 1;
const CODE_RESPONSE = 2;
const CODE_SUCCESS = 3;
const CODE_FAILURE = 4;

export const TYPE_IDENTITY = 1;
export const TYPE_NAK = 3;
const TYPE_EXPANDED = 254;
const VENDOR_IETF = 0;

/** Code, Identifier, Length and Type: what a request spends before its type-data. */
export const REQUEST_HEADER_LENGTH = 5;

/** The longest packet its 16-bit Length can name. */
export const MAX_PACKET_LENGTH = 0xffff;

export interface EapResponse {
  readonly identifier: number;
  /** 0..255. An expanded type of vendor 0 stands here as the type it names; other vendors' stay 254. */
  readonly type: number;
  /** Whether the type was written in its eight-octet form, which a Nak's list then shares. */
  readonly expanded: boolean;
  readonly typeData: Uint8Array;
}

/**
 * Reads one response.
 *
 * @param packet - octets past the packet's own Length are link padding and are
 *   ignored (RFC 3748 §4.1). The result borrows from this buffer.
 * @throws {@link EapDiscard} for anything else than a whole response with a type
 */
export function parseResponse(packet: Uint8Array): EapResponse {
  const header = new Reader(packet, () => new EapDiscard("truncated"));
  const code = header.u8();
  const identifier = header.u8();
  const length = header.u16();
  if (length < REQUEST_HEADER_LENGTH || length > packet.length) throw new EapDiscard("bad-length");
  if (code !== CODE_RESPONSE) throw new EapDiscard("not-a-response");

  const body = new Reader(packet.subarray(header.at, length), () => new EapDiscard("truncated"));
  const type = body.u8();
  if (type !== TYPE_EXPANDED) return { identifier, type, expanded: false, typeData: body.rest() };
  const vendor = body.u24();
  const vendorType = body.u32();
  // RFC 3748 §5.7: below 256 both forms of a type mean the same.
  const known = vendor === VENDOR_IETF && vendorType < TYPE_EXPANDED;
  return {
    identifier,
    type: known ? vendorType : TYPE_EXPANDED,
    expanded: true,
    typeData: body.rest(),
  };
}

/**
 * The types a Nak asks for, in the peer's order; 0 ("none") and other vendors'
 * types are left out, so an empty list means that there is nothing to try.
 *
 * @throws {@link EapFailure} `bad-nak` for an empty or uneven list
 * @see RFC 3748 §5.3.1 (legacy), §5.3.2 (expanded)
 */
export function typesWanted(nak: EapResponse): readonly number[] {
  if (nak.typeData.length === 0) throw new EapFailure("bad-nak");
  const list = new Reader(nak.typeData, () => new EapFailure("bad-nak"));
  const wanted: number[] = [];
  while (list.remaining > 0) {
    if (!nak.expanded) {
      wanted.push(list.u8());
      continue;
    }
    if (list.u8() !== TYPE_EXPANDED) throw new EapFailure("bad-nak");
    const vendor = list.u24();
    const vendorType = list.u32();
    if (vendor === VENDOR_IETF) wanted.push(vendorType);
  }
  return wanted.filter((type) => type !== 0);
}

/** A request; `typeData` is at most 65530 bytes. */
export function encodeRequest(identifier: number, type: number, typeData: Uint8Array): Uint8Array {
  return new Writer()
    .u8(CODE_REQUEST)
    .u8(identifier)
    .u16(REQUEST_HEADER_LENGTH + typeData.length)
    .u8(type)
    .raw(typeData)
    .bytes();
}

/** Success and Failure carry the identifier of the response they answer (RFC 3748 §4.2). */
export function encodeSuccess(identifier: number): Uint8Array {
  return new Writer().u8(CODE_SUCCESS).u8(identifier).u16(4).bytes();
}

export function encodeFailure(identifier: number): Uint8Array {
  return new Writer().u8(CODE_FAILURE).u8(identifier).u16(4).bytes();
}
