/** IP addresses and prefixes in text: read strictly, compared as bytes. */

/** Addresses `length` bits of which are `address`; 4 or 16 bytes. */
export interface Prefix {
  readonly address: Uint8Array;
  /** Bits, 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** The 4 or 16 bytes of an address (dotted decimal, or RFC 4291 §2.2), or null; no zone, no leading zeros in IPv4. */
export function parseAddress(text: string): Uint8Array | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** An address, or an address and `/` and a length; null where bits behind the length are set. */
export function parsePrefix(text: string): Prefix | null {
  const [first = "", second, ...more] = text.split("/");
  const address = parseAddress(first);
  if (address === null || more.length > 0) return null;
  const bits = address.length * 8;
  if (second === undefined) return { address, length: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(second)) return null;
  const length = Number(second);
  const tailIsZero = address.every((byte, at) => (byte & tailMask(length - at * 8)) === 0);
  return length <= bits && tailIsZero ? { address, length } : null;
}

/** Whether `address` (4 or 16 bytes) lies within the prefix. */
export function prefixHolds(prefix: Prefix, address: Uint8Array): boolean {
  if (address.length !== prefix.address.length) return false;
  return prefix.address.every(
    (byte, at) => ((byte ^ address[at]!) & (255 ^ tailMask(prefix.length - at * 8))) === 0,
  );
}

/** The bits of one byte that lie behind the first `bits` of them. */
function tailMask(bits: number): number {
  return bits >= 8 ? 0 : bits <= 0 ? 255 : 255 >> bits;
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const octets = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return octets.every((octet) => octet < 256) ? Uint8Array.from(octets) : null;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half, at) => parseGroups(half, at === halves.length - 1));
  if (head === null || tail === null || head === undefined) return null;
  const have = head.length + (tail?.length ?? 0);
  // A `::` stands for at least one group of zeros.
  if (tail === undefined ? have !== 16 : have > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  if (tail !== undefined) bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Groups between colons; the last of all may be an IPv4 address (RFC 4291 §2.2 form 3). */
function parseGroups(text: string, isTail: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const dotted = isTail && index === groups.length - 1 ? parseIpv4(group) : null;
    if (dotted !== null) bytes.push(...dotted);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else return null;
  }
  return bytes.length <= 16 ? bytes : null;
}
