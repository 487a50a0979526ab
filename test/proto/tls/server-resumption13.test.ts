import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex, toHex, utf8, Writer } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import type { ResumableSession } from "../../../src/proto/tls/connection.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { MAX_IDENTITIES } from "../../../src/proto/tls/server/psk13.ts";
import { SUITES_13 } from "../../../src/proto/tls/suites.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import { CLIENT_CERTIFICATE, clientKey, extension, serverConfig } from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";
import { RecordedSessions } from "../../kit/tls-sessions.ts";
import { honest13, keyShares, Wire13 } from "../../kit/tls13-client.ts";
import type { TakenTicket } from "../../kit/tls13-client.ts";

type Offered = (own: Extension) => readonly Extension[];

/** What a client offers that takes tickets. */
const modes =
  (list: readonly number[] = [1], ...more: readonly Extension[]): Offered =>
  (own) => [...honest13(own), extension.pskModes(list), ...more];

/** A first handshake that leaves a ticket, and the second that brings it back. */
class Twice {
  readonly sessions = new RecordedSessions();
  readonly config: TlsServerConfig;
  readonly first: Wire13;
  readonly ticket: TakenTicket;

  constructor(changes: Partial<TlsServerConfig> = {}, offered: Offered = modes()) {
    const { sessions } = this;
    this.config = serverConfig(changes.crypto ?? noble, { sessions, ...changes });
    this.first = new Wire13(this.config, {}, "X25519", offered);
    if (changes.clientCertificate === "required") showCertificate(this.first);
    else this.first.establish();
    const [ticket] = this.first.tickets;
    assert.ok(ticket !== undefined, "no ticket came");
    this.ticket = ticket;
  }

  second(offered: Offered = modes(), config: Partial<TlsServerConfig> = {}): Wire13 {
    return new Wire13({ ...this.config, ...config }, {}, "X25519", offered);
  }

  /** What the store has behind the ticket from here on. */
  change(session: Partial<ResumableSession>): void {
    this.sessions.put(this.ticket.identity, { ...this.sessions.kept[0]!, ...session });
  }
}

function showCertificate(wire: Wire13): void {
  wire.give(wire.helloRecord());
  wire.give(wire.record(22, wire.certificate()));
  wire.tell({ kind: "peer-accepted", publicKey: clientKey(wire.crypto).publicKey });
  wire.give(wire.record(22, wire.certificateVerify()), wire.record(22, wire.finished()));
  wire.switchKeys();
  assert.ok(wire.session !== null, wire.failure?.message);
}

function finish(wire: Wire13): Wire13 {
  wire.give(wire.record(22, wire.finished()));
  wire.switchKeys();
  return wire;
}

for (const crypto of providers) {
  test(`${crypto.name}, TLS 1.3: a session is resumed by its ticket, with a key agreement of its own`, () => {
    const twice = new Twice({ crypto });
    const wire = twice.second();
    wire.give(wire.keyedHello([twice.ticket]));
    assert.equal(wire.taken, 0);
    assert.deepEqual(wire.heard, [2, 8, 20]);
    finish(wire);
    assert.equal(wire.session?.resumed, true);
    assert.equal(wire.session?.group, "X25519");
    wire.give(wire.record(23, utf8("up")));
    assert.ok(wire.outputs.some((one) => one.kind === "data"));
  });

  test(`${crypto.name}, TLS 1.3: what the peer proved in the first handshake holds in the second`, () => {
    const twice = new Twice({ crypto, clientCertificate: "required" });
    const wire = twice.second();
    wire.give(wire.keyedHello([twice.ticket]));
    finish(wire);
    assert.deepEqual(wire.session?.peerChain, [CLIENT_CERTIFICATE]);
    assert.ok(!wire.heard.includes(HandshakeType.certificateRequest));
    assert.deepEqual(twice.sessions.kept.at(-1)?.peerChain, [CLIENT_CERTIFICATE]);
  });

  test(`${crypto.name}, TLS 1.3: a session is resumed after a HelloRetryRequest`, () => {
    const twice = new Twice({ crypto });
    const wire = new Wire13({ ...twice.config, groups: ["P-256"] }, {}, "P-256", () =>
      modes()(keyShares()),
    );
    wire.give(wire.keyedHello([twice.ticket]));
    assert.deepEqual(wire.heard, [2]);
    const extensions = modes()(keyShares([23, wire.key.publicKey]));
    wire.give(wire.keyedHello([twice.ticket], { ...wire.hello, extensions }));
    assert.equal(wire.taken, 0);
    finish(wire);
    assert.equal(wire.session?.resumed, true);
  });
}

