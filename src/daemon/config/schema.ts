/** What may stand in `/etc/config/homeca`: one row per option. The reference page is written from these tables. */
import type { LogLevel } from "../../host/host.ts";
import { LOG_LEVELS } from "../log.ts";
import * as value from "./values.ts";
import type { ValueParser } from "./values.ts";

/** One option of a section. */
export interface Option<T> {
  /** As it is written in UCI. */
  readonly name: string;
  readonly kind: "option" | "list";
  /** What the text is read by; `takes` goes into messages. */
  readonly takes: string;
  /** Reads all values written; null where `at` (an index) is wrong. */
  readonly read: (texts: readonly string[]) => { readonly value: T } | { readonly wrong: number };
  /** Null where the section is wrong without it. */
  readonly fallback: { readonly value: T } | null;
  /** The fallback as UCI text, for the reference. */
  readonly fallbackText: string;
  readonly doc: string;
}

export type Table<T> = { readonly [K in keyof T]: Option<T[K]> };

export interface HomecaSettings {
  readonly stateDir: string;
  readonly socket: string;
  /** Socket of ubusd; null where HomeCA stays off the bus. */
  readonly ubus: string | null;
  readonly logLevel: LogLevel;
  readonly enforce: "nft" | "show" | "off";
  /** Interfaces whose devices HomeCA controls. */
  readonly interfaces: readonly string[];
  readonly realm: string;
  readonly serverName: string;
  readonly homeName: string;
  /** Whether a device that asks to be released is; a theft-locked one never. */
  readonly releaseOnRequest: boolean;
  /** Where TLS secrets are written; null, outside of a laboratory always. */
  readonly keyLog: string | null;
}

export interface RadiusSettings {
  readonly listen: readonly string[];
  readonly authPort: number;
  readonly acctPort: number;
  /** Octets of one EAP packet at most. */
  readonly fragmentSize: number;
  readonly tlsVersions: "1.2 1.3" | "1.2" | "1.3";
  readonly sessionSeconds: number;
  readonly quarantineSeconds: number;
  readonly quarantineVlan: number | null;
  readonly normalVlan: number | null;
}

/** A RADIUS client (NAS) as its section is written, before its secret is read. */
export interface ClientOptions {
  readonly prefix: string;
  readonly secret: Uint8Array | null;
  readonly secretFile: string | null;
  readonly requireMessageAuthenticator: boolean;
  readonly limitProxyState: boolean;
  readonly dasAddress: string | null;
  readonly dasPort: number;
  readonly dasSecret: Uint8Array | null;
  readonly dasSecretFile: string | null;
}

export interface CoapsSettings {
  readonly listen: readonly string[];
  readonly port: number;
  /** Interfaces on which this home can be found by multicast DNS. */
  readonly discovery: readonly string[];
}

/** Enrolment over HTTPS. */
export interface EstSettings {
  readonly enabled: boolean;
  readonly listen: readonly string[];
  readonly port: number;
  /** Whether a request must say which connection it was made for. */
  readonly linking: boolean;
}

export interface LimitSettings {
  /** Whether strangers may come as far as quarantine at any time, or only while the owner searches. */
  readonly onboarding: "always" | "search";
  readonly pendingMax: number;
  readonly onboardingPerMinute: number;
  readonly authenticationsMax: number;
  /** Events kept in memory for `homeca log`. */
  readonly eventsMax: number;
  readonly memoryMiB: number;
  readonly stackKiB: number;
  readonly turnSeconds: number;
}

function optional<T>(name: string, parser: ValueParser<T>, doc: string): Option<T | null> {
  return { ...single(name, parser, doc), fallback: { value: null }, fallbackText: "" };
}

function required<T>(name: string, parser: ValueParser<T>, doc: string): Option<T> {
  return { ...single(name, parser, doc), fallback: null, fallbackText: "" };
}

function withDefault<T>(
  name: string,
  parser: ValueParser<T>,
  text: string,
  doc: string,
): Option<T> {
  const fallback = parser.parse(text);
  if (fallback === null) throw new RangeError(`the default of ${name} is wrong`);
  return { ...single(name, parser, doc), fallback: { value: fallback }, fallbackText: text };
}

function single<T>(
  name: string,
  { takes, parse }: ValueParser<T>,
  doc: string,
): Pick<Option<T>, "name" | "kind" | "takes" | "read" | "doc"> {
  const read = (texts: readonly string[]): { value: T } | { wrong: number } => {
    const parsed = parse(texts[0] ?? "");
    return parsed === null ? { wrong: 0 } : { value: parsed };
  };
  return { name, kind: "option", takes, read, doc };
}

