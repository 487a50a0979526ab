/** Devices that run the HomeCA agent: one the home never heard of, and one that was announced with its setup code. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { DeviceSummary } from "../../../src/daemon/management/service.ts";
import { expect } from "../stage.ts";
import { certifiedPeer, macOfThing, Thing } from "../things.ts";
import type { Identity } from "../things.ts";
import { expectRecord, joining } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

const LAMP = macOfThing(0x11);
const HEATER = macOfThing(0x12);
const LABEL = "7KQ2-M4X9-RTDH-3VNP";

export interface Lamp {
  readonly id: string;
  readonly mac: string;
  readonly identity: Identity;
  readonly heater: Part;
}

export async function awareScenes(cast: Cast): Promise<Lamp> {
  const lamp = await unknownLamp(cast);
  return { ...lamp, heater: await announcedHeater(cast) };
}

async function unknownLamp(cast: Cast): Promise<Omit<Lamp, "heater">> {
  const { stage, observed } = cast;
  const lamp = new Thing("lamp", "Kitchen lamp");

  stage.chapter("A lamp that nobody knows (class aware: it can ask for a certificate)");
  const id = await stage.step("It comes for the first time and is held in quarantine", async () => {
    await joining(cast, LAMP, lamp.firstContact(), "accepted");
    stage.note(await observed.firewall(LAMP));
    const { devices } = await observed.ask<{ devices: DeviceSummary[] }>("devices", "pending");
    expect(
      devices.length === 1 && devices[0]!.name === "Kitchen lamp",
      "it is not the one pending",
    );
    return devices[0]!.id;
  });
  await stage.step("The owner looks at it and says it is theirs", async () => {
    await observed.owner(stage, "approve", id);
    await expectRecord(cast, id, "approved", "quarantine");
  });
  const identity = await stage.step("It asks for a certificate and HomeCA signs one", () =>
    signedFor(cast, lamp, id),
  );
  await stage.step("It comes back with its certificate and is admitted", async () => {
    await joining(cast, LAMP, certifiedPeer(identity, cast.trust), "accepted");
    stage.note(await observed.firewall(LAMP));
    await expectRecord(cast, id, "active", "home");
  });
  return { id, mac: LAMP, identity };
}

async function announcedHeater(cast: Cast): Promise<Part> {
  const { stage, observed } = cast;
  const heater = new Thing("heater", "Bedroom heater", LABEL);
  const list = path.join(observed.home.folder, "heaters.csv");

  stage.chapter("A heater that was announced (class aware, with a code on its label)");
  await stage.step("The owner takes in a list with its code", async () => {
    writeFileSync(list, `id,code,name,type\n${heater.claim.id},${LABEL},Bedroom heater,heater\n`);
    const { imported } = await observed.owner<{ imported: number }>(stage, "import", list);
    expect(imported === 1, `${imported} devices were taken in, not 1`);
  });
  const id = await stage.step("It proves the code, so nobody has to approve it", async () => {
    await joining(cast, HEATER, heater.firstContact(), "accepted");
    stage.note(await observed.firewall(HEATER));
    const { devices } = await observed.ask<{ devices: DeviceSummary[] }>("devices", "approved");
    expect(devices.length === 1 && devices[0]!.name === "Bedroom heater", "it is not approved");
    const { proven } = await expectRecord(cast, devices[0]!.id, "approved", "quarantine");
    expect(proven === "setup-code", `it is proven by ${proven}, not by its code`);
    return devices[0]!.id;
  });
  await stage.step("It gets its certificate, comes back with it and is admitted", async () => {
    const identity = await signedFor(cast, heater, id);
    await joining(cast, HEATER, certifiedPeer(identity, cast.trust), "accepted");
    stage.note(await observed.firewall(HEATER));
  });
  return {
    row: {
      device: "Bedroom heater",
      class: "aware",
      proof: "setup code, then certificate",
      place: "in the home",
    },
    record: { id, state: "active", place: "home" },
    said: null,
  };
}

/** The device's request, signed through the owner's command; the device's key stays with it. */
async function signedFor({ stage, observed }: Cast, thing: Thing, id: string): Promise<Identity> {
  const file = path.join(observed.home.folder, `${thing.claim.type}.csr`);
  writeFileSync(file, thing.request());
  const { chainPem } = await observed.owner<{ chainPem: string }>(stage, "sign", id, file);
  expect(chainPem.startsWith("-----BEGIN CERTIFICATE-----"), "no certificate came back");
  return thing.certified(chainPem);
}
