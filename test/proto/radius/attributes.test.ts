import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import {
  attribute,
  attributeName,
  FramedInterfaceId,
  FramedMtu,
  NasIpAddress,
  NasIpv6Address,
  read,
  TunnelPrivateGroupId,
  TunnelType,
  UserName,
  vlanAttributes,
} from "../../../src/proto/radius/attributes.ts";
import { eapMessage, splitEapMessage } from "../../../src/proto/radius/eap-message.ts";
import { RadiusDiscard } from "../../../src/proto/radius/failure.ts";
import { encodePacket } from "../../../src/proto/radius/packet.ts";
import { vendorAttribute, vendorAttributes } from "../../../src/proto/radius/vendor.ts";

const anyAttribute = fc.record({
  type: fc.nat(255),
  value: fc.uint8Array({ maxLength: 253 }),
});

test("each form builds the octets of its RFC and reads them back", () => {
  assert.deepEqual(attribute(UserName, "nemo"), { type: 1, value: utf8("nemo") });
  assert.deepEqual(attribute(NasIpAddress, "192.168.1.16"), { type: 4, value: hex("c0a80110") });
  assert.deepEqual(attribute(FramedMtu, 1400), { type: 12, value: hex("00000578") });
  const v6 = attribute(NasIpv6Address, "fd00::1");
  assert.deepEqual(v6, { type: 95, value: hex("fd00 0000000000000000 000000000001") });
  assert.equal(read([v6], NasIpv6Address), "fd00::1");
  const ifid = attribute(FramedInterfaceId, "0123456789abcdef");
  assert.equal(read([ifid], FramedInterfaceId), "0123456789abcdef");
});

test("a value of the wrong form is absent, and a wrong value is refused when built", () => {
  assert.equal(read([{ type: 12, value: hex("0578") }], FramedMtu), null);
  assert.equal(read([{ type: 4, value: hex("c0a801") }], NasIpAddress), null);
  assert.equal(read([{ type: 1, value: hex("ff") }], UserName), null);
  assert.equal(read([], UserName), null);
  assert.throws(() => attribute(NasIpAddress, "192.168.1"), RangeError);
  assert.throws(() => attribute(FramedInterfaceId, "12"), RangeError);
  assert.throws(() => attribute(UserName, "x".repeat(254)), RangeError);
  assert.throws(() => attribute(TunnelType, { tag: 32, value: 13 }), RangeError);
});

test("RFC 3580 §3.31: a VLAN is Tunnel-Type 13, Medium 6 and its number in decimal, all with tag 0", () => {
  const packet = { code: 2, identifier: 0, authenticator: new Uint8Array(16) };
  const attributes = vlanAttributes(42);
  assert.deepEqual(
    encodePacket({ ...packet, attributes }).subarray(20),
    hex("40 06 00 00000d  41 06 00 000006  51 05 00 3432"),
  );
  for (const id of [0, 4095, 1.5, -1]) assert.throws(() => vlanAttributes(id), RangeError);
});

test("RFC 2868 §3.6: a first octet above 0x1f is the text itself, not a tag", () => {
  const read81 = (value: Uint8Array): unknown => read([{ type: 81, value }], TunnelPrivateGroupId);
  assert.deepEqual(read81(hex("01 3432")), { tag: 1, value: "42" });
  assert.deepEqual(read81(hex("3432")), { tag: 0, value: "42" });
  assert.deepEqual(read81(hex("")), { tag: 0, value: "" });
});

test("attributes have their IANA names", () => {
  assert.equal(attributeName(79), "EAP-Message");
  assert.equal(attributeName(102), "EAP-Key-Name");
  assert.equal(attributeName(250), null);
});

test("RFC 3579 §3.1: an EAP packet is split at 253 octets, in order, and joined again", () => {
  const packet = Uint8Array.from({ length: 600 }, (_, at) => at & 0xff);
  const attributes = splitEapMessage(packet);
  assert.deepEqual(
    attributes.map(({ type, value }) => [type, value.length]),
    [
      [79, 253],
      [79, 253],
      [79, 94],
    ],
  );
  assert.deepEqual(eapMessage([attribute(UserName, "a"), ...attributes]), packet);
});

test("RFC 3579 §2.1: EAP-Start is one EAP-Message without octets, and no EAP is null", () => {
  assert.deepEqual(splitEapMessage(hex("")), [{ type: 79, value: hex("") }]);
  assert.deepEqual(eapMessage(splitEapMessage(hex(""))), hex(""));
  assert.equal(eapMessage([attribute(UserName, "a")]), null);
});

test("RFC 3579 §3.1: EAP-Message attributes with another between them are discarded there", () => {
  const scattered = [
    { type: 79, value: hex("0102") },
    { type: 1, value: hex("61") },
    { type: 79, value: hex("03") },
  ];
  const failure = assert.throws(() => eapMessage(scattered), RadiusDiscard);
  assert.deepEqual([failure.reason, failure.at], ["scattered-eap-message", 24]);
});

test("property: any EAP packet survives split and join", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (packet) => {
      assert.deepEqual(eapMessage(splitEapMessage(packet)), packet);
    }),
  );
});

test("property: any attributes can be asked for EAP, names and vendors without another failure", () => {
  fc.assert(
    fc.property(fc.array(anyAttribute, { maxLength: 12 }), (attributes) => {
      for (const row of [UserName, NasIpAddress, NasIpv6Address]) read(attributes, row);
      read(attributes, TunnelPrivateGroupId);
      vendorAttributes(attributes);
      try {
        eapMessage(attributes);
      } catch (failure) {
        assert.ok(failure instanceof RadiusDiscard);
      }
    }),
  );
});

test("RFC 2865 §5.26: vendor sub-attributes are found in one or several Vendor-Specific", () => {
  const one = vendorAttribute({ vendor: 311, type: 16, value: hex("aabb") });
  assert.deepEqual(one, { type: 26, value: hex("00000137 10 04 aabb") });
  const both = { type: 26, value: hex("00000137 10 04 aabb 11 03 cc") };
  assert.deepEqual(vendorAttributes([one, both]), [
    { vendor: 311, type: 16, value: hex("aabb") },
    { vendor: 311, type: 16, value: hex("aabb") },
    { vendor: 311, type: 17, value: hex("cc") },
  ]);
});

test("a vendor's own format is left out without a failure", () => {
  for (const value of [
    "",
    "000001",
    "00000137",
    "00000137 10",
    "00000137 10 01",
    "00000137 10 09 aa",
  ]) {
    assert.deepEqual(vendorAttributes([{ type: 26, value: hex(value) }]), [], value);
  }
});
