/** What wpa_supplicant needs to join a home: before the device belongs to it, and once it does. */
import { fromUtf8, toBase64Url, toHex, utf8 } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto/crypto.ts";
import {
  claimedId,
  encodeSetupIdentity,
  MAX_ENCODED_NAME,
  NO_PROOF,
  SETUP_REALM,
  setupProof,
} from "../policy/admission/setup.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { encodePem } from "../proto/x509/pem.ts";
import { encodePrivateKey } from "../proto/x509/pkcs8.ts";
import type { Files } from "../host/host.ts";
import { selfSigned } from "./credentials.ts";
import type { DeviceState, Ownership } from "./state.ts";

const SECRET_MODE = 0o600;

/** How the network is named and reached. */
export interface SupplicantSettings {
  /** Folder of the files; it exists. */
  readonly folder: string;
  /** Null on a cable. */
  readonly ssid: string | null;
  /** Folder of wpa_supplicant's control sockets, for wpa_cli. */
  readonly control: string;
}

/** EAP-TTLS with the device's own key and what it says of itself (first contact). */
export function writeFirstContact(
  files: Files,
  crypto: Crypto,
  state: Pick<DeviceState, "identity" | "scalar">,
  settings: SupplicantSettings,
): void {
  const { identity, scalar } = state;
  const key = crypto.signingKey("P-256", scalar);
  const spki = crypto.digest("sha256", encodePublicKey(key.publicKey));
  const { type, name, setupCode, deviceId } = identity;
  const inner = encodeSetupIdentity({ id: claimedId(deviceId), type, name: shortName(name) });
  const password = setupCode === null ? NO_PROOF : setupProof(crypto, setupCode, spki);
  const { folder } = settings;
  write(files, `${folder}/first.pem`, encodePem("CERTIFICATE", selfSigned(identity, key)));
  write(files, `${folder}/first.key`, privateKeyPem(crypto, scalar));
  const lines = [
    "eap=TTLS",
    `anonymous_identity="@${SETUP_REALM}"`,
    `identity="${fromUtf8(inner)}"`,
    `password="${password}"`,
    'phase2="auth=PAP"',
    `client_cert="${folder}/first.pem"`,
    `private_key="${folder}/first.key"`,
  ];
  write(files, `${folder}/wpa_supplicant.conf`, configuration(settings, lines));
}

/** A name may be longer than an identity has room for; it is told whole over CoAPs. */
function shortName(name: string | null): string | null {
  const fits = (text: string): boolean => toBase64Url(utf8(text)).length <= MAX_ENCODED_NAME;
  // By characters: half of one would be none.
  const characters = Array.from(name ?? "");
  while (characters.length > 0 && !fits(characters.join("").trim())) characters.pop();
  const short = characters.join("").trim();
  return short === "" ? null : short;
}

/** Erases what came from the home, and goes back to first contact. */
export function eraseMember(
  files: Files,
  crypto: Crypto,
  state: DeviceState,
  settings: SupplicantSettings,
): void {
  const { folder } = settings;
  for (const name of ["device.key", "device.pem", "home.pem"]) files.remove(`${folder}/${name}`);
  writeFirstContact(files, crypto, state, settings);
}

/** EAP-TLS with the certificate of the home, and nobody else's server believed. */
export function writeMember(
  files: Files,
  crypto: Crypto,
  scalar: Uint8Array,
  { chain, root, serverName }: Ownership,
  settings: SupplicantSettings,
): void {
  const { folder } = settings;
  const certificates = chain.map((der) => encodePem("CERTIFICATE", der)).join("");
  write(files, `${folder}/device.pem`, certificates);
  write(files, `${folder}/device.key`, privateKeyPem(crypto, scalar));
  write(files, `${folder}/home.pem`, encodePem("CERTIFICATE", root));
  const lines = [
    "eap=TLS",
    'identity="@homeca.home.arpa"',
    `ca_cert="${folder}/home.pem"`,
    ...(serverName === null ? [] : [`domain_match="${serverName}"`]),
    `client_cert="${folder}/device.pem"`,
    `private_key="${folder}/device.key"`,
  ];
  write(files, `${folder}/wpa_supplicant.conf`, configuration(settings, lines));
}

function configuration({ ssid, control }: SupplicantSettings, lines: readonly string[]): string {
  const medium =
    ssid === null
      ? ["key_mgmt=IEEE8021X", "eapol_flags=0"]
      : [
          // Without quotes wpa_supplicant reads hexadecimal: no character of a name can end the line.
          `ssid=${toHex(utf8(ssid))}`,
          "key_mgmt=WPA-EAP WPA-EAP-SHA256",
          "ieee80211w=1",
        ];
  const head = [`ctrl_interface=${control}`, ...(ssid === null ? ["ap_scan=0"] : [])];
  const block = [...medium, ...lines].map((line) => `\t${line}`);
  return [...head, "network={", ...block, "}", ""].join("\n");
}

function privateKeyPem(crypto: Crypto, scalar: Uint8Array): string {
  return encodePem("PRIVATE KEY", encodePrivateKey({ curve: "P-256", scalar }, crypto));
}

function write(files: Files, path: string, text: string): void {
  files.replaceDurably(path, utf8(text), SECRET_MODE);
}
