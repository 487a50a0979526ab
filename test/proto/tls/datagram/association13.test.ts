import { assert, providers, test } from "#kit";
import { hex, utf8 } from "../../../../src/base/bytes.ts";
import { mono } from "../../../../src/base/machine.ts";
import { encodeAck } from "../../../../src/proto/tls/datagram/ack.ts";
import { LINGER_MS } from "../../../../src/proto/tls/datagram/association.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { MAX_RECORDS_PER_TRANSMISSION } from "../../../../src/proto/tls/datagram/fragmenter.ts";
import { encodeFragment } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import { MAX_LATE_MESSAGES } from "../../../../src/proto/tls/datagram/receiving.ts";
import { INITIAL_TIMEOUT_MS } from "../../../../src/proto/tls/datagram/retransmission.ts";
import { Ends } from "./ends.ts";
import type { End, EndsOptions } from "./ends.ts";

const crypto = providers.at(-1)!;
const VERSIONS = ["TLS 1.3"] as const;
const START = mono(0);
const ACK = 26;

function pair(options: Partial<EndsOptions> = {}): Ends {
  const server = { versions: VERSIONS, ...options.server };
  return new Ends({ crypto, seed: "association13", ...options, server });
}

function met(options: Partial<EndsOptions> = {}): Ends {
  const ends = pair(options);
  assert.ok(ends.establish(), `${ends.client.failure ?? ""} ${ends.server.failure ?? ""}`);
  ends.settle(5000);
  return ends;
}

/** The low bits of the epochs of a datagram's records; 0 stands for the clear too. */
function epochs(datagram: Uint8Array): number[] {
  return cutDatagram(datagram, 0).records.map((record) =>
    record.form === "unified" ? record.epochBits : record.epoch,
  );
}

function data(end: End, text: string, ends: Ends): Uint8Array[] {
  return end.give({ kind: "send", bytes: utf8(text) }, ends.link.now);
}

const texts = ({ data: received }: End): string[] =>
  received.map((bytes) => String.fromCharCode(...bytes));

/** A KeyUpdate as a record's content. */
function keyUpdate(seq: number): Uint8Array {
  return encodeFragment({ type: 24, seq, body: Uint8Array.of(0) }, 0, 1);
}

test("RFC 9147 §8: new keys are used once their KeyUpdate is acknowledged, not before", () => {
  const ends = met();
  const { client, server, link } = ends;
  const update = client.give({ kind: "update-keys" }, link.now);
  assert.deepEqual(update.flatMap(epochs), [3]);
  const early = data(client, "old keys", ends);
  assert.deepEqual(early.flatMap(epochs), [3]);
  const answer = server.hear(update, link.now);
  // Its ACK, and its own KeyUpdate, as it was asked for one.
  assert.deepEqual(answer.flatMap(epochs), [3, 3]);
  server.hear(early, link.now);
  const acknowledged = client.hear(answer, link.now);
  const late = data(client, "new keys", ends);
  assert.deepEqual(late.flatMap(epochs), [0]);
  server.hear([...late, ...acknowledged], link.now);
  assert.deepEqual(texts(server), ["old keys", "new keys"]);
  assert.deepEqual(data(server, "x", ends).flatMap(epochs), [0]);
  assert.equal(client.association.wakeAt, null);
});

test("RFC 9147 §8: what was sent under old keys is read until well after something under new ones came", () => {
  const ends = met();
  const { client, server, link } = ends;
  const overtaken = data(client, "overtaken", ends);
  const [slow] = data(client, "slow", ends);
  const [lost] = data(client, "lost", ends);
  const update = client.give({ kind: "update-keys" }, link.now);
  const answer = server.hear(update, link.now);
  server.hear(overtaken, link.now);
  client.hear(answer, link.now);
  const { epoch } = client.channel.flights.writer;
  assert.equal(epoch, 4);
  server.hear(data(client, "under new keys", ends), link.now);
  server.hear([slow!], link.now);
  assert.deepEqual(texts(server), ["overtaken", "under new keys", "slow"]);
  server.give({ kind: "timeout" }, mono(link.now + LINGER_MS));
  server.hear([lost!], link.now);
  assert.equal(server.data.length, 3);
  assert.equal(server.association.discards["no-keys-yet"], 1);
});

test("RFC 9147 §8: a KeyUpdate whose ACK is lost is sent again, and acknowledged again", () => {
  const { client, server, link } = met();
  server.hear(client.give({ kind: "update-keys" }, link.now), link.now);
  const again = client.give({ kind: "timeout" }, client.association.wakeAt!);
  assert.deepEqual(again.flatMap(epochs), [3]);
  const acknowledgement = server.hear(again, link.now);
  assert.equal(acknowledgement.length, 1);
  client.hear(acknowledgement, link.now);
  const said = client.give({ kind: "send", bytes: utf8("x") }, link.now);
  assert.deepEqual(said.flatMap(epochs), [0]);
});

