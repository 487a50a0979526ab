import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../src/base/bytes.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import { MAX_HELLO_REQUESTS } from "../../../src/proto/tls/client/handshake12.ts";
import type { ClientTicket, TlsClientConfig } from "../../../src/proto/tls/client.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import { ExtensionType } from "../../../src/proto/tls/wire.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  extension,
  SERVER_CERTIFICATE,
} from "../../kit/tls-client.ts";
import type { Extension } from "../../kit/tls-client.ts";
import { clientConfig } from "../../kit/tls-pair.ts";
import { honestAnswers, Server12 } from "../../kit/tls-server.ts";
import type { Answer } from "../../kit/tls-server.ts";

const NONE = new Uint8Array();
const ILLEGAL = "illegal_parameter";
const UNEXPECTED = "unexpected_message";
const DECODE = "decode_error";
const HELLO_REQUEST = hex("00000000");

/** One fault for each provider: its reason, its alert to the server, and silence afterwards. */
function refuses(
  name: string,
  reason: TlsReason,
  alert: AlertName,
  fault: (server: Server12) => void,
  config: Partial<TlsClientConfig> = {},
): void {
  for (const crypto of providers) {
    test(`${crypto.name}, client of TLS 1.2: ${name}`, () => {
      const server = new Server12(clientConfig(crypto, config));
      fault(server);
      assert.equal(server.failure?.reason, reason, server.failure?.message);
      assert.deepEqual(server.alerts.slice(-1), [alert]);
      const spoken = server.outputs.length;
      server.give(server.plain(22, hex("00")));
      assert.equal(server.outputs.length, spoken, "a dead connection is silent");
    });
  }
}

const hello =
  (changes: Partial<Answer>) =>
  (server: Server12): void =>
    server.give(server.plain(22, server.serverHello(changes)));
const answering = (...more: readonly Extension[]): Partial<Answer> => ({
  extensions: [...honestAnswers(), ...more],
});
const without = (left: number): Partial<Answer> => ({
  extensions: honestAnswers().filter(([type]) => type !== left),
});

