import { assert, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import { MAX_SECRET, readSecret, SecretFailure } from "../../src/daemon/store/secret.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";

const KEY = "/key";

test("a secret is read where it is its owner's alone", () => {
  const files = new MemoryFiles();
  for (const mode of [0o600, 0o400]) {
    files.plant(KEY, utf8("secret"), mode);
    assert.deepEqual(readSecret(files, KEY), utf8("secret"));
  }
});

test("a secret that others may touch is refused at every bit, in one sentence with the fix", () => {
  for (const bit of [0o040, 0o020, 0o010, 0o004, 0o002, 0o001]) {
    const files = new MemoryFiles();
    files.plant(KEY, utf8("hunter2"), 0o600 | bit);
    const failure = assert.throws(() => readSecret(files, KEY), SecretFailure);
    assert.equal(failure.reason, "open-to-others");
    assert.match(
      failure.message,
      /^\/key is open to other users \(mode 06\d\d\): run `chmod 600 \/key`.*\.$/,
    );
    assert.ok(!failure.message.includes("hunter2"));
  }
});

test("a secret that is missing, a link or too large is refused", () => {
  const files = new MemoryFiles();
  const reason = (): string => assert.throws(() => readSecret(files, KEY), SecretFailure).reason;
  assert.equal(reason(), "missing");
  files.plant(KEY, utf8(""), 0o777, "other");
  assert.equal(reason(), "not-a-file");
  files.plant(KEY, new Uint8Array(MAX_SECRET + 1));
  assert.equal(reason(), "too-large");
  files.plant(KEY, new Uint8Array(MAX_SECRET));
  assert.equal(readSecret(files, KEY).length, MAX_SECRET);
});
