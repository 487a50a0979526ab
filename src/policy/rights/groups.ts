/**
 * Groups of devices. Rights name a group, and whoever enforces them asks here
 * who is in it: a device that joins or leaves a group needs no new certificate,
 * and neither does anybody who has rights against that group.
 */

/** The members of each group by its name. A group that is not here has none. */
export type Groups = ReadonlyMap<string, ReadonlySet<string>>;

export const NO_GROUPS: Groups = new Map();

/** Groups as one device knows them: that it is in these itself. */
export function ownGroups(device: string, names: readonly string[]): Groups {
  return new Map(names.map((name) => [name, new Set([device])]));
}

export function isMember(groups: Groups, name: string, device: string): boolean {
  return groups.get(name)?.has(device) ?? false;
}
