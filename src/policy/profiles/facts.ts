/** What a phone or laptop is given so that it joins: the facts of one home and one device, and what is made of them. */
import type { Crypto } from "../../base/crypto/crypto.ts";
import { utf8 } from "../../base/bytes.ts";

/** Systems that have a profile, or at least a place where a person types it in. */
export const PLATFORMS = [
  "apple",
  "windows",
  "android",
  "networkmanager",
  "wpa_supplicant",
] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Octets of an SSID (IEEE 802.11-2020 §9.4.2.2). */
export const MAX_SSID_OCTETS = 32;

/** Names of the files, the same for every device: nothing that a device or a person chose is in them. */
export const FILE = {
  p12: "homeca.p12",
  root: "homeca-ca.pem",
  apple: "homeca.mobileconfig",
  windows: "homeca.xml",
  windowsWpa3: "homeca-wpa3.xml",
  networkManager: "homeca.nmconnection",
  wpaSupplicant: "homeca-wpa.conf",
  archive: "homeca.zip",
} as const;

/** The files of each profile, in order. */
export const PROFILE_FILES: Readonly<Record<Platform, readonly string[]>> = {
  apple: [FILE.apple],
  windows: [FILE.p12, FILE.windows, FILE.windowsWpa3],
  android: [FILE.p12, FILE.root],
  networkmanager: [FILE.networkManager],
  wpa_supplicant: [FILE.p12, FILE.root, FILE.wpaSupplicant],
};

export interface ProfileFacts {
  readonly crypto: Pick<Crypto, "digest">;
  readonly homeName: string;
  /** As {@link isSsid} takes it. */
  readonly ssid: string;
  readonly realm: string;
  /** dNSName in the certificate of the EAP server. */
  readonly serverName: string;
  /** Certificate of the root, DER. */
  readonly root: Uint8Array;
  /** Key, certificate and chain. Its password is in no profile. */
  readonly p12: Uint8Array;
  readonly device: { readonly id: string; readonly title: string };
}

export interface ProfileFile {
  readonly name: string;
  /** Media type. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

export interface Profile {
  readonly files: readonly ProfileFile[];
  /** What its owner does with them, one sentence each, safe to show. */
  readonly steps: readonly string[];
}

/**
 * Whether a text is an SSID that can be typed: 1 to 32 octets of UTF-8 without
 * control characters. The standard allows any octets; no form here does.
 */
export function isSsid(text: string): boolean {
  const { length } = utf8(text);
  return length >= 1 && length <= MAX_SSID_OCTETS && !/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u.test(text);
}
