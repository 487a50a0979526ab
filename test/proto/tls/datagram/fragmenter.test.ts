import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex } from "../../../../src/base/bytes.ts";
import { noble } from "../../../../src/base/crypto/noble.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { PlainEpochWriter } from "../../../../src/proto/tls/datagram/epoch.ts";
import type { EpochWriter } from "../../../../src/proto/tls/datagram/epoch.ts";
import { Flight, MAX_SENT_RECORDS } from "../../../../src/proto/tls/datagram/flight.ts";
import type { FlightPiece } from "../../../../src/proto/tls/datagram/flight.ts";
import {
  LEAST_ROOM,
  MAX_RECORDS_PER_TRANSMISSION,
  packFlight,
  sealDatagram,
} from "../../../../src/proto/tls/datagram/fragmenter.ts";
import type {
  PackOptions,
  PlannedDatagram,
} from "../../../../src/proto/tls/datagram/fragmenter.ts";
import { parseFragments } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import { Reassembler } from "../../../../src/proto/tls/datagram/reassembly.ts";
import { EpochWriter13 } from "../../../../src/proto/tls/datagram/record13.ts";
import { SUITES_13 } from "../../../../src/proto/tls/suites.ts";
import { ContentType } from "../../../../src/proto/tls/wire.ts";

const SUITE = SUITES_13.TLS_AES_128_GCM_SHA256;
/** Octets around the content of a record in the clear, and of one under AES-128-GCM. */
const overhead = (epoch: number): number => (epoch === 0 ? 13 : 22);

function piece(seq: number, length: number, epoch = 0): FlightPiece {
  const body = Uint8Array.from({ length }, (_, at) => (at * 11 + seq) % 256);
  return { kind: "message", epoch, message: { type: 11, seq, body } };
}

const CHANGE_CIPHER_SPEC: FlightPiece = {
  kind: "record",
  epoch: 0,
  type: ContentType.changeCipherSpec,
  content: hex("01"),
};

function pack(flight: Flight, mtu: number, more: Partial<PackOptions> = {}): PlannedDatagram[] {
  return packFlight(flight, { mtu, overhead, maxRecords: null, ...more });
}

function octetsOf(datagram: PlannedDatagram): number {
  return datagram.reduce((sum, { epoch, content }) => sum + overhead(epoch) + content.length, 0);
}

/** Type and content length of each record. */
function shape(datagrams: readonly PlannedDatagram[]): string[] {
  return datagrams.map((records) =>
    records.map(({ epoch, type, content }) => `${epoch}:${type}:${content.length}`).join(" "),
  );
}

/** The epochs' writers, made when they are first asked for. */
function writers(): (epoch: number) => EpochWriter {
  const keys = {
    key: new Uint8Array(16),
    iv: new Uint8Array(12),
    recordNumberKey: new Uint8Array(16),
  };
  const made = new Map<number, EpochWriter>([[0, new PlainEpochWriter()]]);
  return (epoch) => {
    const known = made.get(epoch) ?? new EpochWriter13(noble, { suite: SUITE, keys, epoch });
    made.set(epoch, known);
    return known;
  };
}

test("in the clear each message has a record of its own, and a datagram as many as fit", () => {
  const flight = new Flight([piece(0, 20), piece(1, 0), CHANGE_CIPHER_SPEC, piece(2, 30, 1)]);
  assert.deepEqual(shape(pack(flight, 200)), ["0:22:32 0:22:12 0:20:1 1:22:42"]);
});

test("under keys messages of one epoch share a record", () => {
  const flight = new Flight([
    piece(0, 40),
    piece(1, 20, 2),
    piece(2, 0, 2),
    piece(3, 30, 2),
    piece(4, 5, 3),
  ]);
  assert.deepEqual(shape(pack(flight, 300)), ["0:22:52 2:22:86 3:22:17"]);
});

