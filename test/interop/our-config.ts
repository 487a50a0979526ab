/** What our machines are told in a cell, and how they judge what the other end shows. */
import { randomBytes } from "node:crypto";
import { hex, sameBytes, toHex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type {
  CertificateType,
  Credential,
  IssuedTicket,
  PeerCredential,
  ResumableSession,
  SessionStore,
  TlsClientConfig,
  TlsConfig,
  TlsServerConfig,
} from "../../src/proto/tls/connection.ts";
import { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
import type { Suite } from "../../src/proto/tls/suites.ts";
import { groupsFor, hasClientKey, isNew, usesPsk, usesRawKeys } from "./cell.ts";
import type { Cell, Role } from "./cell.ts";
import { PSK } from "./identities.ts";
import type { Identities, Own } from "./identities.ts";
import type { Says } from "./talk.ts";
import { publicKeyOf, publicKeyOfInfo, signingKey } from "./tls-loopback.ts";

const CRYPTO: Crypto = nodeCrypto;

export function suiteOf({ suite }: Cell): Suite | null {
  const all: readonly Suite[] = [...Object.values(SUITES), ...Object.values(SUITES_13)];
  return all.find(({ name }) => name === suite) ?? null;
}

/** What both roles are told. */
function commonConfig(cell: Cell, role: Role): TlsConfig {
  const suite = suiteOf(cell);
  if (suite === null) throw new Error(`no suite ${cell.suite}`);
  return {
    crypto: CRYPTO,
    random: (length) => new Uint8Array(randomBytes(length)),
    versions: isNew(cell) ? ["TLS 1.3"] : ["TLS 1.2"],
    suites: [suite],
    suites13: [suite],
    groups: groupsFor(cell, role),
  };
}

const RAW: readonly CertificateType[] = ["raw-public-key"];

export function serverConfig(cell: Cell, identities: Identities): TlsServerConfig {
  return {
    ...commonConfig(cell, "server"),
    // A server that has a PSK still has a certificate, which none of these clients can ask for.
    ...(credentialOf(cell, "server", identities) ??
      credential(identities.named("server"), identities)),
    clientCertificate: hasClientKey(cell) ? "required" : "none",
    authorities: [],
    ...(usesRawKeys(cell) ? { clientCertificateTypes: RAW } : {}),
    ...(cell.flow === "resumed" ? { sessions: new Sessions() } : {}),
    ...(usesPsk(cell) ? { preSharedKey: keyOf } : {}),
  };
}

export function clientConfig(cell: Cell, identities: Identities): TlsClientConfig {
  return {
    ...commonConfig(cell, "client"),
    serverName: "peer.test",
    credential: credentialOf(cell, "client", identities),
    ...(usesRawKeys(cell) ? { serverCertificateTypes: RAW } : {}),
    ...(usesPsk(cell) ? { preSharedKey: { identity: utf8(PSK.identity), key: hex(PSK.hex) } } : {}),
  };
}

function credentialOf(cell: Cell, role: Role, identities: Identities): Credential | null {
  const own = identities.own(cell, role);
  if (own === null) return null;
  const certified = credential(own, identities);
  if (!usesRawKeys(cell)) return certified;
  return { ...certified, certificates: [], publicKeyInfo: identities.der(own.publicKey) };
}

function credential(own: Own, identities: Identities): Credential {
  return {
    certificates: [identities.der(own.certificate)],
    key: signingKey(CRYPTO, own.key),
  };
}

function keyOf(identity: Uint8Array): Uint8Array | null {
  return sameBytes(identity, utf8(PSK.identity)) ? hex(PSK.hex) : null;
}

/** Sessions as a caller keeps them who stands by each of them, once. */
class Sessions implements SessionStore {
  readonly #kept = new Map<string, ResumableSession>();

  keep(session: ResumableSession, id: Uint8Array | null): IssuedTicket {
    const ticket = id ?? new Uint8Array(randomBytes(16));
    this.#kept.set(toHex(ticket), session);
    return { ticket, lifetimeSeconds: 3600 };
  }

  find(ticket: Uint8Array): ResumableSession | null {
    return this.#kept.get(toHex(ticket)) ?? null;
  }

  spend(ticket: Uint8Array): void {
    this.#kept.delete(toHex(ticket));
  }
}

export type Judge = (shown: PeerCredential) => Says;

/** Takes the very certificate or key that the other end, of this role, was given, and no other. */
export function judgeOf(cell: Cell, role: Role, identities: Identities): Judge {
  const expected = identities.own(cell, role);
  return ({ chain, certificateType }) => {
    const raw = certificateType === "raw-public-key";
    const file = raw ? expected?.publicKey : expected?.certificate;
    const [leaf] = chain;
    const good = file !== undefined && leaf !== undefined && sameBytes(leaf, identities.der(file));
    if (!good || raw !== usesRawKeys(cell)) {
      return { kind: "peer-rejected", alert: "bad_certificate", reason: "not the one given" };
    }
    return { kind: "peer-accepted", publicKey: raw ? publicKeyOfInfo(leaf) : publicKeyOf(leaf) };
  };
}
