// RFC 6762 §8 to §10: whose a name is, what is announced and what is taken back, rule by rule.
import { assert, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { compareSets } from "../../../src/proto/mdns/probing.ts";
import { MAX_SUBTYPES, MAX_TXT_LENGTH } from "../../../src/proto/mdns/published.ts";
import type { Service } from "../../../src/proto/mdns/published.ts";
import { internet, typeOf } from "../../../src/proto/mdns/record.ts";
import type { ResourceRecord } from "../../../src/proto/mdns/record.ts";
import {
  ANNOUNCE_MS,
  CONFLICT_PAUSE_MS,
  DEFER_MS,
  GOODBYE_MS,
  MAX_CONFLICTS,
  PROBE_COUNT,
  PROBE_WAIT_MS,
  Responder,
} from "../../../src/proto/mdns/responder.ts";
import { ANY, MDNS_PORT, RecordType } from "../../../src/proto/mdns/wire.ts";
import type { LinkInterface } from "../../../src/proto/mdns/wire.ts";
import {
  LAN,
  V4,
  PEER,
  UDP,
  TCP,
  SERVICE,
  SERVICES,
  Bench,
  opened,
  q,
  kinds,
  srv,
} from "./responder-bench.ts";
import type { Sent } from "./responder-bench.ts";

const { PTR, SRV } = RecordType;

// ---- Closed

test("closed, it reads nothing, says nothing and waits for nothing", () => {
  const bench = new Bench();
  bench.ask([q(SERVICE, PTR), q(SERVICES, PTR)]);
  bench.tell({
    kind: "datagram",
    interface: "br-lan",
    family: "ipv4",
    from: PEER,
    port: MDNS_PORT,
    bytes: utf8("no message"),
  });
  bench.wait(10_000);
  assert.deepEqual([bench.take(), bench.told, bench.machine.wakeAt], [[], [], null]);
});

// ---- Probing

test("RFC 6762 §8.1: three probes 250 ms apart after a random wait, then the first announcement", () => {
  const bench = new Bench();
  const start = bench.now;
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(3000);
  const sent = bench.take();
  const probes = sent.filter(({ message }) => !message.response);
  assert.equal(probes.length, PROBE_COUNT);
  assert.ok(probes[0]!.at - start <= PROBE_WAIT_MS);
  const gaps = [1, 2, 3].map((index) => sent[index]!.at - sent[index - 1]!.at);
  assert.deepEqual(gaps, [250, 250, 250]);
  for (const { message } of probes) {
    assert.ok(message.questions.every(({ type, unicast }) => type === ANY && !unicast));
    assert.equal(message.questions.length, 2);
    assert.deepEqual(kinds(message.authorities), ["SRV", "TXT", "A"]);
    assert.ok(message.authorities.every(({ flush }) => !flush));
  }
  assert.deepEqual(bench.told, [{ kind: "announced", label: bench.label }]);
});

test("RFC 6762 §8.1: probes ask for answers by unicast only where those reach us", () => {
  const bench = new Bench("qu", true);
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(300);
  assert.ok(bench.take()[0]!.message.questions.every(({ unicast }) => unicast));
});

test("RFC 6762 §8.1: while probing no question is answered", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(600);
  bench.ask([q(SERVICE, PTR)]);
  bench.ask([q(SERVICE, PTR)], {}, PEER, 40_000);
  assert.ok(bench.take().every(({ message }) => !message.response));
});

test("a label is HomeCA- and four base32 characters, another one in each window", () => {
  const bench = opened();
  const first = bench.label;
  assert.match(first, /^HomeCA-[a-z2-7]{4}$/);
  bench.tell({ kind: "close" });
  bench.wait(GOODBYE_MS);
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  assert.notEqual(bench.label, first);
});

test("RFC 6762 §8.1: a name that someone has is given up for another one", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(400);
  const taken = bench.label;
  const record = internet(bench.instance, 120, true, srv(80, DomainName.of("other.local")));
  bench.hear({ response: true, answers: [record] });
  assert.deepEqual(bench.told, [{ kind: "renamed", label: bench.label, taken }]);
  assert.notEqual(bench.label, taken);
  bench.wait(1200);
  assert.deepEqual(bench.told.at(-1), { kind: "announced", label: bench.label });
});

