/**
 * Attribute-value pairs as Diameter writes them, which is what a TTLS tunnel carries.
 *
 * @see RFC 5281 §10.1 (format), §10.2 (sequences)
 */
import { Reader } from "../../base/bytes.ts";
import { EapFailure } from "./failure.ts";

const FLAG_VENDOR = 0x80;
const FLAG_MANDATORY = 0x40;
const HEADER_LENGTH = 8;
const VENDOR_LENGTH = 4;

/** The longest sequence of AVPs we read, in bytes: a name and a password need a tenth of it. */
export const MAX_AVPS_LENGTH = 4096;

export interface Avp {
  readonly code: number;
  /** 0 for the RADIUS attribute space. */
  readonly vendor: number;
  /** The M flag: a receiver that does not know this AVP must fail. */
  readonly mandatory: boolean;
  readonly value: Uint8Array;
}

/**
 * Reads a sequence of AVPs; the values borrow from `bytes`. Reserved flags are
 * ignored. Every AVP, the last too, must be padded with zeros to four octets.
 *
 * @throws {@link EapFailure} `avps-too-long`, `malformed-avp`
 */
export function parseAvps(bytes: Uint8Array): readonly Avp[] {
  if (bytes.length > MAX_AVPS_LENGTH) throw new EapFailure("avps-too-long");
  const reader = new Reader(bytes, () => new EapFailure("malformed-avp"));
  const avps: Avp[] = [];
  while (reader.remaining > 0) {
    const code = reader.u32();
    const flags = reader.u8();
    const length = reader.u24();
    const hasVendor = (flags & FLAG_VENDOR) !== 0;
    const headerLength = HEADER_LENGTH + (hasVendor ? VENDOR_LENGTH : 0);
    if (length < headerLength) throw new EapFailure("malformed-avp");
    const vendor = hasVendor ? reader.u32() : 0;
    const value = reader.take(length - headerLength);
    const padding = reader.take((4 - (length % 4)) % 4);
    if (padding.some((octet) => octet !== 0)) throw new EapFailure("malformed-avp");
    avps.push({ code, vendor, mandatory: (flags & FLAG_MANDATORY) !== 0, value });
  }
  return avps;
}
