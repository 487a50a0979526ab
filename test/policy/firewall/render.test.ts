import fc from "fast-check";
import { assert, test } from "#kit";
import { BASE_RULESET, ROUTER_ONLY_MARK } from "../../../src/policy/firewall/base.ts";
import {
  FirewallFailure,
  MAX_ELEMENTS,
  MAX_INTERFACES,
  MAX_SECONDS,
  MAX_SERVICES,
  MAX_STATIONS,
  renderAll,
  renderBase,
  renderChange,
  renderConntrackKill,
} from "../../../src/policy/firewall/render.ts";
import type {
  FirewallChange,
  FirewallConfig,
  FirewallFailureReason,
  Placement,
} from "../../../src/policy/firewall/render.ts";

const CONFIG: FirewallConfig = {
  interfaces: ["lan1", "phy0-ap0"],
  bridges: ["br-lan"],
  udpPorts: [5684],
  tcpPorts: [8443],
};
const MAC = "02:00:00:00:00:01";

function refused(reason: FirewallFailureReason, body: () => unknown, message?: string): void {
  assert.equal(assert.throws(body, FirewallFailure, message).reason, reason, message);
}

/** The one shape a rendered element line may have. */
const ELEMENT_LINE = new RegExp(
  "^(?:add|delete) element (?:bridge|inet) homeca " +
    "(?:admitted|quarantined|in_use|attended|controlled|bridges|udp_services|tcp_services) " +
    String.raw`\{ (?:ELEMENT)(?:, (?:ELEMENT))* \}$`.replaceAll(
      "ELEMENT",
      String.raw`"[A-Za-z0-9][\w.-]{0,14}"(?: \. [0-9a-f]{2}(?::[0-9a-f]{2}){5})?(?: timeout \d{1,7}s)?|\d{1,5}`,
    ),
);

function lines(text: string): string[] {
  assert.equal(text.at(-1), "\n");
  return text.split("\n").filter((line) => line !== "");
}

test("an admission leaves both sets and enters one, in both tables, and opens its port to group frames", () => {
  const change: FirewallChange = { kind: "admit", mac: MAC, seconds: 3600, port: "lan1" };
  const removed = (set: string, key: string): string[] => [
    `add element FAMILY homeca ${set} { ${key} timeout 1s }`,
    `delete element FAMILY homeca ${set} { ${key} }`,
  ];
  const key = `"lan1" . ${MAC}`;
  const table = [
    ...removed("admitted", key),
    ...removed("quarantined", key),
    ...removed("in_use", '"lan1"'),
    ...removed("attended", '"lan1"'),
    `add element FAMILY homeca admitted { ${key} timeout 3600s }`,
    `add element FAMILY homeca in_use { "lan1" timeout 3600s }`,
    `add element FAMILY homeca attended { "lan1" timeout 3600s }`,
  ];
  assert.deepEqual(
    lines(renderChange(change, CONFIG)),
    ["bridge", "inet"].flatMap((family) => table.map((line) => line.replace("FAMILY", family))),
  );
});

/** What is left in a set after the lines of a change: a set is named once per line, keys by their last verb. */
function added(text: string, set: string): boolean {
  return lines(text)
    .findLast((line) => line.includes(` bridge homeca ${set} `))!
    .startsWith("add");
}

test("a quarantine opens its port to the router's group frames only", () => {
  const text = renderChange({ kind: "quarantine", mac: MAC, seconds: 120, port: "lan1" }, CONFIG);
  const left = ["admitted", "quarantined", "in_use", "attended"].filter((set) => added(text, set));
  assert.deepEqual(left, ["quarantined", "attended"]);
});

test("a cut adds nothing that stays, and its port falls silent", () => {
  const text = renderChange({ kind: "cut", mac: MAC, port: "lan1" }, CONFIG);
  for (const set of ["admitted", "quarantined", "in_use", "attended"]) {
    assert.ok(!added(text, set), set);
  }
});

test("without a port an admission opens none to group frames, a cut closes all", () => {
  assert.ok(
    !/in_use|attended/.test(renderChange({ kind: "admit", mac: MAC, seconds: 60 }, CONFIG)),
  );
  const cut = renderChange({ kind: "cut", mac: MAC }, CONFIG);
  assert.match(cut, /delete element bridge homeca in_use \{ "lan1", "phy0-ap0" \}/);
});

