/** The owner's word about rights: how a target is written, and what a list of rights is after granting or withdrawing one. */
import { isDeviceId } from "../../proto/x509/device-id.ts";
import { methodsOf } from "./aif.ts";
import type { Method, Permission } from "./aif.ts";
import { isGroupName } from "./rights.ts";
import type { Right, RightsTarget } from "./rights.ts";

/** What stands before a group's name, so that no group is taken for a device. */
const GROUP_MARK = "@";
const ANY = "all";

/** A target as the owner writes it: a device's id, `@` and a group's name, or `all`. Null for anything else. */
export function targetOf(text: string): RightsTarget | null {
  if (text === ANY) return { kind: "any" };
  if (text.startsWith(GROUP_MARK)) {
    const name = text.slice(GROUP_MARK.length);
    return isGroupName(name) ? { kind: "group", name } : null;
  }
  return isDeviceId(text) ? { kind: "device", id: text } : null;
}

/** The text that {@link targetOf} reads. */
export function targetText(target: RightsTarget): string {
  switch (target.kind) {
    case "device":
      return target.id;
    case "group":
      return GROUP_MARK + target.name;
    case "any":
      return ANY;
  }
}

/**
 * The rights with these methods on this one resource of the target added. What
 * they had stays where it was; whether all still fit is for whoever stores them.
 *
 * @param path - a local part in its one spelling
 */
export function withGrant(
  rights: readonly Right[],
  target: RightsTarget,
  path: string,
  methods: readonly Method[],
): readonly Right[] {
  const added: Permission = { path, methods: methodsOf(methods), created: [] };
  const known = rights.find((right) => isSame(right.target, target));
  if (known === undefined) return [...rights, { target, allow: [added] }];
  const there = known.allow.find((permission) => permission.path === path);
  const allow =
    there === undefined
      ? [...known.allow, added]
      : known.allow.map((permission) =>
          permission === there
            ? { ...there, methods: methodsOf([...there.methods, ...methods]) }
            : permission,
        );
  return rights.map((right) => (right === known ? { target, allow } : right));
}

/**
 * The rights without what is named; nothing that says nothing is left of them.
 *
 * @param path - null for every resource of the target
 * @param methods - null for every method, those on what the asker created with them
 */
export function withoutGrant(
  rights: readonly Right[],
  target: RightsTarget,
  path: string | null,
  methods: readonly Method[] | null,
): readonly Right[] {
  return rights.flatMap((right): readonly Right[] => {
    if (!isSame(right.target, target)) return [right];
    const allow = right.allow.flatMap((permission) => {
      const isNamed = path === null || permission.path === path;
      return isNamed ? without(permission, methods) : [permission];
    });
    return allow.length === 0 ? [] : [{ target, allow }];
  });
}

function without(permission: Permission, methods: readonly Method[] | null): readonly Permission[] {
  if (methods === null) return [];
  const left = permission.methods.filter((method) => !methods.includes(method));
  return left.length + permission.created.length === 0 ? [] : [{ ...permission, methods: left }];
}

function isSame(a: RightsTarget, b: RightsTarget): boolean {
  return targetText(a) === targetText(b);
}
