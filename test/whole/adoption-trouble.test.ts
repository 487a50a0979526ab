// What may come between a device and its home: restarts, the owner's no, clocks, codes, copies of keys, and other homes.
import { assert, providers, seeded, test } from "#kit";
import { approveAll, ADOPTING_UCI, devicesOf, idOf, record } from "../kit/adopting.ts";
import { MAX_ABANDONED } from "../../src/policy/devices/key-updates.ts";
import { HOME_ADDRESS, MemoryDevice, pass, passUntil } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type Step = "waits-for-owner" | "approved" | "key-agreed" | "certified" | "joined" | "lives";
const STEPS: readonly Step[] = [
  "waits-for-owner",
  "approved",
  "key-agreed",
  "certified",
  "joined",
  "lives",
];

function newHome(more: ConstructorParameters<typeof MemoryHome>[1] = {}): MemoryHome {
  return new MemoryHome(crypto, { uci: ADOPTING_UCI, ...more });
}

function rebooted(home: MemoryHome, seed: string): MemoryHome {
  return new MemoryHome(crypto, { files: home.stop(), world: home.host, random: seeded(seed) });
}

/** Lets the device go on, its owner saying yes to it once, until it has come so far. */
async function comesTo(home: MemoryHome, device: MemoryDevice, step: Step): Promise<void> {
  let answered = false;
  const isThere = async (): Promise<boolean> => {
    if (device.story.includes(step)) return true;
    if (
      step !== "waits-for-owner" &&
      !answered &&
      (await devicesOf(home)).some(({ state }) => state === "pending")
    ) {
      answered = true;
      await approveAll(home);
    }
    return device.story.includes(step);
  };
  // Steps of a millisecond: the network takes none, so that each is caught in the middle.
  const came = await passUntil(home, isThere, 20 * SECOND, 1);
  assert.ok(came, `${step}: ${device.story.join(" ")}; ${device.failures.join(", ")}`);
}

for (const step of STEPS) {
  test(`a home restarted once the device is at "${step}" has it as a member in the end`, async () => {
    const home = newHome();
    const device = new MemoryDevice(home, crypto, { name: "Lamp" });
    device.agent.start();
    await comesTo(home, device, step);
    const again = rebooted(home, `restarted at ${step}`);
    const lives = async (): Promise<boolean> => {
      await approveAll(again);
      return device.isMember && device.state.next === null;
    };
    const came = await passUntil(again, lives, 30 * MINUTE, SECOND);
    assert.ok(came, `${device.story.join(" ")}; ${device.failures.join(", ")}`);
    const { state, keyCase } = await record(again, device);
    assert.deepEqual([state, keyCase], ["active", "good-known"]);
    device.agent.stop();
    again.stop();
  });

  test(`revoked once it is at "${step}", the device gets nothing any more`, async () => {
    const home = newHome();
    const device = new MemoryDevice(home, crypto, { name: "Lamp" });
    device.agent.start();
    await comesTo(home, device, step);
    const id = await idOf(home, device);
    if (step === "waits-for-owner") await approveAll(home);
    assert.equal((await home.call("revoke", { id }))["status"], 0);
    const count = async (): Promise<number> =>
      ((await record(home, device))["certificates"] as readonly unknown[]).length;
    const issued = await count();
    const before = device.events.length;
    // Once a day a member reports, at the latest: then it hears what became of it.
    await pass(home, device.isMember ? 26 * HOUR : 30 * MINUTE, MINUTE);
    assert.equal(await count(), issued, home.lines.slice(-4).join(" | "));
    assert.equal((await record(home, device))["state"], "revoked");
    const since = device.events.slice(before).map(({ kind }) => kind);
    assert.ok(since.length > 0, "its association was not ended");
    assert.equal(since.includes("lives") || since.includes("certified"), false, since.join(" "));
    device.agent.stop();
    home.stop();
  });
}

