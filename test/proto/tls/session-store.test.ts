import { assert, seeded, test } from "#kit";
import { mono } from "../../../src/base/machine.ts";
import type { ResumableSession } from "../../../src/proto/tls/connection.ts";
import { MemorySessions } from "../../../src/proto/tls/session-store.ts";
import { SUITES_13 } from "../../../src/proto/tls/suites.ts";

function session(secret = new Uint8Array(32).fill(7)): ResumableSession {
  return {
    ...{ version: "TLS 1.3", suite: SUITES_13.TLS_AES_128_GCM_SHA256, secret },
    ...{ serverName: null, alpn: null, peerChain: [], peerCertificateType: "x509" },
    until: null,
  };
}

function store(maxSessions = 3): { sessions: MemorySessions<string>; clock: { ms: number } } {
  const clock = { ms: 0 };
  const now = (): ReturnType<typeof mono> => mono(clock.ms);
  const config = { random: seeded("tickets"), now, lifetimeSeconds: 60, maxSessions };
  return { sessions: new MemorySessions(config), clock };
}

const NOTHING = new Uint8Array(32);

test("a session is found once it is tagged, and not before", () => {
  const { sessions } = store();
  const kept = session();
  const { ticket, lifetimeSeconds } = sessions.keep(kept);
  assert.equal(ticket.length, 16);
  assert.equal(lifetimeSeconds, 60);
  assert.equal(sessions.find(ticket), null);
  assert.equal(sessions.tagOf(ticket), null);
  sessions.tag(ticket, "kettle");
  assert.deepEqual(sessions.find(ticket), { ...kept, until: mono(60_000) });
  assert.equal(sessions.tagOf(ticket), "kettle");
});

test("a session that comes of one resumed ends when that would have ended", () => {
  const { sessions, clock } = store();
  const first = sessions.keep(session());
  sessions.tag(first.ticket, "kettle");
  clock.ms = 45_000;
  const found = sessions.find(first.ticket)!;
  const second = sessions.keep({ ...found, secret: found.secret.slice() });
  assert.equal(second.lifetimeSeconds, 15);
  sessions.tag(second.ticket, "kettle");
  clock.ms = 60_000;
  assert.equal(sessions.find(second.ticket), null);
});

test("a session that has a name on the wire already is found by it", () => {
  const { sessions } = store();
  const id = new Uint8Array(32).fill(1);
  assert.deepEqual(sessions.keep(session(), id).ticket, id);
  sessions.tag(id, "kettle");
  assert.equal(sessions.tagOf(id), "kettle");
});

test("a tag is given once", () => {
  const { sessions } = store();
  const { ticket } = sessions.keep(session());
  sessions.tag(ticket, "kettle");
  sessions.tag(ticket, "lamp");
  assert.equal(sessions.tagOf(ticket), "kettle");
});

for (const tagged of [true, false]) {
  test(`a ticket that is spent is worth nothing, tagged ${tagged}`, () => {
    const { sessions } = store();
    const kept = session();
    const { ticket } = sessions.keep(kept);
    if (tagged) sessions.tag(ticket, "kettle");
    sessions.spend(ticket);
    sessions.tag(ticket, "kettle");
    assert.equal(sessions.find(ticket), null);
    assert.equal(sessions.size, 0);
    assert.deepEqual(kept.secret, NOTHING);
  });
}

test("a session is gone when its time is up, to the millisecond, and its secret with it", () => {
  const { sessions, clock } = store();
  const kept = session();
  const { ticket } = sessions.keep(kept);
  clock.ms = 30_000;
  sessions.tag(ticket, "kettle");
  clock.ms = 59_999;
  assert.equal(sessions.find(ticket)?.secret, kept.secret);
  clock.ms = 60_000;
  assert.equal(sessions.find(ticket), null);
  assert.deepEqual(kept.secret, NOTHING);
});

test("the oldest goes where there is no room, and its secret with it", () => {
  const { sessions } = store(3);
  const kept = [session(), session(), session(), session()];
  const tickets = kept.map((one) => {
    const { ticket } = sessions.keep(one);
    sessions.tag(ticket, "kettle");
    return ticket;
  });
  assert.deepEqual(
    tickets.map((ticket) => sessions.find(ticket)?.secret),
    [undefined, kept[1]!.secret, kept[2]!.secret, kept[3]!.secret],
  );
  assert.deepEqual(kept[0]!.secret, NOTHING);
});

test("sessions that nobody tags displace none that has a tag", () => {
  const { sessions } = store(2);
  const { ticket } = sessions.keep(session());
  sessions.tag(ticket, "kettle");
  for (let more = 0; more < 10; more++) sessions.keep(session());
  assert.equal(sessions.tagOf(ticket), "kettle");
  assert.equal(sessions.size, 3);
});

test("what its owner stands by no longer is forgotten, and nothing else", () => {
  const { sessions } = store();
  const [kettle, lamp] = ["kettle", "lamp"].map((device) => {
    const { ticket } = sessions.keep(session());
    sessions.tag(ticket, device);
    return ticket;
  });
  sessions.forgetWhere((device) => device === "kettle");
  assert.equal(sessions.find(kettle!), null);
  assert.equal(sessions.tagOf(lamp!), "lamp");
});

test("all are dropped at once, with their secrets", () => {
  const { sessions } = store();
  const kept = [session(), session()];
  const [first] = kept.map((one) => sessions.keep(one).ticket);
  sessions.tag(first!, "kettle");
  sessions.clear();
  assert.equal(sessions.size, 0);
  assert.deepEqual(
    kept.map(({ secret }) => secret),
    [NOTHING, NOTHING],
  );
});

test("a ticket of one store is nothing to another", () => {
  const [one, other] = [store(), store()];
  const { ticket } = one.sessions.keep(session());
  one.sessions.tag(ticket, "kettle");
  assert.equal(other.sessions.find(ticket), null);
});
