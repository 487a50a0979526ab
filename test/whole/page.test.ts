/** What a page asks of the daemon: portions that fit, a pulse that tells, parts with their fixes, and proof. */
import { assert, providers, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type {
  DevicePage,
  Explanation,
  LogPage,
  Revoked,
  Status,
} from "../../src/daemon/management/service.ts";
import { HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
/** What uhttpd and ubus carry in one answer. */
const MAX_ANSWER = 64 * 1024;

/** The answer as its method's result says it is. */
async function ask<T>(home: MemoryHome, method: string, args: object = {}): Promise<T> {
  const answer = await home.call(method, args);
  assert.equal(answer["status"], 0, JSON.stringify(answer));
  assert.ok(utf8(JSON.stringify(answer)).length <= MAX_ANSWER, method);
  return answer as T;
}

const macOf = (at: number): string => `02:00:00:00:${hexOctet(at >> 8)}:${hexOctet(at & 0xff)}`;
const hexOctet = (value: number): string => value.toString(16).padStart(2, "0");

async function cages(home: MemoryHome, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const args = { name: `${at} ${"ü".repeat(50)}`, class: "wired", mac: macOf(at) };
    await ask(home, "cage", args);
  }
}

test("500 devices come in answers that ubus carries, each device once, in one order", async () => {
  const home = new MemoryHome(crypto);
  await cages(home, 500);
  const seen: string[] = [];
  for (let from: number | null = 0; from !== null;) {
    const page: DevicePage = await ask<DevicePage>(home, "devices", { from });
    assert.equal(page.total, 500);
    seen.push(...page.devices.map(({ id }) => id));
    from = page.next;
  }
  assert.equal(seen.length, 500);
  assert.equal(new Set(seen).size, 500);
  const beyond = await ask<DevicePage>(home, "devices", { from: 500 });
  assert.deepEqual(beyond.devices, []);
  assert.equal(beyond.next, null);
  home.stop();
});

test("the log goes on behind the number that was seen last", async () => {
  const home = new MemoryHome(crypto);
  await cages(home, 3);
  const first = await ask<LogPage>(home, "log");
  assert.equal(first.events.at(-1)!.number, first.newest);
  await ask(home, "search", { seconds: 60 });
  const next = await ask<LogPage>(home, "log", { after: first.newest });
  assert.deepEqual(
    next.events.map(({ number, kind }) => [number, kind]),
    [[first.newest + 1, "owner"]],
  );
  await cages(home, 0);
  const all = await ask<LogPage>(home, "log", { limit: 1000, after: next.newest });
  assert.deepEqual(all.events, []);
  home.stop();
});

test("the pulse is still while nothing happens, and moves with the record, the place, the search and the clock", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const beat = async (): Promise<unknown> => (await home.call("pulse"))["revision"];
  const still = await beat();
  assert.equal(await beat(), still);
  home.host.clock.advance(60_000);
  assert.equal(await beat(), still);
  let before = still;
  const moved = async (what: string): Promise<void> => {
    const now = await beat();
    assert.ok(Number(now) > Number(before), what);
    before = now;
    assert.equal(await beat(), now, `${what}, once`);
  };
  await ask(home, "search", { seconds: 3600 });
  await moved("the search began");
  await ask(home, "search", { seconds: 0 });
  await moved("the search ended");
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  device.agent.stop();
  await moved("a device came");
  const { boot } = await ask<{ boot: string }>(home, "pulse");
  assert.match(boot, /^[0-9a-f]{16}$/u);
  home.stop();
});

test("a search for a type that no device can have is refused, and none begins", async () => {
  const home = new MemoryHome(crypto);
  for (const type of ["Ärger!", "a.b", "_x", "Heating"]) {
    const { reason, message } = await home.call("search", { seconds: 60, type });
    assert.equal(reason, "bad-argument", type);
    assert.match(String(message), / is no type: write [^.]*$/u);
  }
  assert.equal((await ask<Status>(home, "status")).search.seconds, 0);
  home.stop();
});

