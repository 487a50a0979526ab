import fc from "fast-check";
import { assert, test } from "#kit";
import { editUci } from "../../../src/base/uci-edit.ts";
import { parseUci } from "../../../src/base/uci.ts";
import { WirelessFailure } from "../../../src/policy/wireless/failure.ts";
import type { WirelessReason } from "../../../src/policy/wireless/failure.ts";
import { planWireless } from "../../../src/policy/wireless/plan.ts";
import { showEdits } from "../../../src/policy/wireless/show.ts";
import { PACKAGES } from "../../../src/policy/wireless/wanted.ts";
import type { PackageName, Packages } from "../../../src/policy/wireless/wanted.ts";
import type { Plan, Router, Wish } from "../../../src/policy/wireless/wish.ts";
import { FRESH_24, LIVED_IN_25 } from "../../kit/routers.ts";
import type { Texts } from "../../kit/routers.ts";

const SECRET = "abcdefghijklmnopqrstuvwxyz234567";
const WISH: Wish = {
  radio: "radio0",
  ssid: "Home",
  network: "lan",
  security: "auto",
  country: null,
  subnet: null,
  vlan: null,
};

function parsed(texts: Texts): Packages {
  const of = (name: PackageName): Packages[PackageName] => parseUci(texts[name], name);
  return {
    wireless: of("wireless"),
    network: of("network"),
    firewall: of("firewall"),
    dhcp: of("dhcp"),
    homeca: of("homeca"),
  };
}

function router(texts: Texts, more: Partial<Router> = {}): Router {
  return {
    generation: "shell",
    hostapdTrouble: null,
    mfp: true,
    inUse: [],
    packages: parsed(texts),
    before: null,
    access: null,
    freshSecret: SECRET,
    ...more,
  };
}

function carriedOut(texts: Texts, plan: Plan): Record<PackageName, string> {
  const after = { ...texts };
  for (const { package: name, edit } of plan.edits)
    after[name] = editUci(after[name], name, [edit]);
  return after;
}

function refused(reason: WirelessReason, wish: Partial<Wish>, of: Router, words = ""): void {
  const failure = assert.throws(
    () => planWireless({ ...WISH, ...wish }, of),
    WirelessFailure,
    reason,
  );
  assert.equal(failure.reason, reason);
  assert.ok(failure.message.includes(words), failure.message);
}

const ASKS_HOMECA = (secret: string, radio: string): string => `	option auth_server '127.0.0.1'
	option auth_port '1812'
	option auth_secret '${secret}'
	option acct_server '127.0.0.1'
	option acct_port '1813'
	option acct_secret '${secret}'
	option acct_interval '600'
	option dae_client '127.0.0.1'
	option dae_port '3799'
	option dae_secret '${secret}'
	option nasid 'homeca-${radio}'
	option ownip '127.0.0.1'
	option auth_cache '1'
	option dynamic_vlan '1'
`;

const NETWORK_ADDED = (address: string): string => `
config device 'homeca_q_bridge'
	option type 'bridge'
	option name 'br-homeca-q'
	option bridge_empty '1'

config interface 'homeca_q'
	option proto 'static'
	option device 'br-homeca-q'
	option ipaddr '${address}'
	option netmask '255.255.255.0'
`;

const FIREWALL_ADDED = `
config zone 'homeca_q'
	option name 'homeca_q'
	list network 'homeca_q'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config rule 'homeca_q_dhcp'
	option name 'HomeCA-quarantine-DHCP'
	option src 'homeca_q'
	option family 'ipv4'
	option proto 'udp'
	option dest_port '67'
	option target 'ACCEPT'

config rule 'homeca_q_nd'
	option name 'HomeCA-quarantine-ND'
	option src 'homeca_q'
	option family 'ipv6'
	option proto 'icmp'
	list icmp_type 'neighbour-solicitation'
	list icmp_type 'neighbour-advertisement'
	option target 'ACCEPT'

config rule 'homeca_q_coaps'
	option name 'HomeCA-quarantine-CoAPs'
	option src 'homeca_q'
	option proto 'udp'
	option dest_port '5684'
	option target 'ACCEPT'

config rule 'homeca_q_mdns'
	option name 'HomeCA-quarantine-mDNS'
	option src 'homeca_q'
	option proto 'udp'
	option dest_port '5353'
	option target 'ACCEPT'
`;

