import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { MdnsDiscard } from "../../../src/proto/mdns/failure.ts";
import type { MdnsDiscardReason } from "../../../src/proto/mdns/failure.ts";
import {
  encodeMessage,
  MAX_ENTRIES,
  MAX_POINTERS,
  NO_MESSAGE,
  parseMessage,
} from "../../../src/proto/mdns/message.ts";
import type { Message } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { contentKey, internet, typeOf } from "../../../src/proto/mdns/record.ts";
import type { RecordContent, ResourceRecord } from "../../../src/proto/mdns/record.ts";

// RFC 1035 §4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA and ARPA, the latter two by pointers. The RFC has them at
// octets 20, 40 and 64 of a datagram; here they are the names of three questions.
const COMPRESSED = hex(`
  0000 0000 0003 0000 0000 0000
  01 46 03 495349 04 41525041 00   000c 0001
  03 464f4f c00c                   000c 0001
  c012                             000c 8001`);

/** Octets behind a header that announces one question or one answer. */
const question = (body: string): Uint8Array => hex(`0000 0000 0001 0000 0000 0000 ${body}`);
const answer = (body: string): Uint8Array => hex(`0000 8400 0000 0001 0000 0000 ${body}`);

const HOST = DomainName.of("HomeCA-k3ob.local");
const INSTANCE = DomainName.of("HomeCA-k3ob", "_homeca._udp.local");
const SERVICE = DomainName.of("_homeca._udp.local");

function refused(datagram: Uint8Array, reason: MdnsDiscardReason): void {
  assert.equal(assert.throws(() => parseMessage(datagram), MdnsDiscard).reason, reason);
}

const everyKind: readonly RecordContent[] = [
  { kind: "A", address: hex("c0000201") },
  { kind: "AAAA", address: hex("fe800000000000000000000000000001") },
  { kind: "PTR", target: INSTANCE },
  { kind: "SRV", priority: 0, weight: 0, port: 5684, target: HOST },
  { kind: "TXT", strings: [utf8("txtvers=1"), utf8("p=open")] },
  { kind: "NSEC", next: INSTANCE, types: [16, 33] },
  { kind: "opaque", type: 13, bytes: hex("00") },
];

const EVERYTHING: Message = {
  ...NO_MESSAGE,
  response: true,
  answers: everyKind.map((content) => internet(INSTANCE, 120, true, content)),
  additionals: [internet(HOST, 120, true, everyKind[0]!)],
};

