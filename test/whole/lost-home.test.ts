/** A device whose home is gone: time opens a door, and only somebody who holds the device goes through it. */
import { assert, providers, seeded, test } from "#kit";
import { sameBytes, toHex, utf8 } from "../../src/base/bytes.ts";
import { HomeSearch } from "../../src/device/home-search.ts";
import { PRESENCE_MS, showPresence } from "../../src/device/presence.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import type { Search } from "../../src/policy/window/passive-release.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { HOME_UCI, MemoryDevice, pass, passDays, STATE } from "../kit/memory-device.ts";
import type { MemoryDeviceOptions } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const SEARCH = `${STATE}.search`;
const PRESENCE = `${STATE}.presence`;
const MINUTE = 60_000;

/** Twenty days of looking, and one hour less than it takes. */
const ALMOST: Search = { releaseDays: 20, hours: 479, failedDays: 20, lastFailed: 19 };
const LOST: Search = { ...ALMOST, hours: 480 };

async function approveFirst(home: MemoryHome): Promise<string> {
  const { devices } = await home.call("devices", { state: "pending" });
  const [first] = devices as [{ id: string }?];
  assert.ok(first !== undefined, "nobody waits");
  assert.equal((await home.call("approve", { id: first.id }))["status"], 0);
  return first.id;
}

const pendingAt = async (home: MemoryHome): Promise<number> =>
  ((await home.call("devices", { state: "pending" }))["devices"] as unknown[]).length;

/** A lamp of a first home, whose disk says that it has looked for that home like this. */
async function orphan(search: Search): Promise<MemoryFiles> {
  const home = new MemoryHome(crypto, { uci: HOME_UCI, random: seeded("first home") });
  const lamp = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  lamp.agent.start();
  await pass(home, 2000);
  await approveFirst(home);
  await pass(home, 3000);
  assert.equal(lamp.story.at(-1), "lives", home.lines.join("\n"));
  lamp.agent.stop();
  home.stop();
  const files = lamp.files.restart();
  files.plant(SEARCH, utf8(JSON.stringify(search)));
  return files;
}

/** That lamp in another home, at the first one's address. */
function elsewhere(
  files: MemoryFiles,
  more: Partial<MemoryDeviceOptions> = {},
): { readonly home: MemoryHome; readonly lamp: MemoryDevice } {
  const home = new MemoryHome(crypto, { uci: HOME_UCI, random: seeded("second home") });
  const lamp = new MemoryDevice(home, crypto, { name: "Kitchen lamp", files, ...more });
  lamp.agent.start();
  return { home, lamp };
}

test("hours without the home are counted and written once an hour; one answer of the home ends them", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const lamp = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  lamp.agent.start();
  await pass(home, 2000);
  await approveFirst(home);
  await pass(home, 3000);
  const told = new HomeSearch(lamp.host, SEARCH).search;
  assert.ok(told.releaseDays !== null && told.releaseDays >= 19.9 && told.hours === 0);

  const disk = home.stop();
  const before = lamp.files.octetsWritten(SEARCH);
  await passDays(home, 2.1);
  const { search } = new HomeSearch(lamp.host, SEARCH);
  // It is missed as soon as it no longer answers for what the device observes: after minutes.
  assert.ok(search.hours >= 48 && search.hours <= 51, `${search.hours} hours`);
  assert.ok(search.failedDays >= 2 && search.failedDays <= 3);
  const writes = (lamp.files.octetsWritten(SEARCH) - before) / 80;
  assert.ok(writes <= search.hours, `${writes} writes`);
  lamp.agent.stop();

  const back = new MemoryHome(crypto, { files: disk });
  const again = new MemoryDevice(back, crypto, {
    name: "Kitchen lamp",
    files: lamp.files.restart(),
  });
  assert.equal(new HomeSearch(again.host, SEARCH).search.hours, search.hours);
  again.agent.start();
  await pass(back, 2000);
  assert.equal(again.story.at(-1), "lives");
  assert.equal(new HomeSearch(again.host, SEARCH).search.hours, 0);
  again.agent.stop();
  back.stop();
});

test("a lost home frees no device: without somebody there it asks no other one", async () => {
  const { home, lamp } = elsewhere(await orphan(ALMOST));
  await passDays(home, 0.5 / 24);
  assert.ok(!lamp.story.includes("home-lost"));
  await passDays(home, 3 / 24);
  assert.ok(lamp.story.includes("home-lost"));
  assert.ok(!lamp.story.includes("pairing"));
  assert.equal(await pendingAt(home), 0);
  assert.ok(lamp.state.owner !== null && !lamp.state.passive);
  lamp.agent.stop();
  home.stop();
});

