// Members that come back to their CoAPs session: a ticket saves the proof of the key, and opens nothing that the record no longer opens.
import { assert, providers, test } from "#kit";
import { SESSION_SECONDS } from "../../src/daemon/tickets.ts";
import { HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";
import type { Kept, Member } from "../kit/member-visit.ts";
import { Visit } from "../kit/member-visit.ts";
import { seeded } from "../kit/random.ts";

const crypto = providers[0]!;

interface Lived {
  readonly home: MemoryHome;
  readonly id: string;
  readonly member: Member;
}

/** A home with a member that has reported. */
async function withMember(): Promise<Lived> {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  // The method's result has ids.
  const { devices } = (await home.call("devices")) as { devices: { id: string }[] };
  const { id } = devices[0]!;
  await home.call("approve", { id });
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives");
  device.agent.stop();
  const { scalar, owner } = device.state;
  return { home, id, member: { scalar, chain: owner!.chain } };
}

const visit = ({ home, member }: Lived, kept: Kept | null = null): Visit =>
  new Visit(home, crypto, seeded(`visit ${home.nextJoin()}`), member, kept);

/** The session that a whole handshake leaves. */
function keptBy(lived: Lived): Kept {
  const first = visit(lived);
  assert.equal(first.session?.resumed, false);
  first.report();
  first.close();
  assert.ok(first.kept !== null, "no ticket");
  return first.kept;
}

test("a member comes back to its session and is served as after a whole handshake", async () => {
  const lived = await withMember();
  const back = visit(lived, keptBy(lived));
  assert.equal(back.session?.resumed, true);
  assert.equal(back.report().renew, false);
  back.close();
  lived.home.stop();
});

test("a session that is too old is not come back to: the device proves its key again", async () => {
  const lived = await withMember();
  const kept = keptBy(lived);
  lived.home.host.clock.advance(SESSION_SECONDS * 1000 + 1);
  const back = visit(lived, kept);
  assert.equal(back.session?.resumed, false);
  back.report();
  back.close();
  lived.home.stop();
});

test("a revoked device's session is gone, and its certificate does not help", async () => {
  const lived = await withMember();
  const kept = keptBy(lived);
  assert.equal((await lived.home.call("revoke", { id: lived.id }))["status"], 0);
  const back = visit(lived, kept);
  assert.equal(back.session?.resumed ?? false, false);
  assert.equal(back.isOver, true);
  lived.home.stop();
});
