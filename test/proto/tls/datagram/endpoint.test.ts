import { assert, test } from "#kit";
import type { TlsVersion } from "../../../../src/proto/tls/connection.ts";
import { COOKIE_PERIOD_MS } from "../../../../src/proto/tls/datagram/cookie.ts";
import { UNSHOWN_ADDRESS_FACTOR } from "../../../../src/proto/tls/datagram/endpoint.ts";
import { SUITES_13 } from "../../../../src/proto/tls/suites.ts";
import { Yard } from "./endpoint-yard.ts";
import type { Passing, Station } from "./endpoint-yard.ts";

const VERSIONS: readonly TlsVersion[] = ["TLS 1.2", "TLS 1.3"];
/** What a server says to a hello without a cookie. */
const ASKS = { "TLS 1.2": "hello-verify", "TLS 1.3": "hello-retry" } as const;

const ALERT = 21;
const ILLEGAL_PARAMETER = 47;

/** The client's datagrams so far, in order. */
function sentBy(yard: Yard, address: string): Uint8Array[] {
  return yard.passed
    .filter((passing) => passing.from === "client" && passing.address === address)
    .map(({ bytes }) => bytes);
}

/** Lets a client come as far as its second hello, and the answer to that be lost. */
function half(yard: Yard, address: string): Station {
  const before = yard.network;
  yard.network = ({ from, bytes }) => from === "client" || bytes.length < 256;
  const station = yard.client(address);
  yard.tell(station, { kind: "start" });
  yard.network = before;
  return station;
}

for (const version of VERSIONS) {
  const tls = { versions: [version] };

  test(`D${version}: two clients talk in turns, and neither hears the other`, () => {
    const yard = new Yard({ tls });
    const [first, second] = [yard.client("a:1"), yard.client("a:2")];
    for (const station of [first, second]) yard.tell(station, { kind: "start" });
    assert.equal(first.session?.version, version);
    assert.equal(second.session?.version, version);
    for (let turn = 0; turn < 3; turn++) {
      yard.say(first, `first ${turn}`);
      yard.say(second, `second ${turn}`);
    }
    assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["first 0", "first 1", "first 2"]);
    assert.deepEqual(yard.saidBy(yard.idOf("a:2")), ["second 0", "second 1", "second 2"]);
    assert.deepEqual(yard.server.answers, { [ASKS[version]]: 2 });
    assert.equal(yard.server.associations, 2);
    assert.equal(yard.server.handshakes, 0);
    yard.tell(first, { kind: "close" });
    assert.equal(yard.server.associations, 1);
    yard.say(second, "still there");
    assert.equal(yard.saidBy(yard.idOf("a:2")).at(-1), "still there");
  });

  test(`D${version}: a thousand first hellos leave nothing behind, and no answer is three times as long`, () => {
    const yard = new Yard({ tls });
    const station = yard.client("a:1");
    yard.network = ({ from }) => from === "client";
    yard.tell(station, { kind: "start" });
    const [hello] = sentBy(yard, "a:1");
    for (let port = 2; port <= 1000; port++) yard.inject(`a:${port}`, hello!);
    assert.deepEqual(yard.server.answers, { [ASKS[version]]: 1000 });
    assert.equal(yard.server.associations, 0);
    assert.equal(yard.server.wakeAt, null);
    const answers = yard.passed.filter(({ from }) => from === "server");
    assert.equal(answers.length, 1000);
    for (const { bytes } of answers) {
      assert.ok(bytes.length <= hello!.length * UNSHOWN_ADDRESS_FACTOR, `${bytes.length} octets`);
    }
  });

  test(`D${version}: a cookie is good at the address it was sent to, and at no other`, () => {
    const yard = new Yard({ tls });
    yard.joined("a:1");
    const [, second] = sentBy(yard, "a:1");
    yard.inject("b:1", second!);
    assert.equal(yard.server.associations, 1);
    const [answer] = yard.passed.filter(
      ({ from, address }) => from === "server" && address === "b:1",
    );
    if (version === "TLS 1.2") assert.deepEqual(yard.server.answers, { "hello-verify": 2 });
    else {
      // A second HelloRetryRequest would be of no use to anybody (RFC 9147 §5.1).
      assert.deepEqual(yard.server.answers, { "hello-retry": 1, alert: 1 });
      assert.deepEqual([answer!.bytes[0], answer!.bytes.at(-1)], [ALERT, ILLEGAL_PARAMETER]);
    }
  });

  test(`D${version}: every datagram comes twice, and there is one association all the same`, () => {
    const yard = new Yard({ tls });
    yard.network = doubling(yard);
    const station = yard.joined("a:1");
    yard.say(station, "once");
    assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["once"]);
    assert.equal(yard.server.associations, 1);
    assert.equal(yard.outputsOf("established").length, 1);
    assert.deepEqual(yard.outputsOf("dropped"), []);
  });

  test(`D${version}: a first hello that comes late, after its client's second, disturbs nobody`, () => {
    const yard = new Yard({ tls });
    const station = half(yard, "a:1");
    const [first] = sentBy(yard, "a:1");
    yard.inject("a:1", first!);
    assert.equal(yard.server.handshakes, 1);
    yard.pass(2000);
    assert.equal(station.session?.version, version);
    yard.inject("a:1", first!);
    yard.say(station, "here");
    assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["here"]);
    assert.deepEqual(yard.server.answers, { [ASKS[version]]: 1 });
  });

  test(`D${version}: RFC 6347 §4.2.8: a client that begins anew keeps its association until the new one is there`, () => {
    const yard = new Yard({ tls });
    const before = yard.joined("a:1");
    const old = yard.idOf("a:1");
    const anew = half(yard, "a:1");
    assert.equal(yard.server.associations, 2);
    yard.say(before, "still the old one");
    assert.equal(yard.saidBy(old).at(-1), "still the old one");
    yard.lose(before);
    yard.pass(3000);
    assert.equal(anew.session?.version, version);
    assert.deepEqual(yard.outputsOf("dropped"), [
      { kind: "dropped", association: old, reason: "replaced" },
    ]);
    assert.equal(yard.server.associations, 1);
    yard.say(anew, "the new one");
    assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["the new one"]);
  });

  test(`D${version}: whoever repeats a client's old hellos takes nothing from it`, () => {
    const yard = new Yard({ tls });
    yard.joined("a:1");
    const hellos = sentBy(yard, "a:1").slice(0, 2);
    yard.outputs.splice(0);
    const again = yard.joined("a:1");
    for (const bytes of hellos) yard.inject("a:1", bytes);
    // The second one has a good cookie, and so begins a handshake that nobody goes on with.
    assert.equal(yard.server.associations, 2);
    yard.say(again, "mine");
    assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["mine"]);
    yard.pass(3_600_000);
    assert.equal(yard.server.associations, 1);
    yard.say(again, "still mine");
    assert.equal(yard.saidBy(yard.idOf("a:1")).at(-1), "still mine");
  });

  test(`D${version}: with cookies "never" the first hello begins an association`, () => {
    const yard = new Yard({ tls, cookies: "never" });
    assert.equal(yard.joined("a:1").session?.version, version);
    assert.deepEqual(yard.server.answers, {});
  });

  test(`D${version}: an association that nobody is heard of is closed after its idle time`, () => {
    const yard = new Yard({ tls, idleMs: 60_000 });
    const [quiet, busy] = [yard.joined("a:1"), yard.joined("a:2")];
    yard.pass(40_000);
    yard.say(busy, "here");
    // Junk from the quiet one's address is no sign of life.
    yard.inject("a:1", sentBy(yard, "a:1").at(-1)!);
    yard.pass(19_999);
    assert.equal(yard.server.associations, 2);
    yard.pass(1);
    assert.deepEqual(yard.outputsOf("dropped"), [
      { kind: "dropped", association: yard.idOf("a:1"), reason: "idle" },
    ]);
    assert.ok(quiet.closed, "it was told");
    yard.pass(40_000);
    assert.equal(yard.server.associations, 0);
    assert.ok(busy.closed);
  });
}