test("RFC 6347 §4.2.3: a message is cut where the datagram ends, and the rest begins the next one", () => {
  const flight = new Flight([piece(0, 100), piece(1, 400, 2), piece(2, 10, 2)]);
  const datagrams = pack(flight, 200);
  assert.deepEqual(shape(datagrams), ["0:22:112 2:22:53", "2:22:178", "2:22:178", "2:22:61"]);
  assert.deepEqual(datagrams[1]![0]!.carries, [{ piece: 1, from: 41, to: 207 }]);
  assert.deepEqual(datagrams[3]![0]!.carries, [
    { piece: 1, from: 373, to: 400 },
    { piece: 2, from: 0, to: 10 },
  ]);
});

test("a header without octets is never sent, but for a message that has none", () => {
  // 13 + 12 + 62 octets leave 13: one too few for another record header, fragment header and octet.
  for (const left of [12, 24, 25]) {
    const flight = new Flight([piece(0, 62), piece(1, 5)]);
    assert.deepEqual(shape(pack(flight, 87 + left)), ["0:22:74", "0:22:17"], `${left} left`);
  }
  const justFits = pack(new Flight([piece(0, 62), piece(1, 5)]), 87 + 26);
  assert.deepEqual(shape(justFits), ["0:22:74 0:22:13", "0:22:16"]);
  assert.deepEqual(shape(pack(new Flight([piece(0, 62), piece(1, 0)]), 87 + 25)), [
    "0:22:74 0:22:12",
  ]);
});

test("RFC 8449 §4: no record has more plaintext than the peer takes", () => {
  const datagrams = pack(new Flight([piece(0, 150, 2)]), 400, { maxPlaintext: 64 });
  assert.deepEqual(shape(datagrams), ["2:22:64 2:22:64 2:22:58"]);
});

test("where a long connection id leaves no room, datagrams get longer than the path rather than endless", () => {
  const datagrams = pack(new Flight([piece(0, 100, 2)]), 100, { overhead: () => 290 });
  assert.deepEqual(shape(datagrams), [
    `2:22:${LEAST_ROOM}`,
    `2:22:${LEAST_ROOM}`,
    `2:22:${LEAST_ROOM}`,
    "2:22:16",
  ]);
});

test("RFC 9147 §5.8.3: at most ten records in one transmission; the rest comes once these are acknowledged", () => {
  const flight = new Flight([piece(0, 1600, 2)]);
  const writerOf = writers();
  const first = pack(flight, 134, { maxRecords: MAX_RECORDS_PER_TRANSMISSION });
  assert.equal(first.flat().length, 10);
  for (const datagram of first) sealDatagram(datagram, flight, writerOf);
  flight.acknowledge(first.map((_, sequence) => ({ epoch: 2, sequence })));
  const second = pack(flight, 134, { maxRecords: MAX_RECORDS_PER_TRANSMISSION });
  assert.deepEqual(shape(second).length, 6);
  assert.deepEqual(second[0]![0]!.carries, [{ piece: 0, from: 1000, to: 1100 }]);
});

test("sealed datagrams are as long as planned, and what came back by ACK is not sent again", () => {
  const flight = new Flight([piece(0, 100), piece(1, 300, 2), piece(2, 0, 2)]);
  const writerOf = writers();
  const planned = pack(flight, 200);
  const sealed = planned.map((datagram) => sealDatagram(datagram, flight, writerOf));
  assert.deepEqual(
    sealed.map(({ length }) => length),
    planned.map(octetsOf),
  );
  assert.ok(!flight.acknowledged && !flight.partlyAcknowledged);

  assert.ok(
    flight.acknowledge([
      { epoch: 2, sequence: 0 },
      { epoch: 0, sequence: 0 },
    ]),
  );
  assert.ok(flight.partlyAcknowledged);
  assert.deepEqual(flight.remaining(0), []);
  assert.deepEqual(flight.remaining(1), [{ piece: 1, from: 41, to: 300 }]);
  assert.deepEqual(flight.remaining(2), [{ piece: 2, from: 0, to: 0 }]);
  assert.ok(
    !flight.acknowledge([
      { epoch: 2, sequence: 0 },
      { epoch: 7, sequence: 9 },
    ]),
    "nothing new",
  );

  // Sent again in other pieces: an ACK for a record of either transmission counts.
  for (const datagram of pack(flight, 120)) sealDatagram(datagram, flight, writerOf);
  assert.ok(flight.acknowledge([{ epoch: 2, sequence: 2 }]));
  const rest = flight.remaining(1);
  assert.deepEqual(rest, [{ piece: 1, from: 41, to: 207 }]);
  assert.deepEqual(flight.remaining(2), []);
  assert.ok(flight.acknowledge([{ epoch: 2, sequence: 1 }]));
  assert.ok(flight.acknowledged);
  assert.deepEqual(pack(flight, 200), []);
});

