import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import { MAX_TICKETS } from "../../../src/proto/tls/client/established13.ts";
import type { TlsClientConfig } from "../../../src/proto/tls/client.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import { RETRY_RANDOM } from "../../../src/proto/tls/messages13.ts";
import { MAX_IDLE_RECORDS, MAX_LATE_MESSAGES } from "../../../src/proto/tls/stream.ts";
import { ExtensionType } from "../../../src/proto/tls/wire.ts";
import { CLIENT_CERTIFICATE, clientKey, extension } from "../../kit/tls-client.ts";
import type { Extension } from "../../kit/tls-client.ts";
import { clientConfig } from "../../kit/tls-pair.ts";
import { selected, Server13 } from "../../kit/tls-server.ts";
import type { Answer } from "../../kit/tls-server.ts";

const CCS = hex("140303000101");
const NONE = new Uint8Array();
const ILLEGAL = "illegal_parameter";
const UNEXPECTED = "unexpected_message";
/** key_share of a HelloRetryRequest. */
const wants = (group: number): Extension => [
  ExtensionType.keyShare,
  Uint8Array.of(group >> 8, group),
];
const cookie = (body: Uint8Array): Extension => [
  ExtensionType.cookie,
  concat(Uint8Array.of(0, body.length), body),
];

/** One fault for each provider: its reason, its alert to the server, and silence afterwards. */
function refuses(
  name: string,
  reason: TlsReason,
  alert: AlertName,
  fault: (server: Server13) => void,
  config: Partial<TlsClientConfig> = {},
): void {
  for (const crypto of providers) {
    test(`${crypto.name}, client of TLS 1.3: ${name}`, () => {
      const server = new Server13(clientConfig(crypto, config));
      fault(server);
      assert.equal(server.failure?.reason, reason, server.failure?.message);
      assert.deepEqual(server.alerts, [alert]);
      const spoken = server.outputs.length;
      server.give(server.plain(22, hex("00")));
      assert.equal(server.outputs.length, spoken, "a dead connection is silent");
    });
  }
}

const hello =
  (changes: (server: Server13) => Partial<Answer>) =>
  (server: Server13): void =>
    server.give(server.plain(22, server.serverHello(changes(server))));
const answersWith =
  (...more: readonly Extension[]) =>
  (server: Server13): Partial<Answer> => ({ extensions: [...server.answers(), ...more] });
const bothVersions = { versions: ["TLS 1.3", "TLS 1.2"] } as const;

