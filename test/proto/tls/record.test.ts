import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { ByteQueue } from "../../../src/proto/tls/byte-queue.ts";
import { TlsFailure } from "../../../src/proto/tls/failure.ts";
import { HandshakeJoiner } from "../../../src/proto/tls/handshake-joiner.ts";
import {
  Reading12,
  RecordProtection,
  RecordReader,
  RecordWriter,
  sequenceOctets,
  xoredNonce,
} from "../../../src/proto/tls/record.ts";
import type { EpochKeys, PlainRecord } from "../../../src/proto/tls/record.ts";
import { RecordNonces } from "../../../src/proto/tls/record13.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import type { Suite } from "../../../src/proto/tls/suites.ts";
import { ContentType } from "../../../src/proto/tls/wire.ts";

const GCM = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const CHACHA = SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
const { applicationData, alert, handshake } = ContentType;

function epochKeys(suite: Suite): EpochKeys {
  const keys = {
    key: new Uint8Array(suite.keyLength).fill(7),
    iv: Uint8Array.from({ length: suite.fixedIvLength }, (_, at) => 0xa0 + at),
  };
  return { version: "TLS 1.2", suite, keys, epoch: 1 };
}

function protection(crypto: Crypto, suite: Suite, maxRecords?: number): RecordProtection {
  return new RecordProtection(crypto, suite, epochKeys(suite).keys, maxRecords);
}

function reading(bytes: Uint8Array): PlainRecord[] {
  const reader = new RecordReader();
  reader.push(bytes);
  const records: PlainRecord[] = [];
  for (let record = reader.next(); record !== null; record = reader.next()) records.push(record);
  return records;
}

for (const crypto of providers) {
  // The nonce and the associated data are written out here by hand and sealed with the bare AEAD.
  test(`${crypto.name}: GCM takes salt and sequence number as nonce, and sends the latter (RFC 5288 §3)`, () => {
    const sealing = protection(crypto, GCM);
    sealing.seal(applicationData, utf8("first"));
    const aead = crypto.aead("aes-128-gcm", new Uint8Array(16).fill(7));
    const associated = hex("0000000000000001 17 0303 0006");
    const expected = aead.seal(hex("a0a1a2a3 0000000000000001"), associated, utf8("second"));
    const sealed = sealing.seal(applicationData, utf8("second"));
    assert.deepEqual(sealed, concat(hex("0000000000000001"), expected));
  });

  test(`${crypto.name}: ChaCha20-Poly1305 mixes the sequence number into the nonce and sends none (RFC 7905 §2)`, () => {
    const sealing = protection(crypto, CHACHA);
    sealing.seal(applicationData, utf8("first"));
    const aead = crypto.aead("chacha20-poly1305", new Uint8Array(32).fill(7));
    const associated = hex("0000000000000001 17 0303 0006");
    const nonce = hex("a0a1a2a3a4a5a6a7a8a9aaaa");
    const expected = aead.seal(nonce, associated, utf8("second"));
    assert.deepEqual(sealing.seal(applicationData, utf8("second")), expected);
  });

  for (const suite of Object.values(SUITES)) {
    test(`${crypto.name}: ${suite.name} opens what it sealed, in order only, and with its overhead`, () => {
      const sealing = protection(crypto, suite);
      const first = sealing.seal(applicationData, utf8("first"));
      const second = sealing.seal(alert, new Uint8Array());
      assert.equal(first.length, 5 + sealing.overhead);
      const opening = protection(crypto, suite);
      assert.deepEqual(opening.open(applicationData, first), utf8("first"));
      assert.deepEqual(opening.open(alert, second), new Uint8Array());
      const behind = assert.throws(() => opening.open(alert, second), TlsFailure);
      assert.equal(behind.reason, "record-not-authentic");
    });
  }
}

test("a key protects as many records as it may; only an alert still goes out", () => {
  const sealing = protection(noble, GCM, 2);
  const records = [1, 2].map((octet) => sealing.seal(applicationData, Uint8Array.of(octet)));
  const late = assert.throws(() => sealing.seal(applicationData, hex("03")), TlsFailure);
  assert.equal(late.reason, "too-many-records");
  assert.equal(late.alert, "internal_error");
  const last = sealing.seal(alert, hex("0250"));

  const opening = protection(noble, GCM, 2);
  for (const record of records) opening.open(applicationData, record);
  assert.equal(
    assert.throws(() => opening.open(alert, last), TlsFailure).reason,
    "too-many-records",
  );
});