/** Each datagram is given to its receiver twice. */
function doubling(yard: Yard): (passing: Passing) => boolean {
  const again = new Set<string>();
  return ({ from, address, bytes }) => {
    const name = bytes.join();
    if (from === "client" && !again.delete(name)) {
      again.add(name);
      yard.inject(address, bytes);
    }
    return true;
  };
}

test("DTLS 1.2: a client whose cookie has run out is given another, and joins", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.2"] } });
  const station = yard.client("a:1");
  // The first answer takes three minutes; the client repeats its hello all the while.
  yard.network = () => false;
  yard.tell(station, { kind: "start" });
  const [hello] = sentBy(yard, "a:1");
  yard.network = ({ from }) => from === "client";
  yard.inject("a:1", hello!);
  const late = yard.passed.at(-1)!;
  yard.pass(2 * COOKIE_PERIOD_MS);
  yard.network = () => true;
  station.tell({ kind: "datagram", bytes: late.bytes }, yard.now);
  yard.pass(0);
  yard.tell(station, { kind: "timeout" });
  assert.equal(station.failure, null);
  assert.equal(station.session?.version, "TLS 1.2");
});

test("DTLS 1.3: a client whose cookie has run out is told to begin anew", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.3"] } });
  const station = yard.client("a:1");
  let second: Passing | null = null;
  yard.network = (passing) => {
    if (passing.from === "server" || sentBy(yard, "a:1").length < 2) return true;
    second ??= passing;
    return false;
  };
  yard.tell(station, { kind: "start" });
  yard.pass(2 * COOKIE_PERIOD_MS);
  yard.network = () => true;
  yard.inject("a:1", second!.bytes);
  assert.equal(station.failure?.reason, "peer-alert");
  assert.equal(station.failure?.alert, "illegal_parameter");
  assert.equal(yard.server.associations, 0);
});

