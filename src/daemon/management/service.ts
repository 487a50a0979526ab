/**
 * What the daemon offers to its owner. The table of methods speaks to this
 * interface; the daemon implements it. All results are plain JSON, times are
 * seconds since 1970 or null where the clock was not known.
 */
import type {
  DeviceClass,
  KeyCase,
  Placement,
  Proven,
  Source,
} from "../../policy/registry/record.ts";
import type { RevocationReason } from "../../policy/registry/change.ts";
import type { Platform } from "../../policy/profiles/facts.ts";
import type { Method } from "../../policy/rights/aif.ts";
import type { State } from "../../policy/lifecycle/table.ts";

/** An answer now, or once the record is stored and nft has it. A refusal is thrown: ManagementFailure. */
export type Answer<T> = T | Promise<T>;

/** Where a device is now: admitted, quarantined, or not in the network at all. */
export type Place = "home" | "quarantine" | "none";

/** One BSS, as hostapd shows it over ubus. */
export interface AccessPoint {
  /** Its interface, such as `phy0-ap0`. */
  readonly name: string;
  /** Safe to show; null where it is not known. */
  readonly ssid: string | null;
  /** How many are associated. */
  readonly stations: number;
}

/** What mends something: a method of the table, and what the button that calls it says. */
export interface Fix {
  readonly label: string;
  readonly method: string;
  readonly arguments: Readonly<Record<string, string | number>>;
}

/** What a home stands on, in the order in which an owner would look. */
export const PARTS = [
  "time",
  "storage",
  "authority",
  "firewall",
  "radius",
  "access-points",
] as const;
export type Part = (typeof PARTS)[number];

/** Something the owner should look at. */
export interface Trouble {
  readonly part: Part;
  /** What is wrong and what to do, safe to show. */
  readonly sentence: string;
  /** Null where no method mends it. */
  readonly fix: Fix | null;
}

export interface PartState {
  readonly part: Part;
  readonly good: boolean;
  /** Null where it is good. */
  readonly sentence: string | null;
  readonly fix: Fix | null;
}

export interface Status {
  readonly version: string;
  readonly homeName: string;
  /** Seconds since the daemon started. */
  readonly uptimeSeconds: number;
  readonly timeKnown: boolean;
  readonly enforce: "nft" | "show" | "off";
  /** Addresses and ports the RADIUS server listens at. */
  readonly radius: readonly string[];
  readonly radiusClients: number;
  /** Of this router, by name; those of others are not seen, and none is without ubus. */
  readonly accessPoints: readonly AccessPoint[];
  /** How many devices are in each state; states without devices are left out. */
  readonly devices: Readonly<Partial<Record<State, number>>>;
  /** The window t in days, to a tenth: for so long a device may be silent before it falls dormant. */
  readonly windowDays: number;
  readonly authenticationsOpen: number;
  readonly counters: Readonly<Record<string, number>>;
  /** One sentence each: what the owner should look at. */
  readonly warnings: readonly string[];
  /** Each of {@link PARTS} once. */
  readonly parts: readonly PartState[];
  readonly search: SearchState;
}

/** Whether anything is otherwise than it was: asked for each second, so it costs little. */
export interface Pulse {
  /** Another one after each start of the daemon, 16 hexadecimal digits. */
  readonly boot: string;
  /** Rises whenever something that is shown may be otherwise. */
  readonly revision: number;
  /** Number of the newest event. */
  readonly events: number;
}

export interface DeviceSummary {
  readonly id: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly class: DeviceClass;
  readonly state: State;
  readonly place: Place;
  /** Newest first. */
  readonly macs: readonly string[];
  readonly lastSeen: number | null;
  readonly alarm: string | null;
  readonly firstSeen: number | null;
  /** When the certificate that it has ends; null where it has none that is good. */
  readonly certifiedUntil: number | null;
  readonly proven: Proven;
  readonly theftLock: boolean;
  readonly groups: readonly string[];
  /** The first of its rights in words, {@link RightsSummary.words}. */
  readonly words: readonly string[];
}

/** Some of the devices, as many as fit into one answer. */
export interface DevicePage {
  readonly devices: readonly DeviceSummary[];
  /** How many there are of those asked for. */
  readonly total: number;
  /** Where to go on; null at the end. */
  readonly next: number | null;
}