const DHCP_ADDED = `
config dhcp 'homeca_q'
	option interface 'homeca_q'
	option start '2'
	option limit '200'
	option leasetime '5m'
	option dhcpv4 'server'
	option dhcpv6 'disabled'
	option ra 'disabled'
`;

test("24.10 as it comes: the radio comes on, its open network stays off, everything else is ours", () => {
  const plan = planWireless(WISH, router(FRESH_24));
  assert.deepEqual([plan.interface, plan.security, plan.vlan], ["homeca0", "wpa3-mixed", 77]);
  const after = carriedOut(FRESH_24, plan);
  assert.equal(
    after.wireless,
    FRESH_24.wireless
      .replace("option disabled '1'", "option disabled '0'")
      .replace("'none'\n", "'none'\n\toption disabled '1'\n") +
      `
config wifi-iface 'homeca_radio0'
	option device 'radio0'
	option mode 'ap'
	option ifname 'homeca0'
	option network 'lan'
	option ssid 'Home'
	option encryption 'wpa3-mixed'
	option ieee80211w '1'
${ASKS_HOMECA(SECRET, "radio0")}
config wifi-vlan 'homeca_q_radio0'
	option iface 'homeca_radio0'
	option name 'q'
	option vid '77'
	option network 'homeca_q'
	option isolate '1'
`,
  );
  assert.equal(after.network, FRESH_24.network + NETWORK_ADDED("192.168.77.1"));
  assert.equal(after.firewall, FRESH_24.firewall + FIREWALL_ADDED);
  assert.equal(after.dhcp, FRESH_24.dhcp + DHCP_ADDED);
  assert.equal(
    after.homeca,
    FRESH_24.homeca
      .replace("config homeca 'main'\n", "config homeca 'main'\n\tlist interface 'homeca0'\n")
      .replace(
        "config radius 'radius'\n",
        "config radius 'radius'\n\toption quarantine_vlan '77'\n",
      )
      .replace("'::'\n", "'::'\n\tlist discovery 'br-homeca-q'\n") +
      `
config client 'homeca_ap'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
	option das_address '127.0.0.1'
	option das_port '3799'
`,
  );
});

const LIVED_IN: Partial<Router> = {
  generation: "ucode",
  access: { section: "router", secret: "secret-of-a-test-only", das: null },
};

test("25.12, lived in, 6 GHz: WPA3 alone, the client that is there, a subnet that nobody has", () => {
  const plan = planWireless(
    { ...WISH, radio: "radio1", ssid: "It's home" },
    router(LIVED_IN_25, LIVED_IN),
  );
  const after = carriedOut(LIVED_IN_25, plan);
  assert.equal(
    after.wireless,
    `${LIVED_IN_25.wireless}
config wifi-iface 'homeca_radio1'
	option device 'radio1'
	option mode 'ap'
	option ifname 'homeca1'
	option network 'lan'
	option ssid 'It'\\''s home'
	option encryption 'wpa3'
	option ieee80211w '2'
${ASKS_HOMECA("secret-of-a-test-only", "radio1")}	list hostapd_bss_options 'ap_isolate=1'

config wifi-vlan 'homeca_q_radio1'
	option iface 'homeca_radio1'
	option name 'q'
	option vid '77'
	option network 'homeca_q'
	option isolate '1'
`,
  );
  assert.equal(after.network, LIVED_IN_25.network + NETWORK_ADDED("192.168.177.1"));
  assert.equal(after.firewall, LIVED_IN_25.firewall + FIREWALL_ADDED);
  assert.equal(
    after.homeca,
    LIVED_IN_25.homeca
      .replace("'wlan9'\n", "'wlan9'\n\tlist interface 'homeca1'\n")
      .replace(
        "test-only'\n",
        "test-only'\n\toption das_address '127.0.0.1'\n\toption das_port '3799'\n",
      )
      .replace(
        "list listen '192.168.1.1'\n",
        "list listen '192.168.1.1'\n\tlist listen '127.0.0.1'\n\toption quarantine_vlan '77'\n",
      ) + "\nconfig coaps 'coaps'\n\tlist discovery 'br-homeca-q'\n",
  );
});

