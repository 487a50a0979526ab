/** Rights as a sentence for the owner: `may read the temperature of Bathroom sensor`. */
import { visible } from "../../base/text.ts";
import { METHODS } from "./aif.ts";
import type { Method, Permission } from "./aif.ts";
import type { Right, RightsTarget } from "./rights.ts";

/** What a method does, where a person asks. Two methods of one word are one word. */
const VERBS: Readonly<Record<Method, string>> = {
  GET: "read",
  POST: "use",
  PUT: "set",
  DELETE: "delete",
  FETCH: "read",
  PATCH: "change",
  iPATCH: "change",
};

/** How things are called. Each answers null for what it has no name for. */
export interface Names {
  readonly device: (id: string) => string | null;
  /** Of a resource of the target: `temperature`, without an article. */
  readonly resource: (target: RightsTarget, path: string) => string | null;
}

/** The right in words, beginning with `may`. Names from outside are made safe to show. */
export function words(right: Right, names: Names): string {
  const { target } = right;
  const parts = right.allow.map((permission) => permissionWords(permission, target, names));
  return `may ${parts.join(", and ")} of ${targetWords(target, names)}`;
}

function permissionWords(permission: Permission, target: RightsTarget, names: Names): string {
  const { path, methods, created } = permission;
  const name = names.resource(target, path);
  const resource = name === null ? visible(path) : `the ${visible(name)}`;
  const own = `${verbs(created)} what it created through ${resource}`;
  if (methods.length === 0) return own;
  const direct = `${verbs(methods)} ${resource}`;
  return created.length === 0 ? direct : `${direct} and ${own}`;
}

function targetWords(target: RightsTarget, names: Names): string {
  switch (target.kind) {
    case "device":
      return visible(names.device(target.id) ?? target.id);
    case "group":
      return `every device in the group ${visible(target.name)}`;
    case "any":
      return "every device";
  }
}

function verbs(methods: readonly Method[]): string {
  const said = METHODS.filter((method) => methods.includes(method)).map((method) => VERBS[method]);
  const each = [...new Set(said)];
  const last = each.pop() ?? "do nothing with";
  // `read`, `read and set`, `read, use and set`
  return each.length === 0 ? last : `${each.join(", ")} and ${last}`;
}
