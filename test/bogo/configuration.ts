/** From the runner's flags to the engine's configuration. */
import { randomBytes } from "node:crypto";
import { hex, sameBytes } from "../../src/base/bytes.ts";
import type { EcdhGroup } from "../../src/base/crypto/crypto.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type {
  CertificateType,
  Credential,
  TlsClientConfig,
  TlsConfig,
  TlsServerConfig,
  TlsVersion,
} from "../../src/proto/tls/connection.ts";
import {
  CLIENT_SCHEMES,
  DEFAULT_SUITES,
  DEFAULT_SUITES_13,
  DEFAULT_SUITES_CLIENT,
  DEFAULT_SUITES_DATAGRAM,
  SERVER_SCHEMES,
  SUITES,
} from "../../src/proto/tls/suites.ts";
import type { Scheme, Suite } from "../../src/proto/tls/suites.ts";
import { readCredential } from "./credentials.ts";
import { Unimplemented } from "./settings.ts";
import type { Settings } from "./settings.ts";
import type { Visits } from "./visits.ts";

const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;

/** NamedGroup (RFC 8422 §5.1.1). */
const GROUPS: ReadonlyMap<number, EcdhGroup> = new Map([
  [23, "P-256"],
  [24, "P-384"],
  [29, "X25519"],
]);

/** All that there are, in the order that the runner takes for a TLS stack's own. */
const ALL_GROUPS: readonly EcdhGroup[] = ["X25519", "P-256", "P-384"];

/** TLS certificate types by number (RFC 7250 §7). */
export const CERTIFICATE_TYPES: ReadonlyMap<number, CertificateType> = new Map([
  [0, "x509"],
  [2, "raw-public-key"],
]);

/** Shortest pre-shared key that the engine takes. */
const MIN_PSK_LENGTH = 16;

/** @throws {@link Unimplemented} where the flags ask for what the engine cannot be told. */
export function serverConfig(
  settings: Settings,
  visits: Visits,
  keyLog: (line: string) => void,
): TlsServerConfig {
  const own = readCredential(withSomeCertificate(settings));
  if (own === null) throw new Unimplemented("a server without a certificate");
  if (settings.failOcsp) throw new Unimplemented("no response to be found");
  checkVerifyPreferences(settings.verifyPreferences, CLIENT_SCHEMES);
  const { preSharedKey, preSharedKeyIdentity, declineOcsp } = settings;
  const identity = latin1(preSharedKeyIdentity);
  return {
    ...bothConfigs(settings, keyLog),
    ...own.credential,
    suites: serverSuites(settings),
    clientCertificate: settings.clientCertificate,
    authorities: authorities(settings.clientAuthorities),
    ...whereSome("clientCertificateTypes", certificateTypes(settings.peerCertificateTypes)),
    sessions: visits.sessions(settings),
    ...(preSharedKey === null
      ? {}
      : {
          preSharedKey: (name: Uint8Array) =>
            sameBytes(name, identity) ? latin1(preSharedKey) : null,
        }),
    ocspResponse: () => (declineOcsp ? null : own.ocspResponse),
    ...selectedProtocol(settings),
  };
}

/** @throws {@link Unimplemented} where the flags ask for what the engine cannot be told. */
export function clientConfig(
  settings: Settings,
  visits: Visits,
  keyLog: (line: string) => void,
): TlsClientConfig {
  const own = readCredential(settings);
  checkVerifyPreferences(settings.verifyPreferences, SERVER_SCHEMES);
  checkOwnTypes(settings, own?.credential ?? null);
  const { preSharedKey, preSharedKeyIdentity } = settings;
  if (preSharedKey !== null && preSharedKey.length < MIN_PSK_LENGTH) {
    throw new Unimplemented("a short pre-shared key");
  }
  const resume = visits.takeTicket();
  return {
    ...bothConfigs(settings, keyLog),
    suites: clientSuites(settings),
    serverName: settings.hostName,
    credential: own?.credential ?? null,
    ...whereSome("serverCertificateTypes", certificateTypes(settings.peerCertificateTypes)),
    ...(resume === null ? {} : { resume }),
    ...(preSharedKey === null
      ? {}
      : { preSharedKey: { identity: latin1(preSharedKeyIdentity), key: latin1(preSharedKey) } }),
    asksOcsp: settings.asksOcsp,
    ...whereSome("applicationProtocols", advertisedProtocols(settings.advertiseAlpn)),
  };
}

function bothConfigs(
  settings: Settings,
  keyLog: (line: string) => void,
): Pick<TlsConfig, "crypto" | "random" | "versions" | "suites13" | "groups" | "keyLog"> {
  return {
    crypto: nodeCrypto,
    random: (length) => new Uint8Array(randomBytes(length)),
    versions: versions(settings),
    suites13: DEFAULT_SUITES_13,
    groups: groups(settings.curves),
    keyLog,
  };
}