test("a device that its owner denies waits as before", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "waits-for-owner");
  assert.equal((await home.call("deny", { id: await idOf(home, device) }))["status"], 0);
  await pass(home, 10 * MINUTE, SECOND);
  assert.equal(device.events.at(-1)?.kind, "waits-for-owner", device.failures.join(", "));
  assert.equal(device.state.owner, null);
  device.agent.stop();
  home.stop();
});

test("a device that nobody decides on asks again once the home has forgotten it", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "waits-for-owner");
  assert.equal((await home.call("remove", { id: await idOf(home, device) }))["status"], 0);
  await pass(home, MINUTE);
  assert.deepEqual(device.failures, ["refused, 4.04/6"]);
  const listed = await devicesOf(home);
  assert.deepEqual(
    listed.map(({ state }) => state),
    ["pending"],
  );
  device.agent.stop();
  home.stop();
});

test("a home that does not know the time issues nothing, and agrees on no key", async () => {
  const known = newHome();
  // The disk of a home that knew it once, on a router that starts in 1970.
  const files = known.stop();
  const home = new MemoryHome(crypto, { files, wall: 0, random: seeded("no time") });
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "approved");
  await pass(home, 10 * MINUTE, SECOND);
  assert.equal(new Set(device.failures).size, 1, device.failures.join(", "));
  assert.equal(device.failures[0], "home-without-time");
  assert.equal(device.story.includes("key-agreed"), false);
  assert.deepEqual((await record(home, device))["certificates"], []);
  device.agent.stop();
  home.stop();
});

test("a device that slept until its certificate had ended renews it", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "lives");
  device.agent.stop();
  await pass(home, 1000 * HOUR, HOUR);
  const again = device.restart(home);
  again.agent.start();
  await pass(home, MINUTE, SECOND);
  // 42 days later the certificate has ended: the home takes it as far as renewing.
  assert.deepEqual(again.story, ["lives", "renewed", "lives"], again.failures.join(", "));
  again.agent.stop();
  home.stop();
});

test("without the right code on the label nothing is agreed on; with it the home proves that it has it too", async () => {
  const code = "K7QP2M4X9RTD";
  const unknown = newHome();
  const lonely = new MemoryDevice(unknown, crypto, { name: "Lamp", setupCode: code });
  lonely.agent.start();
  await pass(unknown, 10 * SECOND);
  await approveAll(unknown);
  await pass(unknown, MINUTE);
  assert.equal(lonely.failures.at(-1), "home-unproven, no proof");
  assert.equal(lonely.story.includes("key-agreed"), false);
  const told = "It has a code on its label and wants this home to know it";
  assert.ok(
    unknown.lines.some((line) => line.includes(told)),
    unknown.lines.join("\n"),
  );
  lonely.agent.stop();
  unknown.stop();

  for (const [own, isRight] of [
    [code, true],
    ["K7QP2M4X9RTE", false],
  ] as const) {
    const home = newHome();
    const device = new MemoryDevice(home, crypto, { name: "Lamp", setupCode: own });
    const { claimedId } = await import("../../src/policy/admission/setup.ts");
    const id = claimedId(device.state.identity.deviceId);
    const text = `id,type,name,code\n${id},lamp,Lamp,${code}\n`;
    const outcome = await home.call("import", { text, format: "csv" });
    assert.equal(outcome["status"], 0, JSON.stringify(outcome));
    device.agent.start();
    await pass(home, 5 * SECOND);
    assert.equal(device.isMember, isRight, device.failures.join(", "));
    if (!isRight) assert.deepEqual(device.failures, ["refused, 4.29/11"]);
    device.agent.stop();
    home.stop();
  }
});

