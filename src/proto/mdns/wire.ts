/** The numbers of DNS and multicast DNS, and what a link is. */

/** Where multicast DNS is spoken (RFC 6762 §3). Everything is sent with an IP TTL of 255 (§11). */
export const MDNS_PORT = 5353;
export const MDNS_GROUP = { ipv4: "224.0.0.251", ipv6: "ff02::fb" } as const;

/** Octets of one message at most (RFC 6762 §17: 9000 with the headers of IP and UDP, which are left to the peer). */
export const MAX_MESSAGE_LENGTH = 9000;

/** Seconds a record may be kept that has a host's name in it, and any other (RFC 6762 §10). */
export const HOST_TTL = 120;
export const OTHER_TTL = 4500;
/** Seconds at most for a resolver that knows no multicast DNS (RFC 6762 §6.7). */
export const LEGACY_TTL = 10;

/** Types of records (RFC 1035 §3.2.2, RFC 3596, RFC 2782, RFC 4034) and of questions. */
export const RecordType = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, NSEC: 47 } as const;
export const ANY = 255;

export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export type Family = "ipv4" | "ipv6";

/** The two families of one network interface are two links: what was asked on one is answered there (RFC 6762 §20). */
export interface Link {
  readonly interface: string;
  readonly family: Family;
}

export const linkKey = (link: Link): string => `${link.family} ${link.interface}`;

/** An interface that multicast is spoken on, and the addresses it is reached by: text without zone. */
export interface LinkInterface {
  readonly name: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** The links of interfaces: one for each family that has an address. */
export function linksOf(interfaces: readonly LinkInterface[]): Link[] {
  return interfaces.flatMap(({ name, ipv4, ipv6 }) => {
    const families: Family[] = [];
    if (ipv4.length > 0) families.push("ipv4");
    if (ipv6.length > 0) families.push("ipv6");
    return families.map((family) => ({ interface: name, family }));
  });
}

/** A datagram that came from the link itself; the host sees to that (RFC 6762 §11). */
export interface LinkDatagram extends Link {
  readonly kind: "datagram";
  readonly from: string;
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** A datagram to be sent from port 5353: to the group of its family, or to one address. */
export interface LinkSend extends Link {
  readonly kind: "send";
  readonly to: "multicast" | { readonly address: string; readonly port: number };
  readonly bytes: Uint8Array;
}
