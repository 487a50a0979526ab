/** All that the daemon does on the bus, or none of it where the configuration names no socket. */
import type { Mono } from "../../base/machine.ts";
import { earliest } from "../../base/machine.ts";
import { HostFailure } from "../../host/host.ts";
import type { House } from "../house.ts";
import type { AccessPoint, HomeService } from "../management/service.ts";
import { Bus } from "./bus.ts";
import { Hostapd } from "./hostapd.ts";
import { variantTrouble } from "./installed.ts";
import { Notices } from "./notices.ts";
import { HomeObject } from "./object.ts";

/** How often what is installed may be looked up. */
const LOOK_MS = 60_000;

export class RouterBus {
  readonly #house: House;
  readonly #bus: Bus | null;
  readonly #object: HomeObject | null;
  readonly #hostapd: Hostapd | null;
  readonly #notices: Notices | null;
  #variant: string | null = null;
  #lookedAt: Mono | null = null;

  /** @param planned - called when {@link RouterBus.wakeAt} may have changed */
  constructor(house: House, service: HomeService, planned: () => void) {
    const path = house.configuration.homeca.ubus;
    this.#house = house;
    this.#bus = path === null ? null : new Bus(house, path, planned);
    const bus = this.#bus;
    this.#hostapd = bus === null ? null : new Hostapd(house, bus);
    this.#object =
      bus === null
        ? null
        : new HomeObject(house, bus, service, (active) => this.#notices?.watched(active));
    this.#notices =
      bus === null
        ? null
        : new Notices(house, (type, fields) => this.#object?.notify(type, fields));
  }

  open(): void {
    if (this.#object !== null && this.#hostapd !== null) {
      this.#bus?.open(this.#object, this.#hostapd);
    }
  }

  close(): void {
    this.#bus?.close();
  }

  get wakeAt(): Mono | null {
    return earliest([this.#bus?.wakeAt ?? null, this.#hostapd?.wakeAt ?? null]);
  }

  timeout(now: Mono): void {
    this.#bus?.timeout();
    this.#hostapd?.timeout(now);
  }

  /** Something in the registry is otherwise. */
  look(): void {
    this.#hostapd?.look();
    this.#notices?.look();
  }

  /** The minute is over. */
  lookAtStatus(): void {
    this.#notices?.lookAtStatus();
  }

  /** Puts stations out at the access points, beside what RADIUS asks for. */
  expel(macs: Iterable<string>): void {
    this.#hostapd?.expel(macs);
  }

  /** Those of this router, as far as they can be seen. */
  get accessPoints(): readonly AccessPoint[] {
    return this.#hostapd?.accessPoints ?? [];
  }

  /** One sentence each, with the fix. */
  get troubles(): readonly string[] {
    const { bus, object } = { bus: this.#bus?.trouble, object: this.#object?.trouble };
    return [bus, object, this.#variantTrouble()].filter((one) => typeof one === "string");
  }

  /** It matters where this router's own access point is to ask. */
  #variantTrouble(): string | null {
    const { clients } = this.#house.configuration;
    const isOwn = ({ prefix }: { prefix: string }): boolean =>
      prefix.startsWith("127.") || prefix.startsWith("::1");
    if (!clients.some(isOwn)) return null;
    const { host } = this.#house;
    const now = host.mono();
    if (this.#lookedAt !== null && now - this.#lookedAt < LOOK_MS) return this.#variant;
    this.#lookedAt = now;
    try {
      this.#variant = variantTrouble(host.files);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.#variant = null;
    }
    return this.#variant;
  }
}
