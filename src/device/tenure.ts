/** Whose the device is, read from the certificates of its home: who may release it, and under which name. */
import { toHex } from "../base/bytes.ts";
import { adopt, withSigners, withTheftLock } from "../policy/ownership/device.ts";
import type { Owner, Ownership as Tenure } from "../policy/ownership/device.ts";
import { parseCertificate } from "../proto/x509/certificate.ts";
import { deviceIdOf } from "../proto/x509/device-id.ts";

/**
 * The device belongs to the home that signed these certificates; null where
 * they do not name it, or no key of a home that could release it.
 * @param chain - DER: its own, then the issuing CA's
 * @throws OwnershipFailure where it belongs to a home already
 */
export function ownedBy(tenure: Tenure, chain: readonly Uint8Array[]): Tenure | null {
  const owner = ownerOf(chain);
  return owner === null ? null : adopt(tenure, owner, null);
}

/** The same home with another chain: the CA before may still sign while one follows the other. */
export function stillOwnedBy(tenure: Tenure, chain: readonly Uint8Array[]): Tenure {
  if (tenure.state !== "owned") return tenure;
  const signer = ownerOf(chain)?.signers[0];
  const [before] = tenure.owner.signers;
  return signer === undefined || before === undefined || signer === before
    ? tenure
    : withSigners(tenure, [signer, before]);
}

export function isTheftLocked(tenure: Tenure): boolean {
  return tenure.state === "owned" && tenure.theftLock;
}

/** The same tenure with the theft lock as the home says. */
export function lockedAs(tenure: Tenure, theftLock: boolean): Tenure {
  return tenure.state === "owned" && tenure.theftLock !== theftLock
    ? withTheftLock(tenure, theftLock)
    : tenure;
}

function ownerOf(chain: readonly Uint8Array[]): Owner | null {
  const [own, issuing] = chain;
  const deviceId = own === undefined ? null : deviceIdOf(parseCertificate(own));
  const key = issuing === undefined ? null : parseCertificate(issuing).publicKey;
  if (deviceId === null || key?.kind !== "ec" || key.curve !== "P-256") return null;
  return { deviceId, signers: [toHex(key.point)] };
}
