import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { mono } from "../../../src/base/machine.ts";
import { TlsFailure } from "../../../src/proto/tls/failure.ts";
import { TlsServer } from "../../../src/proto/tls/server.ts";
import type { TlsInput, TlsOutput } from "../../../src/proto/tls/server.ts";
import { DEFAULT_MAX_HANDSHAKE_BYTES } from "../../../src/proto/tls/stream.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  Duplex,
  extension,
  extensionsWith,
  ScriptedClient,
  serverConfig,
} from "../../kit/tls-client.ts";

const kinds = (outputs: readonly TlsOutput[]): string[] => outputs.map(({ kind }) => kind);

for (const crypto of providers) {
  for (const suite of Object.values(SUITES)) {
    if (suite.keyExchange !== "ecdhe-ecdsa") continue;
    for (const group of ["P-256", "P-384", "X25519"] as const) {
      test(`${crypto.name}: ${suite.name} over ${group} carries data both ways`, () => {
        const groups = [group];
        const extensions = extensionsWith(extension.groups([29, 24, 23]));
        const wire = new Duplex(serverConfig(crypto, { suites: [suite], groups }), {
          extensions,
          suites: [suite.code],
        });
        wire.establish();
        wire.give(wire.client.applicationData("up"));
        wire.input({ kind: "send", bytes: utf8("down") });
        assert.deepEqual(wire.received, utf8("up"));
        assert.deepEqual(wire.client.data, utf8("down"));
        assert.equal(wire.session?.suite, suite);
        assert.equal(wire.session?.group, group);
      });
    }
  }

  test(`${crypto.name}: one flight is one send, and the session comes behind the Finished`, () => {
    const wire = new Duplex(serverConfig(crypto, { clientCertificate: "required" }));
    wire.establish([CLIENT_CERTIFICATE]);
    assert.deepEqual(kinds(wire.outputs), ["send", "verify-peer", "send", "established"]);
  });

  test(`${crypto.name}: a client's chain is handed out, and is the session's once proven`, () => {
    const wire = new Duplex(serverConfig(crypto, { clientCertificate: "asked" }));
    const chain = [CLIENT_CERTIFICATE, utf8("an intermediate")];
    wire.establish(chain);
    const asked = wire.outputs.find((output) => output.kind === "verify-peer");
    const shown = { certificateType: "x509", ocspResponse: null } as const;
    assert.deepEqual(asked, { kind: "verify-peer", chain, ...shown });
    assert.deepEqual(wire.session?.peerChain, chain);
  });

  test(`${crypto.name}: a client without a certificate goes on where one is only asked for`, () => {
    const wire = new Duplex(serverConfig(crypto, { clientCertificate: "asked" })).establish([]);
    assert.deepEqual(kinds(wire.outputs), ["send", "send", "established"]);
    assert.deepEqual(wire.session?.peerChain, []);
  });

  test(`${crypto.name}: a client may sign with SHA-384 under a P-256 key (RFC 5246 §7.4.1.4.1)`, () => {
    const wire = new Duplex(serverConfig(crypto, { clientCertificate: "required" })).hellos();
    const { client } = wire;
    wire.give(client.certificate(), client.clientKeyExchange());
    wire.accept();
    wire.give(client.certificateVerify(0x0503, client.signature("sha384")));
    wire.give(client.changeCipherSpec(), client.finished());
    assert.ok(wire.session !== null);
  });

  test(`${crypto.name}: bytes one by one give the same answer as all at once`, () => {
    const config = { clientCertificate: "required" } as const;
    const whole = new Duplex(serverConfig(crypto, config)).establish([CLIENT_CERTIFICATE]);
    const single = new Duplex(serverConfig(crypto, config));
    const drip = (bytes: Uint8Array): void =>
      bytes.forEach((byte) => single.give(Uint8Array.of(byte)));
    drip(single.client.clientHello());
    drip(single.client.secondFlight([CLIENT_CERTIFICATE]));
    single.accept();
    drip(single.client.applicationData("text"));
    assert.deepEqual(single.received, utf8("text"));
    assert.deepEqual(kinds(single.outputs).slice(0, 4), kinds(whole.outputs));
    // OpenSSL hedges a signature with randomness of its own, so only noble repeats itself.
    if (crypto === noble) assert.deepEqual(single.sent, whole.sent);
  });

  test(`${crypto.name}: a handshake in records of one octet each is a handshake`, () => {
    const wire = new Duplex(serverConfig(crypto));
    const { client } = wire;
    const hello = client.clientHello().subarray(5);
    hello.forEach((byte) => wire.give(client.plainRecord(22, Uint8Array.of(byte))));
    const exchange = client.clientKeyExchange().subarray(5);
    exchange.forEach((byte) => wire.give(client.plainRecord(22, Uint8Array.of(byte))));
    wire.give(client.changeCipherSpec(), client.finished());
    assert.ok(wire.session !== null);
  });

  test(`${crypto.name}: several messages in one record are taken one after another`, () => {
    const wire = new Duplex(serverConfig(crypto, { clientCertificate: "asked" })).hellos();
    const { client } = wire;
    const messages = concat(
      client.certificate([]).subarray(5),
      client.clientKeyExchange().subarray(5),
    );
    wire.give(client.plainRecord(22, messages), client.changeCipherSpec(), client.finished());
    assert.ok(wire.session !== null);
  });

  test(`${crypto.name}: both ends export the same keys, and null is not an empty context (RFC 5705 §4)`, () => {
    const wire = new Duplex(serverConfig(crypto)).establish();
    const { session, client } = wire;
    assert.ok(session !== null);
    const label = "EXPORTER-test";
    for (const context of [null, new Uint8Array(), utf8("context")]) {
      assert.deepEqual(
        session.exportKey(label, context, 77),
        client.keys.exportKey(label, context, 77),
      );
    }
    assert.notEqual(
      toHex(session.exportKey(label, null, 32)),
      toHex(session.exportKey(label, new Uint8Array(), 32)),
    );
    assert.deepEqual(session.clientRandom, client.hello.random);
    assert.deepEqual(session.serverRandom, client.flight.random);
    assert.equal(session.channelBinding.bytes.length, 12);
  });

  test(`${crypto.name}: max_fragment_length cuts every record of the server (RFC 6066 §4)`, () => {
    const extensions = extensionsWith(extension.maxFragmentLength(1));
    const certificates = [new Uint8Array(2000)];
    const wire = new Duplex(serverConfig(crypto, { certificates }), { extensions }).establish();
    wire.input({ kind: "send", bytes: new Uint8Array(1025) });
    assert.equal(Math.max(...wire.client.recordSizes), 512);
    assert.deepEqual(wire.client.recordSizes.slice(-3), [512, 512, 1]);
    assert.deepEqual(wire.client.flight.extensions.get(1), hex("01"));
    wire.give(wire.client.record(23, new Uint8Array(512)));
    assert.equal(wire.received.length, 512);
  });

  test(`${crypto.name}: record_size_limit cuts protected records only, and wins over max_fragment_length (RFC 8449)`, () => {
    const extensions = extensionsWith(
      extension.maxFragmentLength(1),
      extension.recordSizeLimit(64),
    );
    const certificates = [new Uint8Array(2000)];
    const wire = new Duplex(serverConfig(crypto, { certificates }), { extensions }).establish();
    assert.ok(wire.client.recordSizes[0]! > 2000, "the flight in the clear has no limit");
    wire.input({ kind: "send", bytes: new Uint8Array(130) });
    assert.deepEqual(wire.client.recordSizes.slice(-3), [64, 64, 2]);
    assert.deepEqual(wire.client.flight.extensions.get(28), hex("4000"));
    assert.equal(wire.client.flight.extensions.get(1), undefined);
  });

  test(`${crypto.name}: a record of 2^14 octets is taken and sent, one more is cut`, () => {
    const wire = new Duplex(serverConfig(crypto)).establish();
    wire.give(wire.client.record(23, new Uint8Array(2 ** 14)));
    assert.equal(wire.received.length, 2 ** 14);
    wire.input({ kind: "send", bytes: new Uint8Array(2 ** 14 + 1) });
    assert.deepEqual(wire.client.recordSizes.slice(-2), [2 ** 14, 1]);
  });

  test(`${crypto.name}: close sends close_notify, and ends both ways`, () => {
    const wire = new Duplex(serverConfig(crypto)).establish();
    wire.input({ kind: "close" });
    assert.deepEqual(wire.client.alerts, [{ level: "warning", name: "close_notify" }]);
    assert.equal(wire.outputs.at(-1)?.kind, "closed");
    const spoken = wire.outputs.length;
    wire.input({ kind: "send", bytes: utf8("late") });
    wire.input({ kind: "close" });
    wire.give(wire.client.applicationData("late"));
    assert.equal(wire.outputs.length, spoken);
  });

  test(`${crypto.name}: the peer's close_notify is answered with one, behind the data before it`, () => {
    const wire = new Duplex(serverConfig(crypto)).establish();
    const { client } = wire;
    wire.give(client.applicationData("last"), client.alert(1, 0), client.applicationData("late"));
    assert.deepEqual(wire.received, utf8("last"));
    assert.deepEqual(client.alerts, [{ level: "warning", name: "close_notify" }]);
    assert.deepEqual(kinds(wire.outputs).slice(-3), ["data", "send", "closed"]);
  });

  test(`${crypto.name}: a forgotten session exports nothing more`, () => {
    const { session } = new Duplex(serverConfig(crypto)).establish();
    assert.equal(session?.exportKey("EXPORTER-test", null, 16).length, 16);
    session?.forget();
    assert.throws(() => session?.exportKey("EXPORTER-test", null, 16), RangeError);
  });

  test(`${crypto.name}: the session outlives the connection`, () => {
    const wire = new Duplex(serverConfig(crypto)).establish();
    const before = wire.session?.exportKey("EXPORTER-test", null, 16);
    wire.input({ kind: "close" });
    assert.deepEqual(wire.session?.exportKey("EXPORTER-test", null, 16), before);
  });
}

