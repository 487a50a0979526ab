/**
 * Vendor-Specific (26) with the sub-attributes RFC 2865 §5.26 suggests: type and
 * length of one octet each after the vendor's 32-bit number.
 */
import { Reader, Writer } from "../../base/bytes.ts";
import { VendorSpecific } from "./attributes.ts";
import type { Attribute } from "./packet.ts";

/** Microsoft's enterprise number (RFC 2548 §2). */
export const MICROSOFT = 311;

export interface VendorAttribute {
  /** IANA private enterprise number. */
  readonly vendor: number;
  readonly type: number;
  /** At most 247 octets. */
  readonly value: Uint8Array;
}

/** One sub-attribute in a Vendor-Specific of its own, which every reader understands. */
export function vendorAttribute({ vendor, type, value }: VendorAttribute): Attribute {
  const sub = new Writer()
    .u32(vendor)
    .u8(type)
    .u8(value.length + 2);
  return { type: VendorSpecific.type, value: sub.raw(value).bytes() };
}

/**
 * All sub-attributes, in wire order. What does not follow the suggested form is
 * left out from there on: vendors are free to use another, so it is no reason to
 * discard the packet.
 */
export function vendorAttributes(attributes: readonly Attribute[]): readonly VendorAttribute[] {
  return attributes.flatMap(({ type, value }) =>
    type === VendorSpecific.type ? subAttributes(value) : [],
  );
}

function subAttributes(value: Uint8Array): readonly VendorAttribute[] {
  const found: VendorAttribute[] = [];
  const fields = new Reader(value, () => new RangeError("never read past what is there"));
  if (fields.remaining < 4) return found;
  const vendor = fields.u32();
  while (fields.remaining >= 2) {
    const type = fields.u8();
    const length = fields.u8() - 2;
    if (length < 0 || length > fields.remaining) break;
    found.push({ vendor, type, value: fields.take(length) });
  }
  return found;
}
