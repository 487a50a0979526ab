/** Who and what all scenes share. */
import type { State } from "../../../src/policy/lifecycle/table.ts";
import type { DeviceDetails, Place } from "../../../src/daemon/management/service.ts";
import type { Home } from "../../kit/home.ts";
import type { Join } from "../../kit/nas.ts";
import type { EapPeer } from "../../kit/eap-peer.ts";
import type { AccessPoint } from "../access-point.ts";
import type { ObservedHome } from "../observed.ts";
import { expect } from "../stage.ts";
import type { Row, Stage } from "../stage.ts";
import type { Trust } from "../things.ts";

export interface Cast {
  readonly stage: Stage;
  readonly accessPoint: AccessPoint;
  readonly otherHome: Home;
  readonly observed: ObservedHome;
  readonly trust: Trust;
}

/** A line of the closing table, and where HomeCA must say the device is when the curtain falls. */
export interface Part {
  readonly row: Omit<Row, "said">;
  /** Null for one that has no record, with what HomeCA said of it. */
  readonly record: { readonly id: string; readonly state: State; readonly place: Place } | null;
  readonly said: string | null;
}

/** All that HomeCA has on record of a device. */
export function recordOf({ observed }: Cast, id: string): Promise<DeviceDetails> {
  return observed.ask<DeviceDetails>("show", id);
}

/** Fails unless HomeCA has the device in this state and place. */
export async function expectRecord(
  cast: Cast,
  id: string,
  state: State,
  place: Place,
): Promise<DeviceDetails> {
  const record = await recordOf(cast, id);
  const found = `${record.state}, ${record.place}`;
  expect(found === `${state}, ${place}`, `HomeCA has it as ${found}, not ${state}, ${place}`);
  return record;
}

/** Lets a device join and fails unless the access point is told this. */
export async function joining(
  { accessPoint }: Cast,
  mac: string,
  peer: EapPeer,
  outcome: Join["outcome"],
): Promise<Join> {
  const identity = "@homeca.home.arpa";
  const join = await accessPoint.join(mac, identity, peer);
  expect(join.outcome === outcome, `the access point was told: ${join.outcome}, not ${outcome}`);
  if (outcome === "accepted") {
    expect(join.keys !== null, "the access point got no keys");
    const { recv, send } = join.keys;
    const agreed = [...recv, ...send].every((octet, at) => octet === peer.msk[at]);
    expect(agreed, "device and access point have different keys");
  }
  return join;
}
