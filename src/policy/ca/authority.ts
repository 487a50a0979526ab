/**
 * The home's certificate authority: it issues by profile, renews and lists what
 * was revoked. It keeps nothing but its key; every issued object goes back to
 * the caller, who stores it before anyone sees it.
 */
import { concat, hex, sameBytes, toBase32 } from "../../base/bytes.ts";
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import { DerFailure } from "../../base/der.ts";
import { unix } from "../../base/machine.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import {
  keyIdOf,
  parseCertificate,
  signCertificate,
  spkiHash,
} from "../../proto/x509/certificate.ts";
import type { Certificate } from "../../proto/x509/certificate.ts";
import { MAX_CRL_ENTRIES, signCrl } from "../../proto/x509/crl.ts";
import type { Revocation } from "../../proto/x509/crl.ts";
import { deviceIdOf, deviceName, isDeviceId } from "../../proto/x509/device-id.ts";
import * as extension from "../../proto/x509/extensions.ts";
import { X509Failure } from "../../proto/x509/failure.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import { encodeName, nameAttribute } from "../../proto/x509/name.ts";
import type { GeneralName } from "../../proto/x509/name.ts";
import { OID } from "../../proto/x509/oids.ts";
import { signOcspResponse } from "../../proto/x509/ocsp.ts";
import type { PrivateKey } from "../../proto/x509/pkcs8.ts";
import { parseRequest } from "../../proto/x509/request.ts";
import { encodeAcl } from "./acl.ts";
import type { AclRule } from "./acl.ts";
import { AuthorityFailure } from "./failure.ts";
import { issueTime } from "./issue-time.ts";
import type { IssuedAt, IssueTime } from "./issue-time.ts";
import { DEVICE_DOMAIN, HOME_CONSTRAINTS, PROFILES, SHORT_LIFETIME_SECONDS } from "./profiles.ts";
import type { ProfileName } from "./profiles.ts";

/** Octets of a serial number; 126 of its bits are random. */
const SERIAL_LENGTH = 16;

/** How long a list may be relied on. */
export const CRL_LIFETIME_SECONDS: number = 7 * 86_400;

/** How long a certificate's status may be relied on, from the moment it is signed. */
export const STATUS_LIFETIME_SECONDS: number = 3 * 86_400;

const MIN_LIFETIME_SECONDS = 3600;
const MAX_COMMON_NAME = 64;

/** One line of the record of what was issued. */
export interface IssuedLog {
  /** Hexadecimal. */
  readonly serial: string;
  readonly deviceId: string | null;
  readonly profile: ProfileName;
  readonly notBefore: Unix;
  readonly notAfter: Unix;
  /** SHA-256 of the SubjectPublicKeyInfo in hexadecimal. */
  readonly spkiHash: string;
}

export interface Issued extends IssuedLog {
  readonly der: Uint8Array;
  /** Made on the stored time because the clock did not serve; to be issued again once it does. */
  readonly reissueAfterTimeSync: boolean;
}

/** What a device's certificate says. */
export interface DeviceGrant {
  readonly deviceId: string;
  /** Shown where certificates are listed; 1 to 64 characters. The device id where left out. */
  readonly commonName?: string;
  /** `<label>.dev.home.arpa` for a device that serves others: it makes the profile `device-server`. */
  readonly hostName?: string;
  /** No rights where left out. */
  readonly acl?: readonly AclRule[];
  readonly seconds?: number;
}

/** What a renewed certificate says beside the names it keeps. */
export interface RenewalGrant extends Pick<DeviceGrant, "acl" | "seconds"> {
  /** Default false. */
  readonly evenEnded?: boolean;
}

/** A revoked certificate; `notAfter` is its own, for leaving it out of lists once it has ended. */
export interface RevokedEntry extends Revocation {
  readonly serial: string;
  readonly notAfter: Unix;
}

export interface IssuedCrl {
  readonly der: Uint8Array;
  readonly number: number;
  readonly thisUpdate: Unix;
  readonly nextUpdate: Unix;
}

