/** Certificates the owner asks for: made for a device that may have one, and on record before anyone sees them. */
import { sameBytes, toBase64, toHex } from "../base/bytes.ts";
import type { PublicKey } from "../base/crypto/crypto.ts";
import type { Unix } from "../base/machine.ts";
import type { Issued } from "../policy/ca/authority.ts";
import type { DeviceClass, DeviceRecord, KeyCase } from "../policy/registry/record.ts";
import { MAX_KEY_UPDATES, titleOf, withKey } from "../policy/registry/record.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { DEFAULT_ITERATIONS } from "../proto/x509/pbes2.ts";
import { decodePem, encodePem } from "../proto/x509/pem.ts";
import { encodePfx } from "../proto/x509/pkcs12.ts";
import type { PrivateKey } from "../proto/x509/pkcs8.ts";
import { authorityAnswer, registryAnswer, shown } from "./answers.ts";
import type { House } from "./house.ts";
import { ManagementFailure } from "./management/failure.ts";
import type { IssuedCertificate, IssuedCredential } from "./management/service.ts";
import { wpaSupplicantBlock } from "./profile.ts";

/** Phones and computers cannot renew by themselves, so their credential lasts a year; a device that can has the profile's 30 days. */
const HAND_INSTALLED_SECONDS = 365 * 86_400;

/** A key made here for a device that is handed its credential. */
export interface MadeKey {
  readonly key: PrivateKey;
  readonly publicKey: PublicKey;
  /** SHA-256 of its SubjectPublicKeyInfo, 32 bytes. */
  readonly spkiHash: Uint8Array;
}

