/** Where quarantined devices get their IPv4 addresses: a prefix that nobody on this router uses. */
import { formatIpv4, parseIpv4 } from "../../base/address.ts";
import type { UciOption, UciSection } from "../../base/uci.ts";

/** An IPv4 prefix: `first` is its lowest address as a number, `length` 0 to 32. */
export interface Subnet {
  readonly first: number;
  readonly length: number;
}

/** A prefix in use, and by whom. */
export interface UsedSubnet extends Subnet {
  readonly by: string;
}

/** Tried in this order where the owner names none: private (RFC 1918), and not what routers come with. */
export const CANDIDATES: readonly string[] = [
  "192.168.77.0/24",
  "192.168.177.0/24",
  "10.77.177.0/24",
  "172.29.77.0/24",
];

/** From `192.168.77.0/24`; null where it is no IPv4 prefix, or has bits behind its length. */
export function parseSubnet(text: string): Subnet | null {
  const subnet = subnetAround(...cut(text));
  return subnet !== null && textOf(subnet.first) === cut(text)[0] ? subnet : null;
}

/** The prefix that an address with a length or a netmask lies in; null where either is wrong. */
export function subnetAround(address: string, mask: string): Subnet | null {
  const octets = parseIpv4(address);
  const length = lengthOf(mask);
  if (octets === null || length === null) return null;
  const size = 2 ** (32 - length);
  return { first: Math.floor(numberOf(octets) / size) * size, length };
}

/** RFC 1918: what a home may take without asking. */
export function isPrivate(subnet: Subnet): boolean {
  return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].some((text) => {
    const block = parseSubnet(text);
    return block !== null && subnet.length >= block.length && overlap(subnet, block);
  });
}

export function overlap(a: Subnet, b: Subnet): boolean {
  const size = 2 ** (32 - Math.min(a.length, b.length));
  return Math.floor(a.first / size) === Math.floor(b.first / size);
}

/** The first address of hosts, which the router takes. */
export function routerAddress({ first }: Subnet): string {
  return textOf(first + 1);
}

export function netmask({ length }: Subnet): string {
  return textOf(2 ** 32 - 2 ** (32 - length));
}

/** Addresses that `config interface` sections have of themselves, `ipaddr` alone or with its length, and `netmask`. */
export function configuredSubnets(sections: readonly UciSection[]): UsedSubnet[] {
  return sections.flatMap(({ type, name, options }) => {
    if (type !== "interface") return [];
    const mask = texts(options.get("netmask"))[0] ?? "255.255.255.0";
    return texts(options.get("ipaddr")).flatMap((text) => {
      const [address, length] = cut(text);
      const subnet = subnetAround(address, length === "" ? mask : length);
      return subnet === null ? [] : [{ ...subnet, by: name ?? "an interface without name" }];
    });
  });
}

function texts(option: UciOption | undefined): string[] {
  return option?.values.flatMap(({ text }) => text.split(/\s+/)) ?? [];
}

function cut(text: string): [string, string] {
  const slash = text.indexOf("/");
  return slash < 0 ? [text, ""] : [text.slice(0, slash), text.slice(slash + 1)];
}

/** From `24` or `255.255.255.0`. */
function lengthOf(mask: string): number | null {
  if (/^\d{1,2}$/.test(mask)) return Number(mask) <= 32 ? Number(mask) : null;
  const octets = parseIpv4(mask);
  if (octets === null) return null;
  const hosts = 2 ** 32 - numberOf(octets);
  const length = 32 - Math.log2(hosts);
  return Number.isInteger(length) ? length : null;
}

function numberOf(octets: Uint8Array): number {
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

function textOf(address: number): string {
  return formatIpv4(Uint8Array.from([24, 16, 8, 0], (shift) => Math.floor(address / 2 ** shift)));
}
