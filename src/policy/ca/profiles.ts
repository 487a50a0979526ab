/** What goes into each kind of certificate, as one table. Nothing a requester asks for adds to it. */
import { hex } from "../../base/bytes.ts";
import { KEY_USAGE } from "../../proto/x509/extensions.ts";
import type { NameConstraints } from "../../proto/x509/extensions.ts";
import { OID } from "../../proto/x509/oids.ts";

const DAY = 86_400;

/** Clocks of devices and phones differ; a certificate must not begin in their future. */
export const BACKDATE_SECONDS: number = DAY;

/** Below this, revocation is waiting for the end, and the certificate says so (RFC 9608). */
export const SHORT_LIFETIME_SECONDS: number = 3 * DAY;

export type ProfileName = "root" | "issuing" | "eap-server" | "device" | "device-server";

export interface Profile {
  /** Null for an end entity; else how many CAs may stand below, null for any number. */
  readonly ca: { readonly pathLength: number | null } | null;
  /** Bits of keyUsage, always critical. */
  readonly keyUsage: number;
  /** Empty leaves extendedKeyUsage out. */
  readonly purposes: readonly string[];
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  /** Whether a host name must stand in the certificate, or must not. */
  readonly hostName: boolean;
}

const CA_USAGE = KEY_USAGE.keyCertSign | KEY_USAGE.crlSign;

/** The CA on the router signs OCSP responses too (RFC 5280 §4.2.1.3). */
const ISSUING_USAGE = CA_USAGE | KEY_USAGE.digitalSignature;

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  root: {
    ca: { pathLength: 1 },
    keyUsage: CA_USAGE,
    purposes: [],
    defaultSeconds: 3652 * DAY,
    maxSeconds: 7305 * DAY,
    hostName: false,
  },
  issuing: {
    ca: { pathLength: 0 },
    keyUsage: ISSUING_USAGE,
    purposes: [],
    defaultSeconds: 730 * DAY,
    maxSeconds: 1461 * DAY,
    hostName: false,
  },
  // Apple and others take no more than 398 days from a server, the backdating included.
  "eap-server": {
    ca: null,
    keyUsage: KEY_USAGE.digitalSignature,
    purposes: [OID.serverAuth],
    defaultSeconds: 390 * DAY,
    maxSeconds: 397 * DAY - BACKDATE_SECONDS,
    hostName: true,
  },
  // Without serverAuth: a device must not be able to play the EAP server of its own home.
  device: {
    ca: null,
    keyUsage: KEY_USAGE.digitalSignature,
    purposes: [OID.clientAuth],
    defaultSeconds: 30 * DAY,
    maxSeconds: 397 * DAY,
    hostName: false,
  },
  // A device that others reach over CoAPs; its host name lies below DEVICE_DOMAIN, never the EAP server's.
  "device-server": {
    ca: null,
    keyUsage: KEY_USAGE.digitalSignature,
    purposes: [OID.clientAuth, OID.serverAuth],
    defaultSeconds: 30 * DAY,
    maxSeconds: 397 * DAY - BACKDATE_SECONDS,
    hostName: true,
  },
};

/** Where host names of devices live; no other certificate has a name here. */
export const DEVICE_DOMAIN = "dev.home.arpa";

/**
 * What installing this home's root on a phone can vouch for: names and addresses
 * that exist inside homes alone (RFC 8375, RFC 6762; RFC 1918, 4193, 3927, 4291).
 */
export const HOME_CONSTRAINTS: NameConstraints = {
  permitted: [
    { kind: "dns", name: "home.arpa" },
    { kind: "dns", name: "local" },
    { kind: "ip", address: hex("0a000000 ff000000") },
    { kind: "ip", address: hex("ac100000 fff00000") },
    { kind: "ip", address: hex("c0a80000 ffff0000") },
    { kind: "ip", address: hex("a9fe0000 ffff0000") },
    {
      kind: "ip",
      address: hex("fc000000000000000000000000000000 fe000000000000000000000000000000"),
    },
    {
      kind: "ip",
      address: hex("fe800000000000000000000000000000 ffc00000000000000000000000000000"),
    },
  ],
  excluded: [],
};