test("RFC 1035 §4.1.4: names are read through pointers", () => {
  const { questions } = parseMessage(COMPRESSED);
  const labels = questions.map(({ name }) => name.labels.join("."));
  assert.deepEqual(labels, ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA"]);
  assert.deepEqual(
    questions.map(({ unicast }) => unicast),
    [false, false, true],
  );
});

test("RFC 1035 §4.1.4: names are written with the same pointers", () => {
  const encoded = encodeMessage(parseMessage(COMPRESSED));
  assert.deepEqual(encoded, COMPRESSED);
});

// avahi-daemon 0.8 (Debian 12) on 192.0.2.2 and fd00:2::2, captured from the wire: its announcement of the host, and
// a probe for an instance.
const AVAHI_ANNOUNCES = hex(`
  0000 8400 0000 0004 0000 0000
  0132 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130 0130
  0130 0130 0130 0130 0130 0130 0130 0130 0132 0130 0130 0130 0130 0130 0164 0166
  03697036 0461727061 00   000c 8001 00000078 000d 056a75646765 056c6f63616c 00
  c060                     0001 8001 00000078 0004 c0000202
  0132 0132 0130 03313932 07696e2d61646472 c050
                           000c 8001 00000078 0002 c060
  c060                     001c 8001 00000078 0010 fd000002000000000000000000000002`);
const AVAHI_PROBES = hex(`
  0000 0000 0001 0000 0002 0000
  0b486f6d6543412d79627369 075f686f6d656361 045f756470 056c6f63616c 00  00ff 0001
  c00c  0021 0001 00000078 000e 0000 0000 04d2 056a75646765 c025
  c00c  0010 0001 00001194 0004 03763d31`);

test("avahi's announcement is read: reverse names, addresses and cache-flush bits", () => {
  const { response, answers } = parseMessage(AVAHI_ANNOUNCES);
  assert.ok(response && answers.every(({ flush, ttl }) => flush && ttl === 120));
  assert.deepEqual(
    answers.map(({ name, content }) => [name.labels.length, contentKey(content)]),
    [
      [34, contentKey({ kind: "PTR", target: DomainName.of("judge.local") })],
      [2, "A c0000202"],
      [6, contentKey({ kind: "PTR", target: DomainName.of("judge.local") })],
      [2, "AAAA fd000002000000000000000000000002"],
    ],
  );
});

test("avahi's probe is read, and written again in the same octets", () => {
  const { questions, authorities } = parseMessage(AVAHI_PROBES);
  assert.ok(questions[0]!.name.is(DomainName.of("HomeCA-ybsi", "_homeca._udp.local")));
  assert.deepEqual(
    authorities.map(({ content }) => content.kind),
    ["SRV", "TXT"],
  );
  assert.deepEqual(encodeMessage(parseMessage(AVAHI_PROBES)), AVAHI_PROBES);
});

test("RFC 6762 §16: names are the same whatever the case of ASCII letters, and of no others", () => {
  assert.ok(DomainName.of("_HOMECA._Udp.local").is(SERVICE));
  assert.ok(!DomainName.of("KÜCHE.local").is(DomainName.of("küche.local")));
  assert.ok(DomainName.of("KüCHE.local").is(DomainName.of("küche.local")));
});

test("a dot inside a label is no end of a label", () => {
  const one = DomainName.of("a.b", "local");
  assert.equal(one.labels.length, 2);
  assert.ok(!one.is(DomainName.of("a.b.local")));
  assert.ok(INSTANCE.isChildOf(SERVICE));
  assert.ok(!DomainName.of("x", "y", "_homeca._udp.local").isChildOf(SERVICE));
});

test("names have 63 octets a label and 255 in all, length octets and end included", () => {
  const label = "x".repeat(63);
  assert.equal(new DomainName([label, label, label, "x".repeat(61)]).key.length, 254);
  assert.throws(() => new DomainName([label, label, label, "x".repeat(62)]), RangeError);
  assert.throws(() => new DomainName(["x".repeat(64)]), RangeError);
  assert.throws(() => new DomainName(["a", ""]), RangeError);
});

test("every kind of record comes back as it was, cache-flush bit and TTL included", () => {
  const back = parseMessage(encodeMessage(EVERYTHING));
  assert.deepEqual(back, EVERYTHING);
});

test("RFC 6762 §18.14: to a resolver that knows no multicast the target of SRV is written whole", () => {
  const srv = { ...EVERYTHING, answers: [EVERYTHING.answers[3]!], additionals: [] };
  const name = { ...srv, questions: [{ name: HOST, type: 1, class: 1, unicast: false }] };
  const [short, whole] = [encodeMessage(name), encodeMessage(name, "not-in-srv")];
  assert.equal(whole.length - short.length, "HomeCA-k3ob.local".length + 2 - 2);
  assert.deepEqual(parseMessage(whole), parseMessage(short));
});

test("RFC 6763 §6.1: a TXT record without a string is one with an empty string", () => {
  const { content } = parseMessage(answer("00 0010 0001 00000078 0000")).answers[0]!;
  assert.deepEqual(content, { kind: "TXT", strings: [new Uint8Array()] });
});

test("RFC 6762 §6.1: an NSEC record of another form than one block 0 is not read as one", () => {
  const good = "00 002f 8001 00000078 0004 00 00 01 40";
  assert.deepEqual(contentKey(parseMessage(answer(good)).answers[0]!.content), "NSEC 1 ");
  for (const rdata of ["0004 00 01 01 40", "0003 00 00 00", "0007 00 00 01 40 01 01 40"]) {
    const { content } = parseMessage(answer(`00 002f 8001 00000078 ${rdata}`)).answers[0]!;
    assert.equal(content.kind, "opaque", rdata);
  }
});

test("a pointer forwards, to itself, into the header or around in a circle is refused", () => {
  for (const pointer of ["c00c", "c00e", "c000", "c00b", "ffff"]) {
    refused(question(`${pointer} 00 0c 0001 0000`), "bad-pointer");
  }
  // Two labels, each followed by a pointer to the other one's.
  refused(question("01 61 c010 01 62 c00c 000c 0001"), "bad-pointer");
});

test("a name made of pointers longer than 255 octets is refused, and so is a label type that is reserved", () => {
  const label = `3f${"61".repeat(63)}`;
  refused(question(`${label.repeat(4)} 00 000c 0001`), "long-name");
  refused(question("40 000c 0001"), "bad-label");
  refused(question("81 61 00 000c 0001"), "bad-label");
});

test(`a name of more than ${MAX_POINTERS} pointers is refused`, () => {
  const chained = (links: number): Uint8Array => {
    // An opaque record holds the chain: an end, then pointers each to the one before.
    const chain = new Uint8Array(1 + links * 2);
    const start = 12 + 11;
    for (let link = 0; link < links; link++) {
      const target = start + (link === 0 ? 0 : 1 + (link - 1) * 2);
      chain.set([0xc0 | (target >> 8), target & 255], 1 + link * 2);
    }
    const last = start + 1 + (links - 1) * 2;
    const length = [chain.length >> 8, chain.length & 255];
    const head = hex("0000 8400 0000 0002 0000 0000 00 000a 0001 00000000");
    const pointer = Uint8Array.of(0xc0 | (last >> 8), last & 255);
    return concat(head, Uint8Array.from(length), chain, pointer, hex("000a 0001 00000000 0000"));
  };
  assert.deepEqual(parseMessage(chained(MAX_POINTERS - 1)).answers[1]!.name.labels, []);
  refused(chained(MAX_POINTERS), "bad-pointer");
});

test("a place that many names point to is read once", () => {
  const pointers = "c00c 000c 0001 ".repeat(3);
  const { questions } = parseMessage(
    hex(`0000 0000 0004 0000 0000 0000 01 46 03 495349 00 000c 0001 ${pointers}`),
  );
  assert.ok(questions.every(({ name }) => name === questions[0]!.name));
});

test("contents that do not fit their type are refused", () => {
  refused(answer("00 0001 0001 00000078 0003 c00002"), "bad-record");
  refused(answer("00 001c 0001 00000078 0004 c0000201"), "bad-record");
  refused(answer("00 000c 0001 00000078 0002 01 61 00"), "bad-record");
  refused(answer("00 000c 0001 00000078 0002 00 00"), "bad-record");
  refused(answer("00 0021 0001 00000078 0005 0000 0000 16"), "bad-record");
  refused(answer("00 0010 0001 00000078 0002 05 61"), "bad-record");
});

test("RFC 6762 §18: an opcode or a response code that is not zero, trailing octets and more than 9000 are refused", () => {
  refused(hex("0000 0800 0000 0000 0000 0000"), "unexpected-code");
  refused(hex("0000 8403 0000 0000 0000 0000"), "unexpected-code");
  refused(hex("0000 0000 0000 0000 0000 0000 00"), "trailing-octets");
  refused(new Uint8Array(9001), "too-long");
});

test(`more than ${MAX_ENTRIES} questions and records are refused before any is read`, () => {
  const many = new Uint8Array(12 + 5 * MAX_ENTRIES);
  many.set([MAX_ENTRIES >> 8, MAX_ENTRIES & 255], 4);
  assert.equal(parseMessage(many).questions.length, MAX_ENTRIES);
  many[5]!++;
  refused(many, "too-many-entries");
});

test("every strict prefix of a good message is refused", () => {
  for (const good of [COMPRESSED, AVAHI_ANNOUNCES, AVAHI_PROBES, encodeMessage(EVERYTHING)]) {
    for (let length = 0; length < good.length; length++) {
      assert.throws(() => parseMessage(good.subarray(0, length)), MdnsDiscard, `${length} octets`);
    }
  }
});

test("property: any datagram is parsed or discarded, nothing else", () => {
  const header = fc
    .tuple(
      fc.constantFrom(0, 0x80),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
    )
    .map(([flags, counts]) =>
      Uint8Array.of(0, 0, flags, 0, ...counts.flatMap((count) => [0, count])),
    );
  // Octets that DNS is made of: short labels, pointers near the start, the types that are read.
  const octet = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0, 1, 12, 0xc0, 16, 33, 47),
  );
  const likely = fc
    .tuple(header, fc.array(octet, { maxLength: 120 }))
    .map(([head, body]) => concat(head, Uint8Array.from(body)));
  fc.assert(
    fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 200 })), (datagram) => {
      try {
        parseMessage(datagram);
      } catch (failure) {
        assert.ok(failure instanceof MdnsDiscard, String(failure));
      }
    }),
    { numRuns: 2000 },
  );
});

