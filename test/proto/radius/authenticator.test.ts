import { assert, providers, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import {
  requestHolds,
  responseHolds,
  sealAccessRequest,
  sealRequest,
  sealResponse,
} from "../../../src/proto/radius/authenticator.ts";
import { RadiusDiscard } from "../../../src/proto/radius/failure.ts";
import {
  messageAuthenticatorAt,
  messageAuthenticatorHolds,
} from "../../../src/proto/radius/message-authenticator.ts";
import { parsePacket } from "../../../src/proto/radius/packet.ts";
import {
  CARD_CHALLENGE,
  CARD_REJECT,
  CARD_REQUEST,
  CARD_RESPONSE,
  FRAMED_ACCEPT,
  FRAMED_REQUEST,
  LOGIN_ACCEPT,
  LOGIN_REQUEST,
  SECRET,
} from "../../vectors/radius/packets.ts";

const EXCHANGES = [
  [LOGIN_REQUEST, LOGIN_ACCEPT],
  [FRAMED_REQUEST, FRAMED_ACCEPT],
  [CARD_REQUEST, CARD_CHALLENGE],
  [CARD_RESPONSE, CARD_REJECT],
] as const;

for (const crypto of providers) {
  test(`${crypto.name}: RFC 2865 §7: the Response Authenticators of Accept, Challenge and Reject`, () => {
    for (const [request, response] of EXCHANGES) {
      const { authenticator } = parsePacket(request);
      const received = parsePacket(response);
      assert.ok(responseHolds(crypto, SECRET, received, authenticator));
      const rebuilt = { ...received, authenticator };
      assert.deepEqual(sealResponse(crypto, SECRET, rebuilt, "authenticator-only"), response);
    }
  });
}

const crypto = providers[0]!;

test("a response holds for its own request, secret and octets only", () => {
  const { authenticator } = parsePacket(LOGIN_REQUEST);
  const response = parsePacket(LOGIN_ACCEPT);
  assert.ok(!responseHolds(crypto, SECRET, response, parsePacket(CARD_REQUEST).authenticator));
  assert.ok(!responseHolds(crypto, hex("00"), response, authenticator));
  for (let at = 0; at < LOGIN_ACCEPT.length; at++) {
    if (at === 2 || at === 3) continue; // Length: another packet, or none
    const changed = LOGIN_ACCEPT.slice();
    // An attribute's length octet may make the packet unreadable, which is as good.
    changed[at]! ^= 1;
    try {
      assert.ok(!responseHolds(crypto, SECRET, parsePacket(changed), authenticator), `octet ${at}`);
    } catch (failure) {
      assert.ok(failure instanceof RadiusDiscard);
    }
  }
});

test("the Message-Authenticator of a response is first and covers the request's authenticator", () => {
  const request = parsePacket(LOGIN_REQUEST);
  const wanted = { ...parsePacket(LOGIN_ACCEPT), authenticator: request.authenticator };
  const bytes = sealResponse(crypto, SECRET, wanted, "message-authenticator");
  const response = parsePacket(bytes);
  assert.deepEqual(
    response.attributes.map(({ type }) => type),
    [80, 6, 15, 14],
  );
  assert.equal(messageAuthenticatorAt(response), 22);
  assert.ok(responseHolds(crypto, SECRET, response, request.authenticator));
  const holds = (authenticator: Uint8Array): boolean =>
    messageAuthenticatorHolds(crypto, SECRET, response, 22, authenticator);
  assert.ok(holds(request.authenticator));
  assert.ok(!holds(response.authenticator));
});

test("RFC 2866 §3, RFC 5176 §3.4: computed request authenticators and the Message-Authenticator beneath", () => {
  const packet = parsePacket(LOGIN_REQUEST);
  const bytes = sealRequest(crypto, SECRET, { ...packet, code: 40 }, "message-authenticator");
  const request = parsePacket(bytes);
  assert.ok(requestHolds(crypto, SECRET, request));
  assert.ok(!requestHolds(crypto, hex("00"), request));
  const zeros = new Uint8Array(16);
  assert.ok(messageAuthenticatorHolds(crypto, SECRET, request, 22, zeros));
  assert.ok(!requestHolds(crypto, SECRET, packet));
});

test("one flipped bit anywhere in a signed request breaks its Message-Authenticator or its form", () => {
  const bytes = sealAccessRequest(crypto, SECRET, parsePacket(LOGIN_REQUEST));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    try {
      const packet = parsePacket(changed);
      const at = messageAuthenticatorAt(packet);
      const holds =
        at !== null && messageAuthenticatorHolds(crypto, SECRET, packet, at, packet.authenticator);
      assert.ok(!holds, `bit ${bit}`);
    } catch (failure) {
      if (!(failure instanceof RadiusDiscard)) throw failure;
    }
  }
});

test("a Message-Authenticator is found anywhere, and refused twice or with other than 16 octets", () => {
  const find = (attributes: string): number | null => {
    const bytes = concat(hex("0100 0000"), new Uint8Array(16), hex(attributes));
    bytes[3] = bytes.length;
    return messageAuthenticatorAt(parsePacket(bytes));
  };
  const signature = `50 12 ${"00".repeat(16)}`;
  assert.equal(find("01 03 61"), null);
  assert.equal(find(`01 03 61 ${signature}`), 25);
  for (const bad of [
    `${signature} ${signature}`,
    "50 02",
    `50 11 ${"00".repeat(15)}`,
    `50 13 ${"00".repeat(17)}`,
  ]) {
    const failure = assert.throws(() => find(bad), RadiusDiscard);
    assert.equal(failure.reason, "malformed-message-authenticator");
  }
});