test("RFC 9147 §8: one KeyUpdate is out at a time", () => {
  const { client, link } = met();
  assert.equal(client.give({ kind: "update-keys" }, link.now).length, 1);
  assert.equal(client.give({ kind: "update-keys" }, link.now).length, 0);
});

test("a second KeyUpdate under the keys of the first is refused", () => {
  const { client, server, link } = met();
  const { flights } = client.channel;
  // The client's messages so far: hello, Finished.
  server.hear([client.forge(22, keyUpdate(2))], link.now);
  assert.equal(server.failure, null);
  server.hear([client.forge(22, keyUpdate(3))], link.now);
  assert.equal(flights.writer.epoch, 3);
  assert.equal(server.failure?.reason, "unexpected-message");
});

test("keys are changed before they have protected as many records as they may", () => {
  const ends = met({ datagrams: { maxRecordsPerKey: 40 } });
  for (let n = 0; n < 200; n++) {
    ends.fromClient({ kind: "send", bytes: utf8(`${n}`) });
    ends.fromServer({ kind: "send", bytes: utf8(`${n}`) });
    ends.settle(100);
  }
  assert.ok(!ends.failed);
  assert.equal(ends.server.data.length, 200);
  assert.equal(ends.client.data.length, 200);
  assert.ok(ends.client.channel.flights.writer.epoch > 6);
});

test("keys that cannot be changed, for nobody acknowledges it, end the association at their limit", () => {
  const { client, link } = met({ datagrams: { maxRecordsPerKey: 40 } });
  for (let n = 0; n < 40; n++) client.give({ kind: "send", bytes: utf8("x") }, link.now);
  assert.equal(client.failure?.reason, "too-many-records");
});

test("RFC 9147 §5.8.1: the client's last flight is sent until it is acknowledged, and acknowledged as often", () => {
  const { client, server } = pair({ server: { clientCertificate: "required" } });
  const flight = client.hear(server.hear(client.give({ kind: "start" }, START), START), START);
  assert.ok(client.session !== null);
  server.hear(flight, START);
  assert.ok(server.session !== null);
  // That ACK is lost; so is the next one.
  for (let n = 1; n <= 2; n++) {
    const { wakeAt } = client.association;
    const again = client.give({ kind: "timeout" }, wakeAt!);
    const answer = server.hear(again, wakeAt!);
    assert.equal(answer.length, 1);
    if (n === 2) client.hear(answer, wakeAt!);
  }
  assert.equal(client.association.wakeAt, null);
});

test("the server can read the client's last flight for as long as it may come again", () => {
  const { client, server } = pair();
  const flight = client.hear(server.hear(client.give({ kind: "start" }, START), START), START);
  server.hear(flight, START);
  assert.equal(server.association.wakeAt, LINGER_MS);
  const again = client.give({ kind: "timeout" }, mono(INITIAL_TIMEOUT_MS));
  assert.equal(server.hear(again, mono(INITIAL_TIMEOUT_MS)).length, 1);
  assert.equal(server.association.wakeAt, INITIAL_TIMEOUT_MS + LINGER_MS);
  server.give({ kind: "timeout" }, server.association.wakeAt!);
  assert.equal(server.association.wakeAt, null);
  const late = client.give({ kind: "timeout" }, client.association.wakeAt!);
  assert.equal(server.hear(late, mono(LINGER_MS * 2)).length, 0);
  assert.equal(server.association.discards["no-keys-yet"], 1);
});

test("RFC 9147 §7.1: a flight that stops halfway is acknowledged after a quarter of the timer, and only the rest comes again", () => {
  const { client, server } = pair({ certificate: new Uint8Array(5000) });
  const flight = server.hear(client.give({ kind: "start" }, START), START);
  assert.ok(flight.length >= 5);
  assert.deepEqual(client.hear(flight.slice(0, -1), START), []);
  assert.equal(client.association.wakeAt, INITIAL_TIMEOUT_MS / 4);
  const acknowledgement = client.give({ kind: "timeout" }, mono(INITIAL_TIMEOUT_MS / 4));
  assert.deepEqual(acknowledgement.flatMap(epochs), [2]);
  const rest = server.hear(acknowledgement, mono(300));
  assert.equal(rest.length, 1);
  client.hear(rest, mono(300));
  assert.ok(client.session !== null);
});

