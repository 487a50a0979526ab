// The contract of stream sockets in the file system, both ends, over every host of this engine.
import { assert, test } from "#kit";
import { STAGES } from "#stages";
import { fromUtf8, utf8 } from "../../../src/base/bytes.ts";
import { HostFailure } from "../../../src/host/host.ts";
import type { Host, Listener, StreamConnection } from "../../../src/host/host.ts";
import { MAX_UNREAD_BYTES } from "../../../src/host/limits.ts";
import { onStage } from "../../kit/stage.ts";
import type { Stage } from "../../kit/stage.ts";

/** What one connection heard, and how it ended. */
class Client {
  connection: StreamConnection | null = null;
  text = "";
  length = 0;
  readonly events: string[] = [];
  failure: string | null = null;

  constructor(host: Host, path: string, first: string) {
    host.connectLocal(
      path,
      (connection) => {
        this.connection = connection;
        connection.send(utf8(first));
        return {
          onBytes: (bytes) => {
            this.length += bytes.length;
            if (bytes.length < 1000) this.text += fromUtf8(bytes) ?? "";
          },
          onEnd: () => this.events.push("end"),
          onDrained: () => {},
          onClose: () => this.events.push("close"),
        };
      },
      ({ message }) => (this.failure = message),
    );
  }
}

const shout = (host: Host, path: string): Listener =>
  host.listenLocal(path, 0o600, (connection) => ({
    onBytes: (bytes) => {
      connection.send(utf8((fromUtf8(bytes) ?? "").toUpperCase()));
      connection.close();
    },
    onClose: () => {},
  }));

async function asked({ host, until }: Stage, path: string, text: string): Promise<string> {
  const client = new Client(host, path, text);
  await until(() => client.failure !== null || client.events.includes("end"));
  client.connection?.close();
  return client.failure ?? client.text;
}

for (const maker of STAGES) {
  const { kind } = maker;
  const suite = (name: string, body: (stage: Stage, path: string) => Promise<void> | void): void =>
    test(`${kind} local: ${name}`, () =>
      onStage(maker, (stage) => body(stage, `${stage.folder}/a.sock`)));
  // What the memory twin has no file system for.
  const real: typeof suite = kind === "memory" ? () => {} : suite;

  suite("bytes go both ways, and whoever listens no more is not there", async (stage, path) => {
    const listener = shout(stage.host, path);
    assert.equal(await asked(stage, path, "hello"), "HELLO");
    assert.equal(await asked(stage, path, "again"), "AGAIN");
    listener.close();
    await stage.settle();
    assert.equal(await asked(stage, path, "gone"), `connect to ${path}: ENOENT`);
  });

  suite("a living listener keeps its name", (stage, path) => {
    const listener = shout(stage.host, path);
    assert.equal(assert.throws(() => shout(stage.host, path), HostFailure).errno, "EADDRINUSE");
    listener.close();
  });

  suite("an attempt that was given up is heard of no more", async ({ host, settle }, path) => {
    const listener = shout(host, path);
    const fail = (): never => assert.fail("it was heard of");
    host.connectLocal(path, fail, fail).cancel();
    host.connectLocal(`${path}.none`, fail, fail).cancel();
    await settle();
    listener.close();
  });

  suite("closing the listener ends its connections", async ({ host, until }, path) => {
    const listener = host.listenLocal(path, 0o600, () => ({
      onBytes: () => {},
      onClose: () => {},
    }));
    const client = new Client(host, path, "waits");
    await until(() => client.connection !== null);
    listener.close();
    await until(() => client.events.length > 0);
    client.connection!.close();
    await until(() => client.events.includes("close"));
  });

  suite("what was sent before a close arrives whole", async ({ host, until }, path) => {
    const size = 1 << 20;
    const listener = host.listenLocal(path, 0o600, (connection) => ({
      onBytes: () => {
        connection.send(new Uint8Array(size));
        connection.close();
      },
      onClose: () => {},
    }));
    const client = new Client(host, path, "go");
    await until(() => client.events.includes("end"));
    assert.equal(client.length, size);
    client.connection!.close();
    listener.close();
  });

  real("a socket is born with its mode, and its name goes with the listener", ({ host }, path) => {
    const listener = shout(host, path);
    assert.deepEqual(
      [host.files.facts(path)?.mode, host.files.facts(path)?.kind],
      [0o600, "other"],
    );
    listener.close();
    assert.equal(host.files.facts(path), null);
  });

  real("a file of that name is left alone", ({ host }, path) => {
    host.files.replaceDurably(path, utf8("precious"), 0o600);
    assert.equal(assert.throws(() => shout(host, path), HostFailure).errno, "EEXIST");
    assert.equal(fromUtf8(host.files.read(path)!), "precious");
  });

  real(
    "in a missing folder it is ENOENT, with too long a name ENAMETOOLONG",
    async (stage, path) => {
      const { host, folder } = stage;
      const missing = `${folder}/none/a.sock`;
      assert.equal(
        assert.throws(() => shout(host, missing), HostFailure).message,
        `listen at ${missing}: ENOENT`,
      );
      const long = path.padEnd(108, "x");
      assert.equal(assert.throws(() => shout(host, long), HostFailure).errno, "ENAMETOOLONG");
      assert.equal(await asked(stage, long, "x"), `connect to ${long}: ENAMETOOLONG`);
    },
  );

  real("nobody behind a name is ECONNREFUSED", async (stage, path) => {
    // A socket whose listener died: the name stays.
    stage.host.run(
      [
        "perl",
        "-MSocket",
        "-e",
        `socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un($ARGV[0]))`,
        path,
      ],
      "",
      () => {},
    );
    await stage.until(() => stage.host.files.facts(path) !== null);
    assert.equal(await asked(stage, path, "x"), `connect to ${path}: ECONNREFUSED`);
    const listener = shout(stage.host, path);
    assert.equal(await asked(stage, path, "still"), "STILL");
    listener.close();
  });

  real("a bug while accepting ends that connection alone", async (stage, path) => {
    let first = true;
    const listener = stage.host.listenLocal(path, 0o600, (connection) => {
      if (first) {
        first = false;
        throw new Error("accepting");
      }
      return { onBytes: (bytes) => connection.send(bytes), onClose: () => {} };
    });
    const [one, two] = [new Client(stage.host, path, "one"), new Client(stage.host, path, "two")];
    await stage.until(() => two.text === "two" && one.events.length > 0);
    assert.equal(one.text, "");
    assert.ok(stage.logged.some((line) => line.includes("accepting")));
    for (const { connection } of [one, two]) connection?.reset();
    listener.close();
  });

  real(
    "a reader that takes no answers is cut off once too much waits for it",
    async ({ host, until }, path) => {
      let closed = false;
      const listener = host.listenLocal(path, 0o600, (connection) => ({
        onBytes: () => {
          connection.send(new Uint8Array(MAX_UNREAD_BYTES));
          connection.send(new Uint8Array(MAX_UNREAD_BYTES));
        },
        onClose: () => (closed = true),
      }));
      const idle = new Client(host, path, "go");
      await until(() => idle.connection !== null);
      idle.connection!.pause();
      await until(() => closed);
      idle.connection!.reset();
      listener.close();
    },
  );
}
