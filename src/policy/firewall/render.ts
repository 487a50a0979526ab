/**
 * Decisions as nft text. Every function returns one transaction for `nft -f -`:
 * the kernel takes all of it or nothing. What goes into the text is checked here
 * against a closed grammar, so no name or address can carry a rule of its own.
 */
import { BASE_RULESET } from "./base.ts";

/** Interfaces that HomeCA may control, and bridges they may belong to; the sets hold twice as many. */
export const MAX_INTERFACES = 32;
/** Stations that may be placed at once; with one element per interface unknown to the caller, see {@link renderAll}. */
export const MAX_STATIONS = 512;
/** UDP and TCP ports of HomeCA's own, each. */
export const MAX_SERVICES = 16;
/** Longest life of an element: 30 days, in seconds. */
export const MAX_SECONDS: number = 30 * 24 * 3600;
/** Elements that one set holds in the kernel (`size` in the base ruleset). */
export const MAX_ELEMENTS = 2048;

export type FirewallFailureReason =
  | "bad-address"
  | "bad-interface"
  | "bad-lifetime"
  | "bad-service"
  | "foreign-interface"
  | "too-many";

/** What was asked for cannot be said to the kernel; nothing was rendered. `subject` is quoted and cut for a log line. */
export class FirewallFailure extends Error {
  override readonly name = "FirewallFailure";
  readonly reason: FirewallFailureReason;

  constructor(reason: FirewallFailureReason, subject: string) {
    super(`${reason}: ${JSON.stringify(subject.slice(0, 64))}`);
    this.reason = reason;
  }
}

/** What the router's owner put under control. */
export interface FirewallConfig {
  /** Ports of a bridge, wireless networks or routed ports: where stations appear. 1 to 15 characters each. */
  readonly interfaces: readonly string[];
  /** The bridges that have such ports. */
  readonly bridges: readonly string[];
  /** HomeCA's ports on the router that a quarantined station may reach. */
  readonly udpPorts: readonly number[];
  readonly tcpPorts: readonly number[];
}

/**
 * Where one station is placed. `mac` is unicast, lower case with colons. `port`
 * is the controlled interface it was authenticated on; without it, it counts on
 * each of them, and whoever copies its address may use any.
 */
export interface Placement {
  readonly kind: "admit" | "quarantine";
  readonly mac: string;
  /** Whole seconds from 1 to {@link MAX_SECONDS}, after which the kernel forgets it. */
  readonly seconds: number;
  readonly port?: string;
}

/** One change for one station; `cut` makes it a stranger again. */
export type FirewallChange =
  | Placement
  | { readonly kind: "cut"; readonly mac: string; readonly port?: string };

const FAMILIES = ["bridge", "inet"] as const;
const SET_OF = { admit: "admitted", quarantine: "quarantined" } as const;

/**
 * The base ruleset with its interfaces and ports, every station a stranger.
 * Loading it again gives the same tables.
 *
 * @throws {@link FirewallFailure}
 */
export function renderBase(config: FirewallConfig): string {
  const interfaces = list(interfaceNames(config.interfaces).map(quoted));
  const bridges = list(interfaceNames(config.bridges).map(quoted));
  const udp = list(services(config.udpPorts).map(String));
  const tcp = list(services(config.tcpPorts).map(String));
  const lines = FAMILIES.flatMap((family) => [
    ...elements("add", family, "controlled", interfaces),
    ...elements("add", family, "udp_services", udp),
    ...elements("add", family, "tcp_services", tcp),
  ]);
  return text([BASE_RULESET, ...lines, ...elements("add", "inet", "bridges", bridges)]);
}

/**
 * One station placed or cut. On the ports concerned it leaves both sets before
 * it enters one, so it is never in two; a placement in force gets its new life.
 *
 * @throws {@link FirewallFailure}, `foreign-interface` where the port is not controlled
 */
export function renderChange(change: FirewallChange, config: FirewallConfig): string {
  return text(changeLines(change, portsOf(change, config)));
}

/**
 * The base ruleset and every placement in one transaction: after a start, or
 * where the kernel no longer holds what it should. A station placed twice on one
 * port keeps its last placement.
 *
 * @param placements - at most {@link MAX_STATIONS}, and {@link MAX_ELEMENTS} ports in all
 * @throws {@link FirewallFailure}
 */
export function renderAll(placements: readonly Placement[], config: FirewallConfig): string {
  if (placements.length > MAX_STATIONS) {
    throw new FirewallFailure("too-many", `${placements.length} stations`);
  }
  const stations = new Map<string, Placement>();
  for (const placement of placements) {
    for (const port of portsOf(placement, config)) {
      stations.set(elementKey(port, placement.mac), placement);
    }
  }
  if (stations.size > MAX_ELEMENTS) {
    throw new FirewallFailure("too-many", `${stations.size} elements`);
  }
  const sets = new Map<string, Map<string, number>>();
  const include = (set: string, key: string, seconds: number): void => {
    const members = sets.get(set) ?? new Map<string, number>();
    sets.set(set, members.set(key, Math.max(seconds, members.get(key) ?? 0)));
  };
  for (const [key, { kind, port, seconds }] of stations) {
    include(SET_OF[kind], key, seconds);
    if (port !== undefined) GROUP_SETS[kind].forEach((set) => include(set, quoted(port), seconds));
  }
  const lines = FAMILIES.flatMap((family) =>
    [...sets].flatMap(([set, members]) => {
      return elements(
        "add",
        family,
        set,
        list([...members].map(([key, life]) => living(key, life))),
      );
    }),
  );
  return text([renderBase(config).trimEnd(), ...lines]);
}

