/**
 * Who of this home's members is there, and for how long their silence is taken.
 * It follows the registry through every door: what makes a device come, go,
 * fall silent or return is a change of its record, and each is seen here once.
 */
import type { Unix } from "../base/machine.ts";
import type { Change } from "../policy/registry/change.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { devicesIn } from "../policy/registry/registry.ts";
import type { Registry } from "../policy/registry/registry.ts";
import type { Periods } from "../policy/devices/resource.ts";
import { observe, tick } from "../policy/window/home.ts";
import type { ChurnEvent, HomeWindow, HourAtHome } from "../policy/window/home.ts";
import {
  certificateSeconds,
  INITIAL_RELEASE_DAYS,
  livenessSeconds,
  MIN_RELEASE_DAYS,
  releaseDays,
} from "../policy/window/periods.ts";
import {
  contact,
  fellSilent,
  firstContact,
  hoursLeft,
  isLongGone,
  isOverdue,
  patienceDays,
  pinned,
  releaseDaysFor,
  silentHours,
  withRelease,
} from "../policy/window/presence.ts";
import type { Presence } from "../policy/window/presence.ts";
import type { Sightings } from "./store/sightings.ts";

const DAY = 86_400;

/** How a member stands with its home's patience, in hours and days that the home has lived through. */
export interface Patience {
  readonly silentHours: number;
  /** Hours of silence until it falls dormant; null for one that is dormant. */
  readonly hoursLeft: number | null;
  readonly days: number;
  /** What the owner set; null where the home decides. */
  readonly pinnedDays: number | null;
}

export class Presences {
  readonly #sightings: Sightings;
  readonly #registry: () => Registry;

  constructor(sightings: Sightings, registry: () => Registry) {
    this.#sightings = sightings;
    this.#registry = registry;
  }

  get window(): HomeWindow {
    return this.#sightings.window;
  }

