/** The main job, whole, on both engines: a device comes, is held, approved, certified, admitted, revoked and refused. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import {
  chainOf,
  join,
  lampIdentity,
  MemoryHome,
  requestPem,
  selfSigned,
  type StationOptions,
} from "../kit/memory-home.ts";
import { RadiusTestClient } from "../kit/radius-client.ts";

const MAC = "02-00-00-00-00-11";
const ACCEPT = 2;
const REJECT = 3;

function firstContact(home: MemoryHome, mac = MAC): StationOptions {
  return {
    mac,
    method: "ttls",
    identity: "@setup.home.arpa",
    chain: [selfSigned(home.host.crypto)],
    inner: { name: lampIdentity(), password: "none" },
  };
}

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly name: string;
  readonly place: string;
  readonly lastSeen: number | null;
}

async function onlyDevice(home: MemoryHome): Promise<Listed> {
  const { devices } = await home.call("devices");
  const [device, ...more] = devices as Listed[];
  assert.ok(device !== undefined && more.length === 0, "not exactly one device");
  return device;
}

/** A lamp that was approved and has its certificate. */
async function certified(home: MemoryHome): Promise<{ id: string; chain: readonly Uint8Array[] }> {
  join(home, firstContact(home));
  const { id } = await onlyDevice(home);
  await home.call("approve", { id });
  const { chainPem } = await home.call("sign", { id, request: requestPem(home.host.crypto) });
  return { id, chain: chainOf(chainPem as string) };
}

