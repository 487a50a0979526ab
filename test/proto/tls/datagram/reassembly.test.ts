import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex } from "../../../../src/base/bytes.ts";
import type { DatagramDiscard } from "../../../../src/proto/tls/datagram/discard.ts";
import {
  encodeFragment,
  parseFragments,
  transcriptForm12,
  transcriptForm13,
} from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import type { DatagramMessage } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import {
  MAX_MESSAGES_HELD,
  MAX_OCTETS_AHEAD,
  Reassembler,
} from "../../../../src/proto/tls/datagram/reassembly.ts";
import type { ReassembledMessage } from "../../../../src/proto/tls/datagram/reassembly.ts";

const MAX_BODY = 2 ** 14;

function message(seq: number, length: number, type = 11): DatagramMessage {
  return { type, seq, body: Uint8Array.from({ length }, (_, at) => (at * 7 + seq) % 256) };
}

function whole(sent: DatagramMessage): Uint8Array {
  return encodeFragment(sent, 0, sent.body.length);
}

function taking(reassembler: Reassembler): ReassembledMessage[] {
  const messages: ReassembledMessage[] = [];
  for (let next = reassembler.next(); next !== null; next = reassembler.next()) messages.push(next);
  return messages;
}

function discardsOf(
  reassembler: Reassembler,
  content: Uint8Array,
  epoch = 0,
): readonly DatagramDiscard[] {
  const { acknowledgeable, discards } = reassembler.push(epoch, content);
  assert.equal(acknowledgeable, discards.length === 0);
  return discards;
}

test("a fragment is its message's header, its place and its octets (RFC 6347 §4.2.2)", () => {
  const sent = { type: 11, seq: 0x0102, body: hex("a0a1a2a3a4") };
  const fragment = encodeFragment(sent, 1, 4);
  assert.deepEqual(fragment, hex("0b 000005 0102 000001 000003 a1a2a3"));
  assert.deepEqual(parseFragments(fragment), [
    { type: 11, seq: 0x0102, length: 5, offset: 1, bytes: hex("a1a2a3") },
  ]);
});

test("the transcript of DTLS 1.2 has the message unfragmented, that of DTLS 1.3 as TLS has it", () => {
  const sent = { type: 11, seq: 3, body: hex("a0a1") };
  assert.deepEqual(transcriptForm12(sent), hex("0b 000002 0003 000000 000002 a0a1"));
  assert.deepEqual(transcriptForm13(sent), hex("0b 000002 a0a1"));
});

test("messages go out in the order of message_seq, whatever order they come in", () => {
  const reassembler = new Reassembler(MAX_BODY);
  const [first, second, empty] = [message(0, 50), message(1, 20), message(2, 0, 14)];
  assert.equal(reassembler.push(0, whole(empty)).outOfOrder, true);
  assert.equal(reassembler.push(0, encodeFragment(second, 10, 20)).outOfOrder, true);
  assert.deepEqual(taking(reassembler), []);
  assert.ok(reassembler.pending);
  const taken = reassembler.push(0, concat(whole(first), encodeFragment(second, 0, 10)));
  assert.deepEqual(taken, {
    acknowledgeable: true,
    progressed: true,
    outOfOrder: false,
    repeated: null,
    discards: [],
  });
  const out = [first, second, empty].map((sent) => ({ ...sent, epoch: 0 }));
  assert.deepEqual(taking(reassembler), out);
  assert.equal(reassembler.nextSeq, 3);
  assert.ok(!reassembler.pending);
});

test("RFC 9147 §5.5: fragments may overlap, repeat and be cut differently the second time", () => {
  const sent = message(0, 100);
  const reassembler = new Reassembler(MAX_BODY);
  for (const [from, to] of [
    [10, 40],
    [30, 60],
    [0, 0],
    [10, 40],
    [55, 100],
  ] as const) {
    assert.ok(reassembler.push(0, encodeFragment(sent, from, to)).acknowledgeable);
    assert.equal(reassembler.next(), null);
  }
  assert.equal(reassembler.push(0, encodeFragment(sent, 20, 50)).progressed, false);
  assert.equal(reassembler.push(0, encodeFragment(sent, 0, 12)).progressed, true);
  assert.deepEqual(reassembler.next()?.body, sent.body);
});

