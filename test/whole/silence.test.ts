/** How long a home waits for its devices: over invented days, through power cuts, and back again. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { DeviceDetails, Silence } from "../../src/daemon/management/service.ts";
import { MAX_SIGHTINGS_FILE, Sightings } from "../../src/daemon/store/sightings.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import type { LiveAnswer } from "../../src/policy/devices/messages.ts";
import { askByAddress, ETHERNET } from "../kit/address-question.ts";
import { COAPS_UCI, MemoryDevice, pass, passDays } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const SECRET = "silent-secret-of-a-test";
const TODAY = 1_800_000_000;
const DAY = 86_400;

const UCI = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
${COAPS_UCI}`;

type Member = DeviceDetails & { readonly silence: Silence };

/** What `homeca show` has of a device that is active or dormant. */
async function shown(home: MemoryHome, id: string): Promise<Member> {
  // The method answers with this type.
  const details = (await home.call("device", { id })) as unknown as DeviceDetails;
  assert.ok(details.silence !== null, "no member");
  return { ...details, silence: details.silence };
}

/** A home with a lamp in it that has reported once and is switched off then. */
async function withLamp(
  crypto: Crypto,
  parts: { readonly uci?: string } = {},
): Promise<{ readonly home: MemoryHome; readonly lamp: MemoryDevice; readonly id: string }> {
  const home = new MemoryHome(crypto, { uci: parts.uci ?? UCI, wall: TODAY });
  const lamp = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  lamp.agent.start();
  await pass(home, 2000);
  const { devices } = await home.call("devices", { state: "pending" });
  const [{ id }] = devices as [{ id: string }];
  await home.call("approve", { id });
  await pass(home, 3000);
  assert.equal(lamp.story.at(-1), "lives", home.lines.join("\n"));
  lamp.agent.stop();
  await pass(home, 100);
  return { home, lamp, id };
}

/** The lamp is switched on again, and reports. */
async function switchedOn(
  home: MemoryHome,
  crypto: Crypto,
  { files }: MemoryDevice,
): Promise<MemoryDevice> {
  const lamp = new MemoryDevice(home, crypto, { name: "Kitchen lamp", files: files.restart() });
  lamp.agent.start();
  await pass(home, 3000);
  return lamp;
}

function lastAnswer({ events }: MemoryDevice): LiveAnswer {
  const lives = events.findLast((event) => event.kind === "lives");
  assert.ok(lives?.kind === "lives");
  return lives.answer;
}

async function numberRevoked(home: MemoryHome): Promise<unknown> {
  return (await home.call("crl"))["revoked"];
}

const crypto = providers[0]!;

test("nine days of silence are nothing; after eleven the device is dormant and its certificate on the list", async () => {
  const { home, id } = await withLamp(crypto);
  await passDays(home, 9);
  const before = await shown(home, id);
  assert.equal(before.state, "active");
  assert.equal(before.silence.hours, 9 * 24);
  assert.ok(before.silence.dormantInHours! > 0);
  assert.equal(await numberRevoked(home), 0);
  await passDays(home, 2);
  const after = await shown(home, id);
  assert.equal(after.state, "dormant");
  assert.equal(after.silence.dormantInHours, null);
  assert.deepEqual(
    after.certificates.map(({ revoked }) => revoked),
    [true],
  );
  assert.equal(await numberRevoked(home), 1);
  assert.match(after.why ?? "", /^Kitchen lamp was silent for long/u);
  home.stop();
});

