import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import {
  openSalted,
  openSessionKeys,
  openTunnelPassword,
  openUserPassword,
  saltSource,
  sealSalted,
  sealSessionKeys,
  sealTunnelPassword,
  sealUserPassword,
} from "../../../src/proto/radius/hidden.ts";
import { parsePacket } from "../../../src/proto/radius/packet.ts";
import { CARD_REQUEST, LOGIN_REQUEST, MPPE, SECRET } from "../../vectors/radius/packets.ts";

const crypto = providers[0]!;
const sealing = { crypto, secret: MPPE.secret, requestAuthenticator: MPPE.requestAuthenticator };

for (const provider of providers) {
  const sealing = { crypto: provider, ...MPPE };

  test(`${provider.name}: RFC 2865 §7: the passwords behind User-Password`, () => {
    const passwords: readonly (readonly [Uint8Array, string])[] = [
      [LOGIN_REQUEST, "arctangent"],
      [CARD_REQUEST, "challenge"],
    ];
    for (const [packet, password] of passwords) {
      const { authenticator, attributes } = parsePacket(packet);
      const sealing = { crypto: provider, secret: SECRET, requestAuthenticator: authenticator };
      assert.deepEqual(openUserPassword(sealing, attributes[1]!.value), utf8(password));
      assert.deepEqual(sealUserPassword(sealing, utf8(password)), attributes[1]!.value);
    }
  });

  test(`${provider.name}: RFC 2548 §2.4.2: a key becomes salt and ciphertext and comes back`, () => {
    assert.deepEqual(sealSalted(sealing, MPPE.salt, MPPE.key), MPPE.sealed);
    assert.deepEqual(openSalted(sealing, MPPE.sealed), MPPE.key);
  });
}

test("RFC 2548 §2.4: Recv-Key is vendor type 17, Send-Key 16, each in its own Vendor-Specific", () => {
  const keys = { recv: MPPE.key, send: MPPE.key.toReversed() };
  const attributes = sealSessionKeys(sealing, saltSource(seeded("salts")), keys);
  assert.deepEqual(
    attributes.map(({ type, value }) => [type, value.length, value[3], value[4]]),
    [
      [26, 56, 0x37, 17],
      [26, 56, 0x37, 16],
    ],
  );
  assert.deepEqual(openSessionKeys(sealing, attributes), keys);
  assert.equal(openSessionKeys(sealing, attributes.slice(1)), null);
});

test("salts have their top bit set and none comes twice, even from a source that repeats itself", () => {
  for (const fixed of ["0000", "ffff", "7ffe"]) {
    const salt = saltSource(() => hex(fixed));
    const salts = [salt(), salt(), salt(), salt()];
    assert.equal(new Set(salts.map((salt) => salt.join())).size, 4, fixed);
    for (const salt of salts) assert.ok(salt.length === 2 && salt[0]! >= 0x80);
  }
});

test("RFC 2868 §3.5: Tunnel-Password is a tag, the salt and the sealed password", () => {
  const salt = saltSource(() => hex("0001"));
  const sealed = sealTunnelPassword(sealing, salt, utf8("correct horse"));
  assert.equal(sealed.type, 69);
  assert.deepEqual(sealed.value.subarray(0, 3), hex("00 8001"));
  assert.equal(sealed.value.length, 19);
  assert.deepEqual(openTunnelPassword(sealing, sealed), utf8("correct horse"));
});

test("property: any secret up to 239 octets survives, in blocks of 16", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 239 }), (secret) => {
      const sealed = sealSalted(sealing, MPPE.salt, secret);
      assert.equal(sealed.length % 16, 2);
      assert.deepEqual(openSalted(sealing, sealed), secret);
    }),
  );
  assert.throws(() => sealSalted(sealing, MPPE.salt, new Uint8Array(240)), RangeError);
});

test("property: any octets open to a secret or to null, nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (sealed) => {
      const opened = openSalted(sealing, sealed);
      assert.ok(opened === null || opened.length < sealed.length);
      const password = openUserPassword(sealing, sealed);
      assert.equal(password === null, sealed.length === 0 || sealed.length % 16 !== 0);
    }),
  );
});

test("a User-Password has 1 to 8 blocks", () => {
  assert.equal(sealUserPassword(sealing, hex("")).length, 16);
  assert.equal(sealUserPassword(sealing, new Uint8Array(128).fill(1)).length, 128);
  assert.throws(() => sealUserPassword(sealing, new Uint8Array(129)), RangeError);
  assert.equal(openUserPassword(sealing, new Uint8Array(144)), null);
});
