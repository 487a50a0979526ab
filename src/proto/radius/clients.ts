/**
 * The RADIUS clients (NASes) that may speak to us, by source address. A datagram
 * from anywhere else gets no answer.
 */
import { toHex } from "../../base/bytes.ts";
import { isIpv4, parseAddress } from "../../base/address.ts";

/** How many clients a table holds: the lookup walks it for every datagram. */
export const MAX_CLIENTS = 256;
/** A secret this short deserves a warning to the owner; 24 random octets are what to generate. */
export const WEAK_SECRET_LENGTH = 12;

/** One RADIUS client as it is configured. */
export interface RadiusClient {
  /** For logs and records; unique in its table. */
  readonly name: string;
  /** `192.0.2.1`, `192.0.2.0/24`, `fd00::/64`: without a length, one address. */
  readonly prefix: string;
  /** The shared secret, at least one octet. */
  readonly secret: Uint8Array;
  /** Discard Access-Requests without Message-Authenticator. Default true. */
  readonly requireMessageAuthenticator?: boolean;
  /** Where the flag above is off: discard Proxy-State without Message-Authenticator. Default true. */
  readonly limitProxyState?: boolean;
}

interface Row {
  readonly client: RadiusClient;
  readonly address: Uint8Array;
  /** Leading bits of the 128 that count. */
  readonly bits: number;
}

/** Finds clients by the longest prefix that fits; both families in one table, IPv4-mapped IPv6 is IPv4. */
export class RadiusClients {
  /** Longest prefix first. */
  #rows: readonly Row[] = [];

  /** @throws RangeError as {@link RadiusClients.replace}. */
  constructor(clients: readonly RadiusClient[]) {
    this.replace(clients);
  }

  /**
   * Takes another list of clients from now on, or keeps the old one and throws.
   *
   * @throws RangeError for a malformed prefix, a name or prefix that is there
   *   twice, an empty secret, or more than 256 clients. Says which, never the secret.
   */
  replace(clients: readonly RadiusClient[]): void {
    if (clients.length > MAX_CLIENTS) {
      throw new RangeError(
        `${clients.length} RADIUS clients: use prefixes, at most ${MAX_CLIENTS}`,
      );
    }
    const rows = clients.map(toRow);
    refuseTwins(rows.map(({ client }) => client.name));
    refuseTwins(rows.map(({ address, bits }) => `${toHex(address)}/${bits}`));
    this.#rows = rows.toSorted((a, b) => b.bits - a.bits);
  }

  /** The client at this address, or null. Text that is no address belongs to no client. */
  find(address: string): RadiusClient | null {
    const wanted = parseAddress(address);
    if (wanted === null) return null;
    return this.#rows.find((row) => covers(row, wanted))?.client ?? null;
  }
}

function toRow(client: RadiusClient): Row {
  const fault = (cause: string): RangeError =>
    new RangeError(`RADIUS client ${JSON.stringify(client.name)}: ${cause}`);
  if (client.secret.length === 0) throw fault("set a secret");

  const [, text = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(client.prefix) ?? [];
  const address = parseAddress(text);
  if (address === null) throw fault("write its address as 192.0.2.1, 192.0.2.0/24 or fd00::/64");
  // Only what was written as IPv4 counts its length in 32 bits; "::ffff:0:0/96" is IPv6 notation.
  const offset = isIpv4(address) && !text.includes(":") ? 96 : 0;
  const bits = length === undefined ? 128 : offset + Number(length);
  if (bits > 128) throw fault(`a prefix of this family has at most ${128 - offset} bits`);
  // Bits beyond the prefix are more often a typing error than a wish.
  if (toHex(masked(address, bits)) !== toHex(address)) {
    throw fault(`${client.prefix} has bits set beyond its length; clear them or lengthen it`);
  }
  return { client, address, bits };
}

function covers({ address, bits }: Row, wanted: Uint8Array): boolean {
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (address[at] !== wanted[at]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ wanted[whole]!) >> (8 - rest) === 0;
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((octet, at) => {
    const kept = Math.min(8, Math.max(0, bits - at * 8));
    return octet & (0xff << (8 - kept));
  });
}

function refuseTwins(keys: readonly string[]): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) throw new RangeError(`two RADIUS clients are the same: ${key}`);
    seen.add(key);
  }
}
