/**
 * The access points of this router, as hostapd shows them on the bus: one object
 * for each BSS. Whoever is denied or revoked is put out there and banned, and
 * banned again where a BSS is made anew, for it remembers nothing.
 *
 * Notifications may be lost and object numbers change, so everything is read
 * again each minute.
 */
import type { Mono } from "../../base/machine.ts";
import { mono } from "../../base/machine.ts";
import { visible } from "../../base/text.ts";
import { bannedAddresses } from "../../policy/admission/banned.ts";
import type { UbusRequest } from "../../proto/ubus/connection.ts";
import type { UbusObject } from "../../proto/ubus/exchange.ts";
import type { House } from "../house.ts";
import type { AccessPoint } from "../management/service.ts";
import { StationGate } from "./auth.ts";
import type { Bus, BusMember, Ending } from "./bus.ts";
import { addressOf, interfaceOf, MAX_STATIONS, ssidIn, stationsIn } from "./station.ts";

/** How often everything is read again. */
export const REREAD_MS = 60_000;

/** A ban of hostapd's is an int32 of milliseconds; each hour it is given anew. */
export const BAN_MS: number = 2 * 3_600_000;
const BAN_AGAIN_MS = 3_600_000;

/** BSSes at once: a router with four radios has 16 on each. */
export const MAX_BSS = 64;

/** IEEE 802.11 §9.4.1.7, Reason code 2: a previous authentication is no longer valid. */
const INVALID_AUTHENTICATION = 2;

/** Objects come and go, and BSSes are made anew under the same one. */
const EVENTS = ["ubus.object.add", "ubus.object.remove", "bss.*"] as const;

interface Bss {
  readonly path: string;
  readonly name: string;
  readonly id: number;
  ssid: string | null;
  stations: Set<string>;
  /** Since when what is banned is banned there. */
  bannedAt: Mono;
}

export class Hostapd implements BusMember {
  readonly #house: House;
  readonly #bus: Bus;
  readonly #gate: StationGate;
  /** Our object that hears; null until the bus has given it a number. */
  #ear: number | null = null;
  /** By number. */
  readonly #bsses = new Map<number, Bss>();
  #banned: ReadonlySet<string>;
  #rereadAt: Mono | null = null;

  constructor(house: House, bus: Bus) {
    this.#house = house;
    this.#bus = bus;
    this.#banned = bannedAddresses(house.registry);
    this.#gate = new StationGate(bus, (mac) => this.#banned.has(mac));
  }

  get wakeAt(): Mono | null {
    return this.#rereadAt;
  }

