import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import { CborFailure } from "../../../src/base/cbor.ts";
import { unix } from "../../../src/base/machine.ts";
import * as messages from "../../../src/policy/devices/messages.ts";

/** RFC 8949 §3.1: major type 2 with one octet of length. */
const ID = "00".repeat(31) + "07";
const PROOF = "11".repeat(16);
const DIGEST = "22".repeat(32);

/** Each message as octets laid out by RFC 8949, and what it says. */
interface Vector<T> {
  readonly name: string;
  readonly octets: string;
  readonly value: T;
  readonly encode: (value: T) => Uint8Array;
  readonly parse: (body: Uint8Array) => T;
}

const vector = <T>(each: Vector<T>): Vector<unknown> => each as unknown as Vector<unknown>;

const { encodeHomeFacts, parseHomeFacts, encodeAdoptionRequest, parseAdoptionRequest } = messages;
const { encodeLiveReport, parseLiveReport, encodeLiveAnswer, parseLiveAnswer } = messages;
const { encodeAdoptionAnswer, parseAdoptionAnswer } = messages;
const { encodeAdoptionStanding, parseAdoptionStanding } = messages;

const VECTORS: readonly Vector<unknown>[] = [
  vector({
    name: "the home's facts",
    // {1: 1, 2: ["est"], 3: 1800000000, 4: 864000, 5: 1728000, 6: h'0102030405060708'}
    octets: "a6 0101 028163657374 031a6b49d200 041a000d2f00 051a001a5e00 06480102030405060708",
    value: {
      version: 1,
      features: ["est"],
      time: unix(1_800_000_000),
      windowSeconds: 864_000,
      releaseSeconds: 1_728_000,
      authority: hex("0102030405060708"),
    },
    encode: encodeHomeFacts,
    parse: parseHomeFacts,
  }),
  vector({
    name: "the facts of a home that does not know the time",
    octets: "a5 0101 0280 0400 0500 06480102030405060708",
    value: {
      version: 1,
      features: [],
      time: null,
      windowSeconds: 0,
      releaseSeconds: 0,
      authority: hex("0102030405060708"),
    },
    encode: encodeHomeFacts,
    parse: parseHomeFacts,
  }),
  vector({
    name: "the least a device says",
    // {1: id, 3: "lamp", 6: false}
    octets: `a3 015820${ID} 03646c616d70 06f4`,
    value: {
      deviceId: hex(ID),
      name: null,
      type: "lamp",
      model: null,
      releaseToken: null,
      passive: false,
      mudUrl: null,
      proof: null,
    },
    encode: encodeAdoptionRequest,
    parse: parseAdoptionRequest,
  }),
  vector({
    name: "all a device may say",
    octets: `a8 015820${ID} 0262c3bc 03646c616d70 04624c33 0541ff 06f5 07 69 68747470733a2f2f61 0850${PROOF}`,
    value: {
      deviceId: hex(ID),
      name: "ü",
      type: "lamp",
      model: "L3",
      releaseToken: hex("ff"),
      passive: true,
      mudUrl: "https://a",
      proof: hex(PROOF),
    },
    encode: encodeAdoptionRequest,
    parse: parseAdoptionRequest,
  }),
  vector({
    name: "an answer with the home's proof",
    octets: `a1 0150${PROOF}`,
    value: { proof: hex(PROOF) },
    encode: encodeAdoptionAnswer,
    parse: parseAdoptionAnswer,
  }),
  vector({
    name: "an answer without",
    octets: "a0",
    value: { proof: null },
    encode: encodeAdoptionAnswer,
    parse: parseAdoptionAnswer,
  }),
  vector({
    name: "pending",
    octets: "a1 0100",
    value: "pending",
    encode: encodeAdoptionStanding,
    parse: parseAdoptionStanding,
  }),
  vector({
    name: "approved",
    octets: "a1 0101",
    value: "approved",
    encode: encodeAdoptionStanding,
    parse: parseAdoptionStanding,
  }),
  vector({
    name: "a report",
    octets: `a3 01190e10 025820${DIGEST} 0307`,
    value: { uptimeSeconds: 3600, firmware: hex(DIGEST), crlNumber: 7 },
    encode: encodeLiveReport,
    parse: parseLiveReport,
  }),
  vector({
    name: "what a device that lives is told",
    octets: "a7 011a6b49d200 0201 0302 0403 0504 06f5 07f4",
    value: {
      time: unix(1_800_000_000),
      windowSeconds: 1,
      releaseSeconds: 2,
      periodSeconds: 3,
      crlNumber: 4,
      renew: true,
      locked: false,
    },
    encode: encodeLiveAnswer,
    parse: parseLiveAnswer,
  }),
];

