/** Why a device was admitted, held or refused: a closed list, and one sentence with the fix for each. */
import type { Unix } from "../../base/machine.ts";
import { visible } from "../../base/text.ts";

export type AdmitReason = "joined" | "certificate-on-record";

export type QuarantineReason =
  | "new-device"
  | "awaiting-owner"
  | "weak-key"
  | "approved"
  | "lost-certificate"
  | "dormant"
  | "certificate-withdrawn"
  | "certificate-lapsed"
  | "certificate-not-on-record"
  | "duplicate-key"
  | "time-unknown"
  | "nothing-proven"
  | "release-waits"
  | "caged";

export type RejectReason =
  | "denied"
  | "revoked"
  | "released"
  | "certificate-revoked"
  | "certificate-ended"
  | "setup-proof-wrong"
  | "onboarding-closed"
  | "too-many-conversations"
  | "too-many-pending"
  | "unknown-address"
  | "not-approved"
  | "backing-off"
  | "internal-error";

export type Reason = AdmitReason | QuarantineReason | RejectReason;

/** Whom a sentence is about. `title` is shown escaped; `id` is what commands take. */
export interface Subject {
  readonly title: string;
  readonly id: string;
  /** Null where no certificate was shown. */
  readonly notAfter: Unix | null;
}

/** One sentence for the owner: what happened, and what to do about it where something can be done. */
export function sentence(reason: Reason, subject: Subject): string {
  const name = visible(subject.title);
  const { id } = subject;
  switch (reason) {
    case "joined":
      return `Admitted ${name}: it joined with its certificate for the first time.`;
    case "certificate-on-record":
      return `Admitted ${name}.`;
    case "new-device":
      return `Held ${name} in quarantine: it is new here; run \`homeca approve ${id}\` if it is yours, \`homeca deny ${id}\` if not.`;
    case "awaiting-owner":
      return `Held ${name} in quarantine: it still waits for you; run \`homeca approve ${id}\` or \`homeca deny ${id}\`.`;
    case "weak-key":
      return `Held ${name} in quarantine: its key is on your list, but it is a published or guessable one that anybody can show; compare the number of the device, then run \`homeca approve ${id}\` or \`homeca deny ${id}\`.`;
    case "approved":
      return `Held ${name} in quarantine: it is approved and gets its certificate now; nothing is left to do.`;
    case "lost-certificate":
      return `Held ${name} in quarantine: it came without its certificate, as after a factory reset; run \`homeca revoke ${id}\` and then \`homeca readmit ${id}\` to pair it again.`;
    case "dormant":
      return `Held ${name} in quarantine: it was away for long and must prove that it lives; one that cannot by itself, such as a phone, gets a new certificate by \`homeca issue ${id} --p12 FILE\`.`;
    case "certificate-withdrawn":
      return `Held ${name} in quarantine: its certificate was withdrawn, as when it was away for long or may do less than before; it can renew it there, otherwise run \`homeca issue ${id} --p12 FILE\`.`;
    case "certificate-lapsed":
      return `Held ${name} in quarantine: its certificate ended on ${ending(subject)}; it can renew it there, otherwise run \`homeca revoke ${id}\` and pair it again.`;
    case "certificate-not-on-record":
      return `Held ${name} in quarantine: its certificate is ours but no record has it, as after restoring an old backup; pair it again, or run \`homeca issue ${id} --p12 FILE\`.`;
    case "duplicate-key":
      return `Held ${name} in quarantine: two devices use its key, so one is a copy; run \`homeca show ${id}\` and revoke the one you do not know.`;
    case "time-unknown":
      return `Held ${name} in quarantine: this router does not know the time yet; check that it reaches a time server.`;
    case "nothing-proven":
      return `Held a visitor in quarantine: it showed no key; give the device a certificate or its own key first.`;
    case "release-waits":
      return `Held ${name} in quarantine: you released it, and it fetches its release there; nothing is left to do.`;
    case "caged":
      return `Held ${name} in its cage: an address proves nothing, so it reaches this router alone; nothing is left to do.`;
    case "denied":
      return `Refused ${name}: you denied it; run \`homeca approve ${id}\` if that was wrong.`;
    case "revoked":
      return `Refused ${name}: it was revoked; run \`homeca readmit ${id}\` to pair it again.`;
    case "released":
      return `Refused ${name}: you released it; run \`homeca readmit ${id}\` if it came back to you.`;
    case "certificate-revoked":
      return `Refused ${name}: its certificate was revoked; run \`homeca issue ${id} --p12 FILE\` if it is still yours.`;
    case "certificate-ended":
      return `Refused ${name}: its certificate ended on ${ending(subject)}; run \`homeca issue ${id} --p12 FILE\` and install the new one.`;
    case "setup-proof-wrong":
      return `Refused ${name}: its setup code does not match; compare the code on its label with the one you imported.`;
    case "onboarding-closed":
      return `Refused ${name}: new devices are not let in now; open pairing if this one is yours.`;
    case "too-many-conversations":
      return `Refused ${name}: too many new devices came within a minute; it will try again by itself.`;
    case "too-many-pending":
      return `Refused ${name}: too many devices wait for you; decide on them with \`homeca list pending\` first.`;
    case "unknown-address":
      return `Refused ${name}: no device of yours comes by this address; if it is yours and can hold no certificate, run \`homeca cage NAME MAC\`.`;
    case "not-approved":
      return `Refused ${name}: it still waits for you; run \`homeca approve ${id}\` if it is yours, \`homeca deny ${id}\` if not.`;
    case "backing-off":
      return `Refused ${name}: it came back too soon after being refused; it may try again later by itself.`;
    case "internal-error":
      return `Refused ${name}: HomeCA has a fault; the log's next line says which, please report it.`;
  }
}

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A day in UTC as people write it: `3 May 2027`. */
export function dayText(time: Unix): string {
  let days = Math.floor(time / 86_400);
  let year = 1970;
  for (; days >= yearLength(year); year++) days -= yearLength(year);
  let month = 0;
  for (; days >= monthLength(year, month); month++) days -= monthLength(year, month);
  return `${days + 1} ${MONTHS[month]} ${year}`;
}

function ending({ notAfter }: Subject): string {
  return notAfter === null ? "a day unknown" : dayText(notAfter);
}

function yearLength(year: number): number {
  return isLeap(year) ? 366 : 365;
}

function monthLength(year: number, month: number): number {
  if (month === 1) return isLeap(year) ? 29 : 28;
  return [3, 5, 8, 10].includes(month) ? 30 : 31;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}
