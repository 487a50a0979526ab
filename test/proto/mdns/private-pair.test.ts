// A home and its devices that find each other by labels, on a link in memory.
import { assert, providers, seeded, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "../../../src/proto/mdns/message.ts";
import type { Message } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import {
  clocklessLabel,
  INTERVAL_SECONDS,
  intervalLabel,
  intervalOf,
  NONCE_LENGTH,
} from "../../../src/proto/mdns/private.ts";
import { MAX_QUESTIONS, PrivateResponder } from "../../../src/proto/mdns/private-responder.ts";
import type {
  PrivateResponderInput,
  PrivateResponderOutput,
} from "../../../src/proto/mdns/private-responder.ts";
import { MAX_FOUND, PrivateSearch, TRANSMISSIONS } from "../../../src/proto/mdns/private-search.ts";
import type { PrivateSearchConfig } from "../../../src/proto/mdns/private-search.ts";
import { internet } from "../../../src/proto/mdns/record.ts";
import { MAX_UNICAST_PER_SECOND } from "../../../src/proto/mdns/answering.ts";
import { ANY, CLASS_IN, MDNS_PORT, RecordType } from "../../../src/proto/mdns/wire.ts";
import type { Link, LinkInterface, LinkSend } from "../../../src/proto/mdns/wire.ts";
import { Air, Station } from "./air.ts";

const { A, AAAA, PTR, SRV, TXT } = RecordType;
const crypto = providers.at(-1)!;
const KEY = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const OTHER_KEY = hex("ff".repeat(32));
/** The middle of an interval's first half: neither label nor host changes soon. */
const TIME = unix(734_097 * INTERVAL_SECONDS + 400);
const LAN: LinkInterface = { name: "lan", ipv4: ["192.0.2.1"], ipv6: [] };
const LINK: Link = { interface: "lan", family: "ipv4" };
const HOME = "192.0.2.1";
const LAMP = "192.0.2.7";

function responder(
  role: "H" | "D",
  keys: Record<string, Uint8Array>,
  time: typeof TIME | null = TIME,
): PrivateResponder {
  const machine = new PrivateResponder({
    crypto,
    random: seeded(`${role} ${time}`),
    role,
    port: 5684,
  });
  const now = mono(0);
  machine.handle({ kind: "interfaces", interfaces: [LAN] }, now);
  machine.handle({ kind: "keys", keys: new Map(Object.entries(keys)) }, now);
  machine.handle({ kind: "clock", time }, now);
  return machine;
}

function search(more: Partial<PrivateSearchConfig> = {}): PrivateSearch {
  const random = seeded("search");
  return new PrivateSearch({
    crypto,
    random,
    key: KEY,
    seeks: "H",
    links: [LINK],
    decoys: false,
    ...more,
  });
}

interface Asking {
  readonly at?: number;
  readonly port?: number;
  readonly unicast?: boolean;
  readonly more?: Partial<Message>;
}

/** What a responder answers to questions at a time. */
function asking(
  machine: PrivateResponder,
  names: readonly (readonly [DomainName, number])[],
  { at = 0, port = MDNS_PORT, unicast = false, more = {} }: Asking = {},
): {
  readonly answers: Message[];
  readonly sends: LinkSend[];
  readonly told: PrivateResponderOutput[];
} {
  const questions = names.map(([name, type]) => ({ name, type, class: CLASS_IN, unicast }));
  const bytes = encodeMessage({ ...NO_MESSAGE, ...more, questions });
  const input: PrivateResponderInput = { kind: "datagram", ...LINK, from: LAMP, port, bytes };
  const told = machine.handle(input, mono(at));
  const sends = told.filter((output) => output.kind === "send");
  return { answers: sends.map(({ bytes: sent }) => parseMessage(sent)), sends, told };
}

const under = (label: string): DomainName => DomainName.of(label, "_homeca._udp.local");
const homeLabel = (key: Uint8Array, time = TIME): DomainName =>
  under(intervalLabel(crypto, key, "H", intervalOf(time)));

test("a device finds its home by the label, a home its device by the other one", () => {
  for (const [seeks, role] of [
    ["H", "H"],
    ["D", "D"],
  ] as const) {
    const air = new Air(`finds ${seeks}`);
    const asked = air.join(new Station(responder(role, { peer: KEY, stranger: OTHER_KEY }), HOME));
    const asks = air.join(new Station(search({ seeks }), LAMP, 40_000));
    air.tell(asks, { kind: "start", time: TIME });
    air.run(2000);
    assert.deepEqual(asks.outputs, [
      { kind: "found", interface: "lan", port: 5684, addresses: [HOME] },
    ]);
    assert.deepEqual(asked.outputs, [
      { kind: "recognised", id: "peer", by: "interval", interface: "lan", from: LAMP },
    ]);
  }
});

test("a device without a clock finds its home, and so does one whose home has none", () => {
  for (const time of [TIME, null]) {
    const air = new Air(`clockless ${time}`);
    const home = air.join(new Station(responder("H", { lamp: KEY }, time), HOME));
    const lamp = air.join(new Station(search(), LAMP, 40_000));
    air.tell(lamp, { kind: "start", time: null });
    air.run(2000);
    assert.equal(lamp.outputs[0]?.kind, "found");
    assert.equal(home.outputs[0]?.kind, "recognised");
  }
  assert.throws(
    () => search({ seeks: "D" }).handle({ kind: "start", time: null }, mono(0)),
    RangeError,
  );
});

test("with half the datagrams lost, in both directions, a device finds its home within five questions", () => {
  let found = 0;
  for (let round = 0; round < 40; round++) {
    const air = new Air(`loss ${round}`, 0.5);
    air.join(new Station(responder("H", { lamp: KEY }), HOME));
    const lamp = air.join(new Station(search(), LAMP, 40_000));
    air.tell(lamp, { kind: "start", time: TIME });
    air.run(60_000);
    if (lamp.outputs[0]?.kind === "found") found++;
    assert.ok(air.spoken.filter(({ from }) => from === LAMP).length <= TRANSMISSIONS);
  }
  // Each question comes back one time in four: all five are lost in 24 of 100.
  assert.ok(found >= 22 && found < 40, `${found} of 40`);
});

test("RFC 6762 §5.2: questions one second apart, then two, four and eight, then it is over", () => {
  const air = new Air("nobody");
  const lamp = air.join(new Station(search(), LAMP));
  air.tell(lamp, { kind: "start", time: TIME });
  air.run(60_000);
  const times = air.spoken.map(({ at }) => at);
  assert.ok(times[0]! >= 20 && times[0]! <= 120);
  assert.deepEqual(
    times.slice(1).map((at, index) => at - times[index]!),
    [1000, 2000, 4000, 8000],
  );
  assert.deepEqual(lamp.outputs, [{ kind: "over", found: 0 }]);
  assert.equal(lamp.machine.wakeAt, null);
});

test("where an interval has just begun, the first question waits up to two seconds", () => {
  const starts = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const machine = search({ random: seeded(`start ${round}`) });
    machine.handle({ kind: "start", time: unix(734_097 * INTERVAL_SECONDS + 1) }, mono(0));
    starts.add(machine.wakeAt!);
  }
  assert.ok(Math.max(...starts) > 1000 && Math.max(...starts) <= 2000 && starts.size > 10);
});

