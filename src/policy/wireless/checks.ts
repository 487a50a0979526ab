/** What must hold before anything is planned; each refusal says what to do instead. */
import { utf8 } from "../../base/bytes.ts";
import { isHostile, visible } from "../../base/text.ts";
import type { UciSection } from "../../base/uci.ts";
import { WirelessFailure } from "./failure.ts";
import { all, isOff, one } from "./reading.ts";
import {
  QUARANTINE,
  QUARANTINE_BRIDGE,
  QUARANTINE_VLAN_NAME,
  sectionOf,
  vlanSectionOf,
} from "./names.ts";
import { CANDIDATES, configuredSubnets, isPrivate, overlap, parseSubnet } from "./subnet.ts";
import type { Subnet, UsedSubnet } from "./subnet.ts";
import { PACKAGES } from "./wanted.ts";
import type { Packages } from "./wanted.ts";
import type { Plan, Router, Wish } from "./wish.ts";

const DEFAULT_VLAN = 77;

export function presentPackages(packages: Router["packages"]): Packages {
  const { wireless, network, firewall, dhcp, homeca } = packages;
  const missing = PACKAGES.find((name) => packages[name] === null);
  if (!wireless || !network || !firewall || !dhcp || !homeca) {
    throw new WirelessFailure(
      "package-missing",
      `there is no /etc/config/${missing}: install what belongs to it, or run wifi config`,
    );
  }
  return { wireless, network, firewall, dhcp, homeca };
}

export function radioNamed(sections: readonly UciSection[], name: string): UciSection {
  const radios = sections.filter(({ type }) => type === "wifi-device");
  const found = radios.find((section) => section.name === name);
  if (found !== undefined) return found;
  const names = radios.flatMap((section) => section.name ?? []).map((each) => visible(each, 32));
  const fix = names.length === 0 ? "this router has none" : `name one of ${names.join(", ")}`;
  throw new WirelessFailure("radio-unknown", `there is no radio '${visible(name, 32)}': ${fix}`);
}

/** IEEE 802.11 §9.4.2.2: 0 to 32 octets, and none is no name. */
export function checkSsid(sections: readonly UciSection[], { ssid, radio }: Wish): void {
  const { length } = utf8(ssid);
  const shown = `'${visible(ssid, 64)}'`;
  const refuse = (sentence: string): never => {
    throw new WirelessFailure("bad-ssid", sentence);
  };
  if (length === 0 || length > 32) {
    refuse(
      `the name ${shown} has ${length} octets: use 1 to 32; letters beyond ASCII take two or more`,
    );
  }
  if (isHostile(ssid)) {
    refuse(`the name ${shown} has characters that cannot be seen: use letters, digits and signs`);
  }
  const taken = sections.some(
    (section) =>
      section.type === "wifi-iface" &&
      section.name !== sectionOf(radio) &&
      !isOff(section) &&
      all(section, "device").includes(radio) &&
      one(section, "ssid") === ssid,
  );
  if (taken) {
    throw new WirelessFailure(
      "ssid-taken",
      `${radio} has a network ${shown} already: choose another name, or disable that one first`,
    );
  }
}

export function checkNetwork(sections: readonly UciSection[], network: string): void {
  const there = sections.some(({ type, name }) => type === "interface" && name === network);
  if (there && network !== QUARANTINE && network !== "loopback") return;
  throw new WirelessFailure(
    "network-unknown",
    `admitted devices cannot be put into network '${visible(network, 32)}': name one of /etc/config/network, such as lan`,
  );
}

/** `band` since 21.02; `hwmode` before. */
export function bandOf(radio: UciSection): string {
  return one(radio, "band") ?? (one(radio, "hwmode") === "11a" ? "5g" : "2g");
}

/** 6 GHz takes WPA3 only (IEEE 802.11 §12.12.2); elsewhere older stations may come in by WPA2. */
export function securityOf({ security }: Wish, band: string, mfp: boolean): Plan["security"] {
  const refuse = (why: string): never => {
    throw new WirelessFailure("security-impossible", why);
  };
  const is6 = band === "6g";
  if (is6 && !mfp)
    refuse("the radio cannot protect management frames, as 6 GHz asks: use another radio");
  if (security === "auto") return is6 ? "wpa3" : mfp ? "wpa3-mixed" : "wpa2";
  if (is6 && security !== "wpa3") {
    refuse(`6 GHz takes WPA3 only: leave --security ${security} out`);
  }
  if (!mfp && security !== "wpa2") {
    refuse("the radio cannot protect management frames, as WPA3 asks: use --security wpa2");
  }
  return security;
}

