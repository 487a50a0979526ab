/**
 * Path validation (RFC 5280 §6) for one home: few anchors, short chains, no
 * policies. Only this file makes a {@link VerifiedPeer}.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, PublicKey } from "../../base/crypto/crypto.ts";
import { isRsaKey } from "../../base/crypto/rsa.ts";
import type { Unix } from "../../base/machine.ts";
import { spkiHash } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import type { RevocationReason, VerifiedCrl } from "./crl.ts";
import { deviceIdOf } from "./device-id.ts";
import { KEY_USAGE } from "./extensions.ts";
import { violatedConstraint } from "./name-constraints.ts";
import { OID } from "./oids.ts";
import { parsePeerCertificate, PathFailure } from "./path-failure.ts";
import { keyWeakness, schemeWeakness } from "./strength.ts";

/** Certificates a peer may send; a path has as many beside its anchor. */
export const MAX_CHAIN = 4;

/** Signature verifications one validation may cost, whatever names the peer gave its certificates. */
export const MAX_VERIFICATIONS = 8;

export type Purpose = "clientAuth" | "serverAuth";

export interface PathOptions {
  readonly crypto: Crypto;
  /** Self-signed or not; their own signature is not looked at, their validity and constraints are. */
  readonly anchors: readonly Certificate[];
  /** CA certificates known beforehand, so that a peer may send its own certificate alone. */
  readonly intermediates?: readonly Certificate[];
  /** The later of the clock and the newest time ever stored, or that nobody knows the time. */
  readonly at: Unix | "unknown";
  /** Only for a peer without a clock: validity dates are then not looked at. Default false. */
  readonly allowUnknownTime?: boolean;
  readonly purpose: Purpose;
  /** Asked for every certificate of the path: the DER of its issuer's name, its serial number in hexadecimal. */
  readonly isRevoked: (issuer: Uint8Array, serial: string) => RevocationReason | null;
  readonly crls?: readonly VerifiedCrl[];
  /** Whether each certificate needs a current list of its issuer, unless it carries noRevAvail (RFC 9608). Default false. */
  readonly requireCrl?: boolean;
  /** Signatures of CA certificates that were found to hold before. */
  readonly known?: KnownSignatures;
  /** The same for end entities, apart: devices must not push the CAs out. */
  readonly knownLeaves?: KnownSignatures;
}

let verified: (path: readonly Certificate[], crypto: Crypto) => VerifiedPeer;

/**
 * A peer whose path holds. It says nothing about possession: whether the peer
 * has the key is shown by the handshake.
 */
export class VerifiedPeer {
  /** From the end entity to the anchor. */
  readonly path: readonly Certificate[];
  readonly leaf: Certificate;
  readonly publicKey: PublicKey;
  /** From `urn:homeca:dev:` in the subjectAltName, or null. */
  readonly deviceId: string | null;
  readonly serial: string;
  /** SHA-256 of the leaf's SubjectPublicKeyInfo in hexadecimal. */
  readonly spkiHash: string;
  // A private field makes the type nominal: no object literal passes for a VerifiedPeer.
  readonly #holds = true;

  static {
    verified = (path, crypto) => new VerifiedPeer(path, crypto);
  }

  private constructor(path: readonly Certificate[], crypto: Crypto) {
    this.path = path;
    this.leaf = path[0]!;
    this.publicKey = this.leaf.publicKey;
    this.deviceId = deviceIdOf(this.leaf);
    this.serial = this.leaf.serial;
    this.spkiHash = spkiHash(this.leaf.spki, crypto);
  }

  /** Whether `value` was made by {@link validatePath}, for callers the type system does not reach. */
  static is(value: unknown): value is VerifiedPeer {
    return typeof value === "object" && value !== null && #holds in value && value.#holds;
  }
}

/**
 * Remembers which certificate was signed by which key, so that a handshake
 * costs no signature verification but the peer's own. It holds facts that never change; time,
 * revocation and constraints are checked anew each time.
 */
export class KnownSignatures {
  /** More than a home has CAs, even while two generations overlap. */
  static readonly MAX_ENTRIES = 16;
  readonly #most: number;
  /** By serial number, which only finds an entry: what it says is compared whole. */
  readonly #seen = new Map<
    string,
    { readonly certificate: Uint8Array; readonly issuerSpki: Uint8Array }
  >();