test("TLS 1.3: one ticket comes with a connection, behind the client's Finished", () => {
  const { first, sessions, ticket } = new Twice();
  assert.deepEqual(first.heard.at(-1), HandshakeType.newSessionTicket);
  assert.equal(first.tickets.length, 1);
  assert.equal(ticket.lifetimeSeconds, 3600);
  assert.equal(ticket.nonce.length, 1);
  assert.deepEqual(first.session?.issuedTicket, ticket.identity);
  assert.deepEqual(sessions.kept[0]?.secret, ticket.key);
});

test("TLS 1.3: a ticket lives seven days at most", () => {
  const sessions = new RecordedSessions();
  const keep = sessions.keep.bind(sessions);
  sessions.keep = (session, id) => ({ ...keep(session, id)!, lifetimeSeconds: 604801 });
  assert.equal(new Twice({ sessions }).ticket.lifetimeSeconds, 604800);
});

for (const [what, offered, config] of [
  ["a client without psk_key_exchange_modes", honest13, {}],
  ["a client that wants no key agreement beside a key", modes([0]), {}],
  ["a server without a store", modes(), { sessions: undefined }],
] as const) {
  test(`TLS 1.3: ${what} makes no ticket`, () => {
    const { sessions: _, ...rest } = serverConfig(noble);
    const own = "sessions" in config ? rest : { ...rest, sessions: new RecordedSessions() };
    const wire = new Wire13(own, {}, "X25519", offered);
    wire.establish();
    assert.deepEqual(wire.tickets, []);
    assert.equal(wire.session?.issuedTicket, null);
  });
}

test("TLS 1.3: where the owner keeps no session, no ticket is sent", () => {
  const sessions = new RecordedSessions();
  sessions.keeps = false;
  const wire = new Wire13(serverConfig(noble, { sessions }), {}, "X25519", modes());
  wire.establish();
  assert.deepEqual(wire.tickets, []);
});

test("TLS 1.3: a ticket is spent with the client's Finished, not with its binder, and a new one comes", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.give(wire.keyedHello([twice.ticket]));
  assert.deepEqual(twice.sessions.spent, []);
  finish(wire);
  assert.deepEqual(twice.sessions.spent, [toHex(twice.ticket.identity)]);
  assert.notEqual(toHex(wire.tickets[0]!.identity), toHex(twice.ticket.identity));
  const again = twice.second();
  again.give(again.keyedHello([twice.ticket]));
  assert.equal(again.taken, null);
});

test("TLS 1.3: a hello that was copied off the wire spends nothing and leaves nothing", () => {
  const twice = new Twice();
  const wire = twice.second();
  wire.give(wire.keyedHello([twice.ticket]));
  wire.give(
    wire.record(
      22,
      wire.finished((bytes) => bytes.map((octet) => octet ^ 1)),
    ),
  );
  assert.equal(wire.failure?.reason, "bad-finished");
  assert.deepEqual(twice.sessions.spent, []);
  assert.equal(twice.sessions.kept.length, 1);
});

test("TLS 1.3: the first ticket that is known is taken, and its place told", () => {
  const twice = new Twice();
  const strange = { ...twice.ticket, identity: new Uint8Array(16) };
  const wire = twice.second();
  wire.give(wire.keyedHello([strange, twice.ticket]));
  assert.equal(wire.taken, 1);
  assert.equal(finish(wire).session?.resumed, true);
});

test("TLS 1.3: only so many identities are looked up", () => {
  const twice = new Twice();
  const strange = { ...twice.ticket, identity: new Uint8Array(16) };
  for (const [before, taken] of [
    [MAX_IDENTITIES - 1, MAX_IDENTITIES - 1],
    [MAX_IDENTITIES, null],
  ] as const) {
    const wire = twice.second();
    const many = Array.from({ length: before }, () => strange);
    wire.give(wire.keyedHello([...many, twice.ticket]));
    assert.equal(wire.taken, taken);
  }
});

