// RFC 6762 §5 to §7: how an open window's responder answers, rule by rule.
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { MAX_COLLECTING, MAX_COLLECTING_MS } from "../../../src/proto/mdns/answer-queue.ts";
import { MAX_UNICAST_PER_SECOND } from "../../../src/proto/mdns/answering.ts";
import { encodeMessage, NO_MESSAGE } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { subtypeName } from "../../../src/proto/mdns/published.ts";
import { internet } from "../../../src/proto/mdns/record.ts";
import type { ResourceRecord } from "../../../src/proto/mdns/record.ts";
import { parseTxt } from "../../../src/proto/mdns/txt.ts";
import { ANY, LEGACY_TTL, MDNS_PORT, RecordType } from "../../../src/proto/mdns/wire.ts";
import {
  LAN,
  V4,
  PEER,
  UDP,
  SERVICE,
  SERVICES,
  Bench,
  opened,
  q,
  kinds,
} from "./responder-bench.ts";
import type { Sent } from "./responder-bench.ts";

const { A, AAAA, NSEC, PTR, SRV, TXT } = RecordType;

test("RFC 6763 §12.1: a question for the service brings PTR, and with it SRV, TXT and addresses", () => {
  const bench = opened([LAN]);
  bench.ask([q(SERVICE, PTR)]);
  bench.wait(200);
  const [{ message }, ...others] = bench.take() as [Sent, ...Sent[]];
  assert.deepEqual(others, []);
  assert.deepEqual(kinds(message.answers), ["PTR"]);
  assert.deepEqual(kinds(message.additionals), ["SRV", "TXT", "A", "AAAA", "AAAA"]);
  const txt = message.additionals[1]!.content;
  assert.ok(txt.kind === "TXT");
  assert.deepEqual(
    [...parseTxt(txt.strings)],
    [
      ["txtvers", "1"],
      ["v", "1"],
      ["p", "open"],
      ["k", "0123456789abcdef"],
    ],
  );
});

test("RFC 6762 §6: a shared record is answered after 20 to 120 ms, one of ours alone at once", () => {
  const delays = new Set<number>();
  for (let round = 0; round < 40; round++) {
    const bench = new Bench(`round ${round}`);
    bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
    bench.wait(4000);
    bench.take();
    bench.ask([q(SERVICE, PTR)]);
    assert.deepEqual(bench.take(), []);
    const asked = bench.now;
    bench.wait(500);
    delays.add(bench.take()[0]!.at - asked);
    bench.wait(1000);
    bench.ask([q(bench.instance, SRV)]);
    assert.deepEqual(kinds(bench.take()[0]!.message.answers), ["SRV"]);
  }
  assert.ok(Math.min(...delays) >= 20 && Math.max(...delays) <= 120);
  assert.ok(delays.size > 10, `${delays.size} different waits`);
});

test("RFC 6762 §6: questions within the wait are answered in one message", () => {
  const bench = opened();
  bench.ask([q(SERVICE, PTR)]);
  bench.ask([q(SERVICES, PTR)], {}, "192.0.2.78");
  bench.ask([q(subtypeName("heating", "udp"), PTR)], {}, "192.0.2.79");
  bench.wait(500);
  const sent = bench.take();
  assert.ok(sent.length <= 3);
  assert.equal(sent.flatMap(({ message }) => message.answers).length, 3);
});

test("RFC 6763 §9 and §7.1: the list of services and the subtypes that are wanted are answered, others are not", () => {
  const bench = opened();
  bench.ask([
    q(SERVICES, PTR),
    q(subtypeName("heating", "udp"), PTR),
    q(subtypeName("lamp", "udp"), PTR),
  ]);
  bench.wait(500);
  const targets = bench
    .take()
    .flatMap(({ message }) => message.answers)
    .map(({ content }) => {
      assert.ok(content.kind === "PTR");
      return content.target.key;
    });
  assert.deepEqual(targets, [SERVICE.key, bench.instance.key]);
});

test("names that are not ours are never answered for", () => {
  const bench = opened();
  const foreign = [
    "OpenWrt.local",
    "_http._tcp.local",
    "_homeca._tcp.local",
    "local",
    "1.2.0.192.in-addr.arpa",
  ];
  bench.ask(foreign.flatMap((name) => [ANY, A, PTR].map((type) => q(DomainName.of(name), type))));
  for (const name of foreign) bench.ask([q(DomainName.of(name), ANY)], {}, PEER, 40_000);
  bench.ask([{ ...q(bench.host, A), class: 3 }]);
  bench.wait(2000);
  assert.deepEqual(bench.take(), []);
});