test("labels of TLS itself are not exported (RFC 5705 §4)", () => {
  const { session } = new Duplex(serverConfig(noble)).establish();
  for (const label of [
    "client finished",
    "server finished",
    "master secret",
    "extended master secret",
    "key expansion",
  ]) {
    assert.throws(() => session?.exportKey(label, null, 12), RangeError, label);
  }
});

test("CertificateRequest names types, schemes and authorities (RFC 5246 §7.4.4)", () => {
  const authorities = [hex("3000"), hex("3002 3100")];
  const config = serverConfig(noble, { clientCertificate: "asked", authorities });
  const { client } = new Duplex(config).hellos();
  assert.deepEqual(
    client.flight.certificateRequest,
    hex("02 40 01  0008 0403 0503 0804 0401  000a 0002 3000 0004 30023100"),
  );
});

test("the key log has one line in the NSS format, with the client's random value", () => {
  const lines: string[] = [];
  const keyLog = (line: string): void => void lines.push(line);
  const wire = new Duplex(serverConfig(noble, { keyLog })).establish();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/);
  assert.equal(lines[0], wire.client.keys.keyLogLine());
});

// Recomputed by this test alone: it holds the two engines, and later replays, together.
test("with the same random source the server's bytes are the same on every engine", () => {
  const wire = new Duplex(serverConfig(noble, { clientCertificate: "required" }));
  wire.establish([CLIENT_CERTIFICATE]);
  wire.input({ kind: "send", bytes: utf8("text") });
  assert.equal(
    toHex(noble.digest("sha256", wire.sent)),
    "6f56920ff0a2a651f8326964673cf8f9c6fd7ec3621642edc9aac44ac4829ec5",
  );
});

