import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { EapDiscard, EapFailure } from "../../../src/proto/eap/failure.ts";
import {
  encodeFailure,
  encodeRequest,
  encodeSuccess,
  parseResponse,
  typesWanted,
} from "../../../src/proto/eap/packet.ts";

// RFC 3748 §4.1, §5.1: Response, Identifier 7, Identity "@home.arpa".
const IDENTITY = concat(hex("02 07 000f 01"), utf8("@home.arpa"));

test("RFC 3748 §4.1: a response has an identifier, a type and type-data", () => {
  const response = parseResponse(IDENTITY);
  assert.equal(response.identifier, 7);
  assert.equal(response.type, 1);
  assert.deepEqual(response.typeData, utf8("@home.arpa"));
});

test("octets past the packet's Length are padding", () => {
  assert.deepEqual(parseResponse(concat(IDENTITY, hex("0000"))), parseResponse(IDENTITY));
});

test("every strict prefix of a response is dropped", () => {
  for (let length = 0; length < IDENTITY.length; length++) {
    const prefix = IDENTITY.subarray(0, length);
    assert.throws(() => parseResponse(prefix), EapDiscard, `prefix of ${length} bytes`);
  }
});

test("requests, results and responses without a type are dropped, each with its reason", () => {
  const reasonOf = (packet: string) =>
    assert.throws(() => parseResponse(hex(packet)), EapDiscard).reason;
  assert.equal(reasonOf("01 07 0005 01"), "not-a-response");
  assert.equal(reasonOf("03 07 0005 01"), "not-a-response");
  assert.equal(reasonOf("02 07 0004"), "bad-length");
  assert.equal(reasonOf("02 07 0006 01"), "bad-length");
  assert.equal(reasonOf("02 07 000a fe 000000 0000"), "truncated");
});

test("RFC 3748 §5.7: an expanded type of vendor 0 is the type it names", () => {
  const expanded = parseResponse(hex("02 07 000d fe 000000 0000000d 80"));
  assert.equal(expanded.type, 13);
  assert.deepEqual(expanded.typeData, hex("80"));
  // Wi-Fi Alliance (0x00372a), SimpleConfig (1).
  assert.equal(parseResponse(hex("02 07 000d fe 00372a 00000001 80")).type, 254);
  assert.equal(parseResponse(hex("02 07 000c fe 000000 000000fe")).type, 254);
  assert.equal(parseResponse(hex("02 07 000c fe 000000 0000010d")).type, 254);
});

test("RFC 3748 §5.3.1: a Nak lists the types wanted, 0 for none", () => {
  assert.deepEqual(typesWanted(parseResponse(hex("02 07 0007 03 15 0d"))), [21, 13]);
  assert.deepEqual(typesWanted(parseResponse(hex("02 07 0006 03 00"))), []);
  assert.equal(
    assert.throws(() => typesWanted(parseResponse(hex("02 07 0005 03"))), EapFailure).reason,
    "bad-nak",
  );
});

test("RFC 3748 §5.3.2: an expanded Nak lists expanded types, other vendors' are passed over", () => {
  const nak = "fe 000000 00000003  fe 00372a 00000001  fe 000000 00000015";
  assert.deepEqual(typesWanted(parseResponse(concat(hex("02 07 001c"), hex(nak)))), [21]);
  for (const list of ["15", "fe 000000 000015", "15 000000 00000015"]) {
    const packet = concat(hex("fe 000000 00000003"), hex(list));
    const nak = concat(hex("02 07 00"), Uint8Array.of(packet.length + 4), packet);
    assert.equal(
      assert.throws(() => typesWanted(parseResponse(nak)), EapFailure).reason,
      "bad-nak",
      list,
    );
  }
});

test("requests and results are laid out as RFC 3748 §4 draws them", () => {
  assert.deepEqual(encodeRequest(9, 13, hex("20")), hex("01 09 0006 0d 20"));
  assert.deepEqual(encodeSuccess(255), hex("03 ff 0004"));
  assert.deepEqual(encodeFailure(0), hex("04 00 0004"));
});

test("property: any packet is parsed or dropped, any Nak is a list or a failure", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (packet, framed) => {
      const bytes = framed ? concat(Uint8Array.of(2, 1, 0, packet.length + 4), packet) : packet;
      try {
        assert.ok(typesWanted(parseResponse(bytes)).length <= packet.length);
      } catch (failure) {
        assert.ok(failure instanceof EapDiscard || failure instanceof EapFailure);
      }
    }),
  );
});
