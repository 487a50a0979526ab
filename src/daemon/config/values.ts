/** Parsers of single UCI values. Each says in words what it takes, for messages and for the reference page. */
import { utf8 } from "../../base/bytes.ts";
import { parseAddress } from "../../base/address.ts";
import { RadiusClients } from "../../proto/radius/clients.ts";

/** Reads one value; null where it is wrong. */
export interface ValueParser<T> {
  /** Completes "use …": `a number from 1 to 65535`. */
  readonly takes: string;
  readonly parse: (text: string) => T | null;
}

const parser = <T>(takes: string, parse: (text: string) => T | null): ValueParser<T> => ({
  takes,
  parse,
});

const matching = (takes: string, pattern: RegExp, maxLength: number): ValueParser<string> =>
  parser(takes, (text) => (text.length <= maxLength && pattern.test(text) ? text : null));

export function whole(least: number, most: number): ValueParser<number> {
  return parser(`a number from ${least} to ${most}`, (text) => {
    if (!/^(0|[1-9]\d{0,9})$/.test(text)) return null;
    const value = Number(text);
    return value >= least && value <= most ? value : null;
  });
}

export const port: ValueParser<number> = whole(1, 65_535);

/** As `config_get_bool` of OpenWrt's shell reads it. */
export const flag: ValueParser<boolean> = parser("0 or 1", (text) => {
  if (["1", "on", "true", "yes", "enabled"].includes(text)) return true;
  return ["0", "off", "false", "no", "disabled"].includes(text) ? false : null;
});

export function oneOf<T extends string>(...words: readonly T[]): ValueParser<T> {
  const list = words.map((word) => `'${word}'`);
  const takes = `${list.slice(0, -1).join(", ")} or ${list.at(-1)}`;
  return parser(takes, (text) => words.find((word) => word === text) ?? null);
}

export const address: ValueParser<string> = parser(
  "an IP address such as 192.168.1.2 or fd00::2",
  (text) => (parseAddress(text) === null ? null : text),
);

/** What the table of RADIUS clients takes; it is asked, so that there is one meaning of a prefix. */
export const prefix: ValueParser<string> = parser(
  "an address or a prefix such as 192.168.1.0/24, with zeros behind its length",
  (text) => {
    try {
      const table = new RadiusClients([{ name: text, prefix: text, secret: Uint8Array.of(0) }]);
      return table.find(text.replace(/\/.*/, "")) === null ? null : text;
    } catch (failure) {
      if (failure instanceof RangeError) return null;
      throw failure;
    }
  },
);

// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const PATH = /^\/[^\u0000-\u001f\u007f]*$/;

export const file: ValueParser<string> = matching(
  "a path from the root such as /etc/homeca",
  PATH,
  255,
);

/** The kernel keeps 107 bytes of a socket's name. */
export const socketFile: ValueParser<string> = parser(
  "a path from the root of at most 107 bytes",
  (text) => (PATH.test(text) && utf8(text).length <= 107 ? text : null),
);

/** What the kernel takes (15 bytes), less what would need quoting in nft. */
export const networkInterface: ValueParser<string> = matching(
  "the name of a network interface, at most 15 letters, digits and . _ -",
  /^[A-Za-z0-9][\w.-]*$/,
  15,
);

export const dnsName: ValueParser<string> = matching(
  "a DNS name in lower case with a dot in it",
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/,
  253,
);

/** IEEE 802.1Q leaves 0 and 4095 to itself. */
export const vlan: ValueParser<number> = whole(1, 4094);

export const shownName: ValueParser<string> = matching(
  "at most 64 characters without control characters",
  /^[^\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}]+$/u,
  64,
);

/** Octets of the text in UTF-8. */
export const secretText: ValueParser<Uint8Array> = parser("1 to 128 octets", (text) => {
  const octets = utf8(text);
  return octets.length <= 128 ? octets : null;
});
