/** What the owner's words and the passing of time do to records. */
import type { Unix } from "../../base/machine.ts";
import { step } from "../lifecycle/step.ts";
import type { Change, RevocationReason } from "../registry/change.ts";
import type { DeviceKey, DeviceRecord } from "../registry/record.ts";
import { devicesIn } from "../registry/registry.ts";
import type { Registry } from "../registry/registry.ts";
import type { Release } from "../registry/release.ts";
import { PENDING_SECONDS } from "./limits.ts";

/** Who decided, and when; `at` is null while the time is not known. */
export interface Word {
  readonly by: string;
  readonly at: Unix | null;
}

/** The device is the owner's: it may have a certificate. @throws {@link LifecycleFailure} */
export function approve(record: DeviceRecord, word: Word): Change[] {
  const proven = record.proven === "nothing" ? "owner" : record.proven;
  return [put({ ...record, proven, state: step(record.state, "approve") }, word)];
}

/** The device is not the owner's. @throws {@link LifecycleFailure} */
export function deny(record: DeviceRecord, word: Word): Change[] {
  return [put({ ...record, state: step(record.state, "deny") }, word)];
}

/**
 * Ends the device's membership: the record and every certificate on it.
 * @param event - `revoke` for a device that is lost or misbehaves, `release` for one given away
 * @param at - the time that the revocation list will show
 * @throws {@link LifecycleFailure}
 */
export function withdraw(
  record: DeviceRecord,
  event: "revoke" | "release",
  reason: Exclude<RevocationReason, "cessationOfOperation">,
  by: string,
  at: Unix,
): Change[] {
  const release = event === "release" ? releaseOf(record) : null;
  const ended = put({ ...record, state: step(record.state, event), release }, { by, at });
  return [ended, ...revocations(record, reason, at)];
}

/** What is owed to a device that speaks with its home by itself; any other takes no token. */
function releaseOf({ deviceId, keys }: DeviceRecord): Release | null {
  const key = keys.findLast(({ role }) => role === "certificate");
  if (deviceId === null || key === undefined) return null;
  return { spkiHash: key.spkiHash, sent: null, receipt: null, confirmedAt: null };
}

/** Withdraws those of the device's certificates that later ones have pushed off its record. */
export function withdrawUnlisted(
  registry: Registry,
  record: DeviceRecord,
  reason: RevocationReason,
  at: Unix,
): Change[] {
  const listed = new Set(
    record.keys.map((key) => (key.role === "certificate" ? key.serial : null)),
  );
  return [...registry.issued.values()].flatMap(({ serial, device, notAfter }): Change[] =>
    device === record.id && notAfter >= at && !listed.has(serial)
      ? [{ kind: "revoke-serial", serial, reason, at }]
      : [],
  );
}

/**
 * Takes in again what was revoked or released: pending as on its first day,
 * with nothing proven and none of its certificates. A device that confirmed its
 * release comes by the key it had then, and no longer by its first one, which
 * its maker may have; whoever had it meanwhile may know that key.
 * @throws {@link LifecycleFailure}
 */
export function readmit(record: DeviceRecord, word: Word): Change[] {
  const { release } = record;
  const state = step(record.state, "readmit");
  const keys: readonly DeviceKey[] =
    release === null || release.receipt === null
      ? record.keys.filter((key) => key.role === "first-contact")
      : [{ role: "first-contact", spkiHash: release.spkiHash }];
  const first = { keys, keyUpdates: 0, discoveryKey: null, release: null, theftLock: false };
  return [put({ ...record, ...first, state, proven: "nothing", firstSeen: word.at }, word)];
}

/** Not seen for the window t: its certificates are withdrawn until it proves that it lives. @throws {@link LifecycleFailure} */
export function fallDormant(record: DeviceRecord, at: Unix): Change[] {
  const dormant: DeviceRecord = { ...record, state: step(record.state, "silence") };
  return [{ kind: "put", record: dormant }, ...revocations(record, "cessationOfOperation", at)];
}

/**
 * Forgets a device that has been dormant for a year. It ends as one that is
 * given up does, and so does a certificate that the owner may have made for it
 * since. @throws {@link LifecycleFailure}
 */
export function forget(record: DeviceRecord, at: Unix): Change[] {
  const ended = withdraw(record, "release", "privilegeWithdrawn", "silence", at);
  return [...ended, { kind: "remove", id: record.id }];
}

/** The device lives: it has proved so, or its owner has it in hands. @throws {@link LifecycleFailure} */
export function comeBack(record: DeviceRecord): DeviceRecord {
  return { ...record, state: step(record.state, "return") };
}

/**
 * Forgets the pending records that nobody decided for a day. One that came
 * while the time was not known begins its day now, and so does one from the
 * future, which a wrong clock has written.
 */
export function tidyPending(registry: Registry, now: Unix): Change[] {
  return devicesIn(registry, "pending").flatMap((record): Change[] => {
    const { id, firstSeen } = record;
    if (firstSeen === null || firstSeen > now) {
      return [{ kind: "put", record: { ...record, firstSeen: now } }];
    }
    return now - firstSeen >= PENDING_SECONDS ? [{ kind: "remove", id }] : [];
  });
}

function put(record: DeviceRecord, { by, at }: Word): Change {
  return { kind: "put", record: { ...record, decidedAt: at, decidedBy: by } };
}

function revocations(record: DeviceRecord, reason: RevocationReason, at: Unix): Change[] {
  return record.keys.flatMap((key): Change[] =>
    key.role === "certificate" && key.notAfter >= at
      ? [{ kind: "revoke-serial", serial: key.serial, reason, at }]
      : [],
  );
}
