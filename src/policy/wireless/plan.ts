/**
 * The wireless set-up of one radio: a network with WPA-Enterprise that asks
 * HomeCA, and a quarantine of its own for whom HomeCA does not know. Works out
 * what has to change in the router's UCI packages; who writes it is elsewhere.
 *
 * Section names are fixed, so that a second run finds them and changes nothing.
 *
 * @see OpenWrt's wireless.wifi-iface.json (25.12) and hostapd.sh (24.10) for names and values of options
 */
import { visible } from "../../base/text.ts";
import type { UciSection } from "../../base/uci.ts";
import {
  bandOf,
  checkNetwork,
  checkSsid,
  deviceOf,
  presentPackages,
  radioNamed,
  securityOf,
  subnetOf,
  vlanOf,
} from "./checks.ts";
import { WirelessFailure } from "./failure.ts";
import {
  QUARANTINE,
  QUARANTINE_BRIDGE,
  QUARANTINE_VLAN_NAME,
  sectionOf,
  vlanSectionOf,
} from "./names.ts";
import { all, isOff, isYes, one } from "./reading.ts";
import { netmask, routerAddress } from "./subnet.ts";
import type { Subnet } from "./subnet.ts";
import { Wanted } from "./wanted.ts";
import type { Packages } from "./wanted.ts";
import type { Access, Plan, Router, Wish } from "./wish.ts";

const CLIENT = "homeca_ap";
const LOOPBACK = "127.0.0.1";
const DAS_PORT = 3799;
const INTERIM_SECONDS = "600";

/** @throws {@link WirelessFailure}; nothing is planned by halves */
export function planWireless(wish: Wish, router: Router): Plan {
  if (router.hostapdTrouble !== null) {
    throw new WirelessFailure("no-radio-client", router.hostapdTrouble);
  }
  const now = presentPackages(router.packages);
  const wanted = new Wanted(now, router.before ?? now);
  const radio = radioNamed(now.wireless, wish.radio);
  checkSsid(now.wireless, wish);
  checkNetwork(now.network, wish.network);
  const security = securityOf(wish, bandOf(radio), router.mfp);
  const vlan = vlanOf(now, wish);
  const subnet = subnetOf(now, wish, router.inUse);
  const device = deviceOf(now.wireless, wish.radio);

  switchOn(wanted, now.wireless, radio, wish);
  const access = bss(wanted, now, router, { wish, security, device });
  quarantineVlan(wanted, wish.radio, vlan);
  quarantineNetwork(wanted, subnet);
  quarantineZone(wanted, now.homeca);
  homeca(wanted, now.homeca, { device, vlan, access, isNew: router.access === null });
  return { edits: wanted.edits, interface: device, security, subnet, vlan };
}

/** A radio that was off comes on with our network alone: what was off stays off. */
function switchOn(
  wanted: Wanted,
  sections: readonly UciSection[],
  radio: UciSection,
  { radio: name, country }: Wish,
): void {
  if (country !== null) {
    if (!/^[A-Z]{2}$/.test(country)) {
      throw new WirelessFailure(
        "bad-country",
        "the country is no two capital letters: write DE, US or such",
      );
    }
    wanted.set("wireless", name, "country", country);
  } else if (bandOf(radio) === "6g" && one(radio, "country") === null) {
    throw new WirelessFailure(
      "country-missing",
      `${name} is for 6 GHz and has no country, without which it stays silent: add --country`,
    );
  }
  if (!isOff(radio)) return;
  wanted.set("wireless", name, "disabled", "0");
  const counts = new Map<string, number>();
  for (const section of sections) {
    const index = counts.get(section.type) ?? 0;
    counts.set(section.type, index + 1);
    const isOther = section.type === "wifi-iface" && section.name !== sectionOf(name);
    if (!isOther || isOff(section) || !all(section, "device").includes(name)) continue;
    wanted.set("wireless", section.name ?? `@wifi-iface[${index}]`, "disabled", "1");
  }
}

interface Bss {
  readonly wish: Wish;
  readonly security: Plan["security"];
  readonly device: string;
}

/** Management frame protection by `encryption`: required, offered, offered where it can be. */
const MFP: Readonly<Record<Plan["security"], (mfp: boolean) => string>> = {
  wpa3: () => "2",
  "wpa3-mixed": () => "1",
  wpa2: (mfp) => (mfp ? "1" : "0"),
};

function bss(
  wanted: Wanted,
  now: Packages,
  router: Router,
  { wish, security, device }: Bss,
): Access {
  const access = accessOf(router);
  const { secret, das } = access;
  const radius = now.homeca.find(({ type }) => type === "radius");
  const port = (name: string, usual: string): string =>
    (radius === undefined ? null : one(radius, name)) ?? usual;
  wanted.own("wireless", "wifi-iface", sectionOf(wish.radio), {
    device: wish.radio,
    mode: "ap",
    ifname: device,
    network: wish.network,
    ssid: wish.ssid,
    encryption: security,
    ieee80211w: MFP[security](router.mfp),
    auth_server: LOOPBACK,
    auth_port: port("auth_port", "1812"),
    auth_secret: secret,
    acct_server: LOOPBACK,
    acct_port: port("acct_port", "1813"),
    acct_secret: secret,
    acct_interval: INTERIM_SECONDS,
    dae_client: LOOPBACK,
    dae_port: String(das?.port ?? DAS_PORT),
    dae_secret: das?.secret ?? secret,
    // The BSSs of a router share one port for Disconnect-Request; this tells hostapd which is meant.
    nasid: `homeca-${wish.radio}`,
    ownip: LOOPBACK,
    // Without it each reconnect is a whole EAP-TLS exchange.
    auth_cache: "1",
    dynamic_vlan: "1",
    // The shell scripts write it for every bridged network; ucode's only here. Without it frames between
    // two stations never reach the bridge, where HomeCA's firewall is.
    ...(router.generation === "ucode" ? { hostapd_bss_options: ["ap_isolate=1"] } : {}),
  });
  return access;
}

