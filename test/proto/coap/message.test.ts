import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { CoapDiscard } from "../../../src/proto/coap/failure.ts";
import {
  encodeEmpty,
  encodeMessage,
  MAX_OPTIONS,
  type Message,
  parseMessage,
} from "../../../src/proto/coap/message.ts";
import {
  CONTENT_NON,
  GET_NON,
  GET_SLOW,
  GET_TEMPERATURE,
  GET_WITH_TOKEN,
  PIGGYBACKED,
  PIGGYBACKED_WITH_TOKEN,
  SEPARATE,
  SEPARATE_ACKNOWLEDGED,
  SLOW_ACKNOWLEDGED,
  UNEXPECTED,
  UNEXPECTED_RESET,
} from "../../vectors/coap/messages.ts";

const ALL = [
  GET_TEMPERATURE,
  PIGGYBACKED,
  GET_WITH_TOKEN,
  PIGGYBACKED_WITH_TOKEN,
  GET_SLOW,
  SLOW_ACKNOWLEDGED,
  SEPARATE,
  SEPARATE_ACKNOWLEDGED,
  UNEXPECTED,
  UNEXPECTED_RESET,
  GET_NON,
  CONTENT_NON,
];

/** `REASON at OFFSET`, and what is answered. */
function refusalOf(datagram: string | Uint8Array): string {
  const bytes = typeof datagram === "string" ? hex(datagram) : datagram;
  const { reason, at, resets } = assert.throws(() => parseMessage(bytes), CoapDiscard);
  const answer = resets === null ? "silence" : `RST ${resets.toString(16)}`;
  return `${reason} at ${at}: ${answer}`;
}

test("RFC 7252 Figure 17: a confirmable GET has its token, its path and no payload", () => {
  assert.deepEqual(parseMessage(GET_WITH_TOKEN), {
    type: "CON",
    code: 1,
    messageId: 0x7d35,
    token: hex("20"),
    options: [{ number: 11, value: utf8("temperature") }],
    payload: hex(""),
  });
});

test("RFC 7252 Figure 17: its response has the same Message ID and token, and a payload", () => {
  const { type, code, messageId, token, payload } = parseMessage(PIGGYBACKED_WITH_TOKEN);
  assert.deepEqual([type, code, messageId], ["ACK", 0x45, 0x7d35]);
  assert.deepEqual([token, payload], [hex("20"), utf8("22.3 C")]);
});

test("RFC 7252 Appendix A: what was parsed encodes to the same octets", () => {
  for (const bytes of ALL) assert.deepEqual(encodeMessage(parseMessage(bytes)), bytes);
});

test("an empty acknowledgement and a Reset are four octets", () => {
  assert.deepEqual(encodeEmpty("ACK", 0x7d38), SLOW_ACKNOWLEDGED);
  assert.deepEqual(encodeEmpty("RST", 0xad7c), UNEXPECTED_RESET);
});

test("every strict prefix of a header is truncated and met with silence", () => {
  for (let length = 0; length < 4; length++) {
    assert.equal(refusalOf(GET_TEMPERATURE.subarray(0, length)), `truncated at ${length}: silence`);
  }
});

test("a confirmable message cut in its token or its option is reset, one cut before its payload too", () => {
  assert.equal(refusalOf("42 01 7d35 20"), "truncated at 5: RST 7d35");
  assert.equal(refusalOf(GET_TEMPERATURE.subarray(0, 12)), "truncated at 12: RST 7d34");
  assert.equal(refusalOf("40 45 0001 ff"), "empty-payload at 4: RST 1");
});

test("what is not confirmable is refused in silence", () => {
  assert.equal(refusalOf("52 01 7d35 20"), "truncated at 5: silence");
  assert.equal(refusalOf("60 45 0001 ff"), "empty-payload at 4: silence");
});

test("RFC 7252 §3: another version is met with silence, whatever else is in it", () => {
  for (const first of ["00", "80", "c0", "8f"]) {
    assert.equal(refusalOf(`${first} 01 7d35`), "bad-version at 0: silence");
  }
});

test("RFC 7252 §3: token lengths 9 to 15 are reserved", () => {
  for (let length = 9; length <= 15; length++) {
    const datagram = concat(Uint8Array.of(0x40 | length, 1, 0, 1), new Uint8Array(15));
    assert.equal(refusalOf(datagram), "bad-token-length at 0: RST 1");
  }
  assert.equal(parseMessage(hex("48 01 0001 0102030405060708")).token.length, 8);
});