test("randomness is drawn in this order: server random, ephemeral key, signature", () => {
  const drawn: number[] = [];
  const source = seeded("order");
  const random = (length: number): Uint8Array => {
    drawn.push(length);
    return source(length);
  };
  new Duplex(serverConfig(noble, { random })).establish();
  assert.deepEqual(drawn, [32, 32, 32]);
});

test("nothing is drawn and nothing computed for a client that is refused", () => {
  const random = (): Uint8Array => assert.fail("randomness was drawn");
  const wire = new Duplex(serverConfig(noble, { random }), { suites: [0x009c] }).hellos();
  assert.equal(wire.failure?.reason, "no-common-suite");
});

test("an input that does not fit the state is the caller's fault, and the connection is dead", () => {
  const { publicKey } = clientKey(noble);
  const misplaced: readonly TlsInput[] = [
    { kind: "send", bytes: utf8("early") },
    { kind: "peer-accepted", publicKey },
    { kind: "peer-rejected", alert: "unknown_ca", reason: "" },
  ];
  for (const input of misplaced) {
    const wire = new Duplex(serverConfig(noble));
    assert.throws(() => wire.input(input), Error, input.kind);
    assert.deepEqual(wire.hellos().outputs, []);
  }
});

test("a chain is answered once", () => {
  const wire = new Duplex(serverConfig(noble, { clientCertificate: "required" })).hellos();
  wire.give(wire.client.certificate());
  wire.accept();
  assert.throws(() => wire.accept(), Error);
});

