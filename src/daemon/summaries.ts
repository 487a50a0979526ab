/** What the owner is shown of this house: itself, its devices and its authority. Nothing here changes anything. */
import { toHex } from "../base/bytes.ts";
import { STATES } from "../policy/lifecycle/table.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { encodePem } from "../proto/x509/pem.ts";
import type { House } from "./house.ts";
import { renewalsOf } from "./keys.ts";
import type * as service from "./management/service.ts";
import { VERSION } from "./version.ts";

/**
 * @param listening - addresses the RADIUS server listens at, for people
 * @param open - EAP conversations under way
 */
export function statusOf(house: House, listening: readonly string[], open: number): service.Status {
  const { homeca, clients, warnings } = house.configuration;
  const counted = [...house.registry.devices.values()].map(({ state }) => state);
  const states = STATES.filter((state) => counted.includes(state));
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
    warnings: [...warnings, ...house.troubles()],
  };
}

export function summaryOf(house: House, record: DeviceRecord): service.DeviceSummary {
  const [session] = house.sessions.ofDevice(record.id);
  const place = session === undefined ? "none" : session.kind === "admit" ? "home" : "quarantine";
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
  };
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
    ...summaryOf(house, record),
    nameBy: record.name?.by ?? null,
    claim: record.claim,
    certificates,
    proven: record.proven,
    keyCase: record.keyCase,
    placement: record.placement,
    theftLock: record.theftLock,
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