test("a dormant device proves its key, is active again with a new certificate, and is waited for longer", async () => {
  const { home, lamp, id } = await withLamp(crypto);
  await passDays(home, 11);
  const { windowDays } = await home.call("status");
  const again = await switchedOn(home, crypto, lamp);
  assert.deepEqual(again.story, ["lives", "renewed", "lives"]);
  const after = await shown(home, id);
  assert.equal(after.state, "active");
  assert.equal(after.silence.hours, 0);
  // A false alarm: half as long again as 1.25 times what it was away.
  assert.ok(after.silence.days > 1.5 * 1.25 * 10, `${after.silence.days} days`);
  assert.deepEqual(
    after.certificates.map(({ revoked }) => revoked),
    [true, false],
  );
  // Its first life had a window of ten days, this one has a longer: the certificate holds twice that, and it reports as seldom as may be.
  const answer = lastAnswer(again);
  assert.equal(answer.periodSeconds, DAY);
  assert.equal(answer.renew, false);
  assert.ok(answer.releaseSeconds > answer.windowSeconds + DAY);
  const [, renewed] = after.certificates;
  const seconds = renewed!.notAfter - home.host.wall();
  assert.ok(seconds > 30 * DAY && seconds <= 90 * DAY, `${seconds} seconds`);
  assert.ok((windowDays as number) > 0);
  again.agent.stop();

  // Nothing is on the list but what was, and eleven days more are nothing now.
  await passDays(home, 11);
  assert.equal((await shown(home, id)).state, "active");
  assert.equal(await numberRevoked(home), 1);
  home.stop();
});

test("a home that is off for two weeks ages nobody", async () => {
  const { home, id } = await withLamp(crypto);
  await passDays(home, 9);
  const files = home.stop();
  const next = new MemoryHome(crypto, { files, wall: TODAY + 9 * DAY + 14 * DAY });
  assert.equal((await shown(next, id)).silence.hours, 9 * 24);
  await passDays(next, 0.5);
  assert.equal((await shown(next, id)).state, "active");
  await passDays(next, 1.5);
  assert.equal((await shown(next, id)).state, "dormant");
  next.stop();
});

test("a power cut takes some hours at most of what was counted", async () => {
  const { home, id } = await withLamp(crypto);
  await passDays(home, 5.02);
  // The kit made this disk; nobody told the daemon.
  const files = (home.host.files as MemoryFiles).restart();
  const next = new MemoryHome(crypto, { files, wall: TODAY + 6 * DAY });
  assert.equal((await shown(next, id)).silence.hours, 5 * 24);
  next.stop();
  home.stop();
});

test("hours without a clock, or without an interface that is up, age nobody", async () => {
  const { home, id } = await withLamp(crypto);
  const files = home.stop();
  const unset = new MemoryHome(crypto, { files, wall: 0 });
  await passDays(unset, 12);
  assert.equal((await shown(unset, id)).silence.hours, 0);
  unset.stop();

  const nft = UCI.replace("'off'", "'show'\n\tlist interface 'lan1'");
  const down = await withLamp(crypto, { uci: nft });
  // The kit made this disk.
  const disk = down.home.host.files as MemoryFiles;
  disk.plant("/sys/class/net/lan1/operstate", utf8("down\n"));
  await passDays(down.home, 12);
  assert.equal((await shown(down.home, down.id)).silence.hours, 0);
  disk.plant("/sys/class/net/lan1/operstate", utf8("up\n"));
  await passDays(down.home, 1);
  assert.ok((await shown(down.home, down.id)).silence.hours >= 23);
  down.home.stop();
});

/** Comes by with its address, as a device in a cage does. */
function comeBy(home: MemoryHome, number: number): void {
  const mac = macOf(number).replaceAll(":", "-").toUpperCase();
  const random = seeded(`by address ${home.nextJoin()}`);
  const question = askByAddress(crypto, random, utf8(SECRET), { mac, portType: ETHERNET });
  const reply = home.ask(question.datagram);
  assert.ok(reply !== null && question.open(reply).code === 2, home.lines.slice(-2).join(" | "));
}

function macOf(number: number): string {
  const octet = (value: number): string => value.toString(16).padStart(2, "0");
  return `02:00:00:00:${octet(number >> 8)}:${octet(number & 255)}`;
}

async function caged(home: MemoryHome, number: number): Promise<string> {
  const args = { name: `Thing ${number}`, class: "wired", mac: macOf(number) };
  const { id } = await home.call("cage", args);
  comeBy(home, number);
  // The method's result has an id.
  return id as string;
}