const anyName = fc
  .array(
    fc.oneof(
      fc.constantFrom("local", "_udp", "_homeca", "HomeCA-k3ob"),
      fc
        .array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 40 })
        .map((octets) => String.fromCharCode(...octets)),
    ),
    { maxLength: 5 },
  )
  .map((labels) => new DomainName(labels));
const u16 = fc.integer({ min: 0, max: 65_535 });
const anyContent: fc.Arbitrary<RecordContent> = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((address) => ({ kind: "A" as const, address })),
  fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((address) => ({ kind: "AAAA" as const, address })),
  anyName.map((target) => ({ kind: "PTR" as const, target })),
  fc.tuple(u16, u16, u16, anyName).map(([priority, weight, port, target]) => ({
    kind: "SRV" as const,
    priority,
    weight,
    port,
    target,
  })),
  fc
    .array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 4 })
    .map((strings) => ({ kind: "TXT" as const, strings })),
  fc
    .tuple(anyName, fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1 }))
    .map(([next, types]) => ({ kind: "NSEC" as const, next, types: types.sort((a, b) => a - b) })),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ kind: "opaque" as const, type: 99, bytes })),
);
const anyRecord: fc.Arbitrary<ResourceRecord> = fc
  .tuple(anyName, fc.integer({ min: 0, max: 0x7fff }), fc.boolean(), fc.nat(), anyContent)
  .map(([name, number, flush, ttl, content]) => ({ name, class: number, flush, ttl, content }));