// ServerHello.
refuses(
  "a legacy version that is not TLS 1.2",
  "bad-version-choice",
  ILLEGAL,
  hello(() => ({ version: 0x0304 })),
);
for (const version of [0x0303, 0x0302, 0x0305, 0x7f1c]) {
  refuses(
    `supported_versions that says ${version.toString(16)}`,
    "bad-version-choice",
    ILLEGAL,
    hello((server) => ({ extensions: [selected(version), server.answers()[1]!] })),
    bothVersions,
  );
}
refuses(
  "TLS 1.2, which was not offered",
  "version-unsupported",
  "protocol_version",
  hello(() => ({ extensions: [] })),
);
for (const last of [0, 1]) {
  refuses(
    `a downgrade to TLS 1.2 with the sentinel ${last}`,
    "downgraded",
    ILLEGAL,
    (server) => {
      const random = server.random.slice();
      random.set(hex("444f574e475244"), 24);
      random[31] = last;
      hello(() => ({ random, extensions: [], sessionId: NONE, suite: 0xc02b }))(server);
    },
    bothVersions,
  );
}
refuses(
  "a session id that is not ours",
  "bad-session-id",
  ILLEGAL,
  hello(() => ({ sessionId: NONE })),
);
refuses(
  "a session id of 33 octets",
  "session-id-too-long",
  "decode_error",
  hello(() => ({ sessionId: new Uint8Array(33) })),
);
refuses(
  "a compression",
  "bad-compression",
  ILLEGAL,
  hello(() => ({ compression: 1 })),
);
for (const suite of [0x1305, 0xc02b, 0x1399]) {
  refuses(
    `suite ${suite.toString(16)}, which was not offered`,
    "suite-not-offered",
    ILLEGAL,
    hello(() => ({ suite })),
    bothVersions,
  );
}
refuses(
  "trailing octets",
  "malformed-message",
  "decode_error",
  hello(() => ({ tail: hex("00") })),
);
refuses("an extension twice", "duplicate-extension", ILLEGAL, hello(answersWith(selected())));
refuses(
  "an extension nobody asked for",
  "unsolicited-extension",
  "unsupported_extension",
  hello(answersWith([0x1234, NONE])),
);
refuses(
  "a cookie in ServerHello",
  "unsolicited-extension",
  "unsupported_extension",
  hello(answersWith(cookie(hex("01")))),
);
refuses(
  "an extension of EncryptedExtensions in ServerHello",
  "misplaced-extension",
  ILLEGAL,
  hello(answersWith([ExtensionType.serverName, NONE])),
);
refuses(
  "no key_share",
  "missing-extension",
  "missing_extension",
  hello(() => ({ extensions: [selected()] })),
);
refuses(
  "a key_share of a group that was offered and not shared",
  "bad-key-share",
  ILLEGAL,
  hello(() => ({
    extensions: [selected(), [ExtensionType.keyShare, hex("001d0020".padEnd(72, "9"))]],
  })),
);
for (const [what, point] of [
  ["not on the curve", `04${"11".repeat(64)}`],
  ["compressed", `02${"11".repeat(32)}`],
  ["at infinity", "00"],
] as const) {
  const length = (point.length / 2).toString(16).padStart(4, "0");
  refuses(
    `a key_share ${what}`,
    "bad-key-share",
    ILLEGAL,
    hello(() => ({
      extensions: [selected(), [ExtensionType.keyShare, hex(`0017${length}${point}`)]],
    })),
  );
}
refuses(
  "an x25519 share that gives zeros",
  "bad-key-share",
  ILLEGAL,
  hello(() => ({
    extensions: [selected(), [ExtensionType.keyShare, hex(`001d0020${"00".repeat(32)}`)]],
  })),
  { groups: ["X25519"] },
);
refuses(
  "a pre-shared key that was not offered",
  "unsolicited-extension",
  "unsupported_extension",
  hello(answersWith([ExtensionType.preSharedKey, hex("0000")])),
);
const preSharedKey = { identity: utf8("device"), key: new Uint8Array(32).fill(1) };
refuses(
  "a pre-shared key by an index out of range",
  "bad-pre-shared-key-choice",
  ILLEGAL,
  hello(answersWith([ExtensionType.preSharedKey, hex("0002")])),
  { preSharedKey },
);
refuses(
  "a pre-shared key of another hash than the suite's",
  "bad-pre-shared-key-choice",
  ILLEGAL,
  hello(answersWith([ExtensionType.preSharedKey, hex("0001")])),
  { preSharedKey },
);
refuses("a message in front of ServerHello", "unexpected-message", UNEXPECTED, (server) =>
  server.give(server.plain(22, server.encryptedExtensions())),
);
refuses(
  "a ChangeCipherSpec in front of ServerHello",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => server.give(CCS),
);
refuses(
  "application data in front of ServerHello",
  "unexpected-application-data",
  UNEXPECTED,
  (server) => server.give(server.plain(23, hex("00"))),
);
refuses("a message behind ServerHello in its record", "excess-message", UNEXPECTED, (server) => {
  const flight = concat(server.serverHello(), server.encryptedExtensions());
  server.give(server.plain(22, flight));
});

// HelloRetryRequest.
const retry =
  (wanted: readonly Extension[], changes: Partial<Answer> = {}) =>
  (server: Server13): void =>
    server.give(server.plain(22, server.retryRequest(wanted, changes)));
refuses("a retry that changes nothing", "bad-retry-request", ILLEGAL, retry([]));
refuses(
  "a retry for a group that is shared already",
  "bad-retry-request",
  ILLEGAL,
  retry([wants(23)]),
);
refuses(
  "a retry for a group that was not offered",
  "bad-retry-request",
  ILLEGAL,
  retry([wants(24)]),
);
refuses("a retry with an empty cookie", "malformed-message", "decode_error", retry([cookie(NONE)]));
refuses(
  "a retry with an extension nobody asked for",
  "unsolicited-extension",
  "unsupported_extension",
  retry([wants(29), [0x1234, NONE]]),
);
refuses(
  "a retry with another session id",
  "bad-session-id",
  ILLEGAL,
  retry([wants(29)], { sessionId: NONE }),
);
refuses(
  "a retry with a suite that was not offered",
  "suite-not-offered",
  ILLEGAL,
  retry([wants(29)], { suite: 0x1305 }),
);
refuses("a second retry", "unexpected-message", UNEXPECTED, (server) => {
  retry([cookie(hex("01"))])(server);
  server.give(server.plain(22, server.serverHello({ random: RETRY_RANDOM })));
});
refuses("another suite behind a retry", "bad-retry-request", ILLEGAL, (server) => {
  retry([cookie(hex("01"))])(server);
  server.give(server.plain(22, server.serverHello({ suite: 0x1304 })));
});
refuses("TLS 1.2 behind a retry", "bad-version-choice", ILLEGAL, (server) => {
  retry([cookie(hex("01"))])(server);
  server.give(server.plain(22, server.serverHello({ extensions: [] })));
});
refuses("the old group behind a retry for another", "bad-key-share", ILLEGAL, (server) => {
  retry([wants(29)])(server);
  server.give(server.plain(22, server.serverHello()));
});

