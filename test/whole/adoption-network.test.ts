// Devices taken in over networks that lose, repeat and mix up what they carry, and by hosts that stall.
import { assert, providers, seeded, test } from "#kit";
import type { MemoryNetwork } from "../../src/host/memory/network.ts";
import { ADOPTING_UCI, approveAll, record } from "../kit/adopting.ts";
import { MemoryDevice, passUntil } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const MINUTE = 60_000;

/** Loses, repeats and delays by chance: the same chances each time. */
function badWeather(loss: number): MemoryNetwork["weather"] {
  const random = seeded("bad weather");
  const chance = (): number => random(1)[0]! / 256;
  const delay = (): number => 5 + Math.floor(chance() * 400);
  return () => {
    if (chance() < loss) return [];
    return chance() < 0.2 ? [delay(), delay()] : [delay()];
  };
}

/** Three key updates that ran out of their minute, and a device waits for a day, unless its owner says otherwise. */
async function letTryAgain(home: MemoryHome): Promise<void> {
  for (const line of home.lines) {
    const [, id] = /run `homeca approve (\w+)` to let it try again/u.exec(line) ?? [];
    if (id !== undefined) await home.call("approve", { id });
  }
}

test("twenty devices become members over a network that loses 30 % and mixes up the rest", async () => {
  const home = new MemoryHome(crypto, { uci: ADOPTING_UCI });
  home.host.network.weather = badWeather(0.3);
  const names = Array.from({ length: 20 }, (_, at) => `Lamp ${at}`);
  const devices = names.map((name) => new MemoryDevice(home, crypto, { name }));
  for (const device of devices) device.agent.start();
  const allIn = async (): Promise<boolean> => {
    await approveAll(home);
    await letTryAgain(home);
    return devices.every(({ isMember }) => isMember);
  };
  const came = await passUntil(home, allIn, 360 * MINUTE, 1000);
  const late = devices.filter(({ isMember }) => !isMember);
  assert.ok(came, late.map(({ story, failures }) => [story, failures].join(" ")).join("\n"));
  for (const device of devices) {
    const shown = await record(home, device);
    assert.deepEqual([shown["state"], shown["keyCase"]], ["active", "good-known"]);
    assert.equal(device.state.next, null);
    device.agent.stop();
  }
  home.stop();
});