test("a question has a decoy beside it that nobody can tell apart", () => {
  for (const [time, length] of [
    [TIME, 16],
    [null, 24],
  ] as const) {
    const air = new Air("decoys");
    const machine = search({ decoys: true, links: [LINK, { interface: "lan", family: "ipv6" }] });
    const lamp = air.join(new Station(machine, LAMP));
    air.tell(lamp, { kind: "start", time });
    air.run(60_000);
    assert.equal(air.spoken.length, TRANSMISSIONS * 4);
    const names = air.spoken.map(({ message }) => message.questions[0]!.name.first);
    assert.ok(names.every((name) => /^[a-z2-7]+$/.test(name) && name.length === length));
    const first = air.spoken.slice(0, 4).map(({ message }) => message.questions.length);
    assert.deepEqual(first, [1, 1, 1, 1]);
    const real = names.filter((name) => time !== null && under(name).is(homeLabel(KEY)));
    if (time !== null) assert.equal(real.length, TRANSMISSIONS * 2);
    else assert.equal(new Set(names).size, TRANSMISSIONS * 3);
  }
});

test("only who knows the label is answered: SRV and an empty TXT for 120 seconds, and the host of this interval", () => {
  const { answers } = asking(responder("H", { lamp: KEY }), [[homeLabel(KEY), SRV]]);
  const [
    {
      answers: [srv],
      additionals,
    },
  ] = answers as [Message];
  assert.ok(srv!.content.kind === "SRV" && srv!.content.port === 5684 && srv!.ttl === 120);
  assert.match(srv!.content.target.first, /^[0-9a-f]{12}$/);
  assert.deepEqual(
    additionals.map(({ content }) => content.kind),
    ["A"],
  );
  const txt = asking(responder("H", { lamp: KEY }), [[homeLabel(KEY), TXT]]).answers[0]!
    .answers[0]!;
  assert.deepEqual(txt.content, { kind: "TXT", strings: [new Uint8Array()] });
  assert.equal(txt.ttl, 120);
});

