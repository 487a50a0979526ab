/** What a device proves itself with: a certificate it signs itself, or the one of its home; and what it believes of a home. */
import { hex, sameBytes, toBase32 } from "../base/bytes.ts";
import type { Crypto, PublicKey, SigningKey } from "../base/crypto/crypto.ts";
import { DerFailure } from "../base/der.ts";
import type { Unix } from "../base/machine.ts";
import { unix } from "../base/machine.ts";
import { signCertificate, spkiHash } from "../proto/x509/certificate.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import { parseBundle } from "../proto/x509/cms.ts";
import { deviceName } from "../proto/x509/device-id.ts";
import { subjectAltName } from "../proto/x509/extensions.ts";
import { X509Failure } from "../proto/x509/failure.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { encodeName } from "../proto/x509/name.ts";
import { OID } from "../proto/x509/oids.ts";
import { parsePeerCertificate, PathFailure } from "../proto/x509/path-failure.ts";
import { validatePath } from "../proto/x509/path.ts";
import type { Purpose, VerifiedPeer } from "../proto/x509/path.ts";
import type { Credential } from "../proto/tls/connection.ts";
import { isServerName } from "./state.ts";
import type { DeviceState, Identity, Ownership } from "./state.ts";

/** Any day before the device: it has no clock yet, and no verifier looks (RFC 5280 §4.1.2.5). */
const NOT_BEFORE = unix(1_577_836_800);
const NO_END = unix(253_402_300_799);

/** The certificate of first contact: it proves the key, and says who the device claims to be. */
export function selfSigned(identity: Identity, key: SigningKey): Uint8Array {
  const id = toBase32(identity.deviceId);
  const name = encodeName([{ type: OID.commonName, value: id.slice(0, 16) }]);
  return signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: name,
      subject: name,
      notBefore: NOT_BEFORE,
      notAfter: NO_END,
      spki: encodePublicKey(key.publicKey),
      extensions: [subjectAltName([deviceName(id)])],
    },
    key,
    null,
  );
}

/** What the device shows a home it does not belong to yet. */
export function firstCredential(crypto: Crypto, { identity, scalar }: DeviceState): Credential {
  const key = crypto.signingKey("P-256", scalar);
  return { certificates: [selfSigned(identity, key)], key };
}

/** What a member shows. */
export function memberCredential(
  crypto: Crypto,
  scalar: Uint8Array,
  { chain }: Ownership,
): Credential {
  return { certificates: chain, key: crypto.signingKey("P-256", scalar) };
}

/** SHA-256 of the SubjectPublicKeyInfo of the first certificate; null where it cannot be read. */
export function keyHashOf(crypto: Crypto, chain: readonly Uint8Array[]): Uint8Array | null {
  const [first] = chain;
  const certificate = first === undefined ? null : readable(first);
  return certificate === null ? null : hex(spkiHash(certificate.spki, crypto));
}

/** The key of a home that is met for the first time: believed as it comes, or only if it has this hash. */
export function judgeStranger(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  pinned: Uint8Array | null,
): PublicKey | null {
  const [first] = chain;
  const certificate = first === undefined ? null : readable(first);
  if (certificate === null) return null;
  const hash = hex(spkiHash(certificate.spki, crypto));
  return pinned === null || sameBytes(hash, pinned) ? certificate.publicKey : null;
}

/**
 * The key of the home the device belongs to: its path must hold under the root
 * it was given. A device has no clock but the newest time it was told, and may
 * have slept for long since: what began later may well have begun.
 * @param floor - it is this time, or later
 */
export function judgeHome(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  owner: Pick<Ownership, "root">,
  floor: Unix,
): PublicKey | null {
  const root = readable(owner.root);
  const path = root === null ? null : homePath(crypto, chain, root, null);
  const stands = path?.path.every(({ notAfter }) => notAfter >= floor) ?? false;
  return path === null || !stands ? null : path.publicKey;
}

/** Whether a home may say that it is this time: its own certificates must hold then. */
export function mayTell(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  owner: Pick<Ownership, "root">,
  time: Unix,
): boolean {
  const root = readable(owner.root);
  return root !== null && homePath(crypto, chain, root, time) !== null;
}

/** What a home hands out at enrolment, checked as far as the device can. */
export interface Enrolled {
  readonly chain: readonly Uint8Array[];
  readonly root: Uint8Array;
  readonly serverName: string | null;
  readonly notAfter: Unix;
}

/**
 * Puts together what `/crts` and `/sen` gave. Null where it does not fit: the
 * certificate is not for this key, its path does not hold, or the home that
 * gave it is not under the same root.
 * @param homeChain - what the home showed in this association
 * @param at - the time the home told; null where it knows none
 */
export function checkEnrolment(
  crypto: Crypto,
  publicKey: Uint8Array,
  authorities: Uint8Array,
  issued: Uint8Array,
  homeChain: readonly Uint8Array[],
  at: Unix | null,
): Enrolled | null {
  const above = bundleOf(authorities);
  const [leaf, ...more] = bundleOf(issued) ?? [];
  const root = above?.find(({ issuer, subject }) => sameBytes(issuer.der, subject.der));
  if (above === null || root === undefined || leaf === undefined || more.length > 0) return null;
  // A bundle is a set: of what it holds, only the path is for keeping.
  const all = [leaf, ...above.filter((certificate) => certificate !== root)];
  const sent = all.map(({ der }) => der);
  const peer = pathOf(crypto, sent, root, "clientAuth", at);
  if (peer?.publicKey.kind !== "ec" || !sameBytes(peer.publicKey.point, publicKey)) return null;
  if (homePath(crypto, homeChain, root, at) === null) return null;
  const chain = peer.path.slice(0, -1).map(({ der }) => der);
  return { chain, root: root.der, serverName: serverNameOf(homeChain), notAfter: leaf.notAfter };
}

/** The one name that the home's certificate has; no device of the same home has one like it. */
function serverNameOf([leaf]: readonly Uint8Array[]): string | null {
  const names = (leaf === undefined ? null : readable(leaf))?.extensions.subjectAltName ?? [];
  for (const name of names) {
    if (name.kind === "dns" && isServerName(name.name)) return name.name;
  }
  return null;
}

/** The path of a home's server. A device that others may reach is a server too, but never the home. */
function homePath(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  root: Certificate,
  at: Unix | null,
): VerifiedPeer | null {
  const path = pathOf(crypto, chain, root, "serverAuth", at);
  return path?.deviceId === null ? path : null;
}

/** @param at - null leaves dates out */
function pathOf(
  crypto: Crypto,
  chain: readonly Uint8Array[],
  root: Certificate,
  purpose: Purpose,
  at: Unix | null,
): VerifiedPeer | null {
  try {
    return validatePath(chain, {
      crypto,
      anchors: [root],
      at: at ?? "unknown",
      allowUnknownTime: at === null,
      purpose,
      isRevoked: () => null,
    });
  } catch (failure) {
    if (failure instanceof PathFailure) return null;
    throw failure;
  }
}

function bundleOf(encoded: Uint8Array): readonly Certificate[] | null {
  try {
    return parseBundle(encoded).certificates;
  } catch (failure) {
    if (failure instanceof X509Failure || failure instanceof DerFailure) return null;
    throw failure;
  }
}

function readable(encoded: Uint8Array): Certificate | null {
  try {
    return parsePeerCertificate(encoded);
  } catch (failure) {
    if (failure instanceof PathFailure) return null;
    throw failure;
  }
}