test("a configuration that could serve nobody is refused", () => {
  for (const change of [{ certificates: [] }, { suites: [] }, { groups: [] }]) {
    assert.throws(() => new TlsServer(serverConfig(noble, change)), RangeError);
  }
});

test("a handshake message without end is refused before 64 KiB are kept", () => {
  const server = new TlsServer(serverConfig(noble));
  const client = new ScriptedClient(noble);
  const record = (content: Uint8Array): Uint8Array => client.plainRecord(22, content);
  const header = hex("01 010000");
  assert.deepEqual(server.handle({ kind: "bytes", bytes: record(header) }, mono(0)), []);
  let given = 0;
  let outputs: TlsOutput[] = [];
  while (outputs.length === 0 && given < 2 ** 20) {
    outputs = server.handle({ kind: "bytes", bytes: record(new Uint8Array(1024)) }, mono(0));
    given += 1024;
  }
  assert.deepEqual(kinds(outputs), ["send", "failed"]);
  assert.equal(given, DEFAULT_MAX_HANDSHAKE_BYTES);
});

test("property: any bytes are waited on or refused, never thrown, never established", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (chunks) => {
      const server = new TlsServer(serverConfig(noble));
      for (const bytes of chunks) checkHarmless(server.handle({ kind: "bytes", bytes }, mono(0)));
    }),
  );
});

test("property: any bytes in handshake records are waited on or refused", () => {
  const client = new ScriptedClient(noble);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 400 }),
      (type, body) => {
        const server = new TlsServer(serverConfig(noble));
        const message = concat(Uint8Array.of(type, 0, body.length >> 8, body.length & 255), body);
        const bytes = client.plainRecord(22, message);
        checkHarmless(server.handle({ kind: "bytes", bytes }, mono(0)));
      },
    ),
  );
});

/** Changes one honest client's flight in one place. */
type Mutation = (flight: Uint8Array, where: number, octet: number) => Uint8Array;
const MUTATIONS: readonly Mutation[] = [
  (flight, where, octet) => flight.map((byte, at) => (at === where ? byte ^ octet : byte)),
  (flight, where) => concat(flight.subarray(0, where), flight.subarray(where + 1)),
  (flight, where, octet) =>
    concat(flight.subarray(0, where), Uint8Array.of(octet), flight.subarray(where)),
  (flight, where) => flight.subarray(0, where),
  (flight, where, octet) =>
    concat(
      flight.subarray(0, where),
      flight.subarray(where + octet),
      flight.subarray(where, where + octet),
    ),
  (flight, where, octet) => concat(flight, flight.subarray(where, where + octet)),
];

test("property: a client's bytes with one change never throw and never establish", () => {
  const change = fc.record({
    flight: fc.constantFrom(1, 2),
    mutation: fc.constantFrom(...MUTATIONS),
    where: fc.nat(10_000),
    octet: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(change, ({ flight, mutation, where, octet }) => {
      const wire = new Duplex(serverConfig(noble, { clientCertificate: "required" }));
      // What the client would find wrong with the answer is not the question.
      wire.client.trusting = true;
      const spoil = (bytes: Uint8Array): Uint8Array => {
        const at = where % bytes.length;
        // The first record's minor version may be anything (RFC 5246 appendix E.1).
        const spoilt = mutation(bytes, at === 2 ? 1 : at, octet);
        // No change, or more octets behind a whole flight, is a client that may go on talking.
        fc.pre(!startsWith(spoilt, bytes));
        return spoilt;
      };
      const hello = wire.client.clientHello();
      wire.give(flight === 1 ? spoil(hello) : hello);
      if (wire.failure === null && wire.sent.length > 0) {
        const second = wire.client.secondFlight([CLIENT_CERTIFICATE]);
        wire.give(flight === 2 ? spoil(second) : second);
        if (wire.outputs.at(-1)?.kind === "verify-peer") wire.accept();
      }
      checkHarmless(wire.outputs);
      assert.equal(wire.session, null);
    }),
    { numRuns: 150 },
  );
});

function startsWith(whole: Uint8Array, start: Uint8Array): boolean {
  return toHex(whole.subarray(0, start.length)) === toHex(start);
}

/** Nothing, or an alert and one failure at the end. */
function checkHarmless(outputs: readonly TlsOutput[]): void {
  for (const [at, output] of outputs.entries()) {
    if (output.kind === "failed") {
      assert.ok(output.failure instanceof TlsFailure);
      assert.equal(at, outputs.length - 1);
    }
    assert.ok(output.kind !== "data" && output.kind !== "established", output.kind);
  }
}
