import { assert, providers, test } from "#kit";
import { hex, Reader, toHex, utf8 } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { encodeImportedIdentity, importKey } from "../../../src/proto/tls/psk-import.ts";
import type { ImportTarget } from "../../../src/proto/tls/psk-import.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import { Duplex, extension, extensionsWith, serverConfig } from "../../kit/tls-client.ts";
import type { Extension } from "../../kit/tls-client.ts";
import { RecordedSessions } from "../../kit/tls-sessions.ts";
import { honest13, Wire13 } from "../../kit/tls13-client.ts";
import type { OfferedKey } from "../../kit/tls13-client.ts";

const IDENTITY = utf8("kettle");
const KEY = hex("000102030405060708090a0b0c0d0e0f");
const PSK = { identity: IDENTITY, key: KEY };
const CODES = [0xccac, 0xd001, 0xd005];

function config(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
  return serverConfig(changes.crypto ?? noble, {
    preSharedKey: (identity) => (toHex(identity) === toHex(IDENTITY) ? KEY : null),
    ...changes,
  });
}

function wire12(changes: Partial<TlsServerConfig> = {}, suites: readonly number[] = CODES): Duplex {
  const wire = new Duplex(config(changes), { suites });
  wire.client.preSharedKey = PSK;
  return wire;
}

for (const crypto of providers) {
  for (const suite of Object.values(SUITES)) {
    if (suite.keyExchange !== "ecdhe-psk") continue;
    test(`${crypto.name}: ${suite.name} proves both sides without a certificate`, () => {
      const wire = wire12({ crypto }, [suite.code]).establish();
      assert.equal(wire.session?.suite, suite);
      assert.deepEqual(wire.session?.pskIdentity, IDENTITY);
      assert.deepEqual(wire.session?.peerChain, []);
      assert.equal(wire.session?.resumed, false);
      for (const type of [HandshakeType.certificate, HandshakeType.certificateRequest]) {
        assert.equal(wire.client.heard(type), null);
      }
      wire.give(wire.client.applicationData("up"));
      assert.deepEqual(wire.received, utf8("up"));
    });
  }

  test(`${crypto.name}: an unknown identity fails as a wrong key does`, () => {
    const failures = [
      { identity: utf8("toaster"), key: KEY },
      { identity: IDENTITY, key: new Uint8Array(16) },
    ].map((psk) => {
      const wire = wire12({ crypto });
      wire.client.preSharedKey = psk;
      wire.hellos();
      wire.give(wire.client.secondFlight());
      assert.equal(wire.session, null);
      return [wire.failure?.reason, wire.client.alerts.map(({ name }) => name)];
    });
    assert.deepEqual(failures[0], ["record-not-authentic", ["bad_record_mac"]]);
    assert.deepEqual(failures[1], failures[0]);
  });
}

test("a client needs neither the certificate's curve nor a signature scheme for a pre-shared key", () => {
  const all = extensionsWith(extension.groups([29]));
  const extensions = all.filter(([type]) => type !== ExtensionType.signatureAlgorithms);
  const wire = new Duplex(config(), { suites: CODES, extensions });
  wire.client.preSharedKey = PSK;
  assert.equal(wire.establish().session?.group, "X25519");
});