const PARSERS = [
  parseHomeFacts,
  parseAdoptionRequest,
  parseAdoptionAnswer,
  parseAdoptionStanding,
  parseLiveReport,
  parseLiveAnswer,
];

const octetsOf = ({ octets }: Vector<unknown>): Uint8Array => hex(octets);

/** The failure's name; null for what was read. */
function refusal(parse: (body: Uint8Array) => unknown, body: Uint8Array): string | null {
  try {
    parse(body);
    return null;
  } catch (failure) {
    if (failure instanceof CborFailure || failure instanceof RangeError) return failure.name;
    throw failure;
  }
}

for (const each of VECTORS) {
  test(`${each.name}: octets as RFC 8949 has them, both ways`, () => {
    assert.equal(toHex(each.encode(each.value)), toHex(octetsOf(each)));
    assert.deepEqual(each.parse(octetsOf(each)), each.value);
  });

  test(`${each.name}: every beginning of it is refused, and what follows it`, () => {
    const octets = octetsOf(each);
    for (let end = 0; end < octets.length; end++) {
      assert.equal(refusal(each.parse, octets.subarray(0, end)), "CborFailure", `${end} octets`);
    }
    assert.equal(refusal(each.parse, concat(octets, Uint8Array.of(0))), "CborFailure");
  });
}

test("a key that is not known is refused, wherever it stands", () => {
  for (const each of VECTORS) {
    const octets = octetsOf(each);
    // One pair more: 23 → 0.
    const more = concat(Uint8Array.of(octets[0]! + 1), octets.subarray(1), Uint8Array.of(0x17, 0));
    assert.equal(refusal(each.parse, more), "CborFailure", each.name);
  }
});

test("any octets are read or refused with the failures there are", () => {
  const mangled = fc
    .tuple(fc.constantFrom(...VECTORS.map(octetsOf)), fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([octets, at, flip]) =>
      octets.map((octet, n) => (n === at % octets.length ? octet ^ flip : octet)),
    );
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mangled), (body) => {
      for (const parse of PARSERS) refusal(parse, body);
    }),
    { numRuns: 300, seed: 4 },
  );
});

test("what a device says of itself is refused where people could not be shown it", () => {
  const wanted = parseAdoptionRequest(octetsOf(VECTORS[3]!));
  const cases: readonly Partial<messages.AdoptionRequest>[] = [
    { type: "" },
    { type: "Lamp" },
    { type: "a".repeat(17) },
    { type: 'a"\n' },
    { name: "" },
    { name: " padded" },
    { name: "\u001b[2J" },
    { name: "\u202e" },
    { name: "n".repeat(65) },
    { model: "m\u0000" },
    { mudUrl: "http://a" },
    { mudUrl: "https://a b" },
    { mudUrl: `https://${"a".repeat(1017)}` },
    { deviceId: new Uint8Array(31) },
    { deviceId: new Uint8Array(33) },
    { proof: new Uint8Array(15) },
    { releaseToken: new Uint8Array(0) },
    { releaseToken: new Uint8Array(1025) },
  ];
  for (const change of cases) {
    const body = encodeAdoptionRequest({ ...wanted, ...change });
    assert.notEqual(refusal(parseAdoptionRequest, body), null, JSON.stringify(change));
  }
  const longest = {
    name: "n".repeat(64),
    type: "a".repeat(16),
    releaseToken: new Uint8Array(1024),
  };
  assert.equal(
    refusal(parseAdoptionRequest, encodeAdoptionRequest({ ...wanted, ...longest })),
    null,
  );
});

test("a body beyond the longest message is not looked at", () => {
  assert.equal(refusal(parseHomeFacts, new Uint8Array(messages.MAX_MESSAGE + 1)), "CborFailure");
});
