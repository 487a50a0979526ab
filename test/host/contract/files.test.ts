// One suite over every implementation of Files: what the memory twin promises the real one keeps.
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../src/base/bytes.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import { nodeFiles } from "../../src/host/node/files.ts";

const ONE = hex("01 0a 00 ff");
const TWO = utf8("two");

function withNode(body: (files: Files, root: string) => void): void {
  const root = mkdtempSync(path.join(tmpdir(), "homeca-files-"));
  try {
    body(nodeFiles, root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function withMemory(body: (files: Files, root: string) => void): void {
  const files = new MemoryFiles();
  files.makeDirectory("/var", 0o755);
  body(files, "/var");
}

for (const [kind, within] of [
  ["node", withNode],
  ["memory", withMemory],
] as const) {
  const suite = (name: string, body: (files: Files, root: string) => void): void =>
    test(`${kind} files: ${name}`, () => within(body));
  const errno = (body: () => unknown): string => assert.throws(body, HostFailure).errno;

  suite("what is not there is null, and removing it is no failure", (files, root) => {
    assert.equal(files.read(`${root}/none`), null);
    assert.equal(files.facts(`${root}/none`), null);
    files.remove(`${root}/none`);
    assert.equal(
      errno(() => files.list(`${root}/none`)),
      "ENOENT",
    );
  });

  suite("replaceDurably makes and replaces, with the mode asked for", (files, root) => {
    files.replaceDurably(`${root}/a`, ONE, 0o600);
    assert.deepEqual(files.read(`${root}/a`), ONE);
    files.replaceDurably(`${root}/a`, TWO, 0o640);
    assert.deepEqual(files.read(`${root}/a`), TWO);
    const facts = files.facts(`${root}/a`);
    assert.deepEqual([facts?.mode, facts?.size, facts?.kind], [0o640, 3, "file"]);
    assert.deepEqual(files.list(root), ["a"]);
  });

  suite("createDurably makes once", (files, root) => {
    files.createDurably(`${root}/key`, ONE, 0o600);
    assert.equal(
      errno(() => files.createDurably(`${root}/key`, TWO, 0o600)),
      "EEXIST",
    );
    assert.deepEqual(files.read(`${root}/key`), ONE);
    assert.equal(files.facts(`${root}/key`)?.mode, 0o600);
    assert.deepEqual(files.list(root), ["key"]);
  });

  suite("an append file cuts to its length and grows from there", (files, root) => {
    const first = files.openAppend(`${root}/log`, 0o600, 0);
    first.appendDurably(ONE);
    first.appendDurably(TWO);
    assert.equal(first.size, 7);
    first.close();
    assert.equal(
      errno(() => first.appendDurably(ONE)),
      "EBADF",
    );
    const second = files.openAppend(`${root}/log`, 0o600, 4);
    assert.deepEqual(files.read(`${root}/log`), ONE);
    second.appendDurably(TWO);
    second.close();
    assert.deepEqual(files.read(`${root}/log`), hex("010a00ff 74776f"));
    assert.equal(files.facts(`${root}/log`)?.mode, 0o600);
    assert.equal(
      errno(() => files.openAppend(`${root}/log`, 0o600, 8)),
      "EINVAL",
    );
  });

  suite("a directory is made once, and listed by name in order", (files, root) => {
    files.makeDirectory(`${root}/d`, 0o700);
    files.makeDirectory(`${root}/d`, 0o700);
    assert.deepEqual(
      [files.facts(`${root}/d`)?.kind, files.facts(`${root}/d`)?.mode],
      ["directory", 0o700],
    );
    files.replaceDurably(`${root}/d/b`, ONE, 0o600);
    files.replaceDurably(`${root}/d/a`, ONE, 0o600);
    assert.deepEqual(files.list(`${root}/d`), ["a", "b"]);
    files.remove(`${root}/d/a`);
    assert.deepEqual(files.list(`${root}/d`), ["b"]);
    assert.equal(
      errno(() => files.makeDirectory(`${root}/d/b`, 0o700)),
      "EEXIST",
    );
    assert.equal(
      errno(() => files.makeDirectory(`${root}/no/d`, 0o700)),
      "ENOENT",
    );
  });

  suite("a file below a directory that is missing fails with ENOENT", (files, root) => {
    const inside = `${root}/none/file`;
    for (const body of [
      () => files.replaceDurably(inside, ONE, 0o600),
      () => files.createDurably(inside, ONE, 0o600),
      () => files.openAppend(inside, 0o600, 0),
      () => files.lock(inside),
    ]) {
      assert.equal(errno(body), "ENOENT");
    }
  });

  suite("a lock is had once", (files, root) => {
    assert.equal(files.lock(`${root}/lock`), true);
    assert.equal(files.lock(`${root}/lock`), false);
    assert.equal(files.lock(`${root}/other`), true);
  });
}

test("node files: the mode is as asked whatever the umask", () => {
  withNode((files, root) => {
    const before = process.umask(0o077);
    try {
      files.replaceDurably(`${root}/a`, ONE, 0o644);
      assert.equal(files.facts(`${root}/a`)?.mode, 0o644);
    } finally {
      process.umask(before);
    }
  });
});

test("node files: a file left beside by a crash is replaced, and a link in its place not followed", () => {
  withNode((files, root) => {
    writeFileSync(`${root}/target`, "mine");
    symlinkSync(`${root}/target`, `${root}/a.new`);
    files.replaceDurably(`${root}/a`, ONE, 0o600);
    assert.deepEqual(files.read(`${root}/target`), utf8("mine"));
    assert.deepEqual(files.list(root), ["a", "target"]);
    symlinkSync(`${root}/target`, `${root}/log`);
    const { errno } = assert.throws(() => files.openAppend(`${root}/log`, 0o600, 0), HostFailure);
    assert.equal(errno, "ELOOP");
    assert.equal(files.facts(`${root}/log`)?.kind, "other");
  });
});

test("node files: a full medium is ENOSPC", () => {
  // /dev/full takes no octet; it cannot be cut to a length either, so opening it fails already.
  const { errno } = assert.throws(
    () => nodeFiles.openAppend("/dev/full", 0o600, 0).appendDurably(ONE),
    HostFailure,
  );
  assert.ok(["ENOSPC", "EINVAL"].includes(errno), errno);
});

test("node files: a read that is forbidden is a HostFailure and not null", () => {
  withNode((files, root) => {
    files.makeDirectory(`${root}/d`, 0o700);
    const { errno } = assert.throws(() => files.read(`${root}/d`), HostFailure);
    assert.equal(errno, "EISDIR");
    chmodSync(`${root}/d`, 0o700);
  });
});

test("node files: a lock holds against another process and dies with its holder by SIGKILL", async () => {
  const root = mkdtempSync(path.join(tmpdir(), "homeca-lock-"));
  try {
    const script = path.join(root, "holder.mjs");
    await esbuild.build({
      stdin: {
        contents: `import { nodeFiles } from "./src/host/node/files.ts";
          const held = nodeFiles.lock(process.argv[2]);
          console.log(held);
          if (held) process.kill(process.pid, "SIGKILL");`,
        resolveDir: process.cwd(),
        loader: "ts",
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: script,
    });
    const hold = (): { signal: string | null; said: string } => {
      const { signal, stdout } = spawnSync(process.execPath, [script, `${root}/lock`], {
        encoding: "utf8",
      });
      return { signal, said: stdout };
    };
    assert.deepEqual(hold(), { signal: "SIGKILL", said: "true\n" });
    assert.deepEqual(hold(), { signal: "SIGKILL", said: "true\n" });
    assert.ok(nodeFiles.lock(`${root}/lock`));
    assert.deepEqual(hold(), { signal: null, said: "false\n" });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("memory files: power that is cut in an append leaves any of three tails", () => {
  for (const [torn, left] of [
    ["short", "aabb"],
    ["zeros", "aabb0000"],
    ["hole", "aabb0004"],
  ] as const) {
    const files = new MemoryFiles();
    const log = files.openAppend("/log", 0o600, 0);
    log.appendDurably(hex("aa"));
    files.cutPowerAfter(1);
    assert.throws(() => log.appendDurably(hex("bb0304")), PowerCut);
    assert.throws(() => files.read("/log"), PowerCut);
    assert.deepEqual(files.restart(torn).read("/log"), hex(left), torn);
  }
});

test("memory files: power that is cut in a replacement leaves the old file or the new", () => {
  const outcomes: string[] = [];
  for (let units = 0; ; units++) {
    const files = new MemoryFiles();
    files.plant("/a", hex("01"));
    files.cutPowerAfter(units);
    try {
      files.replaceDurably("/a", hex("02"), 0o600);
      break;
    } catch (failure) {
      assert.ok(failure instanceof PowerCut);
    }
    outcomes.push(String(files.restart().read("/a")![0]));
  }
  assert.deepEqual(outcomes, ["1", "1", "2"]);
});

test("memory files: full is ENOSPC and leaves everything as it was", () => {
  const files = new MemoryFiles();
  const log = files.openAppend("/log", 0o600, 0);
  log.appendDurably(ONE);
  files.limitTo(6);
  assert.equal(assert.throws(() => log.appendDurably(TWO), HostFailure).errno, "ENOSPC");
  assert.equal(
    assert.throws(() => files.replaceDurably("/a", TWO, 0o600), HostFailure).errno,
    "ENOSPC",
  );
  assert.deepEqual(files.read("/log"), ONE);
  log.appendDurably(hex("0102"));
});