/** A VLAN number that the daemon names already stays; one that other stations are sent to is no quarantine. */
export function vlanOf(now: Packages, { vlan, radio }: Wish): number {
  const radius = now.homeca.find(({ type }) => type === "radius");
  const configured = radius === undefined ? null : one(radius, "quarantine_vlan");
  const chosen = vlan ?? (configured === null ? DEFAULT_VLAN : Number(configured));
  const taken = (by: string, fix: string): never => {
    throw new WirelessFailure("vlan-taken", `VLAN ${chosen} is ${by}: ${fix}`);
  };
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > 4094) {
    throw new WirelessFailure("bad-vlan", "the VLAN of the quarantine is wrong: use 1 to 4094");
  }
  if (configured !== null && Number(configured) !== chosen) {
    taken(
      `not the quarantine_vlan of /etc/config/homeca`,
      `use ${visible(configured, 8)}, or undo first`,
    );
  }
  if (radius !== undefined && one(radius, "normal_vlan") === String(chosen)) {
    taken("where admitted devices go (normal_vlan)", "choose another with --vlan");
  }
  const ours = sectionOf(radio);
  for (const section of now.wireless) {
    const faces = all(section, "iface");
    const isNear = faces.length === 0 || faces.includes(ours);
    const isOurs = section.name === vlanSectionOf(radio);
    if (section.type !== "wifi-vlan" || isOurs || isOff(section) || !isNear) continue;
    if (one(section, "vid") === String(chosen) || one(section, "name") === QUARANTINE_VLAN_NAME) {
      taken(
        `in use by wifi-vlan '${visible(section.name ?? "", 32)}'`,
        "choose another with --vlan",
      );
    }
  }
  return chosen;
}

export function subnetOf(now: Packages, { subnet }: Wish, inUse: readonly UsedSubnet[]): Subnet {
  const configured = configuredSubnets(now.network);
  const own = configured.find(({ by }) => by === QUARANTINE);
  const others = [...configured, ...inUse].filter(
    ({ by }) => by !== QUARANTINE && by !== QUARANTINE_BRIDGE,
  );
  if (subnet === null) {
    if (own !== undefined) return own;
    const free = CANDIDATES.map(parseSubnet).find(
      (each) => each !== null && !others.some((other) => overlap(each, other)),
    );
    if (free) return free;
    throw new WirelessFailure("subnet-taken", "no usual subnet is free: choose one with --subnet");
  }
  const chosen = parseSubnet(subnet);
  const shown = `subnet '${visible(subnet, 32)}'`;
  if (chosen === null || chosen.length < 16 || chosen.length > 28 || !isPrivate(chosen)) {
    throw new WirelessFailure(
      "bad-subnet",
      `${shown} is no private IPv4 prefix of /16 to /28: write one such as ${CANDIDATES[0]}`,
    );
  }
  const taken = others.find((other) => overlap(chosen, other));
  if (taken !== undefined) {
    throw new WirelessFailure(
      "subnet-taken",
      `${shown} is in use by ${visible(taken.by, 32)}: choose another, or none for a free one`,
    );
  }
  return chosen;
}

/** `homeca0` for the first radio: fixed, because the daemon controls the network device by its name. */
export function deviceOf(sections: readonly UciSection[], radio: string): string {
  const at = sections
    .filter(({ type }) => type === "wifi-device")
    .findIndex(({ name }) => name === radio);
  const device = `homeca${at}`;
  const other = sections.find(
    (section) =>
      section.type === "wifi-iface" &&
      section.name !== sectionOf(radio) &&
      one(section, "ifname") === device,
  );
  if (other === undefined) return device;
  throw new WirelessFailure(
    "name-taken",
    `wifi-iface '${visible(other.name ?? "", 32)}' has the ifname ${device}: give it another`,
  );
}