test("with somebody there it asks, and belongs to the other home once its owner says yes", async () => {
  let wasOwner: boolean | null = null;
  const files = await orphan(LOST);
  const { home, lamp } = elsewhere(files, {
    erase: () => {
      wasOwner = lamp.state.owner !== null && !lamp.story.includes("key-agreed");
      return Promise.resolve();
    },
  });
  const { scalar, owner } = lamp.state;
  await pass(home, 3000);
  assert.equal(lamp.story.at(-2), "home-lost");
  showPresence(files, PRESENCE, "button");
  await pass(home, MINUTE * 2, 500);
  assert.equal(files.read(PRESENCE), null);
  assert.deepEqual(lamp.story.slice(-2), ["pairing", "waits-for-owner"]);
  // Until then it is its old home's.
  assert.ok(lamp.state.owner !== null && wasOwner === null);
  assert.ok(sameBytes(lamp.state.scalar, scalar));

  const id = await approveFirst(home);
  await pass(home, 5000);
  assert.deepEqual(lamp.story.slice(-5), [
    "approved",
    "key-agreed",
    "certified",
    "joined",
    "lives",
  ]);
  assert.equal(wasOwner, true);
  assert.ok(lamp.state.owner !== null && !sameBytes(lamp.state.owner.root, owner!.root));
  assert.equal(lamp.state.passive, false);
  assert.ok(!sameBytes(lamp.state.scalar, scalar));
  // The key it had is the one that the other home met it with.
  const { publicKey } = crypto.signingKey("P-256", scalar);
  const first = toHex(crypto.digest("sha256", encodePublicKey(publicKey)));
  assert.equal(new HomeSearch(lamp.host, SEARCH).search.hours, 0);
  const shown = await home.call("device", { id });
  assert.deepEqual([shown["state"], shown["keyCase"]], ["active", "good-known"]);
  const snapshot = home.stop();
  assert.ok(String.fromCharCode(...snapshot.read("/etc/homeca/journal")!).includes(first));
  lamp.agent.stop();
});

test("where erasing fails, it stays with its old home and tries again", async () => {
  let tries = 0;
  const files = await orphan(LOST);
  const { home, lamp } = elsewhere(files, {
    erase: () => {
      tries++;
      return tries === 1 ? Promise.reject(new HostFailure("erase", "EIO")) : Promise.resolve();
    },
  });
  await pass(home, 1000);
  const { owner, scalar } = lamp.state;
  showPresence(files, PRESENCE, "button");
  await pass(home, MINUTE * 2, 500);
  await approveFirst(home);
  await pass(home, 1000);
  assert.equal(tries, 1);
  assert.ok(sameBytes(lamp.state.owner!.root, owner!.root));
  assert.ok(sameBytes(lamp.state.scalar, scalar));
  await pass(home, MINUTE * 3, 500);
  assert.equal(tries, 2);
  assert.ok(!sameBytes(lamp.state.owner!.root, owner!.root));
  lamp.agent.stop();
  home.stop();
});

test("theft-locked it asks nobody, whoever is there and however long it was; so does one whose count is damaged", async () => {
  for (const search of [{ ...LOST, releaseDays: null }, null]) {
    const files = await orphan(LOST);
    files.plant(SEARCH, utf8(search === null ? "{" : JSON.stringify(search)));
    const { home, lamp } = elsewhere(files);
    await pass(home, 1000);
    showPresence(files, PRESENCE, "button");
    await passDays(home, 2 / 24);
    assert.ok(!lamp.story.includes("pairing") && !lamp.story.includes("home-lost"));
    assert.equal(await pendingAt(home), 0);
    lamp.agent.stop();
    home.stop();
  }
});

test("presence before the home is lost, from before the start, or an hour ago counts for nothing", async () => {
  const files = await orphan(LOST);
  showPresence(files, PRESENCE, "button");
  const { home, lamp } = elsewhere(files);
  await passDays(home, 1 / 24);
  assert.ok(!lamp.story.includes("pairing"));
  lamp.agent.stop();
  home.stop();

  const early = await orphan({ ...ALMOST, hours: 478 });
  const { home: other, lamp: second } = elsewhere(early);
  await pass(other, 1000);
  showPresence(early, PRESENCE, "button");
  await passDays(other, 3 / 24);
  assert.ok(PRESENCE_MS < 2 * 3_600_000);
  assert.ok(second.story.includes("home-lost") && !second.story.includes("pairing"));
  second.agent.stop();
  other.stop();
});