export interface CertificateSummary {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly issuedAt: number;
  readonly notAfter: number;
  readonly revoked: boolean;
}

/** How long a member has been silent, in hours that the home has lived through: a power cut of a week is none. */
export interface Silence {
  /** Hours since its last contact. */
  readonly hours: number;
  /** Hours until it falls dormant if it stays silent; null for one that is dormant. */
  readonly dormantInHours: number | null;
  /** For how long its silence is taken, in days to a tenth. */
  readonly days: number;
  /** Whether the owner set that. */
  readonly pinned: boolean;
}

export interface DeviceDetails extends DeviceSummary {
  readonly nameBy: Source | null;
  /** What the device last said of itself. */
  readonly claim: {
    readonly id: string;
    readonly type: string;
    readonly name: string | null;
  } | null;
  readonly certificates: readonly CertificateSummary[];
  readonly keyCase: KeyCase | null;
  readonly placement: Placement | null;
  /** The number that it shows too where it can, from its last key update; null where there is none since the start. */
  readonly code: string | null;
  /** Null for a device that is no member. */
  readonly silence: Silence | null;
  /** Null for a device that was not released, or is none that can confirm it. */
  readonly release: {
    /** Whether the device has confirmed it. */
    readonly confirmed: boolean;
    readonly confirmedAt: number | null;
  } | null;
  readonly firstSeen: number | null;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  /** One sentence: what was decided last about it, and what to do. */
  readonly why: string | null;
}

export interface DeviceFilter {
  readonly state: State | null;
  /** How many are left out at the beginning. */
  readonly from: number;
}

export interface Approval {
  /** Replaces what the device calls itself. */
  readonly name: string | null;
  /** VLAN of this device alone; null for the home's default. */
  readonly vlan: number | null;
}

/** How the owner looks for devices: for so many seconds, 0 ends it; `types` none for any. */
export interface SearchOrder {
  readonly seconds: number;
  readonly types: readonly string[];
}

export interface SearchState {
  /** Seconds left, 0 for no search. */
  readonly seconds: number;
  readonly types: readonly string[];
}

/** Classes that can hold no certificate and are let into a cage by their address. */
export const CAGED_CLASSES = ["legacy", "wired"] as const;

/** The state a device is in after the owner's word. */
export interface Outcome {
  readonly id: string;
  readonly state: State;
}

/** One step of a revocation, in the order in which they came to their end. */
export interface ProofStep {
  readonly step: "record" | "connections" | "tickets" | "access-point" | "firewall" | "list";
  /** Since the call came. */
  readonly milliseconds: number;
  /** What is so from now on. */
  readonly sentence: string;
}

/** What the owner is told of a revocation that reached everything. */
export interface Revoked extends Outcome {
  readonly proof: readonly ProofStep[];
}

/** Why a device is where it is, or may or may not ask something of another. */
export interface Question {
  readonly id: string;
  /** As {@link Grant} has it; null for the network itself. */
  readonly to: string | null;
  readonly path: string | null;
  readonly method: Method | null;
  /** When; null for now. Only about the network. */
  readonly at: number | null;
}

export interface Explanation {
  readonly can: boolean;
  readonly sentence: string;
  readonly fix: Fix | null;
}

/** For how long a device may be silent from now on, in days. */
export interface PatienceOutcome {
  readonly id: string;
  readonly days: number;
  /** Whether the owner set that; otherwise the home decides, and it may change. */
  readonly pinned: boolean;
}

export interface IssuedCertificate {
  readonly id: string;
  readonly certificatePem: string;
  /** The certificate, the issuing CA if there is one, in sending order. */
  readonly chainPem: string;
}

/** What the owner is told of a release. */
export interface Released extends Outcome {
  /** Whether the device has confirmed that it forgot this home; null where it is none that can. */
  readonly confirmed: boolean | null;
}

export interface NewCredential {
  /** A device on record, or null for a new one. */
  readonly id: string | null;
  /** Needed for a new device. */
  readonly name: string | null;
  readonly class: DeviceClass;
  /** Protects the PKCS#12; never logged. */
  readonly password: string;
}

