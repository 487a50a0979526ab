/**
 * DER, every reader of it: what is read encodes back to the same octets, for
 * DER has one form for everything; anything else is a DerFailure.
 */
import { concat } from "../../../src/base/bytes.ts";
import { DerFailure, DerReader, TAG } from "../../../src/base/der.ts";
import * as der from "../../../src/base/der-write.ts";
import { hold, holdSame, valueOf } from "../expect.ts";

const CONSTRUCTED = 0x20;

export function fuzz(bytes: Uint8Array): void {
  const again = valueOf(() => written(new DerReader(bytes), 0), [DerFailure]);
  if (again !== null) holdSame(again, bytes, "what is read encodes back");
}

/** All elements up to the end as we would write them. */
function written(from: DerReader, depth: number): Uint8Array {
  hold(depth <= 17, "depth is bounded");
  const parts: Uint8Array[] = [];
  while (from.tag >= 0) parts.push(element(from, depth));
  from.end();
  return concat(...parts);
}

function element(from: DerReader, depth: number): Uint8Array {
  const { tag } = from;
  switch (tag) {
    case TAG.boolean:
      return der.boolean(from.boolean());
    case TAG.integer: {
      const { encoding } = from.peek();
      from.integer();
      return encoding;
    }
    case TAG.bitString: {
      const { bytes, unused } = from.bitString();
      return der.bitString(bytes, unused);
    }
    case TAG.octetString:
      return der.octetString(from.octets());
    case TAG.null:
      from.null();
      return der.nullValue();
    case TAG.oid:
      return der.oid(from.oid());
    case TAG.utf8String:
      return der.utf8String(from.text());
    case TAG.bmpString:
      return der.bmpString(from.text());
    case TAG.utcTime:
    case TAG.generalizedTime: {
      const { encoding } = from.peek();
      const year = new Date(from.time() * 1000).getUTCFullYear();
      hold(year >= 0 && year < 10_000, "a year of four digits");
      return encoding;
    }
    default: {
      if ((tag & CONSTRUCTED) === 0) return from.element().encoding;
      const inside = from.nested(tag);
      return der.tagged(tag, written(inside, depth + 1));
    }
  }
}
