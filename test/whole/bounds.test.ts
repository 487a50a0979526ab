/** What others can make grow, at its bound: who is on the network, what waits for nft, what is kept of events and reports. */
import { assert, providers, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { mono, unix } from "../../src/base/machine.ts";
import { MAX_FILE_BYTES } from "../../src/daemon/accounting.ts";
import { SOFTWARE_DATE } from "../../src/daemon/clock.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import { Enforcement, MAX_WAITING } from "../../src/daemon/enforcement.ts";
import { Events } from "../../src/daemon/events.ts";
import { MAX_KEY_LOG_BYTES } from "../../src/daemon/house.ts";
import { endOf, type Session, Sessions } from "../../src/daemon/sessions.ts";
import { Sightings } from "../../src/daemon/store/sightings.ts";
import type { HostFailure, ProcessResult } from "../../src/host/host.ts";
import { MemoryClock } from "../../src/host/memory/clock.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import { MAX_DEVICES } from "../../src/policy/registry/registry.ts";
import { MAX_STATIONS } from "../../src/policy/firewall/render.ts";
import { AcctSessionId, AcctStatusType, attribute } from "../../src/proto/radius/attributes.ts";
import { pap, Station } from "../fuzz/station.ts";
import { lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";
import { RadiusTestClient } from "../kit/radius-client.ts";
import { seeded } from "../kit/random.ts";

const SECRET = "bounded-secret-of-a-test";
const ACCOUNTING = "/var/run/homeca/accounting";
const CONFIG = "/etc/config/homeca";
const ACCEPT = 2;
const REJECT = 3;

function uci(limits: string): string {
  return `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
config limits 'limits'
${limits}`;
}

function session(number: number, until: number): Session {
  const mac = `02:00:00:00:${Math.floor(number / 256)}:${number % 256}`;
  const nas = { client: "a", identifier: null };
  const fields = { device: null, port: null, nas, class: "", accounting: null } as const;
  return { mac, kind: "admit", until: mono(until), ...fields };
}

test("as many stations as the firewall takes have a session, one more has none until one ends", () => {
  const sessions = new Sessions();
  for (let n = 0; n < MAX_STATIONS; n++) {
    assert.ok(sessions.hasRoomFor(session(n, 0).mac, mono(0)));
    sessions.put(session(n, n === 7 ? 1000 : 2000));
  }
  assert.ok(!sessions.hasRoomFor("02:00:00:00:ff:ff", mono(999)));
  // Who is in may come again.
  assert.ok(sessions.hasRoomFor(session(3, 0).mac, mono(999)));
  assert.ok(sessions.hasRoomFor("02:00:00:00:ff:ff", mono(1000)));
  assert.equal(sessions.all.length, MAX_STATIONS - 1);
  assert.equal(sessions.placements(mono(1000)).length, MAX_STATIONS - 1);
});

test("stations that nft is about to let in count already", () => {
  const sessions = new Sessions();
  for (let n = 0; n < MAX_STATIONS - 2; n++) sessions.put(session(n, 2000));
  assert.ok(sessions.hasRoomFor("02:00:00:00:ff:ff", mono(0), 1));
  assert.ok(!sessions.hasRoomFor("02:00:00:00:ff:ff", mono(0), 2));
});

test("a session ends when its seconds are over", () => {
  const sessions = new Sessions();
  sessions.put(session(1, endOf(mono(500), 30)));
  assert.equal(sessions.placements(mono(30_499))[0]?.seconds, 1);
  assert.deepEqual(sessions.placements(mono(30_500)), []);
});

test("events are kept up to their bound, the newest, under numbers that go on", () => {
  const events = new Events(10);
  for (let n = 0; n < 25; n++) {
    events.add({
      at: null,
      kind: "house",
      device: n % 2 === 0 ? "a" : "b",
      mac: null,
      text: `${n}`,
    });
  }
  const kept = events.select({});
  assert.deepEqual(
    kept.map(({ number }) => number),
    [16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
  );
  assert.deepEqual(
    events.select({ device: "a", limit: 2 }).map(({ text }) => text),
    ["22", "24"],
  );
  assert.deepEqual(events.select({ limit: 0 }), []);
});

for (const crypto of providers) {
  test(`${crypto.name}: as many changes as may wait for nft do, one more fails at once, and all are done in order`, () => {
    const ends: ((result: ProcessResult) => void)[] = [];
    const host = new MemoryHost({
      crypto,
      random: seeded("nft"),
      files: disk(new MemoryHome(crypto)),
    });
    host.run = (_command, _input, done) => void ends.push(done);
    const enforcement = new Enforcement(host, "nft");
    const outcomes: (HostFailure | null)[] = [];
    const order: number[] = [];
    for (let n = 0; n <= MAX_WAITING; n++) {
      enforcement.apply(`change ${n}`, (failure) => {
        order.push(n);
        outcomes.push(failure);
      });
    }
    assert.deepEqual(outcomes, []);
    assert.equal(enforcement.counters.waiting, MAX_WAITING);
    let refused: HostFailure | null = null;
    enforcement.apply("one more", (failure) => (refused = failure));
    assert.match(String(refused), /too many changes wait/u);
    while (ends.length > 0) ends.shift()!({ status: 0, stdout: "", stderr: "" });
    assert.deepEqual(
      order,
      Array.from({ length: MAX_WAITING + 1 }, (_, n) => n),
    );
    assert.ok(outcomes.every((failure) => failure === null));
    assert.equal(enforcement.counters.waiting, 0);
  });

  test(`${crypto.name}: reports are kept in two files of bounded size, the newest of them always`, () => {
    const home = new MemoryHome(crypto, { uci: uci("") });
    const nas = new RadiusTestClient(crypto, seeded("reports"), utf8(SECRET));
    let answers = 0;
    const socket = home.host.udp({ address: "127.0.0.1", port: 0 }, () => void answers++);
    const files = disk(home);
    // Most of two files from before, so that the bound is near.
    const line = `${JSON.stringify({ filler: "x".repeat(1000) })}\n`;
    files.plant(ACCOUNTING, utf8(line.repeat(Math.floor((MAX_FILE_BYTES - 600) / line.length))));
    let last = "";
    let rotations = 0;
    for (let n = 0; n < 40; n++) {
      last = `session ${n}`;
      const before = files.facts(ACCOUNTING)!.size;
      const report = [attribute(AcctStatusType, 3), attribute(AcctSessionId, last)];
      socket.send(nas.accountingRequest(report), { address: "127.0.0.1", port: 1813 });
      home.host.clock.advance(1);
      const now = files.facts(ACCOUNTING)!.size;
      if (now < before) rotations++;
      assert.ok(now <= MAX_FILE_BYTES);
      assert.ok((files.facts(`${ACCOUNTING}.old`)?.size ?? 0) <= MAX_FILE_BYTES);
      assert.ok(String.fromCharCode(...files.read(ACCOUNTING)!.subarray(-200)).includes(last));
    }
    assert.equal(answers, 40);
    assert.equal(rotations, 1);
    assert.deepEqual(
      files.list("/var/run/homeca").filter((name) => name.startsWith("accounting")),
      ["accounting", "accounting.old"],
    );
  });

  test(`${crypto.name}: sightings of devices that are gone leave room for those that come`, async () => {
    const files = new MemoryHome(crypto, { uci: uci("") }).stop();
    const gone = new Sightings(files, crypto, "/etc/homeca/sightings");
    const letters = (digits: string): string =>
      digits.replaceAll(/\d/gu, (digit) => "abcdefghij"[Number(digit)]!);
    for (let n = 0; n < MAX_DEVICES; n++) {
      gone.note(`${letters(String(n).padStart(4, "0"))}aaaaaaaaaaaa`, unix(1));
    }
    gone.flush();
    const home = new MemoryHome(crypto, { files });
    assert.equal(comeBy(home, crypto, 1), ACCEPT);
    const { devices } = await home.call("devices");
    const [{ lastSeen }] = devices as [{ lastSeen: number | null }];
    assert.equal(lastSeen, home.host.wall());
  });

  test(`${crypto.name}: the key log ends at its bound, and neither that nor a full disk refuses anybody`, () => {
    const KEYS = "/var/keys";
    const home = new MemoryHome(crypto, {
      uci: uci("").replace("'main'\n", `'main'\n\toption key_log '${KEYS}'\n`),
    });
    const files = disk(home);
    files.failNext(`openAppend ${KEYS}`, "ENOSPC");
    assert.equal(comeBy(home, crypto, 1), ACCEPT);
    assert.match(home.lines.join("\n"), /A TLS secret was not written \(openAppend .*: ENOSPC\)/u);
    assert.equal(files.facts(KEYS), null);
    assert.equal(comeBy(home, crypto, 2), ACCEPT);
    const line = files.facts(KEYS)!.size;
    files.plant(KEYS, new Uint8Array(MAX_KEY_LOG_BYTES - line));
    for (const number of [3, 4]) assert.equal(comeBy(home, crypto, number), ACCEPT);
    assert.equal(files.facts(KEYS)!.size, MAX_KEY_LOG_BYTES);
    assert.match(home.lines.join("\n"), /A TLS secret was not written \(write .*: EFBIG\)/u);
  });

  test(`${crypto.name}: as many strangers as may wait for the owner do, one more is turned away and no record made`, async () => {
    const home = new MemoryHome(crypto, {
      uci: uci("\toption pending_max '2'\n\toption onboarding_per_minute '60'\n"),
    });
    const codes = [1, 2, 3, 1].map((number) => comeBy(home, crypto, number));
    assert.deepEqual(codes, [ACCEPT, ACCEPT, REJECT, ACCEPT]);
    const { devices } = await home.call("devices");
    assert.equal((devices as unknown[]).length, 2);
  });

  test(`${crypto.name}: on a router that has just booted, status says what HomeCA waits for, and everything else is refused with that`, async () => {
    const home = new MemoryHome(crypto, {
      wall: SOFTWARE_DATE - 10,
      prepare: (host) => (host.lacksEntropy = true),
    });
    const said = async (): Promise<readonly string[]> => {
      const { status, warnings, timeKnown } = await home.call("status");
      assert.deepEqual([status, timeKnown], [0, false]);
      return warnings as readonly string[];
    };
    assert.match((await said()).at(-1)!, /too little randomness/u);
    home.host.lacksEntropy = false;
    home.host.clock.advance(3000);
    assert.match((await said()).at(-1)!, /^The time is not known yet/u);
    const refused = await home.call("issue", { name: "phone", password: "a long password" });
    assert.equal(refused["reason"], "time-unknown");
    assert.match(String(refused["message"]), /^HomeCA does not serve yet\. The time is not known/u);
    assert.equal(home.nft.length, 0);
    home.host.clock.advance(60_000);
    assert.match(home.lines.at(-1)!, /HomeCA is ready/u);
    const { warnings } = await home.call("status");
    assert.equal(
      (warnings as string[]).some((line) => line.includes("not known yet")),
      false,
    );
  });

  test(`${crypto.name}: a full disk when the time becomes known is told of, and HomeCA serves once there is room`, () => {
    const files = new MemoryHome(crypto, { uci: uci("") }).stop();
    for (const name of files.list("/etc/homeca/ca")) files.remove(`/etc/homeca/ca/${name}`);
    files.remove("/etc/homeca/ca");
    for (const name of ["journal", "snapshot", "lock", "crl.pem"])
      files.remove(`/etc/homeca/${name}`);
    const home = new MemoryHome(crypto, { files, wall: SOFTWARE_DATE - 10 });
    assert.match(home.lines.at(-1)!, /The time is not known yet/u);
    const same = disk(home);
    same.limitTo(0);
    home.host.clock.advance(60_000);
    const complaints = home.lines.filter((line) => line.includes("ENOSPC"));
    assert.equal(complaints.length, 5);
    assert.match(complaints[0]!, /^HomeCA does not serve yet: the system refused/u);
    same.limitTo(Number.POSITIVE_INFINITY);
    home.host.clock.advance(5000);
    assert.match(home.lines.at(-1)!, /HomeCA is ready/u);
  });

  test(`${crypto.name}: a port that was taken at the start is taken over within a minute of becoming free`, () => {
    const files = new MemoryHome(crypto, { uci: uci("") }).stop();
    const host = new MemoryHost({
      crypto,
      random: seeded("a second life"),
      files,
      clock: new MemoryClock(unix(1_800_000_100)),
    });
    const other = host.udp({ address: "127.0.0.1", port: 1812 }, () => {});
    const daemon = startDaemon(host, CONFIG);
    host.clock.advance(0);
    const lines = (): string => host.logged.map(({ line }) => line).join("\n");
    assert.match(lines(), /Nobody can ask at 127\.0\.0\.1 port 1812 \(EADDRINUSE\)/u);
    assert.match(lines(), /HomeCA is ready: acct 127\.0\.0\.1 port 1813;/u);
    host.clock.advance(600_000);
    assert.ok(lines().split("Nobody can ask").length <= 12);
    other.close();
    host.clock.advance(60_000);
    assert.match(lines(), /HomeCA listens at 127\.0\.0\.1 port 1812 \(auth\) now\./u);
    daemon.stop();
  });
}

/** A stranger with a key of its own comes by; the code it is answered with. */
function comeBy(home: MemoryHome, crypto: Crypto, number: number): number {
  const key = crypto.signingKey("P-256", new Uint8Array(32).fill(number));
  const station = new Station(
    crypto,
    {
      secret: SECRET,
      mac: `02-00-00-00-00-0${number}`,
      method: "ttls",
      identity: "@setup.home.arpa",
      chain: [selfSigned(crypto, key)],
      key,
      inner: pap(lampIdentity(), "none"),
    },
    `${home.nextJoin()}`,
  );
  for (let round = 0; round < 20; round++) {
    const { code } = station.take(home.ask(station.request())!);
    if (code === ACCEPT || code === REJECT) return code;
  }
  return assert.fail("no end after 20 rounds");
}

/** The disk of a home that the kit made. */
function disk(home: MemoryHome): MemoryFiles {
  return home.host.files as MemoryFiles;
}
