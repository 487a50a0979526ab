import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, fromUtf8, hex, toHex, utf8 } from "../../../../src/base/bytes.ts";
import type { Crypto } from "../../../../src/base/crypto/crypto.ts";
import { prfTls12 } from "../../../../src/base/crypto/kdf.ts";
import { noble } from "../../../../src/base/crypto/noble.ts";
import { splitCookie, parseHelloVerify } from "../../../../src/proto/tls/datagram/cookie.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import type { WireRecord } from "../../../../src/proto/tls/datagram/cut.ts";
import type { DatagramDiscard } from "../../../../src/proto/tls/datagram/discard.ts";
import {
  PlainEpochReader,
  PlainEpochWriter,
  plainRecord,
} from "../../../../src/proto/tls/datagram/epoch.ts";
import type { EpochReader, OpenedRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import { transcriptForm12 } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import { Reassembler } from "../../../../src/proto/tls/datagram/reassembly.ts";
import type { ReassembledMessage } from "../../../../src/proto/tls/datagram/reassembly.ts";
import { EpochReader12, EpochWriter12 } from "../../../../src/proto/tls/datagram/record12.ts";
import type { Epoch12Options } from "../../../../src/proto/tls/datagram/record12.ts";
import { TlsFailure } from "../../../../src/proto/tls/failure.ts";
import type { DirectionKeys } from "../../../../src/proto/tls/record.ts";
import { SUITES } from "../../../../src/proto/tls/suites.ts";
import type { Suite } from "../../../../src/proto/tls/suites.ts";
import { ContentType } from "../../../../src/proto/tls/wire.ts";
import { CAPTURES, CLIENT_LINE, SERVER_LINE } from "./openssl-dtls12.ts";
import type { Capture } from "./openssl-dtls12.ts";

const { handshake, applicationData, alert, changeCipherSpec } = ContentType;
const GCM = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const CHACHA = SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
const CID = hex("c1c2c3c4c5c6c7c8");

function options(suite: Suite, more: Partial<Epoch12Options> = {}): Epoch12Options {
  const keys = {
    key: new Uint8Array(suite.keyLength).fill(7),
    iv: Uint8Array.from({ length: suite.fixedIvLength }, (_, at) => 0xa0 + at),
  };
  return { suite, keys, epoch: 1, ...more };
}

/** The one record of a datagram. */
function only(datagram: Uint8Array, cidLength = 0): WireRecord {
  const { records, discards } = cutDatagram(datagram, cidLength);
  assert.deepEqual(discards, []);
  assert.equal(records.length, 1);
  return records[0]!;
}

function opened(reader: EpochReader, datagram: Uint8Array, cidLength = 0): OpenedRecord {
  const result = reader.open(only(datagram, cidLength));
  if (result.kind === "discarded") assert.fail(result.reason);
  return result;
}

function dropped(reader: EpochReader, datagram: Uint8Array, cidLength = 0): DatagramDiscard {
  const result = reader.open(only(datagram, cidLength));
  if (result.kind === "record") assert.fail("it was opened");
  return result.reason;
}

interface Side {
  readonly messages: ReassembledMessage[];
  readonly protectedRecords: WireRecord[];
}

/** Sorts what one side of a capture sent; the HelloVerifyRequest is left out of the messages. */
function read({ datagrams }: Capture, side: "client" | "server"): Side {
  const reader = new PlainEpochReader();
  const reassembler = new Reassembler(2 ** 14);
  const messages: ReassembledMessage[] = [];
  const protectedRecords: WireRecord[] = [];
  for (const [from, text] of datagrams) {
    if (from !== side) continue;
    for (const record of cutDatagram(hex(text), 0).records) {
      const result = reader.open(record);
      if (result.kind === "discarded") protectedRecords.push(record);
      else if (result.type === handshake) {
        assert.ok(reassembler.push(0, result.content).acknowledgeable);
        for (let next = reassembler.next(); next !== null; next = reassembler.next())
          messages.push(next);
      }
    }
  }
  return { messages, protectedRecords };
}

/** The key block of RFC 5246 §6.3 for AEAD suites: two keys, two IVs. */
function directionKeys(
  crypto: Crypto,
  capture: Capture,
  client: Side,
  server: Side,
): { client: DirectionKeys; server: DirectionKeys } {
  const { suite } = capture;
  const serverHello = server.messages[1]!.body;
  const seed = concat(serverHello.subarray(2, 34), client.messages[0]!.body.subarray(2, 34));
  const [key, iv] = [suite.keyLength, suite.fixedIvLength];
  const block = prfTls12(
    crypto,
    suite.hash,
    hex(capture.masterSecret),
    "key expansion",
    seed,
    2 * (key + iv),
  );
  return {
    client: { key: block.subarray(0, key), iv: block.subarray(2 * key, 2 * key + iv) },
    server: { key: block.subarray(key, 2 * key), iv: block.subarray(2 * key + iv) },
  };
}

for (const crypto of providers) {
  for (const capture of CAPTURES) {
    const { suite } = capture;
    test(`${crypto.name}: OpenSSL's DTLS 1.2 under ${suite.name} is read to its last record`, () => {
      const [client, server] = [read(capture, "client"), read(capture, "server")];
      assert.deepEqual(
        client.messages.map(({ type }) => type),
        [1, 1, 16],
      );
      assert.deepEqual(
        server.messages.map(({ type }) => type),
        [3, 2, 11, 12, 14],
      );
      const keys = directionKeys(crypto, capture, client, server);
      // The first hello and its answer are no part of it (RFC 6347 §4.2.6).
      const spoken = [client.messages[1]!, ...server.messages.slice(1), client.messages[2]!];
      const transcript = crypto.hasher(suite.hash);
      for (const message of spoken) transcript.update(transcriptForm12(message));

      for (const [side, label, line] of [
        [client, "client", CLIENT_LINE],
        [server, "server", SERVER_LINE],
      ] as const) {
        const reader = new EpochReader12(crypto, { suite, keys: keys[label], epoch: 1 });
        const records = side.protectedRecords.map((record) => {
          const result = reader.open(record);
          if (result.kind === "discarded") assert.fail(result.reason);
          return result;
        });
        assert.deepEqual(
          records.slice(0, 2).map(({ type }) => type),
          [handshake, applicationData],
        );
        assert.equal(fromUtf8(records[1]!.content), line);

        const reassembler = new Reassembler(2 ** 14, label === "client" ? 3 : 5);
        reassembler.push(1, records[0]!.content);
        const finished = reassembler.next()!;
        const master = hex(capture.masterSecret);
        const verifyData = prfTls12(
          crypto,
          suite.hash,
          master,
          `${label} finished`,
          transcript.digest(),
          12,
        );
        assert.deepEqual(finished.body, verifyData);
        transcript.update(transcriptForm12(finished));
      }
    });
  }

  test(`${crypto.name}: OpenSSL's records under ChaCha20-Poly1305 come out of our writer octet for octet`, () => {
    const capture = CAPTURES.find(({ suite }) => suite === CHACHA)!;
    const [client, server] = [read(capture, "client"), read(capture, "server")];
    const keys = directionKeys(crypto, capture, client, server).client;
    const reader = new EpochReader12(crypto, { suite: CHACHA, keys, epoch: 1 });
    const writer = new EpochWriter12(crypto, { suite: CHACHA, keys, epoch: 1 });
    const sent = capture.datagrams.filter(([from]) => from === "client").map(([, text]) => text);
    for (const record of client.protectedRecords) {
      const result = reader.open(record);
      assert.ok(result.kind === "record");
      const sealed = writer.seal(result.type, result.content);
      assert.deepEqual(sealed.number, result.number);
      assert.ok(
        sent.some(
          (text) => hex(text).length >= sealed.record.length && text.endsWith(toHex(sealed.record)),
        ),
      );
    }
  });

  // Nonce and associated data are written out here by hand and sealed with the bare AEAD.
  test(`${crypto.name}: with GCM, epoch and number are the explicit nonce and begin the associated data (RFC 6347 §4.1.2.1)`, () => {
    const writer = new EpochWriter12(crypto, options(GCM, { epoch: 0x0102 }));
    writer.seal(applicationData, utf8("first"));
    const aead = crypto.aead("aes-128-gcm", new Uint8Array(16).fill(7));
    const sealed = aead.seal(
      hex("a0a1a2a3 0102000000000001"),
      hex("0102000000000001 17 fefd 0006"),
      utf8("second"),
    );
    const expected = concat(hex("17 fefd 0102 000000000001 001e 0102000000000001"), sealed);
    assert.deepEqual(writer.seal(applicationData, utf8("second")).record, expected);
  });

  test(`${crypto.name}: with a connection id the type goes inside and the associated data is RFC 9146 §5.3's`, () => {
    const writer = new EpochWriter12(crypto, options(CHACHA, { cid: CID }));
    writer.seal(applicationData, utf8("first"));
    const aead = crypto.aead("chacha20-poly1305", new Uint8Array(32).fill(7));
    const associated = hex(
      `ffffffffffffffff 19 08 19 fefd 0001 000000000001 c1c2c3c4c5c6c7c8 0007`,
    );
    const nonce = hex("a0a1a2a3 a4a4a6a7a8a9aaaa");
    const sealed = aead.seal(nonce, associated, concat(utf8("second"), hex("17")));
    const expected = concat(hex("19 fefd 0001 000000000001 c1c2c3c4c5c6c7c8 0017"), sealed);
    const { record } = writer.seal(applicationData, utf8("second"));
    assert.deepEqual(record, expected);
    const reader = new EpochReader12(crypto, options(CHACHA, { cid: CID }));
    const result = opened(reader, record, 8);
    assert.deepEqual([result.type, result.content], [applicationData, utf8("second")]);
  });

  for (const suite of Object.values(SUITES)) {
    test(`${crypto.name}: ${suite.name} opens what it sealed, out of order, once, and with its overhead`, () => {
      for (const cid of [new Uint8Array(), CID]) {
        const writer = new EpochWriter12(crypto, options(suite, { cid }));
        const reader = new EpochReader12(crypto, options(suite, { cid }));
        const first = writer.seal(handshake, utf8("first")).record;
        const second = writer.seal(alert, new Uint8Array()).record;
        assert.equal(first.length, 5 + writer.overhead);
        assert.equal(second.length, writer.overhead);
        const late = opened(reader, second, cid.length);
        assert.deepEqual(late, {
          kind: "record",
          type: alert,
          number: { epoch: 1, sequence: 1 },
          content: new Uint8Array(),
          newest: true,
        });
        const early = opened(reader, first, cid.length);
        assert.deepEqual([early.content, early.newest], [utf8("first"), false]);
        assert.equal(dropped(reader, first, cid.length), "repeated-record");
      }
    });
  }
}

test("OpenSSL's second hello is its first one but for the cookie (RFC 6347 §4.2.1)", () => {
  for (const capture of CAPTURES) {
    const [first, second] = read(capture, "client").messages;
    const split = splitCookie(second!.body);
    assert.deepEqual(split.withoutCookie, first!.body);
    assert.deepEqual(split.cookie, parseHelloVerify(read(capture, "server").messages[0]!.body));
  }
});

test("whatever changes in a record, it is dropped and the window does not move", () => {
  for (const cid of [new Uint8Array(), CID]) {
    const good = new EpochWriter12(noble, options(GCM, { cid })).seal(
      applicationData,
      utf8("text"),
    ).record;
    const reader = new EpochReader12(noble, options(GCM, { cid }));
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 1;
      const { records } = cutDatagram(bad, cid.length);
      for (const record of records)
        assert.equal(reader.open(record).kind, "discarded", `octet ${at}`);
    }
    assert.equal(opened(reader, good, cid.length).newest, true);
  }
});

