import fc from "fast-check";
import { assert, test } from "#kit";
import { concat } from "../../../../src/base/bytes.ts";
import { mono } from "../../../../src/base/machine.ts";
import {
  DEFAULT_MAX_ASSOCIATIONS,
  DEFAULT_MAX_HANDSHAKES,
  MAX_ADDRESS_LENGTH,
  UNSHOWN_ADDRESS_FACTOR,
} from "../../../../src/proto/tls/datagram/endpoint.ts";
import { DtlsServer } from "../../../../src/proto/tls/datagram/server.ts";
import type { EndpointOutput } from "../../../../src/proto/tls/datagram/server.ts";
import { serverConfig } from "../../../kit/tls-client.ts";
import { CHEAP, START, Yard } from "./endpoint-yard.ts";
import type { Station } from "./endpoint-yard.ts";

const TLS = { versions: ["TLS 1.2"] } as const;
/** Above HelloVerifyRequest, below any ServerHello's flight. */
const SHORT = 200;

/** A client whose handshake stops behind its cookie. */
function stuck(yard: Yard, address: string): Station {
  const before = yard.network;
  yard.network = ({ from, bytes }) => from === "client" || bytes.length < SHORT;
  const station = yard.client(address);
  yard.tell(station, { kind: "start" });
  yard.lose(station);
  yard.network = before;
  return station;
}

test("the 65th unfinished handshake takes the place of the oldest", () => {
  const yard = new Yard({ tls: TLS });
  for (let port = 1; port <= DEFAULT_MAX_HANDSHAKES; port++) stuck(yard, `a:${port}`);
  assert.equal(yard.server.handshakes, DEFAULT_MAX_HANDSHAKES);
  assert.deepEqual(yard.outputsOf("dropped"), []);
  stuck(yard, "b:1");
  assert.equal(yard.server.handshakes, DEFAULT_MAX_HANDSHAKES);
  stuck(yard, "b:2");
  assert.equal(yard.server.associations, DEFAULT_MAX_HANDSHAKES);
  assert.deepEqual(
    yard.outputsOf("dropped").map(({ association, reason }) => [association, reason]),
    [
      [1, "evicted"],
      [2, "evicted"],
    ],
  );
});

test("a client that begins again takes its own place, and nobody else's", () => {
  const yard = new Yard({ tls: TLS, maxHandshakes: 2 });
  for (const address of ["a:1", "a:2", "a:2", "a:2"]) stuck(yard, address);
  assert.deepEqual(
    yard.outputsOf("dropped").map(({ association, reason }) => [association, reason]),
    [
      [2, "replaced"],
      [3, "replaced"],
    ],
  );
  assert.equal(yard.server.handshakes, 2);
});

test("256 associations are held and heard; the next client finds no place until one leaves", () => {
  const yard = new Yard({ tls: TLS });
  const stations: Station[] = [];
  for (let port = 1; port <= DEFAULT_MAX_ASSOCIATIONS; port++) {
    const station = yard.joined(`a:${port}`);
    // The last to speak is the server; nothing is left to time out.
    yard.lose(station);
    stations.push(station);
  }
  assert.equal(yard.server.associations, DEFAULT_MAX_ASSOCIATIONS);
  const late = yard.client("b:1");
  yard.tell(late, { kind: "start" });
  assert.equal(late.session, null);
  assert.equal(late.failure, null);
  assert.deepEqual(yard.server.discards, { "table-full": 1 });
  assert.deepEqual(yard.outputsOf("dropped"), []);
  for (const port of [1, 100, 256]) {
    yard.say(stations[port - 1]!, `from ${port}`);
    assert.deepEqual(yard.saidBy(yard.idOf(`a:${port}`)), [`from ${port}`]);
  }
  yard.tell(stations[99]!, { kind: "close" });
  yard.pass(1500);
  assert.notEqual(late.session, null);
  assert.equal(yard.server.associations, DEFAULT_MAX_ASSOCIATIONS);
});

test("where all is full a handshake gives way to a stranger's, an association never", () => {
  const yard = new Yard({ tls: TLS, maxAssociations: 3 });
  const [first, second] = [yard.joined("a:1"), yard.joined("a:2")];
  stuck(yard, "b:1");
  stuck(yard, "b:2");
  assert.deepEqual(yard.outputsOf("dropped"), [
    { kind: "dropped", association: 3, reason: "evicted" },
  ]);
  assert.equal(yard.server.associations, 3);
  for (const station of [first, second]) yard.say(station, "here");
  assert.equal(yard.outputsOf("data").length, 2);
  // Nor may a client begin anew where every place is taken by others' associations and its own.
  yard.pass(3_600_000);
  yard.joined("a:3");
  stuck(yard, "a:1");
  assert.deepEqual(yard.server.discards, { "table-full": 1 });
  assert.equal(yard.server.associations, 3);
});

