/** Between the authority, which signs, and the registry, which knows what was signed. */
import { sameBytes, toHex } from "../base/bytes.ts";
import type { PublicKey } from "../base/crypto/crypto.ts";
import type { Issued } from "../policy/ca/authority.ts";
import type { IssueTime } from "../policy/ca/issue-time.ts";
import type { DeviceRecord, KeyCase } from "../policy/registry/record.ts";
import { MAX_KEY_UPDATES, withKey } from "../policy/registry/record.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { retireOthers } from "../policy/rights/certified.ts";
import { shown } from "./answers.ts";
import type { House } from "./house.ts";
import type { AuditKind } from "./store/audit.ts";

/** When something is issued now. */
export function issueTimeOf({ clock }: House): IssueTime {
  return { clock: clock.now() ?? "unknown", floor: clock.floor };
}

/**
 * Puts a device's new certificate on record, before anyone sees it: what is not
 * there is not admitted.
 *
 * @param kind - Whose doing it was, for the log.
 * @throws RegistryFailure, HostFailure, StoreFailure; nothing has changed then
 */
export function keepIssued(
  house: House,
  record: DeviceRecord,
  issued: Issued,
  kind: AuditKind,
): void {
  put(house, asBefore(record, issued.spkiHash), issued, kind);
}

/**
 * As {@link keepIssued}, for a key that the device itself asked for: one that a
 * key update led to brings along what followed from it.
 */
export function keepEnrolled(
  house: House,
  record: DeviceRecord,
  issued: Issued,
  publicKey: PublicKey,
): void {
  const { keyUpdates, host } = house;
  const agreed = keyUpdates.agreed(record.id, host.mono());
  const isAgreed =
    agreed !== null && publicKey.kind === "ec" && sameBytes(agreed.publicKey, publicKey.point);
  if (!isAgreed) return keepIssued(house, record, issued, "authority");
  const before = toHex(host.crypto.digest("sha256", spkiOf(agreed.before)));
  const wasAgreed = record.keyCase !== null && isCertified(record, before);
  const updated: DeviceRecord = {
    ...record,
    keyCase: keyCaseOf(wasAgreed, agreed.withShare),
    keyUpdates: wasAgreed ? Math.min(record.keyUpdates + 1, MAX_KEY_UPDATES) : 1,
    discoveryKey: toHex(agreed.discoveryKey),
  };
  put(house, updated, issued, "authority");
  keyUpdates.forget(record.id);
}

function put(
  house: House,
  record: DeviceRecord,
  { serial, spkiHash, notBefore, notAfter }: Issued,
  kind: AuditKind,
): void {
  const keyed = withKey(record, {
    role: "certificate",
    serial,
    spkiHash,
    issuedAt: notBefore,
    notAfter,
  });
  const text = `Issued ${shown(record)} a certificate (serial ${serial}).`;
  // Before the record: it may be attested and not on record, but never on record and not attested.
  house.attest(kind, record.id, serial, text);
  house.change([
    { kind: "put", record: keyed },
    { kind: "issued", serial, device: record.id, spkiHash, notAfter },
  ]);
  house.event(kind, record.id, null, text);
}

/** What is on record of a key update is about the key it led to: another key came about nobody knows how. */
function asBefore(record: DeviceRecord, spkiHash: string): DeviceRecord {
  if (isCertified(record, spkiHash)) return record;
  return { ...record, keyCase: null, discoveryKey: null };
}

function isCertified({ keys }: DeviceRecord, spkiHash: string): boolean {
  return keys.some((key) => key.role === "certificate" && key.spkiHash === spkiHash);
}

/** @param point - of P-256, SEC 1 uncompressed */
function spkiOf(point: Uint8Array): Uint8Array {
  return encodePublicKey({ kind: "ec", curve: "P-256", point });
}

/**
 * Withdraws what a device that has renewed holds beside the certificates that it
 * may be using. They are off its record at once; the list follows when it is
 * signed next, for what they allowed is on it already.
 */
export function retireOld(house: House, device: string, kept: readonly string[]): void {
  const present = house.registry.devices.get(device);
  if (present === undefined) return;
  const at = house.clock.now() ?? house.clock.floor;
  const { record, changes } = retireOthers(present, kept, at);
  if (changes.length > 0) house.change([{ kind: "put", record }, ...changes]);
}

/**
 * Which of the four cases the device's present key came about in. The key
 * before it is nobody else's where this home had agreed on it already; a first
 * one its maker or the last owner may have, however often it is used.
 */
function keyCaseOf(wasAgreed: boolean, withShare: boolean): KeyCase {
  if (withShare) return wasAgreed ? "good-unknown" : "good-known";
  return wasAgreed ? "weak-unknown" : "weak-known";
}
