/**
 * WLAN profiles for Windows 10 and later, which `netsh wlan add profile` takes.
 * The PKCS#12 goes into the user's certificate store by hand: Windows has no
 * profile that carries a key.
 *
 * @see https://learn.microsoft.com/windows/win32/nativewifi/wlan-profileschema-schema
 */
import { toHex, utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { FILE } from "./facts.ts";
import type { Profile, ProfileFacts, ProfileFile } from "./facts.ts";
import { document, element } from "./xml.ts";
import type { Element } from "./xml.ts";

const WLAN = "http://www.microsoft.com/networking/WLAN/profile/v1";
const ONE_X = "http://www.microsoft.com/networking/OneX/v1";
const EAP_HOST = "http://www.microsoft.com/provisioning/EapHostConfig";
const EAP_COMMON = "http://www.microsoft.com/provisioning/EapCommon";
const EAP_BASE = "http://www.microsoft.com/provisioning/BaseEapConnectionPropertiesV1";
const EAP_TLS = "http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV1";
const EAP_TLS_2 = "http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV2";

/** EAP-TLS (IANA's registry of EAP method types). */
const TYPE = "13";

export function windowsProfile(facts: ProfileFacts): Profile {
  const add = (name: string): string => `netsh wlan add profile filename=${name} user=current`;
  return {
    files: [
      { name: FILE.p12, type: "application/x-pkcs12", bytes: facts.p12 },
      profileFile(FILE.windows, facts, "WPA2"),
      profileFile(FILE.windowsWpa3, facts, "WPA3ENT"),
    ],
    steps: [
      `Save the files in one folder and open ${FILE.p12}: choose Current User, type the password that was shown, and let Windows choose the store.`,
      `Windows asks whether to trust the root of ${visible(facts.homeName)}: say yes, for it is yours.`,
      `Open a command prompt in that folder and run: ${add(FILE.windows)}`,
      `Where the access point takes WPA3 alone, run this instead: ${add(FILE.windowsWpa3)}`,
      `Windows joins ${visible(facts.ssid)} by itself; delete ${FILE.p12} when it has.`,
    ],
  };
}

function profileFile(name: string, facts: ProfileFacts, authentication: string): ProfileFile {
  return {
    name,
    type: "application/xml",
    bytes: utf8(document(wlanProfile(facts, authentication))),
  };
}

function wlanProfile(facts: ProfileFacts, authentication: string): Element {
  const { ssid } = facts;
  return element(
    "WLANProfile",
    [
      element("name", ssid),
      element("SSIDConfig", [
        element("SSID", [element("hex", toHex(utf8(ssid)).toUpperCase()), element("name", ssid)]),
      ]),
      element("connectionType", "ESS"),
      element("connectionMode", "auto"),
      element("MSM", [
        element("security", [
          element("authEncryption", [
            element("authentication", authentication),
            element("encryption", "AES"),
            element("useOneX", "true"),
          ]),
          element("PMKCacheMode", "enabled"),
          oneX(facts),
        ]),
      ]),
    ],
    { xmlns: WLAN },
  );
}

function oneX(facts: ProfileFacts): Element {
  const common = (name: string, text: string): Element =>
    element(name, text, { xmlns: EAP_COMMON });
  const method = element("EapMethod", [
    common("Type", TYPE),
    common("VendorId", "0"),
    common("VendorType", "0"),
    common("AuthorId", "0"),
  ]);
  const config = element("Config", [eapTls(facts)], { xmlns: EAP_HOST });
  const host = element("EapHostConfig", [method, config], { xmlns: EAP_HOST });
  return element("OneX", [element("authMode", "user"), element("EAPConfig", [host])], {
    xmlns: ONE_X,
  });
}

/** The server is checked by name and by root, and nobody is asked to wave another one through. */
function eapTls({ crypto, serverName, root }: ProfileFacts): Element {
  // Windows knows certificates by this hash; it finds one here and secures nothing.
  const thumbprint = toHex(crypto.digest("sha1", root)).match(/../gu)!.join(" ");
  const type = element(
    "EapType",
    [
      element("CredentialsSource", [
        element("CertificateStore", [element("SimpleCertSelection", "true")]),
      ]),
      element("ServerValidation", [
        element("DisableUserPromptForServerValidation", "true"),
        element("ServerNames", serverName),
        element("TrustedRootCA", thumbprint),
      ]),
      element("DifferentUsername", "false"),
      element("PerformServerValidation", "true", { xmlns: EAP_TLS_2 }),
      element("AcceptServerName", "true", { xmlns: EAP_TLS_2 }),
    ],
    { xmlns: EAP_TLS },
  );
  return element("Eap", [element("Type", TYPE), type], { xmlns: EAP_BASE });
}