test("a caged device falls dormant as any other, and its address is enough for its cage", async () => {
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const id = await caged(home, 1);
  assert.equal((await shown(home, id)).state, "active");
  home.host.clock.advance(9 * DAY * 1000);
  assert.equal((await shown(home, id)).state, "active");
  home.host.clock.advance(2 * DAY * 1000);
  assert.equal((await shown(home, id)).state, "dormant");
  comeBy(home, 1);
  assert.equal((await shown(home, id)).state, "active");
  home.stop();
});

test("in a busy home the window shrinks, to three days in the end; a calm one waits longer and longer", async () => {
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const days = async (): Promise<number> => (await home.call("status"))["windowDays"] as number;
  assert.equal(await days(), 10);
  for (let day = 0; day < 14; day++) {
    for (let number = 0; number < 6; number++) {
      const id = await caged(home, day * 6 + number);
      await home.call("revoke", { id });
    }
    home.host.clock.advance(DAY * 1000);
  }
  assert.equal(await days(), 3);
  const files = home.stop();

  // The window outlives the daemon.
  const next = new MemoryHome(crypto, { files, wall: TODAY + 30 * DAY });
  assert.equal((await next.call("status"))["windowDays"], 3);
  next.stop();

  // A year of twenty devices of which none came or went.
  const young = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  for (let number = 0; number < 6; number++) await caged(young, number);
  const disk = young.stop();
  const sightings = new Sightings(disk, crypto, "/etc/homeca/sightings");
  sightings.window = { ...sightings.window, churn: { events: 0, deviceDays: 860 } };
  sightings.flush("all");
  const calm = new MemoryHome(crypto, { files: disk, wall: TODAY });
  for (let day = 0; day < 4; day++) {
    for (let number = 0; number < 6; number++) comeBy(calm, number);
    calm.host.clock.advance(DAY * 1000);
  }
  const { windowDays: longer } = await calm.call("status");
  // A tenth of itself a day.
  assert.equal(longer, 14.6);
  calm.stop();
});

test("the owner's word on one device holds instead of the home's, over a power cut, until it is taken back", async () => {
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const [pinned, other] = [await caged(home, 1), await caged(home, 2)];
  assert.deepEqual(await home.call("patience", { id: pinned, days: 30 }), {
    status: 0,
    id: pinned,
    days: 30,
    pinned: true,
  });
  assert.equal((await home.call("patience", { id: other, days: 2 }))["reason"], "bad-argument");
  // The kit made this disk; the daemon is not told.
  const files = (home.host.files as MemoryFiles).restart();
  const next = new MemoryHome(crypto, { files, wall: TODAY });
  next.host.clock.advance(12 * DAY * 1000);
  assert.equal((await shown(next, pinned)).state, "active");
  assert.equal((await shown(next, other)).state, "dormant");
  const auto = await next.call("patience", { id: pinned });
  assert.equal(auto["pinned"], false);
  // It has a day from now, however long it was silent.
  const left = (await shown(next, pinned)).silence.dormantInHours!;
  assert.ok(left >= 23 && left <= 24, `${left} hours`);
  next.host.clock.advance(DAY * 1000);
  assert.equal((await shown(next, pinned)).state, "dormant");
  next.stop();
  home.stop();
});

test("a device that was away for a year is forgotten", async () => {
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const id = await caged(home, 1);
  home.host.clock.advance(11 * DAY * 1000);
  assert.equal((await shown(home, id)).state, "dormant");
  const files = home.stop();
  // As many days more in which the home lived and this device did not.
  const sightings = new Sightings(files, crypto, "/etc/homeca/sightings");
  sightings.window = { ...sightings.window, hours: sightings.window.hours + 363 * 24 };
  sightings.flush("all");
  const next = new MemoryHome(crypto, { files, wall: TODAY + 374 * DAY });
  next.host.clock.advance((DAY / 2) * 1000);
  assert.equal((await shown(next, id)).state, "dormant");
  next.host.clock.advance(2 * DAY * 1000);
  assert.equal((await next.call("device", { id }))["reason"], "unknown-device");
  assert.match(next.lines.join("\n"), /Thing 1 was away for a year and is forgotten\./u);
  next.stop();
});