export class Credentials {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  /**
   * Issues the record's device a certificate for this key. A key that was agreed
   * on with the device brings along what followed from it.
   * @throws AuthorityFailure, RegistryFailure, HostFailure
   */
  certify(record: DeviceRecord, publicKey: PublicKey): Issued {
    const { issuing } = this.#house.keys;
    const issued = issuing.issueDevice(publicKey, grantOf(record), this.#time());
    this.#certified(record, publicKey, issued);
    return issued;
  }

  /** As {@link certify}, with the names of `current`, which may have ended. */
  renew(record: DeviceRecord, current: Certificate, publicKey: PublicKey): Issued {
    const { issuing } = this.#house.keys;
    const grant = { evenEnded: true, ...lifetimeOf(record) };
    const issued = issuing.renewDevice(current.der, { publicKey }, grant, this.#time());
    this.#certified(record, publicKey, issued);
    return issued;
  }

  /** Signs the key of one PKCS#10 request. @throws ManagementFailure `bad-request`, `time-unknown`, `full` */
  issueFromRequest(record: DeviceRecord, requestPem: string): IssuedCertificate {
    const [request, ...more] = decodePem("CERTIFICATE REQUEST", requestPem) ?? [];
    if (request === undefined || more.length > 0) {
      throw new ManagementFailure(
        "bad-request",
        "the request is no PEM with one CERTIFICATE REQUEST: make it with `openssl req -new`",
      );
    }
    const { issuing } = this.#house.keys;
    const issued = authorityAnswer(() =>
      issuing.issueDeviceByRequest(request, grantOf(record), this.#time()),
    );
    this.#store(record, issued);
    const certificatePem = encodePem("CERTIFICATE", issued.der);
    return {
      id: record.id,
      certificatePem,
      chainPem: certificatePem + encodePem("CERTIFICATE", issuing.certificate.der),
    };
  }

  makeKey(): MadeKey {
    const { crypto, random } = this.#house.host;
    const key: PrivateKey = { curve: "P-256", scalar: crypto.generateScalar("P-256", random) };
    const { publicKey } = crypto.signingKey("P-256", key.scalar);
    return { key, publicKey, spkiHash: crypto.digest("sha256", encodePublicKey(publicKey)) };
  }

  /**
   * Signs a key made here and wraps both for installing by hand.
   * @param password - protects the PKCS#12
   * @throws ManagementFailure `bad-request`, `time-unknown`, `full`
   */
  issueNew(record: DeviceRecord, { key, publicKey }: MadeKey, password: string): IssuedCredential {
    const { crypto, random } = this.#house.host;
    const { root, issuing } = this.#house.keys;
    const issued = authorityAnswer(() =>
      issuing.issueDevice(publicKey, grantOf(record), this.#time()),
    );
    const certificates = [issued.der, issuing.certificate.der, root.der];
    const encryption = { crypto, random, password, iterations: DEFAULT_ITERATIONS };
    const p12 = encodePfx({ key, certificates }, titleOf(record), encryption);
    this.#store(record, issued);
    const { realm, serverName, homeName } = this.#house.configuration.homeca;
    return {
      id: record.id,
      p12: toBase64(p12),
      wpaSupplicant: wpaSupplicantBlock({ ssid: homeName, realm, serverName }),
      caPem: encodePem("CERTIFICATE", root.der),
    };
  }

  #time(): { readonly clock: Unix | "unknown"; readonly floor: Unix } {
    const { clock } = this.#house;
    return { clock: clock.now() ?? "unknown", floor: clock.floor };
  }

  /** Where this is the key that was agreed on, the record has what followed from it. */
  #certified(record: DeviceRecord, publicKey: PublicKey, issued: Issued): void {
    const { keyUpdates, host } = this.#house;
    const agreed = keyUpdates.agreed(record.id, host.mono());
    const isAgreed =
      agreed !== null && publicKey.kind === "ec" && sameBytes(agreed.publicKey, publicKey.point);
    if (!isAgreed) return this.#put(record, issued);
    const updated: DeviceRecord = {
      ...record,
      keyCase: keyCaseOf(record, agreed.withShare),
      keyUpdates: Math.min(record.keyUpdates + 1, MAX_KEY_UPDATES),
      discoveryKey: toHex(agreed.discoveryKey),
    };
    this.#put(updated, issued);
    keyUpdates.forget(record.id);
  }

  #store(record: DeviceRecord, issued: Issued): void {
    registryAnswer(() => this.#put(record, issued));
    const text = `Issued ${shown(record)} a certificate (serial ${issued.serial}).`;
    this.#house.event("owner", record.id, null, text);
  }

  /** Before anyone sees the certificate, it is on record: what is not there is not admitted. */
  #put(record: DeviceRecord, issued: Issued): void {
    const { serial, spkiHash, notBefore, notAfter } = issued;
    const keyed = withKey(record, {
      role: "certificate",
      serial,
      spkiHash,
      issuedAt: notBefore,
      notAfter,
    });
    this.#house.change([
      { kind: "put", record: keyed },
      { kind: "issued", serial, device: record.id, spkiHash, notAfter },
    ]);
  }
}

/**
 * Which of the four cases the device's present key came about in. Its last key
 * is nobody else's where this home had agreed on it already; a first one its
 * maker or the last owner may have.
 */
function keyCaseOf({ keyUpdates }: DeviceRecord, withShare: boolean): KeyCase {
  const known = keyUpdates === 0;
  if (withShare) return known ? "good-known" : "good-unknown";
  return known ? "weak-known" : "weak-unknown";
}

/**
 * The device's name stays out of its certificate, which TLS 1.2 shows to
 * whoever listens. No rights are no extension: GnuTLS refuses a certificate
 * with an OID whose arcs exceed 64 bits, and ours does.
 */
function grantOf(record: DeviceRecord): { readonly deviceId: string; readonly seconds?: number } {
  return { deviceId: record.id, ...lifetimeOf(record) };
}

function lifetimeOf(record: DeviceRecord): { readonly seconds?: number } {
  return byHand(record.class) ? { seconds: HAND_INSTALLED_SECONDS } : {};
}

function byHand(deviceClass: DeviceClass): boolean {
  return deviceClass !== "aware";
}
