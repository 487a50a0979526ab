// The contract of TCP in host.ts, one suite over every host of this engine: what the memory twin promises the real one keeps.
import { assert, test } from "#kit";
import { STAGES } from "#stages";
import { concat, fromUtf8, utf8 } from "../../../src/base/bytes.ts";
import { HostFailure, MAX_TCP_CONNECTIONS, MAX_UNSENT_BYTES } from "../../../src/host/host.ts";
import type {
  SocketAddress,
  StreamConnection,
  StreamHandlers,
  TcpListener,
} from "../../../src/host/host.ts";
import { onStage } from "../../kit/stage.ts";
import type { Stage } from "../../kit/stage.ts";

/** What a test that failed left open would keep the process from its end. */
const ends = new Set<StreamConnection>();
const listeners = new Set<TcpListener>();

function endAll(): void {
  for (const listener of listeners) listener.close();
  for (const connection of ends) connection.reset();
  listeners.clear();
  ends.clear();
}

/** One end, and what it heard. */
class End implements StreamHandlers {
  readonly connection: StreamConnection;
  readonly from: SocketAddress | null;
  readonly events: string[] = [];
  #parts: Uint8Array[] = [];
  #length = 0;
  onText: (text: string) => void = () => {};

  constructor(connection: StreamConnection, from: SocketAddress | null = null) {
    this.connection = connection;
    this.from = from;
    ends.add(connection);
  }