test("certificates go before pre-shared keys where a client offers both", () => {
  const wire = wire12({}, [...CODES, 0xc02b]).establish();
  assert.equal(wire.session?.suite, SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
  assert.equal(wire.session?.pskIdentity, null);
});

test("a server without pre-shared keys speaks none of their suites", () => {
  const wire = new Duplex(serverConfig(noble), { suites: CODES }).hellos();
  assert.equal(wire.failure?.reason, "no-common-suite");
});

test("a session under a pre-shared key of TLS 1.2 leaves no ticket", () => {
  const sessions = new RecordedSessions();
  const extensions = extensionsWith(extension.sessionTicket());
  const wire = new Duplex(config({ sessions }), { suites: CODES, extensions });
  wire.client.preSharedKey = PSK;
  wire.establish();
  assert.deepEqual(sessions.kept, []);
  assert.equal(wire.client.heard(HandshakeType.newSessionTicket), null);
});

for (const [what, body] of [
  ["without an identity's length", ""],
  ["with half an identity", "0006 6b65"],
  ["without a key share", "0006 6b6574746c65"],
  ["with an octet behind the share", "0006 6b6574746c65 01 04 00"],
] as const) {
  test(`a ClientKeyExchange ${what} is malformed`, () => {
    const wire = wire12().hellos();
    wire.give(wire.client.message(HandshakeType.clientKeyExchange, hex(body)));
    assert.equal(wire.failure?.reason, "malformed-message");
  });
}

test("a share off the curve is refused with a pre-shared key too", () => {
  const wire = wire12().hellos();
  wire.give(wire.client.clientKeyExchange(new Uint8Array(65).fill(4)));
  assert.equal(wire.failure?.reason, "bad-key-share");
});

/** The key as TLS 1.3 knows it. */
function imported(changes: Partial<ImportTarget & { identity: Uint8Array }> = {}): OfferedKey {
  const target: ImportTarget = { hash: "sha256", transport: "stream", ...changes };
  const identity = encodeImportedIdentity({ external: changes.identity ?? IDENTITY, target });
  return { identity, key: importKey(noble, KEY, identity, target), of: "imp" };
}

const withModes = (own: Extension): readonly Extension[] => [
  ...honest13(own),
  extension.pskModes([1]),
];

function wire13(changes: Partial<TlsServerConfig> = {}): Wire13 {
  return new Wire13(config(changes), {}, "X25519", withModes);
}

for (const crypto of providers) {
  test(`${crypto.name}, TLS 1.3: an imported key proves both sides without a certificate`, () => {
    const wire = wire13({ crypto, clientCertificate: "required" });
    wire.give(wire.keyedHello([imported()]));
    assert.deepEqual(wire.heard, [2, 8, 20]);
    wire.give(wire.record(22, wire.finished()));
    assert.deepEqual(wire.session?.pskIdentity, IDENTITY);
    assert.equal(wire.session?.resumed, false);
    assert.deepEqual(wire.session?.peerChain, []);
  });

  test(`${crypto.name}, TLS 1.3: an unknown identity fails as a wrong key does`, () => {
    for (const key of [
      imported({ identity: utf8("toaster") }),
      { ...imported(), key: new Uint8Array(32) },
    ]) {
      const wire = wire13({ crypto });
      wire.give(wire.keyedHello([key]));
      assert.equal(wire.failure?.reason, "bad-binder");
      assert.deepEqual(wire.alerts, ["decrypt_error"]);
    }
  });
}

for (const [what, key] of [
  ["imported for another hash", imported({ hash: "sha384" })],
  ["imported for datagrams", imported({ transport: "datagram" })],
  ["that is not imported", { identity: IDENTITY, key: KEY, of: "imp" }],
] as const) {
  test(`TLS 1.3: a key ${what} is passed over for certificates`, () => {
    const wire = wire13();
    wire.give(wire.keyedHello([{ ...key, key: new Uint8Array(32) }]));
    assert.equal(wire.taken, null);
    assert.ok(wire.heard.includes(HandshakeType.certificate));
  });
}

test("TLS 1.3: a server without pre-shared keys passes over them all", () => {
  const wire = new Wire13(serverConfig(noble), {}, "X25519", withModes);
  wire.give(wire.keyedHello([imported()]));
  assert.equal(wire.taken, null);
});

test("TLS 1.3: a session under a pre-shared key leaves no ticket", () => {
  const sessions = new RecordedSessions();
  const wire = wire13({ sessions });
  wire.give(wire.keyedHello([imported()]));
  wire.give(wire.record(22, wire.finished()));
  assert.ok(wire.session !== null);
  assert.deepEqual(sessions.kept, []);
  assert.deepEqual(wire.tickets, []);
});

test("the server's key exchange names no key", () => {
  const wire = wire12().hellos();
  const body = new Reader(wire.client.heard(HandshakeType.serverKeyExchange)!, () => new Error());
  assert.equal(body.vector16().length, 0);
  assert.equal(body.u8(), 3);
});
