/**
 * The one table of management methods. From it come the JSON-RPC endpoint, the
 * ubus object `homeca`, the command line's requests, LuCI's rights and the
 * reference page. To add a method: one row here, one function in
 * {@link HomeService}.
 */
import { MAX_SSID_OCTETS, PLATFORMS } from "../../policy/profiles/facts.ts";
import { STATES } from "../../policy/lifecycle/table.ts";
import { REVOCATION_REASONS } from "../../policy/registry/change.ts";
import { CLASSES } from "../../policy/registry/record.ts";
import { MAX_DEVICES } from "../../policy/registry/registry.ts";
import { MAX_NAME } from "../../policy/registry/text.ts";
import { METHODS as VERB_NAMES } from "../../policy/rights/aif.ts";
import { MAX_LOCAL_PART } from "../../policy/rights/local-part.ts";
import { MAX_GROUP_NAME } from "../../policy/rights/rights.ts";
import { MAX_DAYS, MIN_DAYS } from "../../policy/window/churn.ts";
import { MAX_LINK_SECONDS } from "../links.ts";
import { Arguments } from "./arguments.ts";
import type { Argument } from "./arguments.ts";
import { CAGED_CLASSES } from "./service.ts";
import type { Answer, HomeService, NewProfile } from "./service.ts";

/** The ubus object that has these methods. */
export const OBJECT = "homeca";

export interface Method {
  readonly name: string;
  /** One sentence without its full stop, for lists. */
  readonly summary: string;
  readonly arguments: readonly Argument[];
  /** Whether it changes anything: LuCI grants the two apart. */
  readonly access: "read" | "write";
  /** What the result has, in words. */
  readonly result: string;
  readonly call: (service: HomeService, args: Arguments) => Answer<object>;
}

/** 16 characters of base32. */
const ID: Argument = {
  name: "id",
  type: "string",
  maxLength: 16,
  required: true,
  doc: "Id of the device, 16 characters.",
};
const NAME: Argument = {
  name: "name",
  type: "string",
  maxLength: MAX_NAME,
  required: false,
  doc: "Name of the device for people, at most 64 characters.",
};

/** Whom rights are held against: the mark and name of a group are the longest. */
const TO: Argument = {
  name: "to",
  type: "string",
  maxLength: MAX_GROUP_NAME + 1,
  required: true,
  doc: "Whom it may ask: a device's id, a group such as @lights, or all.",
};
const PATH: Argument = {
  name: "path",
  type: "string",
  maxLength: MAX_LOCAL_PART,
  required: false,
  doc: "Path of the resource, with its query if it has one, such as /temperature.",
};
const VERBS: Argument = {
  name: "methods",
  type: "string",
  maxLength: 64,
  required: false,
  doc: "",
};
const ISSUED_ID: Argument = {
  ...ID,
  required: false,
  doc: "A device on record; without it a new one is made.",
};
const NEW_NAME: Argument = { ...NAME, doc: "Name of the new device; needed without id." };
const GROUP: Argument = {
  name: "group",
  type: "string",
  maxLength: MAX_GROUP_NAME,
  required: true,
  doc: "Name of the group, at most 64 octets.",
};
const RIGHTS_RESULT =
  "id, rights: a list of to, path, methods; words: one sentence for each target; groups.";

/** A PKCS#10 request with an RSA-4096 key is under 3 KiB of PEM. */
export const MAX_REQUEST_CHARACTERS = 8192;
/** Of a list of devices; it must fit into one line of the protocol when escaped. */
export const MAX_IMPORT_CHARACTERS = 32_000;
/** Shorter passwords of a PKCS#12 are guessed off line. */
export const MIN_PASSWORD_CHARACTERS = 12;
export const MAX_PASSWORD_CHARACTERS = 128;
/** An open window is a risk that ends by itself. */
export const MAX_SEARCH_SECONDS = 3600;
export const DEFAULT_SEARCH_SECONDS = 120;
export const MAX_LOG_EVENTS = 1000;