  /** For `status`: by name. */
  get accessPoints(): readonly AccessPoint[] {
    return [...this.#bsses.values()]
      .map(({ name, ssid, stations }) => ({
        name,
        ssid: ssid === null ? null : visible(ssid, 64),
        stations: stations.size,
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  joined(): void {
    this.#rereadAt = mono(this.#house.host.mono() + REREAD_MS);
    this.#bus.ask({ kind: "add-object", path: null, signature: {} }, (ending) => {
      if (ending.kind !== "added") return;
      const object = ending.object;
      this.#ear = object;
      for (const pattern of EVENTS) {
        this.#bus.ask({ kind: "listen", object, pattern }, (heard) => this.#listened(heard));
      }
      this.#lookUp();
    });
  }

  left(): void {
    this.#ear = null;
    this.#rereadAt = null;
    this.#bsses.clear();
    this.#gate.forget();
  }

  timeout(now: Mono): void {
    if (this.#rereadAt === null || now < this.#rereadAt) return;
    this.#rereadAt = mono(now + REREAD_MS);
    this.#lookUp();
  }

  active(): void {}

  targetGone(target: number): void {
    this.#bsses.delete(target);
  }

  request(request: UbusRequest): boolean {
    if (request.object !== this.#ear) return false;
    // First of all: hostapd may stand still until it is answered.
    this.#gate.answer(request);
    this.#hear(request);
    return true;
  }

  /** The registry is otherwise: whoever is banned since is put out, whoever is no more may come again. */
  look(): void {
    const before = this.#banned;
    const after = bannedAddresses(this.#house.registry);
    this.#banned = after;
    for (const bss of this.#bsses.values()) {
      for (const mac of after) if (!before.has(mac)) this.#expel(bss, mac, BAN_MS);
      for (const mac of before) if (!after.has(mac)) this.#expel(bss, mac, 0);
    }
  }

  /** Puts stations out now; those that are banned stay out. */
  expel(macs: Iterable<string>): void {
    for (const mac of macs) {
      if (this.#banned.has(mac)) continue;
      for (const bss of this.#bsses.values()) this.#expel(bss, mac, 0);
    }
  }

  #listened(heard: Ending): void {
    if (heard.kind === "answered") return;
    this.#house.log.limited(
      "ubus",
      "warning",
      "ubusd does not tell HomeCA when access points come and go, so that takes up to a minute: allow its user to listen in /usr/share/acl.d.",
    );
  }

  #lookUp(): void {
    this.#bus.ask({ kind: "lookup", path: "hostapd*" }, (ending) => {
      if (ending.kind !== "found") return;
      const ids = new Set(ending.objects.map(({ id }) => id));
      for (const id of this.#bsses.keys()) if (!ids.has(id)) this.#bsses.delete(id);
      for (const object of ending.objects) this.#meet(object);
    });
  }

  /** An object is there, seen for the first time or again. */
  #meet({ path, id }: UbusObject): void {
    if (this.#ear === null) return;
    if (this.#gate.meet(path, id, this.#ear)) return;
    const name = interfaceOf(path);
    if (name === null) return;
    const known = this.#bsses.get(id);
    if (known !== undefined) return this.#refresh(known);
    if (this.#bsses.size >= MAX_BSS) return;
    for (const [old, bss] of this.#bsses) if (bss.path === path) this.#bsses.delete(old);
    const now = this.#house.host.mono();
    const bss: Bss = { path, name, id, ssid: null, stations: new Set(), bannedAt: now };
    this.#bsses.set(id, bss);
    this.#bus.ask({ kind: "subscribe", object: this.#ear, target: id }, () => {});
    this.#banAll(bss);
    this.#refresh(bss);
  }

  #refresh(bss: Bss): void {
    const now = this.#house.host.mono();
    if (now - bss.bannedAt >= BAN_AGAIN_MS) this.#banAll(bss);
    this.#invoke(bss, "get_status", {}, (ending) => {
      if (ending.kind === "answered") bss.ssid = ssidIn(ending.answers[0]);
    });
    this.#invoke(bss, "get_clients", {}, (ending) => {
      const stations = ending.kind === "answered" ? stationsIn(ending.answers[0]) : null;
      if (stations === null) return;
      bss.stations = new Set(stations);
      for (const mac of stations) this.#judge(bss, mac);
    });
  }

  #banAll(bss: Bss): void {
    bss.bannedAt = this.#house.host.mono();
    for (const mac of this.#banned) this.#expel(bss, mac, BAN_MS);
  }

  /** Who is associated and should not be is put out, however it came in. */
  #judge(bss: Bss, mac: string): void {
    if (this.#banned.has(mac)) this.#expel(bss, mac, BAN_MS);
  }

  /** @param banMs - for how long it stays out; 0 takes a ban off */
  #expel(bss: Bss, mac: string, banMs: number): void {
    const fields = { addr: mac, reason: INVALID_AUTHENTICATION, deauth: true, ban_time: banMs };
    this.#invoke(bss, "del_client", fields, (ending) => {
      if (ending.kind === "answered") this.#house.counters.add("put out at the access point");
      else this.#house.counters.add("not put out at the access point");
    });
  }

  #invoke(bss: Bss, method: string, fields: object, done: (ending: Ending) => void): void {
    this.#bus.ask({ kind: "invoke", object: bss.id, method, fields }, (ending) => {
      // By then it may have been made anew, and the answer be about the one before.
      if (this.#bsses.get(bss.id) === bss) done(ending);
    });
  }

  #hear({ method, data }: UbusRequest): void {
    switch (method) {
      case "ubus.object.add":
      case "ubus.object.remove":
        return this.#onObject(method, data.get("path"), data.get("id"));
      case "bss.add":
      case "bss.reload":
      case "bss.remove":
        return this.#onBss(data.get("name"));
      case "assoc":
      case "sta-authorized":
        return this.#onStation(addressOf(data.get("address")), data.get("ifname"), true);
      case "disassoc":
      case "deauth":
      case "local-deauth":
      case "inactive-deauth":
        return this.#onStation(addressOf(data.get("address")), data.get("ifname"), false);
      case "key-mismatch":
        return this.#house.counters.add("wrong Wi-Fi keys");
      default:
        // Probes and measurements are none of our business.
        return;
    }
  }

  #onObject(event: string, path: unknown, id: unknown): void {
    if (typeof path !== "string" || typeof id !== "number") return;
    // It travels as an int32, and numbers of objects use its sign.
    const number = id >>> 0;
    if (event === "ubus.object.add") this.#meet({ path, id: number });
    else this.#bsses.delete(number);
  }

  /** Made anew under the same object, it has forgotten its bans. */
  #onBss(name: unknown): void {
    for (const bss of this.#bsses.values()) {
      if (bss.name !== name) continue;
      this.#banAll(bss);
      this.#refresh(bss);
    }
  }

  /** A notification does not say which object it is from; most name the interface. */
  #onStation(mac: string | null, name: unknown, isHere: boolean): void {
    if (mac === null) return;
    for (const bss of this.#bsses.values()) {
      if (typeof name === "string" && bss.name !== name) continue;
      if (!isHere) bss.stations.delete(mac);
      else if (typeof name === "string" && bss.stations.size < MAX_STATIONS) bss.stations.add(mac);
      if (isHere) this.#judge(bss, mac);
    }
  }
}