test("RFC 6762 §8.1: a record of any type of a name says that the name is taken", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(400);
  const record = internet(bench.host, 120, true, { kind: "opaque", type: 13, bytes: hex("00") });
  bench.hear({ response: true, additionals: [record] });
  assert.equal(bench.told[0]?.kind, "renamed");
});

test("RFC 6762 §8.1: what we would say ourselves is no conflict, nor is a goodbye or a foreign port", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(400);
  const other = srv(80, DomainName.of("other.local"));
  const echo = internet(bench.instance, 60, true, srv(5684, bench.host));
  bench.hear({ response: true, answers: [echo] });
  bench.hear({ response: true, answers: [internet(bench.instance, 0, true, other)] });
  bench.hear({ response: true, answers: [internet(bench.instance, 120, true, other)] }, PEER, 99);
  assert.deepEqual(bench.told, [{ kind: "discarded", reason: "foreign-port", from: PEER }]);
});

test(`RFC 6762 §8.1: after ${MAX_CONFLICTS} conflicts in ten seconds each attempt waits for five`, () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    bench.wait(300);
    assert.ok(bench.machine.wakeAt! - bench.now <= 500, `conflict ${conflicts}`);
    const answers = [internet(bench.host, 120, true, { kind: "A", address: hex("c0000263") })];
    bench.hear({ response: true, answers });
  }
  assert.equal(bench.machine.wakeAt, bench.now + CONFLICT_PAUSE_MS);
  bench.wait(CONFLICT_PAUSE_MS - 1);
  bench.take();
  bench.wait(1);
  assert.equal(bench.take().length, 1);
});

// ---- Simultaneous probes

test("RFC 6762 §8.2: 169.254.200.50 is lexicographically later than 169.254.99.200", () => {
  // The example of §8.2: both hosts probe for "MyPrinter.local".
  const name = DomainName.of("MyPrinter.local");
  const a = (address: string): ResourceRecord =>
    internet(name, 120, false, { kind: "A", address: hex(address) });
  assert.ok(compareSets([a("a9fe63c8")], [a("a9fec832")]) < 0);
  assert.ok(compareSets([a("a9fec832")], [a("a9fe63c8")]) > 0);
});

test("RFC 6762 §8.2.1: of sets that begin alike the longer one is later, in whatever order they came", () => {
  const name = DomainName.of("x.local");
  const a = internet(name, 1, false, { kind: "A", address: hex("01020304") });
  const aaaa = internet(name, 1, true, { kind: "AAAA", address: hex("00".repeat(16)) });
  assert.ok(compareSets([aaaa, a], [a]) > 0);
  assert.ok(compareSets([a], [aaaa, a]) < 0);
  assert.equal(compareSets([aaaa, a], [a, aaaa]), 0);
});

for (const [who, address, waits] of [
  ["later", "ffffffff", true],
  ["earlier", "01010101", false],
  ["the same", "c0000201", false],
] as const) {
  test(`RFC 6762 §8.2: a simultaneous probe that is ${who} ${waits ? "goes first: ours begins again in a second" : "changes nothing"}`, () => {
    const bench = new Bench();
    bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
    bench.wait(400);
    const [due, label] = [bench.machine.wakeAt, bench.label];
    const mine = internet(bench.host, 120, false, { kind: "A", address: hex(address) });
    bench.ask([q(bench.host, ANY)], { authorities: [mine] });
    assert.equal(bench.machine.wakeAt, waits ? bench.now + DEFER_MS : due);
    assert.equal(bench.label, label);
    bench.take();
    bench.wait(4000);
    const probes = bench.take().filter(({ message }) => !message.response);
    if (waits) assert.equal(probes.length, PROBE_COUNT);
    else assert.ok(probes.length < PROBE_COUNT);
  });
}

test("an echo of our own probe from another link of ours is no rival", () => {
  const bench = new Bench();
  const other = { name: "wlan0", ipv4: ["192.0.2.250"], ipv6: [] };
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4, other] });
  bench.wait(300);
  const echoes = bench.take().filter((sent) => sent.interface === "wlan0");
  const due = bench.machine.wakeAt;
  bench.hear(echoes[0]!.message, "192.0.2.250");
  assert.equal(bench.machine.wakeAt, due);
});

