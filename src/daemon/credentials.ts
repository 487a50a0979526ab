/** Certificates the owner asks for: made for a device that may have one, and on record before anyone sees them. */
import { toBase64 } from "../base/bytes.ts";
import type { PublicKey } from "../base/crypto/crypto.ts";
import type { DeviceGrant, Issued } from "../policy/ca/authority.ts";
import type { DeviceClass, DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import { certifiedRights } from "../policy/rights/certified.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { DEFAULT_ITERATIONS, MIN_ITERATIONS } from "../proto/x509/pbes2.ts";
import { decodePem, encodePem } from "../proto/x509/pem.ts";
import { encodePfx } from "../proto/x509/pkcs12.ts";
import type { PfxForm } from "../proto/x509/pkcs12.ts";
import type { PrivateKey } from "../proto/x509/pkcs8.ts";
import { authorityAnswer, registryAnswer } from "./answers.ts";
import type { House } from "./house.ts";
import { issueTimeOf, keepIssued } from "./issuing.ts";
import { ManagementFailure } from "./management/failure.ts";
import type { IssuedCertificate, IssuedCredential } from "./management/service.ts";
import { makeProfile } from "../policy/profiles/profile.ts";
import type { Platform, Profile } from "../policy/profiles/facts.ts";
import { wpaSupplicantBlock } from "../policy/profiles/wpa-supplicant.ts";

/** Phones and computers cannot renew by themselves, so their credential lasts a year; one that can has what follows from its window. */
const HAND_INSTALLED_SECONDS = 365 * 86_400;

/**
 * What reads only the old form of PKCS#12, or did not long ago: Apple's systems call the new one's password wrong.
 * Its rounds are as few as may be, for without SHA-1 of its own the router computes each in its interpreter.
 */
const OLD_FORM: readonly Platform[] = ["apple", "android"];

/** A key made here for a device that is handed its credential. */
export interface MadeKey {
  readonly key: PrivateKey;
  readonly publicKey: PublicKey;
  /** SHA-256 of its SubjectPublicKeyInfo, 32 bytes. */
  readonly spkiHash: Uint8Array;
}

/** A key with its certificates in a PKCS#12, on record. */
interface Bundle {
  readonly serial: string;
  readonly p12: Uint8Array;
}

/** What a phone or laptop is given. */
export interface IssuedProfile {
  readonly record: DeviceRecord;
  /** Of the certificate that is in it. */
  readonly serial: string;
  readonly profile: Profile;
}

export class Credentials {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
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
      issuing.issueDeviceByRequest(request, grantOf(this.#house, record), issueTimeOf(this.#house)),
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
  issueNew(record: DeviceRecord, made: MadeKey, password: string): IssuedCredential {
    const { p12 } = this.#bundle(record, made, password);
    const { realm, serverName, homeName } = this.#house.configuration.homeca;
    return {
      id: record.id,
      p12: toBase64(p12),
      wpaSupplicant: wpaSupplicantBlock({ ssid: homeName, realm, serverName }),
      caPem: encodePem("CERTIFICATE", this.#house.keys.root.der),
    };
  }

  /**
   * As {@link issueNew}, in the form that the device's system takes.
   * @param network - `ssid` as `isSsid` takes it
   */
  issueProfile(
    record: DeviceRecord,
    made: MadeKey,
    password: string,
    { platform, ssid }: { readonly platform: Platform; readonly ssid: string },
  ): IssuedProfile {
    const { host, keys, configuration } = this.#house;
    const form = OLD_FORM.includes(platform) ? "old" : "new";
    const { serial, p12 } = this.#bundle(record, made, password, form);
    const { realm, serverName, homeName } = configuration.homeca;
    const profile = makeProfile(platform, {
      ...{ crypto: host.crypto, homeName, ssid, realm, serverName, root: keys.root.der, p12 },
      device: { id: record.id, title: titleOf(record) },
    });
    return { record, serial, profile };
  }

  #bundle(
    record: DeviceRecord,
    { key, publicKey }: MadeKey,
    password: string,
    form: PfxForm = "new",
  ): Bundle {
    const { crypto, random } = this.#house.host;
    const { root, issuing } = this.#house.keys;
    const issued = authorityAnswer(() =>
      issuing.issueDevice(publicKey, grantOf(this.#house, record), issueTimeOf(this.#house)),
    );
    const certificates = [issued.der, issuing.certificate.der, root.der];
    const iterations = form === "old" ? MIN_ITERATIONS : DEFAULT_ITERATIONS;
    const encryption = { crypto, random, password, iterations };
    const p12 = encodePfx({ key, certificates }, titleOf(record), encryption, form);
    this.#store(record, issued);
    return { serial: issued.serial, p12 };
  }

  #store(record: DeviceRecord, issued: Issued): void {
    registryAnswer(() => keepIssued(this.#house, record, issued, "owner"));
  }
}

/** The device's name stays out of its certificate, which TLS 1.2 shows to whoever listens. */
function grantOf({ presences }: House, record: DeviceRecord): DeviceGrant {
  const seconds = byHand(record.class)
    ? HAND_INSTALLED_SECONDS
    : presences.certificateSeconds(record);
  return { deviceId: record.id, ...certifiedRights(record), seconds };
}

function byHand(deviceClass: DeviceClass): boolean {
  return deviceClass !== "aware";
}