test("other names and other types meet silence: no PTR, no NSEC, no service list", () => {
  const machine = responder("H", { lamp: KEY });
  const [
    {
      answers: [srv],
    },
  ] = asking(machine, [[homeLabel(KEY), SRV]]).answers as [Message];
  assert.ok(srv!.content.kind === "SRV");
  const questions: [DomainName, number][] = [
    [homeLabel(KEY), A],
    [homeLabel(KEY), 47],
    [homeLabel(OTHER_KEY), SRV],
    [homeLabel(KEY, unix(TIME + 2 * INTERVAL_SECONDS)), SRV],
    [under(intervalLabel(crypto, KEY, "D", intervalOf(TIME))), SRV],
    [srv!.content.target, AAAA],
    [srv!.content.target, TXT],
    [DomainName.of(intervalLabel(crypto, KEY, "H", intervalOf(TIME)), "_homeca._tcp.local"), SRV],
    [DomainName.of("_homeca._udp.local"), PTR],
    [DomainName.of("_homeca._udp.local"), ANY],
    [DomainName.of("_services._dns-sd._udp.local"), PTR],
    [DomainName.of("OpenWrt.local"), A],
  ];
  for (const port of [MDNS_PORT, 40_000]) {
    for (const each of questions) {
      assert.deepEqual(
        asking(machine, [each], { at: 5000, port }).told,
        [],
        each[0].labels.join("."),
      );
    }
  }
});

test("without a key nothing is even read, without a clock no label of an interval is taken", () => {
  const none = responder("H", {});
  const garbage = {
    kind: "datagram",
    ...LINK,
    from: LAMP,
    port: MDNS_PORT,
    bytes: hex("00"),
  } as const;
  assert.deepEqual(none.handle(garbage, mono(0)), []);
  const some = responder("H", { lamp: KEY }, null);
  assert.deepEqual(asking(some, [[homeLabel(KEY), SRV]]).told, []);
  assert.deepEqual(some.handle(garbage, mono(0)), [
    { kind: "discarded", reason: "truncated", from: LAMP },
  ]);
});