/** What the authority borrows: it has no key and no randomness of its own. */
export interface AuthorityTools {
  readonly crypto: Crypto;
  readonly random: RandomSource;
}

/** Who signs: an authority's own name and key, or a root's that is being made. */
interface Issuer {
  readonly subject: Uint8Array;
  readonly keyId: Uint8Array;
  readonly key: SigningKey;
  /** Nothing it signs outlives it. */
  readonly notAfter: Unix | null;
}

interface Order {
  readonly profile: ProfileName;
  readonly subject: Uint8Array;
  readonly names: readonly GeneralName[];
  readonly publicKey: PublicKey;
  readonly acl: readonly AclRule[] | undefined;
  readonly seconds: number | undefined;
  /** CA certificates begin with the software: a device with a bad clock must not find them in its future. */
  readonly released: Unix | null;
}

/**
 * Makes a home's root: ten years, for names inside homes only. Its name holds a
 * random label, so that two homes' roots differ on a phone that has both.
 *
 * @param released - the software's release date, from which the root is valid.
 * @throws AuthorityFailure
 */
export function createRoot(
  key: SigningKey,
  released: Unix,
  time: IssueTime,
  tools: AuthorityTools,
): Issued {
  const subject = authorityName(`HomeCA ${toBase32(tools.random(5))}`);
  const keyId = keyIdOf(key.publicKey, tools.crypto);
  const order: Order = {
    profile: "root",
    subject,
    names: [],
    publicKey: key.publicKey,
    acl: undefined,
    seconds: undefined,
    released,
  };
  return issue(order, { subject, keyId, key, notAfter: null }, issueTime(time), tools);
}

function authorityName(commonName: string): Uint8Array {
  return encodeName([
    { type: OID.organization, value: "HomeCA" },
    { type: OID.commonName, value: commonName },
  ]);
}

/** One CA certificate with its key. */
export class Authority {
  readonly certificate: Certificate;
  readonly #tools: AuthorityTools;
  readonly #issuer: Issuer;

