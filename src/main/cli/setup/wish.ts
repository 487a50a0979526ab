/** From words, or from a caller's JSON, to what the owner wishes; and from there to a plan. */
import { visible } from "../../../base/text.ts";
import type { Host } from "../../../host/host.ts";
import { WirelessFailure } from "../../../policy/wireless/failure.ts";
import { planWireless } from "../../../policy/wireless/plan.ts";
import { SECURITIES } from "../../../policy/wireless/wish.ts";
import type { Plan, Security, Wish } from "../../../policy/wireless/wish.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { refuseUnfinished } from "./change.ts";
import { readRecord } from "./record.ts";
import type { Place } from "./record.ts";
import { lookAtRouter } from "./router.ts";

/** What may be said of a set-up, on the command line and over ubus alike. */
export const WISHES = [
  "radio",
  "ssid",
  "network",
  "security",
  "country",
  "subnet",
  "vlan",
] as const;
export type WishName = (typeof WISHES)[number];

/** @param said - null for what was not. @throws {@link CommandFailure} `usage` */
export function wishOf(said: (name: WishName) => string | null): Wish {
  const required = (name: "radio" | "ssid"): string => {
    const text = said(name);
    if (text !== null) return text;
    const example = name === "radio" ? "radio0" : "Home";
    throw new CommandFailure(EXIT.usage, `${name} is missing: add --${name} ${example}`);
  };
  const vlan = said("vlan");
  if (vlan !== null && !/^\d{1,4}$/.test(vlan)) {
    throw new CommandFailure(EXIT.usage, "vlan is no whole number: use 1 to 4094");
  }
  return {
    radio: required("radio"),
    ssid: required("ssid"),
    network: said("network") ?? "lan",
    security: securityOf(said("security") ?? "auto"),
    country: said("country"),
    subnet: said("subnet"),
    vlan: vlan === null ? null : Number(vlan),
  };
}

function securityOf(text: string): Security {
  const found = SECURITIES.find((each) => each === text);
  if (found !== undefined) return found;
  const known = SECURITIES.join(", ");
  throw new CommandFailure(EXIT.usage, `security is '${visible(text, 32)}': use one of ${known}`);
}

/** @throws {@link CommandFailure} */
export async function planFor(host: Host, place: Place, wish: Wish): Promise<Plan> {
  const record = readRecord(place);
  refuseUnfinished(record);
  try {
    return planWireless(wish, await lookAtRouter(host, place, wish.radio, record));
  } catch (failure) {
    if (!(failure instanceof WirelessFailure)) throw failure;
    throw new CommandFailure(EXIT.refused, failure.message);
  }
}
