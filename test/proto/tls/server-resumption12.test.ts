import { assert, providers, test } from "#kit";
import { concat, hex, Reader, toHex, utf8 } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import type { ResumableSession } from "../../../src/proto/tls/connection.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import {
  CLIENT_CERTIFICATE,
  Duplex,
  extension,
  extensionsWith,
  serverConfig,
} from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";
import { RecordedSessions } from "../../kit/tls-sessions.ts";

const SESSION_ID = new Uint8Array(32).fill(0x1d);

/** A first handshake that leaves a ticket, and the second that brings it back. */
class Twice {
  readonly sessions = new RecordedSessions();
  readonly config: TlsServerConfig;
  readonly first: Duplex;
  readonly ticket: Uint8Array;
  readonly master: Uint8Array;

  constructor(changes: Partial<TlsServerConfig> = {}, more: readonly Extension[] = []) {
    const { sessions } = this;
    this.config = serverConfig(changes.crypto ?? noble, { sessions, ...changes });
    const extensions = extensionsWith(extension.sessionTicket(), ...more);
    this.first = new Duplex(this.config, { extensions });
    const chain = changes.clientCertificate === "required" ? [CLIENT_CERTIFICATE] : null;
    this.first.establish(chain);
    this.ticket = this.sessions.last;
    this.master = this.first.client.keys.masterSecret();
  }

  /** The second connection, before anything is said. */
  second(
    more: readonly Extension[] = [],
    changes: Partial<Hello> = {},
    config: Partial<TlsServerConfig> = {},
  ): Duplex {
    const own = more.some(([type]) => type === ExtensionType.sessionTicket)
      ? []
      : [extension.sessionTicket(this.ticket)];
    const extensions = extensionsWith(...own, ...more);
    const hello = { extensions, sessionId: SESSION_ID, ...changes };
    return new Duplex({ ...this.config, ...config }, hello);
  }
}

/** The ticket in a NewSessionTicket. */
function ticketIn(body: Uint8Array | null): Uint8Array {
  const message = new Reader(body!, () => new Error("cut short"));
  message.u32();
  const ticket = message.vector16();
  assert.equal(message.remaining, 0);
  return ticket;
}

for (const crypto of providers) {
  test(`${crypto.name}: a session is resumed by its ticket, with keys of its own`, () => {
    const twice = new Twice({ crypto });
    const wire = twice.second().resume(twice.master);
    const { session } = wire;
    assert.ok(session !== null);
    assert.equal(session.resumed, true);
    assert.equal(session.group, null);
    assert.equal(session.suite, twice.first.session?.suite);
    wire.give(wire.client.applicationData("up"));
    assert.deepEqual(wire.received, utf8("up"));
    const now = toHex(session.exportKey("EXPORTER-test", null, 32));
    assert.notEqual(now, toHex(twice.first.session!.exportKey("EXPORTER-test", null, 32)));
    assert.equal(now, toHex(wire.client.keys.exportKey("EXPORTER-test", null, 32)));
  });

  test(`${crypto.name}: what the peer proved in the first handshake holds in the second`, () => {
    const twice = new Twice({ crypto, clientCertificate: "required" });
    const wire = twice.second().resume(twice.master);
    assert.deepEqual(wire.session?.peerChain, [CLIENT_CERTIFICATE]);
    assert.ok(wire.outputs.every(({ kind }) => kind !== "verify-peer"));
  });
}

test("a ticket stands in front of ChangeCipherSpec, as ServerHello promised", () => {
  const { first, sessions, ticket } = new Twice();
  assert.deepEqual(first.client.flight.extensions.get(ExtensionType.sessionTicket), hex(""));
  assert.deepEqual(ticketIn(first.client.heard(HandshakeType.newSessionTicket)), ticket);
  assert.deepEqual(first.session?.issuedTicket, ticket);
  assert.equal(sessions.kept.length, 1);
});

test("a client that says nothing of tickets gets none", () => {
  const wire = new Duplex(serverConfig(noble, { sessions: new RecordedSessions() })).establish();
  assert.ok(!wire.client.flight.extensions.has(ExtensionType.sessionTicket));
  assert.equal(wire.client.heard(HandshakeType.newSessionTicket), null);
});

