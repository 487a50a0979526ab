import { assert, test } from "#kit";
import { concat, fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { unix } from "../../src/base/machine.ts";
import { HostFailure } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import type { Torn } from "../../src/host/memory/files.ts";
import type { Change } from "../../src/policy/registry/change.ts";
import { RegistryFailure } from "../../src/policy/registry/failure.ts";
import { blankRecord, MAX_KEYS } from "../../src/policy/registry/record.ts";
import type { DeviceKey } from "../../src/policy/registry/record.ts";
import { changesOf } from "../../src/policy/registry/registry.ts";
import type { Registry } from "../../src/policy/registry/registry.ts";
import { MAX_NAME } from "../../src/policy/registry/text.ts";
import { StoreFailure } from "../../src/daemon/store/failure.ts";
import {
  encodeEntry,
  journalHeader,
  MAX_CHANGES,
  MAX_ENTRY,
  MAX_FILE,
} from "../../src/daemon/store/format.ts";
import { Store } from "../../src/daemon/store/journal.ts";

const DIRECTORY = "/homeca";
const JOURNAL = `${DIRECTORY}/journal`;
const SNAPSHOT = `${DIRECTORY}/snapshot`;

const reports: string[] = [];
function open(files: MemoryFiles, compactAt = 1 << 18): Store {
  reports.length = 0;
  const report = (line: string): void => void reports.push(line);
  return new Store({ files, crypto: nodeCrypto, directory: DIRECTORY, report, compactAt });
}

const id = (n: number): string => `device${"abcdefghij".at(n)}aaaaaaaaa`;
const putNamed = (n: number, name: string): Change => ({
  kind: "put",
  record: { ...blankRecord(id(n), "aware", "pending"), name: { value: name, by: "device" } },
});
/** Ten commits, some of several changes. */
const COMMITS: readonly (readonly Change[])[] = [
  [putNamed(0, "Küche")],
  [putNamed(1, "TV"), { kind: "time-floor", unix: unix(1_800_000_000) }],
  [
    {
      kind: "issued",
      serial: "0a",
      device: id(0),
      spkiHash: "ab".repeat(32),
      notAfter: unix(1_900_000_000),
    },
  ],
  [{ kind: "crl-number", number: 1 }],
  [{ kind: "revoke-serial", serial: "0a", reason: "superseded", at: unix(1_800_000_001) }],
  [{ kind: "remove", id: id(1) }, putNamed(2, "Lamp")],
  [putNamed(0, "Kitchen")],
  [putNamed(3, "Door"), putNamed(4, "Bell")],
  [{ kind: "crl-number", number: 2 }],
  [{ kind: "time-floor", unix: unix(1_800_000_002) }],
];
const content = (registry: Registry): string => JSON.stringify(changesOf(registry));
/** What the registry holds after each number of commits. */
const CONTENTS: readonly string[] = (() => {
  const store = open(new MemoryFiles());
  const contents = [content(store.registry)];
  for (const changes of COMMITS) {
    store.commit(changes);
    contents.push(content(store.registry));
  }
  return contents;
})();

function filled(commits = COMMITS.length, compactAt?: number): MemoryFiles {
  const files = new MemoryFiles();
  const store = open(files, compactAt);
  for (const changes of COMMITS.slice(0, commits)) store.commit(changes);
  store.close();
  return files.restart();
}
const text = (files: MemoryFiles, path: string): string => fromUtf8(files.read(path)!)!;

test("a store reopens with what was committed, before and after it is folded", () => {
  for (const compactAt of [1 << 18, 300, 1]) {
    const store = open(filled(COMMITS.length, compactAt), compactAt);
    assert.equal(content(store.registry), CONTENTS.at(-1)!);
    assert.equal(store.sequence, COMMITS.length);
    assert.equal(store.torn, null);
    assert.deepEqual(reports, []);
  }
});

test("the store's directory is its owner's alone, and so are its files", () => {
  const files = filled(COMMITS.length, 1);
  assert.equal(files.facts(DIRECTORY)?.mode, 0o700);
  assert.deepEqual(files.list(DIRECTORY), ["journal", "snapshot"]);
  assert.equal(files.facts(JOURNAL)?.mode, 0o600);
  assert.equal(files.facts(SNAPSHOT)?.mode, 0o600);
});

test("a store is opened once", () => {
  const files = new MemoryFiles();
  open(files);
  const failure = assert.throws(() => open(files), StoreFailure);
  assert.equal(failure.reason, "locked");
});

for (const compactAt of [1 << 18, 700]) {
  test(`power cut at every unit of work, folding at ${compactAt}: what was acknowledged is there, and nothing in part`, () => {
    let cuts = 0;
    for (let units = 0; ; units++) {
      const files = new MemoryFiles();
      files.cutPowerAfter(units);
      let acknowledged = 0;
      try {
        const store = open(files, compactAt);
        for (const changes of COMMITS) {
          store.commit(changes);
          acknowledged++;
        }
        break;
      } catch (failure) {
        if (!(failure instanceof PowerCut)) throw failure;
      }
      cuts++;
      for (const torn of ["short", "zeros", "hole"] satisfies Torn[]) {
        const again = files.restart(torn);
        const store = open(again, compactAt);
        // The one under way may have reached the medium before its acknowledgement did.
        const found = CONTENTS.indexOf(content(store.registry));
        assert.ok(
          found === acknowledged || found === acknowledged + 1,
          `${units} units, ${torn}: ${found} of ${acknowledged}`,
        );
        // And the store goes on from there, whatever the tail was.
        if (units % 16 !== 0) continue;
        for (const changes of COMMITS.slice(found)) store.commit(changes);
        assert.equal(content(open(again.restart(), compactAt).registry), CONTENTS.at(-1)!);
      }
    }
    assert.ok(cuts > 1000, `${cuts} cuts`);
  });
}

test("a torn tail is cut off and reported with file, offset and octets", () => {
  const files = filled();
  const whole = files.read(JOURNAL)!;
  files.plant(JOURNAL, concat(whole, utf8("120 0123")));
  const store = open(files);
  assert.deepEqual(store.torn, { path: JOURNAL, offset: whole.length, octets: 8 });
  assert.match(
    reports.join("\n"),
    new RegExp(`^/homeca/journal .* 8 octets from offset ${whole.length} `),
  );
  assert.deepEqual(files.read(JOURNAL), whole);
  assert.equal(content(store.registry), CONTENTS.at(-1)!);
});

test("every strict prefix of a journal opens with the commits that are whole in it", () => {
  const files = filled();
  const whole = files.read(JOURNAL)!;
  const header = whole.indexOf(10) + 1;
  for (let length = header; length < whole.length; length += 7) {
    const cut = filled();
    cut.plant(JOURNAL, whole.subarray(0, length));
    const lines = fromUtf8(whole.subarray(header, length))?.split("\n").length;
    const found = CONTENTS.indexOf(content(open(cut).registry));
    // A cut inside a character leaves no text to count lines in.
    if (lines !== undefined) assert.equal(found, lines - 1, `${length} octets`);
  }
});

test("any single octet changed is noticed: the store refuses, says where, and writes nothing", () => {
  const whole = filled().read(JOURNAL)!;
  for (let at = 0; at < whole.length; at++) {
    const files = filled();
    const changed = whole.slice();
    changed[at]! ^= 0x02;
    files.plant(JOURNAL, changed);
    const failure = assert.throws(() => open(files), StoreFailure, `octet ${at}`);
    assert.ok(
      ["damaged", "newer-version", "part-missing"].includes(failure.reason),
      failure.reason,
    );
    if (failure.reason === "damaged") assert.match(failure.message, /journal|snapshot/);
    assert.deepEqual(files.read(JOURNAL), changed);
  }
});

test("damage in the middle names file and offset and what to do", () => {
  const files = filled();
  const whole = files.read(JOURNAL)!;
  const second = whole.indexOf(10, whole.indexOf(10) + 1) + 1;
  const changed = whole.slice();
  changed.fill(0, second + 30, second + 60);
  files.plant(JOURNAL, changed);
  const { reason, message } = assert.throws(() => open(files), StoreFailure);
  assert.equal(reason, "damaged");
  assert.match(
    message,
    new RegExp(`^/homeca/journal is damaged at offset ${second} .*: restore .*\\.$`),
  );
});

test("an entry left out, doubled or moved is damage", () => {
  const lines = text(filled(), JOURNAL).trimEnd().split("\n");
  const [header, first, second, third] = lines;
  for (const order of [
    [header, second, third],
    [header, first, first],
    [header, first, third, second],
  ]) {
    const files = filled();
    files.plant(JOURNAL, utf8(`${order.join("\n")}\n`));
    assert.equal(assert.throws(() => open(files), StoreFailure).reason, "damaged");
  }
});

test("a damaged snapshot is refused at every octet, and so is one without its journal or of another time", () => {
  const files = filled(COMMITS.length, 1);
  const whole = files.read(SNAPSHOT)!;
  for (let at = 0; at < whole.length; at += 5) {
    const changed = whole.slice();
    changed[at]! ^= 0x02;
    const again = files.restart();
    again.plant(SNAPSHOT, changed);
    assert.throws(() => open(again), StoreFailure, `octet ${at}`);
    assert.deepEqual(again.read(SNAPSHOT), changed);
  }
  const reasonWithout = (path: string): string => {
    const again = files.restart();
    again.remove(path);
    return assert.throws(() => open(again), StoreFailure).reason;
  };
  assert.equal(reasonWithout(JOURNAL), "part-missing");
  assert.equal(reasonWithout(SNAPSHOT), "part-missing");
  const old = files.restart();
  old.plant(JOURNAL, filled(4, 1).read(JOURNAL)!);
  assert.equal(assert.throws(() => open(old), StoreFailure).reason, "damaged");
});

test("what a newer version wrote is not half understood", () => {
  const files = filled(1);
  // A kind of change that this version has no word for, in an entry that is otherwise whole.
  const change = { kind: "remove", id: id(0), why: "sold" } as const;
  const line = encodeEntry(nodeCrypto, { sequence: 2, changes: [change] });
  files.plant(JOURNAL, concat(files.read(JOURNAL)!, line));
  const { reason, message } = assert.throws(() => open(files), StoreFailure);
  assert.equal(reason, "newer-version");
  assert.match(message, /unknown field "why".*install the version/);
  const next = filled(1);
  next.plant(JOURNAL, utf8("homeca-journal 2 0\n"));
  assert.equal(assert.throws(() => open(next), StoreFailure).reason, "newer-version");
});

test("a full disk refuses the change, shows nothing of it, and the store goes on when there is room", () => {
  const files = new MemoryFiles();
  const store = open(files);
  store.commit(COMMITS[0]!);
  files.limitTo(600);
  const failure = assert.throws(() => store.commit(COMMITS[1]!), HostFailure);
  assert.equal(failure.errno, "ENOSPC");
  assert.equal(content(store.registry), CONTENTS[1]!);
  assert.equal(content(open(files.restart()).registry), CONTENTS[1]!);
  files.limitTo(1 << 20);
  for (const changes of COMMITS.slice(1)) store.commit(changes);
  assert.equal(content(open(files.restart()).registry), CONTENTS.at(-1)!);
});

test("an append that failed but reached the medium does not come back as accepted", () => {
  const files = new MemoryFiles();
  const store = open(files);
  store.commit(COMMITS[0]!);
  files.failNext("appendDurably", "EIO");
  assert.throws(() => store.commit(COMMITS[1]!), HostFailure);
  // The medium kept the entry all the same, and it could not be cut off.
  const stray = encodeEntry(nodeCrypto, { sequence: 2, changes: [{ kind: "remove", id: id(0) }] });
  const node = files.openAppend(JOURNAL, 0o600, files.facts(JOURNAL)!.size);
  node.appendDurably(stray);
  store.commit(COMMITS[1]!);
  assert.equal(content(open(files.restart()).registry), CONTENTS[2]!);
});

test("a journal that cannot be folded is reported, and the change stands", () => {
  for (const step of ["replaceDurably /homeca/snapshot", "replaceDurably /homeca/journal"]) {
    const files = new MemoryFiles();
    const store = open(files, 300);
    files.failNext(step, "ENOSPC");
    for (const changes of COMMITS) store.commit(changes);
    assert.match(reports[0]!, /could not be shortened .*ENOSPC.* make room on \/homeca\.$/);
    assert.equal(reports.length, 1);
    assert.equal(content(store.registry), CONTENTS.at(-1)!);
    assert.equal(content(open(files.restart()).registry), CONTENTS.at(-1)!);
  }
});

test("a change that does not fit, or could not be read back, is refused before it is written", () => {
  const files = new MemoryFiles();
  const store = open(files);
  store.commit(COMMITS[0]!);
  const before = files.read(JOURNAL);
  const bad: readonly Change[][] = [
    [{ kind: "remove", id: id(5) }],
    [putNamed(1, "x"), { kind: "crl-number", number: 0 }],
    [putNamed(1, "a\u202eb")],
    [putNamed(1, "x".repeat(65))],
  ];
  for (const changes of bad) assert.throws(() => store.commit(changes), RegistryFailure);
  assert.deepEqual(files.read(JOURNAL), before);
  assert.equal(content(store.registry), CONTENTS[1]!);
});

const counted = (changes: number): readonly Change[] =>
  Array.from({ length: changes }, (_, n) => ({ kind: "crl-number", number: n + 1 }));
/** Changes of which the entry has so many octets in all: records with as many keys as they may have. */
function changesOfLength(octets: number): readonly Change[] {
  const filled = (n: number, padding: number): Change => {
    const keys = Array.from({ length: MAX_KEYS }, (_, at): DeviceKey => {
      const spkiHash = (n * MAX_KEYS + at).toString(16).padStart(64, "0");
      return { role: "first-contact", spkiHash };
    });
    const name = { value: "x".repeat(1 + padding), by: "owner" } as const;
    return {
      kind: "put",
      record: { ...blankRecord(numberedId(n), "aware", "pending"), keys, name },
    };
  };
  const length = (changes: readonly Change[]): number =>
    encodeEntry(nodeCrypto, { sequence: 1, changes }).length;
  const each = length([filled(0, 0), filled(1, 0)]) - length([filled(0, 0)]);
  const numbers = Array.from({ length: Math.floor(octets / each) - 1 }, (_, n) => n);
  let rest = octets - length(numbers.map((n) => filled(n, 0)));
  const changes = numbers.map((n) => {
    const padding = Math.min(rest, MAX_NAME - 1);
    rest -= padding;
    return filled(n, padding);
  });
  assert.equal(length(changes), octets);
  return changes;
}

/** An id that ends in a number below 32^4. */
function numberedId(n: number): string {
  const digits = "abcdefghijklmnopqrstuvwxyz234567";
  const end = [15, 10, 5, 0].map((shift) => digits[(n >> shift) & 31]!).join("");
  return end.padStart(16, "a");
}

test("as many changes as one entry may have are stored and read again, one more is refused", () => {
  const files = new MemoryFiles();
  open(files).commit(counted(MAX_CHANGES));
  const next = open(files.restart());
  assert.equal(next.registry.crlNumber, MAX_CHANGES);
  const more = counted(MAX_CHANGES + 1).map((_, n): Change => {
    return { kind: "crl-number", number: MAX_CHANGES + n + 1 };
  });
  assert.throws(() => next.commit(more), RangeError);
  assert.equal(next.registry.crlNumber, MAX_CHANGES);
});

test("an entry on disk with more changes than one may have is damage, whoever summed it up", () => {
  for (const changes of [MAX_CHANGES, MAX_CHANGES + 1]) {
    const files = new MemoryFiles();
    open(files).close();
    const entry = encodeEntry(nodeCrypto, { sequence: 1, changes: counted(changes) });
    const life = files.restart();
    life.plant(JOURNAL, concat(journalHeader(0), entry));
    if (changes === MAX_CHANGES) assert.equal(open(life).sequence, 1);
    else assert.equal(assert.throws(() => open(life), StoreFailure).reason, "damaged");
  }
});

test("an entry of the largest there may be is stored and read again, one octet more is refused", () => {
  const files = new MemoryFiles();
  const store = open(files, MAX_FILE);
  assert.throws(() => store.commit(changesOfLength(MAX_ENTRY + 1)), RangeError);
  assert.equal(store.sequence, 0);
  store.commit(changesOfLength(MAX_ENTRY));
  assert.equal(content(open(files.restart()).registry), content(store.registry));
});

test("a torn tail is no longer than the largest entry; what is longer is damage", () => {
  for (const length of [MAX_ENTRY, MAX_ENTRY + 1]) {
    const files = new MemoryFiles();
    open(files).close();
    const life = files.restart();
    life.plant(JOURNAL, concat(journalHeader(0), utf8("99999999 ".padEnd(length, "a"))));
    if (length === MAX_ENTRY) assert.equal(open(life).torn?.octets, length);
    else assert.equal(assert.throws(() => open(life), StoreFailure).reason, "damaged");
  }
});

test("a file of the largest size there may be is read, and one that is larger is refused unread", () => {
  class Sized extends MemoryFiles {
    size = 0;
    reads = 0;
    override facts(path: string): ReturnType<MemoryFiles["facts"]> {
      const facts = super.facts(path);
      return facts !== null && path === JOURNAL ? { ...facts, size: this.size } : facts;
    }
    override read(path: string): Uint8Array | null {
      if (path === JOURNAL) this.reads++;
      return super.read(path);
    }
  }
  const first = new MemoryFiles();
  open(first).commit(COMMITS[0]!);
  for (const size of [MAX_FILE, MAX_FILE + 1]) {
    const files = new Sized();
    for (const path of [JOURNAL, SNAPSHOT]) {
      const bytes = first.read(path);
      if (bytes !== null) files.plant(path, bytes);
    }
    files.size = size;
    if (size === MAX_FILE) {
      assert.equal(open(files).sequence, 1);
    } else {
      const failure = assert.throws(() => open(files), StoreFailure);
      assert.deepEqual([failure.reason, files.reads], ["too-large", 0]);
      assert.match(failure.message, /^\/homeca\/journal is larger than 67108864 octets .*\.$/u);
    }
  }
});

test("a closed store takes no change", () => {
  const store = open(new MemoryFiles());
  store.close();
  assert.equal(assert.throws(() => store.commit(COMMITS[0]!), StoreFailure).reason, "closed");
});
