/** The daemon and the access points of its own router, with a hostapd that is a table of functions. */
import { assert, providers, test } from "#kit";
import { concat, hex } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { BAN_MS } from "../../src/daemon/ubus/hostapd.ts";
import { encodeField, encodeTable } from "../../src/proto/ubus/blobmsg.ts";
import type { BlobTable } from "../../src/proto/ubus/blobmsg.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";
import { Ubusd } from "../kit/ubusd.ts";
import type { Reply, Service, ServiceAnswer } from "../kit/ubusd.ts";

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
const BSS = "hostapd.phy0-ap0";
const LAMP = "02:00:00:00:00:41";
const OTHER = "02:00:00:00:00:77";
const MINUTE = 60_000;

/** One BSS: who is there, and who was put out of it. */
class AccessPoint {
  stations: string[] = [];
  ssid = "Home";
  /** In place of what `get_clients` would say. */
  raw: Uint8Array | null = null;
  readonly put: { readonly mac: unknown; readonly ban: unknown }[] = [];

  readonly serve: Service = (method, data): ServiceAnswer | null => {
    switch (method) {
      case "get_status":
        return { fields: { ssid: this.ssid, freq: 2412 } };
      case "get_clients":
        if (this.raw !== null) return { raw: this.raw };
        return { fields: { freq: 2412, clients: Object.fromEntries(this.#rows()) } };
      case "del_client":
        this.put.push({ mac: data.get("addr"), ban: data.get("ban_time") });
        this.stations = this.stations.filter((mac) => mac !== data.get("addr"));
        return {};
      default:
        return { status: 3 };
    }
  };

  *#rows(): Generator<[string, object]> {
    for (const mac of this.stations) yield [mac, { authorized: true, aid: 1, signal: -40 }];
  }
}

interface Stage {
  readonly home: MemoryHome;
  readonly bus: Ubusd;
  readonly ap: AccessPoint;
  /** The lamp's, which was denied access or not. */
  readonly id: string;
}

/** A home with one access point and a lamp that waits for its owner's word there. */
async function stage(crypto: Crypto): Promise<Stage> {
  const ap = new AccessPoint();
  const bus = new Ubusd();
  bus.provide("hostapd", () => ({}));
  bus.provide("hostapd-auth", () => ({ status: 3 }));
  bus.provide(BSS, ap.serve);
  const home = new MemoryHome(crypto, { uci: UCI, prepare: (host) => void bus.listen(host, PATH) });
  join(home, {
    mac: LAMP.replaceAll(":", "-"),
    method: "ttls",
    chain: [selfSigned(crypto)],
    inner: { name: lampIdentity(), password: "" },
  });
  ap.stations = [LAMP];
  const { devices } = await home.call("devices");
  assert.ok(Array.isArray(devices) && devices.length === 1);
  // The method's result has an id.
  const [{ id }] = devices as [{ id: string }];
  return { home, bus, ap, id };
}

function ask(bus: Ubusd, home: MemoryHome, sta: string): Reply {
  const replies: Reply[] = [];
  const fields = { iface: "phy0-ap0", sta };
  bus.notify("hostapd-auth", "sta_auth", fields, (reply) => void replies.push(reply));
  home.host.clock.advance(0);
  assert.equal(replies.length, 1, "sta_auth has one answer, at once");
  return replies[0]!;
}

const plain = (table: BlobTable | null): object | null =>
  table === null ? null : Object.fromEntries(table);
const [crypto] = providers;

test("the access points of this router stand in the status", async () => {
  const { home, bus } = await stage(crypto!);
  home.host.clock.advance(MINUTE);
  const { accessPoints } = await home.call("status");
  assert.deepEqual(accessPoints, [{ name: "phy0-ap0", ssid: "Home", stations: 1 }]);
  assert.equal(bus.subscribersOf(BSS), 1);
  assert.equal(bus.subscribersOf("hostapd-auth"), 1);
  home.stop();
});

test("a device that is denied is put out of its BSS and banned there; approved, it may come again", async () => {
  const { home, ap, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: BAN_MS }]);
  ap.put.length = 0;
  await home.call("approve", { id });
  home.host.clock.advance(0);
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: 0 }]);
  home.stop();
});

test("a device that is revoked is put out within the second", async () => {
  const { home, ap, id } = await stage(crypto!);
  await home.call("approve", { id });
  ap.put.length = 0;
  await home.call("revoke", { id });
  home.host.clock.advance(1000);
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: BAN_MS }]);
  home.stop();
});

test("a device that is released is put out and not banned", async () => {
  const { home, ap, id } = await stage(crypto!);
  await home.call("approve", { id });
  ap.put.length = 0;
  void home.call("release", { id });
  home.host.clock.advance(2 * MINUTE);
  await home.call("status");
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: 0 }]);
  home.stop();
});

