/** Why a device may ask something of another or may not: what {@link may} says, and what stands in its way or is missing. */
import { visible } from "../../base/text.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { METHODS } from "./aif.ts";
import type { Method } from "./aif.ts";
import type { Groups } from "./groups.ts";
import { NO_GROUPS, ownGroups } from "./groups.ts";
import { may } from "./may.ts";
import type { RightsTarget } from "./rights.ts";

export interface RightsQuestion {
  readonly target: RightsTarget;
  /** The device that {@link RightsQuestion.target} means; null for a group or all. */
  readonly asked: DeviceRecord | null;
  /** In its one spelling; null for any resource. */
  readonly path: string | null;
  /** Null for any method. */
  readonly method: Method | null;
}

/**
 * - `allowed`: a right covers it, and both are where they can meet
 * - `itself`: a device needs no right for what it does with itself
 * - `asker-out`, `target-out`: the one or the other is no active member
 * - `no-server`: what is asked serves nobody, for it does not speak HomeCA
 * - `other-method`: it has a right on this resource, for something else
 * - `other-path`: it has a right, on another resource
 * - `no-right`: it has none against this target
 */
export type RightsVerdict =
  | "allowed"
  | "itself"
  | "asker-out"
  | "target-out"
  | "no-server"
  | "other-method"
  | "other-path"
  | "no-right";

/** Stands for a member of a group, or for anybody: no device has this id. */
const SOMEBODY = "";

export function verdictOf(asker: DeviceRecord, question: RightsQuestion): RightsVerdict {
  const { asked, path, method } = question;
  if (asker.id === asked?.id) return "itself";
  if (asker.state !== "active") return "asker-out";
  if (asked !== null && asked.state !== "active") return "target-out";
  if (asked !== null && asked.class !== "aware") return "no-server";
  const { id, groups } = meant(question);
  const has = (one: string, verb: Method): boolean =>
    may(asker.rights, groups, id, { path: one, method: verb });
  const verbs = method === null ? METHODS : [method];
  const paths = asker.rights.flatMap(({ allow }) => allow.map((permission) => permission.path));
  const wanted = path === null ? paths : [path];
  if (wanted.some((one) => verbs.some((verb) => has(one, verb)))) return "allowed";
  const hasAny = (some: readonly string[]): boolean =>
    some.some((one) => METHODS.some((verb) => has(one, verb)));
  if (hasAny(wanted)) return "other-method";
  return hasAny(paths) ? "other-path" : "no-right";
}

/** Whom the rights are held against, as who enforces them sees it. */
function meant({ target, asked }: RightsQuestion): {
  readonly id: string;
  readonly groups: Groups;
} {
  if (asked !== null) return { id: asked.id, groups: ownGroups(asked.id, asked.groups) };
  if (target.kind !== "group") return { id: SOMEBODY, groups: NO_GROUPS };
  return { id: SOMEBODY, groups: ownGroups(SOMEBODY, [target.name]) };
}

/** @param titles - of the asker and of what is asked, safe to show */
export function verdictSentence(
  verdict: RightsVerdict,
  titles: { readonly asker: string; readonly target: string },
  { path, method }: Pick<RightsQuestion, "path" | "method">,
): string {
  const { asker, target } = titles;
  // `GET /temperature of Oven`, `/temperature of Oven`, `of Oven`
  const what = [method, path === null ? null : visible(path), `of ${target}`]
    .filter((word) => word !== null)
    .join(" ");
  switch (verdict) {
    case "allowed":
      return `${asker} may ask ${what}: you granted it.`;
    case "itself":
      return `${asker} is that device: it needs no right for what it does with itself.`;
    case "asker-out":
      return `${asker} may ask nothing now, for it is no active device of this home.`;
    case "target-out":
      return `${asker} may ask nothing of ${target} now, for that is no active device of this home.`;
    case "no-server":
      return `${target} answers nobody's questions, for it does not speak HomeCA.`;
    case "other-method":
      return `${asker} may not ask ${what}: you granted it something else there.`;
    case "other-path":
      return `${asker} may not ask ${what}: you granted it other things of that device.`;
    case "no-right":
      return `${asker} may ask nothing of ${target}: you granted it nothing there.`;
  }
}