  get text(): string {
    return fromUtf8(concat(...this.#parts)) ?? "";
  }

  get length(): number {
    return this.#length;
  }

  get closed(): boolean {
    return this.events.includes("close");
  }

  onBytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    this.onText(fromUtf8(bytes) ?? "");
  }

  onEnd(): void {
    this.events.push("end");
  }

  onDrained(): void {
    this.events.push("drained");
  }

  onClose(): void {
    this.events.push("close");
  }
}

interface Pair {
  readonly near: End;
  readonly far: End;
  readonly listener: TcpListener;
}

async function connected(stage: Stage, address = "127.0.0.1"): Promise<Pair> {
  let near: End | null = null;
  let far: End | null = null;
  const { host } = stage;
  const listener = host.listenTcp({ address, port: 0 }, (connection, from) => {
    far = new End(connection, from);
    return far;
  });
  host.connectTcp(
    listener.local,
    (connection) => (near = new End(connection)),
    (failure) => assert.fail(failure.message),
  );
  listeners.add(listener);
  await stage.until(() => near !== null && far !== null);
  return { near: near!, far: far!, listener };
}

for (const maker of STAGES) {
  const { kind } = maker;
  const suite = (name: string, body: (stage: Stage) => Promise<void> | void): void =>
    test(`${kind} tcp: ${name}`, () => onStage(maker, body).finally(endAll));
  // What the memory twin has no kernel for.
  const real: typeof suite = kind === "memory" ? () => {} : suite;

  for (const address of ["127.0.0.1", "::1"]) {
    suite(`over ${address} bytes go both ways, and the port is known at once`, async (stage) => {
      const { near, far, listener } = await connected(stage, address);
      assert.ok(listener.local.port > 0);
      assert.equal(listener.local.address, address);
      assert.ok(far.from!.port > 0 && far.from!.port !== listener.local.port);
      near.connection.send(utf8("there"));
      await stage.until(() => far.text === "there");
      far.connection.send(utf8("and "));
      far.connection.send(utf8("back"));
      await stage.until(() => near.text === "and back");
      near.connection.close();
      await stage.until(() => near.closed);
      far.connection.end();
      await stage.until(() => far.closed);
      listener.close();
    });
  }

  suite("a taken port is EADDRINUSE, nobody there is ECONNREFUSED, said once", async (stage) => {
    const { host } = stage;
    const nobody = (): StreamHandlers => assert.fail("somebody came");
    const listener = host.listenTcp({ address: "127.0.0.1", port: 0 }, nobody);
    const { port } = listener.local;
    const taken = assert.throws(() => host.listenTcp(listener.local, nobody), HostFailure);
    assert.equal(taken.message, `tcp listen at 127.0.0.1 port ${port}: EADDRINUSE`);
    listener.close();
    await stage.settle();
    const failures: string[] = [];
    host.connectTcp(listener.local, nobody, (failure) => failures.push(failure.message));
    assert.deepEqual(failures, []);
    await stage.until(() => failures.length > 0);
    await stage.settle();
    assert.deepEqual(failures, [`tcp connect to 127.0.0.1 port ${port}: ECONNREFUSED`]);
  });

  suite("an attempt that was given up is heard of no more", async (stage) => {
    const { host } = stage;
    const accepted: End[] = [];
    const listener = host.listenTcp({ address: "127.0.0.1", port: 0 }, (connection) => {
      const end = new End(connection);
      accepted.push(end);
      return end;
    });
    const attempt = host.connectTcp(
      listener.local,
      () => assert.fail("it was opened"),
      () => assert.fail("it failed"),
    );
    attempt.cancel();
    attempt.cancel();
    await stage.settle();
    listener.close();
  });

  suite(
    "each end closes its half: what comes after the peer's end is still heard",
    async (stage) => {
      const { near, far, listener } = await connected(stage);
      near.connection.send(utf8("question"));
      near.connection.end();
      await stage.until(() => far.events.includes("end"));
      assert.equal(far.text, "question");
      near.connection.send(utf8("too late"));
      far.connection.send(utf8("answer"));
      await stage.until(() => near.text === "answer");
      await stage.settle();
      assert.equal(near.closed || far.closed, false);
      far.connection.end();
      await stage.until(() => near.closed && far.closed);
      assert.equal(far.text, "question");
      assert.deepEqual(near.events, ["drained", "end", "close"]);
      listener.close();
    },
  );

  suite(
    "a connection that is closed is answered in full, though its peer never ends it",
    async (stage) => {
      const { near, far, listener } = await connected(stage);
      const size = MAX_UNSENT_BYTES;
      far.connection.send(new Uint8Array(size).fill(0x61));
      far.connection.close();
      await stage.until(() => near.length === size && near.events.includes("end"));
      await stage.until(() => far.closed);
      assert.deepEqual(far.events, ["close"]);
      near.connection.end();
      await stage.until(() => near.closed);
      listener.close();
    },
  );

  suite("after close nothing of the peer is heard, and sending is nothing", async (stage) => {
    const { near, far, listener } = await connected(stage);
    far.connection.close();
    near.connection.send(utf8("unheard"));
    far.connection.send(utf8("unsaid"));
    await stage.until(() => far.closed);
    assert.deepEqual([far.text, near.text], ["", ""]);
    near.connection.reset();
    await stage.until(() => near.closed);
    listener.close();
  });

  suite("a reset ends both at once, each hears its end once and nothing after", async (stage) => {
    const { near, far, listener } = await connected(stage);
    near.connection.reset();
    near.connection.reset();
    await stage.until(() => near.closed && far.closed);
    near.connection.send(utf8("x"));
    far.connection.send(utf8("x"));
    far.connection.end();
    far.connection.close();
    await stage.settle();
    assert.deepEqual(near.events, ["close"]);
    assert.deepEqual(far.events, ["close"]);
    listener.close();
  });

  suite("what waits to leave is counted, and its end is told", async (stage) => {
    const { near, far, listener } = await connected(stage);
    far.connection.pause();
    const size = MAX_UNSENT_BYTES;
    let sent = 0;
    // The kernel takes what it has room for, on either side.
    for (; near.connection.unsent === 0 && sent < 64 * size; sent += size / 2) {
      near.connection.send(new Uint8Array(size / 2));
    }
    assert.ok(near.connection.unsent > 0 && near.connection.unsent <= size);
    await stage.settle();
    assert.deepEqual([far.length, near.closed], [0, false]);
    far.connection.resume();
    await stage.until(() => far.length === sent);
    await stage.until(() => near.events.includes("drained"));
    assert.equal(near.connection.unsent, 0);
    near.connection.reset();
    listener.close();
  });

  suite(
    "a peer that takes nothing may leave as much as the bound says, and no more",
    async (stage) => {
      const { near, far, listener } = await connected(stage);
      far.connection.pause();
      near.connection.send(new Uint8Array(MAX_UNSENT_BYTES));
      await stage.settle();
      assert.equal(near.closed, false);
      for (let sent = 0; sent < 16 && !near.closed; sent++) {
        near.connection.send(new Uint8Array(MAX_UNSENT_BYTES));
        await stage.settle();
      }
      assert.ok(near.closed, "it was not cut off");
      listener.close();
    },
  );

  suite("while it is paused nothing comes, and nothing is lost", async (stage) => {
    const { near, far, listener } = await connected(stage);
    far.connection.pause();
    near.connection.send(utf8("kept"));
    near.connection.end();
    await stage.settle();
    assert.deepEqual([far.text, far.events], ["", []]);
    far.connection.resume();
    await stage.until(() => far.events.includes("end"));
    assert.equal(far.text, "kept");
    far.connection.end();
    await stage.until(() => far.closed && near.closed);
    listener.close();
  });

  suite("many connections are kept apart; one beyond the bound is reset unheard", async (stage) => {
    const { host } = stage;
    const near: End[] = [];
    const far: End[] = [];
    const listener = host.listenTcp({ address: "127.0.0.1", port: 0 }, (connection) => {
      const end = new End(connection);
      end.onText = (text) => connection.send(utf8(text.toUpperCase()));
      far.push(end);
      return end;
    });
    listeners.add(listener);
    let refused = 0;
    const connect = (): void => {
      host.connectTcp(
        listener.local,
        (connection) => {
          const end = new End(connection);
          near.push(end);
          return end;
        },
        // The reset may be there before its own end has looked whether it is connected.
        (failure) => (failure.errno === "ECONNRESET" ? refused++ : assert.fail(failure.message)),
      );
    };
    for (let count = 0; count < MAX_TCP_CONNECTIONS; count++) connect();
    await stage.until(() => far.length === MAX_TCP_CONNECTIONS);
    await stage.until(() => near.length === MAX_TCP_CONNECTIONS);
    for (const [at, { connection }] of near.entries()) connection.send(utf8(`number ${at}`));
    await stage.until(() => near.every(({ text }, at) => text === `NUMBER ${at}`));
    connect();
    await stage.until(() => refused === 1 || near[MAX_TCP_CONNECTIONS]?.closed === true);
    assert.equal(far.length, MAX_TCP_CONNECTIONS);

    near[0]!.connection.reset();
    await stage.until(() => far.some(({ closed }) => closed));
    connect();
    await stage.until(() => far.length === MAX_TCP_CONNECTIONS + 1);
    listener.close();
    await stage.until(() => far.every(({ closed }) => closed));
    await stage.until(() => near.every(({ closed, events }) => closed || events.includes("end")));
    for (const { connection } of near) connection.reset();
  });

  real("a name is no address, and an address of another machine cannot be bound", ({ host }) => {
    const nobody = (): StreamHandlers => assert.fail("somebody came");
    const errno = (body: () => unknown): string => assert.throws(body, HostFailure).errno;
    const named = { address: "localhost", port: 1 };
    assert.equal(
      errno(() => host.listenTcp(named, nobody)),
      "EINVAL",
    );
    assert.equal(
      errno(() => host.connectTcp(named, nobody, () => {})),
      "EINVAL",
    );
    // 192.0.2.0/24 is for documentation (RFC 5737) and belongs to nobody.
    assert.equal(
      errno(() => host.listenTcp({ address: "192.0.2.1", port: 0 }, nobody)),
      "EADDRNOTAVAIL",
    );
  });

  real("both families share one port number", ({ host }) => {
    const nobody = (): StreamHandlers => assert.fail("somebody came");
    const six = host.listenTcp({ address: "::", port: 0 }, nobody);
    const four = host.listenTcp({ address: "0.0.0.0", port: six.local.port }, nobody);
    four.close();
    six.close();
  });

  real("a bug while accepting, or later, ends nothing but its own", async (stage) => {
    const { host, logged } = stage;
    let first = true;
    const listener = host.listenTcp({ address: "127.0.0.1", port: 0 }, (connection) => {
      if (first) {
        first = false;
        throw new Error("accepting");
      }
      const end = new End(connection);
      end.onText = (text) => {
        connection.send(utf8(text));
        throw new Error("reading");
      };
      return end;
    });
    listeners.add(listener);
    const near: End[] = [];
    let refused = 0;
    const connect = (): void =>
      void host.connectTcp(
        listener.local,
        (connection) => {
          const end = new End(connection);
          near.push(end);
          return end;
        },
        () => refused++,
      );
    connect();
    await stage.until(() => refused === 1 || near[0]?.closed === true);
    connect();
    await stage.until(() => near.length + refused === 2);
    near.at(-1)!.connection.send(utf8("echo"));
    await stage.until(() => near.at(-1)!.text === "echo");
    assert.ok(logged.some((line) => line.includes("accepting")));
    assert.ok(logged.some((line) => line.includes("reading")));
  });
}
