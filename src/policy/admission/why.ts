/** Why a device is in the network or not, as its record and its place say it now. */
import { visible } from "../../base/text.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { isOwedRelease } from "../registry/record.ts";
import type { QuarantineReason, RejectReason, Subject } from "./reasons.ts";
import { sentence } from "./reasons.ts";

/** Where it is now. */
export type Whereabouts = "home" | "quarantine" | "none";

/** What the record has of certificates: one that is good now, or what became of the last. */
export type Certified = "good" | "ended" | "withdrawn" | "none";

/** It is here; it may be, and is not; it is known by a list alone; it has a certificate and never came. */
type Own = "here" | "away" | "expected" | "not-joined";

/** Those, and what admission says. */
export type Presence = Own | QuarantineReason | RejectReason;

/** What the owner can do about it with one word; null for nothing. */
export type Remedy = "approve" | "readmit";

export function presenceOf(
  record: DeviceRecord,
  place: Whereabouts,
  certified: Certified,
): Presence {
  if (record.alarm !== null) return record.alarm;
  switch (record.state) {
    case "expected":
      return "expected";
    case "pending":
      return "awaiting-owner";
    case "approved":
      return certified === "none" ? "approved" : "not-joined";
    case "dormant":
    case "denied":
    case "revoked":
      return record.state;
    case "released":
      return isOwedRelease(record) ? "release-waits" : "released";
    case "active":
      return memberPresence(record, place, certified);
  }
}

function memberPresence(record: DeviceRecord, place: Whereabouts, certified: Certified): Presence {
  if (place === "home") return "here";
  if (record.class === "legacy" || record.class === "wired")
    return place === "none" ? "away" : "caged";
  const isHeld = place === "quarantine";
  switch (certified) {
    case "good":
      return isHeld ? "lost-certificate" : "away";
    case "ended":
      return isHeld ? "certificate-lapsed" : "certificate-ended";
    case "withdrawn":
      return isHeld ? "certificate-withdrawn" : "certificate-revoked";
    case "none":
      return "lost-certificate";
  }
}

/** Whether it reaches what it is meant to reach. */
export function isPresent(presence: Presence): boolean {
  return presence === "here" || presence === "caged";
}

const REMEDIES: Readonly<Partial<Record<Presence, Remedy>>> = {
  "awaiting-owner": "approve",
  denied: "approve",
  revoked: "readmit",
  released: "readmit",
};

export function remedyOf(presence: Presence): Remedy | null {
  return REMEDIES[presence] ?? null;
}

/** Of what admission has no sentence for, since it is about nobody who comes. */
const OWN: Readonly<Record<Own, (name: string) => string>> = {
  here: (name) => `${name} is in the network.`,
  away: (name) => `${name} is not here now: it is let in as soon as it comes.`,
  expected: (name) =>
    `${name} is on your list and has not come yet: switch it on near an access point.`,
  "not-joined": (name) =>
    `${name} has its certificate and has not come with it yet: install it on the device and join the network.`,
};

export function presenceSentence(presence: Presence, subject: Subject): string {
  return isOwn(presence) ? OWN[presence](visible(subject.title)) : sentence(presence, subject);
}

function isOwn(presence: Presence): presence is Own {
  return presence in OWN;
}