test("a second run changes nothing, and a second radio adds its own network to the same quarantine", () => {
  const after = carriedOut(FRESH_24, planWireless(WISH, router(FRESH_24)));
  const again: Partial<Router> = {
    before: parsed(FRESH_24),
    inUse: [{ first: 0xc0a84d00, length: 24, by: "br-homeca-q" }],
    access: {
      section: "homeca_ap",
      secret: SECRET,
      das: { address: "127.0.0.1", port: 3799, secret: SECRET },
    },
    freshSecret: "another one that must not be used",
  };
  assert.deepEqual(planWireless(WISH, router(after, again)).edits, []);
  const second = planWireless({ ...WISH, radio: "radio1" }, router(after, again));
  const sections = second.edits.flatMap(({ edit }) =>
    edit.kind === "section" ? [edit.section] : [],
  );
  assert.deepEqual(sections, ["homeca_radio1", "homeca_q_radio1"]);
  assert.deepEqual([second.interface, second.subnet.first], ["homeca1", 0xc0a84d00]);
});

test("the fallback follows the band and the radio", () => {
  const security = (wish: Partial<Wish>, more: Partial<Router> = {}): readonly unknown[] => {
    const plan = planWireless({ ...WISH, ...wish }, router(LIVED_IN_25, { ...LIVED_IN, ...more }));
    const mfp = plan.edits.flatMap(({ edit }) =>
      edit.kind !== "section" && edit.option === "ieee80211w" ? edit.values : [],
    );
    return [plan.security, ...mfp];
  };
  assert.deepEqual(security({}), ["wpa3-mixed", "1"]);
  assert.deepEqual(security({}, { mfp: false }), ["wpa2", "0"]);
  assert.deepEqual(security({ security: "wpa2" }), ["wpa2", "1"]);
  assert.deepEqual(security({ security: "wpa3" }), ["wpa3", "2"]);
  assert.deepEqual(security({ radio: "radio1" }), ["wpa3", "2"]);
  const of = router(LIVED_IN_25, LIVED_IN);
  refused("security-impossible", { radio: "radio1", security: "wpa3-mixed" }, of, "6 GHz");
  refused("security-impossible", { radio: "radio1" }, { ...of, mfp: false });
  refused("security-impossible", { security: "wpa3" }, { ...of, mfp: false }, "--security wpa2");
});

test("each thing that would not work is refused in a sentence with the fix", () => {
  const of = router(LIVED_IN_25, LIVED_IN);
  refused(
    "no-radio-client",
    {},
    { ...of, hostapdTrouble: "no RADIUS: install wpad-mbedtls." },
    "wpad-mbedtls",
  );
  refused(
    "package-missing",
    {},
    { ...of, packages: { ...of.packages, dhcp: null } },
    "/etc/config/dhcp",
  );
  refused("radio-unknown", { radio: "radio9" }, of, "radio0, radio1");
  refused("bad-ssid", { ssid: "ä".repeat(16) + "b" }, of, "33 octets");
  refused("bad-ssid", { ssid: "" }, of);
  refused("bad-ssid", { ssid: "Ho\nme" }, of, "\\x0a");
  refused("ssid-taken", { ssid: "Guests; welcome" }, of, "already");
  refused("network-unknown", { network: "lan\u001b" }, of, "\\x1b");
  refused("network-unknown", { network: "loopback" }, of);
  refused("bad-country", { country: "de" }, of, "DE");
  refused("bad-vlan", { vlan: 4095 }, of);
  for (const subnet of [
    "192.168.5.1/24",
    "8.8.8.0/24",
    "192.168.0.0/15",
    "10.0.0.0/29",
    "x",
    "::/64",
  ]) {
    refused("bad-subnet", { subnet }, of, "such as 192.168.77.0/24");
  }
  refused("subnet-taken", { subnet: "192.168.0.0/16" }, of, "lan");
  refused("subnet-taken", { subnet: "192.168.77.128/25" }, of, "guest");
  const wan = { first: 0x0a000000, length: 8, by: "wan" };
  refused("subnet-taken", { subnet: "10.1.2.0/24" }, { ...of, inUse: [wan] }, "wan");
  const access = {
    section: "router",
    secret: "s",
    das: { address: "192.168.1.2", port: 3799, secret: "s" },
  };
  refused("das-elsewhere", {}, { ...of, access }, "das_address to 127.0.0.1");
});

