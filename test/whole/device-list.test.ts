/** A device keeps its home's revocation list: pushed while it is connected, never exchanged for an older one or another's. */
import { assert, providers, seeded, test } from "#kit";
import { hex } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { MAX_LIST_LENGTH, Revocations } from "../../src/device/revocations.ts";
import { HostFailure } from "../../src/host/host.ts";
import { HARD_AGE_SECONDS } from "../../src/policy/rights/list-freshness.ts";
import { decodePem } from "../../src/proto/x509/pem.ts";
import { takeIn } from "../kit/adopting.ts";
import { HOME_UCI, MemoryDevice, pass, STATE } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const LIST = `${STATE}.crl`;
const DAY = 86_400;

/** A device that asks, is approved and reports. */
async function adopted(home: MemoryHome, name: string): Promise<MemoryDevice> {
  const device = new MemoryDevice(home, crypto, { name });
  await takeIn(home, device);
  return device;
}

async function withLamp(
  seed = "home",
): Promise<{ readonly home: MemoryHome; readonly lamp: MemoryDevice }> {
  const home = new MemoryHome(crypto, { uci: HOME_UCI, random: seeded(seed) });
  return { home, lamp: await adopted(home, "Kitchen lamp") };
}

async function listOf(home: MemoryHome): Promise<{ number: number; der: Uint8Array }> {
  const { number, crlPem } = await home.call("crl");
  return { number: number as number, der: decodePem("X509 CRL", crlPem as string)![0]! };
}

/** Another lamp that is taken in and revoked; the serial number of its certificate. */
async function revokedLamp(home: MemoryHome): Promise<string> {
  const lamp = await adopted(home, "Hall lamp");
  lamp.agent.stop();
  const { devices } = await home.call("devices");
  const named = (devices as { id: string; name: string }[]).filter(
    ({ name }) => name === "Hall lamp",
  );
  const { id } = named[0]!;
  const { certificates } = await home.call("device", { id });
  await home.call("revoke", { id });
  return (certificates as [{ serial: string }])[0].serial;
}

/** A list with another number: any withdrawal has it signed anew. */
async function newList(home: MemoryHome, number: number): Promise<void> {
  const mac = `02:00:00:00:00:0${number}`;
  const { id } = await home.call("cage", { name: `Thing ${number}`, class: "wired", mac });
  await home.call("revoke", { id });
  await pass(home, 1000);
}

test("the list is there after the first report, and each newer one is pushed while the session stands", async () => {
  const { home, lamp } = await withLamp();
  const { revocations } = lamp.agent;
  const first = await listOf(home);
  assert.equal(revocations.held?.number, first.number);
  assert.equal(lamp.state.owner?.crlNumber, first.number);
  assert.deepEqual(lamp.files.read(LIST), first.der);

  // Nobody asks again for what is pushed.
  const sent = home.host.network.sent.length;
  await pass(home, 5 * 60_000, 500);
  assert.equal(home.host.network.sent.length, sent);

  const now = unix(home.host.wall());
  const later = await revokedLamp(home);
  await pass(home, 1000);
  const second = await listOf(home);
  assert.ok(second.number > first.number);
  assert.equal(revocations.held?.number, second.number);
  assert.equal(lamp.state.owner?.crlNumber, second.number);
  assert.equal(revocations.serves(later, "GET", now), false);
  assert.equal(revocations.serves("7f00", "GET", now), true);
  assert.equal(revocations.serves("7f00", "PUT", now), true);
  lamp.agent.stop();

  // Over a power cut, and with less and less to go by.
  const kept = new Revocations({ files: lamp.files.restart(), crypto }, LIST, lamp.file);
  assert.deepEqual(kept.held, revocations.held);
  const { nextUpdate } = kept.held!;
  assert.equal(kept.freshness(nextUpdate), "current");
  assert.equal(kept.serves("7f00", "PUT", unix(nextUpdate + 1)), false);
  assert.equal(kept.serves("7f00", "GET", unix(nextUpdate + 1)), true);
  assert.equal(kept.serves("7f00", "PUT", "unknown"), false);
  assert.equal(kept.serves("7f00", "GET", unix(nextUpdate + HARD_AGE_SECONDS + 1)), false);
  home.stop();
});

test("an older list is not taken, not even where the newer one was lost; nor is another home's, or a damaged one", async () => {
  const { home, lamp } = await withLamp();
  const old = await listOf(home);
  await newList(home, 1);
  const newest = await listOf(home);
  const { revocations } = lamp.agent;
  lamp.agent.stop();
  assert.equal(revocations.take(old.der), "older");
  assert.equal(revocations.take(newest.der), "same");
  assert.deepEqual(lamp.files.read(LIST), newest.der);

  // The file is put back as it was, or lost: the number is remembered.
  for (const bytes of [old.der, null]) {
    const files = lamp.files.restart();
    if (bytes === null) files.remove(LIST);
    else files.plant(LIST, bytes);
    const robbed = new Revocations({ files, crypto }, LIST, lamp.file);
    assert.equal(robbed.held, null);
    assert.equal(robbed.freshness(unix(home.host.wall())), "useless");
    assert.equal(robbed.take(old.der), "older");
    assert.equal(robbed.take(newest.der), "taken");
    assert.equal(robbed.held?.number, newest.number);
  }

  const other = await withLamp("another home");
  const foreign = await listOf(other.home);
  other.lamp.agent.stop();
  assert.equal(revocations.take(foreign.der), "refused");
  const damaged = newest.der.slice();
  damaged[damaged.length - 1]! ^= 1;
  const long = new Uint8Array(MAX_LIST_LENGTH + 1);
  for (const bytes of [damaged, newest.der.subarray(0, -1), hex(""), long]) {
    assert.equal(revocations.take(bytes), "refused");
  }
  assert.equal(revocations.held?.number, newest.number);
  home.stop();
  other.home.stop();
});

test("a list that is not on the medium is not in force", async () => {
  const { home, lamp } = await withLamp();
  const { revocations } = lamp.agent;
  const before = revocations.held;
  lamp.files.failNext(`replaceDurably ${LIST}`, "ENOSPC");
  await newList(home, 1);
  assert.deepEqual(revocations.held, before);
  assert.equal(lamp.state.owner?.crlNumber, before!.number);
  // The agent lives on, and the next list is taken.
  await newList(home, 2);
  assert.ok(revocations.held!.number > before!.number);
  assert.ok(revocations.held!.nextUpdate > home.host.wall() + 6 * DAY);
  const failing = new Revocations({ files: lamp.files, crypto }, LIST, lamp.file);
  lamp.files.failNext(`remove ${LIST}`, "EIO");
  assert.throws(() => failing.forget(), HostFailure);
  lamp.agent.stop();
  home.stop();
});
