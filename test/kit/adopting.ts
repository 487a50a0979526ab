/** A home that takes devices in, and what its owner does meanwhile. */
import { toHex } from "../../src/base/bytes.ts";
import { assert } from "./assert.ts";
import { COAPS_UCI, pass } from "./memory-device.ts";
import type { MemoryDevice } from "./memory-device.ts";
import type { MemoryHome } from "./memory-home.ts";

export const ADOPTING_UCI: string = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
config limits 'limits'
	option onboarding_per_minute '20'
${COAPS_UCI}`;

export interface Listed {
  readonly id: string;
  readonly name: string | null;
  readonly state: string;
  readonly alarm: string | null;
}

export async function devicesOf(home: MemoryHome): Promise<readonly Listed[]> {
  // The method's result has these; see the reference.
  const { devices } = (await home.call("devices")) as unknown as { devices: readonly Listed[] };
  return devices;
}

/** Switches a device on, says yes to it, and has it report. */
export async function takeIn(home: MemoryHome, device: MemoryDevice): Promise<void> {
  device.agent.start();
  await pass(home, 2000);
  await approveAll(home);
  await pass(home, 4000);
  assert.equal(device.story.at(-1), "lives", home.lines.join("\n"));
}

/** Says yes to everyone who waits. */
export async function approveAll(home: MemoryHome): Promise<void> {
  for (const { id, state } of await devicesOf(home)) {
    if (state === "pending") await home.call("approve", { id });
  }
}

/** The record of the device with this name. */
export async function idOf(home: MemoryHome, device: MemoryDevice): Promise<string> {
  const { name, deviceId } = device.state.identity;
  const listed = await devicesOf(home);
  const found = listed.find((one) => one.name === name);
  return found?.id ?? assert.fail(`no record of ${name ?? toHex(deviceId)}`);
}

export async function record(
  home: MemoryHome,
  device: MemoryDevice,
): Promise<Record<string, unknown>> {
  return home.call("device", { id: await idOf(home, device) });
}
