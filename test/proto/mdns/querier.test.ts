// Looking for open windows: alone against a script, and with responders on a link in memory that loses datagrams.
import { assert, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono } from "../../../src/base/machine.ts";
import { MAX_INSTANCE_ADDRESSES } from "../../../src/proto/mdns/instance.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "../../../src/proto/mdns/message.ts";
import type { Message } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { serviceName, subtypeName } from "../../../src/proto/mdns/published.ts";
import type { Service } from "../../../src/proto/mdns/published.ts";
import { MAX_INSTANCES, Querier } from "../../../src/proto/mdns/querier.ts";
import type { QuerierInput, QuerierOutput } from "../../../src/proto/mdns/querier.ts";
import { internet } from "../../../src/proto/mdns/record.ts";
import type { ResourceRecord } from "../../../src/proto/mdns/record.ts";
import { Responder } from "../../../src/proto/mdns/responder.ts";
import type { ResponderInput, ResponderOutput } from "../../../src/proto/mdns/responder.ts";
import { homeTxt, parseTxt } from "../../../src/proto/mdns/txt.ts";
import { MDNS_PORT, RecordType } from "../../../src/proto/mdns/wire.ts";
import type { Link, LinkSend } from "../../../src/proto/mdns/wire.ts";
import { Air, Station } from "./air.ts";

const { A, AAAA, PTR, SRV, TXT } = RecordType;
const SERVICE = serviceName("udp");
const LINK: Link = { interface: "lan", family: "ipv4" };
const UDP: Service = {
  transport: "udp",
  port: 5684,
  txt: homeTxt(hex("0123456789abcdef")),
  subtypes: ["heating"],
};

class Bench {
  readonly machine = new Querier({ random: seeded("querier"), service: SERVICE, links: [LINK] });
  readonly sent: { readonly at: number; readonly message: Message }[] = [];
  readonly told: Exclude<QuerierOutput, LinkSend>[] = [];
  now: Mono = mono(0);

  constructor() {
    this.tell({ kind: "start" });
  }

  tell(input: QuerierInput): void {
    for (const output of this.machine.handle(input, this.now)) {
      if (output.kind !== "send") this.told.push(output);
      else this.sent.push({ at: this.now, message: parseMessage(output.bytes) });
    }
  }

  wait(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let at = this.machine.wakeAt; at !== null && at <= end; at = this.machine.wakeAt) {
      this.now = mono(Math.max(this.now, at));
      this.tell({ kind: "timeout" });
    }
    this.now = mono(end);
  }

  hear(answers: readonly ResourceRecord[], from = "192.0.2.1", port: number = MDNS_PORT): void {
    const bytes = encodeMessage({ ...NO_MESSAGE, response: true, answers });
    this.tell({ kind: "datagram", ...LINK, from, port, bytes });
  }

  kinds(): string[] {
    return this.told.splice(0).map(({ kind }) => kind);
  }
}

const instanceOf = (label: string): DomainName => DomainName.of(label, "_homeca._udp.local");
const pointer = (label: string, ttl = 4500): ResourceRecord =>
  internet(SERVICE, ttl, false, { kind: "PTR", target: instanceOf(label) });
const srv = (label: string, port = 5684, ttl = 120): ResourceRecord =>
  internet(instanceOf(label), ttl, true, {
    kind: "SRV",
    priority: 0,
    weight: 0,
    port,
    target: DomainName.of(label, "local"),
  });
const txt = (label: string, text = "v=1", ttl = 4500): ResourceRecord =>
  internet(instanceOf(label), ttl, true, { kind: "TXT", strings: [utf8(text)] });
const a = (label: string, address = "c0000201", ttl = 120): ResourceRecord =>
  internet(DomainName.of(label, "local"), ttl, true, { kind: "A", address: hex(address) });
const whole = (label: string): ResourceRecord[] => [
  pointer(label),
  srv(label),
  txt(label),
  a(label),
];