// ServerHello.
for (const version of [0x0301, 0x0302, 0x0304, 0xfefd]) {
  refuses(
    `version ${version.toString(16)}`,
    "version-unsupported",
    "protocol_version",
    hello({ version }),
  );
}
refuses(
  "supported_versions, which was not offered",
  "unsolicited-extension",
  "unsupported_extension",
  hello(answering([ExtensionType.supportedVersions, hex("0304")])),
);
refuses(
  "a session id of 33 octets",
  "session-id-too-long",
  DECODE,
  hello({ sessionId: new Uint8Array(33) }),
);
for (const suite of [0xc0ae, 0x1301, 0xccac, 0x002f]) {
  refuses(
    `suite ${suite.toString(16)}, which was not offered`,
    "suite-not-offered",
    ILLEGAL,
    hello({ suite }),
  );
}
refuses("a compression", "bad-compression", ILLEGAL, hello({ compression: 1 }));
refuses("trailing octets", "malformed-message", DECODE, hello({ tail: hex("00") }));
refuses("an extension twice", "duplicate-extension", ILLEGAL, hello(answering(...honestAnswers())));
for (const type of [0x1234, ExtensionType.maxFragmentLength, ExtensionType.keyShare]) {
  refuses(
    `extension ${type}, which nobody asked for`,
    "unsolicited-extension",
    "unsupported_extension",
    hello(answering([type, NONE])),
  );
}
for (const type of [ExtensionType.supportedGroups, ExtensionType.signatureAlgorithms]) {
  refuses(
    `extension ${type}, which is a client's`,
    "misplaced-extension",
    ILLEGAL,
    hello(answering([type, NONE])),
  );
}
refuses(
  "no extended master secret",
  "extended-master-secret-missing",
  "handshake_failure",
  hello(without(ExtensionType.extendedMasterSecret)),
);
refuses(
  "no secure renegotiation",
  "renegotiation-info-missing",
  "handshake_failure",
  hello(without(ExtensionType.renegotiationInfo)),
);
refuses(
  "a renegotiation_info that is not empty",
  "renegotiation-info-not-empty",
  "handshake_failure",
  hello({ extensions: [extension.extendedMasterSecret(), extension.renegotiationInfo(hex("01"))] }),
);
refuses(
  "no uncompressed points",
  "uncompressed-points-missing",
  ILLEGAL,
  hello(answering(extension.pointFormats([1]))),
);
const speaks = { applicationProtocols: ["h2"] };
refuses(
  "a protocol that was not offered",
  "protocol-not-offered",
  ILLEGAL,
  hello(answering(extension.protocols(["h3"]))),
  speaks,
);
refuses(
  "two protocols",
  "malformed-message",
  DECODE,
  hello(answering(extension.protocols(["h2", "h2"]))),
  speaks,
);
refuses(
  "a session_ticket with a body",
  "malformed-message",
  DECODE,
  hello(answering([ExtensionType.sessionTicket, hex("00")])),
);
refuses(
  "an extended_master_secret with a body",
  "malformed-message",
  DECODE,
  hello({
    extensions: [extension.renegotiationInfo(), [ExtensionType.extendedMasterSecret, hex("00")]],
  }),
);
for (const limit of [63, 0x4001]) {
  refuses(
    `a record size limit of ${limit}`,
    "bad-record-size-limit",
    ILLEGAL,
    hello(answering(extension.recordSizeLimit(limit))),
  );
}
refuses(
  "our session id sent back, where no session was offered",
  "bad-session-id",
  ILLEGAL,
  (server) => hello({ sessionId: server.hello.sessionId })(server),
  { versions: ["TLS 1.3", "TLS 1.2"] },
);
refuses("a message in front of ServerHello", "unexpected-message", UNEXPECTED, (server) =>
  server.give(server.plain(22, server.certificate())),
);

// The server's flight.
const behind =
  (...messages: readonly ((server: Server12) => Uint8Array)[]) =>
  (server: Server12): void => {
    hello({})(server);
    for (const make of messages) server.give(server.record(22, make(server)));
  };
const theirs = {
  certificate: (server: Server12): Uint8Array => server.certificate(),
  exchange: (server: Server12): Uint8Array => server.serverKeyExchange(),
  request: (server: Server12): Uint8Array => server.certificateRequest(),
  done: (server: Server12): Uint8Array => server.done(),
};
const { certificate, exchange, request, done } = theirs;
refuses(
  "a certificate type that was not offered",
  "certificate-type-not-offered",
  ILLEGAL,
  hello(answering([ExtensionType.serverCertificateType, hex("01")])),
  { serverCertificateTypes: ["raw-public-key", "x509"] },
);
refuses(
  "certificates from a server that may only show a raw public key",
  "certificate-type-not-offered",
  ILLEGAL,
  behind(certificate),
  { serverCertificateTypes: ["raw-public-key"] },
);
refuses("no Certificate", "unexpected-message", UNEXPECTED, behind(exchange));
refuses("no ServerKeyExchange", "unexpected-message", UNEXPECTED, behind(certificate, done));
refuses(
  "ServerKeyExchange twice",
  "unexpected-message",
  UNEXPECTED,
  behind(certificate, exchange, exchange),
);
refuses(
  "CertificateRequest twice",
  "unexpected-message",
  UNEXPECTED,
  behind(certificate, exchange, request, request),
);
refuses(
  "an empty chain",
  "server-certificate-missing",
  DECODE,
  behind((server) => server.certificate([])),
);
refuses(
  "eleven certificates",
  "chain-too-long",
  "bad_certificate",
  behind((server) => server.certificate(Array.from({ length: 11 }, () => hex("30")))),
);
refuses(
  "a CertificateStatus nobody asked for",
  "unexpected-message",
  UNEXPECTED,
  behind(certificate, (server) => server.message(22, hex("0100000130"))),
);
refuses(
  "ServerHelloDone with a body",
  "malformed-message",
  DECODE,
  behind(certificate, exchange, (server) => server.done(hex("00"))),
);
refuses(
  "CertificateRequest without a type",
  "malformed-message",
  DECODE,
  behind(certificate, exchange, (server) => server.certificateRequest([])),
);
refuses(
  "CertificateRequest without a scheme",
  "malformed-message",
  DECODE,
  behind(certificate, exchange, (server) => server.certificateRequest([64], [])),
);