test("a question from port 5353 is answered by multicast, one for QU or from another port by unicast", () => {
  const machine = responder("H", { lamp: KEY });
  const ask = (more: { port?: number; unicast?: boolean; at?: number }): LinkSend =>
    asking(machine, [[homeLabel(KEY), SRV]], more).sends[0]!;
  assert.equal(ask({}).to, "multicast");
  assert.deepEqual(ask({ unicast: true }).to, { address: LAMP, port: MDNS_PORT });
  const legacy = ask({ port: 40_000 });
  assert.deepEqual(legacy.to, { address: LAMP, port: 40_000 });
  const { questions, answers, additionals } = parseMessage(legacy.bytes);
  assert.equal(questions.length, 1);
  assert.ok([...answers, ...additionals].every(({ ttl, flush }) => ttl <= 10 && !flush));
});

test("RFC 6762 §6 and §7.1: an answer is multicast once a second, and not to who knows it", () => {
  const machine = responder("H", { lamp: KEY });
  const sent = (at: number, more: Partial<Message> = {}): number =>
    asking(machine, [[homeLabel(KEY), SRV]], { at, more }).sends.length;
  const [{ answers }] = asking(machine, [[homeLabel(KEY), SRV]]).answers as [Message];
  assert.deepEqual([sent(999), sent(1000), sent(1500)], [0, 1, 0]);
  assert.equal(sent(5000, { answers }), 0);
  assert.equal(sent(5000), 1);
});

test(`one message is looked at for ${MAX_QUESTIONS} questions, and ${MAX_UNICAST_PER_SECOND} answers a second go by unicast`, () => {
  const machine = responder("H", { lamp: KEY });
  const decoys = Array.from(
    { length: MAX_QUESTIONS },
    (_, index) => [under(`decoy-${index}`), SRV] as const,
  );
  assert.deepEqual(asking(machine, [...decoys, [homeLabel(KEY), SRV]]).told, []);
  assert.equal(asking(machine, [...decoys.slice(1), [homeLabel(KEY), SRV]]).sends.length, 1);
  let sent = 0;
  for (let asked = 0; asked < 40; asked++) {
    sent += asking(machine, [[homeLabel(KEY), SRV]], { port: 40_000 }).sends.length;
  }
  assert.equal(sent, MAX_UNICAST_PER_SECOND);
});

test("a nonce is answered once, and only where SRV is asked for", () => {
  const machine = responder("H", { lamp: KEY });
  const name = under(clocklessLabel(crypto, KEY, hex("0102030405")));
  assert.deepEqual(asking(machine, [[name, TXT]]).told, []);
  assert.equal(asking(machine, [[name, SRV]]).sends.length, 1);
  assert.deepEqual(asking(machine, [[name, SRV]], { at: 3_600_000 }).told, []);
  const device = responder("D", { home: KEY });
  const fresh = under(clocklessLabel(crypto, KEY, seeded("n")(NONCE_LENGTH)));
  assert.deepEqual(asking(device, [[fresh, SRV]]).told, []);
});

test("the host's name changes with the interval, and the one before is still answered for", () => {
  const machine = responder("H", { lamp: KEY });
  const hostAt = (at: number): DomainName => {
    const time = unix(TIME + Math.floor(at / 1000));
    const { content } = asking(machine, [[homeLabel(KEY, time), SRV]], { at }).answers[0]!
      .answers[0]!;
    assert.ok(content.kind === "SRV");
    return content.target;
  };
  const before = hostAt(0);
  assert.ok(hostAt((INTERVAL_SECONDS - 401) * 1000).is(before));
  const change = machine.wakeAt!;
  assert.ok(change >= (INTERVAL_SECONDS - 400) * 1000 && change <= (INTERVAL_SECONDS - 398) * 1000);
  const after = hostAt(change);
  assert.ok(!after.is(before));
  assert.equal(asking(machine, [[before, A]], { at: change + 2000 }).sends.length, 1);
  hostAt(change + INTERVAL_SECONDS * 1000 + 4000);
  assert.equal(
    asking(machine, [[before, A]], { at: change + INTERVAL_SECONDS * 1000 + 8000 }).sends.length,
    0,
  );
});