  /** A member has shown that it lives: whoever is dormant, or none yet, has to do more than that. */
  contact(device: string, at: Unix | null): void {
    if (at !== null) this.#sightings.note(device, at);
    if (this.#registry().devices.get(device)?.state !== "active") return;
    const presence = this.#of(device);
    if (presence !== null) this.#met(device, presence);
  }

  /** What changes of records mean for who is there; `before` is the registry without them. */
  follow(before: Registry, changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== "put") continue;
      const { record } = change;
      const was = before.devices.get(record.id)?.state ?? null;
      if (was !== record.state) this.#step(was, record);
    }
  }

  /** An hour has passed, and was like this. */
  tick(hour: Omit<HourAtHome, "devices">): void {
    const devices = devicesIn(this.#registry(), "active").length;
    this.#sightings.window = tick(this.window, 1, { ...hour, devices });
  }

  /** Registry and presences are two files, and a crash or a backup may leave them apart: the registry is right. */
  settle(): void {
    for (const record of this.#registry().devices.values()) {
      const presence = this.#of(record.id);
      const isSilent = presence !== null && presence.dormantSince !== null;
      if (record.state === "active") {
        if (presence === null) this.#put(record.id, this.#unknown(record));
        else if (isSilent) this.#met(record.id, presence);
      } else if (record.state === "dormant") {
        if (!isSilent) this.#silent(record.id, presence ?? this.#unknown(record));
      } else this.#put(record.id, null);
    }
  }

  /** Members that have been silent for their window. */
  get overdue(): readonly DeviceRecord[] {
    return devicesIn(this.#registry(), "active").filter(({ id }) => {
      const presence = this.#of(id);
      return presence !== null && isOverdue(presence, this.window);
    });
  }

  /** Dormant devices that have been away for so long that their records may go. */
  get longGone(): readonly DeviceRecord[] {
    return devicesIn(this.#registry(), "dormant").filter(({ id }) => {
      const presence = this.#of(id);
      return presence !== null && isLongGone(presence, this.window);
    });
  }

  /** What a device is told: its own window where it is a member, the home's otherwise. */
  periods(record: DeviceRecord): Periods {
    const presence = this.#of(record.id);
    const days = this.#days(record);
    // Theft-locked it is told so beside this, and does not count; the figure holds once the lock is off.
    const release =
      presence === null ? releaseDays(days) : releaseDaysFor(presence, this.window, false)!;
    return {
      windowSeconds: Math.round(days * DAY),
      releaseSeconds: Math.round(release * DAY),
      liveSeconds: Math.round(livenessSeconds(days)),
    };
  }

  /** The device holds this T_rel from now on; `locked`, it never frees itself by time. */
  told(device: string, { releaseSeconds }: Periods, locked: boolean): void {
    const presence = this.#of(device);
    if (presence === null) return;
    this.#put(device, withRelease(presence, locked ? null : releaseSeconds / DAY));
  }

  /** Seconds that a certificate for this device holds, where it renews by itself. */
  certificateSeconds(record: DeviceRecord): number {
    return Math.round(certificateSeconds(this.#days(record)));
  }

  /** Null for a device that is no member. */
  patience(device: string): Patience | null {
    const presence = this.#of(device);
    if (presence === null) return null;
    const { window } = this;
    return {
      silentHours: silentHours(presence, window),
      hoursLeft: presence.dormantSince === null ? Math.max(0, hoursLeft(presence, window)) : null,
      days: patienceDays(presence, window),
      pinnedDays: presence.pinnedDays,
    };
  }

  /**
   * The owner's word on how long a member's silence is taken; null takes it back.
   * @param days - 3 to 60
   * @returns false for a device that is no member
   */
  pin(device: string, days: number | null): boolean {
    const presence = this.#of(device);
    if (presence === null) return false;
    this.#put(device, pinned(presence, this.window, days));
    return true;
  }

  #step(was: DeviceRecord["state"] | null, record: DeviceRecord): void {
    const { id, state } = record;
    switch (state) {
      case "active": {
        const presence = this.#of(id);
        if (was === "dormant" && presence !== null) return this.#met(id, presence);
        this.#observe("adoption");
        return this.#put(id, firstContact(this.window, toldAtFirst(record)));
      }
      case "dormant":
        return this.#silent(id, this.#of(id) ?? this.#unknown(record));
      case "released":
      case "revoked":
        // Who was dormant had left before. To revoke is how an owner removes a device that is there.
        if (was === "active") this.#observe(state === "released" ? "release" : "removal");
        return this.#put(id, null);
      case "expected":
      case "pending":
      case "approved":
      case "denied":
        return this.#put(id, null);
    }
  }

  #of(device: string): Presence | null {
    return this.#sightings.of(device)?.presence ?? null;
  }

  #put(device: string, presence: Presence | null): void {
    this.#sightings.setPresence(device, presence);
  }

  #met(device: string, presence: Presence): void {
    const met = contact(presence, this.window);
    this.#put(device, met.presence);
    this.#sightings.window = met.window;
  }

  #silent(device: string, presence: Presence): void {
    const met = fellSilent(presence, this.window);
    this.#put(device, met.presence);
    this.#sightings.window = met.window;
  }

  #observe(event: ChurnEvent): void {
    this.#sightings.window = observe(this.window, event);
  }

  /** What it was told is lost: taken for the shortest, this home gives it up before it can free itself. */
  #unknown({ class: deviceClass }: DeviceRecord): Presence {
    return firstContact(this.window, deviceClass === "aware" ? MIN_RELEASE_DAYS : null);
  }

  #days({ id }: DeviceRecord): number {
    const presence = this.#of(id);
    return presence === null ? this.window.days : patienceDays(presence, this.window);
  }
}

/** T_rel of a device that joins; who does not speak with its home frees itself never. */
function toldAtFirst({ class: deviceClass }: DeviceRecord): number | null {
  return deviceClass === "aware" ? INITIAL_RELEASE_DAYS : null;
}
