/** What is looked after each hour: who has been silent for long, records nobody asks for, serials that ended, the revocation list, the sightings. */
import type { Unix } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { fallDormant, forget, tidyPending } from "../policy/admission/owner.ts";
import { AuthorityFailure } from "../policy/ca/failure.ts";
import type { Change } from "../policy/registry/change.ts";
import { RegistryFailure } from "../policy/registry/failure.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { Registry } from "../policy/registry/registry.ts";
import { HostFailure } from "../host/host.ts";
import { shown } from "./answers.ts";
import type { HourSeen } from "./hour.ts";
import type { House } from "./house.ts";
import { KeysFailure } from "./keys.ts";
import { StoreFailure } from "./store/failure.ts";
import { SecretFailure } from "./store/secret.ts";
import type { Reach } from "./withdrawal.ts";

/** Devices whose records are changed together; each may have eight certificates. */
const TOGETHER = 32;

/**
 * What is due is done; what cannot be done now is an error in the log and is tried again in an hour.
 *
 * @param hour - the one that has passed; null at the start of the daemon
 */
export function keepUp(house: House, reach: Reach, hour: HourSeen | null): void {
  const now = house.clock.now();
  // Strangers come and are forgotten; those who follow them shall be noted too.
  house.sightings.retain(house.registry.devices);
  for (const id of house.codes.keys()) if (!house.registry.devices.has(id)) house.codes.delete(id);
  house.presences.settle();
  if (hour !== null) house.presences.tick(hour);
  if (now !== null) {
    attempt(house, () => house.renewKeys(now));
    attempt(house, () => tidy(house, reach, hour, now));
  }
  writeSightings(house, "due");
}

function tidy(house: House, reach: Reach, hour: HourSeen | null, now: Unix): void {
  house.change([...tidyPending(house.registry, now), ...endedSerials(house.registry, now)]);
  // After a start, and after an hour in which nobody could come, everyone has an hour first.
  if (hour !== null && hour.clockKnown && hour.reachable) {
    giveUpSilent(house, reach, now);
    forgetGone(house, now);
  }
  reach.list.renew(now);
}

/** None where none has ended: an entry of the journal for nothing each hour wears the flash. */
function endedSerials({ issued, revoked }: Registry, now: Unix): readonly Change[] {
  const ended = [...issued.values(), ...revoked.values()].some(
    ({ notAfter }) => notAfter !== null && notAfter < now,
  );
  return ended ? [{ kind: "forget-serials", before: now }] : [];
}

/** Their certificates are withdrawn, and listed with all others at once. */
function giveUpSilent(house: House, reach: Reach, now: Unix): void {
  const { overdue } = house.presences;
  if (overdue.length === 0) return;
  for (const some of inParts(overdue)) {
    house.change(some.flatMap((record) => fallDormant(record, now)));
    for (const record of some) putOut(house, reach, record);
    const told = some.map((record) => ({
      device: record.id,
      text: `${shown(record)} was silent for long: what it had is withdrawn until it proves that it lives.`,
    }));
    house.recorded("house", told);
  }
  reach.list.sign();
}

/** Whoever is still on record as there, without having been heard of for days, is there no more. */
function putOut(house: House, reach: Reach, record: DeviceRecord): void {
  const { eviction } = reach;
  reach.endConversations(record.id);
  reach.endAssociations(record.id);
  if (house.sessions.ofDevice(record.id).length === 0) return;
  eviction.evict(record).catch((failure: unknown) => {
    if (!(failure instanceof HostFailure))
      return house.fault("a silent device's eviction", failure);
    // Its sessions are gone, so the next look at the firewall finds what is too much there.
    house.log.limited(
      "silence",
      "error",
      `The firewall did not cut ${shown(record)} off (${visible(failure.message)}), which is tried again within a minute.`,
    );
  });
}

function forgetGone(house: House, now: Unix): void {
  for (const some of inParts(house.presences.longGone)) {
    house.change(some.flatMap((record) => forget(record, now)));
    const told = some.map((record) => ({
      device: record.id,
      text: `${shown(record)} was away for a year and is forgotten.`,
    }));
    house.recorded("house", told);
  }
}

function inParts(records: readonly DeviceRecord[]): readonly (readonly DeviceRecord[])[] {
  const parts: (readonly DeviceRecord[])[] = [];
  for (let at = 0; at < records.length; at += TOGETHER)
    parts.push(records.slice(at, at + TOGETHER));
  return parts;
}

function attempt({ log }: House, body: () => void): void {
  try {
    body();
  } catch (failure) {
    const expected =
      failure instanceof HostFailure ||
      failure instanceof StoreFailure ||
      failure instanceof RegistryFailure ||
      failure instanceof AuthorityFailure ||
      failure instanceof KeysFailure ||
      failure instanceof SecretFailure;
    if (!expected) throw failure;
    log.error(`Upkeep was put off (${failure.message}); it is tried again in an hour.`);
  }
}

/** Losing them harms nobody: they are tried again in an hour. @param wanted - `all` at exit */
export function writeSightings(house: House, wanted: "due" | "all"): void {
  const { sightings, log } = house;
  try {
    sightings.flush(wanted);
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    house.notWritten(failure);
    log.error(
      `When devices were last seen could not be written (${failure.message}): free space or rights there.`,
    );
  }
}