test("without a port a change concerns every controlled interface", () => {
  const text = renderChange({ kind: "quarantine", mac: MAC, seconds: 120 }, CONFIG);
  const key = (port: string): string => `"${port}" . ${MAC} timeout 120s`;
  assert.match(text, new RegExp(`quarantined \\{ ${key("lan1")}, ${key("phy0-ap0")} \\}`));
});

test("a port that is not controlled is refused, not opened", () => {
  refused("foreign-interface", () =>
    renderChange({ kind: "admit", mac: MAC, seconds: 60, port: "wan" }, CONFIG),
  );
});

test("all placements come with the closed base, the last one of a station wins", () => {
  const text = renderAll(
    [
      { kind: "admit", mac: MAC, seconds: 60, port: "lan1" },
      { kind: "quarantine", mac: MAC, seconds: 30, port: "lan1" },
    ],
    CONFIG,
  );
  assert.ok(text.startsWith(BASE_RULESET));
  assert.ok(!text.includes("homeca admitted {"));
  assert.match(text, /add element bridge homeca quarantined \{ "lan1" \. 02:[0:]+1 timeout 30s \}/);
  assert.match(text, /add element inet homeca quarantined \{ "lan1" \. 02:[0:]+1 timeout 30s \}/);
  assert.match(text, /add element inet homeca attended \{ "lan1" timeout 30s \}/);
  assert.ok(!text.includes("homeca in_use {"));
});

