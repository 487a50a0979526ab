import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../../src/base/bytes.ts";
import { mono } from "../../../../src/base/machine.ts";
import { LINGER_MS } from "../../../../src/proto/tls/datagram/association.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { plainRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import { encodeFragment } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import { MAX_HELD_RECORDS } from "../../../../src/proto/tls/datagram/reading.ts";
import { MAX_EARLY_RECORDS } from "../../../../src/proto/tls/datagram/receiving.ts";
import { INITIAL_TIMEOUT_MS } from "../../../../src/proto/tls/datagram/retransmission.ts";
import { DTLS_1_2 } from "../../../../src/proto/tls/datagram/wire.ts";
import { Ends } from "./ends.ts";
import type { End } from "./ends.ts";

const crypto = providers.at(-1)!;
const START = mono(0);
const CCS = 20;
const HANDSHAKE = 22;

interface Halfway {
  readonly client: End;
  readonly server: End;
  /** The client's last flight, record by record: key exchange, ChangeCipherSpec, Finished. */
  readonly flight: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/** Up to the client's last flight, which has not been given to the server. */
function halfway(): Halfway {
  const ends = new Ends({ crypto, seed: "association12", server: { versions: ["TLS 1.2"] } });
  const { client, server } = ends;
  const flight = client.hear(server.hear(client.give({ kind: "start" }, START), START), START);
  const [keyExchange, changeCipherSpec, finished, ...more] = records(concat(...flight));
  assert.equal(more.length, 0);
  return { client, server, flight: [keyExchange!, changeCipherSpec!, finished!] };
}

/** Each record of a datagram as a datagram of its own. */
function records(datagram: Uint8Array): Uint8Array[] {
  let at = 0;
  return cutDatagram(datagram, 0).records.map((record) => {
    assert.ok(record.form === "plain");
    const from = at;
    at += 13 + record.fragment.length;
    return datagram.slice(from, at);
  });
}

const texts = ({ data }: End): string[] => data.map((bytes) => String.fromCharCode(...bytes));

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

for (const order of ORDERS) {
  test(`RFC 6347 §4.2.4: the client's last flight in the order ${order.join(" ")} is taken as it was sent`, () => {
    const { client, server, flight } = halfway();
    const answer = server.hear(
      order.map((at) => flight[at]),
      START,
    );
    client.hear(answer, START);
    assert.ok(server.session !== null && client.session !== null);
    assert.deepEqual(server.association.discards, {});
  });
}

test("the last flight is kept, and sent again when the peer repeats its own", () => {
  const { client, server, flight } = halfway();
  assert.equal(server.hear(flight, START).length, 1);
  assert.equal(server.association.wakeAt, LINGER_MS, "nothing is sent by itself");
  const now = mono(INITIAL_TIMEOUT_MS);
  const again = server.hear(client.give({ kind: "timeout" }, now), now);
  assert.equal(again.length, 1);
  client.hear(again, now);
  assert.ok(client.session !== null);
  assert.equal(client.association.wakeAt, null);
});

test("after its time the last flight is forgotten", () => {
  const { client, server, flight } = halfway();
  server.hear(flight, START);
  assert.deepEqual(server.give({ kind: "timeout" }, mono(LINGER_MS)), []);
  assert.equal(server.association.wakeAt, null);
  const now = mono(LINGER_MS + 1);
  assert.deepEqual(server.hear(client.give({ kind: "timeout" }, now), now), []);
});

test("RFC 6347 §4.2.4: the server's flight is sent again when the hello comes again, but not for the network's doubling", () => {
  const ends = new Ends({ crypto, seed: "again", server: { versions: ["TLS 1.2"] } });
  const hello = ends.client.give({ kind: "start" }, START);
  const flight = ends.server.hear(hello, START);
  assert.equal(flight.length, 1);
  assert.deepEqual(ends.server.hear(hello, mono(10)), []);
  const late = mono(INITIAL_TIMEOUT_MS - 1);
  assert.equal(ends.server.hear(hello, late).length, 1);
  assert.equal(ends.server.association.wakeAt, late + INITIAL_TIMEOUT_MS, "the wait begins anew");
});

test("data that overtakes Finished is kept, up to a bound, and delivered behind it", () => {
  const { client, server, flight } = halfway();
  const answer = server.hear(flight, START);
  const said: Uint8Array[] = [];
  for (let n = 0; n <= MAX_EARLY_RECORDS; n++) {
    said.push(...server.give({ kind: "send", bytes: utf8(`${n}`) }, START));
  }
  const [changeCipherSpec, finished] = records(answer[0]!);
  client.hear([changeCipherSpec!, ...said], START);
  assert.deepEqual(client.data, []);
  assert.equal(client.association.discards["data-too-early"], 1);
  client.hear([finished!], START);
  assert.ok(client.session !== null);
  assert.deepEqual(texts(client), ["0", "1", "2", "3", "4", "5", "6", "7"]);
});

test("records that overtake the change of keys are kept, up to a bound", () => {
  const { client, server, flight } = halfway();
  const answer = server.hear(flight, START);
  const [changeCipherSpec, finished] = records(answer[0]!);
  const said: Uint8Array[] = [];
  for (let n = 1; n <= MAX_HELD_RECORDS; n++) {
    said.push(...server.give({ kind: "send", bytes: utf8("x") }, START));
  }
  client.hear([finished!, ...said], START);
  assert.equal(client.association.discards["no-keys-yet"], 1);
  client.hear([changeCipherSpec!], START);
  assert.ok(client.session !== null);
  assert.equal(client.data.length, MAX_HELD_RECORDS - 1);
});

for (const [name, content] of [
  ["of another value", "02"],
  ["of two octets", "0101"],
  ["without any", ""],
] as const) {
  test(`RFC 5246 §7.1: a ChangeCipherSpec ${name} is refused`, () => {
    const { server } = halfway();
    server.hear([clear(CCS, hex(content))], START);
    assert.equal(server.failure?.reason, "malformed-change-cipher-spec");
  });
}

test("a ChangeCipherSpec under keys is refused, one that comes again in the clear is not", () => {
  const { client, server, flight } = halfway();
  client.hear(server.hear([...flight, flight[1]], START), START);
  assert.equal(server.failure, null);
  server.hear([client.forge(CCS, hex("01"))], START);
  assert.equal(server.failure?.reason, "unexpected-change-cipher-spec");
});

test("Finished without a ChangeCipherSpec is never opened", () => {
  const { server, flight } = halfway();
  server.hear([flight[0], flight[2]], START);
  assert.equal(server.session, null);
  assert.equal(server.failure, null);
});

for (const [name, octets, reason] of [
  ["whole", 12, "unexpected-message"],
  ["half", 6, "excess-message"],
] as const) {
  test(`a ${name} message in the clear where the ChangeCipherSpec belongs is refused`, () => {
    const { server, flight } = halfway();
    const finished = encodeFragment({ type: 20, seq: 2, body: new Uint8Array(12) }, 0, octets);
    server.hear([clear(HANDSHAKE, finished), ...flight], START);
    assert.equal(server.session, null);
    assert.equal(server.failure?.reason, reason);
    assert.equal(server.failure?.alert, "unexpected_message");
  });
}

test("RFC 6347 §4.2.3: fragments that contradict each other end a handshake", () => {
  const { server } = halfway();
  const message = { type: 16, seq: 1, body: new Uint8Array(33) };
  server.hear([clear(HANDSHAKE, encodeFragment(message, 0, 10))], START);
  const other = { ...message, body: new Uint8Array(34) };
  server.hear([clear(HANDSHAKE, encodeFragment(other, 10, 20))], START);
  assert.equal(server.failure?.reason, "fragment-mismatch");
  assert.equal(server.failure?.alert, "illegal_parameter");
});

test("application data in the clear is dropped", () => {
  const { client, server, flight } = halfway();
  server.hear([clear(23, utf8("x"))], START);
  assert.equal(server.association.discards["unexpected-record"], 1);
  client.hear(server.hear(flight, START), START);
  assert.deepEqual(server.data, []);
  assert.ok(client.session !== null);
});

test("an ACK means nothing in DTLS 1.2", () => {
  const { server } = halfway();
  assert.deepEqual(server.hear([clear(26, hex("0000"))], START), []);
  assert.equal(server.association.discards["unexpected-record"], 1);
});

function clear(type: number, content: Uint8Array): Uint8Array {
  return plainRecord(type, DTLS_1_2, { epoch: 0, sequence: 1000 }, content);
}
