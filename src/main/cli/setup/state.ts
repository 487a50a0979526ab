/** How far the set-up is, for people and for LuCI. */
import type { Host } from "../../../host/host.ts";
import { readRecord } from "./record.ts";
import type { Place, SetupRecord } from "./record.ts";
import { bssStatus } from "./router.ts";

/** A `type`, for it goes out as JSON as it is. */
export type SetupState = {
  readonly step: SetupRecord["step"] | "none";
  /** Each network's device, and what hostapd says of it. */
  readonly networks: readonly { readonly interface: string; readonly status: string }[];
};

export async function stateOf(host: Host, place: Place): Promise<SetupState> {
  const record = readRecord(place);
  const networks: { interface: string; status: string }[] = [];
  for (const device of record?.interfaces ?? []) {
    networks.push({ interface: device, status: await bssStatus(host, device) });
  }
  return { step: record?.step ?? "none", networks };
}