test("a theft-locked device is told so at its next report, and so is one whose lock came off", async () => {
  const { home, lamp, id } = await withLamp(crypto);
  assert.equal(lastAnswer(lamp).locked, false);
  assert.equal((await home.call("lock", { id }))["status"], 0);
  assert.equal((await shown(home, id)).theftLock, true);
  const locked = await switchedOn(home, crypto, lamp);
  assert.equal(lastAnswer(locked).locked, true);
  locked.agent.stop();
  assert.equal((await home.call("unlock", { id }))["status"], 0);
  const unlocked = await switchedOn(home, crypto, locked);
  assert.equal(lastAnswer(unlocked).locked, false);
  unlocked.agent.stop();
  const thing = await caged(home, 1);
  assert.equal((await home.call("lock", { id: thing }))["reason"], "wrong-state");
  home.stop();
});

test("a settled home of 50 devices that report on schedule writes 64 KiB a day at most", async () => {
  const AWARE = 3;
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const disk = home.host.files as MemoryFiles;
  const lamps = Array.from(
    { length: AWARE },
    (_, number) => new MemoryDevice(home, crypto, { name: `Lamp ${number}` }),
  );
  for (const lamp of lamps) lamp.agent.start();
  await pass(home, 3000);
  const { devices } = await home.call("devices", { state: "pending" });
  for (const { id } of devices as { id: string }[]) await home.call("approve", { id });
  await pass(home, 4000);
  for (let number = AWARE; number < 50; number++) await caged(home, number);
  const active = ((await home.call("status"))["devices"] as { active: number }).active;
  assert.equal(active, 50);
  await passDays(home, 1);

  for (let day = 1; day <= 3; day++) {
    const before = disk.octetsWritten("/etc/homeca/");
    // Those without an agent come a little later each, over the whole day.
    for (let number = AWARE; number < 50; number++) {
      await passDays(home, 1 / (50 - AWARE));
      comeBy(home, number);
    }
    const octets = disk.octetsWritten("/etc/homeca/") - before;
    assert.ok(octets <= 64 * 1024, `${octets} octets on day ${day}`);
    assert.ok(octets > 1000, `${octets} octets on day ${day}: nothing was counted`);
  }
  assert.ok(lamps.every(({ events }) => events.filter(({ kind }) => kind === "lives").length >= 4));
  for (const lamp of lamps) lamp.agent.stop();
  home.stop();
});

test("a home of a thousand devices that report on schedule writes less than a KiB a day for each", async () => {
  const DEVICES = 1000;
  const home = new MemoryHome(crypto, { uci: UCI, wall: TODAY });
  const disk = home.host.files as MemoryFiles;
  for (let number = 0; number < DEVICES; number++) {
    await caged(home, number);
    // Fewer are on the network at once.
    if (number % 250 === 249) home.host.clock.advance((DAY / 2) * 1000);
  }
  const before = disk.octetsWritten("/etc/homeca/");
  for (let part = 0; part < 25; part++) {
    for (let number = 0; number < DEVICES / 25; number++) {
      comeBy(home, part * (DEVICES / 25) + number);
    }
    home.host.clock.advance((DAY * 1000) / 25);
  }
  const octets = disk.octetsWritten("/etc/homeca/") - before;
  assert.ok(octets <= DEVICES * 1024, `${octets} octets a day`);
  assert.ok(disk.facts("/etc/homeca/sightings")!.size <= MAX_SIGHTINGS_FILE);
  assert.equal(((await home.call("status"))["devices"] as { active: number }).active, DEVICES);
  home.stop();
});
