/**
 * What the kernel really holds, beside what it should: `/etc/init.d/firewall stop`
 * deletes every table of the router, and a person may type nft too. The judge
 * reads `nft -j list ruleset`; it knows no kernel but that text.
 */
import { BASE_RULESET } from "./base.ts";
import type { FirewallChange, FirewallConfig, Placement } from "./render.ts";

/** One element of the sets `admitted` and `quarantined`. */
export interface KernelPlacement {
  readonly kind: "admit" | "quarantine";
  readonly port: string;
  readonly mac: string;
  /** Whole seconds until the kernel forgets it. */
  readonly seconds: number;
}

/** The two tables as the kernel has them; a table that is not there has no sets and no rules. */
export interface KernelTables {
  readonly bridge: KernelTable;
  readonly inet: KernelTable;
}

export interface KernelTable {
  /** Members of `controlled`, `bridges`, `udp_services` and `tcp_services`, as text. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly placements: readonly KernelPlacement[];
  /** Number of rules by chain; a base chain counts its hook as one. */
  readonly chains: ReadonlyMap<string, number>;
}

/**
 * What to do about it: nothing, load everything anew (`renderAll`), or the
 * changes that make good what is missing or too much.
 */
export type Drift =
  | { readonly kind: "none" }
  | { readonly kind: "reload" }
  | { readonly kind: "changes"; readonly changes: readonly FirewallChange[] };

/** Lives that differ by less than this are the same: nft prints whole seconds, and time passes between. */
export const SLACK_SECONDS = 5;

/**
 * Reads the JSON of `nft -j list ruleset` (libnftables-json(5), schema version 1).
 * Other tables, and statements it does not know, are passed over.
 *
 * @returns null where the text is not such a listing: treat it as `reload`.
 */
export function parseKernel(json: string): KernelTables | null {
  const objects = listing(json);
  if (objects === null) return null;
  return { bridge: readTable(objects, "bridge"), inet: readTable(objects, "inet") };
}

/**
 * Compares intent and kernel. A changed rule that keeps the number of rules goes
 * unnoticed: this finds accidents, not somebody with the right to change rules.
 *
 * @param placements - those in force, their `seconds` counted from now
 */
export function findDrift(
  placements: readonly Placement[],
  config: FirewallConfig,
  kernel: KernelTables | null,
): Drift {
  if (kernel === null || !isBaseLoaded(kernel, config)) return { kind: "reload" };
  const intended = expand(placements, config);
  const changes = new Map<string, FirewallChange>();
  for (const table of [kernel.bridge, kernel.inet]) {
    const present = new Map(table.placements.map((one) => [keyOf(one), one]));
    if (present.size !== table.placements.length) return { kind: "reload" };
    for (const [key, one] of present) {
      if (!config.interfaces.includes(one.port)) return { kind: "reload" };
      if (!intended.has(key)) changes.set(key, { kind: "cut", mac: one.mac, port: one.port });
    }
    for (const [key, one] of intended) {
      if (!holds(present.get(key), one)) changes.set(key, one);
    }
  }
  return changes.size === 0
    ? { kind: "none" }
    : { kind: "changes", changes: [...changes.values()] };
}

/** Rules by chain in the base ruleset's text, which has one to a line. */
const BASE_CHAINS: Readonly<Record<Family, ReadonlyMap<string, number>>> = {
  bridge: countRules("bridge"),
  inet: countRules("inet"),
};

type Family = "bridge" | "inet";
type JsonObject = Readonly<Record<string, unknown>>;

