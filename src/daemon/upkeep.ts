/** What is looked after each hour: records nobody asks for, serials that ended, the revocation list, the sightings. */
import { tidyPending } from "../policy/admission/owner.ts";
import { AuthorityFailure } from "../policy/ca/failure.ts";
import { HostFailure } from "../host/host.ts";
import type { House } from "./house.ts";
import type { PublishedList } from "./list.ts";
import { StoreFailure } from "./store/failure.ts";

/** What is due is done; what cannot be done now is an error in the log and is tried again in an hour. */
export function keepUp(house: House, list: PublishedList): void {
  const now = house.clock.now();
  // Strangers come and are forgotten; those who follow them shall be noted too.
  house.sightings.retain(house.registry.devices);
  writeSightings(house);
  if (now === null) return;
  try {
    house.change([...tidyPending(house.registry, now), { kind: "forget-serials", before: now }]);
    list.renew(now);
  } catch (failure) {
    const expected =
      failure instanceof HostFailure ||
      failure instanceof StoreFailure ||
      failure instanceof AuthorityFailure;
    if (!expected) throw failure;
    house.log.error(`Upkeep was put off (${failure.message}); it is tried again in an hour.`);
  }
}

/** Losing them harms nobody: they are tried again in an hour. */
export function writeSightings({ sightings, log }: House): void {
  try {
    sightings.flush();
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    log.error(
      `When devices were last seen could not be written (${failure.message}): free space or rights there.`,
    );
  }
}
