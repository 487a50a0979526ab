// What is Node's own beyond the contract, and its sockets in the file system beside Node's plain ones.
import { mkdtempSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { assert, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files, Host, ProcessResult } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { MAX_UNREAD_BYTES } from "../../src/host/limits.ts";

// No test here touches files through the host; those have a contract of their own.
const noFiles = {} as unknown as Files;
const host: Host = nodeHost({ files: noFiles, writeLog: () => {} });

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