test("an epoch opens its own records alone, and of DTLS 1.2 alone", () => {
  const record = new EpochWriter12(noble, options(GCM, { epoch: 2 })).seal(
    applicationData,
    utf8("x"),
  ).record;
  const reader = new EpochReader12(noble, options(GCM));
  assert.equal(dropped(reader, record), "other-epoch");
  assert.equal(dropped(reader, hex("2e 0000 0001 00")), "wrong-record-form");
  const old = plainRecord(23, 0xfeff, { epoch: 1, sequence: 0 }, new Uint8Array(40));
  assert.equal(dropped(reader, old), "bad-record-version");
  assert.equal(
    dropped(reader, plainRecord(23, 0xfefd, { epoch: 1, sequence: 0 }, new Uint8Array(23))),
    "ciphertext-too-short",
  );
  assert.equal(reader.failuresLeft, 2 ** 36, "no forgery was tried");
});

test("RFC 9146 §3: who asked for an id takes no record without it, nor with another's", () => {
  const reader = new EpochReader12(noble, options(GCM, { cid: CID }));
  const without = new EpochWriter12(noble, options(GCM)).seal(applicationData, utf8("x")).record;
  assert.equal(dropped(reader, without, 8), "connection-id-missing");
  const other = new EpochWriter12(noble, options(GCM, { cid: hex("0102030405060708") })).seal(
    applicationData,
    utf8("x"),
  ).record;
  assert.equal(dropped(reader, other, 8), "other-connection-id");
  const plainReader = new EpochReader12(noble, options(GCM));
  assert.equal(dropped(plainReader, other, 8), "unexpected-connection-id");
});

