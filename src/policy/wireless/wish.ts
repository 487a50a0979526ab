/** What a wireless set-up starts from and ends in: the owner's wish, the router, the plan. */
import type { UciSection } from "../../base/uci.ts";
import type { Subnet, UsedSubnet } from "./subnet.ts";
import type { PackageName, Packages, PlannedEdit } from "./wanted.ts";

export const SECURITIES = ["auto", "wpa3", "wpa3-mixed", "wpa2"] as const;
export type Security = (typeof SECURITIES)[number];

/** What the owner asks for. */
export interface Wish {
  /** Name of a `wifi-device` section, such as `radio0`. */
  readonly radio: string;
  readonly ssid: string;
  /** Network of admitted devices, such as `lan`. */
  readonly network: string;
  readonly security: Security;
  /** Two letters (ISO 3166-1), or null to leave the radio's. */
  readonly country: string | null;
  /** IPv4 prefix of the quarantine, or null for a free one. */
  readonly subnet: string | null;
  readonly vlan: number | null;
}

/** The RADIUS client (NAS) that HomeCA has for this router, and what they share. */
export interface Access {
  readonly section: string;
  readonly secret: string;
  readonly das: { readonly address: string; readonly port: number; readonly secret: string } | null;
}

/** What is known of the router. */
export interface Router {
  /** Whose scripts read the wireless package: shell up to 24.10, ucode from 25.12 on. */
  readonly generation: "shell" | "ucode";
  /** One sentence where the installed hostapd cannot ask a RADIUS server. */
  readonly hostapdTrouble: string | null;
  /** Whether the radio can protect management frames (IEEE 802.11w). */
  readonly mfp: boolean;
  /** Prefixes that interfaces have now, whatever the configuration says. */
  readonly inUse: readonly UsedSubnet[];
  /** Null for a package that has no file. */
  readonly packages: Readonly<Record<PackageName, readonly UciSection[] | null>>;
  /** The packages before HomeCA set anything up; null where it never has. */
  readonly before: Packages | null;
  readonly access: Access | null;
  /** 32 printable characters, new; used where there is no access yet. */
  readonly freshSecret: string;
}

export interface Plan {
  readonly edits: readonly PlannedEdit[];
  /** The network device of the new BSS: what hostapd's control is asked about. */
  readonly interface: string;
  readonly security: Exclude<Security, "auto">;
  readonly subnet: Subnet;
  readonly vlan: number;
}
