// RFC 6762 §6 to §10 as the responder has them, rule by rule, on a link in memory.
import { assert, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono } from "../../../src/base/machine.ts";
import { MAX_COLLECTING, MAX_COLLECTING_MS } from "../../../src/proto/mdns/answer-queue.ts";
import { MAX_UNICAST_PER_SECOND } from "../../../src/proto/mdns/answering.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "../../../src/proto/mdns/message.ts";
import type { Message, Question } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { compareSets } from "../../../src/proto/mdns/probing.ts";
import {
  MAX_SUBTYPES,
  MAX_TXT_LENGTH,
  serviceName,
  subtypeName,
} from "../../../src/proto/mdns/published.ts";
import type { Service } from "../../../src/proto/mdns/published.ts";
import { internet, typeOf } from "../../../src/proto/mdns/record.ts";
import type { RecordContent, ResourceRecord } from "../../../src/proto/mdns/record.ts";
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
import type { ResponderInput, ResponderOutput } from "../../../src/proto/mdns/responder.ts";
import { homeTxt, parseTxt } from "../../../src/proto/mdns/txt.ts";
import { ANY, CLASS_IN, LEGACY_TTL, MDNS_PORT, RecordType } from "../../../src/proto/mdns/wire.ts";
import type { LinkInterface, LinkSend } from "../../../src/proto/mdns/wire.ts";

const { A, AAAA, NSEC, PTR, SRV, TXT } = RecordType;
const LAN: LinkInterface = { name: "br-lan", ipv4: ["192.0.2.1"], ipv6: ["fe80::1", "fd00:2::1"] };
const V4: LinkInterface = { ...LAN, ipv6: [] };
const PEER = "192.0.2.77";
const UDP: Service = {
  transport: "udp",
  port: 5684,
  txt: homeTxt(hex("0123456789abcdef".repeat(4))),
  subtypes: ["heating"],
};
const TCP: Service = { transport: "tcp", port: 8443, txt: UDP.txt, subtypes: [] };
const SERVICE = serviceName("udp");
const SERVICES = DomainName.of("_services._dns-sd._udp.local");

interface Sent extends Omit<LinkSend, "bytes"> {
  readonly at: number;
  readonly message: Message;
}

/** A responder by itself, its time moved by hand; what it sends is read back. */
class Bench {
  readonly machine: Responder;
  readonly sent: Sent[] = [];
  readonly told: Exclude<ResponderOutput, LinkSend>[] = [];
  now: Mono = mono(1_000_000);

  constructor(seed = "responder", unicast = false) {
    this.machine = new Responder({ random: seeded(seed), unicast });
  }

  tell(input: ResponderInput): void {
    for (const output of this.machine.handle(input, this.now)) {
      if (output.kind !== "send") this.told.push(output);
      else {
        const { bytes, ...rest } = output;
        this.sent.push({ ...rest, at: this.now, message: parseMessage(bytes) });
      }
    }
  }

  /** Lets time pass and wakes the machine whenever it asked for that. */
  wait(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let at = this.machine.wakeAt; at !== null && at <= end; at = this.machine.wakeAt) {
      this.now = mono(Math.max(this.now, at));
      this.tell({ kind: "timeout" });
    }
    this.now = mono(end);
  }

  hear(message: Partial<Message>, from = PEER, port: number = MDNS_PORT): void {
    const bytes = encodeMessage({ ...NO_MESSAGE, ...message });
    this.tell({ kind: "datagram", interface: LAN.name, family: "ipv4", from, port, bytes });
  }

  ask(
    questions: readonly Question[],
    more: Partial<Message> = {},
    from = PEER,
    port: number = MDNS_PORT,
  ): void {
    this.hear({ ...more, questions }, from, port);
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  get label(): string {
    return this.machine.label!;
  }

  get instance(): DomainName {
    return DomainName.of(this.label, "_homeca._udp.local");
  }

  get host(): DomainName {
    return DomainName.of(this.label, "local");
  }
}

function opened(on: readonly LinkInterface[] = [V4], services: readonly Service[] = [UDP]): Bench {
  const bench = new Bench();
  bench.tell({ kind: "open", services, interfaces: on });
  // Beyond the announcements, and until everything may be multicast again.
  bench.wait(4000);
  bench.take();
  bench.told.length = 0;
  return bench;
}

const q = (name: DomainName, type: number, unicast = false): Question => ({
  name,
  type,
  class: CLASS_IN,
  unicast,
});

const kinds = (records: readonly ResourceRecord[]): string[] =>
  records.map(({ content }) => content.kind);

const srv = (port: number, target: DomainName): RecordContent => ({
  kind: "SRV",
  priority: 0,
  weight: 0,
  port,
  target,
});

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

// ---- Answering

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
