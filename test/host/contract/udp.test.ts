// The contract of UDP in host.ts, over every host of this engine.
import { assert, test } from "#kit";
import { STAGES } from "#stages";
import { fromUtf8, utf8 } from "../../../src/base/bytes.ts";
import { HostFailure } from "../../../src/host/host.ts";
import type { SocketAddress } from "../../../src/host/host.ts";
import { onStage } from "../../kit/stage.ts";
import type { Stage } from "../../kit/stage.ts";

for (const maker of STAGES) {
  const { kind } = maker;
  const suite = (name: string, body: (stage: Stage) => Promise<void> | void): void =>
    test(`${kind} udp: ${name}`, () => onStage(maker, body));
  // What the memory twin has no kernel for.
  const real: typeof suite = kind === "memory" ? () => {} : suite;

  for (const address of ["127.0.0.1", "::1"]) {
    suite(
      `over ${address} a datagram goes there and back, and the port is known at once`,
      async ({ host, until }) => {
        const answers: { readonly text: string | null; readonly from: SocketAddress }[] = [];
        const server = host.udp({ address, port: 0 }, (bytes, from) =>
          server.send(utf8(`${fromUtf8(bytes)} back`), from),
        );
        const client = host.udp({ address, port: 0 }, (bytes, from) =>
          answers.push({ text: fromUtf8(bytes), from }),
        );
        assert.ok(server.local.port > 0 && client.local.port > 0);
        client.send(utf8("there"), server.local);
        await until(() => answers.length > 0);
        assert.deepEqual(answers, [{ text: "there back", from: server.local }]);
        client.close();
        server.close();
      },
    );
  }

  suite("datagrams keep their bounds, the empty and the large one too", async ({ host, until }) => {
    const lengths: number[] = [];
    const server = host.udp({ address: "127.0.0.1", port: 0 }, (bytes) =>
      lengths.push(bytes.length),
    );
    const client = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
    for (const length of [0, 1, 1472, 60_000]) client.send(new Uint8Array(length), server.local);
    await until(() => lengths.length === 4);
    assert.deepEqual(lengths, [0, 1, 1472, 60_000]);
    client.close();
    server.close();
  });

  suite("a taken port is EADDRINUSE, named with its address", ({ host }) => {
    const socket = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
    const failure = assert.throws(() => host.udp(socket.local, () => {}), HostFailure);
    assert.equal(failure.message, `udp bind 127.0.0.1 port ${socket.local.port}: EADDRINUSE`);
    socket.close();
  });

  suite(
    "closing twice is nothing, and so is sending after it",
    async ({ host, settle, logged }) => {
      const server = host.udp({ address: "127.0.0.1", port: 0 }, () => assert.fail("it came"));
      const client = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
      client.close();
      client.close();
      client.send(utf8("x"), server.local);
      await settle();
      server.close();
      assert.deepEqual(logged, []);
    },
  );

  real("both families share one port number", ({ host }) => {
    const four = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
    const six = host.udp({ address: "::", port: four.local.port }, () => {});
    four.close();
    six.close();
  });

  real("a name is no address, and an address of another machine cannot be bound", ({ host }) => {
    const errno = (address: string): string =>
      assert.throws(() => host.udp({ address, port: 0 }, () => {}), HostFailure).errno;
    assert.equal(errno("localhost"), "EINVAL");
    // 192.0.2.0/24 is for documentation (RFC 5737) and belongs to nobody.
    assert.equal(errno("192.0.2.1"), "EADDRNOTAVAIL");
  });

  real("what cannot leave is logged once and not thrown", async ({ host, settle, logged }) => {
    const socket = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
    socket.send(utf8("x"), { address: "::1", port: 9 });
    socket.send(utf8("x"), { address: "::1", port: 9 });
    await settle();
    assert.deepEqual(logged, ["warning udp send to ::1 port 9: EAFNOSUPPORT"]);
    socket.close();
  });
}
