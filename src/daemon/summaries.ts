/** What the owner is shown of this house: itself, its devices and its authority. Nothing here changes anything. */
import { toHex } from "../base/bytes.ts";
import type { Unix } from "../base/machine.ts";
import { STATES } from "../policy/lifecycle/table.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { words } from "../policy/rights/words.ts";
import { encodePem } from "../proto/x509/pem.ts";
import type { House } from "./house.ts";
import { renewalsOf } from "./keys.ts";
import * as service from "./management/service.ts";
import { namesIn } from "./rights.ts";
import { VERSION } from "./version.ts";

/** Of a device's rights that a list shows. */
const MAX_WORDS = 4;

/**
 * @param listening - addresses the RADIUS server listens at, for people
 * @param open - EAP conversations under way
 */
export function statusOf(
  house: House,
  listening: readonly string[],
  open: number,
  search: service.SearchState,
): service.Status {
  const { homeca, clients, warnings } = house.configuration;
  const counted = [...house.registry.devices.values()].map(({ state }) => state);
  const states = STATES.filter((state) => counted.includes(state));
  const troubles = house.troubles();
  return {
    version: VERSION,
    homeName: homeca.homeName,
    uptimeSeconds: Math.floor((house.host.mono() - house.started) / 1000),
    timeKnown: house.clock.now() !== null,
    enforce: homeca.enforce,
    radius: listening,
    radiusClients: clients.length,
    accessPoints: house.accessPoints(),
    devices: Object.fromEntries(
      states.map((state) => [state, counted.filter((one) => one === state).length]),
    ),
    windowDays: tenths(house.presences.window.days),
    authenticationsOpen: open,
    counters: house.counters.values,
    warnings: [...warnings, ...troubles.map(({ sentence }) => sentence)],
    parts: partsOf(troubles),
    search,
  };
}

/** Each part once; several troubles of one are told together, with the first fix there is. */
export function partsOf(troubles: readonly service.Trouble[]): readonly service.PartState[] {
  return service.PARTS.map((part) => {
    const own = troubles.filter((trouble) => trouble.part === part);
    const sentence = own.map((trouble) => trouble.sentence).join(" ");
    const fix = own.find((trouble) => trouble.fix !== null)?.fix ?? null;
    return { part, good: own.length === 0, sentence: own.length === 0 ? null : sentence, fix };
  });
}

/** Stands for what a page shows and no change of the record tells: places, access points, troubles, the search. */
export function stampOf(house: House, { seconds, types }: service.SearchState): string {
  const troubles = house.troubles().map(({ sentence }) => sentence);
  const points = house.accessPoints().map(({ name, ssid, stations }) => [name, ssid, stations]);
  return JSON.stringify([house.sessions.version, seconds > 0, types, troubles, points]);
}

export function* summariesOf(
  house: House,
  records: readonly DeviceRecord[],
): Generator<service.DeviceSummary> {
  // Once for all of them: each record for itself would look through all sessions.
  const places = new Map<string, service.Place>();
  for (const { device, kind } of house.sessions.all) {
    if (device !== null && !places.has(device)) places.set(device, placeOf(kind));
  }
  for (const record of records) yield summaryOf(house, record, places.get(record.id) ?? "none");
}

function placeOf(kind: "admit" | "quarantine"): service.Place {
  return kind === "admit" ? "home" : "quarantine";
}

/** Where the device is now. */
export function placeIn(house: House, { id }: DeviceRecord): service.Place {
  const [session] = house.sessions.ofDevice(id);
  return session === undefined ? "none" : placeOf(session.kind);
}

function summaryOf(
  house: House,
  record: DeviceRecord,
  place: service.Place,
): service.DeviceSummary {
  const names = namesIn(house.registry);
  return {
    id: record.id,
    name: record.name?.value ?? record.claim?.name ?? null,
    type: record.type?.value ?? null,
    class: record.class,
    state: record.state,
    place,
    macs: record.macs,
    lastSeen: house.sightings.of(record.id)?.lastSeen ?? null,
    alarm: record.alarm,
    firstSeen: record.firstSeen,
    certifiedUntil: certifiedUntil(house, record),
    proven: record.proven,
    theftLock: record.theftLock,
    groups: record.groups,
    words: record.rights.slice(0, MAX_WORDS).map((right) => words(right, names)),
  };
}

/** The end of the certificate that lasts longest of those that are good now; null for none. */
export function certifiedUntil(house: House, { keys }: DeviceRecord): Unix | null {
  const now = house.clock.now() ?? house.clock.floor;
  let end: Unix | null = null;
  for (const key of keys) {
    if (key.role !== "certificate" || house.registry.revoked.has(key.serial)) continue;
    if (key.notAfter > (end ?? now)) end = key.notAfter;
  }
  return end;
}

export function detailsOf(house: House, record: DeviceRecord): service.DeviceDetails {
  const { registry, events } = house;
  const certificates = record.keys.flatMap((key) =>
    key.role === "certificate"
      ? [
          {
            serial: key.serial,
            issuedAt: key.issuedAt,
            notAfter: key.notAfter,
            revoked: registry.revoked.has(key.serial),
          },
        ]
      : [],
  );
  return {
    ...summaryOf(house, record, placeIn(house, record)),
    nameBy: record.name?.by ?? null,
    claim: record.claim,
    certificates,
    keyCase: record.keyCase,
    code: house.codes.get(record.id) ?? null,
    placement: record.placement,
    silence: silenceOf(house, record),
    release:
      record.release === null
        ? null
        : {
            confirmed: record.release.receipt !== null,
            confirmedAt: record.release.confirmedAt,
          },
    firstSeen: record.firstSeen,
    decidedAt: record.decidedAt,
    decidedBy: record.decidedBy,
    why: events.select({ device: record.id, limit: 1 })[0]?.text ?? null,
  };
}

function silenceOf(house: House, { id }: DeviceRecord): service.Silence | null {
  const patience = house.presences.patience(id);
  if (patience === null) return null;
  const { silentHours: hours, hoursLeft, days, pinnedDays } = patience;
  return {
    hours,
    dormantInHours: hoursLeft === null ? null : Math.ceil(hoursLeft),
    days: tenths(days),
    pinned: pinnedDays !== null,
  };
}

export function tenths(days: number): number {
  return Math.round(days * 10) / 10;
}

export function authorityOf(house: House): service.AuthoritySummary {
  const { root, issuing, server, isRootKeyHere } = house.keys;
  const renewals = renewalsOf(house.keys);
  const { crypto } = house.host;
  return {
    rootPem: encodePem("CERTIFICATE", root.der),
    rootFingerprint: fingerprint(crypto.digest("sha256", root.der)),
    rootKeyFingerprint: fingerprint(crypto.digest("sha256", root.spki)),
    notAfter: root.notAfter,
    issuingNotAfter: issuing.certificate.notAfter,
    issuingRenewsAt: renewals.issuing,
    rootKeyHere: isRootKeyHere,
    serverName: house.configuration.homeca.serverName,
    serverNotAfter: server.certificate.notAfter,
    serverRenewsAt: renewals.server,
  };
}

/** Pairs of upper-case hexadecimal with colons. */
export function fingerprint(digest: Uint8Array): string {
  return toHex(digest).toUpperCase().match(/../gu)!.join(":");
}