test("a device whose key updates break off has to wait, and its owner lets it try again", async () => {
  const home = newHome();
  const { network } = home.host;
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const approvals = (): number => device.story.filter((step) => step === "approved").length;
  device.agent.start();
  for (let times = 1; times <= MAX_ABANDONED; times++) {
    network.weather = () => [50];
    const goesOn = async (): Promise<boolean> => {
      await approveAll(home);
      return approvals() === times;
    };
    assert.ok(await passUntil(home, goesOn, HOUR, 10), device.failures.join(", "));
    // Its commitment arrives, and the home's share does not.
    await pass(home, 70, 10);
    network.weather = () => [];
    await pass(home, 2 * MINUTE);
  }
  network.weather = () => [0];
  const isHeld = (): boolean =>
    home.lines.some((line) => line.includes("broke off its key update"));
  assert.ok(await passUntil(home, () => Promise.resolve(isHeld()), HOUR, SECOND));
  assert.equal(device.isMember, false);
  await pass(home, 2 * HOUR, SECOND);
  assert.equal(device.isMember, false);
  const again = await home.call("approve", { id: await idOf(home, device) });
  assert.deepEqual([again["status"], again["state"]], [0, "approved"]);
  await pass(home, 2 * HOUR, SECOND);
  assert.ok(device.isMember, device.failures.join(", "));
  device.agent.stop();
  home.stop();
});

test("one key in two devices holds both of them, and raises the alarm", async () => {
  const home = newHome();
  const one = new MemoryDevice(home, crypto, { name: "Lamp", made: "batch" });
  one.agent.start();
  await comesTo(home, one, "waits-for-owner");
  const copy = new MemoryDevice(home, crypto, { name: "Copy", made: "batch" });
  copy.agent.start();
  await pass(home, 5 * SECOND);
  const [only, ...more] = await devicesOf(home);
  assert.equal(more.length, 0);
  assert.equal(only?.alarm, "duplicate-key");
  assert.equal(only?.name, "Lamp");
  await pass(home, 20 * MINUTE, SECOND);
  for (const device of [one, copy]) {
    assert.equal(device.state.owner, null);
    assert.equal(device.story.includes("approved"), false);
    device.agent.stop();
  }
  assert.ok(home.lines.some((line) => line.includes("two devices use its key")));
  home.stop();
});

test("another home at the member's home's address is refused by the member", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "lives");
  device.agent.stop();
  home.stop();
  const twin = newHome({ world: home.host, random: seeded("evil twin") });
  const again = device.restart(twin);
  const before = again.state;
  again.agent.start();
  await pass(twin, 5 * MINUTE, SECOND);
  assert.deepEqual(new Set(again.failures), new Set(["home-refused"]));
  assert.deepEqual(again.state, before);
  assert.deepEqual(await devicesOf(twin), []);
  again.agent.stop();
  twin.stop();
});

test("a device that was told its home's key before meets no other", async () => {
  const home = newHome();
  const pinned = crypto.digest("sha256", Uint8Array.of(1));
  const device = new MemoryDevice(home, crypto, { name: "Lamp", pinned });
  device.agent.start();
  await pass(home, MINUTE, SECOND);
  assert.deepEqual(new Set(device.failures), new Set(["home-refused"]));
  assert.deepEqual(await devicesOf(home), []);
  device.agent.stop();
  home.stop();
});

test("a device without randomness of its own becomes a member, and its record says what that is worth", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp", hasRandomness: false });
  device.agent.start();
  await comesTo(home, device, "lives");
  assert.equal((await record(home, device))["keyCase"], "weak-known");
  device.agent.stop();
  home.stop();
});

test("both sides show one number once they have agreed", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await comesTo(home, device, "key-agreed");
  const agreed = device.events.find((event) => event.kind === "key-agreed");
  assert.ok(agreed !== undefined);
  const { events } = (await home.call("log", {})) as unknown as { events: { text: string }[] };
  assert.ok(
    events.some(({ text }) => text.includes(agreed.code)),
    HOME_ADDRESS,
  );
  device.agent.stop();
  home.stop();
});