test("RFC 9147 §7.1: a gap is acknowledged at once", () => {
  const { client, server } = pair({ certificate: new Uint8Array(5000) });
  const flight = server.hear(client.give({ kind: "start" }, START), START);
  client.hear([flight[0]!], START);
  const acknowledgement = client.hear([flight[2]!], START);
  assert.deepEqual(acknowledgement.flatMap(epochs), [2]);
});

test("gathered ACKs wait for a quarter of the timer, but for the one that ends the handshake", () => {
  const datagrams = { gatherAcks: true };
  const { client, server } = pair({ certificate: new Uint8Array(5000), datagrams });
  const flight = server.hear(client.give({ kind: "start" }, START), START);
  client.hear([flight[0]!], START);
  assert.deepEqual(client.hear([flight[2]!], START), []);
  assert.equal(client.association.wakeAt, INITIAL_TIMEOUT_MS / 4);

  const ends = met({ datagrams });
  const { now } = ends.link;
  const update = ends.client.give({ kind: "update-keys" }, now);
  const own = ends.server.hear(update, now);
  // Its own KeyUpdate; the ACK comes later.
  assert.deepEqual(own.flatMap(epochs), [3]);
  const wait = INITIAL_TIMEOUT_MS / 4;
  assert.equal(ends.server.association.wakeAt, now + wait);
  assert.deepEqual(ends.server.give({ kind: "timeout" }, mono(now + wait)).flatMap(epochs), [3]);
});

test("RFC 9147 §5.8.3: a flight of many records goes out ten at a time", () => {
  const { client, server } = pair({
    certificate: new Uint8Array(6000),
    datagrams: { mtu: 300 },
  });
  const records = (datagrams: readonly Uint8Array[]): number => datagrams.flatMap(epochs).length;
  let flight = server.hear(client.give({ kind: "start" }, START), START);
  assert.equal(records(flight), MAX_RECORDS_PER_TRANSMISSION);
  let now = START;
  for (let n = 0; n < 10 && client.session === null; n++) {
    now = mono(now + INITIAL_TIMEOUT_MS / 4);
    const acknowledgement = [
      ...client.hear(flight, now),
      ...client.give({ kind: "timeout" }, mono(now + 250)),
    ];
    now = mono(now + 250);
    flight = server.hear(acknowledgement, now);
    assert.ok(records(flight) <= MAX_RECORDS_PER_TRANSMISSION + 1);
  }
  assert.ok(client.session !== null);
});

test("protected records that overtake the ServerHello are kept, and opened behind it", () => {
  const { client, server } = pair();
  const [flight] = server.hear(client.give({ kind: "start" }, START), START);
  const { records } = cutDatagram(flight!, 0);
  const [hello] = records;
  assert.ok(hello?.form === "plain");
  const helloLength = 13 + hello.fragment.length;
  client.hear([flight!.subarray(helloLength), flight!.subarray(0, helloLength)], START);
  assert.ok(client.session !== null);
});

for (const [name, content, reason] of [
  ["that is cut short", hex("0010"), "malformed-ack"],
  ["with half a number", hex("00080000000000000000"), "malformed-ack"],
] as const) {
  test(`RFC 9147 §7: an ACK ${name} is refused`, () => {
    const { client, server, link } = met();
    server.hear([client.forge(ACK, content)], link.now);
    assert.equal(server.failure?.reason, reason);
  });
}

test("RFC 9147 §7: during the handshake an ACK of a later epoch than its own is refused", () => {
  const { client, server } = pair();
  const flight = server.hear(client.give({ kind: "start" }, START), START);
  assert.ok(flight.length > 0);
  server.hear([client.forge(ACK, encodeAck([{ epoch: 2, sequence: 0 }]))], START);
  assert.equal(server.failure?.reason, "bad-ack");
});

test("an ACK of what was never sent, and an empty one, change nothing", () => {
  const ends = met();
  const { client, server, link } = ends;
  for (const numbers of [[], [{ epoch: 3, sequence: 77 }], [{ epoch: 9, sequence: 0 }]]) {
    assert.deepEqual(server.hear([client.forge(ACK, encodeAck(numbers))], link.now), []);
  }
  assert.deepEqual(ends.talk("still there"), ["still there", "STILL THERE"]);
});

test("32 messages in a row without data are borne after the handshake", () => {
  const { client, server, link } = met();
  const update = (): void => {
    const answer = server.hear(client.give({ kind: "update-keys" }, link.now), link.now);
    server.hear(client.hear(answer, link.now), link.now);
  };
  for (let n = 0; n < MAX_LATE_MESSAGES; n++) update();
  assert.equal(server.failure, null);
  assert.equal(server.channel.reading.top, 3 + MAX_LATE_MESSAGES);
  update();
  assert.equal(server.failure?.reason, "too-many-late-messages");
});