test("a message that went out is told as repeated, and may be acknowledged again", () => {
  const reassembler = new Reassembler(MAX_BODY, 4);
  reassembler.push(0, concat(whole(message(4, 3)), whole(message(5, 3))));
  taking(reassembler);
  const again = reassembler.push(
    0,
    concat(whole(message(3, 9)), whole(message(5, 3)), whole(message(4, 3))),
  );
  assert.deepEqual(again, {
    acknowledgeable: true,
    progressed: false,
    outOfOrder: false,
    repeated: 5,
    discards: [],
  });
});

test("a message that went out is repeated once its end comes again, however many pieces it is in", () => {
  const sent = message(0, 10);
  const reassembler = new Reassembler(MAX_BODY);
  reassembler.push(0, whole(sent));
  taking(reassembler);
  const pieces = [0, 2, 4, 6, 8].map((from) => encodeFragment(sent, from, from + 2));
  const told = pieces.map((piece) => reassembler.push(0, piece).repeated);
  assert.deepEqual(told, [null, null, null, null, 0]);
});

test("§3.5: fragments whose type, length or octets disagree are dropped, and the message can still become whole", () => {
  const sent = message(0, 20);
  const reassembler = new Reassembler(MAX_BODY);
  reassembler.push(0, encodeFragment(sent, 0, 10));
  const otherOctets = { ...sent, body: sent.body.map((octet) => octet ^ 1) };
  for (const other of [{ ...sent, type: 12 }, message(0, 21), message(0, 19), otherOctets]) {
    const content = encodeFragment(other, 5, 15);
    assert.deepEqual(discardsOf(reassembler, content), ["fragment-contradicts"]);
  }
  reassembler.push(0, encodeFragment(sent, 10, 20));
  assert.deepEqual(discardsOf(reassembler, encodeFragment(otherOctets, 3, 4)), [
    "fragment-contradicts",
  ]);
  assert.deepEqual(reassembler.next()?.body, sent.body);
});

test("§3.5: a fragment past the end of its message, cut short or absent costs the record", () => {
  const good = whole(message(0, 4));
  const cases: readonly (readonly [Uint8Array, DatagramDiscard])[] = [
    [hex("0b 000004 0000 000002 000003 a0a1a2"), "fragment-past-end"],
    [hex("0b 000004 0000 ffffff 000000"), "fragment-past-end"],
    [hex(""), "empty-handshake-record"],
    [concat(good, good.subarray(0, 5)), "fragment-cut-short"],
  ];
  for (const [content, reason] of cases) {
    const reassembler = new Reassembler(MAX_BODY);
    assert.deepEqual(discardsOf(reassembler, content), [reason]);
    assert.ok(!reassembler.pending);
  }
  for (let length = 1; length < good.length; length++) {
    assert.equal(
      parseFragments(good.subarray(0, length)),
      "fragment-cut-short",
      `${length} octets`,
    );
  }
});

test("a message longer than the bound is refused by its first fragment", () => {
  const reassembler = new Reassembler(100);
  assert.deepEqual(discardsOf(reassembler, encodeFragment(message(0, 101), 0, 1)), [
    "message-too-long",
  ]);
  assert.deepEqual(discardsOf(reassembler, encodeFragment(message(0, 100), 0, 1)), []);
});

test("as many messages are held as a flight has, the next one included", () => {
  const reassembler = new Reassembler(MAX_BODY);
  const last = MAX_MESSAGES_HELD - 1;
  assert.deepEqual(discardsOf(reassembler, whole(message(last + 1, 5))), ["message-too-far-ahead"]);
  assert.deepEqual(discardsOf(reassembler, whole(message(last, 5))), []);
  reassembler.push(0, whole(message(0, 5)));
  taking(reassembler);
  assert.deepEqual(discardsOf(reassembler, whole(message(last + 1, 5))), []);
});

