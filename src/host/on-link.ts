/** What hosts share that hear multicast: which addresses are on a link. */
import { parseAddress } from "../base/address.ts";
import type { InterfaceAddress, MulticastLink } from "./host.ts";

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