// EncryptedExtensions.
const encrypted =
  (extensions: readonly Extension[], tail: Uint8Array = NONE) =>
  (server: Server13): void => {
    server.greet();
    server.give(server.record(22, server.encryptedExtensions(extensions, tail)));
  };
refuses("EncryptedExtensions in the clear", "unprotected-record", UNEXPECTED, (server) => {
  server.greet();
  server.give(server.plain(22, server.encryptedExtensions()));
});
refuses("no EncryptedExtensions", "unexpected-message", UNEXPECTED, (server) => {
  server.greet();
  server.give(server.record(22, server.certificate()));
});
refuses(
  "trailing octets in EncryptedExtensions",
  "malformed-message",
  "decode_error",
  encrypted([], hex("00")),
);
refuses(
  "EncryptedExtensions with an extension twice",
  "duplicate-extension",
  ILLEGAL,
  encrypted([
    [ExtensionType.serverName, NONE],
    [ExtensionType.serverName, NONE],
  ]),
);
for (const type of [0x1234, ExtensionType.earlyData, ExtensionType.maxFragmentLength]) {
  refuses(
    `extension ${type}, which nobody asked for`,
    "unsolicited-extension",
    "unsupported_extension",
    encrypted([[type, NONE]]),
  );
}
for (const type of [
  ExtensionType.supportedVersions,
  ExtensionType.keyShare,
  ExtensionType.signatureAlgorithms,
  ExtensionType.pskKeyExchangeModes,
]) {
  refuses(
    `extension ${type}, which is none of EncryptedExtensions'`,
    "misplaced-extension",
    ILLEGAL,
    encrypted([[type, hex("0000")]]),
  );
}
refuses(
  "status_request in EncryptedExtensions",
  "misplaced-extension",
  ILLEGAL,
  encrypted([[ExtensionType.statusRequest, NONE]]),
  { asksOcsp: true },
);
refuses(
  "ALPN that was not offered",
  "unsolicited-extension",
  "unsupported_extension",
  encrypted([extension.protocols(["h2"])]),
);
const speaks = { applicationProtocols: ["h2"] };
refuses(
  "a protocol that was not offered",
  "protocol-not-offered",
  ILLEGAL,
  encrypted([extension.protocols(["h3"])]),
  speaks,
);
refuses(
  "two protocols",
  "malformed-message",
  "decode_error",
  encrypted([extension.protocols(["h2", "h2"])]),
  speaks,
);
refuses(
  "a server_name with a body",
  "malformed-message",
  "decode_error",
  encrypted([[ExtensionType.serverName, hex("00")]]),
);
for (const limit of [63, 0x4002]) {
  refuses(
    `a record size limit of ${limit}`,
    "bad-record-size-limit",
    ILLEGAL,
    encrypted([extension.recordSizeLimit(limit)]),
  );
}
refuses(
  "a certificate type that was not offered",
  "certificate-type-not-offered",
  ILLEGAL,
  encrypted([[ExtensionType.serverCertificateType, hex("01")]]),
  { serverCertificateTypes: ["raw-public-key", "x509"] },
);
refuses(
  "certificates from a server that may only show a raw public key",
  "certificate-type-not-offered",
  ILLEGAL,
  (server) => {
    encrypted([])(server);
    server.give(server.record(22, server.certificate()));
  },
  { serverCertificateTypes: ["raw-public-key"] },
);

// CertificateRequest, Certificate, CertificateVerify.
const behind =
  (...messages: readonly ((server: Server13) => Uint8Array)[]) =>
  (server: Server13): void => {
    encrypted([])(server);
    for (const make of messages) server.give(server.record(22, make(server)));
  };