test("each part of the home is told once; what is wrong has its sentence, and a fix where a method mends it", async () => {
  const home = new MemoryHome(crypto);
  const good = await ask<Status>(home, "status");
  assert.deepEqual(
    good.parts.map(({ part }) => part),
    ["time", "storage", "authority", "firewall", "radius", "access-points"],
  );
  assert.ok(good.parts.every((part) => part.good && part.sentence === null && part.fix === null));
  home.stop();
  const blind = new MemoryHome(crypto, { uci: "config homeca 'main'\n\toption enforce 'nft'\n" });
  const { parts, warnings } = await ask<Status>(blind, "status");
  const wrong = parts.filter((part) => !part.good);
  assert.deepEqual(
    wrong.map(({ part }) => part),
    ["firewall", "radius"],
  );
  for (const { sentence } of wrong) assert.ok(warnings.includes(sentence!));
  blind.stop();
});

test("a revocation answers with what has ended, in that order, each with its milliseconds", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  const { devices } = await ask<DevicePage>(home, "devices");
  const { id } = devices[0]!;
  const waiting = await ask<Explanation>(home, "why", { id });
  assert.equal(waiting.can, false);
  assert.deepEqual(waiting.fix, { label: "Let it in", method: "approve", arguments: { id } });
  await ask(home, waiting.fix!.method, waiting.fix!.arguments);
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives");
  const details = await ask<{ code: string; certifiedUntil: number }>(home, "device", { id });
  assert.match(details.code, /^\d/u);
  assert.ok(details.certifiedUntil > home.host.wall());
  const { state, proof } = await ask<Revoked>(home, "revoke", { id });
  assert.equal(state, "revoked");
  assert.deepEqual(
    proof.map(({ step }) => step),
    ["record", "tickets", "connections", "firewall", "list"],
  );
  const times = proof.map(({ milliseconds }) => milliseconds);
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  );
  const gone = await ask<Explanation>(home, "why", { id });
  assert.deepEqual([gone.can, gone.fix?.method], [false, "readmit"]);
  device.agent.stop();
  home.stop();
});

test("a firewall that takes a second to cut the device off is waited for, and the proof says so", async () => {
  const home = new MemoryHome(crypto, {
    uci: "config homeca 'main'\n\toption enforce 'nft'\n\tlist interface 'lan1'\n",
    script: (command) => (command[1] === "-f" ? { takes: 1000 } : {}),
  });
  home.host.clock.advance(5000);
  const { id } = await ask<{ id: string }>(home, "cage", {
    name: "TV",
    class: "wired",
    mac: macOf(1),
  });
  const answer = home.call("revoke", { id }, 5000);
  for (let turn = 0; turn < 20; turn++) {
    home.host.clock.advance(100);
    await Promise.resolve();
  }
  const { proof } = (await answer) as unknown as Revoked; // as methods.ts says
  const firewall = proof.find(({ step }) => step === "firewall")!;
  assert.ok(firewall.milliseconds >= 1000, `${firewall.milliseconds}`);
  home.stop();
});

test("what one may ask of another is granted by the button that the answer brings", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const lamp = new MemoryDevice(home, crypto, { name: "Lamp" });
  lamp.agent.start();
  await pass(home, 2000);
  const [{ id } = { id: "" }] = (await ask<DevicePage>(home, "devices")).devices;
  await ask(home, "approve", { id });
  await pass(home, 3000);
  const question = { id, to: "@lights", path: "/on", method: "PUT" };
  const no = await ask<Explanation>(home, "why", question);
  assert.equal(no.can, false);
  assert.match(no.sentence, /^Lamp may ask nothing of the group lights: /u);
  await ask(home, no.fix!.method, no.fix!.arguments);
  const yes = await ask<Explanation>(home, "why", question);
  assert.deepEqual(yes, { ...yes, can: true, fix: null });
  const wrong = await home.call("why", { id, to: "@lights", path: "on" });
  assert.equal(wrong["reason"], "bad-argument");
  const then = await ask<Explanation>(home, "why", { id, at: home.host.wall() });
  assert.match(then.sentence, /Lamp/u);
  const before = await ask<Explanation>(home, "why", { id, at: 1 });
  assert.match(before.sentence, /^Nothing was decided about Lamp /u);
  lamp.agent.stop();
  home.stop();
});
