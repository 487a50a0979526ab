/**
 * Which time a certificate is issued at. A router boots in the past and learns
 * the time later; until then it either waits or issues on the newest time it
 * ever stored and issues again afterwards.
 */
import { unix } from "../../base/machine.ts";
import type { Unix } from "../../base/machine.ts";
import { AuthorityFailure } from "./failure.ts";
import { BACKDATE_SECONDS } from "./profiles.ts";

export interface IssueTime {
  readonly clock: Unix | "unknown";
  /** The newest time ever stored; the software's release date on the first start. */
  readonly floor: Unix;
  /** Whether to issue on the floor where the clock does not serve. Default false. */
  readonly provisional?: boolean;
}

export interface IssuedAt {
  readonly at: Unix;
  readonly notBefore: Unix;
  /** Made without a clock: to be issued again after time synchronisation. */
  readonly provisional: boolean;
}

/** @throws AuthorityFailure `time-unknown` or `clock-behind-floor`, unless provisional. */
export function issueTime({ clock, floor, provisional = false }: IssueTime): IssuedAt {
  const trusted = clock !== "unknown" && clock >= floor;
  if (!trusted && !provisional) {
    throw new AuthorityFailure(clock === "unknown" ? "time-unknown" : "clock-behind-floor");
  }
  const at = trusted ? clock : floor;
  return { at, notBefore: unix(at - BACKDATE_SECONDS), provisional: !trusted };
}
