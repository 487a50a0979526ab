// What the Node host's files keep beyond the contract, over a real file system.
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../src/base/bytes.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files } from "../../src/host/host.ts";
import { nodeFiles } from "../../src/host/node/files.ts";

const ONE = hex("01 0a 00 ff");

function withNode(body: (files: Files, root: string) => void): void {
  const root = mkdtempSync(path.join(tmpdir(), "homeca-files-"));
  try {
    body(nodeFiles, root);
  } finally {
    rmSync(root, { recursive: true });
  }
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
