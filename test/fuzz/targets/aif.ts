/**
 * Permissions on the wire: read or refused in their own way, in one encoding up
 * to the order of their paths, and never more than was written.
 */
import { encodeAif, MAX_AIF_LENGTH, METHODS, parseAif } from "../../../src/policy/rights/aif.ts";
import type { Permission } from "../../../src/policy/rights/aif.ts";
import { RightsFailure } from "../../../src/policy/rights/failure.ts";
import { NO_GROUPS } from "../../../src/policy/rights/groups.ts";
import { isLocalPart } from "../../../src/policy/rights/local-part.ts";
import { may } from "../../../src/policy/rights/may.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";

const FAILURES = [RightsFailure] as const;
const TARGET = "aaaaaaaaaaaaaaaa";

export function fuzz(bytes: Uint8Array): void {
  const permissions = valueOf(() => parseAif(bytes), FAILURES);
  if (permissions === null) return;
  leavesNothing(parseAif, bytes, FAILURES);
  hold(bytes.length <= MAX_AIF_LENGTH, "the bound");
  const encoding = encodeAif(permissions);
  hold(encoding.length === bytes.length, "no octet but what says something");
  holdSame(encodeAif(parseAif(encoding)), encoding, "sorted once, sorted for good");
  for (const permission of permissions) checkReach(permission, permissions);
}

/** What the list allows on this path is what stands there. */
function checkReach({ path, methods }: Permission, allow: readonly Permission[]): void {
  hold(isLocalPart(path), "a local part in its one spelling");
  const rights = [{ target: { kind: "device", id: TARGET }, allow }] as const;
  for (const method of METHODS) {
    const granted = may(rights, NO_GROUPS, TARGET, { path, method });
    hold(granted === methods.includes(method), `${method} as written`);
    hold(!may(rights, NO_GROUPS, "bbbbbbbbbbbbbbbb", { path, method }), "the target alone");
  }
}
