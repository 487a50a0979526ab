import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import { MAX_SKIPPED_BYTES } from "../../../src/proto/tls/record13.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { MAX_IDLE_RECORDS, MAX_LATE_MESSAGES } from "../../../src/proto/tls/stream.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import { clientKey, extension, serverConfig } from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";
import { honest13, keyShares, Wire13 } from "../../kit/tls13-client.ts";

const CCS = hex("140303000101");
const NONE = new Uint8Array();
const KEY_UPDATE = (body: string): Uint8Array => concat(hex("180000"), hex(body));
/** A key that nobody here has. */
const STRANGE_KEY = extension.preSharedKeys([utf8("a")], [new Uint8Array(32)]);

interface Setting {
  readonly config?: Partial<TlsServerConfig>;
  readonly hello?: Partial<Hello>;
  readonly extensions?: (own: Extension) => readonly Extension[];
}

/** One fault for each provider: its reason, its alert to the client, and silence afterwards. */
function refuses(
  name: string,
  reason: TlsReason,
  alert: AlertName,
  fault: (wire: Wire13) => void,
  { config = {}, hello = {}, extensions = honest13 }: Setting = {},
): void {
  for (const crypto of providers) {
    test(`${crypto.name}, TLS 1.3: ${name}`, () => {
      const wire = new Wire13(serverConfig(crypto, config), hello, "X25519", extensions);
      fault(wire);
      assert.equal(wire.failure?.reason, reason);
      assert.deepEqual(wire.alerts, [alert]);
      const spoken = wire.outputs.length;
      wire.give(wire.plain(22, hex("00")));
      assert.equal(wire.outputs.length, spoken, "a dead connection is silent");
    });
  }
}

const sayHello = (wire: Wire13): void => wire.give(wire.helloRecord());
const without =
  (type: number) =>
  (own: Extension): readonly Extension[] =>
    honest13(own).filter(([code]) => code !== type);
const withMore =
  (...more: readonly Extension[]) =>
  (own: Extension): readonly Extension[] => [...honest13(own), ...more];
const required = { clientCertificate: "required" } as const;
const ILLEGAL = "illegal_parameter";

for (const crypto of providers) {
  test(`${crypto.name}, TLS 1.3: an honest client, data both ways, a KeyUpdate, an orderly end`, () => {
    const wire = new Wire13(serverConfig(crypto));
    wire.establish();
    assert.deepEqual(wire.heard, [2, 8, 11, 15, 20]);
    wire.give(wire.record(23, utf8("talk")));
    wire.tell({ kind: "send", bytes: utf8("answer") });
    assert.deepEqual(wire.data, utf8("answer"));
    wire.give(wire.record(22, KEY_UPDATE("0101")));
    wire.updateKeys();
    wire.give(wire.record(23, utf8("more")));
    wire.tell({ kind: "send", bytes: utf8(" more") });
    assert.deepEqual(wire.data, utf8("answer more"));
    const data = wire.outputs.flatMap((one) => (one.kind === "data" ? [...one.bytes] : []));
    assert.deepEqual(Uint8Array.from(data), utf8("talkmore"));
    wire.give(wire.record(21, hex("0100")));
    assert.deepEqual(wire.alerts, ["close_notify"]);
    assert.equal(wire.outputs.at(-1)?.kind, "closed");
  });

  test(`${crypto.name}, TLS 1.3: a certificate is verified, and its key proven`, () => {
    const wire = new Wire13(serverConfig(crypto, required));
    wire.give(wire.helloRecord(), CCS);
    wire.give(wire.record(22, wire.certificate()));
    assert.equal(wire.outputs.at(-1)?.kind, "verify-peer");
    wire.tell({ kind: "peer-accepted", publicKey: clientKey(crypto).publicKey });
    wire.give(wire.record(22, concat(wire.certificateVerify(), wire.finished())));
    assert.equal(wire.session?.peerChain.length, 1);
  });

  test(`${crypto.name}, TLS 1.3: a HelloRetryRequest, then the handshake`, () => {
    const wire = new Wire13(serverConfig(crypto), {}, "P-256", (own) =>
      honest13(own).map((one) => (one === own ? keyShares() : one)),
    );
    wire.give(wire.helloRecord());
    assert.deepEqual(wire.heard, [2]);
    const extensions = honest13(keyShares([23, wire.key.publicKey]));
    wire.give(CCS, wire.helloRecord({ ...wire.hello, extensions }));
    wire.give(wire.record(22, wire.finished()));
    assert.equal(wire.session?.group, "P-256");
  });

  test(`${crypto.name}, TLS 1.3: a client that says it falls back to what is our best is welcome`, () => {
    const wire = new Wire13(serverConfig(crypto), { suites: [0x1301, 0x5600] });
    wire.establish();
    assert.ok(wire.session !== null);
  });

  test(`${crypto.name}, TLS 1.3: early data nobody asked for is passed over up to its bound`, () => {
    const early = withMore(
      [ExtensionType.earlyData, NONE],
      [ExtensionType.pskKeyExchangeModes, hex("0101")],
      STRANGE_KEY,
    );
    const wire = new Wire13(serverConfig(crypto), {}, "X25519", early);
    wire.give(wire.helloRecord(), wire.plain(23, new Uint8Array(1000)));
    wire.give(wire.record(22, wire.finished()));
    assert.ok(wire.session !== null);

    // With no key to protect it the extension makes no sense, and is no reason to refuse the client.
    const bare = withMore([ExtensionType.earlyData, NONE]);
    const senseless = new Wire13(serverConfig(crypto), {}, "X25519", bare);
    senseless.give(senseless.helloRecord(), senseless.plain(23, new Uint8Array(1000)));
    senseless.give(senseless.record(22, senseless.finished()));
    assert.ok(senseless.session !== null);

    const flood = new Wire13(serverConfig(crypto), {}, "X25519", early);
    flood.give(flood.helloRecord());
    const record = flood.plain(23, new Uint8Array(2 ** 14));
    for (let sent = 0; sent < MAX_SKIPPED_BYTES; sent += 2 ** 14) flood.give(record);
    assert.equal(flood.failure, null);
    flood.give(flood.plain(23, new Uint8Array(1)));
    assert.equal(flood.failure?.reason, "record-not-authentic");
  });
}

