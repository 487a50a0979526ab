/** Whether a device may ask something of another. The one place that says so, and what no rule says it may not. */
import type { Method, Permission } from "./aif.ts";
import { isMember } from "./groups.ts";
import type { Groups } from "./groups.ts";
import type { Right, RightsTarget } from "./rights.ts";

/** What is asked of a target. */
export interface Asked {
  /** The local part in its one spelling; null where the request's options have none: that is asked of nobody. */
  readonly path: string | null;
  readonly method: Method;
  /**
   * The local part through which this same asker created the resource, by a
   * request that was answered 2.01 with its location; null for any other resource.
   */
  readonly createdThrough?: string | null;
}

/**
 * Whether one of the rights covers the request: its target is the one asked,
 * by id, by a group that it is in, or any; and it names this very resource with
 * this method, or the one through which the asker created it.
 *
 * @param rights - the asker's, as its home signed them
 * @param groups - as the home signed them for the target
 * @param target - the id of the device that is asked
 * @see RFC 9237 §2.1 (static), §2.3 (dynamic)
 */
export function may(
  rights: readonly Right[],
  groups: Groups,
  target: string,
  asked: Asked,
): boolean {
  return rights.some(
    (right) =>
      isMeant(right.target, groups, target) && right.allow.some((one) => covers(one, asked)),
  );
}

function isMeant(meant: RightsTarget, groups: Groups, target: string): boolean {
  switch (meant.kind) {
    case "device":
      return meant.id === target;
    case "group":
      return isMember(groups, meant.name, target);
    case "any":
      return true;
  }
}

function covers(permission: Permission, asked: Asked): boolean {
  const { path, method, createdThrough = null } = asked;
  if (path === null) return false;
  if (permission.path === path && permission.methods.includes(method)) return true;
  return permission.path === createdThrough && permission.created.includes(method);
}