test("a server of DTLS 1.2 alone sends no HelloRetryRequest, one of DTLS 1.3 alone no HelloVerifyRequest", () => {
  const old = new Yard({ tls: { versions: ["TLS 1.2"] } });
  assert.equal(old.joined("a:1").session?.version, "TLS 1.2");
  assert.deepEqual(old.server.answers, { "hello-verify": 1 });
  const anew = new Yard({ tls: { versions: ["TLS 1.3"] } });
  assert.equal(anew.joined("a:1").session?.version, "TLS 1.3");
  assert.deepEqual(anew.server.answers, { "hello-retry": 1 });
  const both = new Yard();
  assert.equal(both.joined("a:1").session?.version, "TLS 1.3");
  assert.equal(both.joined("a:2", { versions: ["TLS 1.2"] }).session?.version, "TLS 1.2");
  assert.deepEqual(both.server.answers, { "hello-retry": 1, "hello-verify": 1 });
});

test("versions that do not meet: told at once by DTLS 1.3, and behind the cookie by DTLS 1.2", () => {
  const anew = new Yard({ tls: { versions: ["TLS 1.3"] } });
  const late = anew.client("a:1", { versions: ["TLS 1.2"] });
  anew.tell(late, { kind: "start" });
  assert.equal(late.failure?.alert, "protocol_version");
  assert.deepEqual(anew.server.answers, { alert: 1 });
  assert.deepEqual(anew.outputs, []);

  const old = new Yard({ tls: { versions: ["TLS 1.2"] } });
  const early = old.client("a:1", { versions: ["TLS 1.3"] });
  old.tell(early, { kind: "start" });
  assert.notEqual(early.failure, null);
  assert.equal(old.server.associations, 0);
});

test("DTLS 1.3: a group is asked for together with the cookie, and the transcript holds", () => {
  for (const suite of [SUITES_13.TLS_AES_128_GCM_SHA256, SUITES_13.TLS_AES_256_GCM_SHA384]) {
    const tls = { versions: ["TLS 1.3"], groups: ["P-384"], suites13: [suite] } as const;
    const yard = new Yard({ tls });
    const { session } = yard.joined("a:1", { groups: ["X25519", "P-384"] });
    assert.equal(session?.group, "P-384");
    assert.equal(session?.suite, suite);
    // One round trip for both: first hello, second hello.
    assert.deepEqual(yard.server.answers, { "hello-retry": 1 });
    const theirs = yard.outputsOf("established")[0]!.session;
    const exported = (of: typeof theirs): Uint8Array => of.exportKey("EXPORTER-test", null, 32);
    assert.deepEqual(exported(session!), exported(theirs));
  }
});

test("DTLS 1.3: nothing in common is said at the first hello", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.3"], groups: ["P-384"] } });
  const station = yard.client("a:1", { groups: ["X25519"] });
  yard.tell(station, { kind: "start" });
  assert.equal(station.failure?.alert, "handshake_failure");
  assert.equal(yard.server.associations, 0);
});

test("certificates of clients are asked about, each for its association", () => {
  const yard = new Yard({ tls: { clientCertificate: "required" } });
  yard.accepts = false;
  const stations = ["a:1", "a:2"].map((address) => yard.client(address));
  for (const station of stations) yard.tell(station, { kind: "start" });
  const [first, second] = yard.outputsOf("verify-peer").map(({ association }) => association);
  const refusal = { alert: "bad_certificate", reason: "revoked" } as const;
  yard.order({ kind: "peer-rejected", association: first!, ...refusal });
  assert.equal(stations[0]!.failure?.alert, "bad_certificate");
  assert.deepEqual(
    yard.outputsOf("failed").map(({ association, failure }) => [association, failure.reason]),
    [[first!, "peer-rejected"]],
  );
  assert.equal(yard.server.associations, 1);
  yard.order({ kind: "close", association: second! });
  assert.equal(yard.server.associations, 0);
  // Both are gone: whatever the caller still wanted of them is nothing.
  yard.order({ kind: "peer-rejected", association: first!, ...refusal });
  yard.order({ kind: "send", association: second!, bytes: new Uint8Array(1) });
  yard.order({ kind: "address-shown", association: 77 });
});

test("an input that does not fit is the caller's fault, and ends that association alone", () => {
  const yard = new Yard();
  const other = yard.joined("a:1");
  half(yard, "a:2");
  const unfinished = yard.idOf("a:1") + 1;
  const send = { kind: "send", association: unfinished, bytes: new Uint8Array(1) } as const;
  assert.throws(() => yard.server.handle(send, yard.now), Error);
  assert.equal(yard.server.associations, 1);
  yard.say(other, "unharmed");
  assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["unharmed"]);
});
