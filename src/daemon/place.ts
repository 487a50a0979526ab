/**
 * What surrounds a placement in the kernel, by either door: whether there is
 * room is asked and the record is stored before it; one that nobody will hear
 * of is undone.
 */
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import type { Decision } from "../policy/admission/proof.ts";
import type { Placement } from "../policy/firewall/render.ts";
import type { Change } from "../policy/registry/change.ts";
import { MAX_MACS, withMac } from "../policy/registry/record.ts";
import { deviceBySerial } from "../policy/registry/registry.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { House } from "./house.ts";
import { GRACE_SECONDS, macOf } from "./sessions.ts";

type Put = Extract<Change, { kind: "put" }>;

/** How often a device whose list of addresses is full may change what is stored of them. */
const ADDRESS_EVERY_MS = 3_600_000;

export class Placing {
  readonly #house: House;
  /** When each device's list last took an address; devices on record bound it. */
  readonly #addressStored = new Map<string, Mono>();

  constructor(house: House) {
    this.#house = house;
  }

  /** Why nobody can be let in at this address, or null. */
  obstacle(mac: string | null, now: Mono): string | null {
    const house = this.#house;
    if (mac === null) return house.enforces ? "the access point names no MAC address" : null;
    // Those whom nft is letting in have no session yet and will have one.
    const fits = house.sessions.hasRoomFor(mac, now, house.coming);
    return fits ? null : "too many devices are on the network at once";
  }

  /** Stores what the decision changes. @returns why it could not be stored, or null */
  store(decision: Decision, mac: string | null): string | null {
    const seen = this.#withMac(decision, mac);
    try {
      this.#house.change([...decision.changes, ...seen]);
      for (const { record } of seen) this.#addressStored.set(record.id, this.#house.host.mono());
      return null;
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : "unknown";
      return `the change could not be stored (${why})`;
    }
  }

  /** What the kernel is to hold of a station that comes in at this address. */
  placementOf(
    { calledStationId }: RadiusRequest,
    { kind, sessionSeconds }: Exclude<Decision, { kind: "reject" }>,
    mac: string,
  ): Placement {
    const port = this.#house.portOf(macOf(calledStationId));
    const seconds = sessionSeconds + GRACE_SECONDS;
    return { kind, mac, seconds, ...(port === null ? {} : { port }) };
  }

  /** Nobody hears of this placement any more, so nobody may keep it: back to what was there before. */
  undo({ mac, port }: Placement, now: Mono): void {
    const { sessions } = this.#house;
    const before = sessions.placements(now).find((placement) => placement.mac === mac);
    const cut = { kind: "cut", mac, ...(port === undefined ? {} : { port }) } as const;
    this.#house.place(before ?? cut, () => {});
  }

  /**
   * The MAC address goes into the record once it is admitted with it. A phone that
   * takes a new one for each connection must not wear the flash out: its sessions
   * have them all, and after a restart a revocation cuts whoever has no name.
   */
  #withMac(decision: Decision, mac: string | null): readonly Put[] {
    if (decision.kind !== "admit" || mac === null) return [];
    const put = decision.changes.find((change) => change.kind === "put");
    const record = put?.record ?? deviceBySerial(this.#house.registry, decision.peer.serial);
    if (record === null || record.macs.includes(mac)) return [];
    const now = this.#house.host.mono();
    if (record.macs.length >= MAX_MACS) {
      const last = this.#addressStored.get(record.id);
      if (last !== undefined && now < mono(last + ADDRESS_EVERY_MS)) return [];
    }
    return [{ kind: "put", record: withMac(record, mac) }];
  }
}
