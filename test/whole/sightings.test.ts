/** When devices were last seen and how long their silence is taken: written seldom, read strictly, whole after a power cut. */
import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import {
  MAX_SIGHTINGS_FILE,
  Sightings,
  WRITE_EVERY_HOURS,
} from "../../src/daemon/store/sightings.ts";
import { HostFailure } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import { MAX_DEVICES } from "../../src/policy/registry/registry.ts";
import { NEW_HOME, tick } from "../../src/policy/window/home.ts";
import { contact, fellSilent, firstContact, pinned } from "../../src/policy/window/presence.ts";

const crypto = providers[0]!;
const SEEN = "/seen";
const ID = "deviceaaaaaaaaaa";
const OTHER = "devicebbbbbbbbbb";
const HOUR = 3600;

const open = (files: MemoryFiles): Sightings => new Sightings(files, crypto, SEEN);
const textOf = (files: MemoryFiles): string => fromUtf8(files.read(SEEN)!)!;

/** Ids of 16 characters, as many as a home has devices and more. */
const digits = "abcdefghijklmnopqrstuvwxyz234567";
const idOf = (n: number): string => `d${digits[n >> 5] ?? "z"}${digits[n & 31]}aaaaaaaaaaaaa`;

test("sightings are written when flushed and not before, and read again", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.flush();
  assert.equal(files.read(SEEN), null);
  sightings.note(ID, unix(10));
  sightings.note(ID, unix(20));
  sightings.window = tick(NEW_HOME, 1, { clockKnown: true, reachable: true, devices: 1 });
  sightings.setPresence(ID, firstContact(sightings.window, 20));
  assert.equal(files.read(SEEN), null);
  sightings.flush();
  assert.equal(files.facts(SEEN)?.mode, 0o600);
  const again = open(files);
  const presence = again.of(ID)!.presence!;
  assert.deepEqual([presence.lastContact, presence.releaseDays, presence.gaps], [1, 20, []]);
  assert.deepEqual([again.of(ID)?.lastSeen, again.of(ID)?.joins], [20, 2]);
  assert.equal(again.window.hours, 1);
  assert.ok(Math.abs(again.window.days - sightings.window.days) < 1e-5);
});

test("what is new is appended, a line each; nothing new writes nothing", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.note(ID, unix(0));
  sightings.note(OTHER, unix(0));
  sightings.flush();
  const before = textOf(files);
  sightings.flush("all");
  assert.equal(textOf(files), before);
  sightings.note(OTHER, unix(WRITE_EVERY_HOURS * HOUR));
  sightings.flush();
  const added = textOf(files).slice(before.length);
  assert.equal(textOf(files).slice(0, before.length), before);
  assert.match(added, /^\{"of":"device","id":"devicebbbbbbbbbb".*\} [0-9a-f]{8}\n$/u);
  assert.equal(open(files).of(OTHER)?.lastSeen, WRITE_EVERY_HOURS * HOUR);
});

test("a device that comes all the time is written once in some hours, and at exit", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.note(ID, unix(0));
  sightings.flush();
  const before = textOf(files);
  for (let minute = 1; minute < WRITE_EVERY_HOURS * 60; minute++) {
    sightings.note(ID, unix(minute * 60));
    sightings.flush();
  }
  assert.equal(textOf(files), before);
  sightings.flush("all");
  assert.equal(open(files).of(ID)?.joins, WRITE_EVERY_HOURS * 60);
});

test("the owner's word, dormancy and what ends it do not wait", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  const there = firstContact(NEW_HOME, 20);
  const silent = fellSilent(there, NEW_HOME).presence;
  const steps = [there, pinned(there, NEW_HOME, 60), silent, contact(silent, NEW_HOME).presence];
  for (const presence of [...steps, null]) {
    sightings.setPresence(ID, presence);
    sightings.flush();
    assert.deepEqual(open(files).of(ID)?.presence ?? null, presence);
  }
});

test("a flush that fails is due again, and the file is made anew", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.note(ID, unix(10));
  files.failNext("replaceDurably", "ENOSPC");
  assert.throws(() => sightings.flush(), HostFailure);
  sightings.flush();
  assert.equal(open(files).of(ID)?.lastSeen, 10);
  sightings.note(OTHER, unix(10));
  files.failNext("appendDurably", "EIO");
  assert.throws(() => sightings.flush(), HostFailure);
  // Whatever the failure has left there.
  files.plant(SEEN, concat(files.read(SEEN)!, utf8("{half a li")));
  sightings.flush();
  const again = open(files);
  assert.deepEqual([again.of(ID)?.lastSeen, again.of(OTHER)?.lastSeen], [10, 10]);
  assert.ok(!textOf(files).includes("half"));
});

test("devices that are forgotten are forgotten here too, and there are never more than devices may be", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  for (let n = 0; n < MAX_DEVICES; n++) sightings.note(idOf(n), unix(n));
  sightings.note(ID, unix(1));
  sightings.setPresence(ID, firstContact(NEW_HOME, null));
  assert.equal(sightings.of(ID), null);
  sightings.flush();
  sightings.retain(new Map([[idOf(3), true]]));
  sightings.flush();
  const again = open(files);
  for (const one of [sightings, again]) {
    assert.deepEqual([one.of(idOf(3))?.lastSeen, one.of(idOf(4))], [3, null]);
  }
});

