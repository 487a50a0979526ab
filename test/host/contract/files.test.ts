// One suite over every implementation of Files: what the memory twin promises the real one keeps.
import { assert, test } from "#kit";
import { STAGES } from "#stages";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { HostFailure } from "../../../src/host/host.ts";
import type { Files } from "../../../src/host/host.ts";
import { onStage } from "../../kit/stage.ts";

const ONE = hex("01 0a 00 ff");
const TWO = utf8("two");

for (const maker of STAGES) {
  const { kind } = maker;
  const suite = (name: string, body: (files: Files, root: string) => void): void =>
    test(`${kind} files: ${name}`, () =>
      onStage(maker, ({ host, folder }) => body(host.files, folder)));
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

  suite("an append file that must be new is refused where its name is taken", (files, root) => {
    const first = files.createAppend(`${root}/new`, 0o600);
    first.appendDurably(ONE);
    first.close();
    assert.equal(
      errno(() => files.createAppend(`${root}/new`, 0o600)),
      "EEXIST",
    );
    assert.deepEqual(files.read(`${root}/new`), ONE);
    assert.equal(files.facts(`${root}/new`)?.mode, 0o600);
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
      () => files.createAppend(inside, 0o600),
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
