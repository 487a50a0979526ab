/**
 * What this home remembers of one device. A record is keyed by an id of our
 * own, made from the device's first key: identifiers that a device claims and
 * its MAC addresses are hints, since both can be chosen by whoever sends them.
 */
import { concat, toBase32, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import { STATES } from "../lifecycle/table.ts";
import type { State } from "../lifecycle/table.ts";
import { isGroupName, parseRights } from "../rights/rights.ts";
import type { Right } from "../rights/rights.ts";
import { RegistryFailure } from "./failure.ts";
import { Fields } from "./fields.ts";
import { parseRelease } from "./release.ts";
import type { Release } from "./release.ts";
import { isPlainText, isType, MAX_NAME } from "./text.ts";

/** How a device joins; see the classes in the design. */
export const CLASSES = ["aware", "certificate", "legacy", "wired"] as const;
export type DeviceClass = (typeof CLASSES)[number];

/** Keys remembered of one device, certificates counted singly. */
export const MAX_KEYS = 8;
/** MAC addresses remembered of one device, newest first. */
export const MAX_MACS = 8;
/** Groups that one device may be in. */
export const MAX_GROUPS = 16;
/** A count that stops there: once an hour for a century. */
export const MAX_KEY_UPDATES = 1_000_000;
/** Characters of a Wi-Fi key: 100 bits, more than anybody guesses off line from a captured handshake. */
export const WIFI_KEY_LENGTH = 20;

/** Who said it: the owner, a list the owner imported, or the device itself. */
export const SOURCES = ["owner", "import", "device"] as const;
export type Source = (typeof SOURCES)[number];

/** Text together with who vouches for it. */
export interface Attributed {
  readonly value: string;
  readonly by: Source;
}

/** What a device last said of itself. Shown beside the record, never used to find it. */
export interface Claim {
  /** 16 characters of base32: the beginning of a hash over its identifiers. */
  readonly id: string;
  readonly type: string;
  readonly name: string | null;
}

/** A key that a device showed or had signed. `spkiHash` is SHA-256 over the SubjectPublicKeyInfo, 64 hex digits. */
export type DeviceKey =
  | { readonly role: "first-contact"; readonly spkiHash: string }
  | {
      readonly role: "certificate";
      readonly spkiHash: string;
      /** Lower-case hexadecimal, 2 to 40 digits. */
      readonly serial: string;
      readonly issuedAt: Unix;
      readonly notAfter: Unix;
    };

/** Where a device goes once it is admitted: a network of the router, and its VLAN where there is one. */
export interface Placement {
  /** A UCI network name. */
  readonly network: string;
  readonly vlan: number | null;
}

/** What tied the key to the thing the owner holds. */
export const PROOFS = ["setup-code", "imported-key", "owner", "nothing"] as const;
export type Proven = (typeof PROOFS)[number];

/** Why a record is held in quarantine whatever its state; the owner alone clears it. */
export const ALARMS = ["duplicate-key"] as const;
export type Alarm = (typeof ALARMS)[number];

/** Rows of the key update's four cases: whether the device's randomness is good, and whether others know its key. */
export const KEY_CASES = ["good-unknown", "good-known", "weak-unknown", "weak-known"] as const;
export type KeyCase = (typeof KEY_CASES)[number];

export interface DeviceRecord {
  /** 16 characters of base32, our own; see {@link recordId}. */
  readonly id: string;
  readonly class: DeviceClass;
  readonly state: State;
  readonly name: Attributed | null;
  readonly type: Attributed | null;
  readonly claim: Claim | null;
  /** SHA-256 over the identifiers it claims, 64 hex digits, of which {@link Claim.id} is the beginning; null before it said. */
  readonly deviceId: string | null;
  /** What the device says it is made as; null where it did not say. */
  readonly model: string | null;
  readonly keys: readonly DeviceKey[];
  /** `02:00:00:00:00:01`, newest first. */
  readonly macs: readonly string[];
  /** The label's code in normal form. A secret: it verifies an HMAC, so a hash would not do. */
  readonly setupCode: string | null;
  /** The passphrase of this device alone, for a class that can hold no certificate. A secret: the access point needs it as it is. */
  readonly wifiKey: string | null;
  readonly proven: Proven;
  readonly alarm: Alarm | null;
  /** Null: the home's default. */
  readonly placement: Placement | null;
  /** What it may ask of other devices; each of its certificates says what this was when it was issued. */
  readonly rights: readonly Right[];
  /** Names of the groups it is in, by which others may be given rights against it; each once. */
  readonly groups: readonly string[];
  readonly theftLock: boolean;
  /** Of a device that was released and can take part in that: what it is owed, or has confirmed. */
  readonly release: Release | null;
  readonly keyCase: KeyCase | null;
  /** Keys agreed on with the home so far: by how many updates the present one came about. */
  readonly keyUpdates: number;
  /** What only this device and the home can make the labels of private discovery from, 64 hex digits; null before a key update. A secret. */
  readonly discoveryKey: string | null;
  /** Null while the wall clock was not known. */
  readonly firstSeen: Unix | null;
  readonly decidedAt: Unix | null;
  readonly decidedBy: string | null;
}

/** The 16 characters that name a device whose first key has this SubjectPublicKeyInfo hash (32 bytes). */
export function recordId(spkiHash: Uint8Array): string {
  return toBase32(spkiHash.subarray(0, 10));
}

/** The id of a record that is expected by a claimed id alone, before any key is known. */
export function expectedId(crypto: Pick<Crypto, "digest">, claimedId: string): string {
  return recordId(crypto.digest("sha256", concat(utf8("HomeCA-expected-v1\0"), utf8(claimedId))));
}

/** The id of a record that is known by its MAC address (`02:00:00:00:00:01`) alone. */
export function addressId(crypto: Pick<Crypto, "digest">, mac: string): string {
  return recordId(crypto.digest("sha256", concat(utf8("HomeCA-address-v1\0"), utf8(mac))));
}

/** A Wi-Fi key from this home's random source: {@link WIFI_KEY_LENGTH} of a-z and 2-7, easy to type into a device. */
export function newWifiKey(random: RandomSource): string {
  return toBase32(random(Math.ceil((WIFI_KEY_LENGTH * 5) / 8))).slice(0, WIFI_KEY_LENGTH);
}

/** A record with nothing in it but its id, class and first state. */
export function blankRecord(id: string, deviceClass: DeviceClass, state: State): DeviceRecord {
  return {
    id,
    class: deviceClass,
    state,
    name: null,
    type: null,
    claim: null,
    deviceId: null,
    model: null,
    keys: [],
    macs: [],
    setupCode: null,
    wifiKey: null,
    proven: "nothing",
    alarm: null,
    placement: null,
    rights: [],
    groups: [],
    theftLock: false,
    release: null,
    keyCase: null,
    keyUpdates: 0,
    discoveryKey: null,
    firstSeen: null,
    decidedAt: null,
    decidedBy: null,
  };
}

/** Whether the record knows the key in any role. */
export function hasKey(record: DeviceRecord, spkiHash: string): boolean {
  return record.keys.some((key) => key.spkiHash === spkiHash);
}

/** Whether the record knows this certificate with this key. */
export function hasCertificate(record: DeviceRecord, serial: string, spkiHash: string): boolean {
  return record.keys.some(
    (key) => key.role === "certificate" && key.serial === serial && key.spkiHash === spkiHash,
  );
}

/**
 * Whether the device was released and has not confirmed it: then its withdrawn
 * certificate still opens the one door behind which its release waits.
 */
export function isOwedRelease({ state, release }: DeviceRecord): boolean {
  return state === "released" && release !== null && release.receipt === null;
}

/** How a device that comes by its address reaches us. */
export type Medium = "wireless" | "wired";

/** Whether an address is all that this device can show here; over the air its own key must come with it. */
export function comesByAddress(record: DeviceRecord, medium: Medium): boolean {
  if (record.keys.length > 0) return false;
  return medium === "wireless"
    ? record.class === "legacy" && record.wifiKey !== null
    : record.class === "wired";
}

/** The record with one more key, newest last; at the bound the oldest goes. The same key in the same role stands once. */
export function withKey(record: DeviceRecord, key: DeviceKey): DeviceRecord {
  const others = record.keys.filter((known) =>
    key.role === "certificate"
      ? known.role !== "certificate" || known.serial !== key.serial
      : known.role !== "first-contact" || known.spkiHash !== key.spkiHash,
  );
  return { ...record, keys: [...others, key].slice(-MAX_KEYS) };
}

/** The record with this MAC address in front; at the bound the one seen longest ago goes. */
export function withMac(record: DeviceRecord, mac: string): DeviceRecord {
  const others = record.macs.filter((known) => known !== mac);
  return { ...record, macs: [mac, ...others].slice(0, MAX_MACS) };
}

/** What to call the device in a sentence: its name, or its id where it has none. */
export function titleOf(record: DeviceRecord): string {
  return record.name?.value ?? record.claim?.name ?? record.id;
}

export function isRecordId(text: string): boolean {
  return /^[a-z2-7]{16}$/.test(text);
}

export function isSpkiHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

export function isSerial(text: string): boolean {
  return /^(?:[0-9a-f]{2}){1,20}$/.test(text);
}

export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(text);
}