/** A record with an id around any inner plaintext, authentic. */
function withInner(inner: Uint8Array): Uint8Array {
  const associated = concat(
    hex("ffffffffffffffff 19 08 19 fefd 0001 000000000000"),
    CID,
    Uint8Array.of(inner.length >> 8, inner.length & 0xff),
  );
  const sealed = noble
    .aead("chacha20-poly1305", new Uint8Array(32).fill(7))
    .seal(hex("a0a1a2a3 a4a4a6a7a8a9aaab"), associated, inner);
  return concat(
    hex("19 fefd 0001 000000000000"),
    CID,
    Uint8Array.of(sealed.length >> 8, sealed.length & 0xff),
    sealed,
  );
}

test("RFC 9146 §4: padding is taken off; no type, a foreign type or too much text is the peer's own fault", () => {
  const read = (inner: Uint8Array): ReturnType<EpochReader12["open"]> =>
    new EpochReader12(noble, options(CHACHA, { cid: CID })).open(only(withInner(inner), 8));
  const padded = read(hex("6869 17 0000000000"));
  assert.ok(padded.kind === "record");
  assert.deepEqual([padded.type, padded.content], [applicationData, utf8("hi")]);
  const reasons = [
    hex(""),
    hex("0000"),
    hex("686919"),
    hex("00000001"),
    hex("68691a"),
    new Uint8Array(2 ** 14 + 2),
  ].map((inner) => {
    const result = read(inner);
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

test("a plaintext of 2^14 octets passes, one more does not (RFC 5246 §6.2.1)", () => {
  const [writer, reader] = [
    new EpochWriter12(noble, options(GCM)),
    new EpochReader12(noble, options(GCM)),
  ];
  assert.equal(
    opened(reader, writer.seal(applicationData, new Uint8Array(2 ** 14)).record).content.length,
    2 ** 14,
  );
  assert.equal(
    dropped(reader, writer.seal(applicationData, new Uint8Array(2 ** 14 + 1)).record),
    "plaintext-too-long",
  );
});

test("a key seals as many records as it may, and alerts beyond", () => {
  const writer = new EpochWriter12(noble, options(GCM, { maxRecords: 2 }));
  writer.seal(handshake, utf8("1"));
  assert.equal(writer.recordsLeft, 1);
  writer.seal(changeCipherSpec, utf8("2"));
  assert.equal(writer.recordsLeft, 0);
  assert.equal(
    assert.throws(() => writer.seal(applicationData, utf8("3")), TlsFailure).reason,
    "too-many-records",
  );
  assert.deepEqual(writer.seal(alert, hex("0100")).number, { epoch: 1, sequence: 2 });
  assert.equal(writer.recordsLeft, 0);
});

test("RFC 9147 §4.5.3: forgeries are counted, and beyond the limit nothing is opened any more", () => {
  const writer = new EpochWriter12(noble, options(GCM));
  const reader = new EpochReader12(noble, options(GCM, { maxFailures: 2 }));
  const good = writer.seal(applicationData, utf8("good")).record;
  const forged = good.slice();
  forged[forged.length - 1]! ^= 1;
  assert.equal(dropped(reader, forged), "not-authentic");
  assert.equal(reader.failuresLeft, 1);
  opened(reader, good);
  const next = writer.seal(applicationData, utf8("next")).record;
  const forgedNext = next.slice();
  forgedNext[20]! ^= 1;
  assert.equal(dropped(reader, forgedNext), "not-authentic");
  assert.equal(dropped(reader, next), "key-worn-out");
});

test("epoch 0 is read as it is: no window, no count, and no protected forms", () => {
  const writer = new PlainEpochWriter();
  const reader = new PlainEpochReader();
  const { record, number } = writer.seal(handshake, hex("0102"));
  assert.deepEqual(record, hex("16 fefd 0000 000000000000 0002 0102"));
  assert.equal(record.length, writer.overhead + 2);
  assert.deepEqual(number, { epoch: 0, sequence: 0 });
  for (const _ of [1, 2])
    assert.deepEqual(opened(reader, record), {
      kind: "record",
      type: handshake,
      number,
      content: hex("0102"),
      newest: false,
    });
  assert.equal(writer.seal(alert, hex("0100")).number.sequence, 1);
  assert.deepEqual(
    new PlainEpochWriter(0xfeff).seal(handshake, hex("01")).record.subarray(1, 3),
    hex("feff"),
  );
  assert.equal(
    dropped(reader, plainRecord(22, 0xfefd, { epoch: 1, sequence: 0 }, hex("00"))),
    "other-epoch",
  );
  assert.equal(dropped(reader, hex("2e 0000 0001 00")), "wrong-record-form");
  assert.equal(
    dropped(
      reader,
      plainRecord(22, 0xfefd, { epoch: 0, sequence: 0 }, new Uint8Array(2 ** 14 + 1)),
    ),
    "plaintext-too-long",
  );
});

test("property: a reader drops any octets", () => {
  const readers = [
    new EpochReader12(noble, options(GCM)),
    new EpochReader12(noble, options(CHACHA, { cid: CID })),
  ];
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc
      .uint8Array({ maxLength: 60 })
      .map((body) => plainRecord(23, 0xfefd, { epoch: 1, sequence: 5 }, body)),
  );
  fc.assert(
    fc.property(octets, (datagram) => {
      for (const reader of readers) {
        for (const record of cutDatagram(datagram, 8).records)
          assert.equal(reader.open(record).kind, "discarded");
      }
    }),
  );
});
