import fc from "fast-check";
import { assert, test } from "#kit";
import { BASE_RULESET } from "../../../src/policy/firewall/base.ts";
import { findDrift, parseKernel, SLACK_SECONDS } from "../../../src/policy/firewall/drift.ts";
import type { FirewallConfig, Placement } from "../../../src/policy/firewall/render.ts";

const CONFIG: FirewallConfig = {
  interfaces: ["lan1", "lan2"],
  bridges: ["br-lan"],
  udpPorts: [5684],
  tcpPorts: [8443],
};
const MAC = "02:00:00:00:00:01";
const ADMITTED: Placement = { kind: "admit", mac: MAC, seconds: 60, port: "lan1" };

type Element = readonly [set: string, port: string, mac: string, expires: number];

/**
 * A listing as nft 1.0.6 prints it, with as many rules as the base has; that real
 * nft agrees is `test/daemon/nft.test.ts`.
 */
function listing(
  elements: readonly Element[],
  families: readonly string[] = ["bridge", "inet"],
): string {
  const objects: unknown[] = [{ metainfo: { version: "1.0.6", json_schema_version: 1 } }];
  for (const family of families) {
    const set = (name: string, elem: readonly unknown[]): void => {
      objects.push({
        set: { family, name, table: "homeca", ...(elem.length > 0 ? { elem } : {}) },
      });
    };
    objects.push({ table: { family, name: "homeca" } });
    set("controlled", ["lan1", "lan2"]);
    set("udp_services", [5684]);
    set("tcp_services", [8443]);
    if (family === "inet") set("bridges", ["br-lan"]);
    for (const name of ["admitted", "quarantined"]) {
      const members = elements.filter(([where]) => where === name);
      set(
        name,
        members.map(([, port, mac, expires]) => ({
          elem: { val: { concat: [port, mac] }, timeout: 3600, expires },
        })),
      );
    }
    const start = BASE_RULESET.indexOf(`table ${family} homeca {`);
    const table = BASE_RULESET.slice(start, BASE_RULESET.indexOf("\n}\n", start));
    for (const [, chain, body] of table.matchAll(/\tchain (\w+) \{\n([\s\S]*?)\n\t\}/g)) {
      const rules = body!.split("\n");
      const hooked = rules[0]!.includes(" hook ");
      objects.push({
        chain: { family, table: "homeca", name: chain, ...(hooked ? { hook: "x" } : {}) },
      });
      for (const _ of hooked ? rules.slice(1) : rules) {
        objects.push({ rule: { family, table: "homeca", chain, expr: [] } });
      }
    }
  }
  return JSON.stringify({ nftables: objects });
}

const drift = (json: string, placements: readonly Placement[] = []): unknown =>
  findDrift(placements, CONFIG, parseKernel(json));

test("a kernel that holds what it should has not drifted", () => {
  assert.deepEqual(drift(listing([])), { kind: "none" });
  const present: Element[] = [["admitted", "lan1", MAC, 60 - SLACK_SECONDS]];
  assert.deepEqual(drift(listing(present), [ADMITTED]), { kind: "none" });
});

test("a lost table, set, rule or controlled interface calls for a reload", () => {
  const whole = listing([]);
  for (const broken of [
    listing([], []),
    listing([], ["bridge"]),
    listing([], ["inet"]),
    whole.replace('"lan1",', ""),
    whole.replace('"br-lan"', '"br-guest"'),
    whole.replace("5684", "5685"),
    whole.replace(/\{"rule":.*?\}\},?/, ""),
    whole.replace('"hook":"x"', '"no":"x"'),
    whole.replace('"name":"udp_services"', '"name":"other"'),
  ]) {
    assert.notEqual(broken, whole);
    assert.deepEqual(drift(broken), { kind: "reload" });
  }
});

test("what is missing, too much, in the other set or too old is made good", () => {
  const changes = (...changes: unknown[]): unknown => ({ kind: "changes", changes });
  assert.deepEqual(drift(listing([]), [ADMITTED]), changes(ADMITTED));
  const cut = { kind: "cut", mac: MAC, port: "lan2" };
  assert.deepEqual(drift(listing([["quarantined", "lan2", MAC, 9]])), changes(cut));
  assert.deepEqual(
    drift(listing([["quarantined", "lan1", MAC, 60]]), [ADMITTED]),
    changes(ADMITTED),
  );
  assert.deepEqual(drift(listing([["admitted", "lan1", MAC, 9]]), [ADMITTED]), changes(ADMITTED));
});

test("a placement without a port is expected on each", () => {
  const everywhere: Placement = { kind: "quarantine", mac: MAC, seconds: 60 };
  const one: Element[] = [["quarantined", "lan1", MAC, 60]];
  assert.deepEqual(drift(listing(one), [everywhere]), {
    kind: "changes",
    changes: [{ ...everywhere, port: "lan2" }],
  });
});

test("a station in both sets, or on a port that is not controlled, calls for a reload", () => {
  const both: Element[] = [
    ["admitted", "lan1", MAC, 60],
    ["quarantined", "lan1", MAC, 60],
  ];
  assert.deepEqual(drift(listing(both), [ADMITTED]), { kind: "reload" });
  assert.deepEqual(drift(listing([["admitted", "wan", MAC, 60]])), { kind: "reload" });
});

test("property: any text is a listing or null, and anything but ours calls for a reload", () => {
  const json = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.jsonValue()).map((nftables) => JSON.stringify({ nftables })),
  );
  fc.assert(
    fc.property(json, (text) => {
      assert.deepEqual(drift(text), { kind: "reload" });
    }),
  );
});

test("names and members that cannot be made text call for a reload", () => {
  const strange = { toString: 1 };
  for (const [kind, field] of [
    ["chain", "name"],
    ["rule", "chain"],
    ["set", "name"],
  ] as const) {
    const body = { family: "bridge", table: "homeca", [field]: strange };
    assert.deepEqual(drift(JSON.stringify({ nftables: [{ [kind]: body }] })), { kind: "reload" });
  }
  const members = listing([]).replace('"lan1",', '{"toString":1},');
  assert.deepEqual(drift(members), { kind: "reload" });
});

test("every strict prefix of a listing is no listing", () => {
  const whole = listing([]);
  for (let length = 0; length < whole.length; length += 97) {
    assert.equal(parseKernel(whole.slice(0, length)), null);
  }
});
