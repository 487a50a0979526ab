/**
 * Groups of devices. Rights name a group, and whoever enforces them asks here
 * who is in it, so that a device can join or leave a group without any
 * certificate being issued again.
 */
import { isDeviceId } from "../../proto/x509/device-id.ts";
import { Fields } from "../registry/fields.ts";
import { RegistryFailure } from "../registry/failure.ts";
import { isGroupName } from "./rights.ts";

/** Groups of one home, and devices in one of them. */
export const MAX_GROUPS = 64;
export const MAX_MEMBERS = 256;

/** The members of each group by its name. A group that is not here has none. */
export type Groups = ReadonlyMap<string, ReadonlySet<string>>;

export const NO_GROUPS: Groups = new Map();

export function isMember(groups: Groups, name: string, device: string): boolean {
  return groups.get(name)?.has(device) ?? false;
}

/** Groups from their JSON, `[{ "name": …, "members": [id, …] }, …]`. @throws RegistryFailure `bad-form` */
export function parseGroups(json: unknown): Groups {
  const groups = new Map<string, ReadonlySet<string>>();
  const list = new Fields({ groups: json }, "home").list("groups", MAX_GROUPS, parseGroup);
  for (const { name, members } of list) {
    if (groups.has(name))
      throw new RegistryFailure("bad-form", `the group "${name}" is there twice`);
    groups.set(name, members);
  }
  return groups;
}

function parseGroup(
  json: unknown,
  where: string,
): { readonly name: string; readonly members: ReadonlySet<string> } {
  const fields = new Fields(json, where);
  const name = fields.text("name", isGroupName);
  const members = fields.list("members", MAX_MEMBERS, (value, at) =>
    new Fields({ id: value }, at).text("id", isDeviceId),
  );
  fields.end();
  return { name, members: new Set(members) };
}

/** Their JSON. */
export function groupsJson(groups: Groups): unknown {
  return [...groups].map(([name, members]) => ({ name, members: [...members] }));
}