// Hellos.
refuses("no supported_groups", "missing-extension", "missing_extension", sayHello, {
  extensions: without(ExtensionType.supportedGroups),
});
refuses("no key_share", "missing-extension", "missing_extension", sayHello, {
  extensions: without(ExtensionType.keyShare),
});
refuses("no signature_algorithms", "missing-extension", "missing_extension", sayHello, {
  extensions: without(ExtensionType.signatureAlgorithms),
});
refuses("another compression", "bad-compression", ILLEGAL, sayHello, {
  hello: { compressions: [1, 0] },
});
refuses(
  "a fallback to TLS 1.2 of a client that could more",
  "inappropriate-fallback",
  "inappropriate_fallback",
  sayHello,
  { hello: { suites: [0xc02b, 0x5600] }, extensions: without(ExtensionType.supportedVersions) },
);
refuses("no suite in common", "no-common-suite", "handshake_failure", sayHello, {
  hello: { suites: [0x1305, 0xc02b] },
});
refuses("two shares for one group", "bad-key-share", ILLEGAL, sayHello, {
  extensions: ([, body]) =>
    honest13([ExtensionType.keyShare, concat(hex("0048"), body.subarray(2), body.subarray(2))]),
});
refuses("a share of a group not offered", "bad-key-share", ILLEGAL, sayHello, {
  extensions: () => honest13(keyShares([24, new Uint8Array(97).fill(4)])),
});
refuses("an X25519 share of zeros", "bad-key-share", ILLEGAL, sayHello, {
  extensions: () => honest13(keyShares([29, new Uint8Array(32)])),
});
refuses("a P-256 share off the curve", "bad-key-share", ILLEGAL, sayHello, {
  extensions: () => honest13(keyShares([23, new Uint8Array(65).fill(4)])),
});
refuses("an empty share", "malformed-message", "decode_error", sayHello, {
  extensions: () => honest13(keyShares([29, NONE])),
  config: { versions: ["TLS 1.3"] },
});
refuses("pre_shared_key not last", "bad-pre-shared-key", ILLEGAL, sayHello, {
  extensions: (own) => [STRANGE_KEY, ...honest13(own)],
});
refuses("pre_shared_key without modes", "missing-extension", "missing_extension", sayHello, {
  extensions: withMore(STRANGE_KEY),
});
refuses("a message behind the hello", "excess-message", "unexpected_message", (wire) => {
  const hello = wire.helloRecord().subarray(5);
  wire.give(wire.plain(22, concat(hello, hex("00"))));
});