const theirs = {
  certificate: (server: Server13): Uint8Array => server.certificate(),
  verify: (server: Server13): Uint8Array => server.certificateVerify(),
  finished: (server: Server13): Uint8Array => server.finished(),
  request: (server: Server13): Uint8Array => server.certificateRequest(),
};
refuses(
  "a CertificateRequest with a context",
  "certificate-context-not-empty",
  ILLEGAL,
  behind((server) => server.certificateRequest(undefined, hex("01"))),
);
refuses(
  "a CertificateRequest without signature_algorithms",
  "missing-extension",
  "missing_extension",
  behind((server) => server.certificateRequest([])),
);
refuses(
  "a CertificateRequest with key_share",
  "misplaced-extension",
  ILLEGAL,
  behind((server) => server.certificateRequest([extension.schemes([0x0403]), wants(23)])),
);
for (const [what, octets] of [
  ["no CA", "0000"],
  ["an empty CA", "00020000"],
  ["half a CA", "0003000230"],
  ["octets behind its CAs", "00030001300000"],
] as const) {
  const names: Extension = [ExtensionType.certificateAuthorities, hex(octets)];
  refuses(
    `a CertificateRequest with ${what}`,
    "malformed-message",
    "decode_error",
    behind((server) => server.certificateRequest([extension.schemes([0x0403]), names])),
  );
}
refuses(
  "two CertificateRequests",
  "unexpected-message",
  UNEXPECTED,
  behind(theirs.request, theirs.request),
);
refuses(
  "a CertificateRequest behind Certificate",
  "unexpected-message",
  UNEXPECTED,
  behind(theirs.certificate, theirs.request),
);
refuses(
  "a Certificate with a context",
  "certificate-context-not-empty",
  ILLEGAL,
  behind((server) => server.certificate(undefined, [], hex("01"))),
);
refuses(
  "an empty chain",
  "server-certificate-missing",
  "decode_error",
  behind((server) => server.certificate([])),
);
refuses(
  "an empty certificate",
  "malformed-message",
  "decode_error",
  behind((server) => server.certificate([NONE])),
);
refuses(
  "eleven certificates",
  "chain-too-long",
  "bad_certificate",
  behind((server) => server.certificate(Array.from({ length: 11 }, () => hex("30")))),
);
refuses(
  "an OCSP response nobody asked for",
  "unsolicited-extension",
  "unsupported_extension",
  behind((server) =>
    server.certificate(undefined, [[ExtensionType.statusRequest, hex("0100000130")]]),
  ),
);
refuses(
  "an empty OCSP response",
  "malformed-message",
  "decode_error",
  behind((server) =>
    server.certificate(undefined, [[ExtensionType.statusRequest, hex("01000000")]]),
  ),
  { asksOcsp: true },
);
refuses(
  "no CertificateVerify",
  "unexpected-message",
  UNEXPECTED,
  behind(theirs.certificate, theirs.finished),
);
refuses(
  "Finished without a certificate",
  "unexpected-message",
  UNEXPECTED,
  behind(theirs.finished),
);
for (const scheme of [0x0203, 0x0603, 0x0807]) {
  refuses(
    `a CertificateVerify of scheme ${scheme.toString(16)}, which was not offered`,
    "signature-scheme-not-offered",
    ILLEGAL,
    behind(theirs.certificate, (server) => server.certificateVerify(scheme)),
  );
}
for (const scheme of [0x0503, 0x0804, 0x0401]) {
  refuses(
    `a CertificateVerify of scheme ${scheme.toString(16)}, which the key has not`,
    "signature-scheme-unfit",
    ILLEGAL,
    behind(theirs.certificate, (server) => server.certificateVerify(scheme)),
  );
}
refuses(
  "a CertificateVerify made as a client",
  "bad-signature",
  "decrypt_error",
  behind(theirs.certificate, (server) => server.certificateVerify(0x0403, "client")),
);
refuses(
  "a CertificateVerify of another key",
  "bad-signature",
  "decrypt_error",
  behind(theirs.certificate, (server) =>
    server.certificateVerify(0x0403, "server", clientKey(server.crypto)),
  ),
);
refuses(
  "a CertificateVerify with trailing octets",
  "malformed-message",
  "decode_error",
  behind(theirs.certificate, (server) => {
    const body = concat(server.certificateVerify().subarray(4), hex("00"));
    return server.message(15, body);
  }),
);

