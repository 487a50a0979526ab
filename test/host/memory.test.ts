import { assert, providers, seeded, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files, MulticastLink, SocketAddress } from "../../src/host/host.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { MemoryHostOptions } from "../../src/host/memory/host.ts";

function memoryHost(more: Partial<MemoryHostOptions> = {}): MemoryHost {
  // No test here touches files; they have a contract of their own.
  const files = {} as unknown as Files;
  return new MemoryHost({ crypto: providers[0]!, random: seeded("memory"), files, ...more });
}

test("timers run in the order of their time, those at one instant in the order they were set", () => {
  const host = memoryHost();
  const ran: string[] = [];
  const start = host.mono();
  host.setTimer(mono(start + 20), () => ran.push("late"));
  host.setTimer(mono(start + 10), () => {
    ran.push("first");
    host.setTimer(mono(start + 15), () => ran.push("between"));
  });
  host.setTimer(mono(start + 10), () => ran.push("second"));
  host.setTimer(mono(start + 10), () => ran.push("never")).cancel();
  host.clock.advance(15);
  assert.deepEqual(ran, ["first", "second", "between"]);
  assert.equal(host.mono(), start + 15);
  assert.equal(host.clock.pending, 1);
});

test("the wall clock follows the other one", () => {
  const host = memoryHost();
  const start = host.wall();
  host.clock.advance(2500);
  assert.equal(host.wall(), start + 2);
});

test("the network loses and repeats as its weather says", () => {
  const host = memoryHost();
  const got: string[] = [];
  const server = host.udp({ address: "::1", port: 1812 }, (bytes) => got.push(fromUtf8(bytes)!));
  const client = host.udp({ address: "::1", port: 0 }, () => {});
  host.network.weather = ({ bytes }) => (fromUtf8(bytes) === "lost" ? [] : [5, 50]);
  client.send(utf8("lost"), server.local);
  client.send(utf8("twice"), server.local);
  host.clock.advance(4);
  assert.deepEqual(got, []);
  host.clock.advance(100);
  assert.deepEqual(got, ["twice", "twice"]);
  assert.equal(host.network.sent.length, 2);
  assert.throws(() => host.udp(server.local, () => {}), HostFailure);
});

const GROUP = { ipv4: "224.0.0.251", ipv6: "ff02::fb", port: 5353 };

/** Two hosts on one wire, IPv4 and IPv6, and the network between them. */
function twoOnAWire(): readonly [MemoryHost, MemoryHost] {
  const first = memoryHost({
    interfaces: [
      {
        name: "br-lan",
        wire: "cable",
        ipv4: [{ address: "192.0.2.1", prefixLength: 24 }],
        ipv6: [{ address: "fe80::1", prefixLength: 64 }],
      },
      {
        name: "wan",
        wire: "street",
        ipv4: [{ address: "198.51.100.1", prefixLength: 24 }],
        ipv6: [],
      },
    ],
  });
  const { clock, network } = first;
  const ipv4 = [{ address: "192.0.2.2", prefixLength: 24 }];
  const interfaces = [{ name: "eth0", wire: "cable", ipv4, ipv6: [] }];
  return [first, memoryHost({ clock, network, interfaces })];
}

test("multicast is heard by all on the wire that joined, the sender included, on the link of its family", () => {
  const [router, lamp] = twoOnAWire();
  const heard: string[] = [];
  const note =
    (who: string) =>
    (bytes: Uint8Array, from: SocketAddress, on: MulticastLink): void =>
      void heard.push(`${who} ${fromUtf8(bytes)} ${from.address} ${on.interface} ${on.family}`);
  const home = router.multicast(GROUP, ["br-lan", "wan", "absent"], "group", note("home"));
  const other = lamp.multicast(GROUP, ["eth0"], "group", note("lamp"));
  assert.deepEqual(
    home.links.map(({ interface: name, family }) => `${name} ${family}`),
    ["br-lan ipv4", "br-lan ipv6", "wan ipv4"],
  );
  home.send(utf8("four"), "group", { interface: "br-lan", family: "ipv4" });
  home.send(utf8("six"), "group", { interface: "br-lan", family: "ipv6" });
  home.send(utf8("out"), "group", { interface: "wan", family: "ipv4" });
  home.send(utf8("absent"), "group", { interface: "absent", family: "ipv4" });
  router.clock.advance(0);
  assert.deepEqual(heard.splice(0), [
    "home four 192.0.2.1 br-lan ipv4",
    "lamp four 192.0.2.1 eth0 ipv4",
    "home six fe80::1 br-lan ipv6",
    "home out 198.51.100.1 wan ipv4",
  ]);
  home.close();
  other.send(utf8("alone"), "group", other.links[0]!);
  home.send(utf8("closed"), "group", home.links[0]!);
  router.clock.advance(0);
  assert.deepEqual(heard, ["lamp alone 192.0.2.2 eth0 ipv4"]);
});

test("from a port of its own a question to the group is answered there, and the group is not heard", () => {
  const [router, lamp] = twoOnAWire();
  const heard: string[] = [];
  const home = router.multicast(GROUP, ["br-lan"], "group", (bytes, from, on) => {
    heard.push(fromUtf8(bytes)!);
    home.send(utf8("answer"), from, on);
  });
  const own = lamp.multicast(GROUP, ["eth0"], "own", (bytes, from) => {
    heard.push(`${fromUtf8(bytes)} from ${from.address} ${from.port}`);
  });
  own.send(utf8("question"), "group", own.links[0]!);
  router.clock.advance(0);
  assert.deepEqual(heard, ["question", "answer from 192.0.2.1 5353"]);
  own.close();
  router.clock.advance(0);
});

test("programs answer by script, after the time they take", () => {
  const host = memoryHost({
    script: ([program]) => (program === "nft" ? { status: 1, stderr: "no", takes: 30 } : {}),
  });
  const ended: number[] = [];
  host.run(["nft", "-f", "-"], "flush", ({ status }) => ended.push(status));
  host.run(["true"], "", ({ status }) => ended.push(status));
  assert.deepEqual(ended, []);
  host.clock.advance(30);
  assert.deepEqual(ended, [0, 1]);
  assert.deepEqual(host.ran[0], { command: ["nft", "-f", "-"], input: "flush" });
});

test("a local connection carries text both ways and tells its end once", () => {
  const host = memoryHost();
  let closed = 0;
  const listener = host.listenLocal("/run/a.sock", 0o600, (connection) => ({
    onBytes: (bytes) => {
      connection.send(utf8(fromUtf8(bytes)!.toUpperCase()));
      connection.close();
    },
    onClose: () => closed++,
  }));
  const client = host.localClient("/run/a.sock");
  client.send("hello");
  host.clock.advance(0);
  client.close();
  host.clock.advance(0);
  assert.deepEqual([client.received, client.closed, closed], ["HELLO", true, 1]);
  listener.close();
  assert.throws(() => host.localClient("/run/a.sock"), HostFailure);
});