  constructor(most: number = KnownSignatures.MAX_ENTRIES) {
    this.#most = most;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Compared byte by byte: an interpreter needs less time for that than for a hash. */
  has(certificate: Certificate, issuer: Certificate): boolean {
    const one = this.#seen.get(certificate.serial);
    if (one === undefined) return false;
    return sameBytes(one.issuerSpki, issuer.spki) && sameBytes(one.certificate, certificate.der);
  }

  /** Forgets the oldest where it is full. */
  add(certificate: Certificate, issuer: Certificate): void {
    this.#seen.delete(certificate.serial);
    for (const [oldest] of this.#seen) {
      if (this.#seen.size < this.#most) break;
      this.#seen.delete(oldest);
    }
    // Copies: a peer's datagrams must not stay because one certificate in them does.
    this.#seen.set(certificate.serial, {
      certificate: certificate.der.slice(),
      issuerSpki: issuer.spki.slice(),
    });
  }
}

/**
 * Finds a path from the peer's certificate to an anchor and checks all of it.
 *
 * The order of the chain behind its first certificate does not matter (RFC 8446
 * §4.4.2). Names chain by equal DER; key identifiers, where both sides have one,
 * choose among CAs of one name. An anchor's own constraints are enforced like
 * any CA's (RFC 5937 §3).
 *
 * @param chain - the peer's certificates as sent, its own first.
 * @throws {@link PathFailure}; nothing else for any bytes.
 * @see RFC 5280 §6.1
 */
export function validatePath(chain: readonly Uint8Array[], options: PathOptions): VerifiedPeer {
  if (chain.length === 0) throw new PathFailure("no-certificate");
  if (chain.length > MAX_CHAIN) throw new PathFailure("chain-too-long");
  if (options.at === "unknown" && options.allowUnknownTime !== true) {
    throw new PathFailure("time-unknown");
  }
  const leaf = parsePeerCertificate(chain[0]!);
  checkEndEntity(leaf, options);
  const search = new Search(options, unknownOf(chain.slice(1), options));
  const path = search.pathFrom([leaf]);
  remember(path, options);
  return verified(path, options.crypto);
}

/** What the peer sent beside its own certificate, less what we have ourselves: that need not be read again. */
function unknownOf(
  sent: readonly Uint8Array[],
  { anchors, intermediates = [] }: PathOptions,
): readonly Certificate[] {
  const ours = [...intermediates, ...anchors];
  return sent
    .filter((encoded) => !ours.some(({ der }) => sameBytes(der, encoded)))
    .map(parsePeerCertificate);
}

/** Only a whole path is remembered: a stranger's certificates must not push ours out. */
function remember(path: readonly Certificate[], options: PathOptions): void {
  for (let at = 0; at < path.length - 1; at++) {
    const memory = at === 0 ? options.knownLeaves : options.known;
    if (memory?.has(path[at]!, path[at + 1]!) === false) memory.add(path[at]!, path[at + 1]!);
  }
}

function checkEndEntity(leaf: Certificate, options: PathOptions): void {
  const { basicConstraints, keyUsage, extendedKeyUsage } = leaf.extensions;
  checkAlone(leaf, options);
  const weakness = keyWeakness(leaf.publicKey, options.crypto);
  if (weakness !== null) throw new PathFailure(weakness);
  if (basicConstraints?.ca === true) throw new PathFailure("ca-as-end-entity");
  if (keyUsage !== null && (keyUsage & KEY_USAGE.digitalSignature) === 0) {
    throw new PathFailure("wrong-purpose");
  }
  // A server may come without, as old ones do; what joins as a client must have been issued for it.
  const mayLack = options.purpose === "serverAuth";
  const fits = extendedKeyUsage?.includes(OID[options.purpose]) ?? mayLack;
  if (!fits) throw new PathFailure("wrong-purpose");
}

/** What can be said of one certificate without its issuer; the cheap checks. */
function checkAlone(certificate: Certificate, { at }: PathOptions): void {
  if (certificate.extensions.unknownCritical.length > 0) {
    throw new PathFailure("unknown-critical-extension");
  }
  if (at !== "unknown") {
    if (at < certificate.notBefore) throw new PathFailure("not-yet-valid");
    if (at > certificate.notAfter) throw new PathFailure("expired");
  }
}

/** One depth-first search; it remembers the first thing that spoilt a path, which is the one to report. */
class Search {
  readonly #options: PathOptions;
  readonly #intermediates: readonly Certificate[];
  #verifications = 0;

  constructor(options: PathOptions, sent: readonly Certificate[]) {
    this.#options = options;
    this.#intermediates = [...(options.intermediates ?? []), ...sent];
  }

  /** The path that begins with `below`, whose certificates were checked against each other. */
  pathFrom(below: readonly Certificate[]): readonly Certificate[] {
    const subject = below[below.length - 1]!;
    let first: PathFailure | null = null;
    for (const { issuer, isAnchor } of this.#candidates(below)) {
      try {
        this.#checkIssuer(issuer, below);
        this.#checkSignature(subject, issuer);
        this.#checkRevocation(subject, issuer);
        return isAnchor ? [...below, issuer] : this.pathFrom([...below, issuer]);
      } catch (failure) {
        if (!(failure instanceof PathFailure)) throw failure;
        if (failure.reason === "too-many-candidates") throw failure;
        first ??= failure;
      }
    }
    throw first ?? new PathFailure("unknown-authority");
  }

