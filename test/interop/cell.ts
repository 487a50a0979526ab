/** One cell of the matrix: what two ends are told to agree on, and the axes it is taken from. */
import type { EcdhGroup } from "../../src/base/crypto/crypto.ts";

export type Role = "server" | "client";

export const VERSIONS = ["TLS 1.2", "TLS 1.3", "DTLS 1.2", "DTLS 1.3"] as const;
export type Version = (typeof VERSIONS)[number];

/** `none` for a suite without an exchange of its own. */
export type Group = EcdhGroup | "none";

/** What the ends prove themselves with; the server's first, `both` where the client has the same kind. */
export const CREDENTIALS = [
  "P-256 certificate",
  "P-256 certificates of both",
  "P-384 certificate",
  "self-signed certificate",
  "raw public key",
  "raw public keys of both",
  "PSK",
] as const;
export type Credential = (typeof CREDENTIALS)[number];

/**
 * `full`: one handshake. `retry`: the client's key share is of another group
 * first, so that a HelloRetryRequest comes. `resumed`: a second connection
 * resumes the first. `fragmented`: datagrams of at most {@link SMALL_MTU} octets.
 */
export const FLOWS = ["full", "retry", "resumed", "fragmented"] as const;
export type Flow = (typeof FLOWS)[number];

/** Octets of a datagram in the `fragmented` flow: no certificate fits into one. */
export const SMALL_MTU = 400;

export interface Cell {
  readonly version: Version;
  /** Ours. */
  readonly role: Role;
  readonly credential: Credential;
  /** As IANA spells it. */
  readonly suite: string;
  readonly group: Group;
  readonly flow: Flow;
}

/** A suite as each program that has names of its own calls it. */
export interface SuiteNames {
  readonly name: string;
  readonly generation: "1.2" | "1.3";
  readonly keys: "certificate" | "PSK" | "any";
  /** Whether an ephemeral group is agreed on. */
  readonly ephemeral: boolean;
  /** Null where OpenSSL 3.0 has no such suite. */
  readonly openssl: string | null;
  /** Key exchange and cipher of a priority string; null where GnuTLS 3.7 has no such suite. */
  readonly gnutls: { readonly exchange: string; readonly cipher: string } | null;
}

const ecdsa = (cipher: string): SuiteNames["gnutls"] => ({ exchange: "ECDHE-ECDSA", cipher });
const any = (cipher: string): SuiteNames["gnutls"] => ({ exchange: "", cipher });

function suite(
  name: string,
  keys: "certificate" | "PSK",
  openssl: string | null,
  gnutls: SuiteNames["gnutls"],
): SuiteNames {
  return { name, generation: "1.2", keys, ephemeral: name.includes("ECDHE"), openssl, gnutls };
}

function suite13(name: string, gnutls: SuiteNames["gnutls"]): SuiteNames {
  return { name, generation: "1.3", keys: "any", ephemeral: true, openssl: name, gnutls };
}

export const SUITES: readonly SuiteNames[] = [
  suite(
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "certificate",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    ecdsa("AES-128-GCM"),
  ),
  suite(
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "certificate",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    ecdsa("AES-256-GCM"),
  ),
  suite(
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    "certificate",
    "ECDHE-ECDSA-AES128-CCM",
    ecdsa("AES-128-CCM"),
  ),
  suite(
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    "certificate",
    // Its short tag is below OpenSSL's default security level.
    "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0",
    ecdsa("AES-128-CCM-8"),
  ),
  suite(
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "certificate",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    ecdsa("CHACHA20-POLY1305"),
  ),
  suite("TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "PSK", "ECDHE-PSK-CHACHA20-POLY1305", {
    exchange: "ECDHE-PSK",
    cipher: "CHACHA20-POLY1305",
  }),
  suite("TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "PSK", null, null),
  suite("TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256", "PSK", null, null),
  suite("TLS_PSK_WITH_AES_128_CCM_8", "PSK", "PSK-AES128-CCM8:@SECLEVEL=0", {
    exchange: "PSK",
    cipher: "AES-128-CCM-8",
  }),
  suite13("TLS_AES_128_GCM_SHA256", any("AES-128-GCM")),
  suite13("TLS_AES_256_GCM_SHA384", any("AES-256-GCM")),
  suite13("TLS_CHACHA20_POLY1305_SHA256", any("CHACHA20-POLY1305")),
  suite13("TLS_AES_128_CCM_SHA256", any("AES-128-CCM")),
];

export function suiteNames(cell: Cell): SuiteNames {
  const found = SUITES.find(({ name }) => name === cell.suite);
  if (found === undefined) throw new Error(`no suite ${cell.suite}`);
  return found;
}

const GROUPS: readonly EcdhGroup[] = ["P-256", "P-384", "X25519"];

export const isDatagram = ({ version }: Cell): boolean => version.startsWith("D");
export const isNew = ({ version }: Cell): boolean => version.endsWith("1.3");
export const usesRawKeys = ({ credential }: Cell): boolean => credential.startsWith("raw");
export const usesPsk = ({ credential }: Cell): boolean => credential === "PSK";

/** Whether the client proves itself with a key of its own. */
export const hasClientKey = ({ credential }: Cell): boolean => credential.endsWith("of both");

/** How many connections the flow takes. */
export const connectionsOf = ({ flow }: Cell): number => (flow === "resumed" ? 2 : 1);

/**
 * The groups an end is told, in order. In a retry the client's first is one
 * that the server has not. In TLS 1.2 the list says which curves certificates
 * may have as well (RFC 8422 §5.1), so theirs follows.
 */
export function groupsFor(cell: Cell, role: Role): EcdhGroup[] {
  const { group, flow, credential } = cell;
  if (group === "none") return ["P-256"];
  const groups: EcdhGroup[] = [group];
  if (flow === "retry" && role === "client") groups.unshift(otherGroup(group));
  if (!isNew(cell)) groups.push(credential.startsWith("P-384") ? "P-384" : "P-256", "P-256");
  return [...new Set(groups)];
}

export function otherGroup(group: EcdhGroup): EcdhGroup {
  return group === "P-384" ? "P-256" : "P-384";
}

/** Every cell there could be of a version and a role. */
export function cellsOf(version: Version, role: Role): Cell[] {
  const cells: Cell[] = [];
  const generation = version.endsWith("1.3") ? "1.3" : "1.2";
  for (const credential of CREDENTIALS) {
    const keys = credential === "PSK" ? "PSK" : "certificate";
    for (const row of SUITES) {
      if (row.generation !== generation || (row.keys !== "any" && row.keys !== keys)) continue;
      for (const group of row.ephemeral ? GROUPS : (["none"] as const)) {
        for (const flow of FLOWS) {
          if (flow === "retry" && generation === "1.2") continue;
          if (flow === "fragmented" && !version.startsWith("D")) continue;
          cells.push({ version, role, credential, suite: row.name, group, flow });
        }
      }
    }
  }
  return cells;
}

export function nameOf({ version, credential, suite, group, flow }: Cell): string {
  return `${version}, ${credential}, ${suite}, ${group}, ${flow}`;
}