function accessOf({ access, freshSecret }: Router): Access {
  if (access === null) return { section: CLIENT, secret: freshSecret, das: null };
  const address = access.das?.address ?? LOOPBACK;
  if (address === LOOPBACK) return access;
  throw new WirelessFailure(
    "das-elsewhere",
    `client '${visible(access.section, 32)}' takes Disconnect-Request at ${visible(address, 45)}: set its das_address to ${LOOPBACK}`,
  );
}

/** One section for each network: 24.10 reads `iface` as one name. Quarantined stations do not meet each other. */
function quarantineVlan(wanted: Wanted, radio: string, vlan: number): void {
  wanted.own("wireless", "wifi-vlan", vlanSectionOf(radio), {
    iface: sectionOf(radio),
    name: QUARANTINE_VLAN_NAME,
    vid: String(vlan),
    network: QUARANTINE,
    isolate: "1",
  });
}

function quarantineNetwork(wanted: Wanted, subnet: Subnet): void {
  wanted.own("network", "device", `${QUARANTINE}_bridge`, {
    type: "bridge",
    name: QUARANTINE_BRIDGE,
    bridge_empty: "1",
  });
  wanted.own("network", "interface", QUARANTINE, {
    proto: "static",
    device: QUARANTINE_BRIDGE,
    ipaddr: routerAddress(subnet),
    netmask: netmask(subnet),
  });
  const hosts = 2 ** (32 - subnet.length) - 2;
  wanted.own("dhcp", "dhcp", QUARANTINE, {
    interface: QUARANTINE,
    start: "2",
    limit: String(Math.min(hosts - 1, 200)),
    // A device that is let in comes back from another network: its address here is soon free again.
    leasetime: "5m",
    dhcpv4: "server",
    dhcpv6: "disabled",
    ra: "disabled",
  });
}

/** Nothing is forwarded; the router answers DHCP, neighbours and HomeCA's own ports. */
function quarantineZone(wanted: Wanted, homecaSections: readonly UciSection[]): void {
  wanted.own("firewall", "zone", QUARANTINE, {
    name: QUARANTINE,
    network: [QUARANTINE],
    input: "REJECT",
    output: "ACCEPT",
    forward: "REJECT",
  });
  const rule = (name: string, title: string, options: Readonly<Record<string, string>>): void =>
    wanted.own("firewall", "rule", `${QUARANTINE}_${name}`, {
      name: `HomeCA-quarantine-${title}`,
      src: QUARANTINE,
      ...options,
      target: "ACCEPT",
    });
  rule("dhcp", "DHCP", { family: "ipv4", proto: "udp", dest_port: "67" });
  wanted.own("firewall", "rule", `${QUARANTINE}_nd`, {
    name: "HomeCA-quarantine-ND",
    src: QUARANTINE,
    family: "ipv6",
    proto: "icmp",
    icmp_type: ["neighbour-solicitation", "neighbour-advertisement"],
    target: "ACCEPT",
  });
  const portOf = (type: string, usual: string): string => {
    const section = homecaSections.find((each) => each.type === type);
    return (section === undefined ? null : one(section, "port")) ?? usual;
  };
  rule("coaps", "CoAPs", { proto: "udp", dest_port: portOf("coaps", "5684") });
  rule("mdns", "mDNS", { proto: "udp", dest_port: "5353" });
  const est = homecaSections.find((section) => section.type === "est");
  if (est !== undefined && isYes(one(est, "enabled"))) {
    rule("est", "EST", { proto: "tcp", dest_port: portOf("est", "8443") });
  }
}

interface Ours {
  readonly device: string;
  readonly vlan: number;
  readonly access: Access;
  readonly isNew: boolean;
}

function homeca(
  wanted: Wanted,
  sections: readonly UciSection[],
  { device, vlan, access, isNew }: Ours,
): void {
  wanted.append("homeca", wanted.only("homeca", "homeca", "main"), "interface", [device]);
  const radius = wanted.only("homeca", "radius", "radius");
  wanted.set("homeca", radius, "quarantine_vlan", String(vlan));
  const section = sections.find(({ type }) => type === "radius");
  const listen = section === undefined ? [] : all(section, "listen");
  if (listen.length > 0 && !listen.includes("0.0.0.0")) {
    wanted.append("homeca", radius, "listen", [LOOPBACK]);
  }
  const das = { das_address: LOOPBACK, das_port: String(access.das?.port ?? DAS_PORT) };
  if (isNew) {
    wanted.own("homeca", "client", access.section, {
      prefix: LOOPBACK,
      secret: access.secret,
      ...das,
    });
  } else if (access.das === null) {
    for (const [name, text] of Object.entries(das)) {
      wanted.set("homeca", access.section, name, text);
    }
  }
  const coaps = wanted.only("homeca", "coaps", "coaps");
  wanted.append("homeca", coaps, "discovery", [QUARANTINE_BRIDGE]);
}