export interface IssuedCredential {
  readonly id: string;
  /** PKCS#12 with key, certificate and chain, in base64. */
  readonly p12: string;
  /** A `network={…}` block for wpa_supplicant that names homeca.p12 and homeca-ca.pem. */
  readonly wpaSupplicant: string;
  readonly caPem: string;
}

/** A key and certificate in the form that one system takes. */
export interface NewProfile {
  /** A device on record, or null for a new one. */
  readonly id: string | null;
  /** Needed for a new device. */
  readonly name: string | null;
  readonly platform: Platform;
  /** Of the network that the device shall join. */
  readonly ssid: string;
  /** Protects the PKCS#12; in no file, never logged. */
  readonly password: string;
}

export interface ProfileFiles {
  readonly id: string;
  readonly files: readonly {
    readonly name: string;
    /** Media type. */
    readonly type: string;
    readonly base64: string;
  }[];
  /** What to do with them, one sentence each. */
  readonly steps: readonly string[];
}

/** A profile that waits to be fetched once. */
export interface ProfileLink {
  readonly id: string;
  readonly url: string;
  /** When it ends unless it was used. */
  readonly until: number | null;
  /** What is downloaded there. */
  readonly file: string;
  readonly steps: readonly string[];
  /** Of the certificate that the device is shown, which it cannot know yet: SHA-256, pairs of hexadecimal with colons. */
  readonly fingerprint: string;
  /** What keeps devices from opening it, and the fix; null where nothing is known to. */
  readonly hint: string | null;
}

export interface NewCage {
  readonly name: string;
  /** `legacy` over the air, `wired` on a cable. */
  readonly class: (typeof CAGED_CLASSES)[number];
  /** In any usual form. */
  readonly mac: string;
}

export interface Caged {
  readonly id: string;
  /** The device's own passphrase; null on a cable. Told this once: no other answer has it. */
  readonly wifiKey: string | null;
  /** A `network={…}` block for wpa_supplicant with that passphrase; null on a cable. */
  readonly wpaSupplicant: string | null;
}

export interface ImportOutcome {
  readonly imported: number;
  /** One sentence for each line that was left out. */
  readonly skipped: readonly string[];
}

/** One thing that a device may ask, or may not ask any more. */
export interface Grant {
  /** A device's id, `@` and a group's name, or `all`. */
  readonly to: string;
  /** Path and query of one resource. */
  readonly path: string;
  /** In any case, with commas between them. */
  readonly methods: string;
}

/** What is taken away: null for every resource, or every method. */
export interface Withholding {
  readonly to: string;
  readonly path: string | null;
  readonly methods: string | null;
}

export interface RightsSummary {
  readonly id: string;
  /** As {@link Grant} has them. */
  readonly rights: readonly {
    readonly to: string;
    readonly path: string;
    readonly methods: readonly string[];
  }[];
  /** One for each target, beginning with `may`; none where nothing may be asked. */
  readonly words: readonly string[];
  /** Groups that the device is in. */
  readonly groups: readonly string[];
}

export interface LogFilter {
  readonly device: string | null;
  /** Newest ones, at most so many. */
  readonly limit: number;
  /** Only those behind the event of this number. */
  readonly after: number;
}

export interface LogPage {
  /** Oldest first. */
  readonly events: readonly LogEvent[];
  /** Number of the newest event there is, shown or not; 0 where there is none. */
  readonly newest: number;
}

export interface LogEvent {
  /** Counts from 1 since the start of the daemon. */
  readonly number: number;
  readonly at: number | null;
  /** A word for programs: `admitted`, `quarantined`, `rejected`, `approved`, … */
  readonly kind: string;
  readonly device: string | null;
  /** One sentence for people. */
  readonly text: string;
}

/** Which part of the audit log is wanted: entries before number `before`, null for the newest. */
export interface AuditFilter {
  readonly device: string | null;
  readonly before: number | null;
  /** At most so many, and as many as fit into one answer. */
  readonly limit: number;
}

export interface AuditEntry {
  readonly number: number;
  readonly at: number | null;
  /** Who did it: `owner`, `authority` or `house`. */
  readonly kind: string;
  readonly device: string | null;
  /** Of the certificate that was issued, hexadecimal; null where none was. */
  readonly serial: string | null;
  /** One sentence for people. */
  readonly text: string;
}