// The second hello.
const retried = (wire: Wire13, changes: Partial<Hello>, share: Extension | null = null): void => {
  wire.give(wire.helloRecord());
  const own = share ?? keyShares([29, wire.key.publicKey]);
  wire.give(wire.helloRecord({ ...wire.hello, extensions: honest13(own), ...changes }));
};
const noShare: Setting = { extensions: () => honest13(keyShares()) };
for (const [what, changes] of [
  ["random", { random: new Uint8Array(32) }],
  ["suites", { suites: [0x1301, 0x1302] }],
  ["session id", { sessionId: NONE }],
] as const) {
  refuses(
    `a second hello with another ${what}`,
    "second-hello-differs",
    ILLEGAL,
    (wire) => retried(wire, changes),
    noShare,
  );
}
test("a second hello may put its extensions in another order, as wolfSSL does", () => {
  const config = serverConfig(providers[0]!, { groups: ["X25519"] });
  const wire = new Wire13(config, {}, "X25519", () => honest13(keyShares()));
  const extensions = honest13(keyShares([29, wire.key.publicKey])).toReversed();
  retried(wire, { extensions });
  assert.equal(wire.failure, null);
  wire.give(wire.record(22, wire.finished()));
  assert.equal(wire.session?.version, "TLS 1.3");
});
refuses(
  "a second hello with one more extension",
  "second-hello-differs",
  ILLEGAL,
  (wire) => {
    const more = [...honest13(keyShares([29, wire.key.publicKey])), extension.serverName("a")];
    retried(wire, { extensions: more });
  },
  noShare,
);
refuses(
  "a second hello with a cookie of its own",
  "second-hello-differs",
  ILLEGAL,
  (wire) => {
    const cookie: Extension = [ExtensionType.cookie, hex("000101")];
    retried(wire, { extensions: [...honest13(keyShares([29, wire.key.publicKey])), cookie] });
  },
  noShare,
);
refuses(
  "a second hello without the share asked for",
  "bad-key-share",
  ILLEGAL,
  (wire) => retried(wire, {}, keyShares()),
  noShare,
);
refuses(
  "a second hello with a share of another group",
  "bad-key-share",
  ILLEGAL,
  (wire) => retried(wire, {}, keyShares([29, wire.key.publicKey])),
  { ...noShare, config: { groups: ["P-256"] } },
);

// Records.
refuses("a handshake record in the clear", "unprotected-record", "unexpected_message", (wire) => {
  sayHello(wire);
  wire.give(wire.plain(22, wire.finished()));
});
refuses("an alert in the clear later on", "unprotected-record", "unexpected_message", (wire) => {
  wire.establish();
  wire.give(wire.plain(21, hex("0228")));
});
refuses("a record whose tag is wrong", "record-not-authentic", "bad_record_mac", (wire) => {
  sayHello(wire);
  const record = wire.record(22, wire.finished());
  record[record.length - 1]! ^= 1;
  wire.give(record);
});
refuses("a record too long", "record-too-long", "record_overflow", (wire) => {
  sayHello(wire);
  wire.give(hex("1703034101"));
});
refuses("more plaintext than 2^14", "record-too-long", "record_overflow", (wire) => {
  wire.establish();
  wire.give(wire.record(23, new Uint8Array(2 ** 14 + 1)));
});
refuses("nothing but padding", "no-content-type", "unexpected_message", (wire) => {
  wire.establish();
  wire.give(wire.record(0, new Uint8Array(8)));
});
for (const [type, name] of [
  [21, "alert"],
  [22, "handshake record"],
] as const) {
  refuses(`an empty ${name}`, "empty-record", "unexpected_message", (wire) => {
    wire.establish();
    wire.give(wire.record(type, NONE));
  });
}
refuses("too many empty records", "too-many-empty-records", "unexpected_message", (wire) => {
  wire.give(wire.helloRecord(), CCS, CCS);
  wire.give(wire.record(22, wire.finished()));
  wire.switchKeys();
  for (let sent = 0; sent < MAX_IDLE_RECORDS; sent++) wire.give(wire.record(23, NONE));
  assert.equal(wire.failure, null);
  wire.give(wire.record(23, NONE));
});
refuses("too many ChangeCipherSpecs", "too-many-empty-records", "unexpected_message", (wire) => {
  sayHello(wire);
  for (let sent = 0; sent < MAX_IDLE_RECORDS; sent++) wire.give(CCS);
  assert.equal(wire.failure, null);
  wire.give(CCS);
});
for (const [name, records] of [
  ["a ChangeCipherSpec of 02", [hex("140303000102")]],
  ["a ChangeCipherSpec of two octets", [hex("14030300020101")]],
] as const) {
  refuses(name, "unexpected-change-cipher-spec", "unexpected_message", (wire) => {
    sayHello(wire);
    wire.give(...records);
  });
}
refuses(
  "a ChangeCipherSpec after Finished",
  "unexpected-change-cipher-spec",
  "unexpected_message",
  (wire) => {
    wire.establish();
    wire.give(CCS);
  },
);
refuses(
  "a ChangeCipherSpec under protection",
  "unexpected-change-cipher-spec",
  "unexpected_message",
  (wire) => {
    sayHello(wire);
    wire.give(wire.record(20, hex("01")));
  },
);
refuses(
  "application data before Finished",
  "unexpected-application-data",
  "unexpected_message",
  (wire) => {
    sayHello(wire);
    wire.give(wire.record(23, utf8("early")));
  },
);
refuses("data amid a message", "interleaved-message", "unexpected_message", (wire) => {
  wire.establish();
  wire.give(wire.record(22, KEY_UPDATE("01")), wire.record(23, utf8("x")));
});

