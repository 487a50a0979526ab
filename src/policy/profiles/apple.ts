/**
 * A configuration profile for iPhone, iPad and Mac: the root, the PKCS#12 and
 * the network that needs both. The system asks for the PKCS#12's password as it
 * installs the profile.
 *
 * @see https://developer.apple.com/documentation/devicemanagement (TopLevel, WiFi, CertificatePKCS12, CertificateRoot)
 */
import { toBase64, utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { FILE } from "./facts.ts";
import type { Profile, ProfileFacts } from "./facts.ts";
import { HOMECA_NAMESPACE, nameUuid } from "./uuid.ts";
import { document, element } from "./xml.ts";
import type { Element } from "./xml.ts";

const DOCTYPE =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">';

/** EAP-TLS (IANA's registry of EAP method types). */
const EAP_TLS = 13;

export function appleProfile(facts: ProfileFacts): Profile {
  const text = document(element("plist", [value(profileOf(facts))], { version: "1.0" }), DOCTYPE);
  const file = { name: FILE.apple, type: "application/x-apple-aspen-config", bytes: utf8(text) };
  return {
    files: [file],
    steps: [
      `Open ${FILE.apple} on the device: an iPhone or iPad says that a profile was downloaded, a Mac lists it in System Settings.`,
      "On an iPhone or iPad open Settings, General, VPN & Device Management and the profile, on a Mac System Settings, General, Device Management, and choose Install.",
      "The system calls the profile not signed and shows the certificate of your home: install it, for you made both yourself.",
      "Type the password that was shown when the profile was made; the device asks for it once.",
      `The device joins ${visible(facts.ssid)} by itself as soon as it is in reach.`,
    ],
  };
}

/** What a property list is made of here. */
type Value = string | number | boolean | Uint8Array | readonly Value[] | Dictionary;
interface Dictionary {
  readonly [key: string]: Value;
}

function profileOf({
  crypto,
  device,
  homeName,
  ssid,
  serverName,
  realm,
  root,
  p12,
}: ProfileFacts): Dictionary {
  const identifier = `arpa.home.homeca.${device.id}`;
  const payload = (type: string, part: string, version: number, rest: Dictionary): Dictionary => ({
    PayloadType: type,
    PayloadVersion: version,
    PayloadIdentifier: part === "" ? identifier : `${identifier}.${part}`,
    PayloadUUID: uuid(part),
    ...rest,
  });
  const uuid = (part: string): string =>
    nameUuid(crypto, HOMECA_NAMESPACE, `${device.id} ${part}`).toUpperCase();
  return payload("Configuration", "", 1, {
    PayloadDisplayName: `${homeName}: ${device.title}`,
    PayloadDescription: `Lets this device join ${ssid}, and no other network.`,
    PayloadOrganization: homeName,
    PayloadContent: [
      payload("com.apple.security.root", "root", 1, {
        PayloadDisplayName: `Root of ${homeName}`,
        PayloadCertificateFileName: "homeca-ca.cer",
        PayloadContent: root,
      }),
      payload("com.apple.security.pkcs12", "identity", 1, {
        PayloadDisplayName: `Key of ${device.title}`,
        PayloadCertificateFileName: FILE.p12,
        PayloadContent: p12,
      }),
      payload("com.apple.wifi.managed", "wifi", 1, {
        PayloadDisplayName: `Wi-Fi ${ssid}`,
        SSID_STR: ssid,
        HIDDEN_NETWORK: false,
        AutoJoin: true,
        // WPA2 or WPA3 from iOS 16 and macOS 13 on, any WPA before on iOS, WPA2 alone before on macOS.
        EncryptionType: "WPA2",
        PayloadCertificateUUID: uuid("identity"),
        EAPClientConfiguration: {
          AcceptEAPTypes: [EAP_TLS],
          // Sent in the open: the realm alone, for the certificate says who it is.
          UserName: `@${realm}`,
          PayloadCertificateAnchorUUID: [uuid("root")],
          TLSTrustedServerNames: [serverName],
          TLSMinimumVersion: "1.2",
        },
      }),
    ],
  });
}

function value(of: Value): Element {
  if (typeof of === "string") return element("string", of);
  if (typeof of === "number") return element("integer", String(of));
  if (typeof of === "boolean") return element(of ? "true" : "false", []);
  if (of instanceof Uint8Array) return element("data", toBase64(of));
  if (isList(of)) return element("array", of.map(value));
  return element(
    "dict",
    Object.entries(of).flatMap(([key, each]) => [element("key", key), value(each)]),
  );
}

/** `Array.isArray` does not know readonly lists. */
function isList(of: readonly Value[] | Dictionary): of is readonly Value[] {
  return Array.isArray(of);
}
