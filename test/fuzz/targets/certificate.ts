/**
 * A certificate, and what is asked of one: DerFailure or X509Failure and
 * nothing else; what is signed and how stands in the octets as they came; names
 * survive being written anew.
 */
import { DerFailure, DerReader } from "../../../src/base/der.ts";
import {
  MAX_CERTIFICATE_LENGTH,
  parseCertificate,
  spkiHash,
} from "../../../src/proto/x509/certificate.ts";
import { deviceIdOf, isDeviceId } from "../../../src/proto/x509/device-id.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { encodeGeneralNames, nameText, readGeneralNames } from "../../../src/proto/x509/name.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

export function fuzz(bytes: Uint8Array): void {
  const certificate = valueOf(() => parseCertificate(bytes), [DerFailure, X509Failure]);
  if (certificate === null) return;
  leavesNothing(parseCertificate, bytes, [DerFailure, X509Failure]);
  hold(bytes.length <= MAX_CERTIFICATE_LENGTH, "the bound");
  holdSame(certificate.der, bytes, "the octets as they came");
  const tbs = new DerReader(bytes).sequence().element().encoding;
  holdSame(certificate.tbs, tbs, "what is signed");
  hold(/^([0-9a-f]{2}){1,20}$/.test(certificate.serial), "a serial number in hexadecimal");
  for (const name of [certificate.subject, certificate.issuer]) nameText(name);
  spkiHash(certificate.spki, openCrypto);
  const device = deviceIdOf(certificate);
  hold(device === null || isDeviceId(device), "a device's id has its form");
  // Names of a directory and of unsupported kinds are never issued.
  const names = (certificate.extensions.subjectAltName ?? []).filter(
    ({ kind }) => kind !== "directory" && kind !== "unsupported",
  );
  if (names.length === 0) return;
  const again = encodeGeneralNames(names);
  const known = valueOf(() => readGeneralNames(new DerReader(again)), [DerFailure, X509Failure]);
  hold(known !== null && known.length === names.length, "names survive");
  holdSame(encodeGeneralNames(known), again, "names are written one way");
}