test("RFC 6762 §16: a question in another case is answered", () => {
  const bench = opened();
  bench.ask([q(DomainName.of(bench.label.toUpperCase(), "_HOMECA._UDP.LOCAL"), SRV)]);
  assert.equal(bench.take().length, 1);
});

test("RFC 6762 §6.1: a type that a name of ours has not is answered by NSEC, for shared names by nothing", () => {
  const bench = opened();
  bench.ask([q(bench.host, AAAA)]);
  const [{ message }] = bench.take() as [Sent];
  const [record] = message.answers;
  assert.deepEqual(record!.content, { kind: "NSEC", next: bench.host, types: [A] });
  assert.deepEqual([record!.flush, record!.ttl], [true, 120]);
  bench.ask([q(bench.instance, A)]);
  const content = bench.take()[0]!.message.answers[0]!.content;
  assert.deepEqual(content, { kind: "NSEC", next: bench.instance, types: [TXT, SRV] });
  bench.ask([q(SERVICE, SRV), q(SERVICE, NSEC)]);
  bench.wait(500);
  assert.deepEqual(bench.take(), []);
});

test("RFC 6762 §6.2: with an address come those of the other family, or NSEC where there are none", () => {
  const both = opened([LAN]);
  both.ask([q(both.host, A)]);
  assert.deepEqual(kinds(both.take()[0]!.message.additionals), ["AAAA", "AAAA"]);
  const one = opened([V4]);
  one.ask([q(one.host, A)]);
  assert.deepEqual(kinds(one.take()[0]!.message.additionals), ["NSEC"]);
});

test("RFC 6762 §7.1: what the asker knows for half its life is not said again", () => {
  const bench = opened();
  const known = (ttl: number): ResourceRecord =>
    internet(SERVICE, ttl, false, { kind: "PTR", target: bench.instance });
  bench.ask([q(SERVICE, PTR)], { answers: [known(2250)] });
  bench.wait(1500);
  assert.deepEqual(bench.take(), []);
  bench.ask([q(SERVICE, PTR)], { answers: [known(2249)] });
  bench.wait(1500);
  assert.equal(bench.take().length, 1);
  const other = internet(SERVICE, 4500, false, {
    kind: "PTR",
    target: DomainName.of("x", "_homeca._udp.local"),
  });
  bench.ask([q(SERVICE, PTR)], { answers: [other] });
  bench.wait(1500);
  assert.equal(bench.take().length, 1);
});

test("RFC 6762 §7.2: the answer to a query that goes on waits 400 to 500 ms, and what follows counts", () => {
  const bench = opened();
  const known = internet(SERVICE, 4500, false, { kind: "PTR", target: bench.instance });
  bench.ask([q(SERVICE, PTR), q(SERVICES, PTR)], { truncated: true });
  bench.hear({ answers: [known] });
  const asked = bench.now;
  bench.wait(399);
  assert.deepEqual(bench.take(), []);
  bench.wait(200);
  const [{ message, at }] = bench.take() as [Sent];
  assert.ok(at - asked >= 400 && at - asked <= 500);
  assert.deepEqual(message.answers[0]!.name.key, SERVICES.key);
  assert.equal(message.answers.length, 1);
});

test("RFC 6762 §7.2: known answers of another asker do not count", () => {
  const bench = opened();
  const known = internet(SERVICE, 4500, false, { kind: "PTR", target: bench.instance });
  bench.ask([q(SERVICE, PTR)], { truncated: true });
  bench.hear({ answers: [known] }, "192.0.2.78");
  bench.wait(600);
  assert.equal(bench.take().length, 1);
});

test("an asker who goes on for ever is answered after two seconds all the same", () => {
  const bench = opened();
  const asked = bench.now;
  bench.ask([q(SERVICE, PTR)], { truncated: true });
  for (let part = 0; part < 20; part++) {
    bench.wait(200);
    bench.hear({ truncated: true });
  }
  assert.equal(bench.take()[0]!.at, asked + MAX_COLLECTING_MS);
});

test(`no more than ${MAX_COLLECTING} askers are waited for; the next one is answered like any other`, () => {
  const bench = opened();
  for (let asker = 0; asker <= MAX_COLLECTING; asker++) {
    bench.ask([q(SERVICE, PTR)], { truncated: true }, `192.0.2.${100 + asker}`);
  }
  const asked = bench.now;
  bench.wait(600);
  assert.ok(bench.take()[0]!.at - asked <= 120);
});

