/** From the runner's flags to the engine's configuration. */
import { randomBytes } from "node:crypto";
import { hex } from "../../src/base/bytes.ts";
import type { EcdhGroup } from "../../src/base/crypto/crypto.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type { TlsServerConfig, TlsVersion } from "../../src/proto/tls/connection.ts";
import {
  CLIENT_SCHEMES,
  DEFAULT_SUITES,
  DEFAULT_SUITES_13,
  SUITES,
} from "../../src/proto/tls/suites.ts";
import { readCredential } from "./credentials.ts";
import { Unimplemented } from "./flags.ts";
import type { Settings } from "./flags.ts";

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

/** @throws {@link Unimplemented} where the flags ask for what the engine cannot be told. */
export function serverConfig(settings: Settings, keyLog: (line: string) => void): TlsServerConfig {
  const credential = readCredential(settings);
  if (credential === null) throw new Unimplemented("a server without a certificate");
  checkVerifyPreferences(settings.verifyPreferences);
  return {
    crypto: nodeCrypto,
    random: (length) => new Uint8Array(randomBytes(length)),
    ...credential,
    clientCertificate: settings.clientCertificate,
    authorities: authorities(settings.clientAuthorities),
    versions: versions(settings),
    // CCM is there for who configures it; here every suite there is shall be judged.
    suites: [...DEFAULT_SUITES, SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM],
    suites13: DEFAULT_SUITES_13,
    groups: groups(settings.curves),
    ...applicationProtocols(settings),
    keyLog,
  };
}

export function versions(settings: Settings): readonly TlsVersion[] {
  const { minVersion, maxVersion, noTls12, noTls13 } = settings;
  const within = (version: number): boolean =>
    version >= minVersion && (maxVersion === 0 || version <= maxVersion);
  const spoken: TlsVersion[] = [];
  if (!noTls13 && within(TLS_1_3)) spoken.push("TLS 1.3");
  if (!noTls12 && within(TLS_1_2)) spoken.push("TLS 1.2");
  if (spoken.length === 0) throw new Unimplemented("a version below TLS 1.2");
  return spoken;
}

function groups(codes: readonly number[]): readonly EcdhGroup[] {
  if (codes.length === 0) return ALL_GROUPS;
  return codes.map((code) => {
    const group = GROUPS.get(code);
    if (group === undefined) throw new Unimplemented(`group ${code}`);
    return group;
  });
}

/** The list we offer is fixed; a test may ask for a part of it, not for more. */
function checkVerifyPreferences(codes: readonly number[]): void {
  for (const code of codes) {
    const offered = CLIENT_SCHEMES.some((scheme) => scheme.code === code);
    if (!offered) throw new Unimplemented(`signature scheme ${code}`);
  }
}

/** Names in hexadecimal with commas between. */
function authorities(list: string | null): readonly Uint8Array[] {
  if (list === null || list === "<NULL>" || list === "<EMPTY>") return [];
  return list.split(",").map((name) => hex(name));
}

function applicationProtocols(settings: Settings): Pick<TlsServerConfig, "applicationProtocols"> {
  if (settings.rejectAlpn) return { applicationProtocols: [] };
  if (settings.declineAlpn || settings.selectAlpn === null) return {};
  return { applicationProtocols: [settings.selectAlpn] };
}
