import fc from "fast-check";
import { assert, seeded, test } from "#kit";
import { hex } from "../../../../src/base/bytes.ts";
import {
  drawConnectionId,
  encodeConnectionIdExtension,
  encodeNewConnectionId,
  encodeRequestConnectionId,
  OWN_CONNECTION_ID_LENGTH,
  parseConnectionIdExtension,
  parseNewConnectionId,
  parseRequestConnectionId,
} from "../../../../src/proto/tls/datagram/connection-id.ts";
import { MAX_CONNECTION_ID_LENGTH } from "../../../../src/proto/tls/datagram/wire.ts";
import { TlsFailure } from "../../../../src/proto/tls/failure.ts";

function refused(parse: () => unknown): void {
  assert.equal(assert.throws(parse, TlsFailure).reason, "malformed-message");
}

test("RFC 9146 §3: the extension is the id behind its length, and may be empty", () => {
  assert.deepEqual(encodeConnectionIdExtension(hex("c1c2")), hex("02 c1c2"));
  assert.deepEqual(parseConnectionIdExtension(hex("02 c1c2")), hex("c1c2"));
  assert.deepEqual(parseConnectionIdExtension(hex("00")), hex(""));
  const longest = new Uint8Array(MAX_CONNECTION_ID_LENGTH).fill(9);
  assert.deepEqual(parseConnectionIdExtension(encodeConnectionIdExtension(longest)), longest);
  for (const bad of ["", "02", "02c1", "00 00", "01c1c2"])
    refused(() => parseConnectionIdExtension(hex(bad)));
});

test("our own ids have eight random octets", () => {
  const random = seeded("ids");
  const [first, second] = [drawConnectionId(random), drawConnectionId(random)];
  assert.equal(first.length, OWN_CONNECTION_ID_LENGTH);
  assert.equal(OWN_CONNECTION_ID_LENGTH, 8);
  assert.notEqual(first.join(), second.join());
});

test("RFC 9147 §9: NewConnectionId lists ids and says whether one is to be used at once", () => {
  const message = { cids: [hex("a1"), hex(""), hex("b1b2")], immediate: true };
  const body = encodeNewConnectionId(message);
  assert.deepEqual(body, hex("0006 01a1 00 02b1b2 00"));
  assert.deepEqual(parseNewConnectionId(body), message);
  assert.deepEqual(parseNewConnectionId(hex("0000 01")), { cids: [], immediate: false });
  for (let length = 0; length < body.length; length++)
    refused(() => parseNewConnectionId(body.subarray(0, length)));
  for (const bad of ["0000 00", "0000 02", "0000 01 00", "0002 02a1 00"])
    refused(() => parseNewConnectionId(hex(bad)));
});

test("RFC 9147 §9: RequestConnectionId is one number", () => {
  assert.deepEqual(encodeRequestConnectionId(3), hex("03"));
  assert.equal(parseRequestConnectionId(hex("ff")), 255);
  for (const bad of ["", "0101"]) refused(() => parseRequestConnectionId(hex(bad)));
});

test("property: any octets are parsed or refused, and what was written is read", () => {
  const cid = fc.uint8Array({ maxLength: 20 });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(cid, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (octets, cids, immediate) => {
        for (const parse of [
          parseConnectionIdExtension,
          parseNewConnectionId,
          parseRequestConnectionId,
        ]) {
          try {
            parse(octets);
          } catch (failure) {
            assert.ok(failure instanceof TlsFailure && failure.reason === "malformed-message");
          }
        }
        assert.deepEqual(parseNewConnectionId(encodeNewConnectionId({ cids, immediate })), {
          cids,
          immediate,
        });
      },
    ),
  );
});