const PASSWORD: Argument = {
  name: "password",
  type: "string",
  minLength: MIN_PASSWORD_CHARACTERS,
  maxLength: MAX_PASSWORD_CHARACTERS,
  required: true,
  doc: "Protects the PKCS#12; at least 12 characters.",
};
/** What a profile and a link to one are made from. */
const PROFILE_ARGUMENTS: readonly Argument[] = [
  ISSUED_ID,
  NEW_NAME,
  {
    name: "platform",
    type: "string",
    maxLength: 16,
    oneOf: PLATFORMS,
    required: true,
    doc: `System of the device: ${PLATFORMS.join(", ")}.`,
  },
  {
    name: "ssid",
    type: "string",
    maxLength: MAX_SSID_OCTETS,
    required: true,
    doc: "Name of the Wi-Fi network that it shall join, at most 32 octets.",
  },
  PASSWORD,
];

export const IMPORT_FORMATS: readonly ("csv" | "qr")[] = ["csv", "qr"];

export const METHODS: readonly Method[] = [
  {
    name: "status",
    summary: "Tell how HomeCA is and what needs attention",
    arguments: [],
    access: "read",
    result:
      "version, homeName, uptimeSeconds, timeKnown, enforce, radius, accessPoints: a list of name, ssid, stations; devices by state, windowDays, counters, warnings, parts: a list of part, good, sentence, fix (label, method, arguments, or null); search: seconds, types.",
    call: (service) => service.status(),
  },
  {
    name: "devices",
    summary: "List the devices on record",
    arguments: [
      {
        name: "state",
        type: "string",
        maxLength: 16,
        oneOf: STATES,
        required: false,
        doc: "Only devices in this state.",
      },
      {
        name: "from",
        type: "integer",
        least: 0,
        most: MAX_DEVICES,
        required: false,
        doc: "Leave out so many at the beginning.",
      },
    ],
    access: "read",
    result:
      "devices: a list of id, name, type, class, state, place, macs, lastSeen, alarm, firstSeen, certifiedUntil, proven, theftLock, groups, words; total; next: where to go on, or null.",
    call: (service, args) =>
      service.devices({
        state: args.optionalWord("state", STATES),
        from: args.optionalWhole("from") ?? 0,
      }),
  },
  {
    name: "device",
    summary: "Show all that is known of one device",
    arguments: [ID],
    access: "read",
    result:
      "What devices lists, and nameBy, claim, certificates, keyCase, code, placement, release, silence (hours, dormantInHours, days, pinned), firstSeen, decidedAt, decidedBy, why.",
    call: (service, args) => service.device(args.text("id")),
  },
  {
    name: "approve",
    summary: "Let a device in that waits for a decision or was denied",
    arguments: [
      ID,
      NAME,
      {
        name: "vlan",
        type: "integer",
        least: 1,
        most: 4094,
        required: false,
        doc: "VLAN for this device alone.",
      },
    ],
    access: "write",
    result: "id, state.",
    call: (service, args) =>
      service.approve(args.text("id"), {
        name: args.optionalText("name"),
        vlan: args.optionalWhole("vlan"),
      }),
  },
  {
    name: "deny",
    summary: "Turn away a device that waits for a decision",
    arguments: [ID],
    access: "write",
    result: "id, state.",
    call: (service, args) => service.deny(args.text("id")),
  },
  {
    name: "rename",
    summary: "Give a device another name",
    arguments: [ID, { ...NAME, required: true }],
    access: "write",
    result: "id, state.",
    call: (service, args) => service.rename(args.text("id"), args.text("name")),
  },
  {
    name: "revoke",
    summary: "Withdraw a device's certificates and cut it off now",
    arguments: [
      ID,
      {
        name: "reason",
        type: "string",
        maxLength: 32,
        oneOf: REVOCATION_REASONS,
        required: false,
        doc: "Reason in the revocation list (RFC 5280 §5.3.1); privilegeWithdrawn unless told.",
      },
    ],
    access: "write",
    result: "id, state, proof: a list of step, milliseconds, sentence.",
    call: (service, args) =>
      service.revoke(
        args.text("id"),
        args.optionalWord("reason", REVOCATION_REASONS) ?? "privilegeWithdrawn",
      ),
  },
  {
    name: "release",
    summary: "Give up a device, so that another home can own it",
    arguments: [ID],
    access: "write",
    result:
      "id, state, confirmed (whether the device has forgotten this home; null where it is none that can tell).",
    call: (service, args) => service.release(args.text("id")),
  },
  {
    name: "readmit",
    summary: "Take a revoked or released device in again; it waits for approval",
    arguments: [ID],
    access: "write",
    result: "id, state.",
    call: (service, args) => service.readmit(args.text("id")),
  },
  {
    name: "remove",
    summary: "Forget a device that holds no valid certificate",
    arguments: [ID],
    access: "write",
    result: "id, and the state it had.",
    call: (service, args) => service.remove(args.text("id")),
  },
  {
    name: "lock",
    summary: "Theft-lock a device, so that it never frees itself",
    arguments: [ID],
    access: "write",
    result: "id, state.",
    call: (service, args) => service.lock(args.text("id")),
  },
  {
    name: "unlock",
    summary: "Take the theft lock off a device",
    arguments: [ID],
    access: "write",
    result: "id, state.",
    call: (service, args) => service.unlock(args.text("id")),
  },
  {
    name: "patience",
    summary: "Set how long a device may be silent",
    arguments: [
      ID,
      {
        name: "days",
        type: "integer",
        least: MIN_DAYS,
        most: MAX_DAYS,
        required: false,
        doc: "So many days; without it the home decides.",
      },
    ],
    access: "write",
    result: "id, days, pinned (whether you set them).",
    call: (service, args) => service.patience(args.text("id"), args.optionalWhole("days")),
  },
  {
    name: "sign",
    summary: "Issue a certificate for a device from its PKCS#10 request",
    arguments: [
      ID,
      {
        name: "request",
        type: "string",
        maxLength: MAX_REQUEST_CHARACTERS,
        required: true,
        doc: "The request in PEM; its subject is ignored.",
      },
    ],
    access: "write",
    result: "id, certificatePem, chainPem.",
    call: (service, args) => service.issueFromRequest(args.text("id"), args.text("request")),
  },
  {
    name: "issue",
    summary: "Make a key and certificate for a device that cannot make its own",
    arguments: [
      ISSUED_ID,
      NEW_NAME,
      {
        name: "class",
        type: "string",
        maxLength: 16,
        oneOf: CLASSES,
        required: false,
        doc: "Class of the new device; certificate unless told.",
      },
      PASSWORD,
    ],
    access: "write",
    result: "id, p12 (base64), wpaSupplicant, caPem.",
    call: (service, args) =>
      service.issueNew({
        id: args.optionalText("id"),
        name: args.optionalText("name"),
        class: args.optionalWord("class", CLASSES) ?? "certificate",
        password: args.text("password"),
      }),
  },
  {
    name: "profile",
    summary: "Make what a phone or laptop needs to join this home",
    arguments: PROFILE_ARGUMENTS,
    access: "write",
    result:
      "id, files: a list of name, type, base64; steps: one sentence each. The password is in none of them.",
    call: (service, args) => service.profile(profileOf(args)),
  },
  {
    name: "link",
    summary: "Make a profile, and a link that brings it once",
    arguments: [
      ...PROFILE_ARGUMENTS,
      {
        name: "seconds",
        type: "integer",
        least: 1,
        most: MAX_LINK_SECONDS,
        required: false,
        doc: `How long the link waits; ${MAX_LINK_SECONDS} unless told.`,
      },
    ],
    access: "write",
    result:
      "id, url, until, file (the name of what it brings), steps, fingerprint (of the certificate shown there), hint (what keeps devices from opening it, or null).",
    call: (service, args) =>
      service.link(profileOf(args), args.optionalWhole("seconds") ?? MAX_LINK_SECONDS),
  },
  {
    name: "cage",
    summary: "Let in a device that can hold no certificate, as far as a cage",
    arguments: [
      { ...NAME, required: true },
      {
        name: "class",
        type: "string",
        maxLength: 16,
        oneOf: CAGED_CLASSES,
        required: true,
        doc: "Over the air legacy, with a Wi-Fi key of its own; on a cable wired.",
      },
      {
        name: "mac",
        type: "string",
        maxLength: 17,
        required: true,
        doc: "MAC address of the device, as on its label.",
      },
    ],
    access: "write",
    result:
      "id, and for legacy wifiKey and wpaSupplicant, told this once; for wired both are null.",
    call: (service, args) =>
      service.cage({
        name: args.text("name"),
        class: args.optionalWord("class", CAGED_CLASSES) ?? "legacy",
        mac: args.text("mac"),
      }),
  },
  {
    name: "rights",
    summary: "Show what a device may ask of others, and the groups it is in",
    arguments: [ID],
    access: "read",
    result: RIGHTS_RESULT,
    call: (service, args) => service.rights(args.text("id")),
  },
  {
    name: "grant",
    summary: "Let a device ask something of others",
    arguments: [
      ID,
      TO,
      { ...PATH, required: true },
      {
        ...VERBS,
        required: true,
        doc: "Methods with commas between them, such as GET or GET,PUT.",
      },
    ],
    access: "write",
    result: RIGHTS_RESULT,
    call: (service, args) =>
      service.grant(args.text("id"), {
        to: args.text("to"),
        path: args.text("path"),
        methods: args.text("methods"),
      }),
  },
  {
    name: "withhold",
    summary: "Take from a device what it may ask of others",
    arguments: [
      ID,
      TO,
      { ...PATH, doc: "Path of the resource; every one unless told." },
      { ...VERBS, doc: "Methods with commas between them; every one unless told." },
    ],
    access: "write",
    result: RIGHTS_RESULT,
    call: (service, args) =>
      service.withhold(args.text("id"), {
        to: args.text("to"),
        path: args.optionalText("path"),
        methods: args.optionalText("methods"),
      }),
  },
  {
    name: "group",
    summary: "Put a device into a group that rights can name",
    arguments: [ID, GROUP],
    access: "write",
    result: RIGHTS_RESULT,
    call: (service, args) => service.group(args.text("id"), args.text("group")),
  },
  {
    name: "ungroup",
    summary: "Take a device out of a group",
    arguments: [ID, GROUP],
    access: "write",
    result: RIGHTS_RESULT,
    call: (service, args) => service.ungroup(args.text("id"), args.text("group")),
  },
  {
    name: "search",
    summary: "Search for new devices, so that they find this home",
    arguments: [
      {
        name: "seconds",
        type: "integer",
        least: 0,
        most: MAX_SEARCH_SECONDS,
        required: false,
        doc: "For so long; 120 unless told, 0 ends the search.",
      },
      {
        name: "type",
        type: "string",
        maxLength: 16,
        required: false,
        doc: "Only devices of this type are told to come forward, such as heating.",
      },
    ],
    access: "write",
    result: "seconds left, types.",
    call: (service, args) => {
      const type = args.optionalText("type");
      return service.search({
        seconds: args.optionalWhole("seconds") ?? DEFAULT_SEARCH_SECONDS,
        types: type === null ? [] : [type],
      });
    },
  },
  {
    name: "import",
    summary: "Take in a list of devices that are expected",
    arguments: [
      {
        name: "text",
        type: "string",
        maxLength: MAX_IMPORT_CHARACTERS,
        required: true,
        doc: "The list.",
      },
      {
        name: "format",
        type: "string",
        maxLength: 8,
        oneOf: IMPORT_FORMATS,
        required: true,
        doc: "How the list is written.",
      },
    ],
    access: "write",
    result: "imported (a number), skipped (one sentence for each line left out).",
    call: (service, args) =>
      service.importDevices(
        args.text("text"),
        args.optionalWord("format", IMPORT_FORMATS) ?? "csv",
      ),
  },
  {
    name: "log",
    summary: "Show what happened lately, newest last",
    arguments: [
      { ...ID, name: "device", required: false, doc: "Only events of this device." },
      {
        name: "limit",
        type: "integer",
        least: 1,
        most: MAX_LOG_EVENTS,
        required: false,
        doc: "So many newest events at most; 100 unless told.",
      },
      {
        name: "after",
        type: "integer",
        least: 0,
        most: Number.MAX_SAFE_INTEGER,
        required: false,
        doc: "Only events behind this number.",
      },
    ],
    access: "read",
    result: "events: a list of number, at, kind, device, text; newest: the last number there is.",
    call: (service, args) =>
      service.log({
        device: args.optionalText("device"),
        limit: args.optionalWhole("limit") ?? 100,
        after: args.optionalWhole("after") ?? 0,
      }),
  },
  {
    name: "why",
    summary: "Tell why a device is in the network, or may ask something",
    arguments: [
      ID,
      { ...TO, required: false, doc: `${TO.doc} Without it: about the network.` },
      PATH,
      {
        name: "method",
        type: "string",
        maxLength: 16,
        oneOf: VERB_NAMES,
        required: false,
        doc: "What it would do there, such as GET; anything unless told.",
      },
      {
        name: "at",
        type: "integer",
        least: 0,
        most: Number.MAX_SAFE_INTEGER,
        required: false,
        doc: "When, in seconds since 1970; now unless told, and only about the network.",
      },
    ],
    access: "read",
    result: "can, sentence, fix: label, method, arguments, or null.",
    call: (service, args) =>
      service.why({
        id: args.text("id"),
        to: args.optionalText("to"),
        path: args.optionalText("path"),
        method: args.optionalWord("method", VERB_NAMES),
        at: args.optionalWhole("at"),
      }),
  },
  {
    name: "pulse",
    summary: "Tell whether anything is otherwise than it was",
    arguments: [],
    access: "read",
    result: "boot, revision, events: the newest event's number.",
    call: (service) => service.pulse(),
  },
  {
    name: "audit",
    summary: "Show what was issued and done since this home began, newest last",
    arguments: [
      { ...ID, name: "device", required: false, doc: "Only entries about this device." },
      {
        name: "before",
        type: "integer",
        least: 1,
        most: Number.MAX_SAFE_INTEGER,
        required: false,
        doc: "Only entries before this number.",
      },
      {
        name: "limit",
        type: "integer",
        least: 1,
        most: MAX_LOG_EVENTS,
        required: false,
        doc: "So many newest entries at most; 100 unless told.",
      },
    ],
    access: "read",
    result:
      "entries: a list of number, at, kind, device, serial, text; before: where to go on for older ones, or null.",
    call: (service, args) =>
      service.audit({
        device: args.optionalText("device"),
        before: args.optionalWhole("before"),
        limit: args.optionalWhole("limit") ?? 100,
      }),
  },
  {
    name: "verify",
    summary: "Check that the audit log is as it was written",
    arguments: [],
    access: "read",
    result: "first, last, chain, trouble (null where nothing was changed).",
    call: (service) => service.verify(),
  },
  {
    name: "authority",
    summary: "Show this home's root certificate and its fingerprints",
    arguments: [],
    access: "read",
    result:
      "rootPem, rootFingerprint, rootKeyFingerprint, notAfter, issuingNotAfter, issuingRenewsAt, rootKeyHere, serverName, serverNotAfter, serverRenewsAt.",
    call: (service) => service.authority(),
  },
  {
    name: "crl",
    summary: "Show the current revocation list",
    arguments: [],
    access: "read",
    result: "crlPem, number, thisUpdate, nextUpdate, revoked (a number).",
    call: (service) => service.crl(),
  },
  {
    name: "reload",
    summary: "Read the configuration again",
    arguments: [],
    access: "write",
    result: "warnings: one sentence each.",
    call: (service) => service.reload(),
  },
  {
    name: "replaced",
    summary: "Confirm that this router took the place of the one before",
    arguments: [],
    access: "write",
    result: "router: the addresses that its network hardware was made with.",
    call: (service) => service.replaced(),
  },
];

function profileOf(args: Arguments): NewProfile {
  const platform = args.optionalWord("platform", PLATFORMS);
  if (platform === null) throw new RangeError("platform is not required");
  return {
    id: args.optionalText("id"),
    name: args.optionalText("name"),
    platform,
    ssid: args.text("ssid"),
    password: args.text("password"),
  };
}

/** The method of that name, or null. */
export function methodNamed(name: string): Method | null {
  return METHODS.find((method) => method.name === name) ?? null;
}

/** Calls a method with arguments from outside. @throws ManagementFailure, now or in the promise */
export function callMethod(method: Method, service: HomeService, given: unknown): Answer<object> {
  return method.call(service, new Arguments(method.arguments, given));
}

/** Argument names and types of all methods, as ubus `list` shows them. */
export function signatures(): Record<string, Record<string, string>> {
  const typeOf = ({ type }: Argument): string => (type === "integer" ? "number" : type);
  const rows = METHODS.map(({ name, arguments: declared }) => {
    const types = declared.map((argument) => [argument.name, typeOf(argument)]);
    return [name, Object.fromEntries(types)] as const;
  });
  return Object.fromEntries(rows);
}
