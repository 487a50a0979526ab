// How a home is found: in public while its owner searches, in private by its own devices, and by nobody else.
import { assert, providers, test } from "#kit";
import type { MemoryInterface } from "../../src/host/memory/multicast.ts";
import { COAPS_UCI, HOME_ADDRESS, MemoryDevice, pass } from "../kit/memory-device.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";
import type { StationOptions } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const ACCEPT = 2;
const REJECT = 3;

const on = (name: string, address: string): MemoryInterface => ({
  ...{ name, wire: "the link", ipv6: [] },
  ipv4: [{ address, prefixLength: 24 }],
});
const BRIDGE = on("br-lan", HOME_ADDRESS);

const UCI = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
config limits 'limits'
	option onboarding 'search'
${COAPS_UCI}	list discovery 'br-lan'
`;

const homeWithLink = (): MemoryHome => new MemoryHome(crypto, { uci: UCI, interfaces: [BRIDGE] });

const lampOn = (home: MemoryHome, name = "Kitchen lamp"): MemoryDevice =>
  new MemoryDevice(home, crypto, { name, interfaces: [on("eth0", "192.0.2.77")] });

/** All that went over multicast, as text. */
function multicast({ host }: MemoryHome): string {
  const sent = host.network.sent.filter(({ to }) => to.port === 5353);
  return sent
    .map(({ bytes }) => [...bytes].map((octet) => String.fromCharCode(octet)).join(""))
    .join("\n");
}

async function approved(home: MemoryHome, name: string): Promise<void> {
  const { devices } = (await home.call("devices")) as { devices: { id: string; name: string }[] };
  const found = devices.find((one) => one.name === name);
  assert.ok(found !== undefined, `${name} does not wait`);
  await home.call("approve", { id: found.id });
}

test("a device that looks for a home finds one only while its owner searches", async () => {
  const home = homeWithLink();
  const lamp = lampOn(home);
  lamp.agent.start();
  await pass(home, 12_000, 200);
  assert.deepEqual(lamp.failures, ["no-answer"]);
  assert.deepEqual(await home.call("search", { seconds: 60 }), {
    ...{ status: 0, seconds: 60 },
    types: [],
  });
  await pass(home, 30_000, 200);
  assert.ok(lamp.story.includes("waits-for-owner"), lamp.story.join(" "));
  lamp.agent.stop();
  home.stop();
});

test("the search ends by itself, and by the owner's word", async () => {
  const home = homeWithLink();
  await home.call("search", { seconds: 30, type: "lamp" });
  await pass(home, 31_000, 500);
  assert.equal((await home.call("search", { seconds: 0 }))["seconds"], 0);
  home.forget();
  await pass(home, 60_000, 1000);
  assert.equal(multicast(home), "");
  home.stop();
});

test("a member finds its home at any time, and nothing on the link names either of them", async () => {
  const home = homeWithLink();
  await home.call("search", { seconds: 60 });
  const lamp = lampOn(home);
  lamp.agent.start();
  await pass(home, 20_000, 200);
  await approved(home, "Kitchen lamp");
  await pass(home, 60_000, 200);
  assert.ok(lamp.isMember, lamp.story.join(" "));
  lamp.agent.stop();
  home.host.network.sent.length = 0;

  const again = lamp.restart(home);
  again.agent.start();
  await pass(home, 10_000, 200);
  assert.ok(again.isMember, again.failures.join(" "));
  const told = multicast(home);
  assert.match(told, /_homeca/);
  for (const name of ["Kitchen", "lamp", "HomeCA-", "homeca.home"]) {
    assert.equal(told.includes(name), false, name);
  }
  again.agent.stop();
  home.stop();
});

test("two homes that search are not guessed between", async () => {
  const home = homeWithLink();
  const { clock, network } = home.host;
  const other = new MemoryHome(crypto, {
    uci: UCI.replaceAll(HOME_ADDRESS, "192.0.2.2").replaceAll("127.0.0.1", "127.0.0.2"),
    interfaces: [on("br-lan", "192.0.2.2")],
    world: { clock, network },
    random: (length) => Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff),
  });
  await home.call("search", { seconds: 120 });
  await other.call("search", { seconds: 120 });
  const lamp = lampOn(home);
  lamp.agent.start();
  await pass(home, 10_000, 200);
  assert.ok(lamp.failures.includes("several-homes"), lamp.failures.join(" "));
  assert.ok(home.lines.some((line) => line.includes("Another home")));
  lamp.agent.stop();
  other.stop();
  home.stop();
});

test("with onboarding 'search' a stranger gets no further than EAP until its owner searches", async () => {
  const home = homeWithLink();
  const stranger: StationOptions = {
    ...{ mac: "02-00-00-00-00-11", identity: "@setup.home.arpa" },
    method: "ttls",
    chain: [selfSigned(crypto)],
    inner: { name: lampIdentity(), password: "none" },
  };
  assert.equal(join(home, stranger).code, REJECT);
  assert.ok(home.lines.some((line) => line.includes("open pairing")));
  await pass(home, 120_000, 1000);
  await home.call("search", { seconds: 60 });
  assert.equal(join(home, stranger).code, ACCEPT);
  home.stop();
});