test("names, VLANs and a country that others have set are not taken over", () => {
  const withText = (name: PackageName, more: string): Router =>
    router({ ...LIVED_IN_25, [name]: `${LIVED_IN_25[name]}\n${more}\n` }, LIVED_IN);
  refused("name-taken", {}, withText("network", "config interface 'homeca_q'"), "did not make");
  refused(
    "name-taken",
    {},
    withText("wireless", "config wifi-iface x\n option ifname homeca0"),
    "ifname",
  );
  refused("vlan-taken", {}, withText("wireless", "config wifi-vlan x\n option vid 77"), "'x'");
  refused(
    "vlan-taken",
    {},
    withText("wireless", "config wifi-vlan x\n option name q\n option vid 9"),
  );
  refused("vlan-taken", { vlan: 30 }, withText("homeca", " option quarantine_vlan 20"), "20");
  refused("vlan-taken", { vlan: 30 }, withText("homeca", " option normal_vlan 30"));
  const silent = router(
    { ...LIVED_IN_25, wireless: LIVED_IN_25.wireless.replaceAll("'DE'", "''") },
    LIVED_IN,
  );
  refused("country-missing", { radio: "radio1" }, silent, "--country");
});

test("no secret is shown, and hostile text is shown harmlessly", () => {
  const texts = { ...LIVED_IN_25, wireless: LIVED_IN_25.wireless.replace("'DE'", "'D\u001b[2J'") };
  const plan = planWireless({ ...WISH, country: "DE" }, router(texts, LIVED_IN));
  const shown = showEdits(plan.edits);
  assert.ok(!shown.includes("secret-of-a-test-only"));
  assert.ok(shown.includes("+ wireless.homeca_radio0.auth_secret=(secret)\n"));
  assert.ok(
    shown.includes("- wireless.radio0.country='D\\x1b[2J'\n+ wireless.radio0.country='DE'\n"),
  );
  assert.ok(shown.includes("+ network.homeca_q=interface\n"));
  assert.equal(showEdits([]), "");
});

test("property: whatever is wished, a plan is made or refused, and a made one is complete at once", () => {
  const wishes = fc.record({
    radio: fc.constantFrom("radio0", "radio1", "radio2"),
    ssid: fc.string({ maxLength: 34 }),
    network: fc.constantFrom("lan", "guest", "none"),
    security: fc.constantFrom("auto" as const, "wpa2" as const, "wpa3" as const),
    country: fc.constantFrom(null, "DE", "xx"),
    subnet: fc.constantFrom(null, "10.9.0.0/20", "192.168.1.0/24"),
    vlan: fc.option(fc.integer({ min: -1, max: 5000 })),
  });
  fc.assert(
    fc.property(wishes, fc.constantFrom(FRESH_24, LIVED_IN_25), (wish, texts) => {
      let plan: Plan;
      try {
        plan = planWireless(wish, router(texts));
      } catch (failure) {
        assert.ok(failure instanceof WirelessFailure);
        return;
      }
      const after = carriedOut(texts, plan);
      for (const name of PACKAGES) assert.ok(after[name].length > texts[name].length, name);
      const das = { address: "127.0.0.1", port: 3799, secret: SECRET };
      const access = { section: "homeca_ap", secret: SECRET, das };
      const again = router(after, { before: parsed(texts), access });
      assert.deepEqual(planWireless(wish, again).edits, []);
    }),
    { numRuns: 100 },
  );
});
