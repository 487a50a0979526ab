import { assert, providers, seeded, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files } from "../../src/host/host.ts";
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
  const client = host.connectLocal("/run/a.sock");
  client.send("hello");
  host.clock.advance(0);
  client.close();
  host.clock.advance(0);
  assert.deepEqual([client.received, client.closed, closed], ["HELLO", true, 1]);
  listener.close();
  assert.throws(() => host.connectLocal("/run/a.sock"), HostFailure);
});