// Finished.
for (const [what, spoil, reason, alert] of [
  [
    "wrong",
    (bytes: Uint8Array) => bytes.map((octet) => octet ^ 1),
    "bad-finished",
    "decrypt_error",
  ],
  ["short", (bytes: Uint8Array) => bytes.subarray(1), "malformed-message", "decode_error"],
  ["long", (bytes: Uint8Array) => concat(bytes, hex("00")), "malformed-message", "decode_error"],
] as const) {
  refuses(
    `a ${what} Finished`,
    reason,
    alert,
    behind(theirs.certificate, theirs.verify, (server) => server.finished(spoil)),
  );
}
refuses("a message behind Finished in its record", "excess-message", UNEXPECTED, (server) => {
  behind(theirs.certificate, theirs.verify)(server);
  server.give(server.record(22, concat(server.finished(), server.ticket())));
});
refuses(
  "application data in front of Finished",
  "unexpected-application-data",
  UNEXPECTED,
  (server) => {
    behind(theirs.certificate, theirs.verify)(server);
    server.give(server.record(23, hex("00")));
  },
);
refuses("too many ChangeCipherSpecs", "too-many-empty-records", UNEXPECTED, (server) => {
  server.greet();
  for (let sent = 0; sent < MAX_IDLE_RECORDS; sent++) server.give(CCS);
  assert.equal(server.failure, null);
  server.give(CCS);
});
refuses(
  "a ChangeCipherSpec of another body",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => {
    server.greet();
    server.give(hex("140303000102"));
  },
);
refuses("an alert in the clear behind the keys", "unprotected-record", UNEXPECTED, (server) => {
  server.greet();
  server.give(hex("15030300020228"));
});
refuses("a record of zeros alone", "no-content-type", UNEXPECTED, (server) => {
  server.greet();
  server.give(server.record(0, new Uint8Array(3)));
});

// After the handshake.
const afterwards =
  (...messages: readonly ((server: Server13) => Uint8Array)[]) =>
  (server: Server13): void => {
    server.establish();
    for (const make of messages) server.give(server.record(22, make(server)));
  };
refuses(
  "a CertificateRequest after the handshake",
  "unexpected-message",
  UNEXPECTED,
  afterwards(theirs.request),
);
refuses(
  "a HelloRequest",
  "unexpected-message",
  UNEXPECTED,
  afterwards(() => hex("00000000")),
);
refuses(
  "a ServerHello after the handshake",
  "unexpected-message",
  UNEXPECTED,
  afterwards((server) => server.serverHello()),
);
refuses(
  "ChangeCipherSpec after the handshake",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => {
    server.establish();
    server.give(CCS);
  },
);
refuses(
  "a KeyUpdate that asks for 2",
  "bad-key-update",
  ILLEGAL,
  afterwards(() => hex("1800000102")),
);
refuses(
  "an empty KeyUpdate",
  "malformed-message",
  "decode_error",
  afterwards(() => hex("18000000")),
);
refuses(
  "a message behind a KeyUpdate in its record",
  "excess-message",
  UNEXPECTED,
  afterwards(() => hex("18000001001800000100")),
);
refuses("a flood of KeyUpdates", "too-many-late-messages", UNEXPECTED, (server) => {
  server.establish();
  for (let count = 0; count <= MAX_LATE_MESSAGES; count++) {
    server.give(server.record(22, hex("1800000100")));
    server.updateKeys();
  }
});
refuses(
  "a KeyUpdate in the handshake",
  "unexpected-message",
  UNEXPECTED,
  behind(() => hex("1800000100")),
);
refuses(
  "a ticket in the handshake",
  "unexpected-message",
  UNEXPECTED,
  behind((server) => server.ticket()),
);
refuses(
  "a ticket for more than seven days",
  "bad-ticket",
  ILLEGAL,
  afterwards((server) => server.ticket({ lifetimeSeconds: 604_801 })),
);
refuses(
  "an empty ticket",
  "malformed-message",
  "decode_error",
  afterwards((server) => server.ticket({ ticket: NONE })),
);
refuses(
  "a ticket with an extension twice",
  "duplicate-extension",
  ILLEGAL,
  afterwards((server) =>
    server.ticket({
      extensions: [
        [0x1234, NONE],
        [0x1234, NONE],
      ],
    }),
  ),
);

