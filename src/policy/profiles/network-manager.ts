/**
 * A keyfile for NetworkManager, with certificates and PKCS#12 in it. The
 * desktop asks for the password once and keeps it in its keyring.
 *
 * @see nm-settings-keyfile(5)
 */
import { toBase64, utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { FILE } from "./facts.ts";
import type { Profile, ProfileFacts } from "./facts.ts";
import { HOMECA_NAMESPACE, nameUuid } from "./uuid.ts";

const FOLDER = "/etc/NetworkManager/system-connections";

export function networkManagerProfile(facts: ProfileFacts): Profile {
  const { ssid } = facts;
  return {
    files: [
      { name: FILE.networkManager, type: "application/octet-stream", bytes: utf8(keyfile(facts)) },
    ],
    steps: [
      `Put it where NetworkManager looks: sudo install -m 600 ${FILE.networkManager} ${FOLDER}/`,
      "Let NetworkManager read it: sudo nmcli connection reload",
      `Choose ${visible(ssid)} in the list of networks and type the password that was shown; without a desktop run: nmcli --ask connection up uuid ${uuidOf(facts)}`,
      `Delete ${FILE.networkManager} where you downloaded it once the device has joined.`,
    ],
  };
}

function keyfile(facts: ProfileFacts): string {
  const { ssid, realm, serverName, root, p12 } = facts;
  const key = blob(p12);
  return [
    "[connection]",
    `id=${plain(ssid)}`,
    `uuid=${uuidOf(facts)}`,
    "type=wifi",
    "",
    "[wifi]",
    "mode=infrastructure",
    // In octets: as text a name such as 53; would be read as octets all the same.
    `ssid=${[...utf8(ssid)].map((octet) => `${octet};`).join("")}`,
    "",
    "[wifi-security]",
    "key-mgmt=wpa-eap",
    "",
    "[802-1x]",
    "eap=tls;",
    `identity=${plain(`@${realm}`)}`,
    `ca-cert=${blob(root)}`,
    // Versions before 1.24 leave out the first without a word; all know the second.
    `domain-match=${plain(serverName)}`,
    `altsubject-matches=DNS:${plain(serverName)};`,
    // A PKCS#12 is named as both.
    `client-cert=${key}`,
    `private-key=${key}`,
    // Owned by the user's agent, not by this file.
    "private-key-password-flags=1",
    "",
    "[ipv4]",
    "method=auto",
    "",
    "[ipv6]",
    "method=auto",
    "",
  ].join("\n");
}

function uuidOf({ crypto, device }: ProfileFacts): string {
  return nameUuid(crypto, HOMECA_NAMESPACE, `${device.id} networkmanager`);
}

const blob = (bytes: Uint8Array): string => `data:;base64,${toBase64(bytes)}`;

/** A value as GLib's key files escape it: backslashes, blanks at the ends, and no line but its own. */
function plain(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, "")
    .replaceAll("\\", String.raw`\\`)
    .replaceAll(/^ | $/gu, String.raw`\s`);
}