export function isWifiKey(text: string): boolean {
  return text.length === WIFI_KEY_LENGTH && /^[a-z2-7]+$/.test(text);
}

/** A setup code in normal form: 12 to 32 of A-Z and 0-9 (60 bits and more). */
export function isSetupCode(text: string): boolean {
  return /^[A-Z0-9]{12,32}$/.test(text);
}

/**
 * A code as it stands on the label or was typed in, in normal form: without
 * spaces and hyphens, in capitals. Null unless 12 to 32 letters and digits are left.
 */
export function normalSetupCode(typed: string): string | null {
  const code = typed.replaceAll(/[ -]/g, "").toUpperCase();
  return isSetupCode(code) ? code : null;
}

/** A record from its JSON. @throws {@link RegistryFailure} `bad-form` for a field missing, unknown or out of bounds. */
export function parseRecord(json: unknown): DeviceRecord {
  const fields = new Fields(json, "record");
  const record: DeviceRecord = {
    id: fields.text("id", isRecordId),
    class: fields.oneOf("class", CLASSES),
    state: fields.oneOf("state", STATES),
    name: fields.nullable("name", () => parseAttributed(fields.raw("name"), "name", isName)),
    type: fields.nullable("type", () => parseAttributed(fields.raw("type"), "type", isType)),
    claim: fields.nullable("claim", () => parseClaim(fields.raw("claim"))),
    deviceId: fields.nullable("deviceId", () => fields.text("deviceId", isSpkiHash)),
    model: fields.nullable("model", () => fields.text("model", isName)),
    keys: fields.list("keys", MAX_KEYS, parseKey),
    macs: fields.list("macs", MAX_MACS, parseMac),
    setupCode: fields.nullable("setupCode", () => fields.text("setupCode", isSetupCode)),
    wifiKey: fields.nullable("wifiKey", () => fields.text("wifiKey", isWifiKey)),
    proven: fields.oneOf("proven", PROOFS),
    alarm: fields.nullable("alarm", () => fields.oneOf("alarm", ALARMS)),
    placement: fields.nullable("placement", () => parsePlacement(fields.raw("placement"))),
    rights: parseRights(fields.raw("rights")),
    groups: parseGroupNames(fields.raw("groups")),
    theftLock: fields.flag("theftLock"),
    release: fields.nullable("release", () => parseRelease(fields.raw("release"))),
    keyCase: fields.nullable("keyCase", () => fields.oneOf("keyCase", KEY_CASES)),
    keyUpdates: fields.whole("keyUpdates", 0, MAX_KEY_UPDATES),
    discoveryKey: fields.nullable("discoveryKey", () => fields.text("discoveryKey", isSpkiHash)),
    firstSeen: fields.nullable("firstSeen", () => fields.time("firstSeen")),
    decidedAt: fields.nullable("decidedAt", () => fields.time("decidedAt")),
    decidedBy: fields.nullable("decidedBy", () => fields.text("decidedBy", isName)),
  };
  fields.end();
  return record;
}

