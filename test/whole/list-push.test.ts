// The revocation list reaches the devices that observe it as soon as it is signed.
import { assert, providers, test } from "#kit";
import { judgeHome, memberCredential } from "../../src/device/credentials.ts";
import { HomeSession } from "../../src/device/session.ts";
import { coapRequest } from "../../src/proto/coap/request.ts";
import { parseCrl } from "../../src/proto/x509/crl.ts";
import { ADOPTING_UCI, approveAll, devicesOf, idOf } from "../kit/adopting.ts";
import { HOME_ADDRESS, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;

test("once a device is revoked, every member that observes the list has it on its list", async () => {
  const home = new MemoryHome(crypto, { uci: ADOPTING_UCI });
  const [lamp, camera] = ["Lamp", "Camera"].map((name) => new MemoryDevice(home, crypto, { name }));
  for (const device of [lamp!, camera!]) device.agent.start();
  await pass(home, 2000);
  await approveAll(home);
  await pass(home, 3000);
  assert.ok(lamp!.isMember && camera!.isMember, JSON.stringify(await devicesOf(home)));
  const { scalar, owner } = lamp!.state;
  assert.ok(owner !== null);
  const opening = HomeSession.open(lamp!.host, {
    home: { address: HOME_ADDRESS, port: 5684 },
    credential: memberCredential(crypto, scalar, owner),
    judge: (chain) => judgeHome(crypto, chain, owner, owner.timeFloor),
  });
  await pass(home, 1000);
  const session = await opening;
  const lists: ReturnType<typeof parseCrl>[] = [];
  session.observe(
    coapRequest("GET", ["h", "crl"]),
    ({ payload }) => void lists.push(parseCrl(payload)),
    () => {},
  );
  await pass(home, 1000);
  assert.equal(lists.length, 1);
  assert.equal(lists[0]!.entries.size, 0);

  assert.equal((await home.call("revoke", { id: await idOf(home, camera!) }))["status"], 0);
  await pass(home, 1000);
  const [serial] = (
    (await home.call("device", { id: await idOf(home, camera!) }))["certificates"] as readonly {
      serial: string;
    }[]
  ).map((each) => each.serial);
  assert.ok(lists.at(-1)!.entries.has(serial!), `${lists.length} lists`);
  session.close();
  for (const device of [lamp!, camera!]) device.agent.stop();
  home.stop();
});