for (const crypto of providers) {
  test(`${crypto.name}: an unknown device is quarantined and shown as pending with name and type`, async () => {
    const home = new MemoryHome(crypto);
    assert.equal(join(home, firstContact(home)).code, ACCEPT);
    const device = await onlyDevice(home);
    assert.equal(device.state, "pending");
    assert.equal(device.name, "Kitchen lamp");
    assert.equal(device.place, "quarantine");
    const change = home.nft.at(-1)!;
    assert.match(
      change,
      /add element bridge homeca quarantined \{ "lan1" \. 02:00:00:00:00:11 timeout 150s \}/u,
    );
    assert.ok(
      !/add element \w+ homeca admitted \{[^}]*timeout [0-9]{2}/u.test(change),
      "it was admitted",
    );
  });

  test(`${crypto.name}: approved and certified it is admitted, revoked it is refused with the right alert`, async () => {
    const home = new MemoryHome(crypto);
    const { id, chain } = await certified(home);
    const station: StationOptions = { mac: MAC, method: "tls", chain };

    assert.equal(join(home, station).code, ACCEPT);
    const device = await onlyDevice(home);
    assert.equal(device.place, "home");
    assert.equal(device.lastSeen, home.host.wall());
    assert.match(home.nft.at(-1)!, /admitted \{ "lan1" \. 02:00:00:00:00:11 timeout 28830s \}/u);

    assert.equal((await home.call("revoke", { id })).status, 0);
    assert.ok(!home.nft.at(-1)!.includes("timeout 28"), "its element stayed");
    const again = join(home, station);
    assert.equal(again.code, REJECT);
    assert.deepEqual(again.alerts, ["certificate_revoked"]);
    assert.match(home.lines.at(-1)!, /Refused Kitchen lamp: it was revoked/u);
  });

  test(`${crypto.name}: nobody is admitted when nft refuses, and the peer gets a Reject`, async () => {
    let refuses = false;
    const home = new MemoryHome(crypto, {
      script: () => (refuses ? { status: 1, stderr: "Error: No such file or directory\n" } : {}),
    });
    const { chain } = await certified(home);
    refuses = true;
    assert.equal(join(home, { mac: MAC, method: "tls", chain }).code, REJECT);
    assert.match(home.lines.join("\n"), /the firewall took no change/u);
  });

  test(`${crypto.name}: nobody is admitted while the time is not known`, async () => {
    const home = new MemoryHome(crypto);
    const { chain } = await certified(home);
    // The router boots anew without a clock, on the same flash.
    const early = new MemoryHome(crypto, { wall: 1_000_000, files: home.stop() });
    assert.equal(join(early, { mac: MAC, method: "tls", chain }).code, REJECT);
    assert.match(early.lines.at(-1)!, /does not know the time/u);
  });

  test(`${crypto.name}: records, keys and certificates are there after a restart`, async () => {
    const home = new MemoryHome(crypto);
    const { id, chain } = await certified(home);
    const next = new MemoryHome(crypto, { files: home.stop() });
    assert.equal((await onlyDevice(next)).id, id);
    assert.equal(join(next, { mac: MAC, method: "tls", chain }).code, ACCEPT);
  });

  test(`${crypto.name}: the sixth stranger within a minute is turned away before any mathematics`, () => {
    const home = new MemoryHome(crypto);
    const outcomes = [1, 2, 3, 4, 5, 6].map((n) =>
      join(home, firstContact(home, `02-00-00-00-01-0${n}`)),
    );
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      [ACCEPT, ACCEPT, ACCEPT, ACCEPT, ACCEPT, REJECT],
    );
    assert.equal(outcomes.at(-1)!.rounds, 1);
  });

  test(`${crypto.name}: after a restart a revocation also cuts whoever the kernel holds without a name`, async () => {
    const stranger = "02:00:00:00:0a:0a";
    const home = new MemoryHome(crypto);
    const { id } = await certified(home);
    const elem = { elem: { val: { concat: ["lan1", stranger] }, timeout: 3600, expires: 3000 } };
    const set = { family: "bridge", table: "homeca", name: "admitted", elem: [elem] };
    const listing = JSON.stringify({ nftables: [{ set }] });
    const next = new MemoryHome(crypto, {
      files: home.stop(),
      script: (command) => (command.includes("-j") ? { stdout: listing } : {}),
    });
    assert.match(
      next.nft.at(-1)!,
      new RegExp(`admitted \\{ "lan1" \\. ${stranger} timeout 3000s`, "u"),
    );
    await next.call("revoke", { id });
    const cuts = next.nft.filter((text) =>
      text.includes(`delete element bridge homeca admitted { "lan1" . ${stranger} }`),
    );
    assert.equal(cuts.length, 1);
  });

  test(`${crypto.name}: a device with a new address each time changes its record once an hour`, async () => {
    const home = new MemoryHome(crypto);
    const { id, chain } = await certified(home);
    const macs = async (): Promise<readonly string[]> =>
      (await home.call("device", { id }))["macs"] as readonly string[];
    const comes = (n: number): void => {
      const mac = `02-00-00-00-0b-${n.toString(16).padStart(2, "0")}`;
      assert.equal(join(home, { mac, method: "tls", chain }).code, ACCEPT);
    };
    for (let n = 1; n <= 12; n++) comes(n);
    const full = await macs();
    assert.equal(full.length, 8);
    assert.equal(full[0], "02:00:00:00:0b:07");
    home.host.clock.advance(3_600_000);
    comes(13);
    assert.equal((await macs())[0], "02:00:00:00:0b:0d");
  });

  test(`${crypto.name}: devices that come back take no stranger's place`, async () => {
    const home = new MemoryHome(crypto);
    const { chain } = await certified(home);
    for (let n = 1; n <= 6; n++) {
      assert.equal(join(home, { mac: MAC, method: "tls", chain }).code, ACCEPT);
    }
    assert.equal(join(home, firstContact(home, "02-00-00-00-02-01")).code, ACCEPT);
  });

  test(`${crypto.name}: an access point is answered from the address it asked`, () => {
    const secret = "two-addresses-of-a-test";
    const home = new MemoryHome(crypto, {
      uci: `config radius 'radius'
	list listen '127.0.0.1'
	list listen '127.0.0.2'
	list listen '::1'
config client 'accesspoint'
	option prefix '127.0.0.0/8'
	option secret '${secret}'
config client 'six'
	option prefix '::1'
	option secret '${secret}'
`,
    });
    const nas = new RadiusTestClient(crypto, seeded("nas"), utf8(secret));
    for (const address of ["127.0.0.1", "127.0.0.2", "::1"]) {
      const answers: Uint8Array[] = [];
      const from = address === "::1" ? "::1" : "127.0.0.9";
      const socket = home.host.udp({ address: from, port: 0 }, (bytes) => void answers.push(bytes));
      socket.send(nas.statusServer(), { address, port: 1812 });
      home.host.clock.advance(1);
      assert.equal(nas.open(answers[0]!).code, ACCEPT);
      assert.equal(home.host.network.sent.at(-1)!.from.address, address);
    }
  });

  test(`${crypto.name}: quarantined devices reach the ports that the configuration names`, () => {
    const home = new MemoryHome(crypto, {
      uci: `config coaps 'coaps'
	list listen '::'
	option port '5690'
config est 'est'
	option port '443'
`,
    });
    const text = home.nft.join("\n");
    assert.match(text, /^add element bridge homeca udp_services \{ 5690 \}$/mu);
    assert.match(text, /^add element inet homeca tcp_services \{ 443 \}$/mu);
    assert.ok(!text.includes("udp_services { 5684 }"));
  });
}