function whereSome<Key extends string, Value>(
  key: Key,
  list: readonly Value[],
): Partial<Record<Key, readonly Value[]>> {
  // The one key is the record's.
  return list.length === 0 ? {} : ({ [key]: list } as Record<Key, readonly Value[]>);
}

/** With a pre-shared key a server of the runner's has no certificate; ours has one that it does not show. */
function withSomeCertificate(settings: Settings): Settings {
  const { preSharedKey, insteadOfRsa, credentials } = settings;
  const named = credentials.some(({ keyFile }) => keyFile !== null);
  if (preSharedKey === null || named || insteadOfRsa === null) return settings;
  const some = {
    ...credentials[0]!,
    certificateFile: `${insteadOfRsa}.pem`,
    keyFile: `${insteadOfRsa}.key`,
  };
  return { ...settings, credentials: [some] };
}

/** CCM is there for who configures it; here every suite there is shall be judged. */
function serverSuites({ dtls }: Settings): readonly Suite[] {
  return dtls
    ? DEFAULT_SUITES_DATAGRAM
    : [...DEFAULT_SUITES, SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM];
}

/** Most servers of the runner's have RSA keys. */
function clientSuites({ dtls }: Settings): readonly Suite[] {
  return dtls
    ? [...new Set([...DEFAULT_SUITES_DATAGRAM, ...DEFAULT_SUITES_CLIENT])]
    : DEFAULT_SUITES_CLIENT;
}

export function versions(settings: Settings): readonly TlsVersion[] {
  const { noTls12, noTls13 } = settings;
  const minVersion = streamVersion(settings.minVersion);
  const maxVersion = streamVersion(settings.maxVersion);
  const within = (version: number): boolean =>
    version >= minVersion && (maxVersion === 0 || version <= maxVersion);
  const spoken: TlsVersion[] = [];
  if (!noTls13 && within(TLS_1_3)) spoken.push("TLS 1.3");
  if (!noTls12 && within(TLS_1_2)) spoken.push("TLS 1.2");
  if (spoken.length === 0) throw new Unimplemented("a version below TLS 1.2");
  return spoken;
}

/** The version's number over streams: over datagrams they count down, from 0xfeff for that of TLS 1.1. */
function streamVersion(code: number): number {
  return code >= 0xfe00 ? 0x0302 + ((0xfeff - code + 1) >> 1) : code;
}

function groups(codes: readonly number[]): readonly EcdhGroup[] {
  if (codes.length === 0) return ALL_GROUPS;
  return codes.map((code) => {
    const group = GROUPS.get(code);
    if (group === undefined) throw new Unimplemented(`group ${code}`);
    return group;
  });
}

function certificateTypes(codes: readonly number[]): readonly CertificateType[] {
  return codes.map((code) => {
    const type = CERTIFICATE_TYPES.get(code);
    if (type === undefined) throw new Unimplemented(`certificate type ${code}`);
    return type;
  });
}

/** What a client offers of itself follows from what it has. */
function checkOwnTypes(
  { ownCertificateTypes }: Settings,
  credential: Pick<Credential, "certificates" | "publicKeyInfo"> | null,
): void {
  if (ownCertificateTypes.length === 0 && credential?.publicKeyInfo === undefined) return;
  const held: CertificateType[] = [];
  if (credential === null || credential.certificates.length > 0) held.push("x509");
  if (credential?.publicKeyInfo !== undefined) held.push("raw-public-key");
  if (held.join() !== certificateTypes(ownCertificateTypes).join()) {
    throw new Unimplemented("certificate types other than the credential's");
  }
}

/** The list we offer is fixed; a test may ask for a part of it, not for more. */
function checkVerifyPreferences(codes: readonly number[], schemes: readonly Scheme[]): void {
  for (const code of codes) {
    const offered = schemes.some((scheme) => scheme.code === code);
    if (!offered) throw new Unimplemented(`signature scheme ${code}`);
  }
}

/** Names in hexadecimal with commas between. */
function authorities(list: string | null): readonly Uint8Array[] {
  if (list === null || list === "<NULL>" || list === "<EMPTY>") return [];
  return list.split(",").map((name) => hex(name));
}

function selectedProtocol(settings: Settings): Pick<TlsServerConfig, "applicationProtocols"> {
  if (settings.rejectAlpn) return { applicationProtocols: [] };
  if (settings.declineAlpn || settings.selectAlpn === null) return {};
  return { applicationProtocols: [settings.selectAlpn] };
}

/** Each name behind an octet with its length. */
function advertisedProtocols(list: string | null): readonly string[] {
  const names: string[] = [];
  for (let rest = list ?? ""; rest !== "";) {
    const end = 1 + rest.charCodeAt(0);
    names.push(rest.slice(1, end));
    rest = rest.slice(end);
  }
  return names;
}

/** The words of the command line are kept with one character per octet. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