export interface AuditPage {
  /** Oldest first. */
  readonly entries: readonly AuditEntry[];
  /** Where to go on for older ones; null at the oldest that is kept. */
  readonly before: number | null;
}

export interface AuditVerdict {
  /** Numbers of the oldest and the newest entry that are kept; 0 where there are none. */
  readonly first: number;
  readonly last: number;
  /** 64 hexadecimal digits that stand for all entries up to the last. */
  readonly chain: string;
  /** One sentence; null where every entry is as it was written. */
  readonly trouble: string | null;
}

export interface AuthoritySummary {
  readonly rootPem: string;
  /** SHA-256 over the certificate, pairs of upper-case hexadecimal with colons. */
  readonly rootFingerprint: string;
  /** SHA-256 over the SubjectPublicKeyInfo; it outlives a renewed root. */
  readonly rootKeyFingerprint: string;
  readonly notAfter: number;
  /** Of the issuing CA's certificate. */
  readonly issuingNotAfter: number;
  /** When the issuing CA's certificate is renewed; null where the root's end is too near. */
  readonly issuingRenewsAt: number | null;
  /** Whether the root's key is on this router: without it the issuing CA is not renewed. */
  readonly rootKeyHere: boolean;
  readonly serverName: string;
  readonly serverNotAfter: number;
  readonly serverRenewsAt: number;
}

export interface RevocationList {
  readonly crlPem: string;
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** How many serials it has. */
  readonly revoked: number;
}

export interface HomeService {
  status(): Answer<Status>;
  /** Ordered as a person would: who waits for a decision first. */
  devices(filter: DeviceFilter): Answer<DevicePage>;
  device(id: string): Answer<DeviceDetails>;
  approve(id: string, approval: Approval): Answer<Outcome>;
  deny(id: string): Answer<Outcome>;
  rename(id: string, name: string): Answer<Outcome>;
  revoke(id: string, reason: RevocationReason): Answer<Revoked>;
  release(id: string): Answer<Released>;
  readmit(id: string): Answer<Outcome>;
  /** Forgets a record that may be forgotten. */
  remove(id: string): Answer<Outcome>;
  /** Theft-locked, a device never frees itself by time. */
  lock(id: string): Answer<Outcome>;
  unlock(id: string): Answer<Outcome>;
  /** @param days - for how long the device may be silent; null lets the home decide */
  patience(id: string, days: number | null): Answer<PatienceOutcome>;
  issueFromRequest(id: string, requestPem: string): Answer<IssuedCertificate>;
  issueNew(credential: NewCredential): Answer<IssuedCredential>;
  profile(wanted: NewProfile): Answer<ProfileFiles>;
  /** @param seconds - for so long the link waits */
  link(wanted: NewProfile, seconds: number): Answer<ProfileLink>;
  /** A device that can hold no certificate: its record, approved, and over the air a Wi-Fi key of its own. */
  cage(cage: NewCage): Answer<Caged>;
  rights(id: string): Answer<RightsSummary>;
  grant(id: string, grant: Grant): Answer<RightsSummary>;
  /** Takes rights away; certificates that carry them are withdrawn, and the device gets another. */
  withhold(id: string, what: Withholding): Answer<RightsSummary>;
  /** Puts the device into a group. */
  group(id: string, name: string): Answer<RightsSummary>;
  ungroup(id: string, name: string): Answer<RightsSummary>;
  search(order: SearchOrder): Answer<SearchState>;
  importDevices(text: string, format: "csv" | "qr"): Answer<ImportOutcome>;
  log(filter: LogFilter): Answer<LogPage>;
  why(question: Question): Answer<Explanation>;
  pulse(): Answer<Pulse>;
  audit(filter: AuditFilter): Answer<AuditPage>;
  /** Follows the audit log from its oldest entry. */
  verify(): Answer<AuditVerdict>;
  authority(): Answer<AuthoritySummary>;
  crl(): Answer<RevocationList>;
  /** Reads the configuration again; a wrong one is refused and the old one stays. */
  reload(): Answer<{ readonly warnings: readonly string[] }>;
  /** The owner confirms that this router took the place of the one the state was made on. */
  replaced(): Answer<{ readonly router: readonly string[] }>;
}