test("the base names nobody and knows the mark that the code names", () => {
  assert.ok(!/element/.test(BASE_RULESET.replaceAll(/#.*/g, "")));
  assert.match(
    BASE_RULESET,
    new RegExp(`^define router_only = 0x${ROUTER_ONLY_MARK.toString(16)}$`, "m"),
  );
  assert.ok(!/\bct\b/.test(BASE_RULESET), "no rule may look at connection state");
});

test("every chain that judges a station ends in a drop, but for the admitted ones", () => {
  const bodies = [...BASE_RULESET.matchAll(/\tchain (\w+) \{\n([\s\S]*?)\n\t\}/g)];
  const open = bodies
    .filter(([, , body]) => !/hook |\n\t\tdrop$/.test(body!))
    .map(([, name]) => name);
  assert.equal(bodies.length, 21);
  assert.deepEqual(open, ["from_admitted", "note_neighbour"]);
});

test("an empty configuration controls nothing and still loads", () => {
  const empty = { interfaces: [], bridges: [], udpPorts: [], tcpPorts: [] };
  assert.equal(renderBase(empty), BASE_RULESET + "\n");
  assert.equal(renderChange({ kind: "admit", mac: MAC, seconds: 1 }, empty), "\n");
});

test("addresses that are no canonical unicast address are refused", () => {
  for (const mac of [
    "01:00:5e:00:00:fb",
    "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00",
    "02:00:00:00:00:0A",
    "02-00-00-00-00-01",
    "020000000001",
    "02:00:00:00:00",
    "02:00:00:00:00:01:02",
    " 02:00:00:00:00:01",
    "02:00:00:00:00:01\n",
    "",
  ]) {
    refused("bad-address", () => renderChange({ kind: "cut", mac }, CONFIG), mac);
  }
});

test("interface names outside the grammar are refused", () => {
  for (const name of [
    "",
    "lan 1",
    'a"b',
    "lan*",
    "a/b",
    "..",
    "-a",
    "sixteen-letters-",
    "a\n",
    "ä",
  ]) {
    refused("bad-interface", () => renderBase({ ...CONFIG, interfaces: [name] }), name);
    refused("bad-interface", () => renderBase({ ...CONFIG, bridges: [name] }), name);
  }
  assert.match(renderBase({ ...CONFIG, interfaces: ["fifteen-letters"] }), /"fifteen-letters"/);
});

test("lives and ports out of range are refused", () => {
  for (const seconds of [0, -1, 0.5, Number.NaN, Infinity, MAX_SECONDS + 1]) {
    refused("bad-lifetime", () => renderChange({ kind: "admit", mac: MAC, seconds }, CONFIG));
  }
  renderChange({ kind: "admit", mac: MAC, seconds: MAX_SECONDS }, CONFIG);
  for (const port of [0, 65536, 1.5, Number.NaN]) {
    refused("bad-service", () => renderBase({ ...CONFIG, udpPorts: [port] }));
  }
});

test("every bound holds at its edge", () => {
  const count = (length: number, of: (at: number) => string): string[] =>
    Array.from({ length }, (_, at) => of(at));
  const ports = (length: number): number[] => count(length, String).map((port) => Number(port) + 1);
  renderBase({ ...CONFIG, interfaces: count(MAX_INTERFACES, (at) => `p${at}`) });
  refused("too-many", () =>
    renderBase({ ...CONFIG, interfaces: count(MAX_INTERFACES + 1, (at) => `p${at}`) }),
  );
  renderBase({ ...CONFIG, tcpPorts: ports(MAX_SERVICES) });
  refused("too-many", () => renderBase({ ...CONFIG, tcpPorts: ports(MAX_SERVICES + 1) }));

  const stations = (length: number): Placement[] =>
    count(length, (at) => at.toString(16).padStart(4, "0")).map((digits) => {
      const mac = `02:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}`;
      return { kind: "admit", mac, seconds: 60 };
    });
  const interfaces = count(MAX_ELEMENTS / MAX_STATIONS, (at) => `p${at}`);
  renderAll(stations(MAX_STATIONS), { ...CONFIG, interfaces });
  refused("too-many", () => renderAll(stations(MAX_STATIONS + 1), CONFIG));
  const more = [...interfaces, "one-more"];
  refused("too-many", () => renderAll(stations(MAX_STATIONS), { ...CONFIG, interfaces: more }));
});

test("a failure quotes and cuts what it was given", () => {
  const failure = assert.throws(
    () => renderChange({ kind: "cut", mac: 'x"\n'.repeat(100) }, CONFIG),
    FirewallFailure,
  );
  assert.ok(failure.message.length < 200 && !failure.message.includes("\n"));
});

test("property: any strings give a failure or lines of the one shape", () => {
  const nearMac = fc.tuple(
    fc.constantFrom(MAC, "0a:1b:2c:3d:4e:5f"),
    fc.nat(17),
    fc.string({ maxLength: 3 }),
  );
  const mac = fc.oneof(
    fc.string(),
    fc.constant(MAC),
    nearMac.map(([good, at, junk]) => good.slice(0, at) + junk + good.slice(at)),
  );
  const name = fc.oneof(
    fc.string({ maxLength: 18 }),
    fc.constantFrom("lan1", "br-lan.10", 'a" accept', "a;b", "a}b", "a\\", "$x"),
  );
  const anything = fc.record({
    kind: fc.constantFrom("admit" as const, "quarantine" as const, "cut" as const),
    mac,
    seconds: fc.oneof(fc.double(), fc.integer({ min: -1, max: MAX_SECONDS })),
    names: fc.array(name, { maxLength: 3 }),
    usePort: fc.boolean(),
  });
  fc.assert(
    fc.property(anything, ({ kind, mac, seconds, names, usePort }) => {
      const config = { ...CONFIG, interfaces: names };
      const where = usePort && names[0] !== undefined ? { port: names[0] } : {};
      try {
        const rendered = [
          ...lines(renderChange({ kind, mac, seconds, ...where }, config)),
          ...lines(renderBase(config).slice(BASE_RULESET.length)),
        ];
        for (const line of rendered) assert.match(line, ELEMENT_LINE);
      } catch (failure) {
        assert.ok(failure instanceof FirewallFailure, String(failure));
      }
    }),
    { numRuns: 500 },
  );
});

test("connections are forgotten by both ends of their flow", () => {
  assert.deepEqual(renderConntrackKill(["192.0.2.7", "fd00::7"]), [
    ["conntrack", "--delete", "--family", "ipv4", "--orig-src", "192.0.2.7"],
    ["conntrack", "--delete", "--family", "ipv4", "--reply-src", "192.0.2.7"],
    ["conntrack", "--delete", "--family", "ipv6", "--orig-src", "fd00::7"],
    ["conntrack", "--delete", "--family", "ipv6", "--reply-src", "fd00::7"],
  ]);
  for (const address of [
    "",
    "--flush",
    "192.0.2.0/24",
    "192.0.2.7 -F",
    "fe80::1%lan1",
    "example",
  ]) {
    refused("bad-address", () => renderConntrackKill([address]), address);
  }
});
