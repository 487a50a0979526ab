/** How the owner is answered: devices by their titles, and the policy's failures as those of the management. */
import { visible } from "../base/text.ts";
import { AuthorityFailure, explain } from "../policy/ca/failure.ts";
import { LifecycleFailure } from "../policy/lifecycle/step.ts";
import { RegistryFailure } from "../policy/registry/failure.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import { ManagementFailure } from "./management/failure.ts";

/** The device's title, safe to show. */
export function shown(record: DeviceRecord): string {
  return visible(titleOf(record));
}

/** A sentence as it stands behind a colon, or behind `homeca:` on a terminal. */
export function clauseOf(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/u, "");
}

/** @throws ManagementFailure `wrong-state` for what `body` throws as a LifecycleFailure */
export function lifecycleAnswer<T>(body: () => T): T {
  try {
    return body();
  } catch (failure) {
    if (!(failure instanceof LifecycleFailure)) throw failure;
    throw new ManagementFailure("wrong-state", clauseOf(failure.message));
  }
}

/** @throws ManagementFailure `time-unknown` or `bad-request` for what `body` throws as an AuthorityFailure */
export function authorityAnswer<T>(body: () => T): T {
  try {
    return body();
  } catch (failure) {
    if (!(failure instanceof AuthorityFailure)) throw failure;
    const reason =
      failure.reason === "time-unknown" || failure.reason === "clock-behind-floor"
        ? "time-unknown"
        : "bad-request";
    throw new ManagementFailure(reason, clauseOf(explain(failure.reason)));
  }
}

/** @throws ManagementFailure `full` or `wrong-state` for what `body` throws as a RegistryFailure */
export function registryAnswer<T>(body: () => T): T {
  try {
    return body();
  } catch (failure) {
    if (!(failure instanceof RegistryFailure)) throw failure;
    const full = failure.reason === "too-many-devices" || failure.reason === "too-many-serials";
    throw new ManagementFailure(full ? "full" : "wrong-state", failure.message);
  }
}
