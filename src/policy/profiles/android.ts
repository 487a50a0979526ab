/**
 * Android has no profile that a person can install, and no QR code for networks
 * with certificates: the PKCS#12 is installed and the fields are typed in.
 */
import { utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { encodePem } from "../../proto/x509/pem.ts";
import { FILE } from "./facts.ts";
import type { Profile, ProfileFacts } from "./facts.ts";

export function androidProfile({ ssid, realm, serverName, root, p12 }: ProfileFacts): Profile {
  return {
    files: [
      { name: FILE.p12, type: "application/x-pkcs12", bytes: p12 },
      {
        name: FILE.root,
        type: "application/x-x509-ca-cert",
        bytes: utf8(encodePem("CERTIFICATE", root)),
      },
    ],
    steps: [
      "Open Settings and look for Install a certificate; it is under Security, Encryption & credentials, and elsewhere on some devices.",
      `Choose Wi-Fi certificate and ${FILE.p12}, type the password that was shown, and name it homeca.`,
      `Choose Wi-Fi certificate once more for ${FILE.root}, and name it homeca-ca.`,
      `Open Settings, Wi-Fi and ${visible(ssid)}, and choose for EAP method TLS.`,
      "Choose for CA certificate homeca-ca, for Online certificate status Request status, and for User certificate homeca.",
      `Type for Domain ${visible(serverName)} and for Identity @${visible(realm)}, and connect.`,
      "Android has no QR code for a network with certificates, so this is typed once by hand.",
    ],
  };
}
