import { assert, test } from "#kit";
import { UNSHOWN_ADDRESS_FACTOR } from "../../../../src/proto/tls/datagram/endpoint.ts";
import { Yard } from "./endpoint-yard.ts";

const NO_ID = new Uint8Array();

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  const tls = { versions: [version] };

  test(`D${version}: RFC 9146 §6: a client that moves is followed, by its newest record alone`, () => {
    const yard = new Yard({ tls });
    const station = yard.joined("a:1", {}, NO_ID);
    const id = yard.idOf("a:1");
    yard.say(station, "at home");
    const old = yard.passed.findLast(({ from }) => from === "client")!.bytes;
    station.address = "b:1";
    yard.say(station, "away");
    assert.deepEqual(yard.saidBy(id), ["at home", "away"]);
    assert.deepEqual(yard.outputsOf("moved"), [{ kind: "moved", association: id, to: "b:1" }]);
    // A repeat from elsewhere moves nobody, nor does a record that is spoilt.
    const spoilt = old.slice();
    spoilt[spoilt.length - 1]! ^= 1;
    yard.inject("c:1", old);
    yard.inject("c:1", spoilt);
    assert.equal(yard.outputsOf("moved").length, 1);
    yard.order({ kind: "send", association: id, bytes: Uint8Array.of(0x68, 0x69) });
    assert.deepEqual(station.heard, ["hi"]);
  });

  test(`D${version}: three times what came goes to a new address, until the caller knows it or the peer is back`, () => {
    const yard = new Yard({ tls });
    const station = yard.joined("a:1", {}, NO_ID);
    const id = yard.idOf("a:1");
    station.address = "b:1";
    yard.say(station, "here");
    const received = yard.passed.findLast(({ from }) => from === "client")!.bytes.length;
    const answer = (): void =>
      yard.order({ kind: "send", association: id, bytes: new Uint8Array(20) });
    const from = yard.passed.length;
    for (let round = 0; round < 10; round++) answer();
    const sent = (): number =>
      yard.passed.slice(from).reduce((sum, { bytes }) => sum + bytes.length, 0);
    const [one] = yard.passed.slice(from);
    assert.ok(sent() <= received * UNSHOWN_ADDRESS_FACTOR);
    assert.ok(sent() + one!.bytes.length > received * UNSHOWN_ADDRESS_FACTOR, "and no less");
    assert.ok((yard.server.discards["address-not-shown"] ?? 0) > 0);

    yard.order({ kind: "address-shown", association: id });
    for (let round = 0; round < 10; round++) answer();
    assert.ok(sent() > received * UNSHOWN_ADDRESS_FACTOR);

    const held = yard.server.discards["address-not-shown"];
    station.address = "c:1";
    yard.say(station, "on the way");
    station.address = "b:1";
    yard.say(station, "back");
    for (let round = 0; round < 10; round++) answer();
    assert.equal(yard.server.discards["address-not-shown"], held);
  });
}

test("without connection ids an address is all there is: from another one nobody is known", () => {
  const yard = new Yard({ connectionIds: false });
  const station = yard.joined("a:1", {}, NO_ID);
  station.address = "b:1";
  yard.say(station, "away");
  assert.deepEqual(yard.saidBy(yard.idOf("a:1")), []);
  assert.deepEqual(yard.server.discards, { "no-association": 1 });
});

test("a connection id that is none of ours finds nobody", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.2"] } });
  const station = yard.joined("a:1", {}, NO_ID);
  yard.tell(station, { kind: "close" });
  const { bytes } = yard.passed.findLast(({ from }) => from === "client")!;
  assert.equal(bytes[0], 25);
  yard.inject("a:1", bytes);
  assert.deepEqual(yard.server.discards, { "unknown-connection-id": 1 });
});

test("a random source that repeats itself gives no two associations one id", () => {
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(0x31);
  const yard = new Yard({ tls: { versions: ["TLS 1.2"], random } });
  const [first, second] = [yard.joined("a:1", {}, NO_ID), yard.joined("a:2", {}, NO_ID)];
  yard.say(first, "one");
  yard.say(second, "two");
  assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["one"]);
  assert.deepEqual(yard.saidBy(yard.idOf("a:2")), ["two"]);
});

test("an id for a client that speaks none is let go once the handshake is over", () => {
  const first = (length: number): Uint8Array => new Uint8Array(length).fill(0x31);
  const yard = new Yard({ tls: { versions: ["TLS 1.2"], random: first } });
  const station = yard.joined("a:1", {}, null);
  yard.say(station, "still known by its address");
  assert.deepEqual(yard.saidBy(yard.idOf("a:1")), ["still known by its address"]);
  // Were the first id still taken, this source would give the second client none.
  const other = yard.joined("a:2", {}, NO_ID);
  other.address = "b:2";
  yard.say(other, "by its id");
  assert.deepEqual(yard.saidBy(yard.idOf("a:2")), ["by its id"]);
});
