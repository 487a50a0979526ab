import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import { RadiusDiscard } from "../../../src/proto/radius/failure.ts";
import { encodePacket, MAX_PACKET_LENGTH, parsePacket } from "../../../src/proto/radius/packet.ts";
import {
  CARD_CHALLENGE,
  CARD_RESPONSE,
  FRAMED_REQUEST,
  LOGIN_REQUEST,
} from "../../vectors/radius/packets.ts";

const HEADER = "01 07 0000 000102030405060708090a0b0c0d0e0f";

/** A packet with these attribute octets and the Length that fits them. */
function packetOf(attributes: string): Uint8Array {
  const bytes = concat(hex(HEADER), hex(attributes));
  bytes.set([bytes.length >> 8, bytes.length & 0xff], 2);
  return bytes;
}

function reasonOf(datagram: Uint8Array): string {
  const { reason, at } = assert.throws(() => parsePacket(datagram), RadiusDiscard);
  return `${reason} at ${at}`;
}

test("RFC 2865 §7.1: an Access-Request keeps code, authenticator and attributes in wire order", () => {
  const { code, identifier, authenticator, attributes } = parsePacket(LOGIN_REQUEST);
  assert.deepEqual([code, identifier], [1, 0]);
  assert.deepEqual(authenticator, hex("0f403f9473978057bd83d5cb98f4227a"));
  assert.deepEqual(
    attributes.map(({ type }) => type),
    [1, 2, 4, 5],
  );
  assert.deepEqual(attributes[2]!.value, hex("c0a80110"));
});

test("RFC 2865 §7: what was parsed encodes to the same octets", () => {
  for (const packet of [LOGIN_REQUEST, FRAMED_REQUEST, CARD_CHALLENGE, CARD_RESPONSE]) {
    assert.deepEqual(encodePacket(parsePacket(packet)), packet);
  }
});

test("every strict prefix of a good packet is discarded as truncated", () => {
  for (let length = 0; length < LOGIN_REQUEST.length; length++) {
    assert.match(reasonOf(LOGIN_REQUEST.subarray(0, length)), /^truncated at/);
  }
});

test("octets beyond Length are padding and no part of the packet", () => {
  const padded = concat(LOGIN_REQUEST, hex("5000 5012"));
  assert.deepEqual(parsePacket(padded).bytes, LOGIN_REQUEST);
  assert.equal(parsePacket(padded).attributes.length, 4);
});

test("Length below the header or above 4096 is discarded, whatever the datagram holds", () => {
  for (const length of [0, 19, 4097, 65535]) {
    const datagram = new Uint8Array(5000);
    datagram.set([1, 0, length >> 8, length & 0xff]);
    assert.equal(reasonOf(datagram), "bad-length at 2");
  }
});

test("an attribute of length 0 or 1, or one that leaves the packet, is discarded where it starts or ends", () => {
  assert.equal(reasonOf(packetOf("01 00")), "bad-attribute at 20");
  assert.equal(reasonOf(packetOf("01 03 61 01 01")), "bad-attribute at 23");
  assert.equal(reasonOf(packetOf("01 05 6162")), "bad-attribute at 24");
  assert.equal(reasonOf(packetOf("01 03 61 01")), "bad-attribute at 24");
});

test("an attribute of length 2 has an empty value", () => {
  assert.deepEqual(parsePacket(packetOf("4f 02")).attributes, [{ type: 79, value: hex("") }]);
});

test("the longest packet is 4096 octets, and one more is the caller's fault", () => {
  const filler = Array.from({ length: 16 }, () => ({ type: 26, value: new Uint8Array(250) }));
  const authenticator = new Uint8Array(16);
  const last = { type: 26, value: new Uint8Array(MAX_PACKET_LENGTH - 20 - 16 * 252 - 2) };
  const longest = { code: 2, identifier: 0, authenticator, attributes: [...filler, last] };
  assert.equal(parsePacket(encodePacket(longest)).bytes.length, 4096);
  const longer = { ...longest, attributes: [...longest.attributes, { type: 1, value: hex("") }] };
  assert.throws(() => encodePacket(longer), RangeError);
});

test("a value above 253 octets is refused rather than cut", () => {
  const attributes = [{ type: 26, value: new Uint8Array(254) }];
  const packet = { code: 2, identifier: 0, authenticator: new Uint8Array(16), attributes };
  assert.throws(() => encodePacket(packet), RangeError);
});

test("property: any datagram is parsed or discarded, nothing else, and what is parsed encodes back", () => {
  const anyLength = fc.uint8Array({ maxLength: 300 });
  const likely = fc
    .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 200 }))
    .map(([authenticator, body]) =>
      concat(hex("0101 00"), Uint8Array.of(20 + body.length), authenticator, body),
    );
  fc.assert(
    fc.property(fc.oneof(anyLength, likely), (datagram) => {
      try {
        const packet = parsePacket(datagram);
        assert.deepEqual(encodePacket(packet), packet.bytes);
      } catch (failure) {
        if (!(failure instanceof RadiusDiscard)) throw failure;
        assert.ok(failure.at <= datagram.length);
      }
    }),
  );
});