function list<T>(
  name: string,
  { takes, parse }: ValueParser<T>,
  texts: readonly string[],
  doc: string,
): Option<readonly T[]> {
  const read = (written: readonly string[]): { value: T[] } | { wrong: number } => {
    const parsed = written.map(parse);
    const wrong = parsed.indexOf(null);
    return wrong >= 0 ? { wrong } : { value: parsed.filter((entry) => entry !== null) };
  };
  const fallback = read(texts);
  if ("wrong" in fallback) throw new RangeError(`the default of ${name} is wrong`);
  return { name, kind: "list", takes, read, fallback, fallbackText: texts.join(" "), doc };
}

export const HOMECA: Table<HomecaSettings> = {
  stateDir: withDefault(
    "state_dir",
    value.file,
    "/etc/homeca",
    "Folder of the keys, the certificates and the journal of devices; it is part of every backup.",
  ),
  socket: withDefault(
    "socket",
    value.socketFile,
    "/var/run/homeca/homeca.sock",
    "Local socket of the management methods; only root may connect.",
  ),
  ubus: optional(
    "ubus",
    value.socketFile,
    "Socket of ubusd, by which LuCI reaches HomeCA and HomeCA this router's access points; empty stays off the bus. Read at the start.",
  ),
  logLevel: withDefault(
    "log_level",
    value.oneOf(...LOG_LEVELS),
    "notice",
    "Least important lines that are written to the system log.",
  ),
  enforce: withDefault(
    "enforce",
    value.oneOf("nft", "show", "off"),
    "nft",
    "nft applies what was decided, show only logs the nft text, off does neither.",
  ),
  interfaces: list(
    "interface",
    value.networkInterface,
    [],
    "Network interfaces whose devices are controlled, such as br-iot.",
  ),
  realm: withDefault(
    "realm",
    value.dnsName,
    "homeca.home.arpa",
    "Realm behind the @ of outer identities; profiles carry it.",
  ),
  serverName: withDefault(
    "server_name",
    value.dnsName,
    "homeca.home.arpa",
    "DNS name in the server certificate that devices check; never change it once devices have joined.",
  ),
  homeName: withDefault(
    "home_name",
    value.shownName,
    "Home",
    "Name of the home as people see it in certificates and profiles; used when the authority is made.",
  ),
  releaseOnRequest: withDefault(
    "release_on_request",
    value.flag,
    "1",
    "Whether a device that asks to be released is released at once; otherwise you are told that it asked.",
  ),
  keyLog: optional(
    "key_log",
    value.file,
    "File that gets TLS secrets for a packet analyser; leave it empty outside of a laboratory.",
  ),
};

export const RADIUS: Table<RadiusSettings> = {
  listen: list(
    "listen",
    value.address,
    ["127.0.0.1", "::1"],
    "Addresses to listen at; add the router's own where other access points ask.",
  ),
  authPort: withDefault("auth_port", value.port, "1812", "UDP port of authentication."),
  acctPort: withDefault("acct_port", value.port, "1813", "UDP port of accounting."),
  fragmentSize: withDefault(
    "fragment_size",
    value.whole(256, 1400),
    "1398",
    "Octets of one EAP packet at most; an access point's Framed-MTU may lower it.",
  ),
  tlsVersions: withDefault(
    "tls_versions",
    value.oneOf("1.2 1.3", "1.2", "1.3"),
    "1.2 1.3",
    "Versions of TLS that devices may speak; each gets the highest it knows.",
  ),
  sessionSeconds: withDefault(
    "session_seconds",
    value.whole(300, 604_800),
    "28800",
    "Seconds until an admitted device authenticates again.",
  ),
  quarantineSeconds: withDefault(
    "quarantine_seconds",
    value.whole(30, 3600),
    "120",
    "Seconds until a quarantined device authenticates again.",
  ),
  quarantineVlan: optional(
    "quarantine_vlan",
    value.vlan,
    "VLAN of quarantined devices, 1 to 4094; empty where nft alone keeps them apart.",
  ),
  normalVlan: optional(
    "normal_vlan",
    value.vlan,
    "VLAN of admitted devices, 1 to 4094; empty for the one of the access point.",
  ),
};

