/** Things that can hold no certificate: one over the air with a key of its own, one on a cable. */
import { sameBytes, utf8 } from "../../../src/base/bytes.ts";
import { ETHERNET } from "../../kit/address-question.ts";
import { expect } from "../stage.ts";
import { macOfThing } from "../things.ts";
import { expectRecord } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

const ACCEPT = 2;
const DOOR = macOfThing(0x31);
const TV = macOfThing(0x32);

export async function cagedScenes(cast: Cast): Promise<readonly Part[]> {
  return [await garageDoor(cast), await television(cast)];
}

async function garageDoor(cast: Cast): Promise<Part> {
  const { stage, observed, accessPoint } = cast;
  stage.chapter("A garage door (class legacy: it knows Wi-Fi passwords, nothing else)");
  const { id, wifiKey } = await stage.step(
    "The owner makes it a cage; it gets a password of its own",
    () => observed.owner<{ id: string; wifiKey: string }>(stage, "cage", "Garage door", DOOR),
  );
  await stage.step("It comes: the access point learns that password, for it alone", async () => {
    const answer = await accessPoint.joinByAddress({ mac: DOOR });
    expect(answer?.code === ACCEPT, "the access point was not told to let it in");
    const [told, ...more] = answer.tunnelPasswords;
    expect(
      told !== undefined && more.length === 0 && sameBytes(told, utf8(wifiKey)),
      "the access point was told another password",
    );
    stage.note(await observed.firewall(DOOR));
    await expectRecord(cast, id, "active", "quarantine");
  });
  return {
    row: {
      device: "Garage door",
      class: "legacy",
      proof: "Wi-Fi password of its own",
      place: "in its cage",
    },
    record: { id, state: "active", place: "quarantine" },
    said: null,
  };
}

async function television(cast: Cast): Promise<Part> {
  const { stage, observed, accessPoint } = cast;
  stage.chapter("A television (class wired: on a cable, known by its address)");
  const { id } = await stage.step("The owner makes it a cage", () =>
    observed.owner<{ id: string }>(stage, "cage", "TV", TV, "--class", "wired"),
  );
  await stage.step("It is plugged in: an address can be copied, so it is caged", async () => {
    const answer = await accessPoint.joinByAddress({ mac: TV, portType: ETHERNET });
    expect(answer?.code === ACCEPT, "the switch was not told to let it in");
    expect(answer.tunnelPasswords.length === 0, "the switch was told a password");
    stage.note(await observed.firewall(TV));
    await expectRecord(cast, id, "active", "quarantine");
  });
  return {
    row: { device: "TV", class: "wired", proof: "nothing but its address", place: "in its cage" },
    record: { id, state: "active", place: "quarantine" },
    said: null,
  };
}
