/** Any permissions, rights and groups, small enough that requests hit them. */
import fc from "fast-check";
import { METHODS, methodsOf } from "../../../src/policy/rights/aif.ts";
import type { Method, Permission } from "../../../src/policy/rights/aif.ts";
import type { Right, RightsTarget } from "../../../src/policy/rights/rights.ts";

export const DEVICES = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"] as const;
export const GROUPS = ["lights", "Küche"] as const;
export const PATHS = ["/", "/s/temp", "/a/led", "/a/led?on=1", "/a/make-coffee"] as const;

const anyMethods: fc.Arbitrary<readonly Method[]> = fc
  .subarray([...METHODS])
  .map((some) => methodsOf(some));

export const anyPermissions: fc.Arbitrary<readonly Permission[]> = fc.uniqueArray(
  fc
    .record({ path: fc.constantFrom(...PATHS), methods: anyMethods, created: anyMethods })
    .filter(({ methods, created }) => methods.length + created.length > 0),
  { selector: ({ path }) => path, minLength: 1, maxLength: PATHS.length },
);

const anyTarget: fc.Arbitrary<RightsTarget> = fc.oneof(
  fc.record({ kind: fc.constant("device" as const), id: fc.constantFrom(...DEVICES) }),
  fc.record({ kind: fc.constant("group" as const), name: fc.constantFrom(...GROUPS) }),
  fc.constant({ kind: "any" } as const),
);

export const anyRights: fc.Arbitrary<readonly Right[]> = fc.array(
  fc.record({ target: anyTarget, allow: anyPermissions }),
  { maxLength: 5 },
);

export const anyGroups: fc.Arbitrary<ReadonlyMap<string, ReadonlySet<string>>> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...GROUPS), fc.subarray([...DEVICES])), {
    selector: ([name]) => name,
  })
  .map((groups) => new Map(groups.map(([name, members]) => [name, new Set(members)])));