export const CLIENT: Table<ClientOptions> = {
  prefix: required("prefix", value.prefix, "Address or prefix the access point asks from."),
  secret: optional(
    "secret",
    value.secretText,
    "Shared secret; whoever may read the configuration reads it too, so prefer secret_file.",
  ),
  secretFile: optional(
    "secret_file",
    value.file,
    "File with the shared secret on one line, mode 0600; make one with 'head -c 24 /dev/urandom | base64'.",
  ),
  requireMessageAuthenticator: withDefault(
    "require_message_authenticator",
    value.flag,
    "1",
    "Ignore requests without Message-Authenticator (CVE-2024-3596).",
  ),
  limitProxyState: withDefault(
    "limit_proxy_state",
    value.flag,
    "1",
    "Where the option above is 0: ignore requests that have Proxy-State without Message-Authenticator.",
  ),
  dasAddress: optional(
    "das_address",
    value.address,
    "Where Disconnect-Request goes when a device is revoked; empty where the access point takes none.",
  ),
  dasPort: withDefault("das_port", value.port, "3799", "UDP port for Disconnect-Request."),
  dasSecret: optional(
    "das_secret",
    value.secretText,
    "Shared secret of Disconnect-Request; the one above where it is empty.",
  ),
  dasSecretFile: optional(
    "das_secret_file",
    value.file,
    "File with the shared secret of Disconnect-Request, mode 0600.",
  ),
};

export const COAPS: Table<CoapsSettings> = {
  listen: list(
    "listen",
    value.address,
    [],
    "Addresses at which devices enrol and report over CoAPs; 0.0.0.0 and :: for all, empty for none.",
  ),
  port: withDefault("port", value.port, "5684", "UDP port of CoAPs; devices expect 5684."),
  discovery: list(
    "discovery",
    value.networkInterface,
    [],
    "Network interfaces on which devices find this home by multicast DNS, such as br-lan.",
  ),
};

export const EST: Table<EstSettings> = {
  enabled: withDefault(
    "enabled",
    value.flag,
    "0",
    "Offer enrolment over HTTPS (EST, RFC 7030), for devices that speak it instead of CoAP.",
  ),
  listen: list(
    "listen",
    value.address,
    ["127.0.0.1", "::1"],
    "Addresses to listen at; add the router's own in the networks where devices enrol.",
  ),
  port: withDefault("port", value.port, "8443", "TCP port; quarantined devices may reach it."),
  linking: withDefault(
    "linking",
    value.flag,
    "1",
    "Take only requests whose challengePassword names the connection (RFC 7030 section 3.5); 0 for clients that cannot, such as curl.",
  ),
};

export const LIMITS: Table<LimitSettings> = {
  onboarding: withDefault(
    "onboarding",
    value.oneOf("always", "search"),
    "always",
    "When devices that nobody knows may come as far as quarantine: always, or only during 'homeca search'.",
  ),
  pendingMax: withDefault(
    "pending_max",
    value.whole(1, 200),
    "20",
    "Devices that may wait for the owner's decision; further ones are turned away.",
  ),
  onboardingPerMinute: withDefault(
    "onboarding_per_minute",
    value.whole(1, 60),
    "5",
    "First contacts of unknown devices per minute; further ones are turned away.",
  ),
  authenticationsMax: withDefault(
    "authentications_max",
    value.whole(8, 4096),
    "256",
    "Authentications under way at once; the oldest gives way.",
  ),
  eventsMax: withDefault(
    "events_max",
    value.whole(10, 10_000),
    "500",
    "Events kept in memory for 'homeca log'.",
  ),
  memoryMiB: withDefault(
    "memory_mib",
    value.whole(16, 1024),
    "64",
    "MiB of memory that HomeCA's own code may take on a router; what would take more fails alone.",
  ),
  stackKiB: withDefault(
    "stack_kib",
    value.whole(256, 4096),
    "512",
    "KiB of stack that HomeCA's own code may take on a router.",
  ),
  turnSeconds: withDefault(
    "turn_seconds",
    value.whole(5, 300),
    "20",
    "Seconds of processor time that one step of work may take on a router before it is stopped; slow processors need more.",
  ),
};

/** Section types in the order of the reference; only `client` may stand more than once and needs a name. */
export const SECTIONS: Readonly<
  Record<"homeca" | "radius" | "client" | "coaps" | "est" | "limits", readonly Option<unknown>[]>
> = {
  homeca: Object.values(HOMECA),
  radius: Object.values(RADIUS),
  client: Object.values(CLIENT),
  coaps: Object.values(COAPS),
  est: Object.values(EST),
  limits: Object.values(LIMITS),
};
