/** The owner asks why: about a device in the network, or about what one may ask of another. */
import { visible } from "../base/text.ts";
import { isPresent, presenceOf, presenceSentence, remedyOf } from "../policy/admission/why.ts";
import type { Certified, Remedy } from "../policy/admission/why.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { Method } from "../policy/rights/aif.ts";
import { verdictOf, verdictSentence } from "../policy/rights/why.ts";
import type { RightsVerdict } from "../policy/rights/why.ts";
import { shown } from "./answers.ts";
import type { EventKind, HouseEvent } from "./events.ts";
import type { House } from "./house.ts";
import type { Explanation, Fix, Question } from "./management/service.ts";
import { knownTarget, ownPath, targetWords } from "./rights.ts";
import { subjectOf } from "./subject.ts";
import { certifiedUntil, placeIn } from "./summaries.ts";

const LABELS: Readonly<Record<Remedy, string>> = {
  approve: "Let it in",
  readmit: "Take it in again",
};

/** What admission says of a device each time it comes. */
const VERDICTS: readonly EventKind[] = ["admitted", "quarantined", "refused"];

/** @param at - when; null for now */
export function whyHere(house: House, record: DeviceRecord, at: number | null): Explanation {
  if (at !== null) return whyThen(house, record, at);
  const presence = presenceOf(record, placeIn(house, record), certifiedOf(house, record));
  const remedy = remedyOf(presence);
  return {
    can: isPresent(presence),
    sentence: presenceSentence(presence, subjectOf(record, null)),
    fix:
      remedy === null
        ? null
        : { label: LABELS[remedy], method: remedy, arguments: { id: record.id } },
  };
}

/** What was decided last before that time; the past has no fix. */
function whyThen(house: House, record: DeviceRecord, at: number): Explanation {
  const decided = (event: HouseEvent): boolean =>
    event.at !== null && event.at <= at && VERDICTS.includes(event.kind);
  const last = house.events.select({ device: record.id }).findLast(decided);
  if (last !== undefined) return { can: last.kind === "admitted", sentence: last.text, fix: null };
  const sentence = `Nothing was decided about ${shown(record)} between the start of HomeCA and that time: look at the audit log, or at logread.`;
  return { can: false, sentence, fix: null };
}

function certifiedOf(house: House, record: DeviceRecord): Certified {
  if (certifiedUntil(house, record) !== null) return "good";
  const serials = record.keys.flatMap((key) => (key.role === "certificate" ? [key.serial] : []));
  if (serials.length === 0) return "none";
  return serials.some((serial) => house.registry.revoked.has(serial)) ? "withdrawn" : "ended";
}

/** @throws ManagementFailure `unknown-device`, `bad-argument` */
export function whyMay(
  house: House,
  record: DeviceRecord,
  {
    to,
    path,
    method,
  }: Pick<Question, "path"> & { readonly to: string; readonly method: Method | null },
): Explanation {
  const { registry } = house;
  const place = path === null ? null : ownPath(path);
  const target = knownTarget(registry, to);
  const asked = target.kind === "device" ? (registry.devices.get(target.id) ?? null) : null;
  const verdict = verdictOf(record, { target, asked, path: place, method });
  const titles = { asker: shown(record), target: targetWords(registry, target) };
  const sentence = verdictSentence(verdict, titles, { path, method });
  return {
    can: verdict === "allowed" || verdict === "itself",
    sentence,
    fix: fixOf(house, record, asked, verdict, { to, path, method }),
  };
}

/** Granting mends what is not granted; a device that is out comes first. */
function fixOf(
  house: House,
  asker: DeviceRecord,
  asked: DeviceRecord | null,
  verdict: RightsVerdict,
  {
    to,
    path,
    method,
  }: { readonly to: string; readonly path: string | null; readonly method: Method | null },
): Fix | null {
  if (verdict === "asker-out") return whyHere(house, asker, null).fix;
  if (verdict === "target-out") return asked === null ? null : whyHere(house, asked, null).fix;
  if (path === null || !UNGRANTED.includes(verdict)) return null;
  const methods = method ?? "GET";
  return {
    label: `Grant ${methods} ${visible(path)}`,
    method: "grant",
    arguments: { id: asker.id, to, path, methods },
  };
}

/** What granting mends. */
const UNGRANTED: readonly RightsVerdict[] = ["no-right", "other-path", "other-method"];
