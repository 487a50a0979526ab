/** A router runs for years without a start: the certificate that devices check is renewed meanwhile, and used at once. */
import { assert, providers, seeded, test } from "#kit";
import { sameBytes } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import type { Certificate } from "../../src/proto/x509/certificate.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";
import type { Member } from "../kit/member-visit.ts";
import { Visit } from "../kit/member-visit.ts";

const DAY = 86_400;
const HOUR_MS = 3_600_000;
const crypto = providers[0]!;

/** The wall clock shows so many days more; a virtual year of minutes would take long. */
function daysLater(home: MemoryHome, days: number): void {
  const { host } = home;
  const wall = host.wall.bind(host);
  host.wall = () => unix(wall() + days * DAY);
  host.clock.advance(HOUR_MS);
}

/** A lamp that lives in the home, and is switched off for now. */
async function adopted(home: MemoryHome): Promise<Member> {
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  const { devices } = (await home.call("devices")) as { devices: { id: string }[] }; // the method's result has ids
  await home.call("approve", { id: devices[0]!.id });
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives");
  device.agent.stop();
  const { scalar, owner } = device.state;
  return { scalar, chain: owner!.chain };
}

function authority(home: MemoryHome): Promise<Record<string, unknown>> {
  return home.call("authority");
}

async function notAfter(home: MemoryHome): Promise<number> {
  return Number((await authority(home))["serverNotAfter"]);
}

test("with a third of its life left the certificate is renewed within the hour, and not before", async () => {
  const home = new MemoryHome(crypto);
  const first = await notAfter(home);
  daysLater(home, 200);
  assert.equal(await notAfter(home), first);
  daysLater(home, 70);
  const second = await notAfter(home);
  assert.ok(second - home.host.wall() > 380 * DAY);
  assert.match(home.lines.join("\n"), /was renewed, under the same key/u);
  home.forget();
  home.host.clock.advance(HOUR_MS);
  assert.equal(await notAfter(home), second);
  assert.ok(!home.lines.join("\n").includes("was renewed"));
  // It is on the medium: a start reads it and makes no other.
  const again = new MemoryHome(crypto, { files: home.stop(), wall: home.host.wall() });
  assert.equal(await notAfter(again), second);
  again.stop();
});

test("devices meet the new certificate over CoAPs at once, under the key they know", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const member = await adopted(home);
  const before = met(home, member);
  daysLater(home, 270);
  const after = met(home, member);
  assert.ok(after.notAfter > before.notAfter);
  assert.ok(sameBytes(after.spki, before.spki));
  home.stop();
});

test("the issuing CA is renewed while it outlives all it may sign; a year and more later devices still live", async () => {
  const home = new MemoryHome(crypto);
  const made = await authority(home);
  assert.equal(made["rootKeyHere"], true);
  assert.equal(made["issuingNotAfter"], home.host.wall() + 730 * DAY);
  assert.equal(made["issuingRenewsAt"], home.host.wall() + (730 - 397) * DAY);
  daysLater(home, 332);
  assert.equal((await authority(home))["issuingNotAfter"], made["issuingNotAfter"]);
  daysLater(home, 2);
  const renewed = await authority(home);
  assert.equal(renewed["issuingNotAfter"], home.host.wall() + 730 * DAY);
  assert.ok(Number(renewed["serverNotAfter"]) > home.host.wall() + 380 * DAY);
  assert.match(home.lines.join("\n"), /issuing CA was renewed, under the same key/u);
  // Years on, and over a start: what it signs is good for as long as it should be.
  for (let year = 0; year < 4; year++) daysLater(home, 365);
  const again = new MemoryHome(crypto, { files: home.stop(), wall: home.host.wall() });
  const order = { name: "Phone", password: "a password for tests" };
  assert.equal((await again.call("issue", order))["status"], 0);
  assert.deepEqual((await again.call("status"))["warnings"], []);
  const { entries } = (await again.call("audit")) as { entries: readonly { text: string }[] }; // as methods.ts says
  const renewals = entries.filter(({ text }) => text.includes("issuing CA was renewed"));
  assert.equal(renewals.length, 5);
  again.stop();
});

test("a certificate from before the renewal is taken after it, with the chain it came with", async () => {
  const first = new MemoryHome(crypto, { uci: HOME_UCI });
  const wall = first.host.wall() + 332 * DAY;
  const home = new MemoryHome(crypto, { uci: HOME_UCI, files: first.stop(), wall });
  const member = await adopted(home);
  const { issuingNotAfter } = await authority(home);
  daysLater(home, 3);
  assert.ok(Number((await authority(home))["issuingNotAfter"]) > Number(issuingNotAfter));
  const visit = new Visit(home, crypto, seeded("after the renewal"), member, null);
  assert.equal(parseCertificate(member.chain[1]!).notAfter, issuingNotAfter);
  // The report is answered for members alone, and its answer read strictly.
  visit.report();
  visit.close();
  home.stop();
});

test("without the root's key the owner is told before the issuing CA ends, and it is renewed once the key is back", async () => {
  const home = new MemoryHome(crypto);
  const files = home.host.files as MemoryFiles; // The kit made this disk.
  const key = files.read("/etc/homeca/ca/root.key")!;
  files.remove("/etc/homeca/ca/root.key");
  daysLater(home, 600);
  const quiet = await authority(home);
  assert.equal(quiet["rootKeyHere"], false);
  assert.deepEqual((await home.call("status"))["warnings"], []);
  daysLater(home, 60);
  const [warning = ""] = (await home.call("status"))["warnings"] as string[]; // as methods.ts says
  assert.match(warning, /issuing CA's certificate ends in 69 days.*put \S+root\.key back/u);
  assert.equal((await authority(home))["issuingNotAfter"], quiet["issuingNotAfter"]);
  files.plant("/etc/homeca/ca/root.key", key);
  home.host.clock.advance(HOUR_MS);
  assert.ok(Number((await authority(home))["issuingNotAfter"]) > home.host.wall() + 700 * DAY);
  assert.deepEqual((await home.call("status"))["warnings"], []);
  home.stop();
});

test("near the root's own end nothing is renewed for nothing", async () => {
  const home = new MemoryHome(crypto);
  for (let year = 0; year < 9; year++) daysLater(home, 365);
  const last = await authority(home);
  assert.ok(Number(last["notAfter"]) - Number(last["issuingNotAfter"]) < 30 * DAY);
  assert.equal(last["issuingRenewsAt"], null);
  home.forget();
  home.host.clock.advance(HOUR_MS);
  assert.ok(!home.lines.join("\n").includes("was renewed"));
  home.stop();
});

/** What the home shows; whether it takes the device's own certificate is another question. */
function met(home: MemoryHome, member: Member): Certificate {
  const visit = new Visit(home, crypto, seeded(`visit ${home.nextJoin()}`), member, null);
  const [shown] = visit.session?.peerChain ?? [];
  assert.ok(shown !== undefined);
  visit.close();
  return parseCertificate(shown);
}

test("a flash that is full puts it off, is told of, and does not hinder the rest of the hour", async () => {
  const home = new MemoryHome(crypto);
  const first = await notAfter(home);
  // The kit made this disk.
  (home.host.files as MemoryFiles).failNext("replaceDurably /etc/homeca/ca/server.pem", "ENOSPC");
  daysLater(home, 270);
  assert.equal(await notAfter(home), first);
  assert.match(home.lines.join("\n"), /Upkeep was put off \(replaceDurably .*ENOSPC\)/u);
  home.host.clock.advance(HOUR_MS);
  assert.ok((await notAfter(home)) > first);
  home.stop();
});