function countRules(family: Family): ReadonlyMap<string, number> {
  const start = BASE_RULESET.indexOf(`table ${family} homeca {`);
  const chains = new Map<string, number>();
  let chain: string | null = null;
  for (const line of BASE_RULESET.slice(start, BASE_RULESET.indexOf("\n}", start)).split("\n")) {
    if (line === "\t}") chain = null;
    else if (chain !== null) chains.set(chain, (chains.get(chain) ?? 0) + 1);
    else chain = /^\tchain (\w+) \{$/.exec(line)?.[1] ?? null;
  }
  return chains;
}

function isBaseLoaded(kernel: KernelTables, config: FirewallConfig): boolean {
  const ports = {
    udp_services: config.udpPorts.map(String),
    tcp_services: config.tcpPorts.map(String),
  };
  const wanted: Readonly<Record<Family, Readonly<Record<string, readonly string[]>>>> = {
    bridge: { controlled: config.interfaces, ...ports },
    inet: { controlled: config.interfaces, bridges: config.bridges, ...ports },
  };
  return (["bridge", "inet"] as const).every((family) => {
    const table = kernel[family];
    const sets = Object.entries(wanted[family]);
    return (
      sets.every(([set, members]) => sameMembers(table.members.get(set), members)) &&
      table.chains.size === BASE_CHAINS[family].size &&
      [...BASE_CHAINS[family]].every(([chain, rules]) => table.chains.get(chain) === rules)
    );
  });
}

function sameMembers(actual: readonly string[] | undefined, wanted: readonly string[]): boolean {
  const left = new Set(actual);
  const right = new Set(wanted);
  return (
    actual !== undefined && left.size === right.size && [...right].every((one) => left.has(one))
  );
}

/** Each placement on each port it counts on; a later one replaces an earlier one, as in `renderAll`. */
function expand(
  placements: readonly Placement[],
  config: FirewallConfig,
): Map<string, Placement & { readonly port: string }> {
  const intended = new Map<string, Placement & { readonly port: string }>();
  for (const placement of placements) {
    for (const port of placement.port === undefined ? config.interfaces : [placement.port]) {
      intended.set(keyOf({ port, mac: placement.mac }), { ...placement, port });
    }
  }
  return intended;
}

const keyOf = (one: { readonly port: string; readonly mac: string }): string =>
  `${one.port} ${one.mac}`;

function holds(present: KernelPlacement | undefined, intended: Placement): boolean {
  return (
    present?.kind === intended.kind && Math.abs(present.seconds - intended.seconds) <= SLACK_SECONDS
  );
}

function listing(json: string): JsonObject[] | null {
  let root: unknown;
  try {
    root = JSON.parse(json);
  } catch {
    return null;
  }
  const objects = isObject(root) ? root["nftables"] : undefined;
  return Array.isArray(objects) ? objects.filter(isObject) : null;
}

function readTable(objects: readonly JsonObject[], family: Family): KernelTable {
  const members = new Map<string, readonly string[]>();
  const placements: KernelPlacement[] = [];
  const chains = new Map<string, number>();
  for (const object of objects) {
    const [kind, body] = Object.entries(object)[0] ?? [];
    if (!isObject(body) || body["family"] !== family) continue;
    if (kind === "chain" && body["table"] === "homeca") {
      const name = wordOf(body["name"]);
      chains.set(name, (chains.get(name) ?? 0) + hooks(body));
    } else if (kind === "rule" && body["table"] === "homeca") {
      const name = wordOf(body["chain"]);
      chains.set(name, (chains.get(name) ?? 0) + 1);
    } else if (kind === "set" && body["table"] === "homeca") {
      const elements = Array.isArray(body["elem"]) ? body["elem"] : [];
      const name = wordOf(body["name"]);
      if (name === "admitted") placements.push(...readPlacements(elements, "admit"));
      else if (name === "quarantined") placements.push(...readPlacements(elements, "quarantine"));
      else members.set(name, elements.map(wordOf));
    }
  }
  return { members, placements, chains };
}

/** A name or member; what is neither text nor number is none of ours, and not every object can be made text. */
const wordOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "?";

const hooks = (chain: JsonObject): number => (typeof chain["hook"] === "string" ? 1 : 0);

function readPlacements(
  elements: readonly unknown[],
  kind: "admit" | "quarantine",
): KernelPlacement[] {
  return elements.flatMap((element) => {
    const body = isObject(element) ? element["elem"] : undefined;
    const value = isObject(body) ? body["val"] : undefined;
    const parts = isObject(value) ? value["concat"] : undefined;
    const seconds = isObject(body) ? body["expires"] : undefined;
    if (!Array.isArray(parts) || typeof seconds !== "number") return [];
    const [port, mac] = parts;
    if (typeof port !== "string" || typeof mac !== "string") return [];
    return [{ kind, port, mac, seconds }];
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
