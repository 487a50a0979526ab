/**
 * Which record a device at first contact belongs to: by its key, or by the
 * claimed id of an expected device whose code it proves. A claimed id alone
 * finds nothing.
 */
import { hex } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { isWeakKey } from "../../proto/key-update/weak-key.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import type { Claim, DeviceRecord } from "../registry/record.ts";
import { deviceByKey } from "../registry/registry.ts";
import type { Registry } from "../registry/registry.ts";
import { isNoProof, verifySetupProof } from "./setup.ts";

export interface Match {
  readonly record: DeviceRecord | null;
  /** Whether the setup proof holds; null where there was none or no code to check it with. */
  readonly setupProofValid: boolean | null;
  /** Whether others may hold the key as well, so that showing it proves nothing; looked at where it would. */
  readonly weakKey: boolean;
  /** An expected record that the device's own record takes in when it is stored. */
  readonly absorbs: string | null;
}

export interface FirstContact {
  readonly peer: Pick<SelfSignedPeer, "publicKey" | "spkiHash">;
  readonly inner: Claim | null;
  /** The User-Password of the tunnel; null in EAP-TLS, which carries none. */
  readonly password: Uint8Array | null;
}

/** Finds the record and checks the setup proof against it. */
export function matchFirstContact(
  registry: Registry,
  crypto: Crypto,
  contact: FirstContact,
): Match {
  const { inner } = contact;
  const { spkiHash, publicKey } = contact.peer;
  const password =
    contact.password === null || isNoProof(contact.password) ? null : contact.password;
  const holds = (code: string): boolean | null =>
    password === null ? null : verifySetupProof(crypto, code, hex(spkiHash), password);

  const known = deviceByKey(registry, spkiHash);
  if (known !== null && (known.setupCode !== null || known.state !== "pending")) {
    const valid = known.setupCode === null ? null : holds(known.setupCode);
    const isEnough = known.state === "expected" && valid !== true;
    const weakKey = isEnough && publicKey.kind === "ec" && isWeakKey(crypto, publicKey.point);
    return { record: known, setupProofValid: valid, weakKey, absorbs: null };
  }

  const weakKey = false;
  const expected = inner === null ? [] : expectedWithCode(registry, inner.id);
  const proven = expected.find(({ setupCode }) => setupCode !== null && holds(setupCode) === true);
  if (proven === undefined) {
    const valid = expected.length > 0 && password !== null ? false : null;
    return { record: known, setupProofValid: valid, weakKey, absorbs: null };
  }
  if (known === null) return { record: proven, setupProofValid: true, weakKey, absorbs: null };
  // It came before the owner imported its code: what the list says joins the record that is there.
  const { setupCode, name, type, placement, class: deviceClass } = proven;
  const merged = {
    ...known,
    class: deviceClass,
    setupCode,
    name: name ?? known.name,
    type: type ?? known.type,
    placement: placement ?? known.placement,
  };
  return { record: merged, setupProofValid: true, weakKey, absorbs: proven.id };
}

function expectedWithCode(registry: Registry, claimedId: string): DeviceRecord[] {
  return [...registry.devices.values()].filter(
    (record) =>
      record.state === "expected" && record.setupCode !== null && record.claim?.id === claimedId,
  );
}
