/**
 * What a client offers: drawn and chosen once, before its first hello, and
 * what every answer of the server's is held against.
 */
import type { EcdhGroup, EcdhKey, HashName } from "../../../base/crypto/crypto.ts";
import type {
  CertificateType,
  ClientTicket,
  PreSharedKey,
  ResumableSession,
  TlsClientConfig,
  TlsVersion,
} from "../connection.ts";
import { encodeImportedIdentity, importKey } from "../psk-import.ts";
import {
  DEFAULT_GROUPS,
  DEFAULT_SUITES_13,
  DEFAULT_SUITES_CLIENT,
  DEFAULT_SUITES_DATAGRAM,
  DEFAULT_VERSIONS,
} from "../suites.ts";
import type { Suite } from "../suites.ts";
import { MAX_SESSION_ID_LENGTH, RANDOM_LENGTH } from "../wire.ts";
import type { Transport } from "../wire.ts";

/** A pre-shared key of TLS 1.3, from a ticket or imported (RFC 9258). */
export interface OfferedPsk {
  readonly identity: Uint8Array;
  readonly obfuscatedAge: number;
  readonly hash: HashName;
  /** Secret. */
  readonly key: Uint8Array;
  /** The session that the ticket is of; null for an imported key. */
  readonly session: ResumableSession | null;
}

/** Our ephemeral key, and the group it is of. */
export interface OwnShare {
  readonly group: EcdhGroup;
  readonly key: EcdhKey;
}

export interface Offer {
  readonly versions: readonly TlsVersion[];
  /** Of TLS 1.2; empty where that is not offered. */
  readonly suites12: readonly Suite[];
  /** Likewise of TLS 1.3. */
  readonly suites13: readonly Suite[];
  readonly groups: readonly EcdhGroup[];
  readonly random: Uint8Array;
  /** 0 or 32 octets. */
  readonly sessionId: Uint8Array;
  /** Null where TLS 1.3 is not offered. */
  readonly share: OwnShare | null;
  /** A ticket of TLS 1.2. */
  readonly ticket: ClientTicket | null;
  /** For TLS 1.3, in order of preference. */
  readonly psks: readonly OfferedPsk[];
  /** For TLS 1.2. */
  readonly preSharedKey: PreSharedKey | null;
  /** How we may show our key, and the server its own, in order of preference. */
  readonly clientTypes: readonly CertificateType[];
  readonly serverTypes: readonly CertificateType[];
}

/** Default of both sides' certificate types (RFC 7250 §3). */
const CERTIFICATES_ONLY: readonly CertificateType[] = ["x509"];

export function makeOffer(config: TlsClientConfig, transport: Transport): Offer {
  const { crypto, random, versions = DEFAULT_VERSIONS, groups = DEFAULT_GROUPS } = config;
  const speaks12 = versions.includes("TLS 1.2");
  const speaks13 = versions.includes("TLS 1.3");
  const suites12 = speaks12 ? suitesOf12(config, transport) : [];
  const suites13 = speaks13 ? (config.suites13 ?? DEFAULT_SUITES_13) : [];
  const ticket = usableTicket(config, [...suites12, ...suites13]);
  const ticket12 = ticket?.session.version === "TLS 1.2" ? ticket : null;
  // The order of these draws is part of the interface: replay depends on it.
  const own = random(RANDOM_LENGTH);
  // In TLS 1.3 for the looks (RFC 8446 appendix D.4); in TLS 1.2 its echo says
  // that the ticket was taken (RFC 5077 §3.4).
  const wantsSessionId = ticket12 !== null || (speaks13 && transport === "stream");
  const sessionId = wantsSessionId ? random(MAX_SESSION_ID_LENGTH) : new Uint8Array();
  const [group] = groups;
  if (group === undefined) throw new RangeError("A TLS client needs at least one group.");
  return {
    ...{ versions, suites12, suites13, groups, random: own, sessionId },
    share: speaks13 ? { group, key: crypto.ecdhKey(group, random) } : null,
    ticket: ticket12,
    psks: offeredPsks(config, suites13, ticket, transport),
    preSharedKey: speaks12 ? (config.preSharedKey ?? null) : null,
    clientTypes: typesOf(config),
    serverTypes: config.serverCertificateTypes ?? CERTIFICATES_ONLY,
  };
}

/** Suites of a pre-shared key count only where there is one. */
function suitesOf12(config: TlsClientConfig, transport: Transport): readonly Suite[] {
  const byTransport = transport === "stream" ? DEFAULT_SUITES_CLIENT : DEFAULT_SUITES_DATAGRAM;
  const suites = config.suites ?? byTransport;
  if (config.preSharedKey !== undefined) return suites;
  return suites.filter(({ keyExchange }) => keyExchange !== "ecdhe-psk");
}

/** The ticket of `resume`, where it has not run out and is of what we offer and ask for now. */
function usableTicket(
  { resume, serverName, versions = DEFAULT_VERSIONS }: TlsClientConfig,
  suites: readonly Suite[],
): ClientTicket | null {
  if (resume === undefined) return null;
  const { ticket, ageMs } = resume;
  const { session } = ticket;
  const fits =
    ageMs >= 0 &&
    ageMs < ticket.lifetimeSeconds * 1000 &&
    versions.includes(session.version) &&
    suites.includes(session.suite) &&
    session.serverName === serverName;
  return fits ? ticket : null;
}

/** The ticket first: whoever comes back has proved more than that it knows a key. */
function offeredPsks(
  { crypto, preSharedKey, resume }: TlsClientConfig,
  suites13: readonly Suite[],
  ticket: ClientTicket | null,
  transport: Transport,
): OfferedPsk[] {
  const psks: OfferedPsk[] = [];
  if (ticket?.session.version === "TLS 1.3" && resume !== undefined) {
    const { session } = ticket;
    // RFC 8446 §4.2.11.1
    const obfuscatedAge = (Math.floor(resume.ageMs) + ticket.ageAdd) % 2 ** 32;
    const { hash } = session.suite;
    psks.push({ identity: ticket.ticket, obfuscatedAge, hash, key: session.secret, session });
  }
  if (preSharedKey === undefined) return psks;
  for (const hash of new Set(suites13.map((suite) => suite.hash))) {
    const target = { hash, transport };
    const identity = encodeImportedIdentity({ external: preSharedKey.identity, target });
    const key = importKey(crypto, preSharedKey.key, identity, target);
    psks.push({ identity, obfuscatedAge: 0, hash, key, session: null });
  }
  return psks;
}

/** A certificate first where we have both: it says who somebody is. */
function typesOf({ credential }: TlsClientConfig): readonly CertificateType[] {
  if (credential?.publicKeyInfo === undefined) return CERTIFICATES_ONLY;
  return credential.certificates.length > 0 ? ["x509", "raw-public-key"] : ["raw-public-key"];
}