const exchanged = (make: (server: Server12) => Uint8Array): ((server: Server12) => void) =>
  behind(certificate, make, done);
refuses(
  "ServerKeyExchange with trailing octets",
  "malformed-message",
  DECODE,
  exchanged((server) => server.serverKeyExchange(undefined, {}, hex("00"))),
);
for (const type of [1, 2]) {
  refuses(
    `a curve of type ${type}`,
    "group-not-offered",
    ILLEGAL,
    exchanged((server) => {
      const params = server.params().slice();
      params[0] = type;
      return server.serverKeyExchange(params);
    }),
  );
}
refuses(
  "a group that was not offered",
  "group-not-offered",
  ILLEGAL,
  exchanged((server) => {
    const { publicKey } = server.crypto.ecdhKey("P-384", seeded("another"));
    return server.serverKeyExchange(server.params("P-384", publicKey));
  }),
);
for (const [what, point] of [
  ["not on the curve", hex(`04${"11".repeat(64)}`)],
  ["compressed", hex(`02${"11".repeat(32)}`)],
  ["at infinity", hex("00")],
  ["of no octets", NONE],
] as const) {
  refuses(
    `a point ${what}`,
    "bad-key-share",
    ILLEGAL,
    exchanged((server) => server.serverKeyExchange(server.params("P-256", point))),
  );
}
refuses(
  "an x25519 share that gives zeros",
  "bad-key-share",
  ILLEGAL,
  exchanged((server) => server.serverKeyExchange(server.params("X25519", new Uint8Array(32)))),
);
for (const scheme of [0x0203, 0x0201, 0x0603]) {
  refuses(
    `a signature of scheme ${scheme.toString(16)}, which was not offered`,
    "signature-scheme-not-offered",
    ILLEGAL,
    exchanged((server) => server.serverKeyExchange(undefined, { scheme })),
  );
}
refuses(
  "a signature of RSA under an EC key",
  "signature-scheme-unfit",
  ILLEGAL,
  exchanged((server) => server.serverKeyExchange(undefined, { scheme: 0x0804 })),
);
refuses(
  "a signature over other parameters",
  "bad-signature",
  "decrypt_error",
  exchanged((server) => {
    const signature = server.sign(server.params("P-256", hex("00")));
    return server.serverKeyExchange(undefined, { signature });
  }),
);
refuses(
  "a signature with trailing octets",
  "bad-signature",
  "decrypt_error",
  exchanged((server) =>
    server.serverKeyExchange(undefined, { signature: concat(server.sign(), hex("00")) }),
  ),
);
refuses("a key of RSA under a suite of ECDSA", "signature-scheme-unfit", ILLEGAL, (server) => {
  server.trusting = false;
  server.give(server.flight());
  const [modulus, exponent] = [new Uint8Array(256).fill(1), hex("010001")];
  server.tell({ kind: "peer-accepted", publicKey: { kind: "rsa", modulus, exponent } });
});