test("a server without a store gives no ticket, and names no session", () => {
  const extensions = extensionsWith(extension.sessionTicket());
  const wire = new Duplex(serverConfig(noble), { extensions }).establish();
  assert.ok(!wire.client.flight.extensions.has(ExtensionType.sessionTicket));
  assert.equal(wire.client.flight.sessionId.length, 0);
  assert.equal(wire.session?.issuedTicket, null);
});

test("where the owner keeps no session, the ticket that was promised is empty", () => {
  const sessions = new RecordedSessions();
  sessions.keeps = false;
  const extensions = extensionsWith(extension.sessionTicket());
  const wire = new Duplex(serverConfig(noble, { sessions }), { extensions }).establish();
  assert.equal(ticketIn(wire.client.heard(HandshakeType.newSessionTicket)).length, 0);
  assert.equal(wire.session?.issuedTicket, null);
});

test("the session id comes back where the ticket was taken, and not where it was not", () => {
  const twice = new Twice();
  const taken = twice.second().resume(twice.master);
  assert.deepEqual(taken.client.flight.sessionId, SESSION_ID);
  const strange = extension.sessionTicket(new Uint8Array(16));
  const refused = twice.second([strange]).establish();
  assert.equal(refused.client.flight.sessionId.length, 0);
  assert.equal(refused.session?.resumed, false);
});

test("a ticket is spent with the client's Finished and not before, and a new one takes its place", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.client.resuming = twice.master;
  wire.hellos();
  assert.deepEqual(twice.sessions.spent, []);
  wire.give(wire.client.changeCipherSpec(), wire.client.finished());
  assert.deepEqual(twice.sessions.spent, [toHex(twice.ticket)]);
  const next = ticketIn(wire.client.heard(HandshakeType.newSessionTicket));
  assert.deepEqual(wire.session?.issuedTicket, next);
  assert.notEqual(toHex(next), toHex(twice.ticket));
  assert.ok(twice.sessions.find(next) !== null);
});

test("a hello that was copied off the wire spends nothing and leaves nothing", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.client.resuming = twice.master;
  wire.hellos();
  const issued = toHex(twice.sessions.last);
  wire.give(wire.client.changeCipherSpec(), wire.client.finished(new Uint8Array(12)));
  assert.equal(wire.failure?.reason, "bad-finished");
  assert.equal(wire.failure?.alert, "decrypt_error");
  assert.deepEqual(twice.sessions.spent, [issued]);
  assert.ok(twice.sessions.find(twice.ticket) !== null);
});

test("a ticket works once", () => {
  const twice = new Twice();
  twice.second().resume(twice.master);
  const again = twice.second().establish();
  assert.equal(again.session?.resumed, false);
});

test("the channel binding of a resumed session is the server's Finished", () => {
  const twice = new Twice();
  const wire = twice.second().resume(twice.master);
  const finished = wire.client.serverFinished;
  assert.deepEqual(wire.session?.channelBinding, { kind: "tls-unique", bytes: finished });
});

test("application protocols are chosen anew", () => {
  const applicationProtocols = ["h2", "coap"];
  const twice = new Twice({ applicationProtocols }, [extension.protocols(["h2"])]);
  assert.equal(twice.first.session?.alpn, "h2");
  const wire = twice.second([extension.protocols(["coap"])]).resume(twice.master);
  assert.equal(wire.session?.alpn, "coap");
  assert.equal(twice.sessions.kept.at(-1)?.alpn, "coap");
});