test("the file is made anew before it is too large to be read, whatever a home of the most devices does", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  let largest = 0;
  let window = { ...NEW_HOME, hours: 4_000_000, days: 59.123_456_7 };
  for (let day = 0; day < 8; day++) {
    window = { ...window, hours: window.hours + 24 };
    sightings.window = window;
    for (let n = 0; n < MAX_DEVICES; n++) {
      const before = sightings.of(idOf(n))?.presence ?? firstContact(window, 119.123_456_7);
      // The longest line there is: twenty gaps with all their digits.
      const gaps = Array.from({ length: 20 }, (_, at) => 1000 + at + 0.123_456_7 * (n % 7));
      sightings.setPresence(idOf(n), { ...contact(before, window).presence, gaps });
      sightings.note(idOf(n), unix(1_800_000_000 + day * 86_400));
    }
    sightings.flush();
    largest = Math.max(largest, files.facts(SEEN)!.size);
  }
  assert.ok(largest <= MAX_SIGHTINGS_FILE, `${largest} octets`);
  assert.deepEqual(open(files).of(idOf(1023))?.joins, 8);
});

test("a file of sightings of the largest there may be is read, one octet more is not", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.note(ID, unix(20));
  sightings.flush();
  const line = textOf(files);
  files.plant(SEEN, utf8(line.padEnd(MAX_SIGHTINGS_FILE, "x")));
  assert.equal(open(files).of(ID)?.lastSeen, 20);
  files.plant(SEEN, utf8(line.padEnd(MAX_SIGHTINGS_FILE + 1, "x")));
  assert.equal(open(files).of(ID), null);
});

test("a line in which one octet has changed is left out, and the ones around it are not", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  for (const id of [OTHER, ID]) {
    sightings.note(id, unix(20));
    sightings.flush();
  }
  const good = files.read(SEEN)!;
  const from = fromUtf8(good)!.indexOf(OTHER) - 20;
  const to = good.indexOf(0x0a, from);
  for (let at = from; at < to; at++) {
    const bad = good.slice();
    bad[at]! ^= 1;
    files.plant(SEEN, bad);
    const again = open(files);
    assert.deepEqual([again.of(OTHER), again.of(ID)?.lastSeen], [null, 20], `octet ${at}`);
  }
});

test("a window that is lost goes on from the hours of its devices", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.window = { ...NEW_HOME, hours: 500 };
  sightings.setPresence(ID, firstContact(sightings.window, null));
  sightings.flush();
  const [, ...lines] = textOf(files).split("\n");
  files.plant(SEEN, utf8(lines.join("\n")));
  assert.deepEqual(open(files).window, { ...NEW_HOME, hours: 500 });
});

test("wherever the power goes, what was flushed before is there, and it goes on", () => {
  const work = (files: MemoryFiles): void => {
    const sightings = open(files);
    for (let n = 0; n < 3; n++) {
      sightings.window = { ...NEW_HOME, hours: n + 1 };
      sightings.note(idOf(n), unix(n));
      sightings.setPresence(idOf(n), firstContact(sightings.window, 20));
      sightings.flush();
    }
  };
  const whole = new MemoryFiles();
  work(whole);
  let cuts = 0;
  for (const [torn, stride] of [
    ["short", 2],
    ["zeros", 7],
    ["hole", 7],
  ] as const) {
    for (let units = 0; units < whole.unitsDone; units += stride) {
      const files = new MemoryFiles();
      files.cutPowerAfter(units);
      assert.throws(() => work(files), PowerCut);
      cuts++;
      const disk = files.restart(torn);
      const after = open(disk);
      const seen = [0, 1, 2].filter((n) => after.of(idOf(n)) !== null);
      // In their order, none in half, and no hour that was not.
      assert.deepEqual(seen, [0, 1, 2].slice(0, seen.length), `${units} ${torn}`);
      assert.ok(seen.every((n) => after.of(idOf(n))!.presence!.lastContact === n + 1));
      assert.ok(after.window.hours >= seen.length && after.window.hours <= seen.length + 1);
      after.note(ID, unix(7));
      after.flush();
      assert.equal(open(disk).of(ID)?.lastSeen, 7);
      assert.ok(seen.every((n) => open(disk).of(idOf(n))?.lastSeen === n));
    }
  }
  assert.ok(cuts > 400, `${cuts} cuts`);
});

test("property: any file of sightings is read as far as it makes sense", () => {
  const files = new MemoryFiles();
  const sightings = open(files);
  sightings.note(ID, unix(20));
  sightings.flush();
  const good = textOf(files).trimEnd().split("\n");
  const line = fc.constantFrom(...good, `${ID} 20 2`, "{} 00000000", "", good[1]!.slice(1));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.array(line).map((lines) => utf8(lines.join("\n"))),
      ),
      (bytes) => {
        files.plant(SEEN, bytes);
        const found = open(files).of(ID);
        if (found !== null) assert.deepEqual(found, { lastSeen: 20, joins: 1, presence: null });
      },
    ),
  );
});