// ChangeCipherSpec, Finished.
refuses(
  "a ChangeCipherSpec in front of ServerHello",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => server.give(hex("140303000101")),
);
refuses(
  "a ChangeCipherSpec in front of ServerHelloDone",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => {
    hello({})(server);
    server.give(hex("140303000101"));
  },
);
refuses("a ChangeCipherSpec of another body", "malformed-change-cipher-spec", ILLEGAL, (server) => {
  server.give(server.flight());
  server.give(server.changeCipherSpec(hex("02")));
});
refuses("ChangeCipherSpec twice", "unexpected-change-cipher-spec", UNEXPECTED, (server) => {
  server.give(server.flight());
  server.give(server.changeCipherSpec(), server.changeCipherSpec());
});
refuses("Finished without ChangeCipherSpec", "unexpected-message", UNEXPECTED, (server) => {
  server.give(server.flight());
  server.give(server.record(22, server.finished()));
});
refuses(
  "application data in front of Finished",
  "unexpected-application-data",
  UNEXPECTED,
  (server) => {
    server.give(server.flight());
    server.give(server.changeCipherSpec(), server.record(23, hex("00")));
  },
);
for (const [what, spoil, reason, alert] of [
  [
    "wrong",
    (bytes: Uint8Array) => bytes.map((octet) => octet ^ 1),
    "bad-finished",
    "decrypt_error",
  ],
  ["short", (bytes: Uint8Array) => bytes.subarray(1), "malformed-message", DECODE],
  ["long", (bytes: Uint8Array) => concat(bytes, hex("00")), "malformed-message", DECODE],
] as const) {
  refuses(`a ${what} Finished`, reason, alert, (server) => {
    server.give(server.flight());
    server.give(server.changeCipherSpec(), server.record(22, server.finished(spoil)));
  });
}
refuses("a message behind Finished in its record", "excess-message", UNEXPECTED, (server) => {
  server.give(server.flight());
  const content = concat(server.changeCipherSpec());
  server.give(content, server.record(22, concat(server.finished(), HELLO_REQUEST)));
});

// Tickets.
const gives = answering([ExtensionType.sessionTicket, NONE]);
const TICKET = utf8("a ticket of the server");
refuses("a NewSessionTicket that was not announced", "unexpected-message", UNEXPECTED, (server) => {
  server.give(server.flight());
  server.give(server.record(22, server.newSessionTicket(TICKET)));
});
refuses(
  "no NewSessionTicket where one was announced",
  "unexpected-change-cipher-spec",
  UNEXPECTED,
  (server) => {
    server.give(server.flight(gives));
    server.give(server.changeCipherSpec());
  },
);
refuses("a NewSessionTicket cut short", "malformed-message", DECODE, (server) => {
  server.give(server.flight(gives));
  server.give(server.record(22, server.message(4, hex("00000000"))));
});

function ticketOf(suite: "AES" | "ChaCha" = "AES"): ClientTicket {
  const { TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 } =
    SUITES;
  return {
    ticket: TICKET,
    session: {
      version: "TLS 1.2",
      suite:
        suite === "AES"
          ? TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
          : TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
      secret: new Uint8Array(48).fill(7),
      serverName: "home.example",
      alpn: null,
      peerChain: [SERVER_CERTIFICATE],
      peerCertificateType: "x509",
      until: null,
    },
    lifetimeSeconds: 100,
    ageAdd: 0,
  };
}
const echoing = (server: Server12, changes: Partial<Answer> = {}): void =>
  hello({ sessionId: server.hello.sessionId, ...changes })(server);
refuses(
  "a session resumed under another suite",
  "suite-not-offered",
  ILLEGAL,
  (server) => echoing(server),
  { resume: { ticket: ticketOf("ChaCha"), ageMs: 0 } },
);
const resume = { ticket: ticketOf(), ageMs: 0 };
refuses(
  "a session resumed without extended master secret",
  "extended-master-secret-missing",
  "handshake_failure",
  (server) => echoing(server, without(ExtensionType.extendedMasterSecret)),
  { resume },
);
refuses(
  "a Certificate in a session that is resumed",
  "unexpected-message",
  UNEXPECTED,
  (server) => {
    echoing(server);
    server.give(server.record(22, server.certificate()));
  },
  { resume },
);
refuses(
  "a session resumed by somebody without its secret",
  "bad-finished",
  "decrypt_error",
  (server) => {
    echoing(server);
    server.resume(resume.ticket.session.secret);
    server.give(server.changeCipherSpec());
    server.give(
      server.record(
        22,
        server.finished((bytes) => bytes.map((octet) => octet ^ 1)),
      ),
    );
  },
  { resume },
);

