// The contract of host.ts, held by the Node host over real sockets, files and programs.
import { mkdtempSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { assert, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files, Host, ProcessResult, SocketAddress } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { MAX_OUTPUT_BYTES, MAX_UNREAD_BYTES } from "../../src/host/limits.ts";

// No test here touches files through the host; those have a contract of their own.
const noFiles = {} as unknown as Files;
const logged: string[] = [];
const host: Host = nodeHost({ files: noFiles, writeLog: (line) => void logged.push(line) });

interface Received {
  readonly bytes: Uint8Array;
  readonly from: SocketAddress;
}

async function echoOnce(address: string): Promise<{ reply: Received; server: SocketAddress }> {
  const server = host.udp({ address, port: 0 }, (bytes, from) =>
    server.send(utf8(`${fromUtf8(bytes)} back`), from),
  );
  const reply = await new Promise<Received>((resolve) => {
    const client = host.udp({ address, port: 0 }, (bytes, from) => {
      client.close();
      resolve({ bytes, from });
    });
    client.send(utf8("there"), server.local);
  });
  server.close();
  return { reply, server: server.local };
}

for (const address of ["127.0.0.1", "::1"]) {
  test(`udp over ${address}: the port is known at once and a datagram goes there and back`, async () => {
    const { reply, server } = await echoOnce(address);
    assert.ok(server.port > 0);
    assert.equal(fromUtf8(reply.bytes), "there back");
    assert.deepEqual(reply.from, server);
  });
}

test("udp: both families share one port number, and a taken port is EADDRINUSE", () => {
  const four = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
  const six = host.udp({ address: "::", port: four.local.port }, () => {});
  const failure = assert.throws(() => host.udp(four.local, () => {}), HostFailure);
  assert.equal(failure.message, `udp bind 127.0.0.1 port ${four.local.port}: EADDRINUSE`);
  four.close();
  six.close();
});

test("udp: a name is no address, and an address of another machine cannot be bound", () => {
  const named = assert.throws(
    () => host.udp({ address: "localhost", port: 0 }, () => {}),
    HostFailure,
  );
  assert.equal(named.errno, "EINVAL");
  // 192.0.2.0/24 is for documentation (RFC 5737) and belongs to nobody.
  const foreign = assert.throws(
    () => host.udp({ address: "192.0.2.1", port: 0 }, () => {}),
    HostFailure,
  );
  assert.equal(foreign.errno, "EADDRNOTAVAIL");
});

test("udp: sending to the other family is logged, not thrown, and sending after close is nothing", () => {
  const socket = host.udp({ address: "127.0.0.1", port: 0 }, () => {});
  logged.length = 0;
  socket.send(utf8("x"), { address: "::1", port: 9 });
  socket.send(utf8("x"), { address: "::1", port: 9 });
  assert.deepEqual(logged, ["warning udp send to ::1 port 9: EAFNOSUPPORT\n"]);
  socket.close();
  socket.close();
  socket.send(utf8("x"), { address: "127.0.0.1", port: 9 });
});

test("a timer runs once, never before its time; a cancelled one never", async () => {
  const start = host.mono();
  const cancelled = host.setTimer(mono(start + 5), () => assert.fail("ran after cancel"));
  cancelled.cancel();
  const late = await new Promise<number>((resolve) => {
    host.setTimer(mono(start + 20), () => resolve(host.mono()));
  });
  assert.ok(late >= start + 20);
  await new Promise<void>((resolve) => void host.setTimer(mono(start - 1000), resolve));
});

test("a timer beyond the 31 bits of setTimeout waits instead of running at once", async () => {
  const far = host.setTimer(mono(host.mono() + 2 ** 40), () => assert.fail("ran at once"));
  await new Promise<void>((resolve) => void host.setTimer(mono(host.mono() + 10), resolve));
  far.cancel();
});

test("a bug in a callback is logged with its stack and the host stays", async () => {
  logged.length = 0;
  host.setTimer(host.mono(), () => {
    throw new TypeError("broken\nhere");
  });
  await new Promise<void>((resolve) => void host.setTimer(mono(host.mono() + 5), resolve));
  assert.equal(logged[0], "error bug: TypeError: broken\n");
  assert.match(logged.join(""), /error bug: {5}at /);
});

test("a log line stays one line, in plain and in syslog form", () => {
  const lines: string[] = [];
  const plain = nodeHost({ files: noFiles, writeLog: (line) => void lines.push(line) });
  const syslog = nodeHost({
    files: noFiles,
    logStyle: "syslog",
    writeLog: (line) => void lines.push(line),
  });
  plain.log("warning", "name is a\nerror forged \u001b[2J");
  syslog.log("error", "disk full");
  assert.deepEqual(lines, ["warning name is a\\x0aerror forged \\x1b[2J\n", "<3>disk full\n"]);
});

test("random bytes have the length asked for and differ from call to call", () => {
  assert.equal(host.random(32).length, 32);
  assert.notEqual(String(host.random(32)), String(host.random(32)));
});

function run(command: readonly string[], input = ""): Promise<ProcessResult> {
  return new Promise((resolve) => host.run(command, input, resolve));
}

test("run: words are arguments, not shell text; input, both outputs and the status come through", async () => {
  assert.deepEqual(await run(["printf", "%s", "$(id); *"]), {
    status: 0,
    stdout: "$(id); *",
    stderr: "",
  });
  assert.deepEqual(await run(["sh", "-c", "cat; echo no >&2; exit 3"], "in"), {
    status: 3,
    stdout: "in",
    stderr: "no\n",
  });
});

test("run: a missing program is status 127, one that cannot be run 126, a killed one 128 and its signal", async () => {
  assert.deepEqual(await run(["/nonexistent/nft"]), {
    status: 127,
    stdout: "",
    stderr: "/nonexistent/nft: ENOENT",
  });
  assert.equal((await run(["/"])).status, 126);
  assert.equal((await run([])).status, 126);
  assert.equal((await run(["sh", "-c", "kill -9 $$"])).status, 137);
});

test("run: a program that takes longer than it may is killed, one that ends in time is not", async () => {
  const hasty = nodeHost({ files: noFiles, maxRunMilliseconds: 2000 });
  const [late, early] = await Promise.all(
    [["sleep", "60"], ["true"]].map(
      (command) => new Promise<ProcessResult>((resolve) => hasty.run(command, "", resolve)),
    ),
  );
  assert.deepEqual(late, { status: 137, stdout: "", stderr: "" });
  assert.deepEqual(early, { status: 0, stdout: "", stderr: "" });
});

test("run: a program that ignores its input does no harm, and its output is cut at the bound", async () => {
  const ignored = await run(["true"], "x".repeat(1 << 20));
  assert.equal(ignored.status, 0);
  const { status, stdout } = await run([
    "head",
    "-c",
    String(MAX_OUTPUT_BYTES + 5000),
    "/dev/zero",
  ]);
  assert.deepEqual([status, stdout.length], [0, MAX_OUTPUT_BYTES]);
});

test("run: a program sees PATH and the locale of no place, nothing else of our environment", async () => {
  process.env["HOMECA_TEST_SECRET"] = "leaks";
  const { stdout } = await run(["env"]);
  delete process.env["HOMECA_TEST_SECRET"];
  const names = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]!)
    .sort((a, b) => (a < b ? -1 : 1));
  assert.deepEqual(names, ["LC_ALL", "PATH"]);
});

