/**
 * IP addresses between text and octets. Sixteen octets stand for either family,
 * IPv4 in its IPv6-mapped form, so that a client found by a dual-stack socket
 * (`::ffff:192.0.2.1`) is the client that was written as `192.0.2.1`.
 */
import { hex, toHex } from "./bytes.ts";

const MAPPED = hex("00000000000000000000ffff");

/** 16 octets, or null where the text is no IPv4 or IPv6 address (RFC 4291 §2.2; no zone, no brackets). */
export function parseAddress(text: string): Uint8Array | null {
  const v4 = parseIpv4(text);
  if (v4 !== null) return new Uint8Array([...MAPPED, ...v4]);
  return text.length <= 45 ? parseIpv6(text) : null;
}

/** Whether 16 octets stand for an IPv4 address. */
export function isIpv4(address: Uint8Array): boolean {
  return MAPPED.every((octet, at) => address[at] === octet);
}

/** 4 octets, or null where the text is not four decimal numbers without leading zeros. */
export function parseIpv4(text: string): Uint8Array | null {
  if (!/^(?:\d{1,3}\.){3}\d{1,3}$/.test(text)) return null;
  const parts = text.split(".");
  // "010" is 8 to some readers and 10 to others: neither is guessed.
  if (parts.some((part) => Number(part) > 255 || String(Number(part)) !== part)) return null;
  return Uint8Array.from(parts, Number);
}

/** Dotted decimal from 4 octets. */
export function formatIpv4(octets: Uint8Array): string {
  return octets.join(".");
}

/** 16 octets, or null where the text is no IPv6 address. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === null || tail === null) return null;
  const gap = 16 - head.length - tail.length;
  // "::" stands for at least one group of zeros, and without it nothing may be missing.
  if (halves.length === 2 ? gap < 2 : gap !== 0) return null;
  return new Uint8Array([...head, ...new Uint8Array(gap), ...tail]);
}

/** Groups of two octets; at the end of the address dotted decimal may stand for the last two groups. */
function parseGroups(text: string, endsAddress: boolean): number[] | null {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [at, group] of groups.entries()) {
    const v4 = endsAddress && at === groups.length - 1 ? parseIpv4(group) : null;
    if (v4 !== null) octets.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) octets.push(...hex(group.padStart(4, "0")));
    else return null;
  }
  return octets;
}

/** The canonical text of 16 octets: lower case, the longest run of zero groups as "::" (RFC 5952 §4). */
export function formatIpv6(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) =>
    toHex(octets.subarray(at * 2, at * 2 + 2)).replace(/^0{1,3}/, ""),
  );
  let longest = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > longest.length) longest = { start, length };
  }
  if (longest.length < 2) return groups.join(":");
  const tail = groups.slice(longest.start + longest.length).join(":");
  return `${groups.slice(0, longest.start).join(":")}::${tail}`;
}

/** An address and port that a datagram came from, or goes to. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** A peer's name at a server with several sockets: `via` is the number of the one it came through. */
export function peerName(via: number, { address, port }: PeerAddress): string {
  return `${via} ${address} ${port}`;
}

/** What {@link peerName} was made of. */
export function peerOf(name: string): { readonly via: number; readonly to: PeerAddress } {
  const [via = "", address = "", port = ""] = name.split(" ");
  return { via: Number(via), to: { address, port: Number(port) } };
}