/**
 * Commands that make the kernel forget the connections of a station, for routers
 * whose flow table carries established ones past every rule. The rules themselves
 * need none of this. `conntrack` ends with status 1 where there was nothing to delete.
 *
 * @param addresses - IPv4 or IPv6 in text, without zone or prefix length
 */
export function renderConntrackKill(addresses: readonly string[]): readonly (readonly string[])[] {
  return addresses.flatMap((address) => {
    const family = ipFamily(address);
    return ["--orig-src", "--reply-src"].map((side) => {
      return ["conntrack", "--delete", "--family", family, side, address];
    });
  });
}

function changeLines(change: FirewallChange, ports: readonly string[]): string[] {
  const keys = ports.map((port) => elementKey(port, change.mac));
  const names = ports.map(quoted);
  const isOpen = (set: GroupSet): boolean =>
    change.kind !== "cut" && GROUP_SETS[change.kind].includes(set);
  return FAMILIES.flatMap((family) => [
    ...Object.values(SET_OF).flatMap((set) => remove(family, set, keys)),
    ...(["in_use", "attended"] as const).flatMap((set) => {
      // Spoken of by no port, an admission opens none to group frames: the station's next frame does.
      return change.port === undefined && isOpen(set) ? [] : remove(family, set, names);
    }),
    ...(change.kind === "cut" ? [] : place(family, change, keys)),
  ]);
}

type GroupSet = "in_use" | "attended";

/** The sets that let group frames out of a station's port; the rules add to them what they hear. */
const GROUP_SETS: Readonly<Record<Placement["kind"], readonly GroupSet[]>> = {
  admit: ["in_use", "attended"],
  quarantine: ["attended"],
};

function place(family: string, placement: Placement, keys: readonly string[]): string[] {
  const { kind, port } = placement;
  const members = list(keys.map((key) => living(key, placement.seconds)));
  const stations = elements("add", family, SET_OF[kind], members);
  if (port === undefined) return stations;
  const group = living(quoted(port), placement.seconds);
  return [...stations, ...GROUP_SETS[kind].flatMap((set) => elements("add", family, set, group))];
}

/** `delete` fails on an element that is not there and no kernel before 6.3 has `destroy`: so it is added first. */
function remove(family: string, set: string, keys: readonly string[]): string[] {
  const brief = list(keys.map((key) => living(key, 1)));
  return [...elements("add", family, set, brief), ...elements("delete", family, set, list(keys))];
}

function elements(verb: "add" | "delete", family: string, set: string, members: string): string[] {
  return members === "" ? [] : [`${verb} element ${family} homeca ${set} { ${members} }`];
}

function elementKey(port: string, mac: string): string {
  return `${quoted(port)} . ${stationAddress(mac)}`;
}

const living = (key: string, seconds: number): string => `${key} timeout ${lifetime(seconds)}`;
const list = (members: readonly string[]): string => members.join(", ");
const quoted = (name: string): string => `"${name}"`;
const text = (lines: readonly string[]): string => lines.join("\n") + "\n";

function portsOf(change: FirewallChange, config: FirewallConfig): readonly string[] {
  const controlled = interfaceNames(config.interfaces);
  stationAddress(change.mac);
  if (change.kind !== "cut") lifetime(change.seconds);
  const { port } = change;
  if (port === undefined) return controlled;
  if (!controlled.includes(port)) throw new FirewallFailure("foreign-interface", port);
  return [port];
}

/** Six octets in lower case, not all zero, the group bit (0x01 of the first octet) clear: IEEE 802 §8.2. */
function stationAddress(mac: string): string {
  const unicast = /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/.test(mac);
  if (!unicast || mac === "00:00:00:00:00:00") throw new FirewallFailure("bad-address", mac);
  return mac;
}

/** Of what Linux allows (15 octets without slash and space) only what needs no thought inside nft's quotes. */
function interfaceNames(names: readonly string[]): readonly string[] {
  if (names.length > MAX_INTERFACES) {
    throw new FirewallFailure("too-many", `${names.length} interfaces`);
  }
  for (const name of names) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(name)) {
      throw new FirewallFailure("bad-interface", name);
    }
  }
  return [...new Set(names)];
}

function services(ports: readonly number[]): readonly number[] {
  if (ports.length > MAX_SERVICES) throw new FirewallFailure("too-many", `${ports.length} ports`);
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
      throw new FirewallFailure("bad-service", String(port));
    }
  }
  return [...new Set(ports)];
}

function lifetime(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS) {
    throw new FirewallFailure("bad-lifetime", String(seconds));
  }
  return `${seconds}s`;
}

/** Enough to keep an option or a list out of the command; whether it is an address, conntrack says. */
function ipFamily(address: string): "ipv4" | "ipv6" {
  if (/^(?:\d{1,3}\.){3}\d{1,3}$/.test(address)) return "ipv4";
  if (/^[0-9a-f:]{2,39}$/.test(address) && address.includes(":")) return "ipv6";
  throw new FirewallFailure("bad-address", address);
}