// ---- Announcing

test("RFC 6762 §8.3: two announcements a second apart with all records, those of ours alone with the cache-flush bit", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP, TCP], interfaces: [LAN] });
  bench.wait(5000);
  const answers = bench.take().filter(({ message }) => message.response);
  // Two links, IPv4 and IPv6 of one interface, twice.
  assert.equal(answers.length, 4);
  assert.equal(answers[2]!.at - answers[0]!.at, ANNOUNCE_MS);
  for (const { message, to } of answers) {
    assert.equal(to, "multicast");
    assert.equal(message.id, 0);
    assert.deepEqual(message.questions, []);
    const flushed = message.answers.filter(({ flush }) => flush);
    assert.deepEqual(kinds(flushed), ["SRV", "TXT", "SRV", "TXT", "A", "AAAA", "AAAA"]);
    assert.equal(message.answers.length - flushed.length, 5);
  }
  assert.equal(bench.machine.wakeAt, null);
});

test("RFC 6762 §10: names of hosts hold for 120 seconds, others for 4500", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [LAN] });
  bench.wait(1500);
  const { message } = bench.take().at(-1)!;
  for (const { content, ttl } of message.answers) {
    const isHost = ["A", "AAAA", "SRV"].includes(content.kind);
    assert.equal(ttl, isHost ? 120 : 4500, content.kind);
  }
});

test("the largest service fits one datagram of 1232 octets, the smallest MTU of IPv6", () => {
  const txt = ["x".repeat(MAX_TXT_LENGTH - 1)];
  const subtypes = Array.from({ length: MAX_SUBTYPES }, (_, index) => `${index}`.padEnd(16, "x"));
  const many = (address: (index: number) => string): string[] =>
    Array.from({ length: 9 }, (_, index) => address(index));
  const on: LinkInterface = {
    name: LAN.name,
    ipv4: many((index) => `192.0.2.${index}`),
    ipv6: many((index) => `2001:db8::${index}`),
  };
  const machine = new Responder({ random: seeded("large"), unicast: false });
  const services = [
    { ...UDP, txt, subtypes },
    { ...TCP, txt, subtypes },
  ];
  machine.handle({ kind: "open", services, interfaces: [on] }, mono(0));
  let longest = 0;
  for (let now = machine.wakeAt; now !== null; now = machine.wakeAt) {
    for (const output of machine.handle({ kind: "timeout" }, now)) {
      if (output.kind === "send") longest = Math.max(longest, output.bytes.length);
    }
  }
  assert.ok(longest > 900 && longest <= 1232, `${longest} octets`);
});

test("services that cannot be told in one datagram are refused", () => {
  const bench = new Bench();
  const open = (service: Partial<Service>): void =>
    void assert.throws(
      () => bench.tell({ kind: "open", services: [{ ...UDP, ...service }], interfaces: [V4] }),
      RangeError,
    );
  open({ txt: ["x".repeat(MAX_TXT_LENGTH)] });
  open({ subtypes: Array.from({ length: MAX_SUBTYPES + 1 }, () => "lamp") });
  open({ subtypes: ["Lamp_"] });
  open({ port: 65_536 });
});

// ---- Open, and contradicted

test("RFC 6762 §9: who contradicts a record of ours makes us probe again, under the same name if nobody defends it", () => {
  const bench = opened();
  const { label } = bench;
  const theirs = internet(bench.instance, 120, true, srv(666, DomainName.of("x.local")));
  bench.hear({ response: true, answers: [theirs] });
  bench.ask([q(SERVICE, PTR)]);
  bench.wait(3000);
  const sent = bench.take();
  assert.equal(sent.filter(({ message }) => !message.response).length, PROBE_COUNT);
  assert.deepEqual(bench.told, [{ kind: "announced", label }]);
});

