import fc from "fast-check";
import { assert, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { MAX_SECRET, readSecret, SecretFailure } from "../../src/daemon/store/secret.ts";
import { MAX_SIGHTINGS_FILE, Sightings } from "../../src/daemon/store/sightings.ts";
import { HostFailure } from "../../src/host/host.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MAX_DEVICES } from "../../src/policy/registry/registry.ts";

const KEY = "/key";
const SEEN = "/seen";
const ID = "deviceaaaaaaaaaa";

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

test("sightings are written when flushed and not before, and read again", () => {
  const files = new MemoryFiles();
  const sightings = new Sightings(files, SEEN);
  sightings.flush();
  assert.equal(files.read(SEEN), null);
  sightings.note(ID, unix(10));
  sightings.note(ID, unix(20));
  assert.equal(files.read(SEEN), null);
  sightings.flush();
  assert.equal(fromUtf8(files.read(SEEN)!), `${ID} 20 2\n`);
  assert.equal(files.facts(SEEN)?.mode, 0o600);
  assert.deepEqual(new Sightings(files, SEEN).of(ID), { lastSeen: 20, joins: 2 });
});

test("a flush that fails is due again", () => {
  const files = new MemoryFiles();
  const sightings = new Sightings(files, SEEN);
  sightings.note(ID, unix(10));
  files.failNext("replaceDurably", "ENOSPC");
  assert.throws(() => sightings.flush(), HostFailure);
  sightings.flush();
  assert.ok(files.read(SEEN) !== null);
});

test("devices that are forgotten are forgotten here too, and there are never more than devices may be", () => {
  const sightings = new Sightings(new MemoryFiles(), SEEN);
  const digits = "abcdefghijklmnopqrstuvwxyz234567";
  const idOf = (n: number): string => `d${digits[n >> 5] ?? "z"}${digits[n & 31]}aaaaaaaaaaaaa`;
  for (let n = 0; n < MAX_DEVICES; n++) sightings.note(idOf(n), unix(n));
  sightings.note(ID, unix(1));
  assert.equal(sightings.of(ID), null);
  sightings.retain(new Map([[idOf(3), true]]));
  assert.deepEqual([sightings.of(idOf(3))?.lastSeen, sightings.of(idOf(4))], [3, null]);
});

test("a file of sightings of the largest there may be is read, one octet more is not", () => {
  const files = new MemoryFiles();
  const line = `${ID} 20 2\n`;
  files.plant(SEEN, utf8(line.padEnd(MAX_SIGHTINGS_FILE, "x")));
  assert.deepEqual(new Sightings(files, SEEN).of(ID), { lastSeen: 20, joins: 2 });
  files.plant(SEEN, utf8(line.padEnd(MAX_SIGHTINGS_FILE + 1, "x")));
  assert.equal(new Sightings(files, SEEN).of(ID), null);
});

test("property: any file of sightings is read as far as it makes sense", () => {
  const files = new MemoryFiles();
  const line = fc.constantFrom(`${ID} 20 2`, `${ID} x 2`, "", "short 1 1", "deviceAAAAAAAAAA 1 1");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.array(line).map((lines) => utf8(lines.join("\n"))),
      ),
      (bytes) => {
        files.plant(SEEN, bytes);
        const found = new Sightings(files, SEEN).of(ID);
        if (found !== null) assert.deepEqual(found, { lastSeen: 20, joins: 2 });
      },
    ),
  );
});