test("a BSS that is made anew, under another object or the same, is told again who is banned", async () => {
  const { home, bus, ap, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  const again = new AccessPoint();
  bus.provide(BSS, again.serve);
  home.host.clock.advance(0);
  assert.deepEqual(again.put, [{ mac: LAMP, ban: BAN_MS }]);
  assert.equal(bus.subscribersOf(BSS), 1);
  assert.equal(ap.put.length, 1, "the one before is asked no more");

  bus.send("bss.reload", { name: "phy0-ap0" });
  home.host.clock.advance(0);
  assert.equal(again.put.length, 2);
  home.stop();
});

test("where the bus loses messages, the minute's look finds the new BSS and who is on it", async () => {
  const { home, bus, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  bus.isDeaf = true;
  const again = new AccessPoint();
  bus.provide(BSS, again.serve);
  again.stations = [LAMP, OTHER];
  home.host.clock.advance(0);
  assert.deepEqual(again.put, []);
  home.host.clock.advance(MINUTE);
  assert.ok(again.put.some(({ mac, ban }) => mac === LAMP && ban === BAN_MS));
  assert.deepEqual(again.stations, [OTHER]);
  home.stop();
});

test("a banned station that comes all the same is put out as it is authorized", async () => {
  const { home, bus, ap, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  ap.put.length = 0;
  bus.notify(BSS, "sta-authorized", { address: LAMP.toUpperCase(), ifname: "phy0-ap0" });
  bus.notify(BSS, "sta-authorized", { address: OTHER, ifname: "phy0-ap0" });
  home.host.clock.advance(0);
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: BAN_MS }]);
  home.stop();
});

test("hostapd is answered at once: a banned station is refused, everybody else is not", async () => {
  const { home, bus, ap, id } = await stage(crypto!);
  assert.deepEqual(ask(bus, home, LAMP), { status: 0, data: null });
  await home.call("deny", { id });
  home.host.clock.advance(0);
  const calls = ap.put.length;
  const refused = ask(bus, home, LAMP.toUpperCase());
  assert.deepEqual([refused.status, plain(refused.data)], [0, { status: 1 }]);
  assert.deepEqual(ask(bus, home, OTHER), { status: 0, data: null });
  assert.deepEqual(ask(bus, home, "no address"), { status: 0, data: null });
  assert.equal(ap.put.length, calls, "nothing is asked while hostapd waits");
  home.stop();
});

test("where another program makes hostapd wait, our status does not let a banned station in", async () => {
  const { home, bus, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  const statuses: number[] = [];
  for (const address of [LAMP, OTHER]) {
    bus.notify(BSS, "auth", { address }, ({ status }) => void statuses.push(status));
    home.host.clock.advance(0);
  }
  assert.deepEqual(statuses, [1, 0]);
  home.stop();
});

test("what hostapd or another says wrongly harms nobody: not addresses of groups, not endless lists, not text", async () => {
  const { home, ap, id } = await stage(crypto!);
  await home.call("deny", { id });
  home.host.clock.advance(0);
  ap.put.length = 0;
  ap.ssid = "\u001b[2J\u202eemoH";
  ap.raw = encodeTable({
    clients: {
      "ff:ff:ff:ff:ff:ff": {},
      "02:00:00:00:00:41 ": {},
      __proto__x: 1,
      constructor: { authorized: "yes" },
      [OTHER]: "no table",
    },
  });
  home.host.clock.advance(MINUTE);
  assert.deepEqual(ap.put, []);
  const { accessPoints } = await home.call("status");
  assert.deepEqual(accessPoints, [
    { name: "phy0-ap0", ssid: "\\x1b[2J\\u{202e}emoH", stations: 1 },
  ]);

  const twice = concat(encodeTable({ [LAMP]: {} }), encodeTable({ [LAMP]: {} }));
  ap.raw = encodeField("clients", 2, twice);
  home.host.clock.advance(MINUTE);
  assert.deepEqual(ap.put, [{ mac: LAMP, ban: BAN_MS }], "a station on two links is one");
  for (const raw of [hex("80000003"), encodeTable({ clients: [1] }), encodeTable({})]) {
    ap.raw = raw;
    home.host.clock.advance(MINUTE);
  }
  assert.ok(!home.lines.some((line) => line.includes("fault")), home.lines.join("\n"));
  home.stop();
});

test("hostapd without RADIUS is told with what to install", async () => {
  const { home } = await stage(crypto!);
  const { files } = home.host;
  for (const folder of ["/usr", "/usr/lib", "/usr/lib/opkg", "/usr/lib/opkg/info"]) {
    files.makeDirectory(folder, 0o755);
  }
  files.createDurably("/usr/lib/opkg/info/wpad-basic-mbedtls.control", new Uint8Array(), 0o644);
  files.createDurably("/usr/lib/opkg/info/hostapd-common.control", new Uint8Array(), 0o644);
  home.host.clock.advance(MINUTE);
  const told =
    "wpad-basic-mbedtls is installed, which has no RADIUS, so this router's own access points cannot ask HomeCA: install wpad-mbedtls in its place.";
  assert.deepEqual((await home.call("status"))["warnings"], [told]);
  files.createDurably("/usr/lib/opkg/info/wpad-mbedtls.control", new Uint8Array(), 0o644);
  home.host.clock.advance(MINUTE);
  assert.deepEqual((await home.call("status"))["warnings"], []);
  home.stop();
});

test("a taken port is told with who has it most likely, until it is free", async () => {
  let free = (): void => {};
  const home = new MemoryHome(crypto!, {
    uci: UCI,
    prepare: (host) => {
      new Ubusd().listen(host, PATH);
      host.files.makeDirectory("/etc/init.d", 0o755);
      host.files.createDurably("/etc/init.d/radius", new Uint8Array(), 0o755);
      const taken = host.udp({ address: "127.0.0.1", port: 1812 }, () => {});
      free = () => taken.close();
    },
  });
  const told =
    "Nobody can ask at 127.0.0.1 port 1812 (EADDRINUSE): another RADIUS server has the port, most likely hostapd's own RADIUS server (`/etc/init.d/radius stop; /etc/init.d/radius disable`): stop it or change auth_port and acct_port.";
  assert.deepEqual((await home.call("status"))["warnings"], [told]);
  free();
  home.host.clock.advance(MINUTE);
  assert.deepEqual((await home.call("status"))["warnings"], []);
  home.stop();
});