test("RFC 6762 §5.2: a first question after 20 to 120 ms, then waits of a second, two, four and so on up to an hour", () => {
  const bench = new Bench();
  bench.wait(40_000_000);
  const times = bench.sent.map(({ at }) => at);
  assert.ok(times[0]! >= 20 && times[0]! <= 120);
  const waits = times.slice(1).map((at, index) => (at - times[index]!) / 1000);
  const doubling = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
  assert.deepEqual(waits.slice(0, 12), doubling);
  assert.ok(waits.length > 15 && waits.slice(12).every((wait) => wait === 3600));
});

test("an instance is told when all is known of it, again when something changes, and no more often", () => {
  const bench = new Bench();
  bench.hear([pointer("one"), srv("one")]);
  bench.hear([txt("one")]);
  assert.deepEqual(bench.told, []);
  bench.hear([a("one")]);
  assert.deepEqual(bench.told, [
    {
      kind: "found",
      instance: {
        label: "one",
        interface: "lan",
        port: 5684,
        txt: new Map([["v", "1"]]),
        addresses: ["192.0.2.1"],
      },
    },
  ]);
  bench.hear(whole("one"));
  assert.deepEqual(bench.kinds(), ["found"]);
  bench.hear([txt("one", "v=2")]);
  assert.deepEqual(bench.kinds(), ["found"]);
});

test("what is missing is asked for by name, each of it four times at most", () => {
  const bench = new Bench();
  bench.wait(200);
  bench.sent.length = 0;
  bench.hear([pointer("one")]);
  bench.wait(200);
  const types = (message: Message): number[] => message.questions.map(({ type }) => type);
  assert.deepEqual(types(bench.sent[0]!.message), [SRV, TXT]);
  bench.hear([srv("one"), txt("one")]);
  bench.sent.length = 0;
  bench.wait(60_000);
  const asked = bench.sent.map(({ message }) => types(message)).filter((each) => each.includes(A));
  assert.deepEqual(asked, [
    [A, AAAA],
    [A, AAAA],
    [A, AAAA],
  ]);
});

test("RFC 6762 §7.1: what is known for half its life goes along as known answer, without the cache-flush bit", () => {
  const bench = new Bench();
  bench.hear([pointer("one", 100)]);
  bench.wait(1000);
  const known = bench.sent
    .map(({ message }) => message.answers)
    .find((answers) => answers.length > 0);
  assert.equal(known![0]!.ttl, 99);
  assert.ok(!known![0]!.flush);
  bench.wait(70_000);
  const late = bench.sent.filter(
    ({ at, message }) => at > 50_000 && message.questions[0]!.type === PTR,
  );
  assert.ok(late.length > 0 && late.every(({ message }) => message.answers.length === 0));
});

test("RFC 6762 §5.2: what runs out is asked for at 80, 85, 90 and 95 of 100 of its life, and then lost", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.sent.length = 0;
  bench.wait(119_999);
  const times = bench.sent
    .filter(({ message }) => message.questions.some(({ type }) => type === SRV))
    .map(({ at }) => at);
  assert.equal(times.length, 4);
  for (const [index, at] of times.entries()) {
    const earliest = 96_000 + index * 6000;
    assert.ok(at >= earliest && at <= earliest + 2400, `${at}`);
  }
  assert.deepEqual(bench.kinds(), ["found"]);
  bench.wait(1);
  assert.deepEqual(bench.kinds(), ["lost"]);
});

test("RFC 6762 §10.1: a goodbye holds for one more second", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.hear([pointer("one", 0)]);
  bench.wait(999);
  assert.deepEqual(bench.kinds(), ["found"]);
  bench.wait(1);
  assert.deepEqual(bench.told, [{ kind: "lost", label: "one" }]);
  assert.equal(bench.machine.size, 0);
});

