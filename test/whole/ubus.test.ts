/** The daemon on the bus: its object, its notices and its answers, with a ubusd in memory that comes and goes. */
import { assert, providers, test } from "#kit";
import { hex } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { METHODS } from "../../src/daemon/management/methods.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";
import { Ubusd } from "../kit/ubusd.ts";
import type { Reply } from "../kit/ubusd.ts";

const PATH = "/var/run/ubus/ubus.sock";
const UCI = `config homeca 'main'
	option enforce 'off'
	option ubus '${PATH}'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
`;

function onBus(crypto: Crypto): { readonly home: MemoryHome; readonly bus: Ubusd } {
  const bus = new Ubusd();
  const home = new MemoryHome(crypto, { uci: UCI, prepare: (host) => void bus.listen(host, PATH) });
  return { home, bus };
}

async function call(
  home: MemoryHome,
  bus: Ubusd,
  method: string,
  fields: object = {},
): Promise<Reply> {
  const replies: Reply[] = [];
  bus.call("homeca", method, fields, (reply) => void replies.push(reply));
  for (let turn = 0; turn < 50 && replies.length === 0; turn++) {
    home.host.clock.advance(0);
    await Promise.resolve();
  }
  assert.equal(replies.length, 1, `${method} was answered ${replies.length} times`);
  return replies[0]!;
}

/** A lamp that waits for its owner's word; its id. */
async function pending(home: MemoryHome, crypto: Crypto): Promise<string> {
  join(home, {
    mac: "02-00-00-00-00-41",
    method: "ttls",
    chain: [selfSigned(crypto)],
    inner: { name: lampIdentity(), password: "" },
  });
  const { devices } = await home.call("devices");
  assert.ok(Array.isArray(devices) && devices.length === 1);
  const [{ id }] = devices as [{ id: string }];
  return id;
}

const [crypto] = providers;

test("the object has every method with its arguments, and is called with the session that the web adds", async () => {
  const { home, bus } = onBus(crypto!);
  const signature = bus.signatureOf("homeca");
  assert.ok(signature !== null);
  assert.deepEqual(
    [...signature.keys()],
    METHODS.map(({ name }) => name),
  );
  const approve = signature.get("approve");
  assert.ok(approve instanceof Map);
  assert.deepEqual(
    [...approve],
    [
      ["id", 3],
      ["name", 3],
      ["vlan", 5],
    ],
  );

  const session = { ubus_rpc_session: "0123456789abcdef0123456789abcdef" };
  const { status, data } = await call(home, bus, "status", session);
  assert.equal(status, 0);
  assert.equal(data?.get("homeName"), "Home");
  home.stop();
});

test("a refusal is a status, and its sentence goes before it", async () => {
  const { home, bus } = onBus(crypto!);
  const unknown = await call(home, bus, "approve", { id: "aaaaaaaaaaaaaaaa" });
  assert.equal(unknown.status, 4);
  assert.equal(unknown.data?.get("reason"), "unknown-device");
  assert.match(
    JSON.stringify(unknown.data?.get("message")),
    /^"there is no device aaaaaaaaaaaaaaaa: /u,
  );
  const wrong = await call(home, bus, "approve", { id: 7 });
  assert.equal(wrong.status, 2);
  const none = await call(home, bus, "no\u001b[2Jsuch");
  assert.equal(none.status, 3);
  assert.match(
    JSON.stringify(none.data?.get("message")),
    /^"there is no method 'no\\\\x1b\[2Jsuch'/u,
  );
  home.stop();
});

test("arguments that cannot be read are refused, and the next call is answered", async () => {
  const { home, bus } = onBus(crypto!);
  const replies: Reply[] = [];
  bus.callRaw("homeca", "status", hex("80000003"), (reply) => void replies.push(reply));
  home.host.clock.advance(0);
  assert.deepEqual(replies, [{ status: 2, data: null }]);
  assert.equal((await call(home, bus, "status")).status, 0);
  home.stop();
});

test("what takes its time is answered when it is done", async () => {
  const { home, bus } = onBus(crypto!);
  const id = await pending(home, crypto!);
  const { status, data } = await call(home, bus, "deny", { id });
  assert.deepEqual([status, data?.get("state")], [0, "denied"]);
  home.stop();
});

test("whoever watches is told which device is otherwise, and nothing that it says; nobody else is told", async () => {
  const { home, bus } = onBus(crypto!);
  const id = await pending(home, crypto!);
  assert.deepEqual(bus.notices, []);
  bus.watch("homeca", true);
  home.host.clock.advance(0);
  await home.call("approve", { id });
  home.host.clock.advance(0);
  const told = bus.notices.map(({ type, data }) => [type, Object.fromEntries(data)]);
  assert.deepEqual(told, [["device", { id, state: "approved", alarm: false }]]);
  bus.watch("homeca", false);
  home.host.clock.advance(0);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  assert.equal(bus.notices.length, 1);
  home.stop();
});

test("without ubusd the home serves, says so once, and comes to the bus when there is one", async () => {
  const home = new MemoryHome(crypto!, { uci: UCI });
  const { warnings } = await home.call("status");
  assert.ok(Array.isArray(warnings));
  assert.match(
    String(warnings[0]),
    /^HomeCA is not on ubus at \S+ \(ENOENT\), .*: check that ubusd runs/u,
  );
  home.host.clock.advance(300_000);
  const said = home.lines.filter((line) => line.includes("not on ubus"));
  assert.equal(said.length, 1, "tries are not told");
  await pending(home, crypto!);

  const bus = new Ubusd().listen(home.host, PATH);
  home.host.clock.advance(40_000);
  assert.deepEqual(bus.paths, ["homeca"]);
  assert.deepEqual((await home.call("status"))["warnings"], []);
  home.stop();
});

test("ubusd started anew has the object again, and a broken bus is left and come back to", async () => {
  const { home, bus } = onBus(crypto!);
  assert.deepEqual(bus.paths, ["homeca"]);
  bus.stop();
  home.host.clock.advance(100);
  const next = new Ubusd().listen(home.host, PATH);
  home.host.clock.advance(2000);
  assert.deepEqual(next.paths, ["homeca"]);
  assert.ok(home.lines.includes("HomeCA is on ubus again."));

  next.blurt(hex("0700000000000000 00000004"));
  home.host.clock.advance(0);
  const { warnings } = await home.call("status");
  assert.match(String(warnings), /\(unknown-version\)/u);
  home.host.clock.advance(2000);
  assert.deepEqual(next.paths, ["homeca"]);
  home.stop();
});

test("where another program has the name, status says so", async () => {
  const bus = new Ubusd();
  bus.provide("homeca", () => null);
  const home = new MemoryHome(crypto!, {
    uci: UCI,
    prepare: (host) => void bus.listen(host, PATH),
  });
  assert.match(String((await home.call("status"))["warnings"]), /ubusd did not take the object/u);
  home.stop();
});

test("stopped, it leaves nothing that waits", () => {
  const { home, bus } = onBus(crypto!);
  home.stop();
  home.host.clock.advance(120_000);
  assert.deepEqual(bus.paths, []);
});