async function inFolder(
  body: (socketPath: string, folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-local-"));
  try {
    await body(path.join(folder, "homeca.sock"), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const shout = (socketPath: string) =>
  host.listenLocal(socketPath, 0o600, (connection) => ({
    onBytes: (bytes) => {
      connection.send(utf8((fromUtf8(bytes) ?? "").toUpperCase()));
      connection.close();
    },
    onClose: () => {},
  }));

function ask(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    net
      .connect(socketPath, function (this: net.Socket) {
        this.write(text);
      })
      .on("data", (part) => (answer += part.toString()))
      .on("error", reject)
      .on("close", () => resolve(answer));
  });
}

test("a local socket is born with its mode whatever the umask, and answers", async () => {
  await inFolder(async (socketPath) => {
    const before = process.umask(0);
    const listener = shout(socketPath);
    assert.equal(process.umask(before), 0, "the umask is given back");
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    assert.equal(await ask(socketPath, "hello"), "HELLO");
    listener.close();
    assert.ok(!existsSync(socketPath));
  });
});

test("a stale socket is replaced, a living one is EADDRINUSE, a file of that name is left alone", async () => {
  await inFolder(async (socketPath) => {
    const dies = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", dies, socketPath]);
    assert.ok(statSync(socketPath).isSocket(), "the dead program left its socket");
    const listener = shout(socketPath);
    assert.equal(assert.throws(() => shout(socketPath), HostFailure).errno, "EADDRINUSE");
    assert.equal(await ask(socketPath, "still"), "STILL");
    listener.close();
    writeFileSync(socketPath, "precious");
    assert.equal(assert.throws(() => shout(socketPath), HostFailure).errno, "EEXIST");
  });
});

test("a local socket in a missing folder is ENOENT, one with too long a name ENAMETOOLONG", async () => {
  await inFolder((_, folder) => {
    const missing = path.join(folder, "none", "a.sock");
    assert.equal(
      assert.throws(() => shout(missing), HostFailure).message,
      `listen at ${missing}: ENOENT`,
    );
    const long = path.join(folder, "x".repeat(108));
    assert.equal(assert.throws(() => shout(long), HostFailure).errno, "ENAMETOOLONG");
  });
});

test("a bug while accepting ends that connection only", async () => {
  await inFolder(async (socketPath) => {
    let first = true;
    const listener = host.listenLocal(socketPath, 0o600, (connection) => {
      if (first) {
        first = false;
        throw new Error("bug");
      }
      return {
        onBytes: (bytes) => (connection.send(bytes), connection.close()),
        onClose: () => {},
      };
    });
    assert.equal(await ask(socketPath, "one").catch(() => ""), "");
    assert.equal(await ask(socketPath, "two"), "two");
    listener.close();
  });
});

test("a connection that was closed here is gone, answered in full, though its peer never ends it", async () => {
  await inFolder(async (socketPath) => {
    let answer = "";
    let gone = (): void => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    const listener = host.listenLocal(socketPath, 0o600, (connection) => ({
      onBytes: () => {
        connection.send(new Uint8Array(1 << 20).fill(0x61));
        connection.close();
      },
      onClose: gone,
    }));
    const peer = net.connect({ path: socketPath, allowHalfOpen: true }, () => peer.write("go"));
    const read = new Promise((resolve) => peer.on("end", resolve));
    peer.on("data", (part) => (answer += part.toString()));
    peer.on("error", () => {});
    await Promise.all([closed, read]);
    peer.destroy();
    listener.close();
    assert.equal(answer.length, 1 << 20);
  });
});

test("a reader may leave as much unread as the bound says, and not an octet more", async () => {
  await inFolder(async (socketPath) => {
    const ends: string[] = [];
    const listener = host.listenLocal(socketPath, 0o600, (connection) => ({
      onBytes: (bytes) => {
        const extra = fromUtf8(bytes) === "one more" ? 1 : 0;
        // One write, of which the kernel takes a part at the most: all of it counts until it is gone.
        connection.send(new Uint8Array(MAX_UNREAD_BYTES + extra));
        connection.close();
      },
      onClose: () => {},
    }));
    for (const word of ["as much", "one more"]) {
      ends.push(
        await new Promise<string>((resolve) => {
          let read = 0;
          net
            .connect(socketPath, function (this: net.Socket) {
              this.write(word);
            })
            .on("data", (part) => (read += part.length))
            .on("error", () => {})
            .on("close", () => resolve(read === MAX_UNREAD_BYTES ? "all" : "cut"));
        }),
      );
    }
    listener.close();
    assert.deepEqual(ends, ["all", "cut"]);
  });
});

test("a reader that takes no answers is cut off once too much waits for it", async () => {
  await inFolder(async (socketPath) => {
    await new Promise<void>((resolve) => {
      const listener = host.listenLocal(socketPath, 0o600, (connection) => ({
        onBytes: () => {
          for (let sent = 0; sent < 16; sent++) connection.send(new Uint8Array(1 << 20));
        },
        onClose: () => {
          listener.close();
          resolve();
        },
      }));
      const idle = net.connect(socketPath, () => idle.write("go"));
      idle.pause();
      idle.on("error", () => {});
    });
  });
});
