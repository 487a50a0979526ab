/** What a chain that a peer showed in TLS is worth to this house: one of ours, a key of its own, or nothing. */
import { sameBytes } from "../base/bytes.ts";
import type { Crypto, PublicKey } from "../base/crypto/crypto.ts";
import type { Unix } from "../base/machine.ts";
import { isOwedRelease } from "../policy/registry/record.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { deviceBySerial } from "../policy/registry/registry.ts";
import type { Registry } from "../policy/registry/registry.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import type { CertificateAlert, PathReason } from "../proto/x509/path-failure.ts";
import { alertFor, parsePeerCertificate, PathFailure } from "../proto/x509/path-failure.ts";
import type { KnownSignatures, PathOptions } from "../proto/x509/path.ts";
import { validatePath, VerifiedPeer } from "../proto/x509/path.ts";
import { checkSelfSigned, SelfSignedPeer } from "../proto/x509/self-signed.ts";

export type Peer =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer }
  /** A certificate of ours with nothing wrong but its end, of a device that can renew it in quarantine. */
  | { readonly kind: "lapsed"; readonly peer: VerifiedPeer }
  | { readonly kind: "self-signed"; readonly peer: SelfSignedPeer };

export type Verdict =
  | { readonly kind: "accepted"; readonly publicKey: PublicKey; readonly peer: Peer }
  | {
      readonly kind: "rejected";
      readonly alert: CertificateAlert;
      readonly reason: PathReason;
      /** The device, where the certificate is one that we signed for it. */
      readonly record: DeviceRecord | null;
      readonly notAfter: Unix | null;
    };

export interface PeerRules {
  readonly crypto: Crypto;
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly known: KnownSignatures;
  readonly knownLeaves: KnownSignatures;
  readonly registry: Registry;
  readonly now: Unix | null;
}

/** Judges a chain; never throws for what a peer sent. */
export function judgeChain(chain: readonly Uint8Array[], rules: PeerRules): Verdict {
  try {
    return accepted(isSelfIssued(chain) ? ownKey(chain, rules) : ours(chain, rules));
  } catch (failure) {
    if (!(failure instanceof PathFailure)) throw failure;
    return rejected(failure.reason, chain, rules);
  }
}

function ownKey(chain: readonly Uint8Array[], { crypto }: PeerRules): Peer {
  return { kind: "self-signed", peer: checkSelfSigned(chain, crypto) };
}

function ours(chain: readonly Uint8Array[], rules: PeerRules): Peer {
  const options = pathOptions(rules);
  try {
    return { kind: "verified", peer: validatePath(chain, options) };
  } catch (failure) {
    if (!(failure instanceof PathFailure) || failure.reason !== "expired") throw failure;
    // Only dates are left out here; everything else must hold, and the record must say that the device renews by itself.
    const peer = validatePath(chain, { ...options, at: "unknown", allowUnknownTime: true });
    const renews = deviceBySerial(rules.registry, peer.serial)?.class === "aware";
    const above = peer.path.slice(1);
    const now = rules.now;
    const holds = now !== null && above.every(({ notAfter }) => now <= notAfter);
    if (!renews || !holds) throw failure;
    return { kind: "lapsed", peer };
  }
}

function pathOptions({
  crypto,
  anchors,
  intermediates,
  known,
  knownLeaves,
  registry,
  now,
}: PeerRules): PathOptions {
  return {
    crypto,
    anchors,
    intermediates,
    known,
    knownLeaves,
    at: now ?? "unknown",
    purpose: "clientAuth",
    isRevoked: (_issuer, serial) => {
      const reason = registry.revoked.get(serial)?.reason ?? null;
      // Withdrawn for silence alone: admission lets such a device as far as quarantine.
      if (reason === "cessationOfOperation") return null;
      return reason === "privilegeWithdrawn" && mayFetchRelease(registry, serial) ? null : reason;
    },
  };
}

/** Whether a withdrawn certificate is good for fetching a release. Everything else asks the record, which is out. */
function mayFetchRelease(registry: Registry, serial: string): boolean {
  const record = deviceBySerial(registry, serial);
  return record !== null && isOwedRelease(record);
}

/** One certificate whose issuer is its subject. What cannot be read is left to path validation to refuse. */
function isSelfIssued(chain: readonly Uint8Array[]): boolean {
  const certificate = chain.length === 1 ? readable(chain) : null;
  return certificate !== null && sameBytes(certificate.issuer.der, certificate.subject.der);
}

/** The first certificate, for a look at it. */
function readable(chain: readonly Uint8Array[]): Certificate | null {
  try {
    return chain[0] === undefined ? null : parsePeerCertificate(chain[0]);
  } catch (failure) {
    if (failure instanceof PathFailure) return null;
    throw failure;
  }
}

function accepted(peer: Peer): Verdict {
  return { kind: "accepted", publicKey: peer.peer.publicKey, peer };
}

function rejected(
  reason: PathReason,
  chain: readonly Uint8Array[],
  rules: PeerRules,
): Verdict & { readonly kind: "rejected" } {
  const certificate = readable(chain);
  const named = certificate === null ? null : deviceBySerial(rules.registry, certificate.serial);
  // Anyone can write a serial number: the device is named only where we signed what was shown.
  const record = named !== null && isOurs(chain, rules) ? named : null;
  const notAfter = record === null ? null : (certificate?.notAfter ?? null);
  return { kind: "rejected", alert: alertFor(reason), reason, record, notAfter };
}

/** Whether nothing is wrong with the chain but time and revocation. */
function isOurs(chain: readonly Uint8Array[], rules: PeerRules): boolean {
  const lenient = { at: "unknown", allowUnknownTime: true, isRevoked: () => null } as const;
  try {
    validatePath(chain, { ...pathOptions(rules), ...lenient });
    return true;
  } catch (failure) {
    if (failure instanceof PathFailure) return false;
    throw failure;
  }
}
