import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex } from "../../../../src/base/bytes.ts";
import { connectionIdOf, cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { plainRecord } from "../../../../src/proto/tls/datagram/epoch.ts";

const HANDSHAKE = hex("16 fefd 0000 000000000007 0003 010203");
const CID_RECORD = hex("19 fefd 0001 000100000002 c1c2c3c4c5c6c7c8 0002 eeff");
/** 001CSLEE with everything there, epoch bits 3. */
const FULL = hex("3f c1c2c3c4c5c6c7c8 beef 0002 aabb");
/** Nothing but eight bits of the number. */
const MINIMAL = hex("22 be aabbcc");

test("RFC 6347 §4.1: a datagram holds any number of records", () => {
  const { records, discards } = cutDatagram(concat(HANDSHAKE, HANDSHAKE), 0);
  const record = {
    form: "plain",
    type: 22,
    version: 0xfefd,
    epoch: 0,
    sequence: 7,
    fragment: hex("010203"),
  };
  assert.deepEqual(records, [record, record]);
  assert.deepEqual(discards, []);
});

test("RFC 9146 §4: a record of type 25 has the id between number and length", () => {
  assert.deepEqual(cutDatagram(CID_RECORD, 8).records, [
    {
      form: "cid",
      version: 0xfefd,
      epoch: 1,
      sequence: 0x000100000002,
      cid: hex("c1c2c3c4c5c6c7c8"),
      fragment: hex("eeff"),
    },
  ]);
});

test("RFC 9147 §4: the unified header in its fullest and its shortest form", () => {
  assert.deepEqual(cutDatagram(concat(FULL, HANDSHAKE, MINIMAL), 8).records, [
    {
      form: "unified",
      header: hex("3f c1c2c3c4c5c6c7c8 beef 0002"),
      sequenceAt: 9,
      sequenceLength: 2,
      epochBits: 3,
      cid: hex("c1c2c3c4c5c6c7c8"),
      ciphertext: hex("aabb"),
    },
    {
      form: "plain",
      type: 22,
      version: 0xfefd,
      epoch: 0,
      sequence: 7,
      fragment: hex("010203"),
    },
    {
      form: "unified",
      header: hex("22 be"),
      sequenceAt: 1,
      sequenceLength: 1,
      epochBits: 2,
      cid: null,
      ciphertext: hex("aabbcc"),
    },
  ]);
});

test("RFC 9147 §4: the id of a datagram's first record holds for those behind it", () => {
  const second = cutDatagram(concat(FULL, MINIMAL), 8).records[1];
  assert.ok(second?.form === "unified");
  assert.deepEqual(second.cid, hex("c1c2c3c4c5c6c7c8"));
});

test("an association is looked up by the first connection id of the datagram", () => {
  assert.deepEqual(
    connectionIdOf(cutDatagram(concat(HANDSHAKE, FULL), 8)),
    hex("c1c2c3c4c5c6c7c8"),
  );
  assert.deepEqual(connectionIdOf(cutDatagram(CID_RECORD, 8)), hex("c1c2c3c4c5c6c7c8"));
  assert.equal(connectionIdOf(cutDatagram(HANDSHAKE, 8)), null);
});

test("an id nobody asked for has no known end: the rest of the datagram is lost", () => {
  for (const record of [CID_RECORD, FULL]) {
    const { records, discards } = cutDatagram(concat(HANDSHAKE, record, HANDSHAKE), 0);
    assert.equal(records.length, 1);
    assert.deepEqual(discards, ["unexpected-connection-id"]);
  }
});

test("a foreign version and an impossible length cost one record, an unknown type all behind it", () => {
  const tlsRecord = hex("16 0303 0000 000000000007 0003 010203");
  const after = cutDatagram(concat(tlsRecord, HANDSHAKE), 0);
  assert.deepEqual([after.records.length, after.discards], [1, ["bad-record-version"]]);

  const long = plainRecord(23, 0xfefd, { epoch: 1, sequence: 0 }, new Uint8Array(2 ** 14 + 2049));
  const behind = cutDatagram(concat(long, HANDSHAKE), 0);
  assert.deepEqual([behind.records.length, behind.discards], [1, ["record-too-long"]]);
  const longest = plainRecord(
    23,
    0xfefd,
    { epoch: 1, sequence: 0 },
    new Uint8Array(2 ** 14 + 2048),
  );
  assert.equal(cutDatagram(longest, 0).records.length, 1);

  const longUnified = concat(hex("22 00"), new Uint8Array(2 ** 14 + 257));
  assert.deepEqual(cutDatagram(longUnified, 0).discards, ["record-too-long"]);

  for (const type of [0, 19, 24, 27, 31, 64, 255]) {
    const unknown = concat(Uint8Array.of(type), HANDSHAKE.subarray(1), HANDSHAKE);
    const cut = cutDatagram(unknown, 8);
    assert.deepEqual([cut.records.length, cut.discards], [0, ["unknown-record-type"]], `${type}`);
  }
});

test("every strict prefix of a record with a length is cut short", () => {
  for (const whole of [HANDSHAKE, CID_RECORD, FULL]) {
    for (let length = 1; length < whole.length; length++) {
      const cut = cutDatagram(whole.subarray(0, length), 8);
      assert.deepEqual([cut.records, cut.discards], [[], ["cut-short"]], `${length} octets`);
    }
  }
  assert.deepEqual(cutDatagram(new Uint8Array(), 8), { records: [], discards: [] });
});

test("property: any datagram is cut, and nothing is read twice or beyond the end", () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom(HANDSHAKE, CID_RECORD, FULL, MINIMAL, hex("2e"), hex("16fe")), {
        maxLength: 8,
      })
      .map((parts) => concat(...parts)),
  );
  fc.assert(
    fc.property(octets, fc.nat(20), (datagram, cidLength) => {
      const { records, discards } = cutDatagram(datagram, cidLength);
      let sum = 0;
      for (const record of records) {
        if (record.form === "unified") sum += record.header.length + record.ciphertext.length;
        else if (record.form === "cid") sum += 13 + cidLength + record.fragment.length;
        else sum += 13 + record.fragment.length;
      }
      assert.ok(discards.length > 0 ? sum < datagram.length : sum === datagram.length);
    }),
  );
});
