/** docs/vectors/setup.json: what a device says and shows at first contact. */
import { concat, toHex, utf8, Writer } from "../../src/base/bytes.ts";
import type { Files } from "../../src/host/host.ts";
import { selfSigned } from "../../src/device/credentials.ts";
import type { Ownership } from "../../src/device/state.ts";
import { writeFirstContact, writeMember } from "../../src/device/supplicant.ts";
import {
  claimedId,
  deviceIdHash,
  encodeSetupIdentity,
  homeProof,
  setupProof,
} from "../../src/policy/admission/setup.ts";
import type { DeviceIdentifier } from "../../src/policy/admission/setup.ts";
import { normalSetupCode } from "../../src/policy/registry/record.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import {
  CODE_ON_LABEL,
  deviceCertificate,
  EXPORTER,
  FIRST_KEY,
  HOME_KEY_HASH,
  HOME_NAME,
  IDENTITY,
  makeHome,
  NEXT_KEY,
} from "./home.ts";
import { crypto, NOW, scalar } from "./labels.ts";

const IDENTIFIERS: readonly DeviceIdentifier[] = [
  { kind: "serial", value: "A1B2C3" },
  { kind: "mac", value: "02:00:00:00:00:01" },
];

export function setup(): object {
  const code = normalSetupCode(CODE_ON_LABEL)!;
  const spki = encodePublicKey(FIRST_KEY.publicKey);
  const hash = crypto.digest("sha256", spki);
  const { deviceId, type, name } = IDENTITY;
  const identity = encodeSetupIdentity({ id: claimedId(deviceId), type, name });
  const proof = setupProof(crypto, code, hash);
  return {
    inputs:
      'The key is D of key-update.json; the device id, S (the home\'s key hash) and the exporter are the labels "device id", "spki" and "exporter" there. Octets are in hexadecimal.',
    code: { label: CODE_ON_LABEL, normal: code },
    spki: toHex(spki),
    spkiHash: toHex(hash),
    setupProof: proof,
    homeKeyHash: toHex(HOME_KEY_HASH),
    exporter: toHex(EXPORTER),
    homeProof: toHex(homeProof(crypto, code, HOME_KEY_HASH, EXPORTER)),
    deviceId: {
      identifiers: IDENTIFIERS,
      text: "mac=02:00:00:00:00:01\nserial=A1B2C3",
      hash: toHex(deviceIdHash(crypto, IDENTIFIERS)),
      claimed: claimedId(deviceIdHash(crypto, IDENTIFIERS)),
    },
    identity: {
      deviceId: toHex(deviceId),
      claimed: claimedId(deviceId),
      type,
      name,
      text: String.fromCharCode(...identity),
    },
    tunnel: toHex(concat(avp(1, identity), avp(2, padded(utf8(proof))))),
    certificate: toHex(selfSigned(IDENTITY, FIRST_KEY)),
    supplicant: supplicant(),
  };
}

/** An AVP of RADIUS' space that must be understood, padded to four octets (RFC 5281 §10.1). */
function avp(code: number, value: Uint8Array): Uint8Array {
  const MANDATORY = 0x40;
  const head = new Writer()
    .u32(code)
    .u8(MANDATORY)
    .u24(8 + value.length);
  return head
    .raw(value)
    .raw(new Uint8Array((4 - (value.length % 4)) % 4))
    .bytes();
}

/** RFC 5281 §11.2.5: a password is filled with zeros to a multiple of 16 octets. */
function padded(password: Uint8Array): Uint8Array {
  const octets = new Uint8Array(Math.ceil(password.length / 16) * 16);
  octets.set(password);
  return octets;
}

/** The blocks that `homeca device` writes, for a wireless network named "Home". */
function supplicant(): object {
  const settings = {
    folder: "/etc/lamp",
    ssid: "Home",
    control: "/var/run/wpa_supplicant",
  };
  const written = new Map<string, string>();
  // Only this one of a host's files is asked of the writers.
  const files = {
    replaceDurably: (path: string, bytes: Uint8Array) =>
      void written.set(path, String.fromCharCode(...bytes)),
  } as unknown as Files;
  const state = { identity: IDENTITY, scalar: scalar("d") };
  const conf = (): string => written.get("/etc/lamp/wpa_supplicant.conf")!;
  writeFirstContact(files, crypto, state, settings);
  const firstContact = conf();
  writeMember(files, crypto, scalar("d"), ownership(), settings);
  return { firstContact, member: conf() };
}

function ownership(): Ownership {
  const home = makeHome();
  return {
    chain: [deviceCertificate(home, NEXT_KEY), home.issuing.certificate.der],
    root: home.root.certificate.der,
    homeKeyHash: HOME_KEY_HASH,
    serverName: HOME_NAME,
    discoveryKey: null,
    sessionKey: null,
    notAfter: NOW,
    timeFloor: NOW,
    crlNumber: 0,
    groups: [],
    windowSeconds: 0,
    releaseSeconds: 0,
  };
}