test("RFC 6762 §10.2: with the cache-flush bit a new address takes the place of what is older than a second", () => {
  const bench = new Bench();
  const addresses = (): readonly string[] => {
    const last = bench.told.at(-1);
    return last?.kind === "found" ? last.instance.addresses : [];
  };
  bench.hear(whole("one"));
  bench.wait(500);
  bench.hear([a("one", "c0000202")]);
  assert.deepEqual(addresses(), ["192.0.2.1", "192.0.2.2"]);
  bench.wait(2000);
  bench.hear([a("one", "c0000203")]);
  bench.wait(1000);
  bench.hear([a("one", "c0000203")]);
  assert.deepEqual(addresses(), ["192.0.2.3"]);
});

test("another host has addresses of its own", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  const moved = internet(instanceOf("one"), 120, true, {
    kind: "SRV",
    priority: 0,
    weight: 0,
    port: 5684,
    target: DomainName.of("two.local"),
  });
  bench.hear([moved]);
  assert.deepEqual(bench.kinds(), ["found", "lost"]);
  bench.hear([a("two", "c0000209")]);
  const last = bench.told.at(-1);
  assert.ok(last?.kind === "found");
  assert.deepEqual(last.instance.addresses, ["192.0.2.9"]);
});

test("two homes that answer are told as interference once, a third one again", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  assert.deepEqual(bench.kinds(), ["found"]);
  bench.hear(whole("two"), "192.0.2.2");
  assert.deepEqual(bench.told, [
    bench.told[0]!,
    { kind: "interference", reason: "several", labels: ["one", "two"] },
  ]);
  bench.hear(whole("two"), "192.0.2.2");
  assert.deepEqual(bench.kinds(), ["found", "interference"]);
  bench.hear(whole("three"), "192.0.2.3");
  assert.deepEqual(bench.kinds(), ["found", "interference"]);
});

test("a pointer alone is no home: only one that can be reached interferes", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.hear([pointer("ghost"), pointer("spectre")]);
  assert.deepEqual(bench.kinds(), ["found"]);
});

test("another sender that says something else of a home is interference, and what was heard first stays", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.told.length = 0;
  bench.hear([srv("one", 666)], "192.0.2.99");
  assert.deepEqual(bench.told, [
    { kind: "interference", reason: "contradiction", labels: ["one"] },
  ]);
  bench.hear([srv("one", 666)]);
  assert.deepEqual(bench.kinds(), ["interference", "found"]);
});

test("another sender that says the same, or the other family's address of the same home, is none", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.hear(whole("one"), "192.0.2.99");
  const bytes = encodeMessage({ ...NO_MESSAGE, response: true, answers: [txt("one", "v=2")] });
  const v6 = { interface: "lan", family: "ipv6" } as const;
  bench.tell({ kind: "datagram", ...v6, from: "fe80::1", port: MDNS_PORT, bytes });
  assert.deepEqual(bench.kinds(), ["found", "found"]);
});

test(`${MAX_INSTANCES} instances are kept, further ones counted, and all of them fit one question as known answers`, () => {
  const bench = new Bench();
  for (let index = 0; index < 40; index++) bench.hear([pointer(`${index}`.padEnd(63, "x"))]);
  assert.equal(bench.machine.size, MAX_INSTANCES);
  assert.equal(bench.machine.ignored, 40 - MAX_INSTANCES);
  bench.wait(200);
  const { message } = bench.sent.find(({ message: { answers } }) => answers.length > 0)!;
  assert.equal(message.answers.length, MAX_INSTANCES);
  assert.ok(encodeMessage({ ...message, questions: [message.questions[0]!] }).length <= 1452);
});

test("names as long as names can be do not make a question longer than a message", () => {
  const bench = new Bench();
  const longest = (index: number): DomainName => {
    const label = `${index}`.padEnd(63, "x");
    return new DomainName([label, label, label, label.slice(0, 61)]);
  };
  for (let index = 0; index < MAX_INSTANCES; index++) {
    const label = `${index}`.padEnd(63, "y");
    const content = {
      kind: "SRV",
      priority: 0,
      weight: 0,
      port: 1,
      target: longest(index),
    } as const;
    bench.hear([
      pointer(label, 1),
      pointer(label),
      internet(instanceOf(label), 120, true, content),
    ]);
  }
  // A machine that slept: all that is missing is asked for at once.
  bench.now = mono(60_000);
  bench.tell({ kind: "timeout" });
  const questions = bench.sent.at(-1)!.message.questions.length;
  assert.equal(questions, 1 + MAX_INSTANCES * 3);
});