test("TLS 1.3: a client may leave out signature_algorithms with a key, and not without one that fits", () => {
  const twice = new Twice();
  const bare: Offered = (own) =>
    modes()(own).filter(([type]) => type !== ExtensionType.signatureAlgorithms);
  const wire = twice.second(bare);
  wire.give(wire.keyedHello([twice.ticket]));
  assert.equal(finish(wire).session?.resumed, true);
  const strange = twice.second(bare);
  strange.give(strange.keyedHello([{ ...twice.ticket, identity: new Uint8Array(16) }]));
  assert.equal(strange.failure?.reason, "missing-extension");
});

/** What keeps a session from being resumed, while the client may go on without it. */
const FULL: readonly (readonly [why: string, begin: (twice: Twice) => Wire13])[] = [
  ["a client that wants no key agreement beside the key", (twice) => twice.second(modes([0]))],
  ["another server name", (twice) => twice.second(modes([1], extension.serverName("other.test")))],
  [
    "a suite of another hash",
    (twice) => (twice.change({ suite: SUITES_13.TLS_AES_256_GCM_SHA384 }), twice.second()),
  ],
  ["a session of TLS 1.2", (twice) => (twice.change({ version: "TLS 1.2" }), twice.second())],
  [
    "a peer that showed nothing where a certificate is asked for now",
    (twice) => twice.second(modes(), { clientCertificate: "required" }),
  ],
  [
    "a peer that showed a certificate where none is asked for",
    (twice) => (twice.change({ peerChain: [CLIENT_CERTIFICATE] }), twice.second()),
  ],
];
for (const [why, begin] of FULL) {
  test(`TLS 1.3: a full handshake, and no alert, for ${why}`, () => {
    const twice = new Twice();
    const wire = begin(twice);
    wire.give(wire.keyedHello([twice.ticket]));
    assert.equal(wire.failure, null);
    assert.equal(wire.taken, null);
    assert.ok(wire.heard.includes(HandshakeType.certificate));
  });
}

function refuses(
  name: string,
  reason: TlsReason,
  alert: AlertName,
  fault: (wire: Wire13, twice: Twice) => Uint8Array,
  offered: Offered = modes(),
): void {
  for (const crypto of providers) {
    test(`${crypto.name}, TLS 1.3: ${name}`, () => {
      const twice = new Twice({ crypto });
      const wire = twice.second(offered);
      wire.give(fault(wire, twice));
      assert.equal(wire.failure?.reason, reason);
      assert.equal(wire.failure?.alert, alert);
      assert.deepEqual(wire.alerts, [alert]);
      assert.deepEqual(twice.sessions.spent, []);
    });
  }
}

/** A hello with this as its pre_shared_key. */
function offering(wire: Wire13, body: Uint8Array): Uint8Array {
  const extensions = [...wire.hello.extensions!, [ExtensionType.preSharedKey, body] as const];
  return wire.helloRecord({ ...wire.hello, extensions });
}

