/**
 * What an EST server wants to find in a request (CSR attributes, RFC 7030
 * §4.5.2, as RFC 9908 §3.2 clarifies it). The template of RFC 9908 §3.4 is left
 * out: a client that knows it must look at nothing else.
 */
import type { EcCurve } from "../../base/crypto/crypto.ts";
import { DerReader, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import { curveOf, encodeCurve, SIGNS_WITH } from "./key.ts";
import { OID } from "./oids.ts";

/** Octets of the longest answer taken, and entries in it; ours has 3 in 43 octets. */
export const MAX_CSR_ATTRIBUTES_LENGTH = 2048;
export const MAX_CSR_ATTRIBUTES = 32;

/** Values of one attribute that are looked at. */
const MAX_VALUES = 8;

export interface CsrAttributes {
  /** The curve of the new key; null where any kind of key will do, or one unknown here is wanted. */
  readonly curve: EcCurve | null;
  /** Whether the request shall say in its challengePassword which connection it was made for (RFC 7030 §3.5). */
  readonly linking: boolean;
}

/** Writes CsrAttrs: the key's curve with the hash that belongs to it, and whether to link. */
export function encodeCsrAttributes({ curve, linking }: CsrAttributes): Uint8Array {
  const entries: Uint8Array[] = [];
  if (linking) entries.push(der.oid(OID.challengePassword));
  if (curve !== null) {
    entries.push(der.sequence(der.oid(OID.ecPublicKey), der.setOf(encodeCurve(curve))));
    entries.push(der.oid(SIGNS_WITH[curve].oid));
  }
  return der.sequence(...entries);
}

/**
 * Reads CsrAttrs. Entries unknown here are passed over, as RFC 7030 §4.5.2 asks.
 * @param encoded - At most {@link MAX_CSR_ATTRIBUTES_LENGTH} bytes.
 * @throws DerFailure; X509Failure `too-large`, `too-many-entries`, and
 *   `unsupported-key` for a curve that no key of ours can lie on.
 */
export function parseCsrAttributes(encoded: Uint8Array): CsrAttributes {
  if (encoded.length > MAX_CSR_ATTRIBUTES_LENGTH) {
    throw new X509Failure("too-large", String(encoded.length));
  }
  const file = new DerReader(encoded);
  const list = file.sequence();
  file.end();
  let curve: EcCurve | null = null;
  let linking = false;
  for (let entries = 0; list.tag >= 0; entries++) {
    if (entries === MAX_CSR_ATTRIBUTES) throw new X509Failure("too-many-entries");
    if (list.tag === TAG.oid) {
      if (list.oid() === OID.challengePassword) linking = true;
      continue;
    }
    const { type, values } = readAttribute(list);
    if (type === OID.challengePassword) linking = true;
    if (type === OID.ecPublicKey) curve = curveIn(values) ?? curve;
  }
  return { curve, linking };
}

function readAttribute(list: DerReader): { readonly type: string; readonly values: DerReader } {
  const attribute = list.sequence();
  const type = attribute.oid();
  const values = attribute.set();
  attribute.end();
  return { type, values };
}

/** The one curve named; null where none is, which leaves it to the client (RFC 9908 §3.2). */
function curveIn(values: DerReader): EcCurve | null {
  let curve: EcCurve | null = null;
  for (let count = 0; values.tag >= 0; count++) {
    if (count === MAX_VALUES) throw new X509Failure("too-many-entries");
    curve = curveOf(values.oid());
  }
  return curve;
}
