/**
 * What a device may ask of other devices: the one statement from which come the
 * certificate's extension, the answer of `/h/acl` and the words for the owner.
 * It is kept in the device's record as JSON. No rule is no right.
 */
import { fromBase32, toBase32, utf8 } from "../../base/bytes.ts";
import { isDeviceId } from "../../proto/x509/device-id.ts";
import { encodeAcl, MAX_ACL_RULES } from "../ca/acl.ts";
import type { AclRule, AclTarget } from "../ca/acl.ts";
import { Fields } from "../registry/fields.ts";
import { RegistryFailure } from "../registry/failure.ts";
import { isPlainText } from "../registry/text.ts";
import {
  checkPermissions,
  encodeAif,
  MAX_PERMISSIONS,
  METHODS,
  methodsOf,
  parseAif,
} from "./aif.ts";
import type { Method, Permission } from "./aif.ts";
import { RightsFailure } from "./failure.ts";
import { isLocalPart } from "./local-part.ts";

/** Rules of one device: as many as its certificate has room for. */
export const MAX_RIGHTS: number = MAX_ACL_RULES;

/** Octets of a group's name. */
export const MAX_GROUP_NAME = 64;

/** Whom a right is held against. A device is meant by its id in base32, as its certificate has it. */
export type RightsTarget =
  | { readonly kind: "device"; readonly id: string }
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "any" };

export interface Right {
  readonly target: RightsTarget;
  /** At least one, at most {@link MAX_PERMISSIONS}, each path once. */
  readonly allow: readonly Permission[];
}

/** The rules of the certificate's extension. @throws {@link RightsFailure} for rights past a bound of it */
export function aclOf(rights: readonly Right[]): readonly AclRule[] {
  if (rights.length > MAX_RIGHTS) throw new RightsFailure("too-many-rights");
  const rules = rights.map(({ target, allow }) => ({
    target: aclTarget(target),
    aif: encodeAif(allow),
  }));
  try {
    encodeAcl(rules);
  } catch (failure) {
    if (failure instanceof RangeError) throw new RightsFailure("rights-too-long");
    throw failure;
  }
  return rules;
}

/** Rights from the rules of an extension. @throws {@link RightsFailure}: one rule that is out of form refuses all */
export function rightsOf(rules: readonly AclRule[]): readonly Right[] {
  if (rules.length > MAX_RIGHTS) throw new RightsFailure("too-many-rights");
  return rules.map(({ target, aif }) => ({
    target: rightsTarget(target),
    allow: parseAif(aif),
  }));
}

function aclTarget(target: RightsTarget): AclTarget {
  switch (target.kind) {
    case "device": {
      const id = isDeviceId(target.id) ? fromBase32(target.id) : null;
      if (id === null) throw new RightsFailure("bad-device");
      return { kind: "device", id };
    }
    case "group":
      if (!isGroupName(target.name)) throw new RightsFailure("bad-group");
      return target;
    case "any":
      return target;
  }
}

function rightsTarget(target: AclTarget): RightsTarget {
  switch (target.kind) {
    case "device": {
      const id = toBase32(target.id);
      if (!isDeviceId(id)) throw new RightsFailure("bad-device");
      return { kind: "device", id };
    }
    case "group":
      if (!isGroupName(target.name)) throw new RightsFailure("bad-group");
      return target;
    case "any":
      return target;
  }
}

/**
 * Rights from a record's JSON. What is taken fits into a certificate.
 *
 * @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds
 */
export function parseRights(json: unknown): readonly Right[] {
  const fields = new Fields({ rights: json }, "record");
  const rights = fields.list("rights", MAX_RIGHTS, parseRight);
  try {
    aclOf(rights);
  } catch (failure) {
    if (!(failure instanceof RightsFailure)) throw failure;
    throw new RegistryFailure("bad-form", `the rights do not fit a certificate: ${failure.reason}`);
  }
  return rights;
}

function parseRight(json: unknown, where: string): Right {
  const fields = new Fields(json, where);
  const target = parseTarget(fields.raw("target"), `${where}, target`);
  const allow = fields.list("allow", MAX_PERMISSIONS, parsePermission);
  fields.end();
  try {
    checkPermissions(allow);
  } catch (failure) {
    if (!(failure instanceof RightsFailure)) throw failure;
    throw new RegistryFailure("bad-form", `${where} is refused: ${failure.reason}`);
  }
  return { target, allow };
}

function parseTarget(json: unknown, where: string): RightsTarget {
  const fields = new Fields(json, where);
  const kind = fields.oneOf("kind", ["device", "group", "any"]);
  const target: RightsTarget =
    kind === "device"
      ? { kind, id: fields.text("id", isWholeId) }
      : kind === "group"
        ? { kind, name: fields.text("name", isGroupName) }
        : { kind };
  fields.end();
  return target;
}

function parsePermission(json: unknown, where: string): Permission {
  const fields = new Fields(json, where);
  const methods = (name: string): readonly Method[] => {
    const given = fields.list(name, METHODS.length, (value, at) =>
      new Fields({ method: value }, at).oneOf("method", METHODS),
    );
    const ordered = methodsOf(given);
    if (ordered.length < given.length) {
      throw new RegistryFailure("bad-form", `${where} has a method twice`);
    }
    return ordered;
  };
  const permission = {
    path: fields.text("path", isLocalPart),
    methods: methods("methods"),
    created: methods("created"),
  };
  fields.end();
  return permission;
}

/** A device id that is whole octets in base32, as the extension needs it. */
function isWholeId(text: string): boolean {
  return isDeviceId(text) && fromBase32(text) !== null;
}

/** A group's name: text that stands on its own, 1 to {@link MAX_GROUP_NAME} octets. */
export function isGroupName(text: string): boolean {
  return isPlainText(text, MAX_GROUP_NAME) && utf8(text).length <= MAX_GROUP_NAME;
}