test("a pointer to what is no instance of the service is passed over", () => {
  const bench = new Bench();
  for (const target of [
    SERVICE,
    DomainName.of("one.local"),
    DomainName.of("a", "b", "_homeca._udp.local"),
  ]) {
    bench.hear([internet(SERVICE, 4500, false, { kind: "PTR", target })]);
  }
  assert.deepEqual([bench.machine.size, bench.machine.ignored], [0, 0]);
});

test(`${MAX_INSTANCE_ADDRESSES} addresses of an instance are kept`, () => {
  const bench = new Bench();
  const many = Array.from({ length: 20 }, (_, index) =>
    a("one", `c00002${(index + 16).toString(16)}`),
  );
  bench.hear([pointer("one"), srv("one"), txt("one"), ...many]);
  const [told] = bench.told;
  assert.ok(told?.kind === "found");
  assert.equal(told.instance.addresses.length, MAX_INSTANCE_ADDRESSES);
});

test("a response from another port, and a message that is none, are told with their reasons", () => {
  const bench = new Bench();
  bench.hear(whole("one"), "192.0.2.1", 5354);
  const bytes = hex("00");
  bench.tell({ kind: "datagram", ...LINK, from: "192.0.2.1", port: MDNS_PORT, bytes });
  assert.deepEqual(
    bench.told.map((told) => (told.kind === "discarded" ? told.reason : "")),
    ["foreign-port", "truncated"],
  );
});

test("stopped, it forgets all, reads nothing and waits for nothing", () => {
  const bench = new Bench();
  bench.hear(whole("one"));
  bench.tell({ kind: "stop" });
  bench.hear(whole("two"));
  assert.deepEqual([bench.machine.size, bench.machine.wakeAt, bench.kinds()], [0, null, ["found"]]);
});

test("RFC 6763 §6.4: keys fold case, the first of two counts, what is no key is passed over", () => {
  const strings = ["V=1", "v=2", "flag", "=x", "", "p==a=b", "empty="].map((text) => utf8(text));
  assert.deepEqual(
    [...parseTxt([...strings, hex("763d ff")])],
    [
      ["v", "1"],
      ["flag", ""],
      ["p", "=a=b"],
      ["empty", ""],
    ],
  );
});

// ---- With responders

interface Home {
  readonly station: Station<ResponderInput, ResponderOutput>;
  readonly open: () => void;
}

function home(air: Air, address: string, seed: string, service: Service = UDP): Home {
  const machine = new Responder({ random: seeded(seed), unicast: false });
  const station = air.join(new Station<ResponderInput, ResponderOutput>(machine, address));
  const interfaces = [{ name: "lan", ipv4: [address], ipv6: [] }];
  return {
    station,
    open: () => air.tell(station, { kind: "open", services: [service], interfaces }),
  };
}

function device(air: Air, service: DomainName = SERVICE): Station<QuerierInput, QuerierOutput> {
  const machine = new Querier({ random: seeded("device"), service, links: [LINK] });
  const station = air.join(new Station<QuerierInput, QuerierOutput>(machine, "192.0.2.7"));
  air.tell(station, { kind: "start" });
  return station;
}

const labels = (station: Station<QuerierInput, QuerierOutput>): string[] => [
  ...new Set(
    station.outputs.flatMap((told) => (told.kind === "found" ? [told.instance.label] : [])),
  ),
];