test("octets ahead have a bound, and the next message always finds room", () => {
  const reassembler = new Reassembler(MAX_BODY);
  let ahead = 0;
  for (let seq = 1; ahead + MAX_BODY <= MAX_OCTETS_AHEAD; seq++, ahead += MAX_BODY) {
    assert.deepEqual(discardsOf(reassembler, encodeFragment(message(seq, MAX_BODY), 0, 1)), []);
  }
  const tooMuch = encodeFragment(message(5, MAX_OCTETS_AHEAD - ahead + 1), 0, 1);
  assert.deepEqual(discardsOf(reassembler, tooMuch), ["too-many-octets-ahead"]);
  assert.deepEqual(discardsOf(reassembler, encodeFragment(message(0, MAX_BODY), 0, 1)), []);
  assert.equal(reassembler.octetsHeld, ahead + MAX_BODY);
  const underKeys = encodeFragment(message(1, MAX_BODY), 0, 1);
  assert.deepEqual(discardsOf(reassembler, underKeys, 2), [], "it takes the place of its like");
  reassembler.clear();
  assert.equal(reassembler.octetsHeld, 0);
});

test("a later epoch drives out what an earlier one left, and not the other way", () => {
  const reassembler = new Reassembler(MAX_BODY);
  reassembler.push(0, encodeFragment(message(0, 20, 99), 0, 10));
  assert.deepEqual(discardsOf(reassembler, encodeFragment(message(0, 30), 0, 15), 2), []);
  assert.deepEqual(discardsOf(reassembler, encodeFragment(message(0, 30), 15, 30), 0), [
    "fragment-of-older-epoch",
  ]);
  reassembler.push(2, encodeFragment(message(0, 30), 15, 30));
  assert.deepEqual(reassembler.next(), { ...message(0, 30), epoch: 2 });
});

test("once an epoch is required, nothing of earlier ones is held or taken", () => {
  const reassembler = new Reassembler(MAX_BODY);
  reassembler.push(0, whole(message(1, 20)));
  reassembler.push(2, whole(message(2, 20)));
  reassembler.requireEpoch(2);
  assert.deepEqual(discardsOf(reassembler, whole(message(0, 20)), 0), ["fragment-of-older-epoch"]);
  reassembler.push(2, concat(whole(message(0, 10)), whole(message(1, 10))));
  assert.deepEqual(
    taking(reassembler).map(({ seq, epoch, body }) => [seq, epoch, body.length]),
    [
      [0, 2, 10],
      [1, 2, 10],
      [2, 2, 20],
    ],
  );
  reassembler.requireEpoch(1);
  assert.deepEqual(discardsOf(reassembler, whole(message(3, 20)), 1), ["fragment-of-older-epoch"]);
});

test("property: messages cut anyhow and delivered in any order, some twice, come out as they were", () => {
  const piece = fc.record({
    seq: fc.nat(3),
    from: fc.nat(60),
    length: fc.integer({ min: 1, max: 40 }),
  });
  const flight = [message(0, 60), message(1, 0), message(2, 1), message(3, 37)];
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, backwards) => {
      const reassembler = new Reassembler(MAX_BODY);
      const out: ReassembledMessage[] = [];
      const rest = flight.map((sent) => whole(sent));
      const contents = pieces.map(({ seq, from, length }) => {
        const sent = flight[seq]!;
        const start = Math.min(from, sent.body.length);
        return encodeFragment(sent, start, Math.min(start + length, sent.body.length));
      });
      for (const content of [...contents, ...(backwards ? rest.toReversed() : rest)]) {
        assert.deepEqual(discardsOf(reassembler, content), []);
        out.push(...taking(reassembler));
      }
      assert.deepEqual(
        out,
        flight.map((sent) => ({ ...sent, epoch: 0 })),
      );
    }),
  );
});

test("property: any content is taken or dropped, and the bounds hold", () => {
  const header = fc.tuple(
    fc.nat(3),
    fc.nat(300),
    fc.nat(9),
    fc.nat(300),
    fc.uint8Array({ maxLength: 20 }),
  );
  const likely = header.map(([type, length, seq, offset, bytes]) =>
    concat(
      Uint8Array.of(type, 0, length >> 8, length & 255, 0, seq),
      Uint8Array.of(0, offset >> 8, offset & 255, 0, 0, bytes.length),
      bytes,
    ),
  );
  const content = fc.oneof(fc.uint8Array({ maxLength: 60 }), likely);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), content), { maxLength: 20 }), (records) => {
      const reassembler = new Reassembler(200);
      for (const [epoch, bytes] of records) {
        discardsOf(reassembler, bytes, epoch);
        taking(reassembler);
        assert.ok(reassembler.octetsHeld <= 200 * MAX_MESSAGES_HELD);
      }
    }),
  );
});
