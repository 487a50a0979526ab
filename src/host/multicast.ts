/** What the hosts of a real system share that speak multicast: one end for each family of each link, and who is on it. */
import { parseAddress } from "../base/address.ts";
import type {
  InterfaceAddress,
  MulticastLink,
  MulticastSocket,
  NetworkInterface,
  SocketAddress,
} from "./host.ts";

export interface MulticastEvents {
  onDatagram(bytes: Uint8Array, from: SocketAddress, on: MulticastLink): void;
  /** A datagram that could not leave, or a fault of a socket; told once per run of the same errno. */
  onFault(line: string): void;
}

/** One family of one interface. */
export interface MulticastEnd {
  readonly link: MulticastLink;
  send(bytes: Uint8Array, to: "group" | SocketAddress): void;
  close(): void;
}

/** Opens an end for each family that these interfaces have an address of: all of them, or none. @throws what `open` throws */
export function joinLinks<Link extends NetworkInterface>(
  links: readonly Link[],
  open: (link: Link, family: "ipv4" | "ipv6") => MulticastEnd,
): MulticastSocket {
  const ends: MulticastEnd[] = [];
  const close = (): void => {
    for (const end of ends.splice(0)) end.close();
  };
  try {
    for (const link of links) {
      for (const family of ["ipv4", "ipv6"] as const) {
        if (link[family].length > 0) ends.push(open(link, family));
      }
    }
  } catch (failure) {
    close();
    throw failure;
  }
  return {
    links: ends.map(({ link }) => link),
    send(bytes, to, on) {
      const end = ends.find(
        ({ link }) => link.interface === on.interface && link.family === on.family,
      );
      end?.send(bytes, to);
    },
    close,
  };
}

/** fe80::/10, and groups of link-local scope: what needs a zone. */
export const isLinkLocal = (address: string): boolean => /^(?:fe[89ab]|ff02)/i.test(address);

/**
 * Whether an address is on the link of one of ours: it came from nowhere else then.
 * @param ours - the addresses of that family on the link
 */
export function isOnLink(
  from: string,
  { family }: MulticastLink,
  ours: readonly InterfaceAddress[],
): boolean {
  if (isLinkLocal(from) && family === "ipv6") return true;
  const theirs = parseAddress(from);
  return (
    theirs !== null &&
    ours.some(({ address, prefixLength }) => {
      const own = parseAddress(address);
      const bits = family === "ipv4" ? 96 + prefixLength : prefixLength;
      return own !== null && samePrefix(own, theirs, bits);
    })
  );
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if ((a[bit >> 3]! & mask) !== (b[bit >> 3]! & mask)) return false;
  }
  return true;
}