// After the handshake.
refuses(
  "renegotiation asked for once too often",
  "too-many-renegotiations",
  UNEXPECTED,
  (server) => {
    server.establish();
    for (let count = 0; count <= MAX_HELLO_REQUESTS; count++) {
      server.give(server.record(22, HELLO_REQUEST));
    }
  },
);
refuses("a HelloRequest with a body", "malformed-message", DECODE, (server) => {
  server.establish();
  server.give(server.record(22, hex("0000000100")));
});
refuses("a ServerHello after the handshake", "unexpected-message", UNEXPECTED, (server) => {
  server.establish();
  server.give(server.record(22, server.serverHello()));
});
refuses("a ticket after the handshake", "unexpected-message", UNEXPECTED, (server) => {
  server.establish();
  server.give(server.record(22, server.newSessionTicket(TICKET)));
});
refuses("a KeyUpdate, which TLS 1.2 has not", "unexpected-message", UNEXPECTED, (server) => {
  server.establish();
  server.give(server.record(22, hex("1800000100")));
});

for (const crypto of providers) {
  const config = (changes: Partial<TlsClientConfig> = {}): TlsClientConfig =>
    clientConfig(crypto, changes);

  test(`${crypto.name}, client of TLS 1.2: an honest server, data both ways, an orderly end`, () => {
    const server = new Server12(config()).establish();
    server.tell({ kind: "send", bytes: utf8("up") });
    assert.deepEqual(server.data, utf8("up"));
    server.give(server.record(23, utf8("down")));
    const data = server.outputs.flatMap((one) => (one.kind === "data" ? [...one.bytes] : []));
    assert.deepEqual(Uint8Array.from(data), utf8("down"));
    server.give(server.record(21, hex("0100")));
    assert.deepEqual(server.alerts, ["close_notify"]);
  });

  test(`${crypto.name}, client of TLS 1.2: renegotiation is refused with a warning, and the connection lives`, () => {
    const server = new Server12(config()).establish();
    for (let count = 0; count < MAX_HELLO_REQUESTS; count++) {
      server.give(server.record(22, HELLO_REQUEST));
    }
    assert.deepEqual(
      server.alerts,
      Array.from({ length: MAX_HELLO_REQUESTS }, () => "no_renegotiation"),
    );
    server.tell({ kind: "send", bytes: utf8("up") });
    assert.deepEqual(server.data, utf8("up"));
  });

  test(`${crypto.name}, client of TLS 1.2: a HelloRequest in the handshake is passed over`, () => {
    const server = new Server12(config());
    hello({})(server);
    server.give(server.plain(22, HELLO_REQUEST));
    server.give(server.plain(22, concat(certificate(server), exchange(server), done(server))));
    server.give(server.changeCipherSpec(), server.record(22, server.finished()));
    assert.ok(server.session !== null);
  });

  test(`${crypto.name}, client of TLS 1.2: an empty ticket is none, and one without a hint lives a day`, () => {
    for (const [ticket, lifetimes] of [
      [NONE, []],
      [TICKET, [86_400]],
    ] as const) {
      const server = new Server12(config());
      server.give(server.flight(gives));
      server.give(server.record(22, server.newSessionTicket(ticket, 0)));
      server.give(server.changeCipherSpec(), server.record(22, server.finished()));
      assert.deepEqual(
        server.tickets.map(({ lifetimeSeconds }) => lifetimeSeconds),
        lifetimes,
      );
    }
  });

  test(`${crypto.name}, client of TLS 1.2: a ticket is offered with a session id, and its echo resumes`, () => {
    const server = new Server12(config({ resume }));
    assert.deepEqual(server.hello.sessionTicket, TICKET);
    assert.equal(server.hello.sessionId.length, 32);
    echoing(server);
    server.resume(resume.ticket.session.secret);
    const [ccs, finished] = [server.changeCipherSpec(), server.finished()];
    server.give(ccs, server.record(22, finished));
    assert.equal(server.session?.resumed, true);
    assert.deepEqual(server.session?.peerChain, [SERVER_CERTIFICATE]);
    assert.deepEqual(server.session?.channelBinding.bytes, finished.subarray(4));
    assert.deepEqual(server.heard, [1, 20]);
  });

  test(`${crypto.name}, client of TLS 1.2: a ticket that does not fit is not offered`, () => {
    for (const changes of [
      { resume: { ...resume, ageMs: 100_000 } },
      { resume: { ...resume, ageMs: -1 } },
      { resume, serverName: "other.example" },
      { resume, suites: [SUITES.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384] },
    ]) {
      const { hello: said } = new Server12(config(changes));
      assert.deepEqual(said.sessionTicket, NONE);
      assert.equal(said.sessionId.length, 0);
    }
  });

  test(`${crypto.name}, client of TLS 1.2: an OCSP response comes with the chain, or does not`, () => {
    for (const comes of [true, false]) {
      const server = new Server12(config({ asksOcsp: true }));
      hello(answering([ExtensionType.statusRequest, NONE]))(server);
      const status = new Writer().u8(1).vector24(utf8("a response")).bytes();
      const messages = [certificate(server)];
      if (comes) messages.push(server.message(22, status));
      messages.push(exchange(server), done(server));
      server.give(server.plain(22, concat(...messages)));
      const asked = server.outputs.find((one) => one.kind === "verify-peer");
      assert.deepEqual(asked?.ocspResponse, comes ? utf8("a response") : null);
    }
  });

  for (const [what, types, schemes, sent] of [
    ["with one it takes", [64], [0x0403], [1, 11, 16, 15, 20]],
    ["with none where it takes another scheme", [64], [0x0804], [1, 11, 16, 20]],
    ["with none where it takes another type", [1], [0x0403], [1, 11, 16, 20]],
  ] as const) {
    test(`${crypto.name}, client of TLS 1.2: a CertificateRequest is answered ${what}`, () => {
      const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) };
      const server = new Server12(config({ credential }));
      behind(certificate, exchange, (one) => one.certificateRequest(types, schemes), done)(server);
      server.give(server.changeCipherSpec(), server.record(22, server.finished()));
      assert.deepEqual(server.heard, sent);
      assert.ok(server.session !== null);
    });
  }

  test(`${crypto.name}, client of TLS 1.2: the server's record size limit holds`, () => {
    const server = new Server12(config()).establish(answering(extension.recordSizeLimit(64)));
    server.tell({ kind: "send", bytes: new Uint8Array(200) });
    const sent = server.outputs.at(-1);
    // Four records, each with header, explicit nonce and tag.
    assert.equal(sent?.kind === "send" ? sent.bytes.length : 0, 200 + 4 * (5 + 8 + 16));
  });
}

test("a client of TLS 1.2 takes any octets for a flight or says why not", () => {
  const [crypto] = providers;
  fc.assert(
    fc.property(
      fc.constantFrom(11, 12, 13, 14, 22),
      fc.uint8Array({ maxLength: 80 }),
      (type, body) => {
        const server = new Server12(clientConfig(crypto!));
        hello({})(server);
        if (type !== 11) server.give(server.record(22, server.certificate()));
        if (type === 13 || type === 14) server.give(server.record(22, server.serverKeyExchange()));
        server.give(server.record(22, server.message(type, body)));
        const reasons: readonly (string | undefined)[] = [undefined, "malformed-message"];
        const known = ["group-not-offered", "unexpected-message", "server-certificate-missing"];
        assert.ok([...reasons, ...known].includes(server.failure?.reason), server.failure?.message);
      },
    ),
    { numRuns: 60 },
  );
});