function parseAttributed(
  json: unknown,
  where: string,
  accept: (text: string) => boolean,
): Attributed {
  const fields = new Fields(json, where);
  const attributed = { value: fields.text("value", accept), by: fields.oneOf("by", SOURCES) };
  fields.end();
  return attributed;
}

function parseClaim(json: unknown): Claim {
  const fields = new Fields(json, "claim");
  const claim = {
    id: fields.text("id", isRecordId),
    type: fields.text("type", isType),
    name: fields.nullable("name", () => fields.text("name", isName)),
  };
  fields.end();
  return claim;
}

function parseKey(json: unknown, where: string): DeviceKey {
  const fields = new Fields(json, where);
  const role = fields.oneOf("role", ["first-contact", "certificate"]);
  const spkiHash = fields.text("spkiHash", isSpkiHash);
  const key: DeviceKey =
    role === "first-contact"
      ? { role, spkiHash }
      : {
          role,
          spkiHash,
          serial: fields.text("serial", isSerial),
          issuedAt: fields.time("issuedAt"),
          notAfter: fields.time("notAfter"),
        };
  fields.end();
  return key;
}

function parseMac(json: unknown, where: string): string {
  return new Fields({ mac: json }, where).text("mac", isMac);
}

function parsePlacement(json: unknown): Placement {
  const fields = new Fields(json, "placement");
  const placement = {
    network: fields.text("network", isNetwork),
    vlan: fields.nullable("vlan", () => fields.whole("vlan", 1, 4094)),
  };
  fields.end();
  return placement;
}

/** From a record's or a device's own JSON. @throws {@link RegistryFailure} `bad-form` */
export function parseGroupNames(json: unknown): readonly string[] {
  const fields = new Fields({ groups: json }, "record");
  const groups = fields.list("groups", MAX_GROUPS, (value, where) =>
    new Fields({ name: value }, where).text("name", isGroupName),
  );
  if (new Set(groups).size < groups.length) {
    throw new RegistryFailure("bad-form", "record has a group twice");
  }
  return groups;
}

function isName(text: string): boolean {
  return isPlainText(text, MAX_NAME);
}

/** A UCI section name, as netifd takes it for an interface. */
function isNetwork(text: string): boolean {
  return /^[A-Za-z0-9_]{1,15}$/.test(text);
}
