/** A revocation list: bounded entries with serial numbers in their form, or a failure of its own. */
import { DerFailure } from "../../../src/base/der.ts";
import { MAX_CRL_ENTRIES, parseCrl, REVOCATION_REASONS } from "../../../src/proto/x509/crl.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { hold, leavesNothing, valueOf } from "../expect.ts";

export function fuzz(bytes: Uint8Array): void {
  const crl = valueOf(() => parseCrl(bytes), [DerFailure, X509Failure]);
  if (crl === null) return;
  leavesNothing(parseCrl, bytes, [DerFailure, X509Failure]);
  hold(crl.entries.size <= MAX_CRL_ENTRIES, "entries are bounded");
  for (const [serial, { reason }] of crl.entries) {
    hold(/^([0-9a-f]{2}){1,20}$/.test(serial), "a serial number in hexadecimal");
    hold(reason in REVOCATION_REASONS, "a reason of the list");
  }
  hold(Number.isSafeInteger(crl.number) && crl.number >= 0, "a number");
}