test("labels follow the clock through the intervals, on both sides", () => {
  const air = new Air("later");
  air.join(new Station(responder("H", { lamp: KEY }), HOME));
  const lamp = air.join(new Station(search(), LAMP));
  for (let day = 0; day < 3; day++) {
    const time = unix(TIME + Math.floor(air.now / 1000));
    air.tell(lamp, { kind: "start", time });
    air.run(86_400_000 / 2);
  }
  const found = lamp.outputs.filter(({ kind }) => kind === "found");
  assert.equal(found.length, 3);
});

test("an answer without addresses is asked for them", () => {
  const machine = search();
  machine.handle({ kind: "start", time: TIME }, mono(0));
  machine.handle({ kind: "timeout" }, machine.wakeAt!);
  const host = DomainName.of("0123456789ab.local");
  const hear = (
    answers: Message["answers"],
    at: number,
    port = MDNS_PORT,
  ): readonly { kind: string }[] => {
    const bytes = encodeMessage({ ...NO_MESSAGE, response: true, answers });
    return machine.handle({ kind: "datagram", ...LINK, from: HOME, port, bytes }, mono(at));
  };
  const srv = internet(homeLabel(KEY), 120, true, {
    kind: "SRV",
    priority: 0,
    weight: 0,
    port: 5684,
    target: host,
  });
  assert.deepEqual(hear([srv], 300, 99), [
    { kind: "discarded", reason: "foreign-port", from: HOME },
  ]);
  const asked = hear([srv], 300);
  assert.equal(asked.length, 1);
  const [output] = asked as [LinkSend];
  assert.deepEqual(
    parseMessage(output.bytes).questions.map(({ type }) => type),
    [A, AAAA],
  );
  const a = internet(host, 120, true, { kind: "A", address: hex("c0000201") });
  assert.deepEqual(hear([a], 400), [
    { kind: "found", interface: "lan", port: 5684, addresses: [HOME] },
  ]);
});

test(`whoever heard the question can answer it first: ${MAX_FOUND} different answers are handed out, the right one among them`, () => {
  const machine = search();
  machine.handle({ kind: "start", time: TIME }, mono(0));
  machine.handle({ kind: "timeout" }, machine.wakeAt!);
  const found: unknown[] = [];
  for (let forger = 0; forger < 10; forger++) {
    const target = DomainName.of(`forger-${forger}.local`);
    const srv = internet(homeLabel(KEY), 120, true, {
      kind: "SRV",
      priority: 0,
      weight: 0,
      port: 1,
      target,
    });
    const a = internet(target, 120, true, { kind: "A", address: hex("c0000263") });
    const bytes = encodeMessage({
      ...NO_MESSAGE,
      response: true,
      answers: [srv],
      additionals: [a],
    });
    const input = { kind: "datagram", ...LINK, from: LAMP, port: MDNS_PORT, bytes } as const;
    for (let twice = 0; twice < 2; twice++) found.push(...machine.handle(input, mono(200)));
  }
  assert.equal(found.length, MAX_FOUND);
  machine.handle({ kind: "stop" }, mono(300));
  assert.equal(machine.wakeAt, null);
});

test("an answer to a label that was not asked for is none", () => {
  const machine = search();
  machine.handle({ kind: "start", time: TIME }, mono(0));
  machine.handle({ kind: "timeout" }, machine.wakeAt!);
  const target = DomainName.of("x.local");
  const other = internet(homeLabel(OTHER_KEY), 120, true, {
    kind: "SRV",
    priority: 0,
    weight: 0,
    port: 1,
    target,
  });
  const a = internet(target, 120, true, { kind: "A", address: hex("c0000263") });
  const bytes = encodeMessage({ ...NO_MESSAGE, response: true, answers: [other, a] });
  assert.deepEqual(
    machine.handle({ kind: "datagram", ...LINK, from: HOME, port: MDNS_PORT, bytes }, mono(200)),
    [],
  );
});