test("RFC 6762 §6: a record is multicast once a second at most", () => {
  const bench = opened();
  for (let asked = 0; asked < 30; asked++) {
    bench.ask([q(bench.instance, SRV)], {}, `192.0.2.${asked + 10}`);
    bench.wait(100);
  }
  const times = bench.take().map(({ at }) => at);
  assert.equal(times.length, 3);
  assert.ok(times[1]! - times[0]! >= 1000 && times[2]! - times[1]! >= 1000);
});

test("RFC 6762 §6: to defend a name the same record may be multicast after 250 ms", () => {
  const bench = opened();
  const theirs = internet(bench.host, 120, false, { kind: "A", address: hex("c0000299") });
  for (let probe = 0; probe < 3; probe++) {
    bench.ask([q(bench.host, ANY)], { authorities: [theirs] });
    bench.wait(250);
  }
  const sent = bench.take();
  assert.equal(sent.length, 3);
  assert.ok(
    sent.every(({ message, to }) => to === "multicast" && kinds(message.answers)[0] === "A"),
  );
});

test("RFC 6762 §5.4: QU is answered by unicast, but for what has not been multicast for a quarter of its life", () => {
  const bench = opened();
  bench.ask([q(bench.instance, SRV, true)]);
  assert.deepEqual(bench.take()[0]!.to, { address: PEER, port: MDNS_PORT });
  bench.wait(31_000);
  bench.ask([q(bench.instance, SRV, true)]);
  assert.equal(bench.take()[0]!.to, "multicast");
  bench.ask([q(bench.instance, SRV, true)]);
  const { message, to } = bench.take()[0]!;
  assert.deepEqual(to, { address: PEER, port: MDNS_PORT });
  assert.deepEqual([message.id, message.questions], [0, []]);
});

test("RFC 6762 §6.7: a resolver without multicast gets its id and question back, short TTLs and no cache-flush bit", () => {
  const bench = opened();
  const question = q(SERVICE, PTR, true);
  bench.ask([question], { id: 0xbeef }, PEER, 40_000);
  const [{ message, to }] = bench.take() as [Sent];
  assert.deepEqual(to, { address: PEER, port: 40_000 });
  assert.equal(message.id, 0xbeef);
  assert.deepEqual(message.questions, [{ ...question, unicast: false }]);
  const records = [...message.answers, ...message.additionals];
  assert.deepEqual(kinds(records), ["PTR", "SRV", "TXT", "A", "NSEC"]);
  assert.ok(records.every(({ ttl, flush }) => ttl <= LEGACY_TTL && !flush));
});

test(`no more than ${MAX_UNICAST_PER_SECOND} answers a second go out by unicast`, () => {
  const bench = opened();
  for (let asked = 0; asked < 50; asked++) bench.ask([q(SERVICE, PTR)], {}, PEER, 40_000);
  assert.equal(bench.take().length, MAX_UNICAST_PER_SECOND);
  assert.deepEqual(bench.told.at(-1), { kind: "discarded", reason: "overloaded", from: PEER });
  bench.wait(1000);
  bench.ask([q(SERVICE, PTR)], {}, PEER, 40_000);
  assert.equal(bench.take().length, 1);
});

test("what comes in on an interface or family that is not ours is not answered", () => {
  const bench = opened();
  const bytes = encodeMessage({ ...NO_MESSAGE, questions: [q(bench.instance, SRV)] });
  const datagram = {
    kind: "datagram",
    family: "ipv4",
    from: PEER,
    port: MDNS_PORT,
    bytes,
  } as const;
  bench.tell({ ...datagram, interface: "wan" });
  bench.tell({ ...datagram, interface: LAN.name, family: "ipv6" });
  assert.deepEqual(bench.take(), []);
  bench.tell({ ...datagram, interface: LAN.name });
  assert.equal(bench.take().length, 1);
});

test("a message that is none is told with its reason", () => {
  const bench = opened();
  const bytes = hex("0000 0000 0001 0000 0000 0000 c00c 000c 0001");
  bench.tell({
    kind: "datagram",
    interface: LAN.name,
    family: "ipv4",
    from: PEER,
    port: MDNS_PORT,
    bytes,
  });
  assert.deepEqual(bench.told, [{ kind: "discarded", reason: "bad-pointer", from: PEER }]);
});