for (const crypto of providers) {
  const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) };

  test(`${crypto.name}, client of TLS 1.3: an honest server, data both ways, KeyUpdates, an orderly end`, () => {
    const server = new Server13(clientConfig(crypto));
    server.establish();
    assert.deepEqual(server.heard, [1, 20]);
    server.tell({ kind: "send", bytes: utf8("up") });
    assert.deepEqual(server.data, utf8("up"));
    server.give(server.record(22, hex("1800000101")));
    server.updateKeys();
    server.give(server.record(23, utf8("down")));
    server.tell({ kind: "send", bytes: utf8("again") });
    assert.deepEqual(server.data, utf8("upagain"));
    server.give(server.record(21, hex("0100")));
    assert.deepEqual(server.alerts, ["close_notify"]);
    assert.equal(server.outputs.at(-1)?.kind, "closed");
  });

  test(`${crypto.name}, client of TLS 1.3: a retry with a cookie keeps the share and gives the cookie back`, () => {
    const server = new Server13(clientConfig(crypto));
    const first = server.hello;
    retry([cookie(hex("c0ffee"))])(server);
    const second = server.hello;
    assert.deepEqual(second.keyShares, first.keyShares);
    assert.deepEqual(second.extensions.get(ExtensionType.cookie), hex("0003c0ffee"));
    assert.deepEqual([second.random, second.sessionId], [first.random, first.sessionId]);
    server.give(CCS);
    server.establish();
  });

  test(`${crypto.name}, client of TLS 1.3: a ChangeCipherSpec behind either hello is passed over`, () => {
    const server = new Server13(clientConfig(crypto));
    retry([cookie(hex("01"))])(server);
    server.give(CCS);
    server.greet();
    server.give(CCS);
    assert.equal(server.failure, null);
  });

  for (const [what, schemes, sent] of [
    ["with one it takes", [0x0403], [1, 11, 15, 20]],
    ["with none where it takes another scheme", [0x0804], [1, 11, 20]],
  ] as const) {
    test(`${crypto.name}, client of TLS 1.3: a CertificateRequest is answered ${what}`, () => {
      const server = new Server13(clientConfig(crypto, { credential }));
      encrypted([])(server);
      const request = server.certificateRequest([extension.schemes(schemes), [0x1234, NONE]]);
      const messages = [server.certificate(), server.certificateVerify(), server.finished()];
      server.give(server.record(22, concat(request, ...messages)));
      assert.deepEqual(server.heard, sent);
      assert.ok(server.session !== null);
    });
  }

  test(`${crypto.name}, client of TLS 1.3: tickets come out, several from one record, up to a bound`, () => {
    const server = new Server13(clientConfig(crypto));
    server.establish();
    server.give(server.record(22, concat(server.ticket(), server.ticket())));
    assert.equal(server.tickets.length, 2);
    server.give(server.record(22, server.ticket({ lifetimeSeconds: 0 })));
    assert.equal(server.tickets.length, 2, "one that is dead already");
    for (let more = 0; more < 8; more++) server.give(server.record(22, server.ticket()));
    assert.equal(server.tickets.length, MAX_TICKETS);
    assert.equal(server.failure, null);
  });

  test(`${crypto.name}, client of TLS 1.3: the server's record size limit holds, its type octet counted`, () => {
    const server = new Server13(clientConfig(crypto, { credential }));
    encrypted([extension.recordSizeLimit(64)])(server);
    const messages = [server.certificate(), server.certificateVerify(), server.finished()];
    server.give(server.record(22, concat(...messages)));
    server.switchKeys();
    server.tell({ kind: "send", bytes: new Uint8Array(200) });
    const sent = server.outputs.at(-1);
    // Four records: 63 + 63 + 63 + 11 octets, each with header, type and tag.
    assert.equal(sent?.kind === "send" ? sent.bytes.length : 0, 200 + 4 * (5 + 1 + 16));
  });
}

test("a client of TLS 1.3 takes any octets for a ServerHello or says why not", () => {
  const [crypto] = providers;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (body) => {
      const server = new Server13(clientConfig(crypto!, bothVersions));
      server.give(server.plain(22, server.message(2, body)));
      assert.ok(server.failure !== null, "nothing random is a good one");
    }),
    { numRuns: 40 },
  );
});

test("every strict prefix of a good ServerHello is malformed", () => {
  const [crypto] = providers;
  const whole = new Server13(clientConfig(crypto!)).serverHello().subarray(4);
  for (let length = 0; length < whole.length; length += 3) {
    const server = new Server13(clientConfig(crypto!));
    server.give(server.plain(22, server.message(2, whole.subarray(0, length))));
    assert.ok(server.failure !== null);
  }
});