test("RFC 7252 §4.1: an Empty message is its header alone", () => {
  assert.equal(parseMessage(hex("40 00 0001")).code, 0);
  assert.equal(refusalOf("41 00 0001 20"), "bad-empty at 4: RST 1");
  assert.equal(refusalOf("40 00 0001 b1 61"), "bad-empty at 4: RST 1");
  assert.equal(refusalOf("60 00 0001 ff 61"), "bad-empty at 4: silence");
});

test("RFC 7252 Table 1: a type carries its codes alone, and classes 1, 6 and 7 are carried by none", () => {
  assert.equal(refusalOf("50 00 0001"), "bad-code at 1: silence");
  assert.equal(refusalOf("60 01 0001"), "bad-code at 1: silence");
  assert.equal(refusalOf("70 45 0001"), "bad-code at 1: silence");
  for (const code of ["20", "3f", "c0", "e1"]) {
    assert.equal(refusalOf(`40 ${code} 0001`), "bad-code at 1: RST 1");
    assert.equal(refusalOf(`50 ${code} 0001`), "bad-code at 1: silence");
  }
});

test("RFC 7252 §3.1: deltas and lengths go on in one or two octets, and 15 is reserved", () => {
  const message = parseMessage(hex("40 01 0001 d1 00 61 e0 0000 0d 01").subarray(0, 10));
  assert.deepEqual(message.options, [
    { number: 13, value: hex("61") },
    { number: 13 + 269, value: hex("") },
  ]);
  const long = concat(hex("40 01 0001 0d 00"), new Uint8Array(13), hex("0e 0001"));
  const { options } = parseMessage(concat(long, new Uint8Array(270)));
  assert.deepEqual(
    options.map(({ number, value }) => [number, value.length]),
    [
      [0, 13],
      [0, 270],
    ],
  );
  assert.equal(refusalOf("40 01 0001 f0"), "bad-option at 4: RST 1");
  assert.equal(refusalOf("40 01 0001 0f"), "bad-option at 4: RST 1");
});

test("an option number above 65535 is refused", () => {
  assert.equal(parseMessage(hex("40 01 0001 e0 fef2")).options[0]?.number, 65_535);
  assert.equal(refusalOf("40 01 0001 e0 fef3"), "bad-option at 4: RST 1");
  assert.equal(refusalOf("40 01 0001 e0 fef2 10"), "bad-option at 7: RST 1");
});

test("64 options are read, and one more is refused", () => {
  const header = hex("40 01 0001");
  assert.equal(parseMessage(concat(header, new Uint8Array(MAX_OPTIONS))).options.length, 64);
  const more = concat(header, new Uint8Array(MAX_OPTIONS + 1));
  assert.equal(refusalOf(more), "too-many-options at 68: RST 1");
});

test("options are written by number, and those of one number keep their order", () => {
  const message: Message = {
    type: "CON",
    code: 1,
    messageId: 1,
    token: hex(""),
    options: [
      { number: 15, value: utf8("b") },
      { number: 11, value: utf8("x") },
      { number: 15, value: utf8("a") },
    ],
    payload: hex(""),
  };
  assert.deepEqual(encodeMessage(message), hex("40 01 0001 b1 78 41 62 01 61"));
});

test("what the form cannot hold is the caller's fault", () => {
  const good: Message = { ...parseMessage(GET_TEMPERATURE) };
  const bad: Partial<Message>[] = [
    { token: new Uint8Array(9) },
    { type: "RST" },
    { type: "ACK" },
    { code: 0 },
    { messageId: 65_536 },
    { options: [{ number: 65_536, value: hex("") }] },
  ];
  for (const change of bad) assert.throws(() => encodeMessage({ ...good, ...change }), RangeError);
});

test("property: any datagram is parsed or discarded, nothing else, and what is parsed encodes back", () => {
  const anything = fc.uint8Array({ maxLength: 200 });
  const likely = fc
    .tuple(fc.constantFrom(0x40, 0x50, 0x60, 0x44), fc.constantFrom(1, 2, 0x45), anything)
    .map(([first, code, rest]) => concat(Uint8Array.of(first, code, 0, 1), rest));
  fc.assert(
    fc.property(fc.oneof(anything, likely), (datagram) => {
      try {
        assert.deepEqual(encodeMessage(parseMessage(datagram)), datagram);
      } catch (failure) {
        if (!(failure instanceof CoapDiscard)) throw failure;
        assert.ok(failure.at <= datagram.length);
      }
    }),
  );
});
