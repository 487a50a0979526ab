import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../../src/base/bytes.ts";
import {
  encodeAck,
  MAX_ACKNOWLEDGED,
  parseAck,
  ReceivedRecords,
} from "../../../../src/proto/tls/datagram/ack.ts";
import { MAX_SEQUENCE } from "../../../../src/proto/tls/datagram/wire.ts";
import type { RecordNumber } from "../../../../src/proto/tls/datagram/wire.ts";

const record = (epoch: number, sequence: number): RecordNumber => ({ epoch, sequence });

function numbersOf(body: Uint8Array, epoch = 0xffff): RecordNumber[] {
  const numbers = parseAck(body, epoch);
  if (typeof numbers === "string") assert.fail(numbers);
  return numbers;
}

test("RFC 9147 §7: an ACK is a list of epochs and numbers of 64 bits each, in ascending order", () => {
  const body = encodeAck([record(3, 0), record(2, MAX_SEQUENCE), record(2, 5)]);
  assert.deepEqual(
    body,
    hex(`0030
      0000000000000002 0000000000000005
      0000000000000002 0000ffffffffffff
      0000000000000003 0000000000000000`),
  );
  assert.deepEqual(numbersOf(body), [record(2, 5), record(2, MAX_SEQUENCE), record(3, 0)]);
  assert.deepEqual(parseAck(hex("0000"), 0), []);
});

test("every strict prefix of an ACK, a broken number and trailing octets are malformed", () => {
  const body = encodeAck([record(2, 5), record(3, 1)]);
  for (let length = 0; length < body.length; length++) {
    assert.equal(parseAck(body.subarray(0, length), 3), "malformed", `${length} octets`);
  }
  assert.equal(parseAck(hex("0001 00"), 3), "malformed");
  assert.equal(parseAck(hex("0000 00"), 3), "malformed");
});

test("RFC 9147 §7: during the handshake an ACK that names an epoch beyond its own is a fault, however large the epoch", () => {
  const body = encodeAck([record(2, 5), record(3, 1)]);
  assert.equal(parseAck(body, 2), "future-epoch");
  assert.equal(numbersOf(body, 3).length, 2);
  assert.equal(parseAck(hex("0010 8000000000000002 0000000000000000"), 2), "future-epoch");
});

test("behind the handshake an ACK names epochs beyond its own: the keys of the directions change apart", () => {
  const received = new ReceivedRecords();
  received.add(record(5, 1));
  const body = received.encode(3, 1000);
  assert.deepEqual(numbersOf(body, 3), [record(5, 1)]);
});

test("received records are named once, none of an epoch beyond the ACK's, the latest where room is short", () => {
  const received = new ReceivedRecords();
  assert.ok(received.isEmpty);
  for (const each of [record(0, 4), record(2, 1), record(2, 0), record(2, 1), record(3, 7)])
    received.add(each);
  assert.deepEqual(numbersOf(received.encode(3, 1000)), [
    record(0, 4),
    record(2, 0),
    record(2, 1),
    record(3, 7),
  ]);
  assert.deepEqual(numbersOf(received.encode(2, 1000), 2), [
    record(0, 4),
    record(2, 0),
    record(2, 1),
  ]);
  assert.deepEqual(numbersOf(received.encode(3, 2 + 16 * 2 + 15)), [record(2, 0), record(3, 7)]);
  assert.deepEqual(received.encode(3, 17), hex("0000"));
  received.clear();
  assert.ok(received.isEmpty);
});

test("so many records are remembered, and then the oldest are forgotten", () => {
  const received = new ReceivedRecords();
  for (let sequence = 0; sequence <= MAX_ACKNOWLEDGED; sequence++)
    received.add(record(2, sequence));
  const numbers = numbersOf(received.encode(2, 10_000));
  assert.equal(numbers.length, MAX_ACKNOWLEDGED);
  assert.deepEqual(numbers[0], record(2, 1));
});

test("property: any octets are an ACK or a fault, and what was written is read", () => {
  const number = fc
    .tuple(fc.nat(0xffff), fc.maxSafeNat())
    .map(([epoch, sequence]) => record(epoch, sequence));
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(5),
      fc.array(number, { maxLength: 10 }),
      (octets, epoch, numbers) => {
        const parsed = parseAck(octets, epoch);
        if (typeof parsed !== "string")
          assert.ok(epoch >= 3 || parsed.every((each) => each.epoch <= epoch));
        const ascending = numbers.toSorted((a, b) => a.epoch - b.epoch || a.sequence - b.sequence);
        assert.deepEqual(numbersOf(encodeAck(numbers)), ascending);
      },
    ),
  );
});