const ILLEGAL = "illegal_parameter";
refuses("a binder with one bit changed", "bad-binder", "decrypt_error", (wire, { ticket }) =>
  wire.keyedHello([ticket], wire.hello, ([binder]) => [binder!.map((octet) => octet ^ 1)]),
);
refuses("a binder longer than the hash", "bad-binder", "decrypt_error", (wire, { ticket }) =>
  wire.keyedHello([ticket], wire.hello, () => [new Uint8Array(48)]),
);
refuses("a binder made as for a given key", "bad-binder", "decrypt_error", (wire, { ticket }) =>
  wire.keyedHello([{ ...ticket, of: "imp" }]),
);
refuses("a binder of another key", "bad-binder", "decrypt_error", (wire, { ticket }) =>
  wire.keyedHello([{ ...ticket, key: new Uint8Array(32) }]),
);
refuses("one binder too many", "bad-pre-shared-key", ILLEGAL, (wire, { ticket }) =>
  wire.keyedHello([ticket], wire.hello, ([binder]) => [binder!, binder!]),
);
refuses("one binder too few", "bad-pre-shared-key", ILLEGAL, (wire, { ticket }) =>
  wire.keyedHello([ticket, ticket], wire.hello, ([binder]) => [binder!]),
);
refuses("no binder at all", "malformed-message", "decode_error", (wire, { ticket }) =>
  wire.keyedHello([ticket], wire.hello, () => []),
);
refuses("a binder of 31 octets", "malformed-message", "decode_error", (wire, { ticket }) =>
  wire.keyedHello([ticket], wire.hello, () => [new Uint8Array(31)]),
);
refuses("no identity at all", "malformed-message", "decode_error", (wire) =>
  offering(wire, hex(`0000 0021 20 ${"00".repeat(32)}`)),
);
refuses("an empty identity", "malformed-message", "decode_error", (wire) =>
  offering(wire, hex(`0006 0000 00000000 0021 20 ${"00".repeat(32)}`)),
);
refuses("an octet behind the binders", "malformed-message", "decode_error", (wire) =>
  offering(wire, hex(`0007 0001 61 00000000 0021 20 ${"00".repeat(32)} 00`)),
);
refuses("an empty pre_shared_key", "malformed-message", "decode_error", (wire) =>
  offering(wire, new Uint8Array()),
);
refuses("an extension behind pre_shared_key", "bad-pre-shared-key", ILLEGAL, (wire, { ticket }) => {
  const key = extension.preSharedKeys([ticket.identity], [new Uint8Array(32)]);
  const last = extension.serverName("home.test");
  const extensions = [...wire.hello.extensions!, key, last];
  return wire.helloRecord({ ...wire.hello, extensions });
});
refuses(
  "a key without psk_key_exchange_modes",
  "missing-extension",
  "missing_extension",
  (wire, { ticket }) => wire.keyedHello([ticket]),
  honest13,
);
refuses(
  "an empty list of modes",
  "malformed-message",
  "decode_error",
  (wire, { ticket }) => wire.keyedHello([ticket]),
  modes([]),
);
refuses(
  "a key without key_share",
  "missing-extension",
  "missing_extension",
  (wire, { ticket }) => wire.keyedHello([ticket]),
  (own) => modes()(own).filter(([type]) => type !== ExtensionType.keyShare),
);

test("TLS 1.3: after a HelloRetryRequest a binder over the second hello alone is refused", () => {
  const twice = new Twice();
  const begin = (): Wire13 =>
    new Wire13({ ...twice.config, groups: ["P-256"] }, {}, "P-256", () => modes()(keyShares()));
  const wire = begin();
  wire.give(wire.keyedHello([twice.ticket]));
  const extensions = modes()(keyShares([23, wire.key.publicKey]));
  const hello: Hello = { ...wire.hello, extensions };
  const fresh = begin();
  // As a client would say it that has forgotten the HelloRetryRequest.
  wire.give(fresh.keyedHello([twice.ticket], hello));
  assert.equal(wire.failure?.reason, "bad-binder");
});

test("TLS 1.3: after a HelloRetryRequest a client may drop the key, and gets certificates", () => {
  const twice = new Twice();
  const wire = new Wire13({ ...twice.config, groups: ["P-256"] }, {}, "P-256", () =>
    modes()(keyShares()),
  );
  wire.give(wire.keyedHello([twice.ticket]));
  const extensions = modes()(keyShares([23, wire.key.publicKey]));
  wire.give(wire.helloRecord({ ...wire.hello, extensions }));
  assert.equal(finish(wire).session?.resumed, false);
});

test("TLS 1.3: any octets as pre_shared_key give a handshake or a failure of TLS", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
      const wire = new Wire13(serverConfig(noble), {}, "X25519", modes());
      wire.give(offering(wire, body));
      assert.ok(wire.failure !== null || wire.heard.includes(HandshakeType.finished));
    }),
    { numRuns: 50 },
  );
});

test("TLS 1.3: every prefix of an offer is malformed", () => {
  const whole = new Writer()
    .vector16(new Writer().vector16(utf8("a")).u32(0).bytes())
    .vector16(new Writer().vector8(new Uint8Array(32)).bytes())
    .bytes();
  for (let length = 0; length < whole.length; length++) {
    const wire = new Wire13(serverConfig(noble), {}, "X25519", modes());
    wire.give(offering(wire, whole.subarray(0, length)));
    assert.equal(wire.failure?.reason, "malformed-message");
  }
});
