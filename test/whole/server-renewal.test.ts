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

async function notAfter(home: MemoryHome): Promise<number> {
  return Number((await home.call("authority"))["serverNotAfter"]);
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
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  const { devices } = (await home.call("devices")) as { devices: { id: string }[] }; // the method's result has ids
  await home.call("approve", { id: devices[0]!.id });
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives");
  device.agent.stop();
  const { scalar, owner } = device.state;
  const before = met(home, { scalar, chain: owner!.chain });
  daysLater(home, 270);
  const after = met(home, { scalar, chain: owner!.chain });
  assert.ok(after.notAfter > before.notAfter);
  assert.ok(sameBytes(after.spki, before.spki));
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
