/** The owner's word about what devices may ask of each other, and which groups they are in. */
import { visible } from "../base/text.ts";
import type { Unix } from "../base/machine.ts";
import type { Change } from "../policy/registry/change.ts";
import { MAX_GROUPS } from "../policy/registry/record.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { Registry } from "../policy/registry/registry.ts";
import { METHODS } from "../policy/rights/aif.ts";
import type { Method } from "../policy/rights/aif.ts";
import { withdrawCarried } from "../policy/rights/certified.ts";
import { targetOf, targetText, withGrant, withoutGrant } from "../policy/rights/edit.ts";
import { RightsFailure } from "../policy/rights/failure.ts";
import { isLocalPart } from "../policy/rights/local-part.ts";
import { aclOf, isGroupName } from "../policy/rights/rights.ts";
import type { Right, RightsTarget } from "../policy/rights/rights.ts";
import { words } from "../policy/rights/words.ts";
import type { Names } from "../policy/rights/words.ts";
import { shown } from "./answers.ts";
import { ManagementFailure } from "./management/failure.ts";
import type { Grant, RightsSummary, Withholding } from "./management/service.ts";

/** What becomes of the owner's word: changes to store, and the line for the log. */
export interface RightsChange {
  readonly changes: readonly Change[];
  readonly text: string;
}

export function rightsSummary(registry: Registry, record: DeviceRecord): RightsSummary {
  const names = namesIn(registry);
  return {
    id: record.id,
    rights: record.rights.flatMap(({ target, allow }) =>
      allow.map(({ path, methods }) => ({ to: targetText(target), path, methods })),
    ),
    words: record.rights.map((right) => words(right, names)),
    groups: record.groups,
  };
}

/** @throws ManagementFailure `bad-argument`, `unknown-device`, `full` */
export function granted(registry: Registry, record: DeviceRecord, grant: Grant): RightsChange {
  const target = knownTarget(registry, grant.to);
  const methods = methodsIn(grant.methods);
  const rights = withGrant(record.rights, target, ownPath(grant.path), methods);
  requireRoom(rights);
  const added: Right = { target, allow: [{ path: grant.path, methods, created: [] }] };
  return {
    changes: [{ kind: "put", record: { ...record, rights } }],
    text: `You granted ${shown(record)} a right: it ${words(added, namesIn(registry))}.`,
  };
}

/**
 * Every certificate that may carry what is taken is withdrawn with it: a device
 * that renews by itself has another within seconds, and others refuse the old one.
 * @throws ManagementFailure `bad-argument` where there is nothing of the kind to take
 */
export function withheld(
  registry: Registry,
  record: DeviceRecord,
  { to, path, methods }: Withholding,
  at: Unix,
): RightsChange {
  const target = writtenTarget(to);
  const named = methods === null ? null : methodsIn(methods);
  const place = path === null ? null : ownPath(path);
  const rights = withoutGrant(record.rights, target, place, named);
  if (JSON.stringify(rights) === JSON.stringify(record.rights)) {
    throw new ManagementFailure(
      "bad-argument",
      `${shown(record)} has no such right: see \`homeca rights ${record.id}\``,
    );
  }
  const whom = targetWords(registry, target);
  const byHand =
    record.class === "aware"
      ? ""
      : `; it cannot renew its certificate by itself, so run \`homeca issue ${record.id} --p12 FILE\``;
  return {
    changes: [{ kind: "put", record: { ...record, rights } }, ...withdrawCarried(record, at)],
    text: `You took rights against ${whom} from ${shown(record)}${byHand}.`,
  };
}

/** @throws ManagementFailure `bad-argument`, `full` */
export function grouped(record: DeviceRecord, name: string): RightsChange {
  if (!isGroupName(name)) {
    throw new ManagementFailure(
      "bad-argument",
      "the group's name has control characters or blanks around it, or is too long: choose another",
    );
  }
  const others = record.groups.filter((group) => group !== name);
  if (others.length >= MAX_GROUPS) {
    throw new ManagementFailure(
      "full",
      `${shown(record)} is in ${MAX_GROUPS} groups already: take it out of one with \`homeca ungroup ${record.id} NAME\` first`,
    );
  }
  return {
    changes: [{ kind: "put", record: { ...record, groups: [...others, name] } }],
    text: `You put ${shown(record)} into the group ${visible(name)}.`,
  };
}

/** @throws ManagementFailure `bad-argument` */
export function ungrouped(record: DeviceRecord, name: string): RightsChange {
  const groups = record.groups.filter((group) => group !== name);
  if (groups.length === record.groups.length) {
    throw new ManagementFailure(
      "bad-argument",
      `${shown(record)} is not in the group ${visible(name)}: see \`homeca rights ${record.id}\``,
    );
  }
  return {
    changes: [{ kind: "put", record: { ...record, groups } }],
    text: `You took ${shown(record)} out of the group ${visible(name)}.`,
  };
}

function writtenTarget(text: string): RightsTarget {
  const target = targetOf(text);
  if (target !== null) return target;
  throw new ManagementFailure(
    "bad-argument",
    `${visible(text)} is no device's id, no group such as @lights, and not all: correct it`,
  );
}

/** @throws ManagementFailure `bad-argument`, `unknown-device` */
export function knownTarget(registry: Registry, text: string): RightsTarget {
  const target = writtenTarget(text);
  if (target.kind !== "device" || registry.devices.has(target.id)) return target;
  throw new ManagementFailure(
    "unknown-device",
    `there is no device ${visible(text)}: see \`homeca devices\`, and write @${visible(text)} for a group`,
  );
}

/** @throws ManagementFailure `bad-argument` */
export function ownPath(path: string): string {
  if (isLocalPart(path)) return path;
  throw new ManagementFailure(
    "bad-argument",
    `${visible(path)} is no path in its one spelling: begin it with / and escape only what must be`,
  );
}

function methodsIn(text: string): readonly Method[] {
  const given = text.split(",").map((word) => word.trim());
  const methods = METHODS.filter((method) =>
    given.some((word) => word.toLowerCase() === method.toLowerCase()),
  );
  if (methods.length === given.length) return methods;
  throw new ManagementFailure(
    "bad-argument",
    `the methods are ${visible(text)}: write each once, of ${METHODS.join(", ")}`,
  );
}

/** A certificate has room for so many. */
function requireRoom(rights: readonly Right[]): void {
  try {
    aclOf(rights);
  } catch (failure) {
    if (!(failure instanceof RightsFailure)) throw failure;
    throw new ManagementFailure(
      "full",
      "the rights of the device do not fit into its certificate: give them against a group, or take others away",
    );
  }
}

export function targetWords(registry: Registry, target: RightsTarget): string {
  switch (target.kind) {
    case "device":
      return visible(namesIn(registry).device(target.id) ?? target.id);
    case "group":
      return `the group ${visible(target.name)}`;
    case "any":
      return "every device";
  }
}

/** Resources have no names here: a device does not tell what its paths are. */
export function namesIn({ devices }: Registry): Names {
  return {
    device: (id) => {
      const record = devices.get(id);
      return record === undefined ? null : (record.name?.value ?? record.claim?.name ?? null);
    },
    resource: () => null,
  };
}
