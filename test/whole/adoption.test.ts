// A home and devices in one memory: from the first key to the certificate, over CoAPs.
import { assert, providers, test } from "#kit";
import { sameBytes } from "../../src/base/bytes.ts";
import { HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;

async function pendingId(home: MemoryHome): Promise<string> {
  const { devices } = (await home.call("devices")) as { devices: { id: string; state: string }[] };
  const [first] = devices.filter(({ state }) => state === "pending");
  assert.ok(first !== undefined, `nobody waits; ${home.lines.slice(-3).join(" | ")}`);
  return first.id;
}

test("a device asks, is approved, agrees on a key and lives with its certificate", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  const first = device.state.scalar;
  device.agent.start();
  await pass(home, 2000);
  assert.deepEqual(device.story, ["waits-for-owner"]);

  const id = await pendingId(home);
  assert.equal((await home.call("approve", { id }))["status"], 0);
  await pass(home, 3000);
  const told = ["waits-for-owner", "approved", "key-agreed", "certified", "joined", "lives"];
  assert.deepEqual(device.story, told, home.lines.join("\n"));
  assert.equal(sameBytes(device.state.scalar, first), false);
  assert.equal(device.state.next, null);
  const shown = await home.call("device", { id });
  assert.equal(shown["state"], "active");
  assert.equal(shown["keyCase"], "good-known");
  device.agent.stop();
  home.stop();
});
