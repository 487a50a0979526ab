import fc from "fast-check";
import { assert, test } from "#kit";
import { hex, toHex } from "../../src/base/bytes.ts";
import { formatIpv6, parseAddress, parseIpv6 } from "../../src/base/address.ts";

test("RFC 4291 §2.2: the three text forms of IPv6", () => {
  const forms: readonly (readonly [string, string])[] = [
    ["abcd:ef01:2345:6789:abcd:ef01:2345:6789", "abcdef0123456789abcdef0123456789"],
    ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["ff01::101", "ff010000000000000000000000000101"],
    ["::1", "00000000000000000000000000000001"],
    ["::", "00000000000000000000000000000000"],
    ["::13.1.68.3", "0000000000000000000000000d014403"],
    ["::ffff:129.144.52.38", "00000000000000000000ffff81903426"],
  ];
  for (const [text, octets] of forms) assert.equal(toHex(parseAddress(text)!), octets, text);
});

test("an IPv4 address and its IPv6-mapped form are one address", () => {
  assert.deepEqual(parseAddress("192.0.2.1"), parseAddress("::ffff:192.0.2.1"));
  assert.deepEqual(parseAddress("192.0.2.1"), parseAddress("::FFFF:c000:201"));
});

test("text that is no address, or that two readers read differently, is refused", () => {
  for (const text of [
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    ":1::",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "fe80::1%eth0",
    "[::1]",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.04",
    "0x1.2.3.4",
    " 1.2.3.4",
  ]) {
    assert.equal(parseAddress(text), null, text);
  }
});

test("RFC 5952 §4: text is lower case with the longest run of zeros, the first of equals, as ::", () => {
  const texts: readonly (readonly [string, string])[] = [
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["00000000000000000000000000000000", "::"],
    ["00010000000000000000000000000000", "1::"],
    ["abcdef0123456789abcdef0123456789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"],
  ];
  for (const [octets, text] of texts) assert.equal(formatIpv6(hex(octets)), text);
});

test("property: any IPv6 address survives its text", () => {
  const octets = fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(octets, (address) => {
      const bytes = Uint8Array.from(address);
      assert.deepEqual(parseIpv6(formatIpv6(bytes)), bytes);
    }),
  );
});

test("property: any text is an address or null, nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0123456789abcf:.".split("")) }), (text) => {
      const parsed = parseAddress(text);
      assert.ok(parsed === null || parsed.length === 16);
    }),
  );
});