/** What keeps a session from being resumed, while the client may go on without it. */
const FULL: readonly (readonly [why: string, begin: () => Duplex])[] = [
  [
    "a ticket that nobody knows",
    () => new Twice().second([extension.sessionTicket(new Uint8Array(16))]),
  ],
  [
    "a ticket of 15 octets",
    () => new Twice().second([extension.sessionTicket(hex("00".repeat(15)))]),
  ],
  [
    "a ticket of 256 octets",
    () => new Twice().second([extension.sessionTicket(new Uint8Array(256))]),
  ],
  ["an empty ticket", () => new Twice().second([extension.sessionTicket()])],
  ["another server name", () => new Twice().second([extension.serverName("other.test")])],
  [
    "no server name any more",
    () => {
      const twice = new Twice({}, [extension.serverName("home.test")]);
      return twice.second();
    },
  ],
  ["a suite that the client no longer offers", () => new Twice().second([], { suites: [0xcca9] })],
  [
    "a suite that the server no longer speaks",
    () => {
      const suites = [SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
      return new Twice().second([], {}, { suites });
    },
  ],
  ["a session of TLS 1.3", () => changed({ version: "TLS 1.3" })],
  [
    "a peer that showed nothing where a certificate is asked for now",
    () => new Twice().second([], {}, { clientCertificate: "required" }),
  ],
  [
    "a peer that showed a bare key where certificates are wanted",
    () => changed({ peerCertificateType: "raw-public-key", peerChain: [CLIENT_CERTIFICATE] }),
  ],
];

function changed(session: Partial<ResumableSession>): Duplex {
  const twice = new Twice();
  twice.sessions.put(twice.ticket, { ...twice.sessions.kept[0]!, ...session });
  return twice.second([], {}, { clientCertificate: "asked" });
}

for (const [why, begin] of FULL) {
  test(`a full handshake, and no alert, for ${why}`, () => {
    const wire = begin();
    wire.hellos();
    assert.equal(wire.failure, null);
    assert.ok(wire.client.heard(HandshakeType.serverHelloDone) !== null);
    assert.equal(wire.client.flight.sessionId.length, 0);
  });
}

test("coming back without an extended master secret ends the connection (RFC 7627 §5.3)", () => {
  const twice = new Twice();
  const all = extensionsWith(extension.sessionTicket(twice.ticket));
  const extensions = all.filter(([type]) => type !== ExtensionType.extendedMasterSecret);
  const wire = twice.second([], { extensions }).hellos();
  assert.equal(wire.failure?.reason, "extended-master-secret-missing");
  assert.equal(wire.failure?.alert, "handshake_failure");
});

test("a client that shares no application protocol is refused when resuming too", () => {
  const twice = new Twice({ applicationProtocols: ["h2"] });
  const wire = twice.second([extension.protocols(["h3"])]).hellos();
  assert.equal(wire.failure?.reason, "no-common-application-protocol");
});

for (const [what, message] of [
  ["a ClientKeyExchange", HandshakeType.clientKeyExchange],
  ["a Certificate", HandshakeType.certificate],
  ["Finished in the clear", HandshakeType.finished],
] as const) {
  test(`${what} in place of ChangeCipherSpec ends an abbreviated handshake`, () => {
    const twice = new Twice();
    const wire = twice.second();
    wire.client.resuming = twice.master;
    wire.hellos();
    wire.give(wire.client.message(message, new Uint8Array(12)));
    assert.equal(wire.failure?.reason, "unexpected-message");
    assert.deepEqual(twice.sessions.spent, [toHex(twice.sessions.last)]);
  });
}

test("a second ChangeCipherSpec ends an abbreviated handshake", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.client.resuming = twice.master;
  wire.hellos();
  wire.give(wire.client.changeCipherSpec(), wire.client.record(20, hex("01")));
  assert.equal(wire.failure?.reason, "unexpected-change-cipher-spec");
});

test("nothing may stand behind Finished in its record", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.client.resuming = twice.master;
  wire.hellos();
  const change = wire.client.changeCipherSpec();
  const finished = concat(hex("1400000c"), wire.client.verifyData(), hex("00"));
  wire.give(change, wire.client.record(22, finished));
  assert.equal(wire.failure?.reason, "excess-message");
});

test("any octets as a ticket give a full handshake", () => {
  const twice = new Twice();
  for (let length = 0; length <= 300; length += 7) {
    const wire = twice.second([extension.sessionTicket(new Uint8Array(length).fill(length))]);
    assert.equal(wire.hellos().failure, null);
  }
});