const anyMessage: fc.Arbitrary<Message> = fc.record({
  id: u16,
  response: fc.boolean(),
  truncated: fc.boolean(),
  questions: fc.array(
    fc.record({
      name: anyName,
      type: u16,
      class: fc.integer({ min: 0, max: 0x7fff }),
      unicast: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  answers: fc.array(anyRecord, { maxLength: 5 }),
  authorities: fc.array(anyRecord, { maxLength: 3 }),
  additionals: fc.array(anyRecord, { maxLength: 3 }),
});

test("property: what is encoded is parsed to the same, with names in SRV whole or not", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      assert.deepEqual(parseMessage(encodeMessage(message)), message);
      assert.deepEqual(parseMessage(encodeMessage(message, "not-in-srv")), message);
    }),
  );
});

test("what could not be read is not written", () => {
  const record = (content: RecordContent): Message => ({
    ...NO_MESSAGE,
    answers: [internet(HOST, 1, false, content)],
  });
  const refusedBy = (message: Message): void =>
    void assert.throws(() => encodeMessage(message), RangeError);
  refusedBy(record({ kind: "NSEC", next: HOST, types: [256] }));
  refusedBy(record({ kind: "TXT", strings: [new Uint8Array(256)] }));
  refusedBy(record({ kind: "opaque", type: 10, bytes: new Uint8Array(9000) }));
  refusedBy({
    ...NO_MESSAGE,
    answers: Array.from({ length: MAX_ENTRIES + 1 }, () => EVERYTHING.answers[0]!),
  });
  assert.equal(typeOf(everyKind[6]!), 13);
});