test("a flight remembers so many records and forgets the oldest", () => {
  const flight = new Flight([piece(0, 10, 2)]);
  const carries = [{ piece: 0, from: 0, to: 10 }];
  for (let sequence = 0; sequence <= MAX_SENT_RECORDS; sequence++)
    flight.recordSent({ epoch: 2, sequence }, carries);
  assert.ok(!flight.acknowledge([{ epoch: 2, sequence: 0 }]));
  assert.ok(flight.acknowledge([{ epoch: 2, sequence: 1 }]));
  assert.ok(flight.acknowledged);
});

test("a ChangeCipherSpec goes out each time and waits for no ACK", () => {
  const flight = new Flight([piece(0, 10), CHANGE_CIPHER_SPEC]);
  flight.recordSent({ epoch: 0, sequence: 0 }, [{ piece: 0, from: 0, to: 10 }]);
  flight.acknowledge([{ epoch: 0, sequence: 0 }]);
  assert.ok(flight.acknowledged);
  assert.deepEqual(shape(pack(flight, 200)), ["0:20:1"]);
});

test("property: whatever the path, every datagram fits it, is filled, and the messages come out whole", () => {
  const messages = fc.array(fc.tuple(fc.nat(500), fc.boolean()), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(
      messages,
      fc.integer({ min: 80, max: 700 }),
      fc.integer({ min: 64, max: 400 }),
      (lengths, mtu, maxPlaintext) => {
        const pieces = lengths.map(([length, keyed], seq) => piece(seq, length, keyed ? 2 : 0));
        const datagrams = pack(new Flight(pieces), mtu, { maxPlaintext });
        const reassembler = new Reassembler(500);
        for (const [index, datagram] of datagrams.entries()) {
          assert.ok(octetsOf(datagram) <= mtu);
          const next = datagrams[index + 1]?.[0];
          if (next !== undefined)
            assert.ok(octetsOf(datagram) + overhead(next.epoch) + 13 > mtu, "room was left");
          for (const { epoch, content } of datagram) {
            assert.ok(content.length <= maxPlaintext);
            if (epoch === 0) assert.equal(parseFragments(content).length, 1);
            assert.ok(reassembler.push(epoch, content).acknowledgeable);
          }
        }
        for (const sent of pieces) {
          assert.ok(sent.kind === "message");
          assert.deepEqual(reassembler.next(), { ...sent.message, epoch: sent.epoch });
        }
      },
    ),
  );
});

test("property: however records are lost and acknowledged, the rest is what the peer lacks", () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 90, max: 400 }),
      (arrives, mtu) => {
        const pieces = [piece(0, 90), piece(1, 300, 2), piece(2, 0, 2), piece(3, 77, 2)];
        const flight = new Flight(pieces);
        const reassembler = new Reassembler(500);
        const writerOf = writers();
        let sent = 0;
        while (!flight.acknowledged) {
          if (++sent > 60) return;
          for (const datagram of pack(flight, mtu - sent)) {
            const octets = sealDatagram(datagram, flight, writerOf);
            assert.equal(cutDatagram(octets, 0).records.length, datagram.length);
            if (!arrives.next().value) continue;
            for (const { epoch, content } of datagram) reassembler.push(epoch, content);
            const last = (epoch: number): number =>
              writerOf(epoch).seal(ContentType.alert, concat()).number.sequence - 1;
            const numbers = new Set(datagram.map(({ epoch }) => epoch));
            flight.acknowledge([...numbers].map((epoch) => ({ epoch, sequence: last(epoch) })));
          }
        }
        for (const { kind } of pieces) assert.ok(kind === "message" && reassembler.next() !== null);
      },
    ),
    { numRuns: 30 },
  );
});