test("every suite's bound on records keeps sequence numbers exact", () => {
  for (const { maxRecords } of Object.values(SUITES)) {
    assert.ok(maxRecords <= 2 ** 48 && Number.isSafeInteger(maxRecords));
  }
});

test("the keys given may be overwritten at once", () => {
  const keys = { key: new Uint8Array(16).fill(7), iv: hex("a0a1a2a3") };
  const sealing = new RecordProtection(noble, GCM, keys);
  keys.key.fill(0);
  keys.iv.fill(0);
  const sealed = sealing.seal(handshake, utf8("text"));
  assert.deepEqual(protection(noble, GCM).open(handshake, sealed), utf8("text"));
});

test("a plaintext of 2^14 octets is a record, and content beyond it is cut", () => {
  const content = new Uint8Array(2 ** 14 + 1).fill(1);
  const records = reading(new RecordWriter().write(handshake, content));
  assert.deepEqual(
    records.map(({ fragment }) => fragment.length),
    [2 ** 14, 1],
  );
  assert.equal(new RecordWriter().write(handshake, new Uint8Array()).length, 0);
});

test("property: content survives any chunking, cut into records of any limit", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      fc.integer({ min: 64, max: 700 }),
      fc.array(fc.integer({ min: 1, max: 300 })),
      (content, limit, cuts) => {
        const writer = new RecordWriter();
        writer.protect(protection(noble, GCM));
        writer.limitPlaintext(limit);
        const wire = writer.write(applicationData, content);
        const reader = new RecordReader();
        reader.follow(new Reading12());
        reader.rules.protect(noble, epochKeys(GCM));
        reader.rules.limitPlaintext(limit);
        const fragments: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const size = cuts[turn] ?? wire.length;
          reader.push(wire.subarray(at, at + size));
          at += size;
          for (let next = reader.next(); next !== null; next = reader.next()) {
            assert.ok(next.fragment.length <= limit);
            fragments.push(next.fragment);
          }
        }
        assert.deepEqual(concat(...fragments), content);
        assert.equal(reader.buffered, 0);
      },
    ),
    { numRuns: 30 },
  );
});

test("property: messages are joined however they are cut", () => {
  const messages = fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 })), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 50 }), (list, size) => {
      const wholes = list.map(([type, body]) =>
        concat(Uint8Array.of(type, 0, 0, body.length), body),
      );
      const stream = concat(...wholes);
      const joiner = new HandshakeJoiner(60);
      const joined: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) {
        joiner.push(stream.subarray(at, at + size));
        for (let next = joiner.next(); next !== null; next = joiner.next()) joined.push(next.whole);
      }
      assert.deepEqual(joined, wholes);
      assert.ok(!joiner.pending);
    }),
  );
});

test("property: a queue gives back what was pushed, in order", () => {
  const steps = fc.array(fc.tuple(fc.uint8Array({ maxLength: 1500 }), fc.nat(1500)), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const queue = new ByteQueue();
      let expected: Uint8Array = new Uint8Array();
      for (const [pushed, taken] of list) {
        queue.push(pushed);
        expected = concat(expected, pushed);
        const length = Math.min(taken, expected.length);
        assert.deepEqual(queue.take(length), expected.slice(0, length));
        expected = expected.slice(length);
        assert.equal(queue.length, expected.length);
      }
    }),
  );
});

test("a nonce of TLS 1.3 is the IV with the number over its end, up to the highest number there is", () => {
  const iv = hex("80f1e2d3 c4b5a697 f8e9dacb");
  const buffer = concat(Uint8Array.of(0), iv);
  const nonces = new RecordNonces(buffer.subarray(1));
  buffer.fill(0);
  for (const sequence of [0, 1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1, 2 ** 53 - 1]) {
    assert.deepEqual(nonces.of(sequence), xoredNonce(iv, sequenceOctets(sequence)));
  }
});
