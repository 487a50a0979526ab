// Real nft and the kernel judge the text that src/policy/firewall renders, in network namespaces
// that end with the commands in them. Traffic is test/netns/firewall.mjs's affair.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { assert, skip, test } from "#kit";
import { BASE_RULESET } from "../../src/policy/firewall/base.ts";
import { findDrift, parseKernel } from "../../src/policy/firewall/drift.ts";
import type { KernelPlacement } from "../../src/policy/firewall/drift.ts";
import { renderAll, renderBase, renderChange } from "../../src/policy/firewall/render.ts";
import type {
  FirewallChange,
  FirewallConfig,
  Placement,
} from "../../src/policy/firewall/render.ts";

const CONFIG: FirewallConfig = {
  interfaces: ["lan1", "phy0-ap0"],
  bridges: ["br-lan"],
  udpPorts: [5684],
  tcpPorts: [8443],
};
const MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02", "0a:1b:2c:3d:4e:5f"] as const;

/** Runs the texts one after another, each as one transaction, in a fresh namespace; then prints its rules. */
function kernelAfter(texts: readonly string[], list = "nft -j list ruleset"): string {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-nft-"));
  try {
    const commands = texts.map((text, index) => {
      writeFileSync(path.join(folder, `${index}.nft`), text);
      return `nft -f ${index}.nft`;
    });
    const script = ["set -e", ...commands, list].join("\n");
    const options = { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 } as const;
    const { status, stdout, stderr } = spawnSync("unshare", ["--net", "sh", "-c", script], options);
    assert.equal(status, 0, stderr);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function placed(json: string): { readonly bridge: string[]; readonly inet: string[] } {
  const kernel = parseKernel(json);
  assert.ok(kernel !== null);
  const words = (placements: readonly KernelPlacement[]): string[] =>
    placements.map(({ kind, port, mac }) => `${kind} ${port} ${mac}`).sort();
  return { bridge: words(kernel.bridge.placements), inet: words(kernel.inet.placements) };
}

/** What the sets should hold after the changes, by the words of the interface's documentation. */
function expected(changes: readonly FirewallChange[]): string[] {
  const held = new Map<string, string>();
  for (const { kind, mac, port } of changes) {
    for (const place of port === undefined ? CONFIG.interfaces : [port]) {
      held.delete(`${place} ${mac}`);
      if (kind !== "cut") held.set(`${place} ${mac}`, kind);
    }
  }
  return [...held].map(([key, kind]) => `${kind} ${key}`).sort();
}

const anyPort = fc.constantFrom({}, { port: "lan1" }, { port: "phy0-ap0" });
const anyMac = fc.constantFrom(...MACS);
const anyPlacement: fc.Arbitrary<Placement> = fc
  .tuple(
    fc.constantFrom("admit" as const, "quarantine" as const),
    anyMac,
    fc.integer({ min: 600, max: 9000 }),
    anyPort,
  )
  .map(([kind, mac, seconds, port]) => ({ kind, mac, seconds, ...port }));
const anyCut: fc.Arbitrary<FirewallChange> = fc
  .tuple(anyMac, anyPort)
  .map(([mac, port]) => ({ kind: "cut", mac, ...port }));

test("the router's base.nft is the ruleset that the code renders", () => {
  assert.equal(readFileSync("files/usr/share/homeca/base.nft", "utf8"), BASE_RULESET);
});

const judged = canJudge();
const judge: (name: string, body: () => void) => void =
  judged === null ? test : (name) => skip(name, judged);

judge("nft takes the base ruleset as the router gets it", () => {
  const kernel = parseKernel(kernelAfter([BASE_RULESET]));
  const empty = { interfaces: [], bridges: [], udpPorts: [], tcpPorts: [] };
  assert.deepEqual(findDrift([], empty, kernel), { kind: "none" });
});

judge("loading the base again gives the same tables without anyone in them", () => {
  const list = "nft list ruleset";
  const base = renderBase(CONFIG);
  const admitted = renderChange({ kind: "admit", mac: MACS[0], seconds: 600 }, CONFIG);
  assert.equal(kernelAfter([base, admitted, base], list), kernelAfter([base], list));
});

judge("a placement in force gets its new life, longer or shorter", () => {
  const admit = (seconds: number): string =>
    renderChange({ kind: "admit", mac: MACS[0], seconds, port: "lan1" }, CONFIG);
  for (const [before, after] of [
    [600, 6000],
    [6000, 600],
  ] as const) {
    const kernel = parseKernel(kernelAfter([renderBase(CONFIG), admit(before), admit(after)]));
    for (const table of [kernel!.bridge, kernel!.inet]) {
      assert.equal(table.placements.length, 1);
      assert.ok(Math.abs(table.placements[0]!.seconds - after) < 120);
    }
  }
});

judge("cutting a station that nobody knows is no fault", () => {
  const json = kernelAfter([
    renderBase(CONFIG),
    renderChange({ kind: "cut", mac: MACS[0] }, CONFIG),
  ]);
  assert.deepEqual(placed(json), { bridge: [], inet: [] });
});

judge("a change that fails halfway changes nothing", () => {
  const admitted = renderChange(
    { kind: "admit", mac: MACS[0], seconds: 600, port: "lan1" },
    CONFIG,
  );
  const cut = renderChange({ kind: "cut", mac: MACS[0], port: "lan1" }, CONFIG);
  const list = "nft -f broken.nft 2>/dev/null && exit 9; nft -j list ruleset";
  const write = `cat > broken.nft <<'END'\n${cut}add element bridge homeca absent { "lan1" }\nEND\n`;
  const json = kernelAfter([renderBase(CONFIG), admitted], write + list);
  assert.deepEqual(placed(json).bridge, [`admit lan1 ${MACS[0]}`]);
});

judge("property: after any changes both tables hold what the last words for each port said", () => {
  const changes = fc.array(fc.oneof(anyPlacement, anyCut), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(changes, (all) => {
      const texts = all.map((change) => renderChange(change, CONFIG));
      const wanted = expected(all);
      const eachAlone = placed(kernelAfter([renderBase(CONFIG), ...texts]));
      assert.deepEqual(eachAlone, { bridge: wanted, inet: wanted });
      const inOne = placed(kernelAfter([renderBase(CONFIG), texts.join("")]));
      assert.deepEqual(inOne, { bridge: wanted, inet: wanted });
    }),
    { numRuns: 8 },
  );
});

judge("property: what renderAll loads has not drifted, and a change makes good what has", () => {
  fc.assert(
    fc.property(fc.array(anyPlacement, { maxLength: 8 }), anyCut, (placements, cut) => {
      const all = renderAll(placements, CONFIG);
      assert.deepEqual(placed(kernelAfter([all])).bridge, expected(placements));
      assert.deepEqual(findDrift(placements, CONFIG, parseKernel(kernelAfter([all]))), {
        kind: "none",
      });

      const spoiled = [all, renderChange(cut, CONFIG)];
      const drift = findDrift(placements, CONFIG, parseKernel(kernelAfter(spoiled)));
      const repairs = drift.kind === "changes" ? drift.changes : [];
      const repaired = [...spoiled, ...repairs.map((change) => renderChange(change, CONFIG))];
      assert.deepEqual(placed(kernelAfter(repaired)), placed(kernelAfter([all])));
    }),
    { numRuns: 5 },
  );
});

judge("a rule or a table taken away is drift that calls for everything anew", () => {
  for (const damage of [
    "nft flush ruleset",
    "nft delete table inet homeca",
    "nft delete table bridge homeca",
    "nft flush chain bridge homeca from_station",
    "nft delete element inet homeca bridges '{ \"br-lan\" }'",
    "nft add rule inet homeca forward accept",
  ]) {
    const kernel = parseKernel(kernelAfter([renderBase(CONFIG)], `${damage}; nft -j list ruleset`));
    assert.deepEqual(findDrift([], CONFIG, kernel), { kind: "reload" }, damage);
  }
});

/** The boot script under the few words of OpenWrt's rc.common and functions.sh that it uses. */
const boot = (interfaces: readonly string[], more: string, enforce = "nft"): string => `
  config_load() { :; }
  config_get() { eval "$1=${enforce}"; }
  config_list_foreach() { for name in ${interfaces.map((name) => `'${name}'`).join(" ")}; do "$3" "$name"; done; }
  logger() { :; }
  BASE_NFT='${path.resolve("files/usr/share/homeca/base.nft")}'
  . '${path.resolve("files/etc/init.d/homeca-firewall")}'
  ${more}
  nft -j list ruleset`;

judge("the boot script closes the interfaces of the configuration, and no other", () => {
  const closed = { ...CONFIG, bridges: [], udpPorts: [], tcpPorts: [] };
  const kernel = parseKernel(kernelAfter([], boot([...CONFIG.interfaces, 'a" }', "-x"], "start")));
  assert.deepEqual(findDrift([], closed, kernel), { kind: "none" });
});

judge(
  "the boot script leaves tables that are there alone, and opens them only when told to stop",
  () => {
    const texts = [
      renderBase(CONFIG),
      renderChange({ kind: "admit", mac: MACS[0], seconds: 600, port: "lan1" }, CONFIG),
    ];
    const wanted = [`admit lan1 ${MACS[0]}`];
    for (const words of ["start", "restart"]) {
      assert.deepEqual(placed(kernelAfter(texts, boot(["lan1"], words))), {
        bridge: wanted,
        inet: wanted,
      });
    }
    assert.equal(parseKernel(kernelAfter(texts, boot(["lan1"], "stop")))?.bridge.chains.size, 0);
    assert.equal(
      parseKernel(kernelAfter([], boot(["lan1"], "start", "off")))?.bridge.chains.size,
      0,
    );
  },
);

judge("the boot script makes whole what was half deleted", () => {
  const json = kernelAfter(
    [renderBase(CONFIG), "delete table inet homeca\n"],
    boot(["lan1"], "start"),
  );
  assert.deepEqual(parseKernel(json)?.inet.members.get("controlled"), ["lan1"]);
});

/** What this machine lacks for judging, or null. */
function canJudge(): string | null {
  if (process.getuid?.() !== 0) return "needs root";
  const table = "table bridge t { chain c { type filter hook prerouting priority -300; }; }";
  const script = `command -v nft && nft '${table}'`;
  const { status } = spawnSync("unshare", ["--net", "sh", "-c", script]);
  return status === 0 ? null : "needs nft and a kernel with nftables of family bridge";
}
