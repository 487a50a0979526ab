/**
 * How a home lets go of a device. It revokes first and signs afterwards: a
 * token can only be made for a device whose certificates are withdrawn, so no
 * home signs away what it goes on trusting. The old owner's certificate is dead
 * before the new owner's exists.
 */
import { hex, sameBytes } from "../../base/bytes.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import { unix } from "../../base/machine.ts";
import type { Unix } from "../../base/machine.ts";
import type { EcPublicKey } from "../../proto/x509/key.ts";
import type { DeviceRecord } from "../registry/record.ts";
import type { Registry } from "../registry/registry.ts";
import { OwnershipFailure } from "./failure.ts";
import { MAX_COUNTER, signToken, verifyReceipt } from "./objects.ts";
import type { Receipt, ReleaseReason, SigningTools } from "./objects.ts";

let withdrawn: (deviceId: string, spkiHash: string) => Withdrawn;

/** A device that this home has let go of on its own record. Only {@link withdrawnAt} makes one. */
export class Withdrawn {
  readonly deviceId: string;
  /** SHA-256 over the SubjectPublicKeyInfo of its key in use, in hexadecimal. */
  readonly spkiHash: string;
  // A private field makes the type nominal: no object literal passes for a Withdrawn.
  readonly #holds = true;

  static {
    withdrawn = (deviceId, spkiHash) => new Withdrawn(deviceId, spkiHash);
  }

  private constructor(deviceId: string, spkiHash: string) {
    this.deviceId = deviceId;
    this.spkiHash = spkiHash;
  }

  /** Whether `value` was made by {@link withdrawnAt}, for callers the type system does not reach. */
  static is(value: unknown): value is Withdrawn {
    return typeof value === "object" && value !== null && #holds in value && value.#holds;
  }
}

/**
 * The device, once it is released on record and none of its certificates is
 * good any more: each is revoked for good, or has ended.
 *
 * @param registry - as stored: what is not stored is not withdrawn
 * @throws {@link OwnershipFailure} `not-withdrawn`, `theft-locked`, `no-key`
 */
export function withdrawnAt(registry: Registry, deviceId: string, now: Unix): Withdrawn {
  const record = registry.devices.get(deviceId);
  if (record?.state !== "released") throw new OwnershipFailure("not-withdrawn");
  if (record.theftLock) throw new OwnershipFailure("theft-locked");
  for (const { serial, notAfter } of certificatesOf(record, registry)) {
    const revoked = registry.revoked.get(serial);
    // Withdrawn for silence is not for good: a dormant device comes back by itself.
    const forGood = revoked !== undefined && revoked.reason !== "cessationOfOperation";
    if (!forGood && notAfter >= now) throw new OwnershipFailure("not-withdrawn");
  }
  const key = record.keys.findLast(({ role }) => role === "certificate") ?? record.keys.at(-1);
  if (key === undefined) throw new OwnershipFailure("no-key");
  return withdrawn(deviceId, key.spkiHash);
}

/** Those on its record, and those that were issued to it and pushed out there. */
function certificatesOf(
  record: DeviceRecord,
  registry: Registry,
): readonly { readonly serial: string; readonly notAfter: Unix }[] {
  const noted = record.keys.filter((key) => key.role === "certificate");
  const issued = [...registry.issued.values()].filter(({ device }) => device === record.id);
  return [...noted, ...issued];
}

/** The counter of the home's next token: above its last one, and above what a backup has forgotten. */
export function nextCounter(last: number, now: Unix): number {
  return Math.min(MAX_COUNTER, Math.max(last + 1, now));
}

/** A release to sign. */
export interface ReleaseOrder {
  readonly device: Withdrawn;
  /** The device's own, fresh from it. */
  readonly nonce: Uint8Array;
  readonly reason: ReleaseReason;
  /** Known: who does not know the time does not sign. */
  readonly now: Unix;
  /** The counter of the last token for this device; 0 before the first. */
  readonly lastCounter: number;
}

/** A token to send, again and again until its receipt comes. */
export interface SignedRelease {
  readonly token: Uint8Array;
  readonly counter: number;
  readonly deviceId: string;
}

/** Signs the release with the issuing CA's key. Stored before it is sent, it can be sent again after a restart. */
export function signRelease(
  order: ReleaseOrder,
  key: SigningKey,
  tools: SigningTools,
): SignedRelease {
  if (!Withdrawn.is(order.device)) throw new OwnershipFailure("not-withdrawn");
  const { deviceId, spkiHash } = order.device;
  const counter = nextCounter(order.lastCounter, order.now);
  const { reason, nonce, now } = order;
  const fields = { deviceId, spkiHash: hex(spkiHash), counter, time: unix(now), reason, nonce };
  return { token: signToken(fields, key, tools), counter, deviceId };
}

/**
 * Whether the device has confirmed this release: then both sides have signed
 * that it is free.
 *
 * @param device - the key that the token names
 * @throws {@link OwnershipFailure} `malformed`, `unknown-signer`, `bad-signature`, `other-token`
 */
export function checkReceipt(
  release: SignedRelease,
  receipt: Uint8Array,
  device: EcPublicKey,
  crypto: Crypto,
): Receipt {
  const read = verifyReceipt(receipt, device, crypto);
  const same =
    sameBytes(read.tokenHash, crypto.digest("sha256", release.token)) &&
    read.counter === release.counter &&
    read.deviceId === release.deviceId;
  if (!same) throw new OwnershipFailure("other-token");
  return read;
}