  /** Anchors first: a path that can end here needs no intermediate. */
  *#candidates(
    below: readonly Certificate[],
  ): Generator<{ readonly issuer: Certificate; readonly isAnchor: boolean }> {
    const subject = below[below.length - 1]!;
    for (const issuer of this.#options.anchors) {
      if (mayHaveIssued(issuer, subject)) yield { issuer, isAnchor: true };
    }
    if (below.length >= MAX_CHAIN) return;
    for (const issuer of this.#intermediates) {
      if (mayHaveIssued(issuer, subject) && !below.some((other) => isSameEntity(other, issuer))) {
        yield { issuer, isAnchor: false };
      }
    }
  }

  /** RFC 5280 §6.1.4 (k) to (n), §6.1.3 (b) and (c), §6.1.4 (g) for one CA over all below it. */
  #checkIssuer(issuer: Certificate, below: readonly Certificate[]): void {
    const { basicConstraints, keyUsage, extendedKeyUsage, nameConstraints } = issuer.extensions;
    checkAlone(issuer, this.#options);
    // A point is checked as it verifies; asking here as well would cost each handshake twice.
    if (issuer.publicKey.kind === "rsa" && !isRsaKey(issuer.publicKey)) {
      throw new PathFailure("weak-key");
    }
    const maySign = keyUsage === null || (keyUsage & KEY_USAGE.keyCertSign) !== 0;
    if (basicConstraints?.ca !== true || !maySign) throw new PathFailure("not-a-ca");
    // A self-issued CA certificate, as in a rollover, does not count (§6.1.4 (l)).
    const cas = below.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
    const { pathLength } = basicConstraints;
    if (pathLength !== null && cas > pathLength) throw new PathFailure("path-too-long");
    const serves = (purpose: string): boolean =>
      purpose === OID[this.#options.purpose] || purpose === OID.anyExtendedKeyUsage;
    if (extendedKeyUsage !== null && !extendedKeyUsage.some(serves)) {
      throw new PathFailure("wrong-purpose");
    }
    if (nameConstraints === null) return;
    for (const [at, certificate] of below.entries()) {
      if (at > 0 && isSelfIssued(certificate)) continue;
      const violation = violatedConstraint(certificate, nameConstraints);
      if (violation !== null) throw new PathFailure(violation);
    }
  }

  #checkSignature(subject: Certificate, issuer: Certificate): void {
    const { crypto, known, knownLeaves } = this.#options;
    const { scheme } = subject.algorithm;
    if (scheme === null) throw new PathFailure("unsupported-signature");
    const weakness = schemeWeakness(scheme);
    if (weakness !== null) throw new PathFailure(weakness);
    const remembered = known?.has(subject, issuer) ?? false;
    if (remembered || knownLeaves?.has(subject, issuer) === true) return;
    if (this.#verifications === MAX_VERIFICATIONS) throw new PathFailure("too-many-candidates");
    this.#verifications++;
    if (!crypto.verify(scheme, issuer.publicKey, subject.tbs, subject.signature)) {
      throw new PathFailure("bad-signature");
    }
  }

  #checkRevocation(certificate: Certificate, issuer: Certificate): void {
    const { isRevoked, crls = [], requireCrl = false, at } = this.#options;
    const { serial, extensions } = certificate;
    if (isRevoked(issuer.subject.der, serial) !== null) throw new PathFailure("revoked");
    let current = false;
    for (const list of crls) {
      if (!list.isOf(issuer)) continue;
      // Once revoked, revoked: an old list is still right about what it names.
      if (list.crl.entries.has(serial)) throw new PathFailure("revoked");
      current ||= at !== "unknown" && at >= list.crl.thisUpdate && at <= list.crl.nextUpdate;
    }
    if (requireCrl && !current && !extensions.noRevAvail) {
      throw new PathFailure("revocation-unknown");
    }
  }
}

function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  if (!sameBytes(issuer.subject.der, subject.issuer.der)) return false;
  const wanted = subject.extensions.authorityKeyId;
  const { subjectKeyId } = issuer.extensions;
  return wanted === null || subjectKeyId === null || sameBytes(wanted, subjectKeyId);
}

function isSelfIssued(certificate: Certificate): boolean {
  return sameBytes(certificate.subject.der, certificate.issuer.der);
}

/** A name and key twice in a path is a loop. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.subject.der, b.subject.der) && sameBytes(a.spki, b.spki);
}