test("a device finds the home when its window opens and loses it when it closes", () => {
  const air = new Air("window");
  const lamp = device(air);
  const { station, open } = home(air, "192.0.2.1", "home");
  air.run(10_000);
  assert.deepEqual(lamp.outputs, []);
  open();
  air.run(10_000);
  assert.deepEqual(labels(lamp), [(station.machine as Responder).label]);
  air.tell(station, { kind: "close" });
  air.run(10_000);
  assert.equal(lamp.outputs.at(-1)?.kind, "lost");
  assert.equal(station.machine.wakeAt, null);
});

test("a device of a type finds only the home that waits for that type", () => {
  const air = new Air("types");
  home(air, "192.0.2.1", "a").open();
  home(air, "192.0.2.2", "b", { ...UDP, subtypes: ["lamp"] }).open();
  const heating = device(air, subtypeName("heating", "udp"));
  air.run(10_000);
  const [found] = heating.outputs;
  assert.ok(found?.kind === "found" && heating.outputs.length === 1);
  assert.deepEqual(found.instance.addresses, ["192.0.2.1"]);
});

test("two homes on one link are interference", () => {
  const air = new Air("flats");
  home(air, "192.0.2.1", "a").open();
  home(air, "192.0.2.2", "b").open();
  const lamp = device(air);
  air.run(10_000);
  assert.equal(labels(lamp).length, 2);
  assert.equal(lamp.outputs.filter(({ kind }) => kind === "interference").length, 1);
});

test("two homes that draw the same labels in step end up with different ones", () => {
  for (let round = 0; round < 10; round++) {
    const air = new Air(`twins ${round}`);
    const a_ = home(air, "192.0.2.1", `twins ${round}`);
    const b = home(air, "192.0.2.2", `twins ${round}`);
    a_.open();
    b.open();
    air.run(30_000);
    const machines = [a_, b].map(({ station }) => station.machine as Responder);
    assert.notEqual(machines[0]!.label, machines[1]!.label);
    const announced = [a_, b].map(({ station }) => station.outputs.at(-1));
    assert.deepEqual(
      announced.map((told) => told?.kind),
      ["announced", "announced"],
    );
  }
});

test("property: whatever a link loses, a device finds every home, and loses it after it closed", () => {
  for (const loss of [0.1, 0.2, 0.35]) {
    for (let round = 0; round < 6; round++) {
      const air = new Air(`loss ${loss} ${round}`, loss);
      const homes = [home(air, "192.0.2.1", `a ${round}`), home(air, "192.0.2.2", `b ${round}`)];
      for (const { open } of homes) open();
      const lamp = device(air);
      air.run(120_000);
      assert.equal(lamp.outputs.filter(({ kind }) => kind === "discarded").length, 0);
      assert.equal((lamp.machine as Querier).size, 2, `loss ${loss}, round ${round}`);
      assert.ok(lamp.outputs.some(({ kind }) => kind === "interference"));
      for (const { station } of homes) air.tell(station, { kind: "close" });
      air.run(180_000);
      // SRV and addresses run out after two minutes even if both goodbyes were lost.
      assert.ok(lamp.outputs.filter(({ kind }) => kind === "lost").length >= 2);
      for (const { station } of homes) assert.equal(station.machine.wakeAt, null);
    }
  }
});

test("property: nobody multicasts a record twice within a second, but to defend it", () => {
  for (let round = 0; round < 8; round++) {
    const air = new Air(`rate ${round}`);
    home(air, "192.0.2.1", `rate ${round}`).open();
    air.run(1800);
    for (let index = 0; index < 6; index++) {
      device(air);
      air.run(137);
    }
    air.run(5000);
    const times = air.spoken
      .filter(
        ({ from, to, message }) => from === "192.0.2.1" && to === "multicast" && message.response,
      )
      .filter(({ message }) => message.answers.some(({ content }) => content.kind === "PTR"))
      .map(({ at }) => at);
    assert.ok(times.length >= 2);
    for (const [index, at] of times.slice(1).entries()) assert.ok(at - times[index]! >= 1000);
  }
});
