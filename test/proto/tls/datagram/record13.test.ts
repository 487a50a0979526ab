import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../../src/base/bytes.ts";
import type { Crypto } from "../../../../src/base/crypto/crypto.ts";
import { hkdfExpand } from "../../../../src/base/crypto/kdf.ts";
import { noble } from "../../../../src/base/crypto/noble.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import type { DatagramDiscard } from "../../../../src/proto/tls/datagram/discard.ts";
import { maxFailures, plainRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import type { OpenedRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import {
  closestSequence,
  datagramKeys,
  EpochReader13,
  EpochWriter13,
} from "../../../../src/proto/tls/datagram/record13.ts";
import type { Epoch13Options } from "../../../../src/proto/tls/datagram/record13.ts";
import { DatagramContentType, MAX_SEQUENCE } from "../../../../src/proto/tls/datagram/wire.ts";
import { TlsFailure } from "../../../../src/proto/tls/failure.ts";
import { SUITES_13 } from "../../../../src/proto/tls/suites.ts";
import type { Suite } from "../../../../src/proto/tls/suites.ts";
import { ContentType } from "../../../../src/proto/tls/wire.ts";

const { handshake, applicationData, alert } = ContentType;
const { ack } = DatagramContentType;
const GCM = SUITES_13.TLS_AES_128_GCM_SHA256;
const CHACHA = SUITES_13.TLS_CHACHA20_POLY1305_SHA256;
/** Not offered in DTLS 1.3; its short tag is what makes padding necessary. */
const CCM_8: Suite = { ...SUITES_13.TLS_AES_128_CCM_SHA256, aead: "aes-128-ccm-8", tagLength: 8 };
const CID = hex("c1c2c3c4c5c6c7c8");

function options(suite: Suite, more: Partial<Epoch13Options> = {}): Epoch13Options {
  const keys = {
    key: new Uint8Array(suite.keyLength).fill(7),
    iv: Uint8Array.from({ length: 12 }, (_, at) => 0xa0 + at),
    recordNumberKey: new Uint8Array(suite.keyLength).fill(9),
  };
  return { suite, keys, epoch: 3, ...more };
}

function opening(
  reader: EpochReader13,
  datagram: Uint8Array,
  cidLength = 0,
): ReturnType<EpochReader13["open"]> {
  const { records, discards } = cutDatagram(datagram, cidLength);
  assert.deepEqual([records.length, discards], [1, []]);
  return reader.open(records[0]!);
}

function opened(reader: EpochReader13, datagram: Uint8Array, cidLength = 0): OpenedRecord {
  const result = opening(reader, datagram, cidLength);
  if (result.kind === "discarded") assert.fail(result.reason);
  return result;
}

function dropped(reader: EpochReader13, datagram: Uint8Array, cidLength = 0): DatagramDiscard {
  const result = opening(reader, datagram, cidLength);
  if (result.kind === "record") assert.fail("it was opened");
  return result.reason;
}

interface TwinForm {
  readonly cid?: Uint8Array;
  readonly sequence: number;
  readonly sequenceLength: 1 | 2;
  readonly withLength: boolean;
}

/** RFC 9147 §4 once more, step by step and in any of its forms; the cipher of the suite is AES-128-GCM. */
function twin(
  crypto: Crypto,
  inner: Uint8Array,
  { cid, sequence, sequenceLength, withLength }: TwinForm,
): Uint8Array {
  const flags = `001${cid === undefined ? 0 : 1}${sequenceLength - 1}${withLength ? 1 : 0}11`;
  const header = new Writer().u8(Number.parseInt(flags, 2)).raw(cid ?? hex(""));
  if (sequenceLength === 1) header.u8(sequence % 256);
  else header.u16(sequence % 65536);
  if (withLength) header.u16(inner.length + 16);
  const nonce = hex("a0a1a2a3a4a5a6a7a8a9aaab");
  // The 64-bit number over the last eight octets: these tests stay below 2^32.
  for (let at = 0; at < 4; at++) nonce[11 - at]! ^= Math.floor(sequence / 256 ** at) % 256;
  const ciphertext = crypto
    .aead("aes-128-gcm", new Uint8Array(16).fill(7))
    .seal(nonce, header.bytes(), inner);
  const mask = crypto
    .recordNumberCipher("aes-128", new Uint8Array(16).fill(9))
    .mask(ciphertext.slice(0, 16));
  const record = concat(header.bytes(), ciphertext);
  const at = 1 + (cid?.length ?? 0);
  for (let octet = 0; octet < sequenceLength; octet++) record[at + octet]! ^= mask[octet]!;
  return record;
}

for (const crypto of providers) {
  test(`${crypto.name}: a record is header, number under the mask, and ciphertext bound to the header in the clear (RFC 9147 §4)`, () => {
    const writer = new EpochWriter13(crypto, options(GCM));
    const named = new EpochWriter13(crypto, options(GCM, { cid: CID }));
    for (let sequence = 0; sequence < 3; sequence++) {
      const inner = concat(utf8(`text ${sequence}`), hex("17"));
      const form = { sequence, sequenceLength: 2, withLength: true } as const;
      const sealed = writer.seal(applicationData, utf8(`text ${sequence}`));
      assert.deepEqual(sealed, {
        record: twin(crypto, inner, form),
        number: { epoch: 3, sequence },
      });
      assert.equal(sealed.record.length, 6 + writer.overhead);
      const { record } = named.seal(applicationData, utf8(`text ${sequence}`));
      assert.deepEqual(record, twin(crypto, inner, { ...form, cid: CID }));
      assert.equal(record.length, 6 + named.overhead);
    }
  });

  test(`${crypto.name}: every form of the header is read (RFC 9147 §4)`, () => {
    for (const cid of [undefined, CID]) {
      const reader = new EpochReader13(crypto, options(GCM, cid === undefined ? {} : { cid }));
      let sequence = 250;
      for (const sequenceLength of [2, 1, 2, 1] as const) {
        for (const withLength of [true, false]) {
          const form = { sequence, sequenceLength, withLength };
          const record = twin(
            crypto,
            hex("6869 16 0000"),
            cid === undefined ? form : { ...form, cid },
          );
          const result = opened(reader, record, cid?.length);
          assert.deepEqual(
            [result.type, result.content, result.newest],
            [handshake, utf8("hi"), true],
          );
          assert.deepEqual(result.number, { epoch: 3, sequence });
          sequence += 2;
        }
      }
    }
  });

  for (const suite of [...Object.values(SUITES_13), CCM_8]) {
    test(`${crypto.name}: ${suite.aead} opens what it sealed, out of order and once, behind at least 16 octets of ciphertext`, () => {
      for (const cid of [new Uint8Array(), CID]) {
        const writer = new EpochWriter13(crypto, options(suite, { cid }));
        const reader = new EpochReader13(crypto, options(suite, { cid }));
        const first = writer.seal(handshake, utf8("the first one")).record;
        const second = writer.seal(ack, new Uint8Array()).record;
        assert.equal(first.length, 13 + writer.overhead);
        assert.equal(second.length, 5 + cid.length + Math.max(16, 1 + suite.tagLength));
        const late = opened(reader, second, cid.length);
        assert.deepEqual([late.type, late.content, late.newest], [ack, new Uint8Array(), true]);
        const early = opened(reader, first, cid.length);
        assert.deepEqual([early.content, early.newest], [utf8("the first one"), false]);
        assert.equal(dropped(reader, first, cid.length), "repeated-record");
      }
    });
  }
}

test("RFC 9147 §4.2.3: keys are expanded as key, iv and sn", () => {
  const secret = new Uint8Array(32).fill(5);
  const expand = (label: string, length: number): Uint8Array => {
    const info = new Writer()
      .u16(length)
      .vector8(utf8(`dtls13${label}`))
      .vector8(hex(""));
    return hkdfExpand(noble, "sha256", secret, info.bytes(), length);
  };
  const keys = datagramKeys(CHACHA, expand);
  assert.deepEqual([keys.key.length, keys.iv.length, keys.recordNumberKey.length], [32, 12, 32]);
  assert.deepEqual(keys.recordNumberKey, expand("sn", 32));
  assert.deepEqual(keys.key, expand("key", 32));
  assert.deepEqual(keys.iv, expand("iv", 12));
});

test("RFC 9147 §4.2.2: of all numbers with these low bits the one closest to the expected", () => {
  const cases: readonly (readonly [number, number, number, number])[] = [
    [0, 0, 256, 0],
    [0, 255, 256, 255],
    [1, 255, 256, 255],
    [255, 0, 256, 256],
    [256, 255, 256, 255],
    [300, 0, 256, 256],
    [1000, 0xe8, 256, 1000],
    [0x1ffff, 0, 65536, 0x20000],
    [0x20000, 0xffff, 65536, 0x1ffff],
    [MAX_SEQUENCE, 0, 65536, MAX_SEQUENCE - 65535],
  ];
  for (const [expected, low, modulus, sequence] of cases) {
    assert.equal(closestSequence(expected, low, modulus), sequence, `${expected} ${low}`);
  }
});

test("property: a number within half the range of the expected one is found again", () => {
  const anyModulus = fc.constantFrom(256, 65536);
  fc.assert(
    fc.property(fc.nat(2 ** 30), fc.nat(2 ** 16 - 1), anyModulus, (expected, offset, modulus) => {
      const sequence = expected - modulus / 2 + 1 + (offset % (modulus - 1));
      if (sequence < 0) return;
      assert.equal(closestSequence(expected, sequence % modulus, modulus), sequence);
    }),
  );
});

test("a reader follows the numbers over the end of their 16 bits", () => {
  const reader = new EpochReader13(noble, options(GCM));
  let last = new Uint8Array();
  for (let sequence = 0; sequence <= 65537; sequence++) {
    // No step is longer than half of the 16 bits; around their end there are all.
    if (sequence % 20000 !== 0 && sequence < 65534) continue;
    last = twin(noble, hex("17"), { sequence, sequenceLength: 2, withLength: true }).slice();
    assert.equal(opened(reader, last).number.sequence, sequence);
  }
  assert.equal(dropped(reader, last), "repeated-record");
  assert.equal(
    opened(reader, twin(noble, hex("17"), { sequence: 65500, sequenceLength: 2, withLength: true }))
      .newest,
    false,
  );
});

test("RFC 9147 §4.2.2: the expected number is one above the highest opened", () => {
  const reader = new EpochReader13(noble, options(GCM));
  // 1128 is 127 above 1001; seen from 1000 the nearer one with its low octet is 872.
  for (const [sequence, sequenceLength] of [
    [1000, 2],
    [1128, 1],
  ] as const) {
    const record = twin(noble, hex("17"), { sequence, sequenceLength, withLength: true });
    assert.equal(opened(reader, record).number.sequence, sequence);
  }
});

test("whatever changes in a record, header included, it is dropped and the window does not move", () => {
  for (const cid of [new Uint8Array(), CID]) {
    const good = new EpochWriter13(noble, options(GCM, { cid })).seal(
      applicationData,
      utf8("text"),
    ).record;
    const reader = new EpochReader13(noble, options(GCM, { cid }));
    for (let at = 0; at < good.length; at++) {
      for (const bit of [1, 4, 8, 128]) {
        const bad = good.slice();
        bad[at]! ^= bit;
        for (const record of cutDatagram(bad, cid.length).records) {
          assert.equal(reader.open(record).kind, "discarded", `octet ${at}`);
        }
      }
    }
    assert.equal(opened(reader, good, cid.length).number.sequence, 0);
  }
});

test("RFC 9147 §4.2.3: fewer than 16 octets of ciphertext are no record, and no attempt", () => {
  const reader = new EpochReader13(noble, options(GCM, { maxFailures: 1 }));
  for (const length of [0, 15, 16]) {
    assert.equal(
      dropped(reader, concat(hex("23 00"), new Uint8Array(length))),
      "ciphertext-too-short",
    );
  }
  assert.equal(reader.failuresLeft, 1);
  assert.equal(dropped(reader, concat(hex("23 00"), new Uint8Array(17))), "not-authentic");
  assert.equal(reader.failuresLeft, 0);
});

test("an epoch opens records with its own two bits alone, and no other form", () => {
  const record = new EpochWriter13(noble, options(GCM, { epoch: 2 })).seal(
    handshake,
    utf8("x"),
  ).record;
  const reader = new EpochReader13(noble, options(GCM));
  assert.equal(dropped(reader, record), "other-epoch");
  assert.equal(
    dropped(reader, plainRecord(22, 0xfefd, { epoch: 0, sequence: 0 }, utf8("x"))),
    "wrong-record-form",
  );
  assert.equal(
    opened(new EpochReader13(noble, options(GCM, { epoch: 6 })), record).number.epoch,
    6,
  );
});

test("RFC 9147 §9: the ids a reader takes and a writer uses can be changed", () => {
  const other = hex("0102030405060708");
  const writer = new EpochWriter13(noble, options(GCM, { cid: CID }));
  const reader = new EpochReader13(noble, options(GCM, { cid: CID }));
  writer.useConnectionId(other);
  const record = writer.seal(applicationData, utf8("x")).record;
  assert.equal(dropped(reader, record, 8), "other-connection-id");
  reader.acceptConnectionIds([CID, other]);
  opened(reader, record, 8);
  const nameless = new EpochWriter13(noble, options(GCM)).seal(applicationData, utf8("y")).record;
  assert.equal(dropped(reader, nameless, 8), "connection-id-missing");
  assert.equal(
    dropped(new EpochReader13(noble, options(GCM)), record, 8),
    "unexpected-connection-id",
  );
});

test("no type, ChangeCipherSpec, connection id record or too much text inside is the peer's own fault", () => {
  const inners = [
    hex("00"),
    hex("0000"),
    hex("0114"),
    hex("0119"),
    hex("0118"),
    new Uint8Array(2 ** 14 + 2),
  ];
  const reasons = inners.map((inner) => {
    const record = twin(noble, inner, { sequence: 0, sequenceLength: 2, withLength: true });
    const result = opening(new EpochReader13(noble, options(GCM)), record);
    assert.ok(result.kind === "discarded" && result.authentic);
    return result.reason;
  });
  assert.deepEqual(reasons, [
    "no-content-type",
    "no-content-type",
    "bad-inner-type",
    "bad-inner-type",
    "bad-inner-type",
    "plaintext-too-long",
  ]);
});

test("a key seals as many records as it may, and alerts beyond", () => {
  const writer = new EpochWriter13(noble, options(GCM, { maxRecords: 1 }));
  writer.seal(handshake, utf8("1"));
  assert.equal(writer.recordsLeft, 0);
  assert.equal(
    assert.throws(() => writer.seal(applicationData, utf8("2")), TlsFailure).reason,
    "too-many-records",
  );
  assert.equal(writer.seal(alert, hex("0100")).number.sequence, 1);
});

test("RFC 9147 §4.5.3: beyond its limit of forgeries a key opens nothing", () => {
  assert.equal(maxFailures("aes-128-gcm"), 2 ** 36);
  assert.equal(maxFailures("chacha20-poly1305"), 2 ** 36);
  assert.equal(maxFailures("aes-128-ccm"), 11_863_283);
  assert.ok(maxFailures("aes-128-ccm-8") < maxFailures("aes-128-ccm"));
  const reader = new EpochReader13(noble, options(GCM, { maxFailures: 1 }));
  const good = new EpochWriter13(noble, options(GCM)).seal(handshake, utf8("1")).record;
  const forged = good.slice();
  forged[forged.length - 1]! ^= 1;
  assert.equal(dropped(reader, forged), "not-authentic");
  assert.equal(dropped(reader, good), "key-worn-out");
});

test("property: a reader drops any octets", () => {
  const readers = [options(GCM), options(CHACHA, { cid: CID })].map(
    (each) => new EpochReader13(noble, each),
  );
  const anyRecord = fc.tuple(
    fc.integer({ min: 0x20, max: 0x3f }),
    fc.uint8Array({ maxLength: 60 }),
  );
  fc.assert(
    fc.property(anyRecord, ([first, rest]) => {
      for (const reader of readers) {
        for (const record of cutDatagram(concat(Uint8Array.of(first), rest), 8).records) {
          assert.equal(reader.open(record).kind, "discarded");
        }
      }
    }),
  );
});
