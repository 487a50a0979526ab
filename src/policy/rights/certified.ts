/**
 * Rights as certificates carry them. A certificate says what its device might
 * ask when it was issued; once the record says less, the certificate is
 * withdrawn, and others learn it from the revocation list. The device itself
 * may still renew with it.
 */
import { sameBytes } from "../../base/bytes.ts";
import { DerFailure } from "../../base/der.ts";
import type { Unix } from "../../base/machine.ts";
import type { Certificate } from "../../proto/x509/certificate.ts";
import { X509Failure } from "../../proto/x509/failure.ts";
import { aclValueOf, encodeAclValue, parseAcl } from "../ca/acl.ts";
import type { AclRule } from "../ca/acl.ts";
import type { Change, RevocationReason } from "../registry/change.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { RightsFailure } from "./failure.ts";
import { aclOf, rightsOf } from "./rights.ts";
import type { Right } from "./rights.ts";

/** What a certificate for this record says of rights: left out where there are none. */
export function certifiedRights({ rights }: Pick<DeviceRecord, "rights">): {
  readonly acl?: readonly AclRule[];
} {
  return rights.length === 0 ? {} : { acl: aclOf(rights) };
}

/** Whether the certificate says of rights what the record says now. */
export function isUpToDate(
  certificate: Pick<Certificate, "extensions">,
  { rights }: Pick<DeviceRecord, "rights">,
): boolean {
  const signed = aclValueOf(certificate);
  if (signed === null || rights.length === 0) return signed === null && rights.length === 0;
  return sameBytes(signed, encodeAclValue(aclOf(rights)));
}

/** The rights that a certificate carries. One that cannot be read in full carries none: who cannot read a rule may not guess. */
export function rightsIn(certificate: Pick<Certificate, "extensions">): readonly Right[] {
  const signed = aclValueOf(certificate);
  if (signed === null) return [];
  try {
    return rightsOf(parseAcl(signed));
  } catch (failure) {
    const isUnreadable =
      failure instanceof DerFailure ||
      failure instanceof X509Failure ||
      failure instanceof RightsFailure;
    if (isUnreadable) return [];
    throw failure;
  }
}

/**
 * Withdraws what may carry rights that the device has no more. The reason is
 * the one that leaves the way back open: quarantine, and renewal.
 */
export function withdrawCarried(record: DeviceRecord, at: Unix): readonly Change[] {
  return certificatesOf(record, at).map((serial) => revocation(serial, "cessationOfOperation", at));
}

/**
 * A record whose device has just renewed, with the two certificates it may be
 * using: the new one, and the one it renewed with. Others that have not ended
 * never came to be used, or are older; they go, so that a device may renew as
 * often as its owner changes his mind.
 *
 * @param kept - their serial numbers
 */
export function retireOthers(
  record: DeviceRecord,
  kept: readonly string[],
  at: Unix,
): { readonly record: DeviceRecord; readonly changes: readonly Change[] } {
  const gone = certificatesOf(record, at).filter((serial) => !kept.includes(serial));
  const keys = record.keys.filter(
    (key) => key.role !== "certificate" || !gone.includes(key.serial),
  );
  const changes = gone.map((serial) => revocation(serial, "superseded", at));
  return { record: { ...record, keys }, changes };
}

/** Serial numbers of those that have not ended. */
function certificatesOf({ keys }: DeviceRecord, at: Unix): readonly string[] {
  return keys.flatMap((key) =>
    key.role === "certificate" && key.notAfter >= at ? [key.serial] : [],
  );
}

function revocation(serial: string, reason: RevocationReason, at: Unix): Change {
  return { kind: "revoke-serial", serial, reason, at };
}