test("an unfinished handshake is given up in the end by itself", () => {
  const yard = new Yard({ tls: TLS });
  stuck(yard, "a:1");
  assert.equal(yard.server.associations, 1);
  yard.pass(3_600_000);
  assert.equal(yard.server.associations, 0);
  assert.equal(yard.server.wakeAt, null);
  assert.deepEqual(
    yard.outputsOf("failed").map(({ failure }) => failure.reason),
    ["no-answer"],
  );
});

test("the server wakes for whichever association is first", () => {
  const yard = new Yard({ tls: TLS, idleMs: 100_000 });
  yard.joined("a:1");
  assert.equal(yard.server.wakeAt, mono(START + 100_000));
  yard.pass(50_000);
  stuck(yard, "a:2");
  assert.equal(yard.server.wakeAt, mono(START + 51_000));
  yard.pass(500);
  stuck(yard, "a:3");
  assert.equal(yard.server.wakeAt, mono(START + 51_000));
});

test("what is no hello is dropped by reason", () => {
  const yard = new Yard({ tls: TLS });
  const longest = "a".repeat(MAX_ADDRESS_LENGTH);
  yard.inject(longest, Uint8Array.of(23));
  yard.inject(`${longest}a`, Uint8Array.of(23));
  yard.inject("a:1", new Uint8Array());
  yard.inject("a:1", Uint8Array.of(0x80, 1, 2, 3));
  // A whole record of application data, and a ClientHello of an epoch with keys.
  yard.inject("a:1", Uint8Array.of(23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9));
  yard.inject("a:1", Uint8Array.of(22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1));
  assert.deepEqual(yard.server.discards, {
    "cut-short": 1,
    "address-too-long": 1,
    "empty-datagram": 1,
    "unknown-record-type": 1,
    "no-association": 2,
  });
  assert.deepEqual(yard.outputs, []);
});

const addresses = fc.constantFrom("a:1", "a:2", "b:1");

test("property: any datagrams from any addresses: no fault, no association, no answer three times as long", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(addresses, fc.uint8Array({ maxLength: 120 })), { maxLength: 20 }),
      (datagrams) => {
        const server = new DtlsServer({ tls: serverConfig(CHEAP), mtu: null, idleMs: null });
        for (const [from, bytes] of datagrams) {
          const outputs = server.handle({ kind: "datagram", from, bytes }, mono(START));
          for (const output of outputs) checkAnswer(output, from, bytes);
        }
        assert.equal(server.associations, 0);
      },
    ),
    { numRuns: 60 },
  );
});

function checkAnswer(output: EndpointOutput, from: string, bytes: Uint8Array): void {
  if (output.kind !== "datagram") throw new Error(`a stranger caused ${output.kind}`);
  assert.equal(output.to, from);
  assert.ok(output.bytes.length <= bytes.length * UNSHOWN_ADDRESS_FACTOR);
}

/** Both hellos of a client of each version, as it sent them from `a:1` to a server of its own. */
function recordedHellos(): Uint8Array[] {
  return (["TLS 1.2", "TLS 1.3"] as const).flatMap((version) => {
    const yard = new Yard({ tls: { versions: [version] } });
    yard.joined("a:1");
    return yard.passed
      .filter(({ from }) => from === "client")
      .slice(0, 2)
      .map(({ bytes }) => bytes);
  });
}

test("property: hellos cut, spoilt and strung together: no association without a cookie of ours", () => {
  const hellos = recordedHellos();
  const spoilt = fc
    .tuple(fc.constantFrom(...hellos), fc.nat(), fc.nat(255), fc.nat(), fc.boolean())
    .map(([hello, at, octet, end, whole]) => {
      const copy = hello.slice();
      copy[at % copy.length] = octet;
      return whole ? copy : copy.subarray(0, end % copy.length);
    });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(addresses, fc.array(spoilt, { maxLength: 2 })), { maxLength: 12 }),
      (datagrams) => {
        const tls = serverConfig(CHEAP, { random: (length) => new Uint8Array(length).fill(0x77) });
        const server = new DtlsServer({ tls, mtu: null, idleMs: null });
        for (const [from, parts] of datagrams) {
          const bytes = concat(...parts);
          const outputs = server.handle({ kind: "datagram", from, bytes }, mono(START));
          for (const output of outputs) checkAnswer(output, from, bytes);
        }
        assert.equal(server.associations, 0);
      },
    ),
    { numRuns: 60 },
  );
});