test("RFC 6762 §9: and where it is defended the name is given up, what pointed to it is taken back", () => {
  const bench = opened();
  const { label, instance } = bench;
  const theirs = internet(instance, 120, true, srv(666, DomainName.of("x.local")));
  bench.hear({ response: true, answers: [theirs] });
  bench.wait(300);
  bench.take();
  bench.hear({ response: true, answers: [theirs] });
  const [{ message }] = bench.take() as [Sent];
  assert.ok(message.answers.every(({ ttl, content }) => ttl === 0 && content.kind === "PTR"));
  assert.deepEqual(bench.told, [{ kind: "renamed", label: bench.label, taken: label }]);
});

test("RFC 6762 §6.6 and §10.1: a record of ours that someone takes back or shortens is told anew", () => {
  const bench = opened();
  const pointer = (ttl: number): ResourceRecord =>
    internet(SERVICE, ttl, false, { kind: "PTR", target: bench.instance });
  for (const ttl of [0, 2249]) {
    bench.hear({ response: true, answers: [pointer(ttl)] });
    bench.wait(1000);
    assert.deepEqual(kinds(bench.take()[0]!.message.answers), ["PTR"]);
  }
  bench.hear({ response: true, answers: [pointer(2250)] });
  bench.wait(1000);
  assert.deepEqual(bench.take(), []);
});

test("other addresses are probed for and announced again under the same label", () => {
  const bench = opened();
  const { label } = bench;
  bench.tell({ kind: "interfaces", interfaces: [{ ...V4, ipv4: ["192.0.2.9"] }] });
  bench.wait(3000);
  const addresses = bench
    .take()
    .at(-1)!
    .message.answers.flatMap(({ content }) => (content.kind === "A" ? [content.address] : []));
  assert.deepEqual(addresses, [hex("c0000209")]);
  assert.equal(bench.label, label);
});

test("what is no longer told is taken back: a subtype that is not wanted any more, an address that is gone", () => {
  const bench = opened([LAN]);
  const taken = (): string[] =>
    bench.take().flatMap(({ message }) => {
      assert.ok(message.answers.every(({ ttl }) => ttl === 0));
      return message.answers.map(({ name, content }) => `${content.kind} ${name.first}`);
    });
  bench.tell({ kind: "open", services: [{ ...UDP, subtypes: [] }], interfaces: [LAN] });
  assert.deepEqual(taken(), ["PTR _heating", "PTR _heating"]);
  bench.wait(3000);
  bench.take();
  bench.tell({ kind: "interfaces", interfaces: [V4] });
  const host = bench.host.first;
  // On the link that stays two addresses go, on the one that goes all does.
  const gone = taken();
  assert.deepEqual(gone.slice(0, 2), [`AAAA ${host}`, `AAAA ${host}`]);
  assert.equal(gone.length, 2 + 2 + 2 + 3);
});

test("a window that opens right after another one closed says the goodbye of that one again", () => {
  const bench = opened();
  const { label } = bench;
  bench.tell({ kind: "close" });
  bench.wait(100);
  bench.take();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  const [{ message }] = bench.take() as [Sent];
  assert.ok(message.answers.every(({ ttl }) => ttl === 0));
  assert.notEqual(bench.label, label);
});

// ---- Closing

test("RFC 6762 §10.1: closing takes every record back, twice, and then there is silence", () => {
  const bench = opened([LAN], [UDP, TCP]);
  bench.tell({ kind: "close" });
  bench.ask([q(SERVICE, PTR)]);
  bench.wait(10_000);
  const sent = bench.take();
  assert.equal(sent.length, 4);
  assert.equal(sent[2]!.at - sent[0]!.at, GOODBYE_MS);
  for (const { message } of sent) {
    assert.equal(message.answers.length, 12);
    assert.ok(message.answers.every(({ ttl }) => ttl === 0));
    assert.ok(message.answers.some(({ content }) => typeOf(content) === SRV));
  }
  assert.deepEqual([bench.machine.label, bench.machine.wakeAt], [null, null]);
});

test("closing before anything was announced says nothing, closing twice no more than once", () => {
  const bench = new Bench();
  bench.tell({ kind: "open", services: [UDP], interfaces: [V4] });
  bench.wait(400);
  bench.take();
  bench.tell({ kind: "close" });
  bench.tell({ kind: "close" });
  bench.wait(5000);
  assert.deepEqual(bench.take(), []);
});
