// The power goes at every write of an adoption, on either side: what comes back has one key that works, and ends as a member.
import { assert, providers, seeded, test } from "#kit";
import type { Torn } from "../../src/host/memory/files.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { ADOPTING_UCI, approveAll, record } from "../kit/adopting.ts";
import { MemoryDevice, passUntil } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const MINUTE = 60_000;
const TORN: readonly Torn[] = ["short", "zeros", "hole"];

/** Until the device is a member of a home whose owner says yes to everyone, or something else holds. */
function adopted(
  home: MemoryHome,
  device: MemoryDevice,
  orElse: () => boolean = () => false,
): Promise<boolean> {
  const isOver = async (): Promise<boolean> => {
    if (device.isMember || orElse()) return true;
    await approveAll(home);
    return device.isMember || orElse();
  };
  return passUntil(home, isOver, 90 * MINUTE);
}

/** One key, certified for it, on a record that is in; and nothing half done beside it. */
async function assertWhole(home: MemoryHome, device: MemoryDevice, where: string): Promise<void> {
  assert.ok(device.isMember, `${where}: ${device.story.join(" ")}; ${device.failures.join(", ")}`);
  const { scalar, owner, next } = device.state;
  assert.equal(next, null, where);
  assert.ok(owner !== null, where);
  const { publicKey } = crypto.signingKey("P-256", scalar);
  const leaf = parseCertificate(owner.chain[0]!);
  assert.deepEqual(leaf.spki, encodePublicKey(publicKey), where);
  const shown = await record(home, device);
  assert.deepEqual(
    [shown["state"], shown["alarm"], shown["keyCase"]],
    ["active", null, "good-known"],
    where,
  );
  const serials = (shown["certificates"] as readonly { serial: string }[]).map(
    ({ serial }) => serial,
  );
  assert.ok(serials.includes(leaf.serial), where);
}

function newHome(): MemoryHome {
  return new MemoryHome(crypto, { uci: ADOPTING_UCI });
}

test("a device whose power goes at any of its writes comes back and becomes a member", async () => {
  const dry = newHome();
  const whole = new MemoryDevice(dry, crypto, { name: "Lamp" });
  const before = whole.files.unitsDone;
  whole.agent.start();
  await adopted(dry, whole);
  const units = whole.files.unitsDone - before;
  assert.ok(units >= 9, `${units} units`);
  dry.stop();

  for (let cut = 0; cut < units; cut++) {
    const home = newHome();
    const first = new MemoryDevice(home, crypto, { name: "Lamp" });
    first.files.cutPowerAfter(cut);
    first.agent.start();
    await adopted(home, first, () => first.host.isOff);
    assert.ok(first.host.isOff, `cut ${cut}: the power did not go`);
    const device = first.restart(home);
    device.agent.start();
    await adopted(home, device);
    await assertWhole(home, device, `cut ${cut}`);
    device.agent.stop();
    home.stop();
  }
});

/** The units before and behind each write of a home that takes a device in. */
async function writesOfAdoption(): Promise<readonly number[]> {
  const home = newHome();
  const files = home.host.files;
  assert.ok(files instanceof MemoryFiles);
  const from = files.unitsDone;
  const seen = new Set<number>([0]);
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await adopted(home, device, () => {
    seen.add(files.unitsDone - from);
    return false;
  });
  seen.add(files.unitsDone - from);
  device.agent.stop();
  home.stop();
  return [...seen];
}

test("a home whose power goes at any of its writes comes back and takes the device in", async () => {
  const ends = await writesOfAdoption();
  assert.ok(ends.length >= 4, ends.join(" "));
  // Of each write the first octet, one inside, the last one, and the moment behind it.
  const cuts = ends.slice(1).flatMap((end, at) => {
    const begin = ends[at]!;
    return [begin, Math.floor((begin + end) / 2), end - 1];
  });
  for (const [at, cut] of cuts.entries()) {
    const home = newHome();
    const files = home.host.files;
    assert.ok(files instanceof MemoryFiles);
    const device = new MemoryDevice(home, crypto, { name: "Lamp" });
    files.cutPowerAfter(cut);
    device.agent.start();
    const until = Promise.resolve().then(() => adopted(home, device, () => files.powerIsOff));
    // A call to the home in the middle of which it dies is never answered.
    await until.catch((failure: unknown) => {
      if (!(failure instanceof SyntaxError)) throw failure;
    });
    assert.ok(files.powerIsOff, `cut ${cut}: the power did not go`);
    const disk = home.crash(TORN[at % TORN.length]);
    const again = new MemoryHome(crypto, {
      files: disk,
      world: home.host,
      random: seeded(`after cut ${cut}`),
    });
    await adopted(again, device);
    await assertWhole(again, device, `cut ${cut} of ${ends.at(-1)}`);
    device.agent.stop();
    again.stop();
  }
});