  /** @throws AuthorityFailure `not-an-authority`, `key-mismatch`; DerFailure, X509Failure for the certificate's form. */
  constructor(certificate: Uint8Array, key: SigningKey, tools: AuthorityTools) {
    const own = parseCertificate(certificate);
    const { basicConstraints, keyUsage, subjectKeyId } = own.extensions;
    const usage = keyUsage ?? 0;
    const signs = extension.KEY_USAGE.keyCertSign | extension.KEY_USAGE.crlSign;
    if (basicConstraints?.ca !== true || subjectKeyId === null || (usage & signs) !== signs) {
      throw new AuthorityFailure("not-an-authority");
    }
    if (!sameBytes(own.spki, encodePublicKey(key.publicKey))) {
      throw new AuthorityFailure("key-mismatch");
    }
    this.certificate = own;
    this.#tools = tools;
    this.#issuer = {
      subject: own.subject.der,
      keyId: subjectKeyId,
      key,
      notAfter: own.notAfter,
    };
  }

  /** Issues the CA that stays on the router, so that this key can go offline. */
  issueIssuing(publicKey: PublicKey, released: Unix, time: IssueTime): Issued {
    if (this.certificate.extensions.basicConstraints?.pathLength === 0) {
      throw new AuthorityFailure("not-an-authority");
    }
    const home = nameAttribute(this.certificate.subject, OID.commonName) ?? "HomeCA";
    const subject = authorityName(`${home} issuing ${toBase32(this.#tools.random(5))}`);
    return this.#issue({ profile: "issuing", subject, names: [], publicKey, released }, time);
  }

  /**
   * Issues an issuing CA's next certificate, under the same name and key: what
   * it signed, and its lists, hold below both.
   * @throws AuthorityFailure `not-ours` for one that is no CA below this one
   */
  renewIssuing(last: Certificate, released: Unix, time: IssueTime): Issued {
    const { basicConstraints } = last.extensions;
    if (basicConstraints?.ca !== true || !this.#signed(last)) {
      throw new AuthorityFailure("not-ours");
    }
    const { publicKey, subject } = last;
    return this.#issue(
      { profile: "issuing", subject: subject.der, names: [], publicKey, released },
      time,
    );
  }

  /** Issues the EAP and HTTPS server's certificate for a name below `home.arpa` or `local`. */
  issueServer(publicKey: PublicKey, hostName: string, time: IssueTime, seconds?: number): Issued {
    if (!isHomeName(hostName) || hostName.endsWith(DEVICE_DOMAIN)) {
      throw new AuthorityFailure("name-not-permitted");
    }
    const subject = authorityName(hostName.slice(0, MAX_COMMON_NAME));
    const names: readonly GeneralName[] = [{ kind: "dns", name: hostName }];
    return this.#issue({ profile: "eap-server", subject, names, publicKey, seconds }, time);
  }

  /** Issues a device's certificate for a key that it, or its owner's browser, holds. */
  issueDevice(publicKey: PublicKey, grant: DeviceGrant, time: IssueTime): Issued {
    const { deviceId, commonName = deviceId, hostName, acl, seconds } = grant;
    if (!isDeviceId(deviceId)) throw new AuthorityFailure("bad-device-id");
    if (!isCommonName(commonName)) throw new AuthorityFailure("bad-common-name");
    if (hostName !== undefined && !isDeviceName(hostName)) {
      throw new AuthorityFailure("name-not-permitted");
    }
    const subject = encodeName([{ type: OID.commonName, value: commonName }]);
    const names = [deviceName(deviceId)];
    if (hostName !== undefined) names.push({ kind: "dns", name: hostName });
    const profile = hostName === undefined ? "device" : "device-server";
    return this.#issue({ profile, subject, names, publicKey, acl, seconds }, time);
  }

  /** As {@link issueDevice} for the key in a PKCS#10 request, of which nothing else is heeded. */
  issueDeviceByRequest(request: Uint8Array, grant: DeviceGrant, time: IssueTime): Issued {
    return this.issueDevice(this.#requestedKey(request), grant, time);
  }

  /** As {@link issueDevice} for a key made here, for a phone or computer that imports both. */
  issueDeviceWithKey(
    grant: DeviceGrant,
    time: IssueTime,
  ): { readonly issued: Issued; readonly key: PrivateKey } {
    const { crypto, random } = this.#tools;
    const scalar = crypto.generateScalar("P-256", random);
    const { publicKey } = crypto.signingKey("P-256", scalar);
    return { issued: this.issueDevice(publicKey, grant, time), key: { curve: "P-256", scalar } };
  }

  /**
   * Issues the next certificate of a device: the subject and names of its last
   * one, a new serial number and validity, rights as they are now.
   *
   * @param next - the same or a new key, or a request that proves one.
   * @param grant - `evenEnded` for a device that may renew in quarantine what ended while it was away.
   * @throws AuthorityFailure `not-ours` for a certificate this key did not sign, one that ended, one of no device.
   */
  renewDevice(
    previous: Uint8Array,
    next: { readonly publicKey: PublicKey } | { readonly request: Uint8Array },
    { evenEnded = false, ...grant }: RenewalGrant,
    time: IssueTime,
  ): Issued {
    const last = this.#ownDevice(previous, evenEnded ? null : issueTime(time).at);
    const publicKey = "request" in next ? this.#requestedKey(next.request) : next.publicKey;
    const names = last.extensions.subjectAltName ?? [];
    const serves = names.some((name) => name.kind === "dns");
    const order = {
      profile: serves ? "device-server" : "device",
      subject: last.subject.der,
      names,
      publicKey,
      ...grant,
    } as const;
    return this.#issue(order, time);
  }

  /** Lists what is revoked and has not ended. `lastNumber` is the last list's number, 0 before the first. */
  issueCrl(revoked: readonly RevokedEntry[], lastNumber: number, time: IssueTime): IssuedCrl {
    const { at } = issueTime(time);
    const entries = new Map<string, RevokedEntry>();
    for (const entry of revoked) {
      if (!/^([0-9a-f]{2}){1,20}$/.test(entry.serial) || /^(00|[89a-f])/.test(entry.serial)) {
        throw new AuthorityFailure("bad-serial");
      }
      // An entry stays on one list beyond the certificate's end (RFC 5280 §3.3).
      if (entry.notAfter + CRL_LIFETIME_SECONDS >= at && !entries.has(entry.serial)) {
        entries.set(entry.serial, entry);
      }
    }
    if (entries.size > MAX_CRL_ENTRIES) throw new AuthorityFailure("too-many-revocations");
    // Seconds since 1970: numbers keep rising even where a backup has brought old ones back.
    const number = Math.max(lastNumber + 1, at);
    const nextUpdate = unix(at + CRL_LIFETIME_SECONDS);
    const fields = {
      issuer: this.#issuer.subject,
      authorityKeyId: this.#issuer.keyId,
      number,
      thisUpdate: at,
      nextUpdate,
      entries: [...entries.values()].map((entry) => ({ ...entry, serial: hex(entry.serial) })),
    };
    const encoded = signCrl(fields, this.#issuer.key, this.#tools.random);
    return { der: encoded, number, thisUpdate: at, nextUpdate };
  }

  /**
   * Says that a certificate of this authority is good, as a DER OCSPResponse.
   *
   * @param serial - Hexadecimal, as {@link Certificate.serial}.
   * @throws AuthorityFailure while the time is not known
   * @see RFC 6960 §4.2
   */
  vouchFor(serial: string, time: IssueTime): Uint8Array {
    const { at, notBefore } = issueTime(time);
    const fields = {
      issuer: this.certificate,
      serial: hex(serial),
      status: { kind: "good" },
      // A phone's clock may be behind ours.
      ...{ producedAt: notBefore, thisUpdate: notBefore },
      nextUpdate: unix(at + STATUS_LIFETIME_SECONDS),
    } as const;
    const { crypto, random } = this.#tools;
    return signOcspResponse(fields, this.#issuer.key, crypto, random);
  }

  #issue(
    order: Pick<Order, "profile" | "subject" | "names" | "publicKey"> & Partial<Order>,
    time: IssueTime,
  ): Issued {
    const whole = { acl: undefined, seconds: undefined, released: null, ...order };
    return issue(whole, this.#issuer, issueTime(time), this.#tools);
  }

  #requestedKey(request: Uint8Array): PublicKey {
    try {
      return parseRequest(request, this.#tools.crypto).publicKey;
    } catch (failure) {
      if (failure instanceof X509Failure && failure.reason === "unsupported-key") {
        throw new AuthorityFailure("unsupported-key", failure);
      }
      if (failure instanceof X509Failure || failure instanceof DerFailure) {
        throw new AuthorityFailure("bad-request", failure);
      }
      throw failure;
    }
  }

  /** @param at - when it must not have ended yet; null for whenever */
  #ownDevice(encoded: Uint8Array, at: Unix | null): Certificate {
    let last: Certificate;
    try {
      last = parseCertificate(encoded);
    } catch (failure) {
      if (failure instanceof X509Failure || failure instanceof DerFailure) {
        throw new AuthorityFailure("not-ours", failure);
      }
      throw failure;
    }
    const ours =
      deviceIdOf(last) !== null && (at === null || at <= last.notAfter) && this.#signed(last);
    if (!ours) throw new AuthorityFailure("not-ours");
    return last;
  }

  #signed({ issuer, algorithm: { scheme }, tbs, signature }: Certificate): boolean {
    return (
      scheme !== null &&
      sameBytes(issuer.der, this.#issuer.subject) &&
      this.#tools.crypto.verify(scheme, this.certificate.publicKey, tbs, signature)
    );
  }
}

/** Signs what the profile and the order say, and nothing else. */
function issue(order: Order, issuer: Issuer, time: IssuedAt, tools: AuthorityTools): Issued {
  const { crypto, random } = tools;
  const { profile, publicKey, names } = order;
  const { ca, keyUsage, purposes, defaultSeconds, maxSeconds } = PROFILES[profile];
  if (publicKey.kind !== "ec" || publicKey.curve !== "P-256") {
    throw new AuthorityFailure("unsupported-key");
  }
  if (!crypto.isOnCurve(publicKey.curve, publicKey.point)) {
    throw new AuthorityFailure("unsupported-key");
  }
  const seconds = order.seconds ?? defaultSeconds;
  if (!Number.isInteger(seconds) || seconds < MIN_LIFETIME_SECONDS || seconds > maxSeconds) {
    throw new AuthorityFailure("bad-lifetime");
  }
  if (issuer.notAfter !== null && issuer.notAfter <= time.at) {
    throw new AuthorityFailure("authority-expired");
  }
  const notBefore = Math.min(order.released ?? time.notBefore, time.notBefore);
  const notAfter = Math.min(time.at + seconds, issuer.notAfter ?? Infinity);

  const extensions = [extension.authorityKeyId(issuer.keyId)];
  if (ca !== null) {
    extensions.push(extension.basicConstraints({ ca: true, ...ca }));
    extensions.push(extension.subjectKeyId(keyIdOf(publicKey, crypto)));
    extensions.push(extension.nameConstraints(HOME_CONSTRAINTS));
  }
  extensions.push(extension.keyUsage(keyUsage));
  if (purposes.length > 0) extensions.push(extension.extendedKeyUsage(purposes));
  if (names.length > 0) extensions.push(extension.subjectAltName(names));
  if (ca === null && seconds < SHORT_LIFETIME_SECONDS) extensions.push(extension.noRevAvail());
  if (order.acl !== undefined) extensions.push(aclExtension(order.acl));

  const fields = {
    serial: freshSerial(random),
    issuer: issuer.subject,
    subject: order.subject,
    notBefore: unix(notBefore),
    notAfter: unix(notAfter),
    spki: encodePublicKey(publicKey),
    extensions,
  };
  const encoded = signCertificate(fields, issuer.key, random);
  // The log says what the certificate says, not what was meant.
  const made = parseCertificate(encoded);
  return {
    der: encoded,
    serial: made.serial,
    deviceId: deviceIdOf(made),
    profile,
    notBefore: made.notBefore,
    notAfter: made.notAfter,
    spkiHash: spkiHash(made.spki, crypto),
    reissueAfterTimeSync: time.provisional,
  };
}

function aclExtension(rules: readonly AclRule[]): Uint8Array {
  try {
    return encodeAcl(rules);
  } catch (failure) {
    if (failure instanceof RangeError) throw new AuthorityFailure("bad-acl", failure);
    throw failure;
  }
}

/** Its first octet is 0x40 to 0x7f: positive, and as long as it is meant to be. */
function freshSerial(random: RandomSource): Uint8Array {
  const [first, ...rest] = random(SERIAL_LENGTH);
  return concat(Uint8Array.of((first! & 0x3f) | 0x40), Uint8Array.from(rest));
}

/** A host name below `home.arpa` or `local`, in lower case. */
function isHomeName(name: string): boolean {
  const labels = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(home\.arpa|local)$/;
  return name.length <= 253 && labels.test(name);
}

/** One label below the devices' domain, in which no server's name may end. */
function isDeviceName(name: string): boolean {
  return (
    isHomeName(name) &&
    name.indexOf(".") === name.length - DEVICE_DOMAIN.length - 1 &&
    name.endsWith(DEVICE_DOMAIN)
  );
}

/** X.520 takes 64 characters; controls and marks that reorder text would deceive who reads a list. */
function isCommonName(name: string): boolean {
  const length = Array.from(name).length;
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
  return length >= 1 && length <= MAX_COMMON_NAME && !unsafe.test(name);
}