// The client's flight.
refuses("no certificate", "certificate-required", "certificate_required", withChain([]), {
  config: required,
});
refuses(
  "a certificate's context",
  "certificate-context-not-empty",
  ILLEGAL,
  (wire) => {
    sayHello(wire);
    const body = hex("01 00 000000");
    wire.give(wire.record(22, wire.message(HandshakeType.certificate, body)));
  },
  { config: required },
);
refuses(
  "an extension of a certificate that was not asked for",
  "unsolicited-extension",
  "unsupported_extension",
  (wire) => {
    sayHello(wire);
    const body = hex("00 00000a 000001 61 0004 00050000");
    wire.give(wire.record(22, wire.message(HandshakeType.certificate, body)));
  },
  { config: required },
);
function withChain(chain: readonly Uint8Array[]): (wire: Wire13) => void {
  return (wire) => {
    sayHello(wire);
    wire.give(wire.record(22, wire.certificate(chain)));
  };
}
const accepted = (wire: Wire13): void => {
  sayHello(wire);
  wire.give(wire.record(22, wire.certificate()));
  wire.tell({ kind: "peer-accepted", publicKey: clientKey(wire.crypto).publicKey });
};
for (const [name, scheme, role, reason, alert] of [
  ["the server's context", 0x0403, "server", "bad-signature", "decrypt_error"],
  ["another curve's hash", 0x0503, "client", "signature-scheme-unfit", ILLEGAL],
  ["PKCS#1", 0x0401, "client", "signature-scheme-unfit", ILLEGAL],
  ["SHA-1", 0x0203, "client", "signature-scheme-not-offered", ILLEGAL],
] as const) {
  refuses(
    `a signature with ${name}`,
    reason,
    alert,
    (wire) => {
      accepted(wire);
      wire.give(wire.record(22, wire.certificateVerify(scheme, role)));
    },
    { config: required },
  );
}
refuses(
  "Finished without CertificateVerify",
  "unexpected-message",
  "unexpected_message",
  (wire) => {
    accepted(wire);
    wire.give(wire.record(22, wire.finished()));
  },
  { config: required },
);
refuses("a wrong Finished", "bad-finished", "decrypt_error", (wire) => {
  sayHello(wire);
  wire.give(
    wire.record(
      22,
      wire.finished((bytes) => bytes.map((octet) => octet ^ 1)),
    ),
  );
});
refuses("a short Finished", "malformed-message", "decode_error", (wire) => {
  sayHello(wire);
  wire.give(
    wire.record(
      22,
      wire.finished((bytes) => bytes.subarray(1)),
    ),
  );
});
refuses("a message behind Finished", "excess-message", "unexpected_message", (wire) => {
  sayHello(wire);
  wire.give(wire.record(22, concat(wire.finished(), KEY_UPDATE("0100"))));
});

// Afterwards.
refuses("a KeyUpdate in the handshake", "unexpected-message", "unexpected_message", (wire) => {
  sayHello(wire);
  wire.give(wire.record(22, KEY_UPDATE("0100")));
});
refuses("a KeyUpdate of 2", "bad-key-update", ILLEGAL, (wire) => {
  wire.establish();
  wire.give(wire.record(22, KEY_UPDATE("0102")));
});
refuses("a KeyUpdate of two octets", "malformed-message", "decode_error", (wire) => {
  wire.establish();
  wire.give(wire.record(22, KEY_UPDATE("020000")));
});
refuses("a message behind KeyUpdate", "excess-message", "unexpected_message", (wire) => {
  wire.establish();
  wire.give(wire.record(22, concat(KEY_UPDATE("0100"), KEY_UPDATE("0100"))));
});
refuses("too many KeyUpdates in a row", "too-many-late-messages", "unexpected_message", (wire) => {
  wire.establish();
  for (let sent = 0; sent < MAX_LATE_MESSAGES; sent++) {
    wire.give(wire.record(22, KEY_UPDATE("0100")));
    wire.updateKeys();
  }
  assert.equal(wire.failure, null);
  wire.give(wire.record(22, KEY_UPDATE("0100")));
});
refuses("a hello after the handshake", "unexpected-message", "unexpected_message", (wire) => {
  wire.establish();
  wire.give(wire.record(22, wire.helloRecord().subarray(5)));
});

test("TLS 1.3: any bytes at any point end in a failure of TLS, or in nothing", () => {
  const [crypto] = providers;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(2), fc.nat(3), (bytes, point, form) => {
      const wire = new Wire13(serverConfig(crypto!, { versions: ["TLS 1.3"] }));
      if (point === 1) sayHello(wire);
      if (point === 2) wire.establish();
      const type = 20 + form;
      wire.give(form === 0 ? bytes : wire.record(type, bytes));
    }),
    { numRuns: 60 },
  );
});
